"""`calibrate_null`: the null distributions behind the p-values, of a quarter or a range of them."""

import warnings

import dagster as dg

from assets.null_distributions import null_distributions
from assets.quarters import QUARTERS
from resources.calendar import EXCHANGE_TIME_ZONE
from resources.null_table import quarter_of

with warnings.catch_warnings():
    # Dagster wants to infer the partitions from the asset; said here, the command line refuses an unknown quarter.
    warnings.simplefilter("ignore", DeprecationWarning)
    calibrate_null = dg.define_asset_job(
        "calibrate_null",
        selection=dg.AssetSelection.assets(null_distributions),
        partitions_def=QUARTERS,
        executor_def=dg.in_process_executor,
        description="Score the surrogates of the sessions before a quarter, for the p-values of its patterns.",
    )


@dg.schedule(
    job=calibrate_null,
    cron_schedule="0 5 2 1,4,7,10 *",
    execution_timezone=str(EXCHANGE_TIME_ZONE),
    description="On the second day of a quarter at 5:00 in New York: that quarter's, before its first session is run.",
)
def calibrate_null_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The run of the quarter that begins at the tick."""
    return dg.RunRequest(partition_key=quarter_of(context.scheduled_execution_time.date()).isoformat())
