"""`train_forecast_model`: the forecast model of a year, and the skill of the one before; a year or a range of them."""

import warnings

import dagster as dg

from assets.forecast_model import forecast_model
from assets.forecast_skill import forecast_skill
from assets.years import YEARS
from resources.calendar import EXCHANGE_TIME_ZONE

with warnings.catch_warnings():
    # Dagster wants to infer the partitions from the asset; said here, the command line refuses an unknown year.
    warnings.simplefilter("ignore", DeprecationWarning)
    train_forecast_model = dg.define_asset_job(
        "train_forecast_model",
        selection=dg.AssetSelection.assets(forecast_model, forecast_skill),
        partitions_def=YEARS,
        executor_def=dg.in_process_executor,
        description="Fit the forecast model on all data through a year, and judge the one before it in that year.",
    )


@dg.schedule(
    job=train_forecast_model,
    cron_schedule="0 4 2 1 *",
    execution_timezone=str(EXCHANGE_TIME_ZONE),
    description="On 2 January at 4:00 in New York: the model of the year that ended, whose last session is in by then.",
)
def train_forecast_model_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The run of the year before the tick's."""
    return dg.RunRequest(partition_key=str(context.scheduled_execution_time.year - 1))
