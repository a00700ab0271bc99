"""From the wave kernel's arrays to the `patterns` table."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.panel import SessionArray1D
from kernels.waves import CLASS_NAMES, COMPONENTS, MARGINS, Selected, pattern_ids
from resources.contracts import PATTERNS

STATUSES = ("confirmed", "setup")
_BY_SESSION = ("session", "rank", "targets")


class PatternTables:
    """The tables of one scan, session by session.

    Most patterns stand for many sessions, so each one's columns are made once and then picked by session.
    """

    def __init__(self, selected: Selected, symbols: npt.NDArray[np.str_], sessions: SessionArray1D) -> None:
        """Make the columns.

        Args:
            selected: what the scan found.
            symbols: str [P], the symbol of each distinct pattern.
            sessions: `datetime64[D]` [T], what the pivots are indexes into.
        """
        self._selected = selected
        self._columns = _columns(selected, symbols, sessions)

    def table(self, session: np.datetime64, chosen: npt.NDArray[np.intp]) -> pa.Table:
        """The table of one session.

        Args:
            session: `datetime64[D]`.
            chosen: int [n], the session's selections, in the order of the rows.
        """
        pattern = self._selected.pattern[chosen]
        targets = self._selected.distinct.targets[pattern]
        targets[:, -1] = self._selected.channel_target[chosen]
        there = np.isfinite(targets)
        by_session = {
            "session": pa.array(np.full(len(chosen), session)),
            "rank": pa.array(self._selected.rank[chosen].astype(np.int32)),
            "targets": _lists(there.sum(axis=1), pa.array(targets[there])),
        }
        picked = self._columns.take(pa.array(pattern))
        columns = [by_session[name] if name in by_session else picked[name] for name in PATTERNS.schema.names]
        return pa.Table.from_arrays(columns, schema=PATTERNS.schema)


def _columns(selected: Selected, symbols: npt.NDArray[np.str_], sessions: SessionArray1D) -> pa.Table:
    """The columns that a pattern has on every session."""
    patterns = selected.distinct
    count = len(symbols)
    there = patterns.pivots >= 0
    lows = (np.arange(there.shape[1]) % 2 == 0) == (patterns.direction == 1)[:, None]
    pivot = pa.StructArray.from_arrays(
        [
            pa.array(sessions[patterns.pivots[there]]),
            pa.array(patterns.prices[there]),
            pa.array(np.where(lows, "low", "high")[there], pa.string()),
        ],
        fields=list(PATTERNS.schema.field("pivots").type.value_type),
    )
    names = np.array(CLASS_NAMES)[patterns.class_index]
    ids = pattern_ids(symbols.tolist(), names.tolist(), patterns.direction, patterns.pivots, sessions)
    table = PATTERNS.table(
        {
            "session": np.zeros(count, "datetime64[D]"),
            "symbol": symbols,
            "pattern_id": ids,
            "class": names,
            "direction": patterns.direction,
            "degree": pa.nulls(count, pa.int8()),
            "status": np.array(STATUSES)[patterns.status],
            "legs": patterns.legs,
            "rank": np.ones(count, np.int32),
            "pivots": _lists(there.sum(axis=1), pivot),
            "score": patterns.score,
            **{name: patterns.components[:, index] for index, name in enumerate(COMPONENTS)},
            **{f"margin_{name}": patterns.margins[:, index] for index, name in enumerate(MARGINS)},
            "targets": _lists(np.zeros(count, np.intp), pa.array([], pa.float64())),
            "invalidation": patterns.invalidation,
            "p_value": pa.nulls(count, pa.float64()),
            "q_value": pa.nulls(count, pa.float64()),
        }
    )
    return table.drop_columns(list(_BY_SESSION))


def _lists(counts: npt.NDArray[np.intp], values: pa.Array) -> pa.Array:
    """A list array whose lists have `counts` values each."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
