"""`daily_report`: what a person reads in the morning, one HTML file for each session."""

import os
import time
import warnings
from collections.abc import Iterator
from datetime import date
from typing import Any, cast

import dagster as dg
import pyarrow as pa

from assets.declared import declared_asset
from assets.forecast_skill import forecast_skill
from assets.forecasts import forecasts
from assets.null_distributions import null_distributions
from assets.partitions import SESSIONS, session_keys
from assets.pattern_outcomes import pattern_outcomes
from assets.patterns import patterns
from assets.picks import picks
from assets.prices import prices
from assets.progress import Progress
from assets.quarantine import quarantine
from assets.session_run import over_lookback
from assets.simulations import simulations
from assets.universe import universe
from assets.windows import windows
from kernels.device import Backend, choose
from kernels.outcomes import HORIZONS
from kernels.waves import AVAILABLE
from resources.calendar import ALL_SESSIONS, session_number
from resources.contracts import CONTRACTS
from resources.forecast_history import sessions_of_year
from resources.lineage import LOOKBACK, made_from_lookback, require_inputs
from resources.null_table import quarter_of
from resources.parquet_lake import ParquetLake, PartitionInfo
from resources.report import Judged, ReportInput, Source, described, report_page
from resources.report.events import BEFORE_COLUMNS
from resources.report.yesterday import PREVIOUS_FORECAST_COLUMNS
from resources.wiring import LakeResource, WaveScorerResource

CODE_VERSION = "2"
FOLDER = "daily_report"
REQUIRED = ("universe", "prices", "quarantine")
NULLS, SKILL, RATES = "null_distributions", "forecast_skill", "pattern_outcome_rates"
OPTIONAL = ("windows", "patterns", "forecasts", "simulations", "picks")
_PANEL_SESSIONS = LOOKBACK - 1
_HEAD_BYTES = 4096
_END = b"</html>\n"

Partition = tuple[str, str]
"""Name of a table, and a partition of it."""


def _with_previous(asset: dg.AssetsDefinition) -> dg.AssetDep:
    """A dependency on the session and on the one before it."""
    with warnings.catch_warnings():
        # Dagster calls this a beta: the first session has none before it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        mapping = dg.TimeWindowPartitionMapping(start_offset=-1, allow_nonexistent_upstream_partitions=True)
    return dg.AssetDep(asset, partition_mapping=mapping)


@declared_asset(
    SESSIONS,
    None,
    CODE_VERSION,
    group="report",
    kinds=("html",),
    deps=[
        universe,
        over_lookback(prices),
        over_lookback(quarantine),
        windows,
        _with_previous(patterns),
        _with_previous(forecasts),
        simulations,
        picks,
        # What isn't there is left out, so none of these is required.
        null_distributions,
        dg.AssetDep(forecast_skill, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(pattern_outcomes, partition_mapping=dg.AllPartitionMapping()),
    ],
)
def daily_report(
    context: dg.AssetExecutionContext, lake: LakeResource, wave_scorer: WaveScorerResource
) -> dg.MaterializeResult:
    """One page about the session: how sure the system is, the patterns least like chance, setups, forecasts, picks.

    A single HTML file that opens in any browser, without network: `<lake>/daily_report/<session>.html`. It tells what
    changed since the session before, how good forecasts and patterns were so far, which bars were found faulty, and
    what every number was made from. Where a table isn't there, its section says so, and how to make it.
    """
    keys = session_keys(context)
    store = lake.open()
    for table in REQUIRED:
        require_inputs(store, table, keys)
    backend = choose("waves", cast(Backend, wave_scorer.backend), AVAILABLE).backend
    behind = {key: _partitions_behind(store, key) for key in keys}
    told = {key: [(*name, info.fingerprint, info.code_version) for name, info in behind[key].items()] for key in keys}
    parts: dict[str, object] = {"partitions": told, "backend": backend, "code": CODE_VERSION}
    made_from = made_from_lookback(store, keys, ["prices", "quarantine"], parts, lookback=_PANEL_SESSIONS)
    progress = Progress(context.log.info, FOLDER, len(keys))
    try:
        for key in keys:
            began = time.monotonic()
            kept = _head(store, key).get("made_from") == made_from[key]
            if not kept:
                page = report_page(_given(store, key, behind[key], backend, made_from[key]))
                store.files.write(FOLDER, f"{key}.html", page.encode())
            _tell(context, store, key, kept, time.monotonic() - began)
            progress.add()
    finally:
        store.files.settle(FOLDER)
    return dg.MaterializeResult()


def _partitions_behind(lake: ParquetLake, key: str) -> dict[Partition, PartitionInfo]:
    """The partitions that a session's report shows, of those that are there under the present contract."""
    session = date.fromisoformat(key)
    before = _session_before(session)
    wanted = [*((table, key) for table in (*REQUIRED, *OPTIONAL)), (NULLS, quarter_of(session).isoformat())]
    if before is not None:
        wanted += [(table, before.isoformat()) for table in ("patterns", "forecasts")]
    wanted += _judged_years(lake, session)
    found = {(table, partition): lake.info(table, partition) for table, partition in wanted}
    return {
        (table, partition): info
        for (table, partition), info in found.items()
        if info is not None and info.schema_version == str(CONTRACTS[table].version)
    }


def _session_before(session: date) -> date | None:
    number = session_number(session)
    return ALL_SESSIONS[number - 1].item() if number else None


def _judged_years(lake: ParquetLake, session: date) -> Iterator[Partition]:
    """The newest years that were judged and whose outcomes were all known by the session."""
    known = session_number(session) - max(HORIZONS)
    for table, after in ((SKILL, session_number(session) - 1), (RATES, known)):
        years = [
            year for year in lake.partitions(table) if session_number(sessions_of_year(int(year))[-1].item()) <= after
        ]
        yield from ((table, year) for year in years[-1:])


def _given(
    lake: ParquetLake, key: str, behind: dict[Partition, PartitionInfo], backend: str, made_from: str
) -> ReportInput:
    session = date.fromisoformat(key)
    before = _session_before(session)
    universe, prices, quarantine = (lake.read(table, key) for table in REQUIRED)
    return ReportInput(
        session=session,
        previous=before,
        panel=lake.panel(session, _PANEL_SESSIONS, universe["symbol"].to_pylist()),
        universe=universe,
        prices=prices,
        quarantine=quarantine,
        **{table: _table(lake, behind, table, key) for table in OPTIONAL},
        previous_patterns=_table(lake, behind, "patterns", str(before), BEFORE_COLUMNS),
        previous_forecasts=_table(lake, behind, "forecasts", str(before), PREVIOUS_FORECAST_COLUMNS),
        nulls=_table(lake, behind, NULLS, quarter_of(session).isoformat()),
        skill=_judged(lake, behind, SKILL),
        rates=_judged(lake, behind, RATES),
        backend=backend,
        sources=tuple(
            Source(table, partition, info.rows, info.fingerprint, info.schema_version, info.code_version)
            for (table, partition), info in behind.items()
        ),
        made_from=made_from,
        code_version=CODE_VERSION,
    )


def _table(
    lake: ParquetLake,
    behind: dict[Partition, PartitionInfo],
    table: str,
    partition: str,
    columns: tuple[str, ...] | None = None,
) -> pa.Table | None:
    return lake.read(table, partition, columns) if (table, partition) in behind else None


def _judged(lake: ParquetLake, behind: dict[Partition, PartitionInfo], table: str) -> Judged | None:
    year = next((partition for name, partition in behind if name == table), None)
    return None if year is None else Judged(int(year), lake.read(table, year))


def _head(lake: ParquetLake, key: str) -> dict[str, Any]:
    """What a report says of itself; nothing if there is none, or only a part of one."""
    try:
        with lake.files.open(FOLDER, f"{key}.html") as file:
            head = described(file.read(_HEAD_BYTES).decode(errors="replace"))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - len(_END), 0))
            return head | {"bytes": size} if file.read() == _END else {}
    except FileNotFoundError:
        return {}


def _tell(context: dg.AssetExecutionContext, lake: ParquetLake, key: str, kept: bool, seconds: float) -> None:
    head = _head(lake, key)
    metadata = {
        "dagster/uri": lake.files.uri(FOLDER, f"{key}.html"),
        **{name: head[name] for name in ("bytes", "confirmed_patterns", "setups", "discoveries")},
        "sections_missing": ", ".join(head["missing"]) or "none",
        "kept": kept,
        "seconds": round(seconds, 3),
    }
    context.add_asset_metadata(metadata, partition_key=key)
