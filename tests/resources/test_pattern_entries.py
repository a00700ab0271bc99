"""Which patterns are entered, on which side, and at which levels."""

import math
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kernels.as_of import as_of_panel
from kernels.errors import MissingHistoryError
from kernels.waves import STAGES
from resources.contracts import PATTERNS
from resources.parquet_lake import ParquetLake
from resources.pattern_entries import (
    IDENTITY,
    NO_BAR,
    NO_REWARD,
    NO_TARGET,
    OTHER_BAR,
    EntryBars,
    PatternEntries,
    known_patterns,
    load_entry_bars,
    pattern_entries,
)
from tests.lake_rows import WRITTEN, price_rows, universe_rows, write_quarantine
from tests.pattern_rows import DAYS, flat_bars, new_patterns, pattern_table, pivot, put_pivots, setup, zigzag

KNOWN = 40


def entered(*rows: dict[str, Any], bars: EntryBars | None = None) -> PatternEntries:
    """The entries of patterns known on session `KNOWN`, on bars with their pivots."""
    bars = flat_bars() if bars is None else bars
    for row in rows:
        put_pivots(bars, row)
    return pattern_entries(new_patterns({KNOWN: rows}), bars)


def test_known_are_confirmed_patterns_and_setups_whose_last_pivot_is_of_the_session_before() -> None:
    rows = [
        zigzag(KNOWN),
        setup(KNOWN),
        zigzag(KNOWN, status="part", pattern_id="part"),
        zigzag(KNOWN - 1, pattern_id="older"),
        setup(KNOWN - 5, pattern_id="standing"),
    ]
    found = known_patterns(pattern_table(KNOWN, rows), DAYS[KNOWN].item())
    assert found["pattern_id"].to_pylist() == ["A zigzag True 40", "A setup 40"]


def test_the_session_before_is_that_of_the_exchange_not_the_day_before() -> None:
    tuesday, friday = date(2017, 1, 17), date(2017, 1, 13)
    place = int(np.searchsorted(DAYS, np.datetime64(tuesday)))
    assert DAYS[place - 1].item() == friday
    [row] = new_patterns({place: [zigzag(place)]}).to_pylist()
    assert row["pivots"][-1]["session"] == friday


def test_a_table_without_rows_has_no_entries() -> None:
    found = pattern_entries(new_patterns({KNOWN: []}), flat_bars())
    assert len(found.entries.row) == found.identity.num_rows == len(found.stage) == 0
    assert found.left_out == {}


@pytest.mark.parametrize(
    ("legs", "direction", "side"), [(2, 1, 1), (2, -1, -1), (3, 1, -1), (3, -1, 1), (4, 1, 1), (4, -1, -1)]
)
def test_a_setup_is_entered_with_the_wave_that_it_expects(legs: int, direction: int, side: int) -> None:
    prices = [100.0, 120.0, 110.0, 130.0, 125.0][: legs + 1]
    kinds = ["low", "high"] if direction > 0 else ["high", "low"]
    path = [pivot(KNOWN - 1 - legs + place, price, kinds[place % 2]) for place, price in enumerate(prices)]
    targets = [115.0 + 20.0 * side]
    row = setup(KNOWN, legs=legs, direction=direction, pivots=path, targets=targets, invalidation=115.0 - 20.0 * side)
    bars = flat_bars()
    bars.panel.high[0], bars.panel.low[0] = 200.0, 1.0
    for each in path:
        column = int(np.searchsorted(DAYS, np.datetime64(each["session"])))
        (bars.panel.high if each["kind"] == "high" else bars.panel.low)[0, column] = each["price"]
    found = pattern_entries(new_patterns({KNOWN: [row]}), bars)
    assert found.entries.side.tolist() == [side]
    assert found.entries.target.tolist() == targets
    assert found.entries.invalidation.tolist() == [115.0 - 20.0 * side]
    assert (STAGES[found.stage[0]].name, STAGES[found.stage[0]].legs) == ("impulse", legs)


@pytest.mark.parametrize(
    ("targets", "close", "nearest"),
    [
        ([130.0, 142.0, 162.0], 115.0, 130.0),
        ([130.0, 142.0, 162.0], 135.0, 142.0),
        ([130.0, 142.0, 162.0], 130.0, 142.0),
        ([162.0, 130.0, 120.0], 115.0, 120.0),
        ([130.0], 129.99, 130.0),
    ],
    ids=["all ahead", "one passed", "equal is reached", "in any order", "only one"],
)
def test_the_target_of_a_setup_is_the_nearest_that_the_close_has_not_reached(
    targets: list[float], close: float, nearest: float
) -> None:
    bars = flat_bars()
    bars.panel.close[0, KNOWN] = close
    assert entered(setup(KNOWN, targets=targets), bars=bars).entries.target.tolist() == [nearest]


def test_setups_without_risk_reward_are_left_out_and_counted() -> None:
    found = entered(setup(KNOWN, risk_reward=None), setup(KNOWN, risk_reward=None, pattern_id="two"), zigzag(KNOWN))
    assert found.left_out == {NO_REWARD: 2}
    assert found.identity["status"].to_pylist() == ["confirmed"]


def test_a_setup_whose_close_was_replaced_by_one_beyond_all_targets_is_left_out() -> None:
    bars = flat_bars()
    bars.panel.close[0, KNOWN] = 170.0
    assert entered(setup(KNOWN), bars=bars).left_out == {NO_TARGET: 1}


@pytest.mark.parametrize("rising", [True, False])
def test_a_confirmed_pattern_is_entered_against_its_last_leg_for_382_thousandths_of_its_log_range(
    rising: bool,
) -> None:
    # An expanded flat: its range isn't that from the first pivot to the last.
    prices = [100.0, 120.0, 96.0, 125.0] if rising else [125.0, 105.0, 130.0, 99.0]
    row = zigzag(KNOWN, rising=rising, prices=prices, **{"class": "expanded_flat"})
    found = entered(row)
    side = -1 if rising else 1
    assert found.entries.side.tolist() == [side]
    assert found.entries.invalidation.tolist() == [prices[-1]]
    expected = math.log(prices[-1]) + side * 0.382 * math.log(max(prices) / min(prices))
    assert math.log(found.entries.target[0]) == pytest.approx(expected, rel=1e-14)


def test_entries_keep_the_order_of_the_tables_and_what_identifies_their_pattern() -> None:
    bars = flat_bars(("A", "B"))
    rows = [zigzag(KNOWN, symbol="B", score=0.9, p_value=0.01), setup(KNOWN, score=0.4, degree=2)]
    later = zigzag(KNOWN + 20, symbol="B")
    for row in (*rows, later):
        put_pivots(bars, row)
    known = new_patterns({KNOWN: rows, KNOWN + 20: [later]})
    found = pattern_entries(known, bars)
    assert found.entries.row.tolist() == [1, 0, 1]
    assert found.entries.known.tolist() == [KNOWN, KNOWN, KNOWN + 20]
    assert found.identity.equals(known.select(IDENTITY))
    assert found.score.tolist() == [0.9, 0.4, 0.5]


@pytest.mark.parametrize("ratio", [2.0, 7.0, 1.0 / 7.0])
def test_a_split_after_the_session_moves_the_levels_with_the_bars(ratio: float) -> None:
    bars = flat_bars(price=115.0 / ratio)
    bars.splits[:, : KNOWN + 3] = ratio
    plain = entered(setup(KNOWN), zigzag(KNOWN))
    moved = entered(setup(KNOWN), zigzag(KNOWN), bars=bars)
    assert moved.left_out == {}
    assert moved.splits.tolist() == [ratio, ratio]
    for name in ("target", "invalidation"):
        # The bars are divided by the ratio, so a level at the price of a bar stays exactly there.
        assert (getattr(moved.entries, name) == getattr(plain.entries, name) / ratio).all()
    assert moved.entries.invalidation[1] == bars.panel.high[0, KNOWN - 1]
    assert moved.entries.invalidation[0] == bars.panel.low[0, KNOWN - 10]


@pytest.mark.parametrize("place", [KNOWN - 10, KNOWN - 1, KNOWN], ids=["first pivot", "last pivot", "own session"])
def test_a_pattern_on_a_bar_found_faulty_later_is_left_out(place: int) -> None:
    bars = flat_bars()
    for row in (zigzag(KNOWN), setup(KNOWN)):
        put_pivots(bars, row)
    for name in ("open", "high", "low", "close"):
        getattr(bars.panel, name)[0, place] = np.nan
    found = pattern_entries(new_patterns({KNOWN: [zigzag(KNOWN), setup(KNOWN)]}), bars)
    assert found.left_out == {NO_BAR: 2}
    assert not len(found.entries.row)


def test_another_faulty_bar_changes_nothing() -> None:
    bars = flat_bars()
    put_pivots(bars, zigzag(KNOWN))
    for name in ("open", "high", "low", "close"):
        getattr(bars.panel, name)[0, [KNOWN - 12, KNOWN - 4, KNOWN + 1]] = np.nan
    found = pattern_entries(new_patterns({KNOWN: [zigzag(KNOWN)]}), bars)
    assert (len(found.entries.row), found.left_out) == (1, {})


def test_a_pattern_on_a_bar_that_was_replaced_is_left_out() -> None:
    bars = flat_bars()
    put_pivots(bars, zigzag(KNOWN))
    bars.panel.high[0, KNOWN - 1] *= 1.0 + 1e-6
    assert pattern_entries(new_patterns({KNOWN: [zigzag(KNOWN)]}), bars).left_out == {OTHER_BAR: 1}


@pytest.mark.parametrize(
    "row",
    [zigzag(KNOWN, symbol="Z"), zigzag(KNOWN, pivots=[*zigzag(5)["pivots"][:3], pivot(KNOWN - 1, 130.0, "high")])],
    ids=["symbol", "pivot before the first session"],
)
def test_a_pattern_that_the_bars_know_nothing_of_is_left_out(row: dict[str, Any]) -> None:
    row["pivots"][0]["session"] = date(2016, 12, 30) if row["symbol"] == "A" else row["pivots"][0]["session"]
    bars = flat_bars()
    put_pivots(bars, zigzag(KNOWN))
    assert pattern_entries(new_patterns({KNOWN: [row]}), bars).left_out == {NO_BAR: 1}


def small_lake(folder: Any, splits: dict[str, float]) -> ParquetLake:
    """Ten sessions of A and B; B isn't a member on the last one; A splits."""
    lake = ParquetLake(str(folder))
    for place, day in enumerate(DAYS[:10].astype(str).tolist()):
        closes = {"A": 100.0 + place, "B": 50.0}
        ratios = {"A": splits.get(day, 1.0)}
        lake.write("prices", day, price_rows(day, closes, split_ratio=ratios), **WRITTEN)
        lake.write("universe", day, universe_rows(day, ["A"] if place == 9 else ["B", "A"]), **WRITTEN)
        write_quarantine(lake, day, [("B", str(DAYS[2]))] if place == 6 else [])
    return lake


def test_bars_are_loaded_as_known_at_the_last_session_with_the_splits_that_follow(tmp_path: Any) -> None:
    lake = small_lake(tmp_path, {str(DAYS[3]): 2.0, str(DAYS[7]): 3.0})
    judged = [str(day) for day in DAYS[4:10]]
    bars = load_entry_bars(lake, DAYS[0].item(), DAYS[9].item(), judged)
    assert bars.panel.symbols == ("A", "B")
    assert bars.splits.tolist() == [[6.0] * 3 + [3.0] * 4 + [1.0] * 3, [1.0] * 10]
    np.testing.assert_array_equal(bars.panel.close[0], (100.0 + np.arange(10)) / bars.splits[0])
    assert np.flatnonzero(np.isnan(bars.panel.close[1])).tolist() == [2]
    assert bars.members.tolist() == [[False] * 4 + [True] * 6, [False] * 4 + [True] * 5 + [False]]
    history = lake.history(DAYS[0].item(), DAYS[9].item())
    np.testing.assert_array_equal(bars.panel.close, as_of_panel(history).close)


def test_a_missing_universe_says_what_makes_it(tmp_path: Any) -> None:
    lake = small_lake(tmp_path, {})
    lake.files.delete("universe", f"{DAYS[5]}.parquet")
    with pytest.raises(MissingHistoryError, match="dagster job execute"):
        load_entry_bars(lake, DAYS[0].item(), DAYS[9].item(), [str(DAYS[5])])


def test_the_columns_of_the_identity_are_those_of_both_tables() -> None:
    assert pattern_table(KNOWN, []).select(IDENTITY).schema == pa.schema([PATTERNS.schema.field(n) for n in IDENTITY])
