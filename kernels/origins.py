"""Checks of what kernels over origins take: rows of prices, and origins (row, end) into them."""

from __future__ import annotations

import numpy as np

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D, Int32Array1D, require_matrix


def require_prices(name: str, values: Float64Array2D, shape: tuple[int, ...]) -> None:
    """Raise `InvalidInputError` unless `values` is C-contiguous float64 of `shape` [R, T], positive, finite or NaN."""
    if len(shape) != 2:
        raise InvalidInputError(
            name,
            expected="an array [R, T]: one series a row, one session a column",
            got=f"an array of shape {shape}",
            mend="pass values[np.newaxis, :] for a single series",
        )
    require_matrix(name, values, (shape[0], shape[1]))
    bad = (values <= 0.0) | np.isinf(values)
    if bad.any():
        series, session = np.argwhere(bad)[0].tolist()
        raise InvalidInputError(
            name,
            expected="prices above zero and finite, or NaN where there is no bar",
            got=f"{values[series, session]} in row {series}, column {session}",
            mend="quarantine the faulty bar: all its prices NaN",
        )


def require_origins(row: Int32Array1D, end: Int32Array1D, shape: tuple[int, int]) -> None:
    """Raise `InvalidInputError` unless `row` and `end` are int32 [E] that lie inside prices of `shape` [R, T]."""
    for name, values, limit in (("row", row, shape[0]), ("end", end, shape[1])):
        if values.dtype != np.int32 or values.shape != (row.size,):
            raise InvalidInputError(
                f"origins, {name}",
                expected="int32 vectors `row` and `end` of one length",
                got=f"{values.dtype} of shape {values.shape}",
                mend="pass np.asarray(indexes, dtype=np.int32) for both",
            )
        outside = (values < 0) | (values >= limit)
        if outside.any():
            position = int(np.argmax(outside))
            raise InvalidInputError(
                f"origins, {name}",
                expected=f"indexes from 0 to {limit - 1}: prices have shape {shape}",
                got=f"{values[position]} at position {position}",
                mend="build the origins from the same rows and sessions as the prices",
            )
