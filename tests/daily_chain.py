"""Runs of the daily chain in this process, on a lake and a price file of their own."""

import shutil
from pathlib import Path

import dagster as dg

from definitions import build_defs
from resources.calendar import sessions
from resources.wiring import LakeResource, PriceSourceResource
from tests.small_market import FIRST, LAST

HISTORY = ("universe", "prices", "quarantine")
TABLES = ("universe", "prices", "quarantine", "windows", "patterns", "forecasts", "simulations", "picks")
DAYS = [str(day) for day in sessions(FIRST, LAST)]


def run(job: str, lake: Path, prices: Path, first: str, last: str | None = None, **config) -> dg.ExecuteInProcessResult:
    """Run a job in this process for a session or a range."""
    defs = build_defs(
        resource_overrides={
            "lake": LakeResource(root=str(lake)),
            "price_source": PriceSourceResource(source="files", prices_path=str(prices)),
        }
    )
    tags = (
        {"dagster/partition": first}
        if last is None
        else {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    )
    return defs.resolve_job_def(job).execute_in_process(tags=tags, run_config=config or None, raise_on_error=True)


def files(lake: Path, tables: tuple[str, ...] = TABLES) -> dict[str, bytes]:
    """The bytes of every partition, by table and file name."""
    paths = [path for table in tables for path in sorted((lake / table).glob("*.parquet"))]
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}


def with_history(lake: Path, of: Path, last: str = DAYS[-1]) -> Path:
    """Give a lake the history of another one through a session, as a run of `price_history` would; returns the lake."""
    for table in HISTORY:
        (lake / table).mkdir(parents=True)
        for file in sorted((of / table).glob("*.parquet")):
            if file.stem <= last:
                shutil.copy2(file, lake / table)
    return lake
