"""Which patterns are events: setups that became known on the very session, and those that fell since."""

import hashlib
from collections.abc import Collection
from datetime import date
from typing import Any

import pytest

from resources.alerts import (
    COLUMNS,
    INVALIDATED,
    NEW_SETUP,
    Event,
    fallen_setups,
    new_setups,
    standing_setups,
)
from resources.calendar import sessions
from resources.parquet_lake import ParquetLake
from tests.alert_rows import session_before, setup_row, write_patterns
from tests.lake_rows import fill, quarantine_rows, write_prices, write_quarantine

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (str(day) for day in sessions(date(2018, 1, 22), date(2018, 1, 26)))
WEEK = (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)
CALM = {"AAA": 112.0, "BBB": 112.0}


def found(lake: ParquetLake, *rows: dict[str, Any], session: str = MONDAY) -> list[Event]:
    write_patterns(lake, session, *rows)
    table = lake.read("patterns", session, COLUMNS)
    return new_setups(table, date.fromisoformat(session), p_value=0.001, risk_reward=1.0)


def ids(events: list[Event]) -> list[str]:
    return [event["pattern_id"] for event in events]


def test_an_event_says_everything_about_its_setup(lake: ParquetLake) -> None:
    assert found(lake, setup_row(MONDAY)) == [
        {
            "version": 1,
            "id": hashlib.sha256(b"new_setup\na1\n2018-01-22").hexdigest(),
            "kind": "new_setup",
            "session": "2018-01-22",
            "symbol": "AAA",
            "pattern_id": "a1",
            "class": "impulse",
            "direction": 1,
            "side": 1,
            "legs": 2,
            "score": 0.75,
            "p_value": 0.0005,
            "q_value": 0.02,
            "targets": [130.0, 142.5],
            "invalidation": 100.0,
            "risk_reward": 2.0,
            "pivots": [
                {"session": "2017-12-20", "price": 100.0, "kind": "low"},
                {"session": "2018-01-09", "price": 120.0, "kind": "high"},
                {"session": "2018-01-19", "price": 110.0, "kind": "low"},
            ],
        }
    ]


@pytest.mark.parametrize(("direction", "legs", "side"), [(1, 2, 1), (1, 3, -1), (-1, 2, -1), (-1, 3, 1), (1, 4, 1)])
def test_the_side_is_that_of_the_next_leg(lake: ParquetLake, direction: int, legs: int, side: int) -> None:
    [event] = found(lake, setup_row(MONDAY, direction=direction, legs=legs))
    assert (event["direction"], event["legs"], event["side"]) == (direction, legs, side)


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"p_value": 0.001, "risk_reward": 1.0}, True),
        ({"p_value": 0.0010001}, False),
        ({"p_value": None, "q_value": None}, False),
        ({"risk_reward": 0.9999}, False),
        ({"risk_reward": None}, False),
        ({"status": "confirmed"}, False),
        ({"status": "part"}, False),
    ],
)
def test_only_setups_unlike_chance_and_worth_their_risk_are_events(
    lake: ParquetLake, values: dict[str, Any], sent: bool
) -> None:
    assert ids(found(lake, setup_row(MONDAY, **values), setup_row(MONDAY, "b1", "BBB"))) == ["a1", "b1"][not sent :]


def test_a_setup_is_new_on_the_session_after_its_last_pivot_only(lake: ParquetLake) -> None:
    rows = [setup_row(day, f"of {day}") for day in (session_before(MONDAY), MONDAY, TUESDAY)]
    assert ids(found(lake, *rows)) == [f"of {MONDAY}"]
    # Friday's pivot is known on Monday, and after a holiday on the next open day.
    assert rows[1]["pivots"][-1]["session"] == date(2018, 1, 19)
    after_holiday = setup_row("2018-01-16", "after")
    assert after_holiday["pivots"][-1]["session"] == date(2018, 1, 12)
    assert ids(found(lake, after_holiday, session="2018-01-16")) == ["after"]


def test_a_session_without_setups_has_no_event(lake: ParquetLake) -> None:
    assert found(lake) == []
    assert standing_setups(lake.read("patterns", MONDAY, COLUMNS)) == set()


def test_only_setups_stand(lake: ParquetLake) -> None:
    rows = [setup_row(MONDAY, status, status=status) for status in ("confirmed", "setup", "part")]
    assert standing_setups(write_patterns(lake, MONDAY, *rows)) == {"setup"}


def fallen(lake: ParquetLake, setups: list[Event], standing: Collection[str] = (), last: str = TUESDAY) -> list[Event]:
    history = lake.history(date.fromisoformat(MONDAY), date.fromisoformat(last), ["AAA", "BBB"])
    return fallen_setups(setups, standing, history)


def long_and_short(lake: ParquetLake) -> list[Event]:
    """AAA bought with a way out at 100, BBB sold short with one at 130."""
    return found(lake, setup_row(MONDAY), setup_row(MONDAY, "b1", "BBB", direction=-1, invalidation=130.0))


def bars_of(lake: ParquetLake, session: str, **columns: dict[str, float]) -> None:
    """Bars of 112 all over, but for some."""
    write_prices(lake, session, CALM, **({"high": CALM} | columns))
    write_quarantine(lake, session)


@pytest.mark.parametrize(
    ("low", "high", "gone"),
    [
        (100.01, 129.99, []),
        (100.0, 129.99, ["a1"]),
        (100.01, 130.0, ["b1"]),
        (90.0, 140.0, ["a1", "b1"]),
    ],
)
def test_a_setup_falls_when_a_bar_reaches_its_invalidation(
    lake: ParquetLake, low: float, high: float, gone: list[str]
) -> None:
    setups = long_and_short(lake)
    bars_of(lake, MONDAY)
    bars_of(lake, TUESDAY, low={"AAA": low, "BBB": low}, high={"AAA": high, "BBB": high})
    assert ids(fallen(lake, setups)) == gone


def test_the_other_way_is_no_invalidation(lake: ParquetLake) -> None:
    setups = long_and_short(lake)
    bars_of(lake, MONDAY)
    bars_of(lake, TUESDAY, low={"BBB": 50.0}, high=CALM | {"AAA": 300.0})
    assert fallen(lake, setups) == []


def test_a_setup_that_still_stands_has_not_fallen(lake: ParquetLake) -> None:
    setups = long_and_short(lake)
    bars_of(lake, MONDAY)
    bars_of(lake, TUESDAY, low={"AAA": 90.0}, high={"BBB": 140.0})
    assert ids(fallen(lake, setups, {"a1"})) == ["b1"]


def test_the_bar_of_its_own_session_cannot_invalidate_a_setup(lake: ParquetLake) -> None:
    setups = long_and_short(lake)
    bars_of(lake, MONDAY, low={"AAA": 90.0})
    bars_of(lake, TUESDAY)
    assert fallen(lake, setups) == []


def test_a_bar_between_the_sessions_counts(lake: ParquetLake) -> None:
    setups = long_and_short(lake)
    bars_of(lake, MONDAY)
    bars_of(lake, TUESDAY, low={"AAA": 99.0})
    bars_of(lake, WEDNESDAY)
    [event] = fallen(lake, setups, last=WEDNESDAY)
    assert (event["pattern_id"], event["session"]) == ("a1", WEDNESDAY)


def test_the_event_of_a_fallen_setup_repeats_it_under_an_id_of_its_own(lake: ParquetLake) -> None:
    [setup] = found(lake, setup_row(MONDAY))
    bars_of(lake, MONDAY)
    bars_of(lake, TUESDAY, low={"AAA": 99.0})
    [event] = fallen(lake, [setup])
    identity = hashlib.sha256(b"invalidated\na1\n2018-01-23").hexdigest()
    assert event == setup | {"id": identity, "kind": INVALIDATED, "session": TUESDAY}
    assert (setup["kind"], setup["session"]) == (NEW_SETUP, MONDAY)


@pytest.mark.parametrize(("low", "gone"), [(25.01, False), (25.0, True)])
def test_splits_since_are_applied_to_the_prices(lake: ParquetLake, low: float, gone: bool) -> None:
    [setup] = found(lake, setup_row(MONDAY))
    bars_of(lake, MONDAY)
    halved = {"AAA": 56.0, "BBB": 112.0}
    write_prices(lake, TUESDAY, halved, high=halved, split_ratio={"AAA": 2.0})
    write_quarantine(lake, TUESDAY)
    quartered = {"AAA": 28.0, "BBB": 112.0}
    write_prices(lake, WEDNESDAY, quartered, high=quartered, low={"AAA": low}, split_ratio={"AAA": 2.0})
    write_quarantine(lake, WEDNESDAY)
    assert fallen(lake, [setup]) == []
    events = fallen(lake, [setup], last=WEDNESDAY)
    assert ids(events) == ["a1"][: int(gone)]
    for event in events:
        assert (event["invalidation"], event["targets"]) == (25.0, [32.5, 35.625])
        assert [pivot["price"] for pivot in event["pivots"]] == [25.0, 30.0, 27.5]
    assert setup["invalidation"] == 100.0


def test_bars_known_to_be_faulty_and_missing_ones_invalidate_nothing(lake: ParquetLake) -> None:
    setups = long_and_short(lake)
    bars_of(lake, MONDAY)
    bars_of(lake, TUESDAY, low={"AAA": 1.0})
    lake.write("quarantine", TUESDAY, quarantine_rows(TUESDAY, [("AAA", TUESDAY)]), made_from="x", code_version="1")
    assert fallen(lake, setups) == []
    fill(lake, {WEDNESDAY: {"CCC": 1.0}})
    assert fallen(lake, setups, last=WEDNESDAY) == []


def test_a_symbol_that_left_the_lake_has_fallen_from_nothing(lake: ParquetLake) -> None:
    setups = found(lake, setup_row(MONDAY, symbol="ZZZ"))
    bars_of(lake, MONDAY)
    bars_of(lake, TUESDAY)
    assert fallen(lake, setups) == []
