"""p- and q-values of a session, compared with their definitions over a list of every test that was made."""

import json
import math
import shlex
from bisect import bisect_right
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.nulls import NullHistograms
from kernels.waves import CLASS_NAMES, CLASSES, COMPONENTS, STAGES, ScanSettings
from resources.calendar import sessions
from resources.contracts import PATTERNS
from resources.null_table import TABLE, NullDistributions, NullModel, null_table
from resources.pattern_table import SIGNIFICANCE_COLUMNS
from resources.significance import Nulls, with_significance
from tests.lake_rows import WRITTEN

SESSION = date(2018, 2, 7)
THROUGH = date(2017, 12, 29)
DAYS = sessions(date(2017, 1, 3), SESSION)
MODEL = NullModel(date(2018, 1, 1), THROUGH, "block", 20.0, 7, None, 504)
LENGTHS, BUCKETS, BINS = (63, 126), (21, 63, 126), 10
SURROGATES = (9_999, 19_999)
ZIGZAG = CLASS_NAMES.index("zigzag")
SETUP = next(place for place, stage in enumerate(STAGES) if place >= len(CLASS_NAMES) and stage.name == "impulse")
WINDOWS = {"A": 63, "B": 126, "C": 126, "UNKNOWN": 252, "DROPPED": 0}


class Row(NamedTuple):
    symbol: str
    stage: int
    direction: int
    span: int
    score: float


def distributions(seed: int = 1, most: int = 6, **model: Any) -> NullDistributions:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most, (len(LENGTHS), len(STAGES), 2, len(BUCKETS), BINS + 1), endpoint=True)
    # The same number of surrogates in each cell of a length; most have no such pattern, so p-values are small.
    counts[..., -1] = np.reshape(SURROGATES, (2, 1, 1, 1)) - counts[..., :-1].sum(axis=-1)
    histograms = NullHistograms(counts, BUCKETS, "cpu", "")
    lengths, symbols = np.array(LENGTHS, np.int32), np.array([5, 6], np.int32)
    return NullDistributions(replace(MODEL, **model), lengths, symbols, histograms)


def patterns_of(rows: list[Row]) -> pa.Table:
    """The table of a session with these patterns, a pivot each few sessions; what says nothing here is made up."""
    kinds = [STAGES[row.stage] for row in rows]
    status = ["setup" if row.stage >= len(CLASS_NAMES) else ("part", "confirmed")[row.span % 2] for row in rows]
    pivots = []
    for row, kind in zip(rows, kinds, strict=True):
        places = np.round(np.linspace(10, 10 + row.span, kind.legs + 1)).astype(int)
        pivots.append([{"session": DAYS[place].item(), "price": 50.0, "kind": "low"} for place in places])
    columns: dict[str, Any] = {
        "session": [SESSION] * len(rows),
        "symbol": [row.symbol for row in rows],
        "pattern_id": [f"{place:04}" for place in range(len(rows))],
        "class": [kind.name for kind in kinds],
        "direction": [row.direction for row in rows],
        "degree": [0] * len(rows),
        "status": status,
        "legs": [kind.legs for kind in kinds],
        "rank": [None] * len(rows),
        "pivots": pivots,
        "subdivisions": [[] for _ in rows],
        "score": [row.score for row in rows],
        **{name: [0.5] * len(rows) for name in COMPONENTS},
        "margins": [[None] * len(CLASSES[kind.name].rules) for kind in kinds],
        "targets": [[] for _ in rows],
        **dict.fromkeys(("invalidation", "risk_reward", *SIGNIFICANCE_COLUMNS), [None] * len(rows)),
    }
    table = PATTERNS.table(columns)
    PATTERNS.enforce(table, SESSION.isoformat())
    return table


def found_in(rows: list[Row], null: NullDistributions | None, windows: dict[str, int] = WINDOWS) -> list[dict]:
    table = with_significance(patterns_of(rows), windows, null)
    PATTERNS.enforce(table, SESSION.isoformat())
    return [{name: row[name] for name in SIGNIFICANCE_COLUMNS} for row in table.to_pylist()]


def p_by_definition(row: Row, null: NullDistributions, windows: dict[str, int]) -> float | None:
    if windows[row.symbol] not in LENGTHS or row.span > BUCKETS[-1]:
        return None
    bucket = next(place for place, edge in enumerate(BUCKETS) if row.span <= edge)
    side = (1, -1).index(row.direction)
    cell = null.histograms.counts[LENGTHS.index(windows[row.symbol]), row.stage, side, bucket].tolist()
    own = min(math.floor(row.score * BINS), BINS - 1)
    as_good = sum(count for place, count in enumerate(cell[:BINS]) if place >= own)
    return (1 + as_good) / (1 + sum(cell))


def q_by_definition(
    rows: list[Row], levels: list[float | None], null: NullDistributions, windows: dict[str, int], confirmed: bool
) -> list[float | None]:
    """Benjamini & Hochberg over one family, of which every test is listed; of the rows of that family, in order."""
    tests: dict[tuple, float] = {}
    stages = [place for place in range(len(STAGES)) if (place < len(CLASS_NAMES)) == confirmed]
    for symbol, window in windows.items():
        longest = min(window, null.model.max_span) - 1
        for stage, direction, bucket in product(stages, (1, -1), range(len(BUCKETS))):
            shortest = 0 if bucket == 0 else BUCKETS[bucket - 1] + 1
            if window in LENGTHS and shortest <= longest:
                tests[symbol, stage, direction, bucket] = 1.0
    family = [(row, level) for row, level in zip(rows, levels, strict=True) if row.stage in stages]
    for row, level in family:
        if level is not None:
            bucket = next(place for place, edge in enumerate(BUCKETS) if row.span <= edge)
            cell = (row.symbol, row.stage, row.direction, bucket)
            tests[cell] = min(tests[cell], level)
    ranked = sorted(tests.values())
    found = []
    for _, level in family:
        if level is None:
            found.append(None)
            continue
        levels_from = {level, *(other for other in ranked if other >= level)}
        found.append(min(1.0, *(len(ranked) * other / bisect_right(ranked, other) for other in levels_from)))
    return found


@st.composite
def drawn_rows(draw: st.DrawFn) -> tuple[list[Row], dict[str, int], int]:
    """Patterns that fit into the windows of their symbols and the longest span of the search."""
    max_span = draw(st.sampled_from([504, 30, 64]))
    windows = {name: length for name, length in WINDOWS.items() if draw(st.integers(0, 4))} or WINDOWS
    symbols = [name for name, length in windows.items() if length]
    if not symbols:
        return [], windows, max_span
    names = draw(st.lists(st.sampled_from(symbols), max_size=25))
    rows = [
        Row(
            name,
            draw(st.sampled_from([ZIGZAG, SETUP]) | st.integers(0, len(STAGES) - 1)),
            draw(st.sampled_from([1, -1])),
            min(draw(st.sampled_from([20, 21, 22, 63, 64]) | st.integers(5, 125)), windows[name] - 1, max_span - 1),
            draw(st.sampled_from([0.0, 0.1, 0.3, 0.55, 0.7, 0.999, 1.0]) | st.floats(0.0, 1.0)),
        )
        for name in names
    ]
    return rows, windows, max_span


@settings(max_examples=40)
@given(asked=drawn_rows(), seed=st.integers(0, 2**32 - 1), most=st.sampled_from([0, 3, 900]))
def test_every_p_and_q_is_that_of_its_definition(asked, seed, most) -> None:
    rows, windows, max_span = asked
    null = distributions(seed, most, max_span=max_span)
    found = found_in(rows, null, windows)
    levels = [p_by_definition(row, null, windows) for row in rows]
    assert [row["p_value"] for row in found] == levels
    for confirmed in (True, False):
        inside = [place for place, row in enumerate(rows) if (row.stage < len(CLASS_NAMES)) == confirmed]
        q_values = q_by_definition(rows, levels, null, windows, confirmed)
        assert [found[place]["q_value"] for place in inside] == q_values
    for row, told in zip(rows, found, strict=True):
        known = [value is not None for value in told.values()]
        assert all(known) or not any(known)
        if all(known):
            assert 0.0 < told["p_value"] <= told["q_value"] * (1 + 1e-12) <= 1.0 + 1e-9
            assert told["null_model"] == "block"
            assert told["null_through"] == THROUGH
            assert told["surrogates"] == null.surrogates[LENGTHS.index(windows[row.symbol])]


def cell_of(null: NullDistributions, length: int, row: Row) -> np.ndarray:
    bucket = int(np.searchsorted(BUCKETS, row.span))
    return null.histograms.counts[LENGTHS.index(length), row.stage, (1, -1).index(row.direction), bucket]


def test_a_score_that_no_surrogate_reaches_has_the_smallest_p_and_it_is_not_zero() -> None:
    null = distributions()
    row = Row("A", ZIGZAG, 1, 20, 0.95)
    cell = cell_of(null, 63, row)
    cell[:] = [10, 10, 10, 10, 10, 10, 10, 10, 10, 0, 9]
    assert cell.sum() == 99
    assert [each["p_value"] for each in found_in([row], null)] == [1 / 100]
    # In the bin of the score counts as as good; no such pattern counts as worse than any.
    assert [each["p_value"] for each in found_in([row._replace(score=0.85)], null)] == [11 / 100]
    assert [each["p_value"] for each in found_in([row._replace(score=0.0)], null)] == [91 / 100]


@pytest.mark.parametrize("field", ["stage", "direction", "span", "symbol"])
def test_a_pattern_is_compared_with_its_own_cell(field) -> None:
    null = distributions()
    row = Row("A", ZIGZAG, 1, 20, 0.95)
    other = row._replace(**{field: {"stage": SETUP, "direction": -1, "span": 22, "symbol": "B"}[field]})
    for each, length in ((row, 63), (other, WINDOWS[other.symbol])):
        cell_of(null, length, each)[BINS - 1] = 0 if each is row else 3
    first, second = (each["p_value"] for each in found_in([row, other], null))
    assert first == p_by_definition(row, null, WINDOWS) != p_by_definition(other, null, WINDOWS) == second


def test_the_span_is_that_of_the_pivots_in_sessions_not_in_days() -> None:
    null = distributions()
    for span, bucket in ((21, 0), (22, 1), (63, 1), (64, 2)):
        row = Row("B", ZIGZAG, 1, span, 0.5)
        cell = null.histograms.counts[1, ZIGZAG, 0, bucket].tolist()
        assert found_in([row], null)[0]["p_value"] == (1 + sum(cell[5:BINS])) / (1 + sum(cell))


def test_tests_are_all_cells_that_fit_and_not_those_with_a_pattern() -> None:
    null = distributions(most=1)
    null.histograms.counts[:] = 0
    null.histograms.counts[..., -1] = 99_999
    alone = found_in([Row("A", ZIGZAG, 1, 20, 0.9)], null, {"A": 63})
    # 63 sessions hold spans up to 62, so two buckets of three fit.
    assert alone[0]["q_value"] == pytest.approx(len(CLASS_NAMES) * 2 * 2 * 1e-5)
    with_others = found_in([Row("A", ZIGZAG, 1, 20, 0.9)], null, WINDOWS)
    assert with_others[0]["q_value"] == pytest.approx(len(CLASS_NAMES) * 2 * (2 + 3 + 3) * 1e-5)
    short = distributions(max_span=22)
    short.histograms.counts[:] = null.histograms.counts
    assert found_in([Row("A", ZIGZAG, 1, 20, 0.9)], short)[0]["q_value"] == pytest.approx(len(CLASS_NAMES) * 6e-5)


def test_setups_are_a_family_of_their_own_and_parts_belong_to_the_confirmed() -> None:
    null = distributions(most=1)
    null.histograms.counts[:] = 0
    null.histograms.counts[..., -1] = 99_999
    part, confirmed = Row("A", ZIGZAG, 1, 20, 0.9), Row("A", ZIGZAG, -1, 21, 0.9)
    setup = Row("A", SETUP, 1, 20, 0.9)
    assert patterns_of([part, confirmed, setup])["status"].to_pylist() == ["part", "confirmed", "setup"]
    found = found_in([part, confirmed, setup], null, {"A": 63})
    expected = [len(CLASS_NAMES) * 4 * 1e-5 / 2] * 2 + [(len(STAGES) - len(CLASS_NAMES)) * 4 * 1e-5]
    assert [row["q_value"] for row in found] == pytest.approx(expected)


def test_a_lesser_pattern_of_a_cell_is_no_second_test() -> None:
    null = distributions()
    best, lesser = Row("A", ZIGZAG, 1, 20, 0.95), Row("A", ZIGZAG, 1, 15, 0.55)
    rival = Row("B", ZIGZAG, 1, 20, 0.45)
    cell_of(null, 63, best)[:] = [0] * 5 + [30] + [0] * 4 + [SURROGATES[0] - 30]
    cell_of(null, 126, rival)[:] = [0] * 4 + [20] + [0] * 5 + [SURROGATES[1] - 20]
    tests = len(CLASS_NAMES) * 2 * (2 + 3 + 3)
    alone = [row["q_value"] for row in found_in([best, rival], null)]
    assert alone == pytest.approx([tests * 1 / 10_000, tests * 21 / 20_000 / 2])
    together = [row["q_value"] for row in found_in([lesser, best, lesser, rival], null)]
    # Its q is what the list would hold if the best of its cell were only as good.
    assert together == pytest.approx([tests * 31 / 10_000 / 2, alone[0], tests * 31 / 10_000 / 2, alone[1]])


def test_where_a_window_has_no_distribution_everything_is_null() -> None:
    rows = [Row("UNKNOWN", ZIGZAG, 1, 20, 0.9), Row("A", ZIGZAG, 1, 20, 0.9), Row("UNKNOWN", SETUP, -1, 60, 0.1)]
    unknown, known, also_unknown = found_in(rows, distributions())
    assert unknown == also_unknown == dict.fromkeys(SIGNIFICANCE_COLUMNS)
    assert known["p_value"] is not None
    assert found_in([rows[1]], distributions()) == [known]


def test_a_span_beyond_the_last_edge_is_in_no_cell() -> None:
    [found] = found_in([Row("LONG", ZIGZAG, 1, 130, 0.9)], distributions(), {"LONG": 126})
    assert found == dict.fromkeys(SIGNIFICANCE_COLUMNS)


def test_without_a_null_model_everything_is_null_even_what_was_known() -> None:
    rows = [Row("A", ZIGZAG, 1, 20, 0.9), Row("B", SETUP, 1, 20, 0.9)]
    known = with_significance(patterns_of(rows), WINDOWS, distributions())
    assert known["p_value"].null_count == 0
    again = with_significance(known, WINDOWS, None)
    PATTERNS.enforce(again, SESSION.isoformat())
    assert again.equals(patterns_of(rows))


def test_a_session_without_patterns_is_a_table_without_rows() -> None:
    assert found_in([], distributions()) == found_in([], None) == []


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_the_other_columns_stay_and_the_pieces_of_the_table_change_nothing(cut) -> None:
    null = distributions()
    rows = [Row("B", ZIGZAG, 1, 20, 0.9), Row("A", SETUP, 1, 20, 0.8), Row("A", ZIGZAG, -1, 61, 0.7)]
    whole = with_significance(patterns_of(rows), WINDOWS, null)
    table = patterns_of(rows)
    assert whole.drop_columns(list(SIGNIFICANCE_COLUMNS)).equals(table.drop_columns(list(SIGNIFICANCE_COLUMNS)))
    pieces = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    assert with_significance(pieces, WINDOWS, null).equals(whole)
    behind = patterns_of([Row("C", SETUP, 1, 40, 0.2), *rows]).slice(1)
    assert with_significance(behind, WINDOWS, null)["q_value"].equals(whole["q_value"])


@pytest.fixture
def calibrated(lake):
    lake.write(TABLE, "2018-01-01", null_table(distributions()), **WRITTEN)
    return lake


def test_each_session_has_the_distributions_of_its_quarter(calibrated) -> None:
    nulls = Nulls(calibrated, ScanSettings())
    for session in (date(2018, 1, 2), SESSION, date(2018, 3, 29)):
        assert nulls.of(session).model == MODEL
        assert nulls.missing(session) == ""
        assert nulls.fingerprint(session) == calibrated.info(TABLE, "2018-01-01").fingerprint
    for session in (THROUGH, date(2018, 4, 2)):
        assert nulls.of(session) is None
        assert nulls.fingerprint(session) == ""
        assert "there are no null distributions for the quarter from" in nulls.missing(session)
    row = Row("A", ZIGZAG, 1, 20, 0.9)
    assert found_in([row], nulls.of(SESSION)) == found_in([row], distributions())


@pytest.mark.parametrize("options", [{"max_skip": 3}, {"max_span": 252}])
def test_distributions_of_another_search_are_no_yardstick(calibrated, options) -> None:
    nulls = Nulls(calibrated, ScanSettings(**options))
    wanted = (options.get("max_skip"), options.get("max_span", 504))
    assert nulls.of(SESSION) is None
    assert f"max_skip, max_span = (None, 504), not {wanted}" in nulls.missing(SESSION)
    assert "p-values are unknown" in nulls.missing(SESSION)
    assert Nulls(calibrated, ScanSettings(top_n=1, max_overlap=0.5)).of(SESSION) is not None


@pytest.mark.parametrize(
    ("options", "session", "quarter"),
    [({}, date(2018, 11, 5), "2018-10-01"), ({"max_skip": 3}, SESSION, "2018-01-01")],
)
def test_what_is_missing_is_told_with_the_command_for_that_quarter(calibrated, options, session, quarter) -> None:
    words = shlex.split(Nulls(calibrated, ScanSettings(**options)).missing(session))
    command = words[words.index("dagster") :]
    assert command[:8] == ["dagster", "job", "execute", "-m", "definitions", "-j", "calibrate_null", "--tags"]
    assert json.loads(command[8]) == {"dagster/partition": quarter}
    assert len(command) == 9


def test_a_quarter_is_read_once_for_a_run(calibrated) -> None:
    nulls = Nulls(calibrated, ScanSettings())
    assert nulls.of(SESSION) is nulls.of(date(2018, 1, 2))
