"""The yearly partitions: what is fitted on data through a year, and judged over a year."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from assets.session_run import definition_metadata
from resources.calendar import EXCHANGE_TIME_ZONE, FIRST_SESSION, LAST_DAY
from resources.contracts import Contract

# A year is a partition from its end on: nothing is known through it before.
YEARS = dg.TimeWindowPartitionsDefinition(
    start=str(FIRST_SESSION.year),
    end=str(LAST_DAY.year + 1),
    fmt="%Y",
    cron_schedule="0 0 1 1 *",
    timezone=str(EXCHANGE_TIME_ZONE),
)
_YEARS_BACK = LAST_DAY.year - FIRST_SESSION.year


def year_asset(
    contract: Contract | None, code_version: str, *, kinds: Iterable[str], deps: Iterable[Any]
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset with a partition for each year, named after the function it decorates."""

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # Dagster calls backfill policies a beta; every import would say so for every asset.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.asset(
                partitions_def=YEARS,
                backfill_policy=dg.BackfillPolicy.single_run(),
                deps=list(deps),
                group_name="forecasts",
                kinds=set(kinds),
                owners=["team:research"],
                code_version=code_version,
                metadata=None if contract is None else definition_metadata(contract),
            )(function)

    return declare


def through_year(asset: dg.AssetsDefinition) -> dg.AssetDep:
    """A dependency on every session through the end of the year."""
    return dg.AssetDep(asset, partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-_YEARS_BACK))
