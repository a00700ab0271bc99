"""Is the mean of an autocorrelated daily series different from 0? Newey & West (1987)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from kernels.errors import InvalidInputError
from kernels.forecast.validate import require_known_or_nan
from kernels.panel import Float64Array1D
from kernels.volatility.forecasts import require_horizons

DAYS_PER_LAG = 4
"""The fewest days for each lag, lag 0 included: with fewer the variance comes out far too small."""

NEGLIGIBLE = 1e-12
"""A standard deviation below this share of the greatest value is rounding, not spread."""


@dataclass(frozen=True)
class MeanTest:
    """Test of the hypothesis that the mean of a daily series is 0.

    Attributes:
        days: how many days are known.
        lags: how many autocovariances the variance takes in.
        mean: of the known days; NaN without any.
        t: mean over its standard error; NaN with fewer than `DAYS_PER_LAG (lags + 1)` days, or if nothing spreads.
        p_value: two-sided, by the normal distribution, from 0 to 1; NaN where t is.
    """

    days: int
    lags: int
    mean: float
    t: float
    p_value: float


def newey_west_variance(x: Float64Array1D, lags: int) -> float:
    """Long-run variance with Bartlett weights (Newey & West 1987).

    `g_0 + 2 sum over l = 1 ... lags of (1 - l / (lags + 1)) g_l`, `g_l = 1/D sum of (x_t - m)(x_(t-l) - m)`. The
    variance of the mean of x is this over D.

    Args:
        x: float64 [D], in the order of time, finite.
        lags: from 0 to D - 1.

    Returns:
        The square of the unit of x, at least 0.

    Raises:
        InvalidInputError: a wrong shape or dtype, a value that isn't finite, or lags out of range.
    """
    require_known_or_nan("newey_west_variance, x", x, dimensions=1)
    if np.isnan(x).any():
        raise InvalidInputError(
            "newey_west_variance, x",
            expected="finite numbers only",
            got=f"NaN at {int(np.argmax(np.isnan(x)))}",
            mend="leave the unknown days out: x[~np.isnan(x)]",
        )
    _require_lags("newey_west_variance", lags)
    if lags >= len(x):
        raise InvalidInputError(
            "newey_west_variance, lags",
            expected=f"fewer than the {len(x)} values",
            got=repr(lags),
            mend="pass a longer series or fewer lags",
        )
    deviation = x - math.fsum(x) / len(x)
    variance = math.fsum(deviation * deviation)
    for lag in range(1, lags + 1):
        weight = 1.0 - lag / (lags + 1.0)
        variance += 2.0 * weight * math.fsum(deviation[lag:] * deviation[:-lag])
    # Bartlett weights never give less than 0, but where squares underflow.
    return max(0.0, variance / len(x))


def mean_test(x: Float64Array1D, horizon: int, lags: int | None = None) -> MeanTest:
    """Test whether the mean of a daily series is 0, allowing for autocorrelation.

    Args:
        x: float64 [D], one value for each day in the order of time; NaN for an unknown day. Unknown days are left out
            and their neighbours joined.
        horizon: h, sessions that each value looks ahead: neighbours overlap by h - 1.
        lags: None = `max(h - 1, floor(4 (D / 100)^(2/9)))`, D the known days.

    Returns:
        The test.

    Raises:
        InvalidInputError: a wrong shape or dtype, an infinite value, or a horizon or lags out of range.
    """
    require_known_or_nan("mean_test, x", x, dimensions=1)
    return mean_test_of_differences(x, float(np.nanmax(np.abs(x), initial=0.0)), horizon, lags)


def mean_test_of_differences(x: Float64Array1D, scale: float, horizon: int, lags: int | None) -> MeanTest:
    """`mean_test` of a series whose rounding is that of numbers as great as `scale`; the input is taken as valid."""
    require_horizons((horizon,))
    known = x[~np.isnan(x)]
    days = len(known)
    if lags is None:
        lags = max(horizon - 1, int(4.0 * (days / 100.0) ** (2.0 / 9.0)))
    _require_lags("mean_test", lags)
    mean = math.fsum(known) / days if days else math.nan
    if days < DAYS_PER_LAG * (lags + 1):
        return MeanTest(days, lags, mean, math.nan, math.nan)
    deviation = math.sqrt(newey_west_variance(known, lags))
    if deviation <= NEGLIGIBLE * scale:
        return MeanTest(days, lags, mean, math.nan, math.nan)
    t = mean / (deviation / math.sqrt(days))
    return MeanTest(days, lags, mean, t, math.erfc(abs(t) / math.sqrt(2.0)))


def _require_lags(function: str, lags: int) -> None:
    if not isinstance(lags, Integral) or isinstance(lags, bool) or lags < 0:
        raise InvalidInputError(
            f"{function}, lags",
            expected="an integer of at least 0",
            got=repr(lags),
            mend="pass the number of autocovariances to take in, 0 for independent days",
        )
