"""Checks of what callers pass to the wave kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.memory import Device
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D


def checked_bars(low: npt.ArrayLike, high: npt.ArrayLike, rank: int) -> tuple[Float64Array2D, Float64Array2D]:
    """Return lows and highs as C-contiguous float64 with NaN in both where a bar is missing.

    Args:
        low: any real numbers.
        high: any real numbers.
        rank: how many axes they must have.

    Raises:
        InvalidInputError: a wrong shape or dtype, or a bar that can't be; the bar is named.
    """
    lows, highs = as_float64("low", low), as_float64("high", high)
    if lows.ndim != rank or lows.shape != highs.shape:
        raise InvalidInputError(
            "low and high",
            expected=f"two arrays of one shape with {rank} axes",
            got=f"shapes {lows.shape} and {highs.shape}",
            mend="pass the lows and highs of the same bars",
        )
    for name, prices in (("low", lows), ("high", highs)):
        faulty = np.isinf(prices) | (prices <= 0.0)
        if faulty.any():
            raise faulty_bar(faulty, f"a finite {name} above 0, or NaN for no bar", lows, highs)
    crossed = lows > highs
    if crossed.any():
        raise faulty_bar(crossed, "low <= high", lows, highs)
    missing = np.isnan(lows) | np.isnan(highs)
    return np.where(missing, np.nan, lows), np.where(missing, np.nan, highs)


def as_held(
    device: Device | None, given: tuple[npt.ArrayLike, npt.ArrayLike], checked: tuple[Float64Array2D, Float64Array2D]
) -> tuple[Float64Array2D, Float64Array2D]:
    """Lows and highs as given, where a device holds both and the checks changed nothing in them; else as checked."""
    if device is None:
        return checked
    low, high = (device.held_if_same(*pair) for pair in zip(given, checked, strict=True))
    return (low, high) if device.holds(low) and device.holds(high) else checked


def as_float64(name: str, values: npt.ArrayLike) -> Float64Array1D:
    """Return real numbers as float64, or raise `InvalidInputError`."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise InvalidInputError(
            name, expected="real numbers", got=f"an array of {array.dtype}", mend="pass prices as float64"
        )
    return np.array(array, dtype=np.float64, order="C")


def faulty_bar(
    faulty: npt.NDArray[np.bool_], expected: str, low: Float64Array2D, high: Float64Array2D
) -> InvalidInputError:
    """Name the first faulty bar."""
    place = tuple(int(axis[0]) for axis in np.nonzero(faulty))
    where = f"bar {place[-1]}" if len(place) == 1 else f"bar {place[-1]} of row {place[0]}"
    return InvalidInputError(
        where,
        expected=expected,
        got=f"low {low[place]}, high {high[place]}",
        mend="correct the bar, or set its low and high to NaN to leave it out",
    )


def checked_origins(
    row: npt.ArrayLike, end: npt.ArrayLike, length: npt.ArrayLike, shape: tuple[int, ...]
) -> tuple[Int32Array1D, Int32Array1D, Int32Array1D]:
    """Return the origins as int32, or raise `InvalidInputError`."""
    arrays = [np.asarray(values) for values in (row, end, length)]
    bounds = (shape[0], shape[1], np.iinfo(np.int32).max)
    for name, array, bound in zip(("row", "end", "length"), arrays, bounds, strict=True):
        if array.ndim != 1 or array.shape != arrays[0].shape or (array.size > 0 and array.dtype.kind not in "iu"):
            raise InvalidInputError(
                f"{name} of the origins",
                expected=f"integers of shape {arrays[0].shape[:1]}",
                got=f"{array.dtype} of shape {array.shape}",
                mend="pass row, end and length as int32 vectors with one entry per origin",
            )
        outside = np.flatnonzero((array < 0) | (array >= bound))
        if outside.size:
            raise InvalidInputError(
                f"{name} of origin {outside[0]}",
                expected=f"0 to {bound - 1}",
                got=str(array[outside[0]]),
                mend="ask only for series and bars that the arrays hold",
            )
    rows, ends, lengths = (array.astype(np.int32) for array in arrays)
    unsorted = np.flatnonzero((rows[1:] < rows[:-1]) | ((rows[1:] == rows[:-1]) & (ends[1:] < ends[:-1])))
    if unsorted.size:
        raise InvalidInputError(
            f"origin {unsorted[0] + 1}",
            expected="origins sorted by row, then end",
            got=f"row {rows[unsorted[0] + 1]}, end {ends[unsorted[0] + 1]} after "
            f"row {rows[unsorted[0]]}, end {ends[unsorted[0]]}",
            mend="sort the origins with np.lexsort((end, row))",
        )
    return rows, ends, lengths
