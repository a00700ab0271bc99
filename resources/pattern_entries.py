"""From tables of patterns to entries: what is bought or sold short on each pattern, at which levels it is closed.

What belongs here: which patterns became known on a session, and their levels in the adjustment of the bars. What
doesn't: what happened then (`kernels/outcomes`), and the tables of it (`outcome_tables`).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.as_of import as_of_panel
from kernels.outcomes import Entries
from kernels.panel import Float64Array1D, Float64Array2D, PricePanel
from kernels.waves import CLASS_NAMES, stage_index
from kernels.waves.classes import MAX_LEGS
from resources.calendar import ALL_SESSIONS, session_number
from resources.lineage import require_inputs
from resources.parquet_lake import ParquetLake

RETRACEMENT = 0.382
"""Share of a confirmed pattern's log range that the move against its last leg is expected to retrace."""

SAME_PRICE = 1e-9
"""Largest relative difference of two prices that are one price in two adjustments."""

NO_REWARD = "setup without risk_reward"
NO_BAR = "bar found faulty later"
OTHER_BAR = "bar replaced later"
NO_TARGET = "no target left"
"""Why a pattern is left out; the first reason that holds is told."""

IDENTITY = ("session", "symbol", "pattern_id", "class", "direction", "degree", "status", "legs", "score", "p_value")
"""Columns of `patterns` that those of its outcomes repeat."""

COLUMNS = (*IDENTITY, "pivots", "targets", "invalidation", "risk_reward")
"""Columns of `patterns` that entries are made from."""

_CONFIRMED, _SETUP = "confirmed", "setup"


@dataclass(frozen=True)
class EntryBars:
    """The bars that entries are made on, as known at the last session of the panel.

    Attributes:
        panel: R symbols over T sessions.
        splits: float64 [R, T], new shares at the last session for one at each session.
        members: bool [R, T], who belongs to the universe; False on sessions that nothing is entered on.
    """

    panel: PricePanel
    splits: Float64Array2D
    members: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PatternEntries:
    """E entries, in the order of the tables.

    Attributes:
        identity: the columns `IDENTITY` of the patterns.
        entries: with levels in the adjustment of the panel.
        stage: int64 [E], index into `kernels.waves.STAGES`.
        score: float64 [E], in [0, 1].
        splits: float64 [E]: a price of the panel times this is one as of the session at which the pattern was known.
        left_out: how many patterns aren't among them, by reason.
    """

    identity: pa.Table
    entries: Entries
    stage: npt.NDArray[np.int64]
    score: Float64Array1D
    splits: Float64Array1D
    left_out: dict[str, int]


def load_entry_bars(lake: ParquetLake, first: date, last: date, judged: list[str]) -> EntryBars:
    """Load the bars of the sessions `first` to `last`, and the universe of the sessions `judged`, ISO dates.

    Raises:
        MissingHistoryError: a session has no prices, no quarantine or no universe.
    """
    history = lake.history(first, last)
    panel = as_of_panel(history)
    splits = np.ones(panel.close.shape)
    # In the order in which the panel multiplies them: the levels are then divided by the very floats the bars are.
    splits[:, :-1] = np.cumprod(history.split_ratio[:, :0:-1], axis=1)[:, ::-1]
    require_inputs(lake, "universe", judged)
    symbols, members = np.array(panel.symbols, dtype=np.str_), np.zeros(panel.close.shape, dtype=np.bool_)
    for key in judged:
        row, there = _found(symbols, _strings(lake.read("universe", key, ["symbol"])["symbol"]))
        members[row[there], np.searchsorted(panel.sessions, np.datetime64(key))] = True
    return EntryBars(panel, splits, members)


def known_patterns(table: pa.Table, session: date) -> pa.Table:
    """The rows of confirmed patterns and setups that became known on a session: the last pivot is of the one before.

    Args:
        table: `patterns` of that session, at least `COLUMNS`.
        session: an exchange session but the first of the calendar.

    Raises:
        SessionError: `session` is no exchange session.
    """
    before = ALL_SESSIONS[session_number(session) - 1]
    last = _last_pivots(table["pivots"].combine_chunks())
    entered = pc.is_in(table["status"], pa.array([_CONFIRMED, _SETUP]))
    return table.select(COLUMNS).filter(pc.and_(entered, pa.chunked_array([pa.array(last == before)])))


def _last_pivots(pivots: pa.ListArray) -> npt.NDArray[np.datetime64]:
    """The session of the last pivot of each list, `datetime64[D]`."""
    sessions = pivots.values.field("session").to_numpy(zero_copy_only=False)
    last: npt.NDArray[np.datetime64] = sessions[pivots.offsets.to_numpy()[1:] - 1]
    return last


def pattern_entries(known: pa.Table, bars: EntryBars) -> PatternEntries:
    """Make an entry of each pattern that can be traded.

    A setup is entered with the wave that it expects, to the nearest of its targets that the close hasn't reached, out
    at its invalidation. A confirmed pattern is entered against its last leg: out at the price of its last pivot, to the
    price from there that retraces `RETRACEMENT` of its log range, highest to lowest pivot.

    Args:
        known: of `known_patterns`, of any sessions of the panel.
        bars: of these sessions and of all pivots.

    Returns:
        The entries; left out are setups without `risk_reward`, and patterns with a pivot, or a session of their own,
        whose bar the panel doesn't have any more, or has with another price.
    """
    panel, pivots = bars.panel, _pivots(known["pivots"].combine_chunks())
    row, listed = _found(np.array(panel.symbols, dtype=np.str_), _strings(known["symbol"]))
    column, dated = _found(panel.sessions, known["session"].to_numpy())
    splits, close = bars.splits[row, column], panel.close[row, column]
    there, same = _still_there(panel, row, splits, pivots)
    there &= listed & dated & np.isfinite(close)

    setup = _strings(known["status"]) == _SETUP
    direction, legs = (known[name].to_numpy().astype(np.int64) for name in ("direction", "legs"))
    side = np.where(setup & (legs % 2 == 0), direction, -direction)
    last, target = _confirmed_levels(pivots, side)
    nearest = _nearest(_padded(known["targets"].combine_chunks()) / splits[:, np.newaxis], close, side)
    target = np.where(setup, nearest, target / splits)
    invalidation = np.where(setup, known["invalidation"].to_numpy(), last) / splits

    unpaid = setup & np.isnan(known["risk_reward"].to_numpy())
    reasons = {NO_REWARD: unpaid, NO_BAR: ~there, OTHER_BAR: ~same, NO_TARGET: np.isnan(target)}
    reason = np.select(list(reasons.values()), range(len(reasons)), -1)
    kept = reason < 0
    entries = Entries(
        row=row[kept].astype(np.int32),
        known=column[kept].astype(np.int32),
        side=side[kept].astype(np.int8),
        target=target[kept],
        invalidation=invalidation[kept],
    )
    classes = pc.index_in(known["class"], pa.array(CLASS_NAMES)).to_numpy()
    counts = np.bincount(reason[~kept], minlength=len(reasons)).tolist()
    return PatternEntries(
        identity=known.select(IDENTITY).filter(kept),
        entries=entries,
        stage=stage_index(classes, legs)[kept],
        score=known["score"].to_numpy()[kept],
        splits=splits[kept],
        left_out={name: count for name, count in zip(reasons, counts, strict=True) if count},
    )


@dataclass(frozen=True)
class _Pivots:
    """The pivots of N patterns, [N, MAX_LEGS + 1] each: NaT, NaN and False after the last of a pattern.

    Attributes:
        legs: int [N].
    """

    legs: npt.NDArray[np.intp]
    session: npt.NDArray[np.datetime64]
    price: Float64Array2D
    high: npt.NDArray[np.bool_]


def _pivots(lists: pa.ListArray) -> _Pivots:
    counts = np.diff(lists.offsets.to_numpy())
    cells = np.arange(MAX_LEGS + 1) < counts[:, np.newaxis]
    flat = lists.flatten()
    session = np.full(cells.shape, np.datetime64("NaT", "D"))
    price, high = np.full(cells.shape, np.nan), np.zeros(cells.shape, dtype=np.bool_)
    session[cells] = flat.field("session").to_numpy(zero_copy_only=False)
    price[cells] = flat.field("price").to_numpy()
    high[cells] = _strings(flat.field("kind")) == "high"
    return _Pivots(counts - 1, session, price, high)


def _padded(lists: pa.ListArray) -> Float64Array2D:
    """Lists of numbers as rows, NaN after the last."""
    counts = np.diff(lists.offsets.to_numpy())
    cells = np.arange(counts.max(initial=0)) < counts[:, np.newaxis]
    padded = np.full(cells.shape, np.nan)
    padded[cells] = lists.flatten().to_numpy()
    return padded


def _found(known: npt.NDArray[Any], asked: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """The places of values in a sorted array, and which of them are there; place 0 where one isn't."""
    places = np.searchsorted(known, asked)
    places[places == len(known)] = 0
    there = known[places] == asked
    return np.where(there, places, 0), there


def _still_there(
    panel: PricePanel, row: npt.NDArray[np.intp], splits: Float64Array1D, pivots: _Pivots
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether the panel has the bars of all pivots, and whether none that it has is of another price."""
    column, dated = _found(panel.sessions, pivots.session)
    rows = row[:, np.newaxis]
    price = np.where(pivots.high, panel.high[rows, column], panel.low[rows, column])
    price = np.where(dated, price * splits[:, np.newaxis], np.nan)
    there = np.isnat(pivots.session) | ~np.isnan(price)
    other = np.abs(price - pivots.price) > SAME_PRICE * pivots.price
    return np.asarray(there.all(axis=1)), np.asarray(~other.any(axis=1))


def _confirmed_levels(pivots: _Pivots, side: npt.NDArray[np.int64]) -> tuple[Float64Array1D, Float64Array1D]:
    """The price of the last pivot, and the one that retraces the range from there."""
    last = pivots.price[np.arange(len(side)), pivots.legs]
    logs = np.log(pivots.price)
    log_range = np.nanmax(logs, axis=1, initial=-np.inf) - np.nanmin(logs, axis=1, initial=np.inf)
    return last, last * np.exp(side * RETRACEMENT * log_range)


def _nearest(targets: Float64Array2D, close: Float64Array1D, side: npt.NDArray[np.int64]) -> Float64Array1D:
    """The nearest of the targets that the close hasn't reached; NaN where there is none."""
    ahead = (targets - close[:, np.newaxis]) * side[:, np.newaxis]
    way = np.where(ahead > 0.0, ahead, np.inf)
    if not way.shape[1]:
        return np.full(len(close), np.nan)
    place = way.argmin(axis=1)[:, np.newaxis]
    found = np.take_along_axis(np.where(np.isfinite(way), targets, np.nan), place, axis=1)
    nearest: Float64Array1D = found[:, 0]
    return nearest


def _strings(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.str_]:
    return np.array(column.to_pylist(), dtype=np.str_)
