"""`judge_patterns`: what happened after the patterns of a year; a year or a range of them."""

import warnings

import dagster as dg

from assets.pattern_outcomes import pattern_outcomes
from assets.years import YEARS

with warnings.catch_warnings():
    # Dagster wants to infer the partitions from the asset; said here, the command line refuses an unknown year.
    warnings.simplefilter("ignore", DeprecationWarning)
    judge_patterns = dg.define_asset_job(
        "judge_patterns",
        selection=dg.AssetSelection.assets(pattern_outcomes),
        partitions_def=YEARS,
        executor_def=dg.in_process_executor,
        description="Follow every pattern of a year for 63 sessions, beside random entries and series without waves.",
    )
