"""Is the coverage right? Likelihood-ratio tests of one series of hits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError


@dataclass(frozen=True)
class LikelihoodRatioTest:
    """A likelihood-ratio test of a series of hits.

    Attributes:
        observations: how many observations it rests on.
        share: the share of hits among them, from 0 to 1; NaN without observations.
        statistic: at least 0; NaN without observations.
        p_value: probability of such a statistic or a greater one if the coverage is right, from 0 to 1.
    """

    observations: int
    share: float
    statistic: float
    p_value: float


def kupiec_test(hits: npt.NDArray[np.bool_], probability: float) -> LikelihoodRatioTest:
    """Unconditional coverage (Kupiec 1995): do hits come as often as they should?

    `LR = 2 (l(x / T) - l(p))`, `l(p) = x ln p + (T - x) ln(1 - p)`, x hits among T; chi-square with 1 degree of
    freedom, so `p_value = erfc(sqrt(LR / 2))`.

    Args:
        hits: bool [T]: whether the outcome lay inside an interval, or below a quantile. Independent under the
            hypothesis: one series, horizons that don't overlap, nothing unknown.
        probability: p of a hit if the forecast is right, above 0 and below 1.

    Returns:
        The test; NaN without observations.

    Raises:
        InvalidInputError: hits that aren't a bool vector, or a probability out of range.
    """
    _require_hits("kupiec_test", hits, probability)
    count = int(np.count_nonzero(hits))
    others = len(hits) - count
    if not len(hits):
        return LikelihoodRatioTest(0, math.nan, math.nan, math.nan)
    share = count / len(hits)
    statistic = _ratio(_log_likelihood(count, others, share), _log_likelihood(count, others, probability))
    return LikelihoodRatioTest(len(hits), share, statistic, math.erfc(math.sqrt(statistic / 2.0)))


def christoffersen_test(hits: npt.NDArray[np.bool_], probability: float) -> LikelihoodRatioTest:
    """Conditional coverage (Christoffersen 1998): do hits come as often as they should, whatever came before?

    `LR = 2 (l(a) + l(b) - l(p))` over the T - 1 steps from an observation to the next: a is the share of hits after a
    miss, b after a hit, p as in `kupiec_test`. Chi-square with 2 degrees of freedom, so `p_value = exp(-LR / 2)`.

    Args:
        hits: bool [T], in the order of time, as in `kupiec_test`.
        probability: p of a hit if the forecast is right, above 0 and below 1.

    Returns:
        The test, with `observations` T - 1 and the share of hits among the last T - 1; NaN with fewer than two
        observations. If no step starts from a hit (or from a miss), b (or a) adds nothing.

    Raises:
        InvalidInputError: hits that aren't a bool vector, or a probability out of range.
    """
    _require_hits("christoffersen_test", hits, probability)
    if len(hits) < 2:
        return LikelihoodRatioTest(0, math.nan, math.nan, math.nan)
    before, after = hits[:-1], hits[1:]
    free = 0.0
    for start in (False, True):
        count = int(np.count_nonzero(after[before == start]))
        steps = int(np.count_nonzero(before == start))
        if steps:
            free += _log_likelihood(count, steps - count, count / steps)
    count = int(np.count_nonzero(after))
    bound = _log_likelihood(count, len(after) - count, probability)
    statistic = _ratio(free, bound)
    return LikelihoodRatioTest(len(after), count / len(after), statistic, math.exp(-statistic / 2.0))


def _log_likelihood(hits: int, misses: int, probability: float) -> float:
    """`hits ln p + misses ln(1 - p)`, with 0 ln 0 = 0."""
    likelihood = hits * math.log(probability) if hits else 0.0
    return likelihood + misses * math.log1p(-probability) if misses else likelihood


def _ratio(free: float, bound: float) -> float:
    # The free likelihood is the greatest there is; only rounding can take the difference below 0.
    return max(0.0, 2.0 * (free - bound))


def _require_hits(function: str, hits: npt.NDArray[np.bool_], probability: float) -> None:
    if not isinstance(hits, np.ndarray) or hits.dtype != np.bool_ or hits.ndim != 1:
        kind = f"{hits.dtype} of shape {hits.shape}" if isinstance(hits, np.ndarray) else type(hits).__name__
        raise InvalidInputError(
            f"{function}, hits",
            expected="a bool vector, one observation after another",
            got=kind,
            mend="pass one column of inside_interval without its NaN: column[~np.isnan(column)] == 1",
        )
    if not 0.0 < probability < 1.0:
        raise InvalidInputError(
            f"{function}, probability",
            expected="a number above 0 and below 1",
            got=repr(probability),
            mend="pass the probability of the interval, or the level of the quantile",
        )
