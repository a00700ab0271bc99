"""Some rows, and the last sessions, of bars."""

from __future__ import annotations

import numpy as np

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D, require_matrix
from kernels.surrogates.model import FIELDS, Int64Array1D, Part
from kernels.waves.patterns import require_count


def checked_part(prices: tuple[Float64Array2D, ...], rows: Int64Array1D | None, window: int | None) -> Part:
    """Where what is asked for lies in the bars; prices aren't looked at.

    Args:
        prices: open, high, low and close.
        rows: as in `null_histograms`.
        window: as in `null_histograms`.

    Raises:
        InvalidInputError: bars of different shapes or of a wrong dtype, rows that aren't there, or a longer window.
    """
    count, sessions = len(prices[-1]), prices[-1].shape[-1]
    if rows is None and window is None:
        return Part(prices, np.arange(count), 0)
    for name, values in zip(FIELDS, prices, strict=True):
        require_matrix(name, values, (count, sessions))
    if window is not None:
        require_count("window of null_histograms", window, 0)
        if window > sessions:
            raise InvalidInputError(
                "window of null_histograms",
                expected=f"{sessions} or fewer: the sessions of the bars",
                got=str(window),
                mend="pass bars of more sessions, or a shorter window",
            )
    if rows is None:
        rows = np.arange(count)
    elif rows.dtype != np.int64 or rows.ndim != 1 or bool(((rows < 0) | (rows >= count)).any()):
        raise InvalidInputError(
            "rows of null_histograms",
            expected=f"a vector of int64 from 0 to {count - 1}",
            got=f"{rows.dtype} of shape {rows.shape}"
            + (f", {rows.min()} to {rows.max()}" if rows.size and rows.dtype.kind in "iu" else ""),
            mend="pass the indexes of the rows, such as np.flatnonzero gives",
        )
    return Part(prices, rows, 0 if window is None else sessions - int(window))


def taken(part: Part) -> tuple[Float64Array2D, Float64Array2D, Float64Array2D, Float64Array2D]:
    """The bars that are asked for: open, high, low and close, C-contiguous."""
    open_, high, low, close = (np.ascontiguousarray(values[part.rows, part.first :]) for values in part.prices)
    return open_, high, low, close
