"""Coverage: how often outcomes fall inside the central intervals of a forecast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.validate import require_quantile_forecasts
from kernels.panel import Float64Array2D

DEFAULT_INTERVALS = (0.5, 0.8, 0.9, 0.98)
"""Probabilities of the central intervals; the default levels hold the bounds of each."""

SAME_LEVEL = 1e-9
"""Levels nearer than this are the same: 0.05 and (1 - 0.9) / 2 differ by rounding only."""


def coverage(
    quantiles: npt.NDArray[np.float64],
    levels: Sequence[float],
    outcomes: Float64Array2D,
    intervals: Sequence[float] = DEFAULT_INTERVALS,
) -> Float64Array2D:
    """Share of the outcomes inside each central interval.

    Args:
        quantiles: float64 [E, H, Q], not falling along Q.
        levels: Q strictly rising numbers above 0 and below 1.
        outcomes: float64 [E, H], in the unit of the quantiles.
        intervals: probabilities of I central intervals, as `inside_interval` takes them.

    Returns:
        float64 [H, I], shares from 0 to 1 of the origins at which both bounds and the outcome are known; NaN where
        there is none.

    Raises:
        InvalidInputError: as `inside_interval`.
    """
    require_quantile_forecasts("coverage", quantiles, levels, outcomes)
    shares = np.full((outcomes.shape[1], len(intervals)), np.nan)
    for place, interval in enumerate(intervals):
        inside = _inside(quantiles, levels, outcomes, interval)
        known = np.sum(~np.isnan(inside), axis=0)
        np.divide(np.nansum(inside, axis=0), known, out=shares[:, place], where=known > 0)
    return shares


def inside_interval(
    quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: Float64Array2D, interval: float
) -> Float64Array2D:
    """Whether each outcome lies within the central interval, its bounds included.

    Args:
        quantiles: float64 [E, H, Q], not falling along Q.
        levels: Q strictly rising numbers above 0 and below 1.
        outcomes: float64 [E, H], in the unit of the quantiles.
        interval: probability p; the bounds are the quantiles at the levels (1 - p) / 2 and (1 + p) / 2.

    Returns:
        float64 [E, H], 1 inside, 0 outside, NaN where a bound or the outcome is NaN.

    Raises:
        InvalidInputError: a wrong shape, dtype, level or order, an infinite value, or an interval whose bounds aren't
            among the levels.
    """
    require_quantile_forecasts("inside_interval", quantiles, levels, outcomes)
    return _inside(quantiles, levels, outcomes, interval)


def _inside(
    quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: Float64Array2D, interval: float
) -> Float64Array2D:
    bounds = [_place_of(bound, levels, interval) for bound in ((1.0 - interval) / 2.0, (1.0 + interval) / 2.0)]
    low, high = quantiles[..., bounds[0]], quantiles[..., bounds[1]]
    unknown = np.isnan(low) | np.isnan(high) | np.isnan(outcomes)
    return np.where(unknown, np.nan, (low <= outcomes) & (outcomes <= high))


def _place_of(bound: float, levels: Sequence[float], interval: float) -> int:
    distance = np.abs(np.asarray(levels, dtype=np.float64) - bound)
    place = int(np.argmin(distance))
    if not 0.0 < interval < 1.0 or distance[place] > SAME_LEVEL:
        raise InvalidInputError(
            f"coverage, interval {interval!r}",
            expected="a probability above 0 and below 1 whose bounds (1 - p) / 2 and (1 + p) / 2 are among the levels",
            got=f"levels {tuple(levels)}",
            mend=f"leave the interval out, or forecast the level {bound:g} too",
        )
    return place
