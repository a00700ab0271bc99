"""Every cell of the table of patterns is where its array says, and parts are there once."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kernels.waves import (
    CLASS_NAMES,
    CLASSES,
    COMPONENTS,
    CONFIRMED,
    NO_LEG,
    NOT_RESOLVED,
    RESOLVED,
    SETUP,
    UNRESOLVED,
    Patterns,
    Scan,
    pattern_ids,
)
from resources.calendar import sessions
from resources.contracts import PATTERNS
from resources.pattern_table import PatternTables

DAYS = sessions(date(2018, 1, 2), date(2018, 3, 29))
RULES = max(len(declared.rules) for declared in CLASSES.values())
# Class, status, pivots and children of each pattern. Symbol A holds 0 to 5, symbol B 6 and 7.
WAVES: list[tuple[str, int, list[int], list[int]]] = [
    ("impulse", CONFIRMED, [1, 9, 15, 30, 34, 40], [1, 2, -1, -1, 3]),
    ("contracting_diagonal", CONFIRMED, [1, 3, 5, 7, 8, 9], [-1, -1, -1, -1, -1]),
    ("zigzag", CONFIRMED, [9, 11, 13, 15], [-1, 4, -1]),
    ("expanding_diagonal", CONFIRMED, [34, 35, 36, 37, 38, 40], [-1, -1, -1, -1, -1]),
    ("zigzag", CONFIRMED, [11, 12, 12, 13], [-1, -1, -1]),
    ("impulse", SETUP, [1, 9, 15], [1, 2]),
    ("zigzag", CONFIRMED, [2, 6, 8, 12], [-1, -1, -1]),
    ("contracting_triangle", SETUP, [2, 6, 8, 12, 14], [-1, 6, -1, -1]),
]
SYMBOLS = np.array(["A"] * 6 + ["B"] * 2)


def _padded(rows: list[list[int]], width: int, filling: int) -> np.ndarray:
    return np.array([row + [filling] * (width - len(row)) for row in rows], dtype=np.int32)


def _patterns() -> Patterns:
    """Every number tells its pattern."""
    count = len(WAVES)
    legs = np.array([len(pivots) - 1 for _, _, pivots, _ in WAVES])
    pivots = _padded([wave[2] for wave in WAVES], 6, -1)
    child = _padded([wave[3] for wave in WAVES], 5, -1)
    resolution = np.where(child >= 0, RESOLVED, NOT_RESOLVED).astype(np.int8)
    resolution[1, 0] = UNRESOLVED
    resolution[np.arange(5) >= legs[:, None]] = NO_LEG
    numbers = np.arange(count, dtype=np.float64)
    index = np.array([CLASS_NAMES.index(wave[0]) for wave in WAVES], dtype=np.int8)
    rules = np.array([len(declared.rules) for declared in CLASSES.values()])[index]
    margins = numbers[:, None] / 10.0 + np.arange(RULES) / 100.0
    margins[np.arange(RULES) >= rules[:, None]] = np.nan
    margins[5, 2:] = np.nan
    setups = np.array([wave[1] for wave in WAVES]) == SETUP
    targets = np.full((count, 3), np.nan)
    targets[5] = [110.0, np.nan, 130.0]
    targets[7] = [120.0, np.nan, np.nan]
    return Patterns(
        series=np.array([0] * 6 + [1] * 2, dtype=np.int32),
        class_index=index,
        direction=np.array([1, 1, -1, 1, 1, 1, -1, -1], dtype=np.int8),
        status=np.array([wave[1] for wave in WAVES], dtype=np.int8),
        legs=legs.astype(np.int8),
        pivots=pivots,
        prices=np.where(pivots >= 0, 100.0 + pivots + numbers[:, None] / 8.0, np.nan),
        score=numbers / 10.0,
        components=np.where(np.arange(len(COMPONENTS)) == 1, np.nan, numbers[:, None] / 20.0),
        margins=margins,
        degree=np.array([2, 0, 1, 0, 0, 2, 0, 1], dtype=np.int8),
        resolution=resolution,
        child=child,
        targets=targets,
        invalidation=np.where(setups, 95.0 + numbers, np.nan),
    )


def _scan(selections: list[tuple[int, int, int, float]]) -> Scan:
    """Selections are (origin, pattern, rank, line target)."""
    origin, pattern, rank, line = zip(*selections, strict=True) if selections else ((), (), (), ())
    nothing = np.zeros(3, dtype=np.int64)
    return Scan(
        patterns=_patterns(),
        origin=np.array(origin, dtype=np.int32),
        pattern=np.array(pattern, dtype=np.int32),
        rank=np.array(rank, dtype=np.int16),
        line_target=np.array(line, dtype=np.float64),
        candidates=nothing,
        standing=nothing,
        backend="cpu",
        reason="",
    )


# Origin 0 is A on the first session, origins 1 and 2 are A and B on the second.
SCAN = _scan(
    [(0, 0, 1, np.nan), (0, 5, 1, np.nan), (1, 2, 1, np.nan), (1, 0, 2, np.nan), (1, 5, 1, 105.0), (2, 7, 1, 112.0)]
)
CLOSE = np.array([100.0, 102.0, 105.0])
IDS = pattern_ids(SYMBOLS.tolist(), [wave[0] for wave in WAVES], SCAN.patterns.direction, SCAN.patterns.pivots, DAYS)


def _rows(chosen: list[int], top_n: int = 5, scan: Scan = SCAN) -> list[dict[str, Any]]:
    tables = PatternTables(scan, SYMBOLS, DAYS, CLOSE, top_n)
    table = tables.table(DAYS[45], np.array(chosen, dtype=np.intp))
    PATTERNS.enforce(table, str(DAYS[45]))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _ids(rows: list[dict[str, Any]], *statuses: str) -> list[int]:
    return [IDS.index(row["pattern_id"]) for row in rows if row["status"] in statuses]


def test_selections_come_first_and_then_each_descendant_once() -> None:
    rows = _rows([0, 1])
    assert [row["status"] for row in rows] == ["confirmed", "setup", "part", "part", "part", "part"]
    assert _ids(rows, "confirmed", "setup") == [0, 5]
    assert _ids(rows, "part") == [1, 2, 3, 4]
    assert [row["rank"] for row in rows] == [1, 1, None, None, None, None]


def test_a_descendant_that_is_confirmed_itself_is_no_part_but_its_own_parts_are() -> None:
    rows = _rows([2, 3, 4, 5])
    assert _ids(rows, "confirmed") == [2, 0]
    assert _ids(rows, "part") == [1, 3, 4, 6]
    assert {row["symbol"] for row in rows if row["status"] == "part"} == {"A", "B"}


def test_the_parts_of_a_session_depend_on_its_own_selections_only() -> None:
    assert _ids(_rows([5]), "part") == [6]
    assert _ids(_rows([1]), "part") == [1, 2, 4]


@pytest.mark.parametrize(("top_n", "parts"), [(0, []), (1, [4]), (2, [1, 3, 4])])
def test_only_selections_of_the_wanted_rank_bring_their_parts(top_n: int, parts: list[int]) -> None:
    assert _ids(_rows([2, 3], top_n), "part") == parts


def test_a_setup_without_parts_in_the_table_still_names_its_children() -> None:
    (row,) = _rows([1], top_n=0)
    assert [each["child_id"] for each in row["subdivisions"]] == [IDS[1], IDS[2]]


def test_each_leg_says_what_is_known_of_it() -> None:
    impulse, diagonal = _rows([0])[:2]
    assert impulse["subdivisions"] == [
        {"resolved": "yes", "child_id": IDS[1], "child_class": "contracting_diagonal", "position": "leading"},
        {"resolved": "yes", "child_id": IDS[2], "child_class": "zigzag", "position": None},
        {"resolved": "no", "child_id": None, "child_class": None, "position": None},
        {"resolved": "no", "child_id": None, "child_class": None, "position": None},
        {"resolved": "yes", "child_id": IDS[3], "child_class": "expanding_diagonal", "position": "ending"},
    ]
    assert [each["resolved"] for each in diagonal["subdivisions"]] == ["unresolved", "no", "no", "no", "no"]


def test_every_other_cell_is_that_of_its_pattern() -> None:
    for row in _rows([0, 1]):
        index = IDS.index(row["pattern_id"])
        name, _, pivots, _ = WAVES[index]
        patterns = SCAN.patterns
        assert (row["session"], row["symbol"], row["class"]) == (DAYS[45].item(), "A", name)
        assert (row["direction"], row["degree"]) == (patterns.direction[index], patterns.degree[index])
        assert (row["legs"], row["score"]) == (len(pivots) - 1, index / 10.0)
        assert [row[component] for component in COMPONENTS] == [
            None if place == 1 else index / 20.0 for place in range(len(COMPONENTS))
        ]
        assert [pivot["session"] for pivot in row["pivots"]] == [DAYS[bar].item() for bar in pivots]
        assert [pivot["price"] for pivot in row["pivots"]] == patterns.prices[index, : len(pivots)].tolist()
        kinds = ["low", "high"] * 3 if patterns.direction[index] > 0 else ["high", "low"] * 3
        assert [pivot["kind"] for pivot in row["pivots"]] == kinds[: len(pivots)]
        margins = patterns.margins[index, : len(CLASSES[name].rules)].tolist()
        assert row["margins"] == [None if margin != margin else margin for margin in margins]
        assert (row["p_value"], row["q_value"]) == (None, None)


def test_a_setup_has_its_targets_its_invalidation_and_what_it_is_worth_today() -> None:
    first, second = _rows([1])[0], _rows([4])[0]
    assert (first["targets"], second["targets"]) == ([110.0, 130.0], [110.0, 130.0, 105.0])
    assert first["invalidation"] == second["invalidation"] == 100.0
    # On the first session the close is at the invalidation; on the second the line is the nearest target.
    assert (first["risk_reward"], second["risk_reward"]) == (None, 1.5)
    (falling, *_) = _rows([5])
    assert (falling["targets"], falling["invalidation"], falling["risk_reward"]) == ([120.0, 112.0], 102.0, None)


def test_a_session_without_selections_is_a_table_without_rows() -> None:
    assert _rows([]) == []
    assert _rows([], scan=_scan([])) == []


def test_a_table_comes_back_from_a_file_as_it_was() -> None:
    table = PatternTables(SCAN, SYMBOLS, DAYS, CLOSE, 5).table(DAYS[45], np.arange(6)[:2])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    assert pq.read_table(pa.BufferReader(sink.getvalue())).cast(PATTERNS.schema).equals(table)
