"""The daily partitions: one for each session of the New York Stock Exchange, and which of them a run was asked for."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from kernels.errors import SessionError
from resources.calendar import (
    CLOSED_DAYS,
    EXCHANGE_TIME_ZONE,
    FIRST_SESSION,
    LAST_DAY,
    newest_complete_session,
    session_number,
)

# The calendar's last day is included, and Dagster's end is not. A weekday cron would stretch Friday to Monday.
SESSIONS = dg.DailyPartitionsDefinition(
    start_date=FIRST_SESSION.isoformat(),
    end_date=(LAST_DAY + timedelta(days=1)).isoformat(),
    timezone=str(EXCHANGE_TIME_ZONE),
    exclusions=["0 0 * * 0,6", *(datetime(day.year, day.month, day.day) for day in CLOSED_DAYS)],  # noqa: DTZ001
)

_PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)


def session_keys(context: dg.AssetExecutionContext, now: datetime | None = None) -> list[str]:
    """The sessions this run was asked for, as ISO dates in order.

    Dagster's own command line takes a closed or a future day and runs another one, so the tags are checked here.

    Raises:
        SessionError: no session asked for, a closed day, a day still to come, or a range that ends before it starts.
    """
    asked = [context.run.tags[tag] for tag in _PARTITION_TAGS if tag in context.run.tags]
    if not asked:
        raise SessionError(
            f"run of `{context.asset_key.to_user_string()}`",
            expected="a session or a range of sessions",
            got="no partition",
            mend='add --tags \'{"dagster/partition": "2018-02-07"}\', or the range tags in the README',
        )
    newest = newest_complete_session(now or datetime.now(tz=UTC))
    for day in asked:
        session_number(date.fromisoformat(day))
        if date.fromisoformat(day) > newest:
            raise SessionError(
                f"session {day}",
                expected=f"a session that is over, {newest} at the latest (a session is over at midnight in New York)",
                got="a session still to come",
                mend=f"wait until it is over, or run {newest}",
            )
    keys = list(context.partition_keys)
    if not keys:
        raise SessionError(
            "the range of sessions",
            expected="a start that isn't after the end",
            got=" to ".join(asked),
            mend="swap the two",
        )
    return keys
