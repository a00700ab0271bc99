"""What happened after patterns became known, and how sure one can be of it.

`outcomes` follows entries to their target or invalidation; `matched_entries` draws the entries they are compared with;
`counted_once` and `shares` count. Definitions, formulas and sources are in this folder's README.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.device import Backend, choose
from kernels.outcomes import cpu, cpu_counting, cpu_matching, naive, naive_counting, naive_matching
from kernels.outcomes.model import (
    HORIZONS,
    INVALIDATION,
    MISSED,
    NEITHER,
    TARGET,
    UNENTERED,
    UNKNOWN,
    BoolArray1D,
    BoolArray2D,
    Entries,
    Int8Array1D,
    Int64Array1D,
    Outcomes,
    Shares,
)
from kernels.outcomes.validate import (
    INT32,
    require_bars,
    require_bounded,
    require_confidence,
    require_copies,
    require_entries,
    require_horizons,
    require_identity,
    require_indexes,
    require_members,
    require_seed,
    require_sides,
    require_values,
    require_volatility,
    require_whole,
)
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D

__all__ = [
    "AVAILABLE",
    "HORIZONS",
    "INVALIDATION",
    "MISSED",
    "NEITHER",
    "TARGET",
    "UNENTERED",
    "UNKNOWN",
    "Entries",
    "Outcomes",
    "Shares",
    "counted_once",
    "matched_entries",
    "outcomes",
    "shares",
]

AVAILABLE = ("naive", "cpu")
"""The backends this kernel is written for."""


def outcomes(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    entries: Entries,
    *,
    universe: BoolArray2D | None = None,
    horizons: Sequence[int] = HORIZONS,
    backend: Backend = "auto",
) -> Outcomes:
    """Follow E entries over H horizons.

    The outcome of an entry over h sessions depends on the bars known + 1 .. known + h, and on the universe of session
    known; on no other bar and no other entry.

    Args:
        open: float64 [R, T], C-contiguous, dollars from 1e-100 to 1e100. A bar is there as a whole or NaN as a whole.
        high: float64 [R, T], the same; at least the low.
        low: float64 [R, T], the same.
        close: float64 [R, T], the same.
        entries: what is entered; may be empty.
        universe: bool [R, T], C-contiguous, which rows an entry is compared with, as of the close of session known;
            None = all. It counts for `relative` only.
        horizons: H numbers of sessions, strictly rising, from 1 to 32,767; session known + 1 is the first.
        backend: "auto", "naive" or "cpu".

    Returns:
        The outcomes, in the order of the entries. Equal to the last bit in both backends.

    Raises:
        InvalidInputError: a wrong shape, dtype or range, or a faulty bar, named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    choice = choose("outcomes", backend, AVAILABLE)
    require_bars(open, high, low, close)
    require_entries(entries, (close.shape[0], close.shape[1]))
    require_horizons(horizons)
    if universe is None:
        universe = np.ones(close.shape, dtype=np.bool_)
    require_members("universe", universe, (close.shape[0], close.shape[1]))
    compute = naive.outcomes if choice.backend == "naive" else cpu.outcomes
    return compute(open, high, low, close, entries, universe, np.array(horizons, dtype=np.int64))


def matched_entries(
    entries: Entries,
    close: Float64Array2D,
    volatility: Float64Array2D,
    members: BoolArray2D,
    keys: Int64Array1D,
    session_number: Int64Array1D,
    *,
    copies: int,
    seed: int,
    backend: Backend = "auto",
) -> Entries:
    """Draw entries without a pattern: same session, same side, same geometry, another row.

    Each copy takes a row at random among the members of session known that have a close and a volatility above 0 there,
    each equally likely, the entry's own row included. Its levels lie as far from its close as the entry's levels from
    the entry's close, in units of volatility: `ln(level' / close') = ln(level / close) volatility' / volatility`.

    A copy depends on the entry, its row's key, the session's number, the seed, the copy's number and on column `known`;
    on the other entries only in that identical ones draw on their own. Entries of one row and session share their draws
    whatever their levels. The rows may be in any order.

    Args:
        entries: E entries; may be empty.
        close: float64 [R, T], C-contiguous, dollars from 1e-100 to 1e100; NaN where there is no bar.
        volatility: float64 [R, T], C-contiguous, of log price over any one span of time, as known at the close of each
            session, at least 0; NaN = unknown.
        members: bool [R, T], C-contiguous, who can be drawn in each session.
        keys: int64 [R], C-contiguous, the identity of each row, such as a hash of its symbol; no two alike.
        session_number: int64 [T], C-contiguous, the identity of each session, strictly rising, within 32 bits.
        copies: of each entry, from 1 to 65,536. The first ten of twenty are the ten of ten.
        seed: 0..2**64-1.
        backend: "auto", "naive" or "cpu".

    Returns:
        E x copies entries: the copies of entry 0, then those of entry 1, and so on. Where nobody can be drawn, or a
        level, the close or the volatility of the entry is unknown or the volatility 0, a copy has the entry's row and
        NaN levels: `outcomes` calls it `UNENTERED`. Levels are finite and above 0; equal in both backends to 1e-12.

    Raises:
        InvalidInputError: a wrong shape, dtype or range, named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    choice = choose("matched_entries", backend, AVAILABLE)
    require_bounded("close", close, close.shape)
    shape = (close.shape[0], close.shape[1])
    require_volatility(volatility, shape)
    require_members("members", members, shape)
    require_identity(keys, session_number, shape)
    require_entries(entries, shape)
    require_copies(copies)
    require_seed(seed)
    compute = naive_matching.matched_entries if choice.backend == "naive" else cpu_matching.matched_entries
    return compute(entries, close, volatility, members, keys, session_number, int(copies), int(seed))


def counted_once(
    row: Int32Array1D,
    group: Int32Array1D,
    side: Int8Array1D,
    known: Int32Array1D,
    priority: Float64Array1D,
    *,
    sessions: int,
    backend: Backend = "auto",
) -> BoolArray1D:
    """Say which of overlapping entries count.

    The entries of a row, group and side take their turn by session; in one session by falling priority, NaN last, then
    by position. An entry counts unless one that counts is less than `sessions` sessions before it.

    Args:
        row: int32 [E], C-contiguous, at least 0.
        group: int32 [E], C-contiguous, at least 0, such as a class.
        side: int8 [E], C-contiguous, 1 or -1.
        known: int32 [E], C-contiguous, session of each entry, at least 0.
        priority: float64 [E], C-contiguous, finite, or NaN = unknown.
        sessions: 1 or more; with h, the windows known + 1 .. known + h of those that count don't overlap.
        backend: "auto", "naive" or "cpu".

    Returns:
        bool [E].

    Raises:
        InvalidInputError: a wrong shape, dtype or range, named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    choice = choose("counted_once", backend, AVAILABLE)
    count = len(row)
    for name, indexes in (("row", row), ("group", group), ("known", known)):
        require_indexes(name, indexes, count, INT32.max + 1)
    require_sides("side", side, count)
    require_values("priority", priority, count)
    require_whole("sessions", sessions, 1)
    compute = naive_counting.counted_once if choice.backend == "naive" else cpu_counting.counted_once
    return compute(row, group, side, known, priority, int(sessions))


def shares(
    session: Int32Array1D,
    group: Int32Array1D,
    groups: int,
    hit: Float64Array1D,
    *,
    session_count: int,
    lags: int,
    confidence: float = 0.95,
    backend: Backend = "auto",
) -> Shares:
    """The mean of a value over the entries of each group, with an interval that knows of common sessions.

    Entries of one session count as one draw, and sessions up to `lags` apart as correlated: Newey & West (1987) on the
    residuals of a ratio of sums, with a small-sample correction. Formulas and measured coverage are in the README.

    Args:
        session: int32 [E], C-contiguous, session of each entry, from 0 to session_count - 1.
        group: int32 [E], C-contiguous, from 0 to groups - 1.
        groups: G, 1 or more.
        hit: float64 [E], C-contiguous: 1 or 0, or any finite value, such as an entry's less the mean of its matched
            copies'; NaN = not counted.
        session_count: sessions that there are, 1 or more.
        lags: sessions, 0 or more; 0 where the values of different sessions are independent. Values that look h sessions
            ahead overlap by h - 1; `3 (h - 1)` gives intervals that hold what they promise, h - 1 doesn't.
        confidence: of the two-sided interval, between 0 and 1.
        backend: "auto", "naive" or "cpu".

    Returns:
        The shares; the order of the entries doesn't matter. Equal to the last bit in both backends.

    Raises:
        InvalidInputError: a wrong shape, dtype or range, named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    choice = choose("shares", backend, AVAILABLE)
    require_whole("groups", groups, 1)
    require_whole("session_count", session_count, 1)
    require_whole("lags", lags, 0)
    require_confidence(confidence)
    require_indexes("session", session, len(session), session_count)
    require_indexes("group", group, len(session), groups)
    require_values("hit", hit, len(session))
    compute = naive_counting.shares if choice.backend == "naive" else cpu_counting.shares
    return compute(session, group, int(groups), hit, int(lags), float(confidence))
