"""Checks of what the samples are made from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.origins import require_prices
from kernels.panel import Float64Array2D, require_matrix


def require_market(
    symbols: tuple[str, ...],
    open: Float64Array2D,  # noqa: A002
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    volume: Float64Array2D,
) -> None:
    """Raise `InvalidInputError` unless symbols and bars belong together and every value makes sense."""
    if len(symbols) == 0 or len(set(symbols)) != len(symbols):
        raise InvalidInputError(
            "symbols",
            expected="at least one name, each once",
            got=f"{len(symbols)} names, {len(set(symbols))} different",
            mend="read a universe that has instruments, and drop the repeated ones",
        )
    require_bars(open, high, low, close, volume)
    if len(close) != len(symbols):
        raise InvalidInputError(
            "bars of the samples",
            expected=f"{len(symbols)} rows, one for each symbol",
            got=f"{len(close)}",
            mend="pass the symbols of the same panel",
        )


def require_bars(
    open: Float64Array2D,  # noqa: A002
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    volume: Float64Array2D,
) -> None:
    """Raise `InvalidInputError` unless all are float64 [S, T], prices above 0, volume at least 0, NaN = no bar."""
    for name, values in (("open", open), ("high", high), ("low", low), ("close", close)):
        require_prices(name, values, close.shape)
    require_matrix("volume", volume, (close.shape[0], close.shape[1]))
    bad = (volume < 0.0) | np.isinf(volume)
    if bad.any():
        series, session = np.argwhere(bad)[0].tolist()
        raise InvalidInputError(
            "volume",
            expected="shares, at least 0 and finite, or NaN where there is no bar",
            got=f"{volume[series, session]} in row {series}, column {session}",
            mend="quarantine the faulty bar: all its values NaN",
        )


def require_whole(name: str, value: object, low: int, high: int) -> None:
    """Raise `InvalidInputError` unless `value` is a whole number from `low` to `high`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidInputError(
            f"samples, {name}",
            expected=f"a whole number from {low} to {high}",
            got=repr(value),
            mend=f"pass {name} within this range",
        )


def require_indexes(
    instrument: npt.NDArray[np.int32], session: npt.NDArray[np.int32], series_count: int, first: int, last: int
) -> None:
    """Raise `InvalidInputError` unless both are int32 [B], instruments of S series, sessions from `first` to `last`."""
    for name, values, low, high in (
        ("instrument", instrument, 0, series_count - 1),
        ("session", session, first, last),
    ):
        if values.dtype != np.int32 or values.ndim != 1 or values.shape != instrument.shape:
            raise InvalidInputError(
                f"samples, {name}",
                expected="int32 vectors `instrument` and `session` of one length",
                got=f"{values.dtype} of shape {values.shape}",
                mend="pass np.asarray(indexes, dtype=np.int32) for both",
            )
        if len(values) and (values.min() < low or values.max() > high):
            raise InvalidInputError(
                f"samples, {name}",
                expected=f"from {low} to {high}: rows of the bars, and columns with a whole window and its labels",
                got=f"from {values.min()} to {values.max()}",
                mend="find the starts in the same bars, with the same settings",
            )
