"""Outcomes on the CPU: the mean returns of the universe once, then entries in parallel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from kernels.outcomes.model import (
    INVALIDATION,
    MISSED,
    NEITHER,
    TARGET,
    UNENTERED,
    UNKNOWN,
    BoolArray2D,
    Entries,
    Int8Array1D,
    Int8Array2D,
    Int16Array2D,
    Int64Array1D,
    Outcomes,
)
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D


def outcomes(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    entries: Entries,
    universe: BoolArray2D,
    horizons: Int64Array1D,
) -> Outcomes:
    """Same as `kernels.outcomes.outcomes`, without its checks."""
    shape = (len(entries.row), len(horizons))
    found = Outcomes(
        entry_price=np.empty(shape[0]),
        result=np.empty(shape, dtype=np.int8),
        sessions=np.empty(shape, dtype=np.int16),
        forward=np.empty(shape),
        relative=np.empty(shape),
    )
    mean = np.empty((shape[1], close.shape[1]))
    _mean_returns(open_, close, universe, horizons, mean)
    _all_entries(
        open_, high, low, close, mean, horizons,
        entries.row, entries.known, entries.side, entries.target, entries.invalidation,
        found.entry_price, found.result, found.sessions, found.forward, found.relative,
    )  # fmt: skip
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_returns(
    open_: Float64Array2D, close: Float64Array2D, universe: BoolArray2D, horizons: Int64Array1D, mean: Float64Array2D
) -> None:
    """Write the universe's mean simple return [H, T] over each horizon from each session; rows are added in order."""
    rows, session_count = close.shape
    count = np.empty(session_count, dtype=np.int64)
    for place in range(len(horizons)):
        horizon = horizons[place]
        mean[place] = 0.0
        count[:] = 0
        for row in range(rows):
            for known in range(session_count - horizon):
                simple = close[row, known + horizon] / open_[row, known + 1] - 1.0
                if universe[row, known] and not math.isnan(simple):
                    mean[place, known] += simple
                    count[known] += 1
        for known in range(session_count):
            mean[place, known] = mean[place, known] / count[known] if count[known] > 0 else math.nan


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _all_entries(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    mean: Float64Array2D,
    horizons: Int64Array1D,
    row: Int32Array1D,
    known: Int32Array1D,
    side: Int8Array1D,
    target: Float64Array1D,
    invalidation: Float64Array1D,
    entry_price: Float64Array1D,
    result: Int8Array2D,
    sessions: Int16Array2D,
    forward: Float64Array2D,
    relative: Float64Array2D,
) -> None:
    """Write the outcome of each entry; the last five arrays are overwritten."""
    session_count = close.shape[1]
    for entry in prange(len(row)):
        r, start, sign = row[entry], int(known[entry]), int(side[entry])
        price = open_[r, start + 1] if start + 1 < session_count else math.nan
        if math.isnan(target[entry]) or math.isnan(invalidation[entry]):
            price = math.nan
        entry_price[entry] = price
        verdict = _at_the_open(price, sign, target[entry], invalidation[entry])
        touch = 0
        if verdict == NEITHER:
            last = min(start + horizons[-1], session_count - 1)
            verdict, touch = _first_touch(high[r], low[r], start, last, sign, target[entry], invalidation[entry])
        for place in range(len(horizons)):
            end = start + horizons[place]
            inside = 0 < touch <= horizons[place]
            sessions[entry, place] = touch if inside else 0
            if inside or verdict in (MISSED, UNENTERED):
                result[entry, place] = verdict
            else:
                result[entry, place] = NEITHER if end < session_count else UNKNOWN
            simple = close[r, end] / price - 1.0 if end < session_count else math.nan
            forward[entry, place] = sign * simple
            relative[entry, place] = sign * (simple - mean[place, start])


@njit(cache=True, nogil=True, error_model="numpy")
def _at_the_open(price: float, side: int, target: float, invalidation: float) -> int:
    """What the entry price alone decides; `NEITHER` where the bars decide."""
    if math.isnan(price):
        return UNENTERED
    if side > 0:
        return NEITHER if invalidation < price < target else MISSED
    return NEITHER if target < price < invalidation else MISSED


@njit(cache=True, nogil=True, error_model="numpy")
def _first_touch(
    high: Float64Array1D, low: Float64Array1D, known: int, last: int, side: int, target: float, invalidation: float
) -> tuple[int, int]:
    """The level that the bars known + 1 .. last touch first, and how many sessions after `known`; 0 if none."""
    for session in range(known + 1, last + 1):
        # No comparison with NaN holds, so a missing bar touches nothing.
        if (low[session] <= invalidation) if side > 0 else (high[session] >= invalidation):
            return INVALIDATION, session - known
        if (high[session] >= target) if side > 0 else (low[session] <= target):
            return TARGET, session - known
    return NEITHER, 0
