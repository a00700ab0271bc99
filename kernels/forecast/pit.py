"""Probability integral transform: the level at which the forecast distribution put the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.validate import require_known_or_nan, require_quantile_forecasts
from kernels.panel import Float64Array2D
from kernels.volatility.forecasts import require_levels


def pit(quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: Float64Array2D) -> Float64Array2D:
    """Probability integral transform (Dawid 1984; Diebold, Gunther & Tay 1998), by interpolation between the levels.

    Between two quantiles the level is linear in the outcome. Beyond the outermost quantiles the distribution isn't
    known: outcomes there get the outermost level itself. An outcome that equals several quantiles gets the middle of
    the lowest and the highest of their levels.

    Args:
        quantiles: float64 [E, H, Q], not falling along Q.
        levels: Q strictly rising numbers above 0 and below 1.
        outcomes: float64 [E, H], in the unit of the quantiles.

    Returns:
        float64 [E, H], from the lowest to the highest level; NaN where the outcome or any of the quantiles is NaN.

    Raises:
        InvalidInputError: a wrong shape, dtype, level or order, or an infinite value.
    """
    require_quantile_forecasts("pit", quantiles, levels, outcomes)
    points = np.asarray(levels, dtype=np.float64)
    below = np.sum(quantiles < outcomes[..., np.newaxis], axis=2)
    up_to = np.sum(quantiles <= outcomes[..., np.newaxis], axis=2)
    # At the ends left and right are the same quantile, so that the level there is the outermost one.
    left = np.maximum(below - 1, 0)
    right = np.minimum(below, len(points) - 1)
    low = np.take_along_axis(quantiles, left[..., np.newaxis], axis=2)[..., 0]
    high = np.take_along_axis(quantiles, right[..., np.newaxis], axis=2)[..., 0]
    share = np.zeros(outcomes.shape)
    np.divide(outcomes - low, high - low, out=share, where=high > low)
    between = np.minimum(points[left] + (points[right] - points[left]) * share, points[right])
    equal = (points[right] + points[np.maximum(up_to - 1, 0)]) / 2.0
    unknown = np.isnan(outcomes) | np.isnan(quantiles).any(axis=2)
    return np.where(unknown, np.nan, np.where(up_to > below, equal, between))


def pit_histogram(transformed: Float64Array2D, levels: Sequence[float], bins: int = 10) -> Float64Array2D:
    """Shares of the probability integral transforms in equal bins of (0, 1).

    Args:
        transformed: float64 [E, H], as `pit` gives it.
        levels: the levels that `pit` was given.
        bins: how many; the outermost levels must lie in the outermost bins, so that what `pit` puts at the outermost
            level falls into the right bin.

    Returns:
        float64 [H, bins], shares of the origins known, summing to 1; NaN where there is none. A bin holds its lower
        edge; the last one holds 1 too.

    Raises:
        InvalidInputError: a wrong shape or dtype, a value outside the levels, or too few or too many bins.
    """
    require_levels(levels)
    require_known_or_nan("pit_histogram, transformed", transformed, dimensions=2)
    outside = (transformed < levels[0]) | (transformed > levels[-1])
    if outside.any():
        raise InvalidInputError(
            "pit_histogram, transformed",
            expected=f"values from {levels[0]:g} to {levels[-1]:g}, the outermost levels, or NaN",
            got=repr(float(transformed[outside][0])),
            mend="pass what pit returned for these levels",
        )
    if not isinstance(bins, Integral) or bins < 2 or levels[0] * bins >= 1.0 or (1.0 - levels[-1]) * bins > 1.0:
        raise InvalidInputError(
            "pit_histogram, bins",
            expected=f"an integer of at least 2 with {levels[0]:g} and {levels[-1]:g} in the outermost bins",
            got=repr(bins),
            mend="pass fewer bins, or forecast levels further out",
        )
    inner_edges = np.arange(1, bins) / bins
    shares = np.full((transformed.shape[1], bins), np.nan)
    for horizon in range(transformed.shape[1]):
        known = transformed[~np.isnan(transformed[:, horizon]), horizon]
        if len(known):
            cells = np.searchsorted(inner_edges, known, side="right")
            shares[horizon] = np.bincount(cells, minlength=bins) / len(known)
    return shares
