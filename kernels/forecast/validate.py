"""What the scores require of their input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.volatility.forecasts import require_levels


def require_quantile_forecasts(
    function: str, quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: npt.NDArray[np.float64]
) -> None:
    """Raise `InvalidInputError` unless quantiles [E, H, Q], levels [Q] and outcomes [E, H] fit and nothing falls or is
    infinite.
    """
    require_levels(levels)
    require_known_or_nan(f"{function}, quantiles", quantiles, dimensions=3)
    if quantiles.shape[2] != len(levels):
        raise InvalidInputError(
            f"{function}, quantiles",
            expected=f"{len(levels)} quantiles along the last axis, one for each level",
            got=f"shape {quantiles.shape}",
            mend="pass the levels that the quantiles were forecast at",
        )
    require_known_or_nan(f"{function}, outcomes", outcomes, dimensions=2)
    require_same_shape(f"{function}, outcomes", outcomes, quantiles.shape[:2], "the quantiles")
    falling = quantiles[..., 1:] < quantiles[..., :-1]
    if falling.any():
        origin, horizon, level = np.argwhere(falling)[0].tolist()
        raise InvalidInputError(
            f"{function}, quantiles of origin {origin}, horizon {horizon}",
            expected="quantiles that don't fall from level to level",
            got=f"{float(quantiles[origin, horizon, level + 1])} after {float(quantiles[origin, horizon, level])}",
            mend="sort them along the last axis: crossed quantiles are no distribution",
        )


def require_known_or_nan(name: str, values: npt.NDArray[np.float64], *, dimensions: int) -> None:
    """Raise `InvalidInputError` unless `values` is float64, of so many dimensions, and nowhere infinite."""
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.ndim != dimensions:
        kind = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise InvalidInputError(
            name,
            expected=f"a float64 array of {dimensions} dimension{'s' if dimensions > 1 else ''}",
            got=kind,
            mend="pass np.asarray(values, dtype=np.float64) in the shape of the docstring",
        )
    infinite = np.isinf(values)
    if infinite.any():
        place = tuple(np.argwhere(infinite)[0].tolist())
        raise InvalidInputError(
            name,
            expected="finite numbers, and NaN for what isn't known",
            got=f"{float(values[place])} at {place}",
            mend="find out where the infinity comes from; put NaN only for what really isn't known",
        )


def require_same_shape(name: str, values: npt.NDArray[np.float64], shape: tuple[int, ...], other: str) -> None:
    """Raise `InvalidInputError` unless `values` has the shape of the other argument."""
    if values.shape != shape:
        raise InvalidInputError(
            name,
            expected=f"shape {shape}, as {other}",
            got=f"shape {values.shape}",
            mend="pass arrays of the same rows, in the same order",
        )
