"""The jobs over sessions: fill history, and the daily chain with its schedule."""

import warnings

import dagster as dg

from assets.daily_report import daily_report
from assets.forecasts import forecasts
from assets.partitions import SESSIONS
from assets.patterns import patterns
from assets.picks import picks
from assets.prices import prices
from assets.quarantine import quarantine
from assets.simulations import simulations
from assets.universe import universe
from assets.windows import windows


def _session_job(name: str, selection: dg.AssetSelection, description: str):
    with warnings.catch_warnings():
        # Dagster wants to infer the partitions from the assets, but then its schedule forgets the closed days.
        warnings.simplefilter("ignore", DeprecationWarning)
        return dg.define_asset_job(
            name,
            selection=selection,
            partitions_def=SESSIONS,
            # Kernels use the cores themselves, and what is read once stays warm between the steps of one process.
            executor_def=dg.in_process_executor,
            description=description,
        )


price_history = _session_job(
    "price_history",
    # Years of sessions: Dagster would plan each check for each of them, at 27 kB a time. `quarantine` has the faults.
    dg.AssetSelection.assets(universe, prices, quarantine).without_checks(),
    "Universe, prices and quarantine for a range of sessions, in one run, without the checks. Run it first.",
)

daily_sp500 = _session_job(
    "daily_sp500",
    dg.AssetSelection.assets(
        universe, prices, quarantine, windows, patterns, forecasts, simulations, picks, daily_report
    ),
    "The whole chain and its report for one session, or for a range of sessions in one run.",
)

daily_sp500_schedule = dg.build_schedule_from_partitioned_job(
    daily_sp500,
    name="daily_sp500_schedule",
    hour_of_day=6,
    minute_of_hour=0,
    description="Each morning at 6:00 in New York after an open day: the chain for that day.",
)
