"""The quarterly partitions: what is known before a quarter begins, and serves in it. A key is its first day."""

import dagster as dg

from resources.calendar import EXCHANGE_TIME_ZONE, FIRST_SESSION, LAST_DAY

QUARTERS = dg.TimeWindowPartitionsDefinition(
    start=f"{FIRST_SESSION.year}-01-01",
    end=f"{LAST_DAY.year + 1}-01-01",
    fmt="%Y-%m-%d",
    cron_schedule="0 0 1 1,4,7,10 *",
    timezone=str(EXCHANGE_TIME_ZONE),
    # A quarter is a partition from its beginning on: what serves in it is made from earlier sessions.
    end_offset=1,
)
