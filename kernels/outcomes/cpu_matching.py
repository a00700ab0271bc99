"""Matched entries on the CPU: who can be drawn is listed once for each session, then copies are drawn in parallel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.outcomes.model import COPY_BITS, BoolArray2D, Entries, Int64Array1D
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.philox import WORD_BITS, WORD_MASK, key_words, philox4x32
from kernels.surrogates.model import MOST_MOVE

Int32Array2D = npt.NDArray[np.int32]
UInt64Array1D = npt.NDArray[np.uint64]


def matched_entries(
    entries: Entries,
    close: Float64Array2D,
    volatility: Float64Array2D,
    members: BoolArray2D,
    keys: Int64Array1D,
    session_number: Int64Array1D,
    copies: int,
    seed: int,
) -> Entries:
    """Same as `kernels.outcomes.matched_entries`, without its checks."""
    by_key = np.argsort(keys, kind="stable")
    drawable = members & (close > 0.0) & (volatility > 0.0)
    # Row c of the lists holds who can be drawn in session c, in the order of their keys.
    sessions, ranks = np.nonzero(drawable[by_key].T)
    first = np.searchsorted(sessions, np.arange(close.shape[1] + 1))
    matched = Entries(
        row=np.repeat(entries.row, copies),
        known=np.repeat(entries.known, copies),
        side=np.repeat(entries.side, copies),
        target=np.full(len(entries.row) * copies, np.nan),
        invalidation=np.full(len(entries.row) * copies, np.nan),
    )
    _draw(
        entries.row, entries.known, entries.target, entries.invalidation, numbers_among_equals(entries),
        np.ascontiguousarray(close.T), np.ascontiguousarray(volatility.T), by_key[ranks].astype(np.int32), first,
        keys.view(np.uint64), session_number.view(np.uint64) & WORD_MASK, copies, *key_words(seed),
        matched.row, matched.target, matched.invalidation,
    )  # fmt: skip
    return matched


def numbers_among_equals(entries: Entries) -> Int64Array1D:
    """How many identical entries precede each one."""
    place = (entries.row.astype(np.int64) << 32) | entries.known
    columns = (entries.side, entries.invalidation.view(np.int64), entries.target.view(np.int64), place)
    order = np.lexsort(columns)
    starts = np.zeros(len(order), dtype=np.bool_)
    starts[:1] = True
    for column in columns:
        ordered = column[order]
        starts[1:] |= ordered[1:] != ordered[:-1]
    positions = np.arange(len(order))
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = positions - np.maximum.accumulate(np.where(starts, positions, 0))
    return numbers


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _draw(
    row: Int32Array1D,
    known: Int32Array1D,
    target: Float64Array1D,
    invalidation: Float64Array1D,
    number: Int64Array1D,
    close: Float64Array2D,
    volatility: Float64Array2D,
    drawable: Int32Array1D,
    first: Int64Array1D,
    keys: UInt64Array1D,
    sessions: UInt64Array1D,
    copies: int,
    seed_0: np.uint64,
    seed_1: np.uint64,
    drawn: Int32Array1D,
    drawn_target: Float64Array1D,
    drawn_invalidation: Float64Array1D,
) -> None:
    """Overwrite row and levels of the copies [E x copies] of each entry whose geometry and whose market are known.

    `close` and `volatility` are [T, R] here: the copies of an entry read one session.
    """
    for entry in prange(len(row)):
        r, t = row[entry], known[entry]
        count = first[t + 1] - first[t]
        spread = volatility[t, r]
        # The logarithm of a missing price is NaN, and a sum with it too.
        level = math.log(close[t, r])
        gain, loss = math.log(target[entry]) - level, math.log(invalidation[entry]) - level
        if count == 0 or math.isnan(gain + loss) or not spread > 0.0:
            continue
        for copy in range(copies):
            word = philox4x32(
                keys[r] & WORD_MASK, keys[r] >> WORD_BITS, sessions[t],
                ((np.uint64(number[entry]) << np.uint64(COPY_BITS)) | np.uint64(copy)) & WORD_MASK, seed_0, seed_1,
            )[0]  # fmt: skip
            other = drawable[first[t] + np.int64((word * np.uint64(count)) >> WORD_BITS)]
            place = entry * copies + copy
            drawn[place] = other
            drawn_target[place] = _moved_level(gain, spread, close[t, other], volatility[t, other])
            drawn_invalidation[place] = _moved_level(loss, spread, close[t, other], volatility[t, other])


@njit(cache=True, nogil=True, error_model="numpy")
def _moved_level(distance: float, volatility: float, other_close: float, other_volatility: float) -> float:
    """The level that lies as far from another close, in units of the other's volatility."""
    moved = distance * other_volatility / volatility
    return other_close * math.exp(min(max(moved, -MOST_MOVE), MOST_MOVE))
