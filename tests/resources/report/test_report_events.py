"""What became of the setups of the session before."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from kernels.panel import PricePanel
from resources.report.events import changes_between, nearest_targets
from resources.report.ranking import best_first
from tests.alert_rows import setup_row
from tests.report_rows import PREVIOUS, SESSION, confirmed_row, patterns_table


def bars(symbols=("A",), close=112.0, low=110.0, high=114.0, *, sessions=(PREVIOUS, SESSION)) -> PricePanel:
    """Two sessions: the first closes at `close`, the second one goes from `low` to `high`."""
    days = np.array(sessions, dtype="datetime64[D]")

    def both(first: float, last: float) -> np.ndarray:
        return np.full((len(symbols), len(days)), last) if len(days) == 1 else np.tile([first, last], (len(symbols), 1))

    return PricePanel(
        tuple(symbols),
        days,
        open=both(close, 0.5 * (low + high)),
        high=both(close, high),
        low=both(close, low),
        close=both(close, 0.5 * (low + high)),
        volume=both(1.0, 1.0),
    )


def setup_of(pattern_id, symbol="A", **values):
    return setup_row(str(PREVIOUS), pattern_id, symbol, **values)


def compare(before, now=(), panel=None, splits=None):
    empty = patterns_table([setup_of("other", "ZZZ")])
    table = patterns_table(now) if now else empty
    return changes_between(
        {status: best_first(table, status) for status in ("setup", "confirmed")},
        patterns_table(before, PREVIOUS) if before else empty.slice(0, 0),
        PREVIOUS,
        panel or bars(),
        splits or {},
    )


def ids(rows: pa.Table) -> list[str]:
    return rows["pattern_id"].to_pylist()


def test_setups_are_new_if_they_did_not_stand_before_and_the_best_come_first() -> None:
    now = [setup_of("old"), setup_of("b", p_value=0.02), setup_of("a", p_value=0.01), confirmed_row("A", "c")]
    found = compare([setup_of("old"), setup_of("gone")], now)
    assert ids(found.new) == ["a", "b"]
    assert (found.before, found.standing, found.otherwise) == (2, 1, 1)


def test_a_setup_whose_nearest_target_was_reached_is_completed_whether_it_stands_or_not() -> None:
    before = [setup_of("stands", targets=[100.0, 113.0, 140.0]), setup_of("gone", targets=[113.5]), setup_of("not yet")]
    found = compare(before, [setup_of("stands"), setup_of("not yet")])
    assert ids(found.completed.rows) == ["gone", "stands"]
    assert found.completed.level.tolist() == [113.5, 113.0]
    assert found.completed.extreme.tolist() == [114.0, 114.0]


@pytest.mark.parametrize(("high", "reached"), [(129.99, False), (130.0, True), (131.0, True)])
def test_a_target_is_reached_by_touching_it(high, reached) -> None:
    found = compare([setup_of("s", targets=[130.0])], panel=bars(high=high))
    assert ids(found.completed.rows) == (["s"] if reached else [])


def test_a_wave_down_reaches_its_target_with_the_low() -> None:
    # Three legs done: the fourth wave goes against the first.
    values = {"legs": 3, "targets": [111.0, 105.0], "invalidation": 100.0}
    found = compare([setup_of("s", **values)])
    assert found.completed.level.tolist() == [111.0]
    assert found.completed.extreme.tolist() == [110.0]


def test_a_setup_is_refuted_if_it_is_gone_and_its_price_was_touched() -> None:
    before = [
        setup_of("below", invalidation=110.0),
        setup_of("above", invalidation=113.0, direction=-1, targets=[90.0]),
        setup_of("not touched", invalidation=109.9),
        setup_of("stands", invalidation=111.0),
    ]
    found = compare(before, [setup_of("stands")])
    assert sorted(ids(found.invalidated.rows)) == ["above", "below"]
    by_id = dict(zip(ids(found.invalidated.rows), found.invalidated.extreme.tolist(), strict=True))
    assert by_id == {"below": 110.0, "above": 114.0}
    assert (found.standing, found.otherwise) == (1, 1)


def test_a_bar_that_touches_both_refutes() -> None:
    found = compare([setup_of("s", targets=[113.0], invalidation=111.0)])
    assert ids(found.invalidated.rows) == ["s"]
    assert ids(found.completed.rows) == []


def test_levels_are_adjusted_for_a_split_of_the_session() -> None:
    # Two shares for one: 226 dollars of yesterday are 113 of today.
    before = [
        setup_of("up", targets=[226.0], invalidation=200.0),
        setup_of("down", targets=[300.0], invalidation=222.0),
    ]
    found = compare(before, splits={"A": 2.0})
    assert (ids(found.completed.rows), found.completed.level.tolist()) == (["up"], [113.0])
    assert (ids(found.invalidated.rows), found.invalidated.level.tolist()) == (["down"], [111.0])


@pytest.mark.parametrize(
    "panel",
    [
        bars(close=np.nan),
        bars(low=np.nan, high=np.nan),
        bars(("B",)),
        bars(sessions=(SESSION,)),
        bars(sessions=(date(2018, 2, 5), SESSION)),
    ],
    ids=["no close before", "no bar", "not a member", "history begins", "a session is missing"],
)
def test_without_both_bars_nothing_is_reached(panel) -> None:
    found = compare([setup_of("s", targets=[113.0], invalidation=111.0)], panel=panel)
    assert ids(found.completed.rows) == ids(found.invalidated.rows) == []
    assert found.otherwise == 1


def test_patterns_are_newly_confirmed_on_the_session_after_their_last_turning_point() -> None:
    pivots = confirmed_row("A", "x")["pivots"]
    earlier = [*pivots[:-1], pivots[-1] | {"session": date(2018, 2, 5)}]
    now = [confirmed_row("A", "new"), confirmed_row("A", "known", pivots=earlier), setup_of("s")]
    assert ids(compare([], now).confirmed) == ["new"]


def test_the_nearest_target_is_the_first_one_ahead() -> None:
    targets = pa.array([[90.0, 120.0, 110.0], [90.0, 80.0, 120.0], [], [100.0]], pa.list_(pa.float64()))
    nearest = nearest_targets(targets, np.array([1, -1, 1, 1]), np.full(4, 100.0), np.ones(4))
    assert np.array_equal(nearest, [110.0, 90.0, np.nan, np.nan], equal_nan=True)
    assert np.isnan(nearest_targets(targets, np.ones(4, np.int64), np.full(4, np.nan), np.ones(4))).all()


def test_a_session_without_setups_is_no_error() -> None:
    found = compare([])
    assert (found.before, found.standing, found.new.num_rows) == (0, 0, 1)
