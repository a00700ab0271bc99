"""What the outcomes of entries are made from, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D

Int8Array1D = npt.NDArray[np.int8]
Int8Array2D = npt.NDArray[np.int8]
Int16Array2D = npt.NDArray[np.int16]
Int64Array1D = npt.NDArray[np.int64]
BoolArray1D = npt.NDArray[np.bool_]
BoolArray2D = npt.NDArray[np.bool_]

HORIZONS = (21, 63)
"""Sessions after `known` that are looked at: a month and a quarter."""

TARGET, NEITHER, INVALIDATION, MISSED, UNENTERED, UNKNOWN = 1, 0, -1, -2, -3, -4
"""The values of `Outcomes.result`."""

COPY_BITS = 16
"""Bits of a draw's last counter word that count the copies; the other 16 tell identical entries apart."""

MOST_COPIES = 2**COPY_BITS
"""Copies are numbered below it."""


@dataclass(frozen=True)
class Entries:
    """E patterns, each known at the close of a session and entered at the open of the next one of its row.

    Attributes:
        row: int32 [E], row of the bars.
        known: int32 [E], column of the session at whose close the pattern is known.
        side: int8 [E], 1 = long, -1 = short.
        target: float64 [E], dollars in the adjustment of the bars, finite and above 0; NaN = none, and then nothing is
            entered.
        invalidation: float64 [E], the same.
    """

    row: Int32Array1D
    known: Int32Array1D
    side: Int8Array1D
    target: Float64Array1D
    invalidation: Float64Array1D


@dataclass(frozen=True)
class Outcomes:
    """What happened to E entries over H horizons.

    Attributes:
        entry_price: float64 [E], open of session known + 1, dollars; NaN where there is no such session or no bar in
            it, or where a level is NaN.
        result: int8 [E, H], `TARGET`, `NEITHER`, `INVALIDATION`, `MISSED` (the entry price doesn't lie between the two
            levels, each on its side), `UNENTERED` (no entry price) or `UNKNOWN` (the horizon goes beyond the last
            session, and no level was touched so far).
        sessions: int16 [E, H], sessions from `known` to the touch, 1 for the session of the entry; 0 where nothing was
            touched.
        forward: float64 [E, H], side x simple return from the entry price to the close of session known + h; NaN where
            there is no entry price or no such close. Entries that were missed have one too.
        relative: float64 [E, H], side x (the same return less its mean over the universe); NaN where `forward` is, or
            where no row of the universe has both bars.
    """

    entry_price: Float64Array1D
    result: Int8Array2D
    sessions: Int16Array2D
    forward: Float64Array2D
    relative: Float64Array2D


@dataclass(frozen=True)
class Shares:
    """The mean of a value over the entries of each of G groups, and how sure it is.

    Attributes:
        count: int64 [G], counted entries.
        sessions: int64 [G], different sessions with a counted entry.
        mean: float64 [G]; NaN without a counted entry.
        low, high: float64 [G], ends of the confidence interval; they may lie outside the range of the values. NaN with
            fewer than two sessions, with fewer sessions from the first to the last than lags + 1, or if nothing
            spreads.
    """

    count: Int64Array1D
    sessions: Int64Array1D
    mean: Float64Array1D
    low: Float64Array1D
    high: Float64Array1D
