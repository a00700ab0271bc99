"""Runs of the assets around forecasts in this process, on a lake of the simulated market."""

import shutil
from datetime import date
from pathlib import Path

import dagster as dg

from definitions import build_defs
from resources.calendar import sessions
from resources.wiring import ForecasterResource, LakeResource
from tests.market_lake import fill_lake

FIRST, LAST = date(2015, 12, 14), date(2018, 1, 12)
JANUARY = [str(day) for day in sessions(date(2018, 1, 2), LAST)]
# One symbol changes its sector, so a range has to be cut there.
MOVED_ON = date(2018, 1, 8)


def two_year_lake(root: Path) -> Path:
    """Universe, prices and quarantine of 24 symbols from `FIRST` to `LAST`."""
    symbol = fill_lake(root, 24, FIRST, FIRST).read("universe", str(FIRST))["symbol"][0].as_py()
    fill_lake(root, 24, FIRST, LAST, sectors={MOVED_ON: {symbol: "Financials"}})
    return root


def copy_lake(lake: Path, to: Path, *without: str) -> Path:
    """A copy of a lake, without the tables whose names match these patterns."""
    return shutil.copytree(lake, to / "lake", ignore=shutil.ignore_patterns(*without))


def execute(job: str, lake: Path, first: str, last: str | None = None, **config) -> dg.ExecuteInProcessResult:
    """Run a job in this process, the network computed eagerly."""
    job_def = build_defs(resource_overrides=_resources(lake)).resolve_job_def(job)
    return job_def.execute_in_process(tags=_tags(first, last), run_config=config or None, raise_on_error=True)


def materialize(
    assets: str | list[str], lake: Path, first: str, last: str | None = None, *, config: dict | None = None, **resources
) -> dg.ExecuteInProcessResult:
    """Run some assets, and their checks, without the others that their job has; `config` is that of the one asset."""
    names = [assets] if isinstance(assets, str) else assets
    defs = build_defs(resource_overrides=_resources(lake) | resources)
    job = dg.define_asset_job("only_some", selection=names, executor_def=dg.in_process_executor)
    job_def = dg.Definitions(
        assets=defs.assets, asset_checks=defs.asset_checks, jobs=[job], resources=defs.resources
    ).resolve_job_def("only_some")
    run_config = {"ops": {names[0]: {"config": config}}} if config else None
    return job_def.execute_in_process(tags=_tags(first, last), run_config=run_config, raise_on_error=True)


def forecast(lake: Path, first: str, last: str | None = None, **resources) -> dg.ExecuteInProcessResult:
    """The forecasts of sessions, and their checks, without the rest of the daily chain."""
    return materialize("forecasts", lake, first, last, **resources)


def metadata_of(result: dg.ExecuteInProcessResult, asset: str, partition: str) -> dict:
    [event] = [
        event
        for event in result.asset_materializations_for_node(asset)
        if event.partition == partition or event.partition is None
    ]
    return {name: value.value for name, value in event.metadata.items()}


def rows_told(table: dg.TableMetadataValue | str) -> list[tuple]:
    """The rows of a table in the metadata; none where it says that there is nothing."""
    return [] if table == "none" else [tuple(record.data.values()) for record in table.records]


def _resources(lake: Path) -> dict:
    return {
        "lake": LakeResource(root=str(lake)),
        "forecaster": ForecasterResource(folder=str(lake / "compiled"), warmup=False),
    }


def _tags(first: str, last: str | None) -> dict[str, str]:
    if last is None:
        return {"dagster/partition": first}
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
