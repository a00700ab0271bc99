"""Which patterns come first: those least like chance."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

ORDER = [("p_value", "ascending"), ("score", "descending"), ("pattern_id", "ascending")]
"""Scores of different classes and numbers of legs can be compared by their p-values only. Unknown ones come last."""


def best_first(patterns: pa.Table, status: str) -> pa.Table:
    """The patterns of one status in `ORDER`."""
    rows = patterns.filter(pc.equal(patterns["status"], status))
    columns = {name: rows[name] for name, _ in ORDER}
    return rows.take(pc.sort_indices(pa.table(columns), sort_keys=ORDER))


def distinct(patterns: pa.Table, count: int) -> list[dict[str, Any]]:
    """The first `count` rows; of those of one symbol on the very same pivots only the first."""
    seen: set[tuple[object, ...]] = set()
    chosen: list[dict[str, Any]] = []
    for row in _rows(patterns):
        path = (row["symbol"], *(pivot["session"] for pivot in row["pivots"]))
        if path not in seen:
            seen.add(path)
            chosen.append(row)
        if len(chosen) == count:
            break
    return chosen


def _rows(table: pa.Table, at_once: int = 64) -> Iterator[dict[str, Any]]:
    """The rows, converted a few at a time: most are never looked at."""
    for begin in range(0, table.num_rows, at_once):
        yield from table.slice(begin, at_once).to_pylist()
