"""The yearly partitions: what is fitted on data through a year, and judged over a year."""

from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from assets.declared import declared_asset
from resources.calendar import EXCHANGE_TIME_ZONE, FIRST_SESSION, LAST_DAY
from resources.contracts import Contract
from resources.parquet_lake import ParquetLake

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
    contract: Contract | None,
    code_version: str,
    *,
    kinds: Iterable[str],
    deps: Iterable[Any],
    group: str = "forecasts",
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset with a partition for each year, named after the function it decorates."""
    return declared_asset(YEARS, contract, code_version, group=group, kinds=kinds, deps=deps)


def through_year(asset: dg.AssetsDefinition) -> dg.AssetDep:
    """A dependency on every session through the end of the year."""
    return dg.AssetDep(asset, partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-_YEARS_BACK))


def earlier_years(lake: ParquetLake, tables: Iterable[str], year: int) -> list[str]:
    """The years right before this one that have a partition of every table, without a gap, in order."""
    judged = set.intersection(*(set(lake.partitions(table)) for table in tables))
    first = year
    while str(first - 1) in judged:
        first -= 1
    return [str(each) for each in range(first, year)]


def is_current(lake: ParquetLake, tables: Iterable[str], key: str, made_from: str, code_version: str) -> bool:
    """Whether every table has the partition, made from the same by the same code."""
    infos = [lake.info(table, key) for table in tables]
    return all(info is not None and (info.made_from, info.code_version) == (made_from, code_version) for info in infos)
