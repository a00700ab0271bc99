"""The jobs over sessions: fill history, and the daily chain with its schedule."""

import dagster as dg

from assets.forecasts import forecasts
from assets.partitions import SESSIONS
from assets.patterns import patterns
from assets.prices import prices
from assets.quarantine import quarantine
from assets.universe import universe
from assets.windows import windows

# Kernels use the cores themselves, and what is read once stays warm between the steps of one process.
EXECUTOR = dg.in_process_executor

price_history = dg.define_asset_job(
    "price_history",
    selection=dg.AssetSelection.assets(universe, prices, quarantine),
    partitions_def=SESSIONS,
    executor_def=EXECUTOR,
    description="Universe, prices and quarantine for a range of sessions, in one run. Run it first.",
)

daily_sp500 = dg.define_asset_job(
    "daily_sp500",
    selection=dg.AssetSelection.assets(universe, prices, quarantine, windows, patterns, forecasts),
    partitions_def=SESSIONS,
    executor_def=EXECUTOR,
    description="The whole chain for one session, or for a range of sessions in one run.",
)

# Without `partitions_def` on the job, Dagster's schedule would run the session before once more on each closed day.
daily_sp500_schedule = dg.build_schedule_from_partitioned_job(
    daily_sp500,
    name="daily_sp500_schedule",
    hour_of_day=6,
    minute_of_hour=0,
    description="Each morning at 6:00 in New York after an open day: the chain for that day.",
)
