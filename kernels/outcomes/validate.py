"""Checks of what callers pass to the outcomes of entries."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.origins import require_prices
from kernels.outcomes.model import MOST_COPIES, BoolArray2D, Entries, Int64Array1D
from kernels.panel import Float64Array2D
from kernels.surrogates.model import FIELDS, LEAST_PRICE, MOST_PRICE
from kernels.trading.validate import require_array

Vector = npt.NDArray[Any]

INT32 = np.iinfo(np.int32)


def require_bars(open_: Float64Array2D, high: Float64Array2D, low: Float64Array2D, close: Float64Array2D) -> None:
    """Raise `InvalidInputError` unless all four are float64 [R, T], and each bar whole, bounded, low below high."""
    prices = (open_, high, low, close)
    for name, values in zip(FIELDS, prices, strict=True):
        require_bounded(name, values, close.shape)
    missing = np.isnan(prices)
    whole = missing.any(axis=0) == missing.all(axis=0)
    _require_bars(whole, prices, "a bar that is there or NaN as a whole")
    _require_bars(~(low > high), prices, "a low at or below the high")


def require_bounded(name: str, values: Float64Array2D, shape: tuple[int, ...]) -> None:
    """Raise `InvalidInputError` unless `values` is float64 of `shape` [R, T], NaN or within the bounds of prices."""
    require_prices(name, values, shape)
    inside = ~((values < LEAST_PRICE) | (values > MOST_PRICE))
    _require_cells(name, values, inside, f"prices from {LEAST_PRICE:g} to {MOST_PRICE:g} dollars")


def require_volatility(volatility: Float64Array2D, shape: tuple[int, int]) -> None:
    """Raise `InvalidInputError` unless `volatility` is float64 of `shape`, finite and at least 0, or NaN."""
    require_array("volatility", volatility, np.float64, shape)
    good = np.isnan(volatility) | (volatility >= 0.0) & np.isfinite(volatility)
    _require_cells("volatility", volatility, good, "a finite volatility of at least 0, or NaN where it isn't known")


def require_members(name: str, members: BoolArray2D, shape: tuple[int, int]) -> None:
    """Raise `InvalidInputError` unless `members` is bool of `shape`."""
    require_array(name, members, np.bool_, shape)


def require_identity(keys: Int64Array1D, session_number: Int64Array1D, shape: tuple[int, int]) -> None:
    """Raise `InvalidInputError` unless keys are int64 [R], each once, and session numbers int64 [T], rising."""
    require_array("keys", keys, np.int64, (shape[0],))
    ordered, counts = np.unique(keys, return_counts=True)
    if (counts > 1).any():
        raise InvalidInputError(
            "keys",
            expected="a key of its own for each row",
            got=f"{ordered[np.argmax(counts)]} for {counts.max()} rows",
            mend="pass one whole number for each row that names it, such as a hash of its symbol",
        )
    require_array("session_number", session_number, np.int64, (shape[1],))
    rising = np.ones(len(session_number), dtype=np.bool_)
    rising[1:] = session_number[1:] > session_number[:-1]
    inside = (session_number >= INT32.min) & (session_number <= INT32.max)
    require_each(
        "session_number",
        session_number,
        rising & inside,
        "strictly rising numbers that fit 32 bits",
        "pass the same number for a session every time, such as its days since 1970",
    )


def require_entries(entries: Entries, shape: tuple[int, int]) -> None:
    """Raise `InvalidInputError` for the first array or value that no entry into bars of `shape` can have."""
    count = (len(entries.row),)
    for name, limit in (("row", shape[0]), ("known", shape[1])):
        require_indexes(f"entries.{name}", getattr(entries, name), count[0], limit)
    require_sides("entries.side", entries.side, count[0])
    for name in ("target", "invalidation"):
        levels = getattr(entries, name)
        require_array(f"entries.{name}", levels, np.float64, count)
        good = np.isnan(levels) | (levels > 0.0) & np.isfinite(levels)
        require_each(f"entries.{name}", levels, good, "finite dollars above 0, or NaN", "use NaN where there is none")


def require_indexes(where: str, indexes: Vector, count: int, limit: int) -> None:
    """Raise `InvalidInputError` unless `indexes` is int32 [count], each from 0 to limit - 1."""
    require_array(where, indexes, np.int32, (count,))
    good = (indexes >= 0) & (indexes < limit)
    require_each(where, indexes, good, f"from 0 to {limit - 1}", "count rows, sessions and groups from 0")


def require_sides(where: str, side: Vector, count: int) -> None:
    """Raise `InvalidInputError` unless `side` is int8 [count], each 1 or -1."""
    require_array(where, side, np.int8, (count,))
    require_each(where, side, (side == 1) | (side == -1), "1 or -1", "pass 1 for long and -1 for short")


def require_values(where: str, values: Vector, count: int) -> None:
    """Raise `InvalidInputError` unless `values` is float64 [count], finite or NaN."""
    require_array(where, values, np.float64, (count,))
    require_each(where, values, ~np.isinf(values), "a finite number, or NaN", "use NaN for what doesn't count")


def require_horizons(horizons: Sequence[int]) -> None:
    """Raise `InvalidInputError` unless there is a horizon, and they rise strictly from 1 to what int16 can count."""
    most = np.iinfo(np.int16).max
    whole = len(horizons) > 0 and all(_is_whole(horizon) for horizon in horizons)
    if not whole or any(b <= a for a, b in zip((0, *horizons), (*horizons, most + 1), strict=True)):
        raise InvalidInputError(
            "horizons",
            expected=f"strictly rising whole numbers of sessions from 1 to {most}",
            got=repr(horizons),
            mend="pass horizons such as (21, 63)",
        )


def require_copies(copies: int) -> None:
    """Raise `InvalidInputError` unless `copies` is a whole number from 1 to `MOST_COPIES`."""
    require_whole("copies", copies, 1)
    if copies > MOST_COPIES:
        raise InvalidInputError(
            "copies", expected=f"{MOST_COPIES:,} or fewer", got=f"{copies:,}", mend="ask for fewer copies; 20 are many"
        )


def require_seed(seed: int) -> None:
    """Raise `InvalidInputError` unless `seed` is a whole number of 64 bits."""
    if not _is_whole(seed) or not 0 <= seed < 2**64:
        raise InvalidInputError(
            "seed",
            expected=f"a whole number in 0..{2**64 - 1}",
            got=repr(seed),
            mend="pass an int in this range",
        )


def require_whole(where: str, value: int, least: int) -> None:
    """Raise `InvalidInputError` unless `value` is a whole number of at least `least` that fits 32 bits."""
    if not _is_whole(value) or not least <= value <= INT32.max:
        raise InvalidInputError(
            where,
            expected=f"a whole number from {least} to {INT32.max}",
            got=repr(value),
            mend="pass an int in this range",
        )


def require_confidence(confidence: float) -> None:
    """Raise `InvalidInputError` unless `confidence` is a number between 0 and 1, both excluded."""
    if isinstance(confidence, bool) or not isinstance(confidence, Real) or not 0.0 < confidence < 1.0:
        raise InvalidInputError(
            "confidence",
            expected="a number above 0 and below 1",
            got=repr(confidence),
            mend="pass 0.95 for an interval that holds the truth 95 times in 100",
        )


def require_each(where: str, values: Vector, good: npt.NDArray[np.bool_], expected: str, mend: str) -> None:
    """Raise `InvalidInputError` for the first value that isn't good."""
    if not good.all():
        place = int(np.argmin(good))
        raise InvalidInputError(where, expected=expected, got=f"{values[place]} at position {place}", mend=mend)


def _require_cells(name: str, values: Float64Array2D, good: BoolArray2D, expected: str) -> None:
    if not good.all():
        row, column = np.argwhere(~good)[0].tolist()
        raise InvalidInputError(
            f"{name}, row {row}, column {column}",
            expected=expected,
            got=str(values[row, column]),
            mend="correct it, or set it to NaN",
        )


def _require_bars(good: BoolArray2D, prices: tuple[Float64Array2D, ...], expected: str) -> None:
    if not good.all():
        row, column = np.argwhere(~good)[0].tolist()
        raise InvalidInputError(
            f"bars, row {row}, column {column}",
            expected=expected,
            got=", ".join(f"{name} {values[row, column]}" for name, values in zip(FIELDS, prices, strict=True)),
            mend="quarantine the faulty bar: all its prices NaN",
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
