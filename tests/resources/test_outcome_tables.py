"""The table of what happened: exact examples, what is known when, and the way back to what rates are counted from."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kernels.outcomes import HORIZONS
from kernels.panel import PricePanel
from kernels.waves import CLASS_NAMES, STAGES
from resources.calendar import session_number
from resources.contracts import PATTERN_OUTCOMES
from resources.outcome_tables import (
    PRICES,
    RATE_COLUMNS,
    RESULTS,
    SURROGATE,
    Matching,
    OutcomeRows,
    class_of,
    joined_rows,
    outcome_rows,
    outcome_table,
)
from resources.pattern_entries import EntryBars, pattern_entries
from tests.pattern_rows import DAYS, flat_bars, new_patterns, put_pivots, setup, zigzag

KNOWN = 20
# A setup of a long entry at 115, with its target at 130 and its invalidation at 100.
SHORT, LONG = HORIZONS
PRICES_OF_A_BAR = ("open", "high", "low", "close")


def move(bars: EntryBars, after: int, *, row: int = 0, **prices: float) -> None:
    """Set prices of the bar so many sessions after `KNOWN`; high and low enclose them."""
    panel, column = bars.panel, KNOWN + after
    for name, price in prices.items():
        getattr(panel, name)[row, column] = price
    every = [getattr(panel, name)[row, column] for name in PRICES_OF_A_BAR]
    panel.high[row, column], panel.low[row, column] = max(every), min(every)


def outcomes_of(bars: EntryBars, *rows: dict[str, Any], matching: Matching | None = None) -> pa.Table:
    """The table of patterns known on their own sessions."""
    known: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        put_pivots(bars, row)
        last = int(np.searchsorted(DAYS, np.datetime64(row["pivots"][-1]["session"])))
        known.setdefault(last + 1, []).append(row)
    return outcome_table(PRICES, pattern_entries(new_patterns(known), bars), bars, matching)


def only_row(table: pa.Table) -> dict[str, Any]:
    [row] = table.to_pylist()
    return row


@pytest.mark.parametrize(
    ("after", "prices", "results"),
    [
        (5, {"high": 130.0}, ("target", "target")),
        (5, {"high": 129.99}, ("neither", "neither")),
        (SHORT, {"high": 131.0}, ("target", "target")),
        (SHORT + 1, {"high": 131.0}, ("neither", "target")),
        (LONG, {"low": 99.0}, ("neither", "invalidation")),
        (LONG + 1, {"low": 99.0}, ("neither", "neither")),
        (1, {"low": 100.0}, ("invalidation", "invalidation")),
        (5, {"high": 140.0, "low": 90.0}, ("invalidation", "invalidation")),
        (5, {"open": 140.0, "close": 140.0}, ("target", "target")),
        (1, {"open": 130.0}, ("missed", "missed")),
        (1, {"open": 99.0}, ("missed", "missed")),
        (1, dict.fromkeys(PRICES_OF_A_BAR, np.nan), ("unentered", "unentered")),
        (9, dict.fromkeys(PRICES_OF_A_BAR, np.nan), ("neither", "neither")),
    ],
    ids=[
        "touches the target", "just below", "last session of the month", "first after it",
        "last session of the quarter", "after it", "first session", "both in one bar", "a gap beyond it",
        "opens at the target",
        "opens beyond the invalidation", "no bar to enter on", "a missing bar on the way",
    ],
)  # fmt: skip
def test_what_is_touched_first_within_each_horizon(
    after: int, prices: dict[str, float], results: tuple[str, str]
) -> None:
    bars = flat_bars()
    move(bars, after, **prices)
    row = only_row(outcomes_of(bars, setup(KNOWN)))
    assert (row[f"result_{SHORT}"], row[f"result_{LONG}"]) == results
    assert row["entry"] == (None if results[0] == "unentered" else prices.get("open", 115.0) if after == 1 else 115.0)
    for horizon in HORIZONS:
        made = row[f"result_{horizon}"] in ("target", "invalidation", "neither")
        assert (row[f"return_{horizon}"] is not None) == (row[f"relative_{horizon}"] is not None) == made


def test_returns_are_those_of_the_side_less_those_of_the_members() -> None:
    bars = flat_bars(("A", "B", "C"))
    bars.members[2] = False
    for after, (own, other) in {SHORT: (121.0, 117.0), LONG: (110.0, 115.0)}.items():
        move(bars, after, row=0, close=own)
        move(bars, after, row=1, close=other)
        move(bars, after, row=2, close=60.0)
    row, short = outcomes_of(bars, setup(KNOWN), zigzag(KNOWN, prices=[100.0, 120.0, 90.0, 118.0])).to_pylist()
    assert (row["side"], short["side"]) == (1, -1)
    for horizon, own, other in ((SHORT, 121.0, 117.0), (LONG, 110.0, 115.0)):
        simple, mean = own / 115.0 - 1.0, (own + other) / 2.0 / 115.0 - 1.0
        assert row[f"return_{horizon}"] == pytest.approx(simple, rel=1e-12)
        assert row[f"relative_{horizon}"] == pytest.approx(simple - mean, rel=1e-10)
        assert short[f"return_{horizon}"] == pytest.approx(-simple, rel=1e-12)


def test_as_long_as_a_horizon_is_open_its_result_is_unknown_even_where_a_level_was_touched() -> None:
    touched, days = {"high": 131.0}, KNOWN + LONG
    bars = flat_bars(days=days)
    move(bars, 3, **touched)
    row = only_row(outcomes_of(bars, setup(KNOWN), matching=Matching(2, 1)))
    assert (row[f"result_{SHORT}"], row[f"result_{LONG}"]) == ("target", "unknown")
    assert row[f"return_{SHORT}"] is not None
    assert row[f"return_{LONG}"] is row[f"relative_{LONG}"] is row[f"matched_target_{LONG}"] is None
    bars = flat_bars(days=days + 1)
    move(bars, 3, **touched)
    assert only_row(outcomes_of(bars, setup(KNOWN)))[f"result_{LONG}"] == "target"


def test_what_is_missed_or_unentered_is_so_at_once() -> None:
    bars = flat_bars(days=KNOWN + 2)
    move(bars, 1, open=99.0)
    assert only_row(outcomes_of(bars, setup(KNOWN)))[f"result_{LONG}"] == "missed"
    move(bars, 1, **dict.fromkeys(PRICES_OF_A_BAR, np.nan))
    assert only_row(outcomes_of(bars, setup(KNOWN)))[f"result_{LONG}"] == "unentered"


def test_what_becomes_known_at_the_last_session_is_entered_at_an_open_still_to_come() -> None:
    row = only_row(outcomes_of(flat_bars(days=KNOWN + 1), setup(KNOWN)))
    assert (row[f"result_{SHORT}"], row[f"result_{LONG}"], row["entry"]) == ("unknown", "unknown", None)


def test_levels_are_told_as_of_the_session_whatever_splits_follow() -> None:
    plain, split = flat_bars(), flat_bars(price=115.0 / 3.0)
    split.splits[:, : KNOWN + 9] = 3.0
    for bars, ratio in ((plain, 1.0), (split, 3.0)):
        move(bars, 2, open=120.0 / ratio)
        move(bars, 30, high=130.5 / ratio)
    expected, row = (only_row(outcomes_of(bars, setup(KNOWN))) for bars in (plain, split))
    assert (expected["target"], expected["invalidation"], expected["entry"]) == (130.0, 100.0, 115.0)
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name
    assert (row[f"result_{SHORT}"], row[f"result_{LONG}"]) == ("neither", "target")


def test_overlapping_entries_of_one_stage_symbol_and_side_count_once_the_best_of_a_session_first() -> None:
    bars = flat_bars(("A", "B"))
    rows = [
        setup(KNOWN, pattern_id="1", score=0.4),
        setup(KNOWN, pattern_id="2", score=0.9),
        setup(KNOWN, pattern_id="3", symbol="B"),
        setup(KNOWN, pattern_id="4", direction=-1, invalidation=130.0, targets=[100.0]),
        zigzag(KNOWN, pattern_id="5", prices=[100.0, 120.0, 90.0, 118.0]),
        setup(KNOWN + LONG - 1, pattern_id="6", score=0.95),
        setup(KNOWN + LONG, pattern_id="7", score=0.1),
    ]
    found = {row["pattern_id"]: row["counted"] for row in outcomes_of(bars, *rows).to_pylist()}
    assert found == {"1": False, "2": True, "3": True, "4": True, "5": True, "6": False, "7": True}


def test_an_entry_that_was_missed_takes_the_place_of_no_other() -> None:
    bars = flat_bars()
    move(bars, 1, open=99.0)
    rows = [setup(KNOWN, pattern_id="missed"), setup(KNOWN + 3, pattern_id="made")]
    found = {row["pattern_id"]: row["counted"] for row in outcomes_of(bars, *rows).to_pylist()}
    assert found == {"missed": False, "made": True}


def walking_bars(rows: int = 30, days: int = len(DAYS)) -> EntryBars:
    """Random walks, half of them twice as volatile as the others."""
    rng = np.random.default_rng(8)
    moves = rng.standard_normal((rows, days)) * np.where(np.arange(rows) % 2, 0.02, 0.01)[:, None]
    close = 115.0 * np.exp(moves.cumsum(axis=1))
    close[0] = 115.0 * np.exp(0.001 * (-1.0) ** np.arange(days))
    symbols = ("A", *(f"R{row:02d}" for row in range(1, rows)))
    prices = {"open": close, "high": close * 1.004, "low": close * 0.996, "close": close}
    panel = PricePanel(symbols, DAYS[:days], **{n: v.copy() for n, v in prices.items()}, volume=np.ones_like(close))
    return EntryBars(panel, np.ones_like(close), np.ones(close.shape, dtype=np.bool_))


def test_random_entries_are_matched_with_each_entry_and_the_seed_alone_decides_which() -> None:
    known = 40
    near = setup(known, targets=[115.6], invalidation=100.0, risk_reward=0.04)
    bars = walking_bars()
    table = outcomes_of(bars, near, matching=Matching(40, 3))
    row = only_row(table)
    # A near target and a far invalidation, at the same distances in units of volatility: most touch the target.
    assert row[f"matched_target_{LONG}"] > 0.5
    assert (40 * row[f"matched_target_{LONG}"]) % 1 == pytest.approx(0.0, abs=1e-9)
    assert row[f"matched_relative_{LONG}"] is not None
    assert outcomes_of(walking_bars(), near, matching=Matching(40, 3)).equals(table)
    assert not outcomes_of(walking_bars(), near, matching=Matching(40, 4)).equals(table)
    far = only_row(outcomes_of(walking_bars(), near | {"targets": [500.0]}, matching=Matching(40, 3)))
    assert far[f"matched_target_{LONG}"] < 0.1


def test_without_matching_there_are_no_random_entries() -> None:
    row = only_row(outcomes_of(walking_bars(), setup(40)))
    assert {row[f"matched_{name}_{horizon}"] for name in ("target", "relative") for horizon in HORIZONS} == {None}


def test_bars_after_the_longest_horizon_change_nothing() -> None:
    known = 40
    bars, other = walking_bars(), walking_bars()
    for name in PRICES_OF_A_BAR:
        getattr(other.panel, name)[:, known + LONG + 1 :] *= 7.0
    row = setup(known, targets=[116.0])
    table = outcomes_of(bars, row, matching=Matching(10, 3))
    assert outcomes_of(other, row, matching=Matching(10, 3)).equals(table)
    other.panel.close[:, known + LONG] *= 1.01
    other.panel.high[:] = np.maximum(other.panel.high, other.panel.close)
    assert not outcomes_of(other, row, matching=Matching(10, 3)).equals(table)


def test_no_entries_make_an_empty_table_that_keeps_the_contract() -> None:
    bars = flat_bars()
    table = outcome_table(PRICES, pattern_entries(new_patterns({KNOWN: []}), bars), bars, Matching(10, 1))
    assert table.schema == PATTERN_OUTCOMES.schema
    assert table.num_rows == len(outcome_rows(table).score) == 0


def test_the_rows_that_rates_are_counted_from_are_those_of_the_table() -> None:
    bars = walking_bars()
    rows = [setup(40, p_value=0.25, degree=1), zigzag(40, symbol="R03"), setup(45, symbol="R02")]
    market = outcomes_of(bars, *rows, matching=Matching(5, 2))
    other = outcome_table(SURROGATE, pattern_entries(new_patterns({40: rows[:1]}), bars), bars, None)
    table = pa.concat_tables([market, other])
    PATTERN_OUTCOMES.enforce(table, "2017")
    found = outcome_rows(table.select(RATE_COLUMNS))
    for place, row in enumerate(table.to_pylist()):
        assert found.market[place] == (row["source"] == PRICES)
        assert found.session[place] == session_number(row["session"])
        assert found.symbols[found.symbol[place]] == row["symbol"]
        assert CLASS_NAMES[class_of(found.stage)[place]] == row["class"] == STAGES[found.stage[place]].name
        assert STAGES[found.stage[place]].legs == row["legs"]
        for name in ("degree", "side", "score", "counted"):
            assert getattr(found, name)[place] == row[name]
        assert np.isnan(found.p_value[place]) if row["p_value"] is None else found.p_value[place] == row["p_value"]
        for index, horizon in enumerate(HORIZONS):
            assert RESULTS[found.result[place, index]] == row[f"result_{horizon}"]
            for name in ("relative", "matched_target", "matched_relative"):
                value = getattr(found, name)[place, index]
                assert (None if np.isnan(value) else value) == row[f"{name}_{horizon}"]


def with_source(table: pa.Table, source: str) -> pa.Table:
    return table.set_column(0, table.schema.field("source"), pa.array([source] * table.num_rows))


def years_apart(sessions: int, source: str = PRICES) -> list[OutcomeRows]:
    """Two tables that each count their only entry, so many sessions apart, with other symbols between."""
    first = outcomes_of(flat_bars(("A", "B")), setup(KNOWN), setup(KNOWN, symbol="B"))
    second = outcomes_of(flat_bars(), setup(KNOWN + sessions))
    return [outcome_rows(with_source(each, source)) for each in (first, second)]


def test_a_position_held_over_the_turn_of_the_year_counts_once_in_both_years_together() -> None:
    for sessions, counted in ((LONG - 1, [True, True, False]), (LONG, [True, True, True])):
        years = years_apart(sessions)
        assert [each.counted.tolist() for each in years] == [[True, True], [True]]
        found = joined_rows(years)
        assert found.counted.tolist() == counted
        assert [found.symbols[symbol] for symbol in found.symbol] == ["A", "B", "A"]
        assert years[1].counted.tolist() == [True]


def test_surrogates_of_different_years_are_different_series_and_both_count() -> None:
    assert joined_rows(years_apart(5, SURROGATE)).counted.tolist() == [True, True, True]
