"""The schedules: every open day once, on the morning after it, in New York's time; and each year once it has ended."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from assets.partitions import SESSIONS
from assets.years import YEARS
from definitions import defs
from resources.calendar import ALL_SESSIONS

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
