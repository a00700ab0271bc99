"""From the wave kernel's arrays to the `patterns` table."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.panel import Float64Array1D, SessionArray1D
from kernels.waves import (
    CLASS_NAMES,
    CLASSES,
    COMPONENTS,
    NO_LEG,
    NOT_RESOLVED,
    RESOLVED,
    UNRESOLVED,
    Patterns,
    Scan,
    pattern_ids,
    risk_reward,
)
from kernels.waves.classes import DIAGONALS
from resources.contracts import PATTERNS

STATUSES = ("confirmed", "setup", "part")
_PART = STATUSES.index("part")
SIGNIFICANCE_COLUMNS = ("p_value", "q_value", "null_model", "surrogates", "null_through")
"""Unknown in these tables; `significance.with_significance` fills them."""

_BY_SESSION = ("session", "status", "rank", "targets", "risk_reward")
_RESOLUTIONS = {UNRESOLVED: "unresolved", NOT_RESOLVED: "no", RESOLVED: "yes"}
_POSITIONS = ("leading", "ending")

Indexes = npt.NDArray[np.intp]


class PatternTables:
    """The tables of one scan, session by session.

    Most patterns stand for many sessions, so each one's columns are made once and then picked by session.
    """

    def __init__(
        self, scan: Scan, symbols: npt.NDArray[np.str_], sessions: SessionArray1D, close: Float64Array1D, top_n: int
    ) -> None:
        """Make the columns.

        Args:
            scan: what was found.
            symbols: str [P], the symbol of each pattern.
            sessions: `datetime64[D]` [T], what the pivots are indexes into.
            close: float64 [E], each origin's close in dollars, adjusted like the scanned bars; NaN where it has no bar.
            top_n: confirmed patterns and setups of this rank or better have all their descendants in the table.
        """
        self._scan = scan
        self._close = close
        self._top_n = top_n
        self._columns = _columns(scan.patterns, symbols, sessions)

    def table(self, session: np.datetime64, chosen: Indexes) -> pa.Table:
        """The table of one session: its selections, then the parts of the best ones.

        Args:
            session: `datetime64[D]`.
            chosen: int [n], all selections of the session's origins, in the order of the rows. The table is a function
                of these alone.
        """
        patterns = self._scan.patterns
        selected = self._scan.pattern[chosen]
        parts = self._parts(selected, self._scan.rank[chosen])
        count = len(parts)
        pattern = np.concatenate([selected, parts])
        status = np.concatenate([patterns.status[selected], np.full(count, _PART, np.int8)])
        line = np.concatenate([self._scan.line_target[chosen], np.full(count, np.nan)])
        targets = np.column_stack([patterns.targets[pattern], line])
        there = np.isfinite(targets)
        worth = risk_reward(
            self._close[self._scan.origin[chosen]],
            targets[: len(chosen)],
            patterns.invalidation[selected],
            np.where(patterns.legs[selected] % 2 == 0, 1, -1) * patterns.direction[selected],
        )
        by_session = {
            "session": pa.array(np.full(len(pattern), session)),
            "status": _words(STATUSES, status),
            "rank": pa.concat_arrays([pa.array(self._scan.rank[chosen].astype(np.int32)), pa.nulls(count, pa.int32())]),
            "targets": _lists(there.sum(axis=1), pa.array(targets[there])),
            "risk_reward": pa.concat_arrays([pa.array(worth, from_pandas=True), pa.nulls(count, pa.float64())]),
        }
        picked = self._columns.take(pa.array(pattern))
        columns = [by_session[name] if name in by_session else picked[name] for name in PATTERNS.schema.names]
        return pa.Table.from_arrays(columns, schema=PATTERNS.schema)

    def _parts(self, selected: npt.NDArray[np.int32], rank: npt.NDArray[np.int16]) -> Indexes:
        """The descendants of the best selected patterns, without the confirmed ones, which have their row already."""
        patterns = self._scan.patterns
        reached = np.zeros(len(patterns.score), dtype=np.bool_)
        found = selected[rank <= self._top_n]
        while found.size:
            children = patterns.child[found]
            children = children[children >= 0]
            found = np.unique(children[~reached[children]])
            reached[found] = True
        reached[selected] = False
        return np.flatnonzero(reached)


def _columns(patterns: Patterns, symbols: npt.NDArray[np.str_], sessions: SessionArray1D) -> pa.Table:
    """The columns that a pattern has on every session."""
    count = len(symbols)
    there = patterns.pivots >= 0
    lows = (np.arange(there.shape[1]) % 2 == 0) == (patterns.direction == 1)[:, None]
    pivot = _structs(
        "pivots",
        pa.array(sessions[patterns.pivots[there]]),
        pa.array(patterns.prices[there]),
        _words(("high", "low"), lows[there]),
    )
    rules = np.array([len(declared.rules) for declared in CLASSES.values()])[patterns.class_index]
    ruled = np.arange(patterns.margins.shape[1]) < rules[:, None]
    names = _words(CLASS_NAMES, patterns.class_index)
    ids = pa.array(
        pattern_ids(symbols.tolist(), names.to_pylist(), patterns.direction, patterns.pivots, sessions), pa.string()
    )
    table = PATTERNS.table(
        {
            "session": np.zeros(count, "datetime64[D]"),
            "symbol": symbols,
            "pattern_id": ids,
            "class": names,
            "direction": patterns.direction,
            "degree": patterns.degree,
            "status": _words(STATUSES, patterns.status),
            "legs": patterns.legs,
            "rank": pa.nulls(count, pa.int32()),
            "pivots": _lists(there.sum(axis=1), pivot),
            "subdivisions": _subdivisions(patterns, ids),
            "score": patterns.score,
            **{name: patterns.components[:, index] for index, name in enumerate(COMPONENTS)},
            "margins": _lists(rules, pa.array(patterns.margins[ruled], from_pandas=True)),
            "targets": _lists(np.zeros(count, np.intp), pa.array([], pa.float64())),
            "invalidation": patterns.invalidation,
            "risk_reward": pa.nulls(count, pa.float64()),
            **{name: pa.nulls(count, PATTERNS.schema.field(name).type) for name in SIGNIFICANCE_COLUMNS},
        }
    )
    return table.drop_columns(list(_BY_SESSION))


def _subdivisions(patterns: Patterns, ids: pa.Array) -> pa.ListArray:
    """For each leg of each pattern, whether it is resolved, and by which pattern."""
    there = patterns.resolution != NO_LEG
    parent, leg = np.nonzero(there)
    child = patterns.child[there]
    childless = child < 0
    child_class = patterns.class_index[child]
    position = _position_of_diagonals()[patterns.class_index[parent], leg]
    position[childless | ~np.isin(child_class, [CLASS_NAMES.index(name) for name in DIAGONALS])] = -1
    words = _structs(
        "subdivisions",
        _words(tuple(_RESOLUTIONS.values()), np.searchsorted(list(_RESOLUTIONS), patterns.resolution[there])),
        ids.take(pa.array(child, mask=childless)),
        _words(CLASS_NAMES, np.where(childless, -1, child_class)),
        _words(_POSITIONS, position),
    )
    return _lists(there.sum(axis=1), words)


def _position_of_diagonals() -> npt.NDArray[np.int8]:
    """What a diagonal is called as each leg of each class, int8 [classes, legs]: index into `_POSITIONS`, or -1."""
    positions = np.full((len(CLASSES), max(len(each.legs) for each in CLASSES.values())), -1, np.int8)
    for index, declared in enumerate(CLASSES.values()):
        for leg, kinds in enumerate(declared.legs):
            if kinds.position:
                positions[index, leg] = _POSITIONS.index(kinds.position)
    return positions


def _words(words: tuple[str, ...], index: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> pa.Array:
    """The words at `index`, null where it is negative."""
    index = index.astype(np.int8)
    return pa.array(words, pa.string()).take(pa.array(index, mask=index < 0))


def _structs(column: str, *parts: pa.Array) -> pa.StructArray:
    """The values of a column of lists of structs."""
    return pa.StructArray.from_arrays(list(parts), fields=list(PATTERNS.schema.field(column).type.value_type))


def _lists(counts: npt.NDArray[np.integer], values: pa.Array) -> pa.ListArray:
    """A list array whose lists have `counts` values each."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
