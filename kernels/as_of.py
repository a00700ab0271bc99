"""What was known when: bars as of a session, adjusted for splits, without the bars known to be faulty by then.

History is never rewritten. The lake keeps bars as they were traded; everything else is a pure function of
(bars, actions, quarantine, as-of session). The past of one symbol, as seen from session D, changes only when a split
takes effect or a fault becomes known. Between two such sessions it is the same array, plus the new bars. So a range of
sessions needs one row for each symbol and stretch, not one panel for each session, and gives the same floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import BAR_FIELDS, Float64Array1D, Float64Array2D, Int32Array1D, PricePanel, SessionArray1D

Adjust = Literal["splits", "none"]


@dataclass(frozen=True)
class PriceHistory:
    """As-traded bars of S symbols over T sessions, with what is known about them.

    Attributes:
        symbols: S unique names, sorted.
        sessions: `datetime64[D]` [T], strictly rising.
        open, high, low, close, volume: float64 [S, T], dollars and shares as traded on the day; NaN where null.
        split_ratio: float64 [S, T], new shares for one old, effective that session; 1.0 = none.
        dividend: float64 [S, T], dollars per share, ex that session; 0.0 = none.
        present: bool [S, T], whether the lake has a row.
        quarantined: int32 [Q, 3]: symbol index, session index of the faulty bar, session index on which the fault was
            known (never before the bar). A bar known faulty before `sessions[0]` has index 0 there.
    """

    symbols: tuple[str, ...]
    sessions: SessionArray1D
    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    volume: Float64Array2D
    split_ratio: Float64Array2D
    dividend: Float64Array2D
    present: npt.NDArray[np.bool_]
    quarantined: npt.NDArray[np.int32]


@dataclass(frozen=True)
class AsOfRows:
    """One row for each symbol and each stretch of sessions over which its known past doesn't change.

    Attributes:
        symbol: int32 [R], index into the symbols of the history.
        first, last: int32 [R], the session indexes, both included, from which row r is looked at. For a session D
            in that stretch the bars 0..D of the row are what was known at the close of D. The stretches of a symbol
            are in order and cover the asked range without overlap.
        open, high, low, close, volume: float64 [R, T], split-adjusted as of `first` (no split lies in between);
            a bar that is missing, incomplete or known to be faulty is NaN as a whole; NaN after `last`.
    """

    symbol: Int32Array1D
    first: Int32Array1D
    last: Int32Array1D
    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    volume: Float64Array2D


def as_of_rows(history: PriceHistory, first: int, last: int, *, adjust: Adjust = "splits") -> AsOfRows:
    """Build the rows for the sessions `first` to `last` (indexes into `history.sessions`, both included).

    Raises:
        InvalidInputError: a range outside the history, or an unknown `adjust`.
    """
    count = len(history.sessions)
    if not 0 <= first <= last < count:
        raise InvalidInputError(
            "as_of_rows range",
            expected=f"0 <= first <= last < {count} sessions",
            got=f"first={first}, last={last}",
            mend="load a history that covers the sessions asked for",
        )
    if adjust not in ("splits", "none"):
        raise InvalidInputError("adjust", expected='"splits" or "none"', got=repr(adjust), mend="use one of the two")
    stretches = [
        (symbol, start, stop)
        for symbol in range(len(history.symbols))
        for start, stop in _stretches(history, symbol, first, last, adjust)
    ]
    symbol, start, stop = np.array(stretches, dtype=np.int32).reshape(-1, 3).T.copy()
    bars = np.stack([getattr(history, field)[symbol] for field in BAR_FIELDS])
    whole = np.isfinite(bars[:4]).all(axis=0) & (np.arange(count) <= stop[:, None])
    for row in range(len(symbol)):
        if adjust == "splits":
            _adjust(bars[:, row], history.split_ratio[symbol[row]], int(start[row]))
        entries = history.quarantined[history.quarantined[:, 0] == symbol[row]]
        known = (entries[:, 2] <= start[row]) | (entries[:, 2] == entries[:, 1])
        whole[row, entries[known, 1]] = False
    bars[:, ~whole] = np.nan
    # The order check lets a relative 1e-9 of rounding pass; kernels may rely on the order itself.
    bars[1], bars[2] = bars[:4].max(axis=0), bars[:4].min(axis=0)
    return AsOfRows(symbol, start, stop, *bars)


def as_of_panel(history: PriceHistory, *, adjust: Adjust = "splits") -> PricePanel:
    """The panel as known at the close of the last session of `history`."""
    last = len(history.sessions) - 1
    rows = as_of_rows(history, last, last, adjust=adjust)
    return PricePanel(history.symbols, history.sessions, rows.open, rows.high, rows.low, rows.close, rows.volume)


def as_of_dividends(history: PriceHistory) -> Float64Array2D:
    """Dividends float64 [S, T] in dollars per share as of the last session, ex that session; 0 = none.

    They are divided by the later splits, as the prices of `as_of_panel` are.
    """
    dividend = np.nan_to_num(history.dividend, nan=0.0)
    last = len(history.sessions) - 1
    for symbol in range(len(history.symbols)):
        dividend[symbol, :last] /= _later_splits(history.split_ratio[symbol], last)
    return dividend


def _stretches(history: PriceHistory, symbol: int, first: int, last: int, adjust: Adjust) -> list[tuple[int, int]]:
    """Cut first..last before each session on which the symbol's known past changes."""
    entries = history.quarantined[history.quarantined[:, 0] == symbol]
    changes = set(entries[entries[:, 2] > entries[:, 1], 2].tolist())
    if adjust == "splits":
        changes |= set(np.flatnonzero(history.split_ratio[symbol] != 1.0).tolist())
    starts = [first, *sorted(session for session in changes if first < session <= last)]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), last], strict=True))


def _adjust(bars: npt.NDArray[np.float64], split_ratio: npt.NDArray[np.float64], as_of: int) -> None:
    """Divide prices by the product of the later split ratios up to `as_of`, and multiply volume by it, in place.

    The product runs from the newest split back, so a bar gets the same float whatever the history's first session.
    """
    if not np.any(split_ratio[1 : as_of + 1] != 1.0):
        return
    later = _later_splits(split_ratio, as_of)
    bars[:4, :as_of] /= later
    bars[4, :as_of] *= later


def _later_splits(split_ratio: npt.NDArray[np.float64], as_of: int) -> Float64Array1D:
    """For each session before `as_of` the product of the split ratios after it, up to `as_of`."""
    later: Float64Array1D = np.cumprod(split_ratio[as_of:0:-1], dtype=np.float64)[::-1]
    return later


@dataclass(frozen=True)
class Origins:
    """The points from which kernels look back: every symbol at every asked session.

    Attributes:
        row, end: int32 [E], the row of `AsOfRows` and the session index it is looked at; sorted by row, then end.
        by_session: int64 [D, S], the origin of each asked session and symbol, in the order asked.
    """

    row: Int32Array1D
    end: Int32Array1D
    by_session: npt.NDArray[np.int64]


def origins(rows: AsOfRows, ends: Int32Array1D) -> Origins:
    """One origin for each symbol and each session in `ends` (strictly rising int32 indexes, inside the rows' range)."""
    counts = np.searchsorted(ends, rows.last, side="right") - np.searchsorted(ends, rows.first)
    row = np.repeat(np.arange(len(rows.symbol), dtype=np.int32), counts)
    # The stretches of a symbol tile the range in order, so each symbol meets all the ends, in order.
    symbols = int(counts.sum()) // len(ends) if len(ends) else 0
    end = np.tile(ends, symbols)
    by_session = np.arange(symbols * len(ends), dtype=np.int64).reshape(symbols, len(ends)).T
    return Origins(row, end, by_session)
