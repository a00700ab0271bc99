"""The schedules, in New York's time: every open day once, on the morning after it; each year once it has ended; each
quarter as it begins.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from assets.partitions import SESSIONS
from assets.quarters import QUARTERS
from assets.years import YEARS
from definitions import defs
from resources.calendar import ALL_SESSIONS, LAST_DAY, sessions
from resources.null_table import last_session_before

NEW_YORK = ZoneInfo("America/New_York")


def ticks(first: str, days: int) -> dict[str, list[str]]:
    """Day of the tick -> the partitions that it asks for."""
    schedule = defs.resolve_schedule_def("daily_sp500_schedule")
    asked = {}
    with dg.DagsterInstance.ephemeral() as instance:
        for offset in range(days):
            day = datetime.fromisoformat(first) + timedelta(days=offset)
            context = dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=day.replace(hour=6, tzinfo=NEW_YORK),
                repository_def=defs.get_repository_def(),
            )
            requests = schedule.evaluate_tick(context).run_requests
            asked[day.strftime("%a %d")] = [request.partition_key for request in requests]
    return asked


def test_runs_at_six_in_new_york():
    schedule = defs.resolve_schedule_def("daily_sp500_schedule")
    assert schedule.cron_schedule == "0 6 * * *"
    assert schedule.execution_timezone == "America/New_York"


def test_thanksgiving_week_skips_the_holiday_and_keeps_the_half_day():
    assert ticks("2026-11-23", 8) == {
        "Mon 23": [],
        "Tue 24": ["2026-11-23"],
        "Wed 25": ["2026-11-24"],
        "Thu 26": ["2026-11-25"],
        "Fri 27": [],
        "Sat 28": ["2026-11-27"],
        "Sun 29": [],
        "Mon 30": [],
    }


@pytest.mark.parametrize("monday", ["2026-03-02", "2026-10-26"])
def test_both_clock_changes_lose_and_repeat_no_session(monday):
    first = datetime.fromisoformat(monday)
    asked = [key for keys in ticks(monday, 14).values() for key in keys]
    expected = [
        (first + timedelta(days=offset)).date().isoformat()
        for offset in range(13)
        if (first + timedelta(days=offset)).weekday() < 5
    ]
    assert asked == expected


def test_partitions_are_the_sessions_of_the_calendar():
    keys = SESSIONS.get_partition_keys(current_time=datetime(2028, 1, 1, 12, tzinfo=NEW_YORK))
    assert keys == [str(session) for session in ALL_SESSIONS]
    assert SESSIONS.get_partition_keys(current_time=datetime(2018, 2, 7, 23, 59, tzinfo=NEW_YORK))[-1] == "2018-02-06"
    assert SESSIONS.get_partition_keys(current_time=datetime(2018, 2, 8, 0, 1, tzinfo=NEW_YORK))[-1] == "2018-02-07"


def test_each_january_trains_the_model_of_the_year_that_ended():
    schedule = defs.resolve_schedule_def("train_forecast_model_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 4 2 1 *", "America/New_York")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2018, 1, 2, 4, tzinfo=NEW_YORK),
            repository_def=defs.get_repository_def(),
        )
        [request] = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2017"
    assert request.partition_key in YEARS.get_partition_keys()


@pytest.mark.parametrize(
    ("tick", "quarter"),
    [
        ((2018, 1, 2), "2018-01-01"),
        ((2018, 4, 2), "2018-04-01"),
        ((2018, 7, 2), "2018-07-01"),
        ((2018, 10, 2), "2018-10-01"),
    ],
)
def test_the_second_day_of_a_quarter_calibrates_it(tick, quarter):
    schedule = defs.resolve_schedule_def("calibrate_null_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 2 1,4,7,10 *", "America/New_York")
    moment = datetime(*tick, 5, tzinfo=NEW_YORK)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=moment, repository_def=defs.get_repository_def()
        )
        [request] = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == quarter
    # At the tick it is the newest partition.
    assert QUARTERS.get_partition_keys(current_time=moment)[-1] == quarter


def run_of(session: date) -> datetime:
    """When `daily_sp500_schedule` runs a session: at six on the day after it."""
    day = session + timedelta(days=1)
    return datetime(day.year, day.month, day.day, 6, tzinfo=NEW_YORK)


def test_at_the_tick_of_a_quarter_what_it_needs_has_been_run_and_its_first_session_has_not():
    keys = QUARTERS.get_partition_keys(current_time=datetime(2028, 1, 1, 12, tzinfo=NEW_YORK))
    assert (keys[0], keys[-1], len(keys)) == ("2000-01-01", "2027-10-01", 4 * 28)
    for key in keys[1:]:
        quarter = date.fromisoformat(key)
        needed, first = last_session_before(quarter), sessions(quarter, LAST_DAY)[0].item()
        tick = datetime(quarter.year, quarter.month, 2, 5, tzinfo=NEW_YORK)
        assert run_of(needed) < tick < run_of(first)
