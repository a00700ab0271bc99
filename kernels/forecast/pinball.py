"""Pinball loss of quantiles, and the continuous ranked probability score that it adds up to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.forecast.validate import require_quantile_forecasts
from kernels.panel import Float64Array1D, Float64Array2D


def pinball_loss(
    quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: Float64Array2D
) -> npt.NDArray[np.float64]:
    """Pinball loss `(y - q) (level - [y < q])` (Koenker & Bassett 1978).

    Args:
        quantiles: float64 [E, H, Q], not falling along Q.
        levels: Q strictly rising numbers above 0 and below 1.
        outcomes: float64 [E, H], in the unit of the quantiles.

    Returns:
        float64 [E, H, Q], at least 0, in the unit of the outcome; NaN where the quantile or the outcome is NaN.

    Raises:
        InvalidInputError: a wrong shape, dtype, level or order, or an infinite value.
    """
    require_quantile_forecasts("pinball_loss", quantiles, levels, outcomes)
    return _pinball(quantiles, np.asarray(levels, dtype=np.float64), outcomes[..., np.newaxis])


def crps_of_quantiles(
    quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: Float64Array2D
) -> Float64Array2D:
    """Continuous ranked probability score, approximated from quantiles.

    `CRPS = 2 integral over (0, 1) of the pinball loss` (Laio & Tamea 2007). The integral is a trapezoid sum over the
    levels, with the losses at the outermost levels held on to 0 and 1: `2 sum w_i loss_i`, see `level_weights`. How far
    off that is stands in the README.

    Args:
        quantiles: float64 [E, H, Q], not falling along Q.
        levels: Q strictly rising numbers above 0 and below 1.
        outcomes: float64 [E, H], in the unit of the quantiles.

    Returns:
        float64 [E, H], at least 0, in the unit of the outcome; NaN where the outcome or any of the quantiles is NaN.

    Raises:
        InvalidInputError: a wrong shape, dtype, level or order, or an infinite value.
    """
    require_quantile_forecasts("crps_of_quantiles", quantiles, levels, outcomes)
    score = np.zeros(outcomes.shape)
    # Level by level, not np.sum: the order of the additions, hence the last bit, must not depend on the memory layout.
    for place, (level, weight) in enumerate(zip(levels, level_weights(levels), strict=True)):
        score += 2.0 * weight * _pinball(quantiles[..., place], np.float64(level), outcomes)
    return score


def level_weights(levels: Sequence[float]) -> Float64Array1D:
    """Trapezoid weights that cover (0, 1): level i stands for all levels that are nearer to it than to another.

    Args:
        levels: Q strictly rising numbers above 0 and below 1.

    Returns:
        float64 [Q], each above 0; they sum to 1.
    """
    points = np.asarray(levels, dtype=np.float64)
    edges = np.concatenate(([0.0], (points[1:] + points[:-1]) / 2.0, [1.0]))
    return np.diff(edges)


def _pinball(
    quantiles: npt.NDArray[np.float64], levels: npt.NDArray[np.float64] | np.float64, outcomes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    above = outcomes - quantiles
    return np.where(above >= 0.0, levels * above, (levels - 1.0) * above)
