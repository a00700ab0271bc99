"""`synthetic_samples`: shards of random trade states and actions, with what the simulator says became of them."""

import time
import warnings
from typing import Any, cast, get_args

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from assets.declared import definition_metadata
from assets.prices import prices
from assets.progress import Progress
from assets.quarantine import quarantine
from assets.session_run import PREVIEW_ROWS, preview
from kernels.errors import InvalidInputError
from kernels.samples import SPLITS, SampleSettings
from kernels.trading import Costs
from resources.contracts import SYNTHETIC_SAMPLES
from resources.sample_build import build_shard, bytes_needed
from resources.sample_plan import CODE_VERSION, SampleOptions, SamplePlan, plan_dataset
from resources.sample_store import SHARD_COUNT, SampleStore, shard_name, shard_number
from resources.wiring import LakeResource, SharedPanelResource
from resources.worker_pool import Kind, resolve_jobs

SHARDS = dg.StaticPartitionsDefinition([shard_name(number) for number in range(SHARD_COUNT)])

_OPTIONS = SampleOptions()
_SETTINGS = SampleSettings()
_COSTS = Costs()
_SHARDS_PER_RUN = 16


class SyntheticSamplesConfig(dg.Config):
    """What the samples are drawn from, and how they are written."""

    dataset: str = Field(default=_OPTIONS.dataset, description="Name of the dataset: a-z, 0-9 and hyphen.")
    symbols: list[str] = Field(default=[], description="Tickers; empty = every symbol that the lake has.")
    start: str = Field(default="", description="First session of the bars, ISO date; empty = the oldest in the lake.")
    end: str = Field(default="", description="Last session of the bars, ISO date; empty = the newest in the lake.")
    rows_per_shard: int = Field(default=_OPTIONS.rows_per_shard, description="Rows of each shard.")
    layout: str = Field(
        default=_OPTIONS.layout,
        description="index: windows are gathered on load from the panel beside; windowed: they are in the file.",
    )
    compression: str = Field(default=_OPTIONS.compression, description="none, snappy or zstd.")
    seed: int = Field(default=_SETTINGS.seed, description="Seed of every draw.")
    lookback: int = Field(default=_SETTINGS.lookback, description="Sessions of a window.")
    forward: int = Field(default=_SETTINGS.forward, description="Sessions that the labels look ahead.")
    max_leverage: float = Field(default=_SETTINGS.max_leverage, description="Gross value over equity, at most.")
    flat_share: float = Field(default=_SETTINGS.flat_share, description="Share of states that hold nothing.")
    long_share: float = Field(default=_SETTINGS.long_share, description="Share of states that are only long.")
    short_share: float = Field(default=_SETTINGS.short_share, description="Share of states that are only short.")
    hold_share: float = Field(default=_SETTINGS.hold_share, description="Share of actions that change nothing.")
    validation_share: float = Field(default=_SETTINGS.validation_share, description="Share of sessions; 0 = none.")
    test_share: float = Field(default=_SETTINGS.test_share, description="Share of sessions; 0 = none.")
    held_out_share: float = Field(default=_SETTINGS.held_out_share, description="Share of symbols; 0 = none.")
    embargo: int = Field(default=_SETTINGS.embargo, description="Sessions left out between blocks beside the purge.")
    fee_bp: float = Field(default=_COSTS.fee_bp, description="Basis points of the value traded.")
    half_spread_bp: float = Field(default=_COSTS.half_spread_bp, description="Basis points of the value traded.")
    slippage_bp: float = Field(default=_COSTS.slippage_bp, description="Basis points of the value traded.")
    borrow_bp_per_year: float = Field(
        default=_COSTS.borrow_bp_per_year, description="Basis points a year of the short value."
    )
    overnight_bp: float = Field(default=_COSTS.overnight_bp, description="Basis points a night of the value held.")
    n_jobs: int = Field(default=-1, description="Blocks made side by side: -1 = all CPUs, -2 = all but one, N.")
    workers: str = Field(default="threads", description="threads, or processes that read shared memory.")
    overwrite: bool = Field(
        default=False, description="Draw shards again even if they are there, also from other inputs."
    )

    def options(self) -> SampleOptions:
        """What the dataset is made from.

        Raises:
            InvalidInputError: an option out of its range, named.
        """
        given = self.model_dump()
        costs = Costs(**{name: given[name] for name in vars(_COSTS)})
        settings = {name: given[name] for name in vars(_SETTINGS) if name != "costs"}
        rest = {name: given[name] for name in vars(_OPTIONS) if name not in ("settings", "symbols")}
        return SampleOptions(**rest, symbols=tuple(self.symbols), settings=SampleSettings(**settings, costs=costs))


def _asset(function: Any) -> dg.AssetsDefinition:
    with warnings.catch_warnings():
        # Dagster calls backfill policies a beta; every import would say so.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.asset(
            partitions_def=SHARDS,
            # Starting a run takes seconds, as does drawing a few shards.
            backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=_SHARDS_PER_RUN),
            deps=[dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping()) for asset in (prices, quarantine)],
            group_name="samples",
            kinds={"parquet", "numba"},
            owners=["team:research"],
            code_version=CODE_VERSION,
            metadata=definition_metadata(SYNTHETIC_SAMPLES),
        )(function)


@_asset
def synthetic_samples(
    context: dg.AssetExecutionContext,
    config: SyntheticSamplesConfig,
    lake: LakeResource,
    shared_panel: dg.ResourceParam[SharedPanelResource],
) -> dg.MaterializeResult:
    """Training data: a row is a random trade state and action, and what the simulator says became of it.

    It stands at a random session of a random symbol, and the simulator looks at the next sessions. A shard is one
    Parquet file; the manifest and the panel that windows are gathered from lie beside it. A shard that was made from
    the same inputs is kept. Other inputs are refused, unless `overwrite` is set.
    """
    opened = lake.open()
    store = SampleStore(opened.files, config.dataset)
    jobs, workers = resolve_jobs(config.n_jobs), _workers(config.workers)
    plan = plan_dataset(opened, config.options())
    numbers = [shard_number(key) for key in context.partition_keys]
    pending = [number for number in numbers if config.overwrite or not store.is_current(number, plan.made_from)]
    if len(pending) < len(numbers):
        context.log.info(f"{len(numbers) - len(pending)} of {len(numbers)} shards are up to date and kept")
    # Before the manifest: a refused dataset must not stand in the way of a smaller one of its name.
    store.require_space(bytes_needed(plan, len(pending)))
    store.begin(plan.manifest, plan.panel, overwrite=config.overwrite)
    progress = Progress(
        context.log.info, f"synthetic_samples {config.dataset}", config.rows_per_shard * len(pending), "rows"
    )
    for number in numbers:
        began = time.monotonic()
        if number in pending:
            build_shard(
                plan, store, number, jobs=jobs, workers=workers, lease=shared_panel.lease, progress=progress.add
            )
        seconds = time.monotonic() - began if number in pending else None
        context.add_asset_metadata(_metadata(store, plan, number, seconds), partition_key=shard_name(number))
    return dg.MaterializeResult()


def _workers(name: str) -> Kind:
    if name not in get_args(Kind):
        raise InvalidInputError(
            "option workers",
            expected=f"one of {', '.join(get_args(Kind))}",
            got=repr(name),
            mend="correct `workers` in the run config",
        )
    return cast(Kind, name)


def _metadata(store: SampleStore, plan: SamplePlan, number: int, seconds: float | None) -> dict[str, Any]:
    note = store.read_note(number)
    splits = dict(zip(SPLITS, np.array(note.row_groups).reshape(-1, len(SPLITS)).sum(axis=0).tolist(), strict=True))
    with store.open_shard(number) as file:
        first = next(pq.ParquetFile(file).iter_batches(PREVIEW_ROWS), None)
    shown = {} if first is None else {"preview": preview(pa.table(first), SYNTHETIC_SAMPLES.schema.names)}
    taken = {} if seconds is None else {"seconds": round(seconds, 3), "rows_per_second": round(note.rows / seconds)}
    return {
        "dagster/partition_row_count": note.rows,
        "dagster/uri": store.shard_uri(number),
        "bytes": note.bytes,
        "sha256": note.sha256,
        "made_from": note.made_from,
        "kept": seconds is None,
        **taken,
        **{f"rows_{name}": count for name, count in splits.items()},
        **{f"starts_{name}": count for name, count in plan.manifest["starts"].items()},
        **{f"removed_starts_{reason.replace(' ', '_')}": count for reason, count in plan.starts.removed.items()},
        **shown,
    }
