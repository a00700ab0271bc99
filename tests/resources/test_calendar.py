from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from kernels.errors import SessionError
from resources.calendar import (
    ALL_SESSIONS,
    CLOSED_DAYS,
    EXCHANGE_TIME_ZONE,
    FIRST_SESSION,
    LAST_DAY,
    is_session,
    newest_complete_session,
    session_number,
    sessions,
)


@pytest.mark.filterwarnings("ignore:Series.values returning an ndarray")  # its own, under pandas 3.1
def test_every_session_and_every_closed_day_is_that_of_exchange_calendars() -> None:
    import exchange_calendars

    known = exchange_calendars.get_calendar("XNYS", start="2000-01-01", end=LAST_DAY.isoformat())
    theirs = known.sessions.to_numpy().astype("datetime64[D]")
    np.testing.assert_array_equal(ALL_SESSIONS, theirs)
    weekdays = np.arange(theirs[0], np.datetime64(LAST_DAY) + 1)
    weekdays = weekdays[np.is_busday(weekdays)]
    assert list(CLOSED_DAYS) == np.setdiff1d(weekdays, theirs).tolist()


def test_the_calendar_begins_and_ends_where_it_says() -> None:
    assert ALL_SESSIONS[0].item() == FIRST_SESSION == date(2000, 1, 3)
    assert ALL_SESSIONS[-1].item() == LAST_DAY == date(2027, 12, 31)
    assert bool(np.all(ALL_SESSIONS[1:] > ALL_SESSIONS[:-1]))


def test_the_calendar_can_not_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ALL_SESSIONS[0] = np.datetime64("2000-01-04")
    with pytest.raises(ValueError, match="read-only"):
        sessions(FIRST_SESSION, LAST_DAY)[0] = np.datetime64("2000-01-04")


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        ("2000-01-03", True),
        ("1999-12-31", False),
        ("2027-12-31", True),
        ("2028-01-03", False),
        ("2018-02-07", True),
        ("2018-02-10", False),
        ("2017-11-23", False),
        ("2017-11-24", True),
        ("2001-09-11", False),
        ("2012-10-29", False),
        ("2018-12-05", False),
        ("2025-01-09", False),
        ("2021-06-18", True),
        ("2022-06-20", False),
    ],
)
def test_a_day_is_a_session_when_the_exchange_was_open(day: str, is_open: bool) -> None:
    assert is_session(date.fromisoformat(day)) is is_open


def test_numbers_are_places_in_the_calendar() -> None:
    assert [session_number(day) for day in ALL_SESSIONS.tolist()] == list(range(len(ALL_SESSIONS)))


@pytest.mark.parametrize(
    ("day", "says", "nearest"),
    [
        ("2018-02-10", "Saturday 2018-02-10, a closed day", "2018-02-09"),
        ("2017-11-23", "Thursday 2017-11-23, a closed day", "2017-11-22"),
        ("2028-01-03", "2028-01-03, outside the calendar", "2027-12-31"),
        ("1999-12-31", "1999-12-31, outside the calendar", "the first session is 2000-01-03"),
    ],
)
def test_a_day_without_a_session_is_refused_with_its_reason_and_the_nearest_one(
    day: str, says: str, nearest: str
) -> None:
    with pytest.raises(SessionError) as caught:
        session_number(date.fromisoformat(day))
    assert day in caught.value.where
    assert caught.value.got == says
    assert nearest in caught.value.mend


def test_a_range_has_both_ends_and_takes_closed_days_for_ends() -> None:
    week = ["2017-11-20", "2017-11-21", "2017-11-22", "2017-11-24"]
    for first, last in [("2017-11-20", "2017-11-24"), ("2017-11-18", "2017-11-26")]:
        found = sessions(date.fromisoformat(first), date.fromisoformat(last))
        assert found.dtype == np.dtype("datetime64[D]")
        assert found.astype(str).tolist() == week
    assert len(sessions(date(2017, 11, 23), date(2017, 11, 23))) == 0
    assert len(sessions(date(2017, 11, 24), date(2017, 11, 20))) == 0
    assert len(sessions(date(1990, 1, 1), date(2040, 1, 1))) == len(ALL_SESSIONS)


@pytest.mark.parametrize(
    ("midnight_in_new_york", "complete", "before"),
    [
        ("2018-02-08T05:00:00", "2018-02-07", "2018-02-06"),  # winter
        ("2018-07-11T04:00:00", "2018-07-10", "2018-07-09"),  # summer
        ("2018-03-10T05:00:00", "2018-03-09", "2018-03-08"),  # the Friday before clocks go forward
        ("2018-03-13T04:00:00", "2018-03-12", "2018-03-09"),  # the Monday after
        ("2018-11-03T04:00:00", "2018-11-02", "2018-11-01"),  # the Friday before clocks go back
        ("2018-11-06T05:00:00", "2018-11-05", "2018-11-02"),  # the Monday after
        ("2017-11-25T05:00:00", "2017-11-24", "2017-11-22"),  # the half day after Thanksgiving
    ],
)
def test_a_session_is_complete_from_midnight_in_new_york_on(
    midnight_in_new_york: str, complete: str, before: str
) -> None:
    midnight = datetime.fromisoformat(midnight_in_new_york).replace(tzinfo=UTC)
    assert newest_complete_session(midnight) == date.fromisoformat(complete)
    assert newest_complete_session(midnight - timedelta(microseconds=1)) == date.fromisoformat(before)


@pytest.mark.parametrize(
    ("moment", "complete"),
    [
        ("2018-02-11T12:00:00", "2018-02-09"),  # Sunday
        ("2017-11-23T12:00:00", "2017-11-22"),  # Thanksgiving
        ("2018-01-02T09:30:00", "2017-12-29"),  # after New Year
        ("2018-02-07T23:59:59", "2018-02-06"),  # closed hours ago, but not before today
    ],
)
def test_closed_days_and_the_running_day_are_passed_over(moment: str, complete: str) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=EXCHANGE_TIME_ZONE)
    assert newest_complete_session(now) == date.fromisoformat(complete)


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_is_no_riddle(fold: int) -> None:
    now = datetime(2018, 11, 4, 1, 30, tzinfo=EXCHANGE_TIME_ZONE, fold=fold)
    assert newest_complete_session(now) == date(2018, 11, 2)


def test_one_moment_gives_one_session_whatever_its_time_zone() -> None:
    moment = datetime(2018, 2, 8, 5, 0, tzinfo=UTC)
    zones = ("Asia/Tokyo", "Pacific/Honolulu", "America/New_York")
    assert {newest_complete_session(moment.astimezone(ZoneInfo(zone))) for zone in zones} == {date(2018, 2, 7)}


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(SessionError, match="time zone"):
        newest_complete_session(datetime(2018, 2, 8))  # noqa: DTZ001 - the fault under test


def test_a_clock_before_the_calendar_is_refused() -> None:
    with pytest.raises(SessionError, match="clock"):
        newest_complete_session(datetime(2000, 1, 3, 12, tzinfo=EXCHANGE_TIME_ZONE))
    assert newest_complete_session(datetime(2000, 1, 4, tzinfo=EXCHANGE_TIME_ZONE)) == FIRST_SESSION


def test_the_present_is_the_default() -> None:
    before = datetime.now(tz=UTC)
    assert newest_complete_session() in {newest_complete_session(before), newest_complete_session(datetime.now(tz=UTC))}
