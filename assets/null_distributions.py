"""How well patterns score in series without waves: the yardstick of every p-value, one for each quarter."""

import time
from datetime import date
from typing import Any, cast

import dagster as dg
import pyarrow.compute as pc
from pydantic import Field

from assets.declared import declared_asset
from assets.prices import prices
from assets.progress import Progress
from assets.quarantine import quarantine
from assets.quarters import QUARTERS
from assets.session_run import preview, table_of
from assets.universe import universe
from kernels.device import Backend, choose
from kernels.errors import MissingHistoryError
from kernels.nulls import AVAILABLE
from kernels.surrogates import DEFAULT_BLOCK
from resources.contracts import NULL_DISTRIBUTIONS
from resources.lineage import LOOKBACK
from resources.null_build import NullRequest, build_null
from resources.null_state import NullStates
from resources.null_table import NullModel, last_session_before, null_table
from resources.parquet_lake import ParquetLake, fingerprint
from resources.price_history import history_sessions, lookback_start, missing_history
from resources.wiring import LakeResource, ScanSettingsResource, WaveScorerResource

CODE_VERSION = "1"
TABLE = NULL_DISTRIBUTIONS.name
SURROGATES_ON_GPU, SURROGATES_ON_CPU = 1000, 40
_PREVIEW = ["length", "class", "legs", "direction", "span_to", "surrogates", "with_pattern"]


class NullDistributionsConfig(dg.Config):
    """What the surrogates are."""

    null_model: str = Field(default="block", description="block, gjr or sign; see kernels/surrogates.")
    surrogates: int | None = Field(
        default=None,
        ge=1,
        description=f"Of each symbol and window length; null = {SURROGATES_ON_GPU:,} on a GPU, {SURROGATES_ON_CPU} on "
        "a CPU.",
    )
    seed: int = Field(default=7, ge=0, le=2**64 - 1, description="Of the surrogates.")
    block: float = Field(default=DEFAULT_BLOCK, ge=1.0, description="Mean bars of a block.")
    bins: int = Field(default=5000, ge=1, le=100_000, description="Bins of scores from 0 to 1.")


@declared_asset(
    QUARTERS,
    NULL_DISTRIBUTIONS,
    CODE_VERSION,
    group="waves",
    kinds=("parquet", "numba"),
    deps=[
        dg.AssetDep(each, partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-9, end_offset=-1))
        for each in (universe, prices, quarantine)
    ],
)
def null_distributions(
    context: dg.AssetExecutionContext,
    config: NullDistributionsConfig,
    lake: LakeResource,
    scan_settings: ScanSettingsResource,
    wave_scorer: WaveScorerResource,
) -> dg.MaterializeResult:
    """What chance looks like: a row is one kind of pattern, and how well it scores in series without waves.

    The p-values of the quarter's patterns are read off it. Random walks are full of valid counts, so a score says
    little by itself. Of every member's bars before the quarter, surrogates are made for each window length and searched
    like the originals; the best score of each class, stage, direction and span goes into a histogram that all symbols
    share, because scores hardly depend on the symbol. Nothing is seen that the quarter brings. A run that was killed
    goes on where it stopped.
    """
    store = lake.open()
    for key in context.partition_keys:
        began = time.monotonic()
        quarter = date.fromisoformat(key)
        asked = _asked(store, quarter, config, scan_settings, cast(Backend, wave_scorer.backend))
        info = store.info(TABLE, key)
        wanted = (asked.made_from, CODE_VERSION, str(NULL_DISTRIBUTIONS.version))
        kept = info is not None and (info.made_from, info.code_version, info.schema_version) == wanted
        extra: dict[str, Any] = {"kept": kept}
        if not kept:
            members = store.read("universe", asked.model.through.isoformat(), ["symbol"])["symbol"].to_pylist()
            panel = store.panel(asked.model.through, LOOKBACK, members)
            total = len(panel.symbols) * sum(asked.lengths)
            progress = Progress(context.log.info, f"null_distributions {key}", total, "windowed sessions")
            found, left_out = build_null(panel, asked, NullStates(store.files), progress.add)
            store.write(TABLE, key, null_table(found), made_from=asked.made_from, code_version=CODE_VERSION)
            store.settle(TABLE)
            NullStates(store.files).drop(key)
            extra |= {
                "backend": found.histograms.backend,
                "backend_reason": found.histograms.reason,
                "seconds": round(time.monotonic() - began, 3),
                "symbols_left_out": len({name for names in left_out.values() for name in names}),
                "left_out": table_of(
                    ("window", "symbols", "without enough bars"),
                    ((length, len(names), ", ".join(names)) for length, names in sorted(left_out.items())),
                ),
            }
        _report(context, store, key, extra)
    return dg.MaterializeResult()


def _asked(
    lake: ParquetLake,
    quarter: date,
    config: NullDistributionsConfig,
    scan_settings: ScanSettingsResource,
    backend: Backend,
) -> NullRequest:
    through = last_session_before(quarter)
    oldest = min(lake.stamps("prices"), default=None)
    wanted = f"the {LOOKBACK} sessions before the quarter that begins on {quarter}"
    if through is None:
        raise MissingHistoryError(
            f"null_distributions {quarter}",
            expected=wanted,
            got="a quarter at the beginning of the calendar",
            mend="choose a later quarter",
        )
    needed = [str(each) for each in history_sessions(lookback_start(through, LOOKBACK), through, oldest)]
    parts: dict[str, object] = {"code": CODE_VERSION}
    for table, keys in (("prices", needed), ("quarantine", needed), ("universe", [through.isoformat()])):
        found = lake.fingerprints(table, keys)
        missing = [key for key in keys if key not in found]
        if missing or not keys:
            raise missing_history(table, missing or [str(lookback_start(through, LOOKBACK)), str(through)], wanted)
        parts[table] = [found[key] for key in keys]
    settings = scan_settings.scan()
    chosen = choose("null_distributions", backend, AVAILABLE).backend
    surrogates = config.surrogates or (SURROGATES_ON_GPU if chosen == "gpu" else SURROGATES_ON_CPU)
    model = NullModel(
        quarter, through, config.null_model, config.block, config.seed, settings.max_skip, settings.max_span
    )
    lengths = tuple(sorted(scan_settings.windows().lengths))
    parts |= {"model": model, "surrogates": surrogates, "bins": config.bins, "lengths": lengths}
    return NullRequest(model, lengths, surrogates, config.bins, backend, fingerprint(parts))


def _report(context: dg.AssetExecutionContext, lake: ParquetLake, key: str, extra: dict[str, Any]) -> None:
    table = lake.read(TABLE, key)
    rows = (
        table.select(["length", "symbols", "surrogates"])
        .group_by(["length"])
        .aggregate([("symbols", "max"), ("surrogates", "max")])
    )
    lengths = [
        dg.TableRecord(
            {
                "window": row["length"],
                "symbols": row["symbols_max"],
                "surrogates": row["surrogates_max"],
                "smallest p-value": 1.0 / (1.0 + row["surrogates_max"]),
            }
        )
        for row in rows.to_pylist()
    ]
    first = table.slice(0, 1).to_pylist()[0]
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": table.num_rows,
        "dagster/uri": lake.uri(TABLE, key),
        "null_model": first["null_model"],
        "through": first["through"].isoformat(),
        "fewest_surrogates": pc.min(rows["surrogates_max"]).as_py(),
        "lengths": dg.MetadataValue.table(lengths),
        "preview": preview(table, _PREVIEW),
        **extra,
    }
    context.add_asset_metadata(metadata, partition_key=key)
