"""The wave counts of each session."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import numpy as np
import pyarrow as pa

from assets.filter_recall import filter_recall, scanned_windows
from assets.lookback import Lookback, load_lookback
from assets.partitions import session_keys
from assets.quarantine import quarantine
from assets.session_run import SessionRun, over_lookback, session_asset
from assets.windows import windows
from kernels.waves import Scan
from resources.contracts import PATTERNS
from resources.lineage import made_from_lookback, require_inputs
from resources.pattern_table import PatternTables
from resources.wiring import LakeResource, ScanSettingsResource, WaveScorerResource

CODE_VERSION = "2"


@session_asset(
    PATTERNS, CODE_VERSION, group="waves", kinds=("parquet", "numba"), deps=[windows, over_lookback(quarantine)]
)
def patterns(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scan_settings: ScanSettingsResource,
    wave_scorer: WaveScorerResource,
) -> dg.MaterializeResult:
    """Elliott-wave counts inside the longest kept window of each symbol, as they stood at the close of the session.

    The search is exhaustive: every count of every class that the hard rules allow is subdivided and scored. Kept are
    the best confirmed ones of each symbol, and every setup that still stands, with its targets, the price that
    invalidates it, and what it may gain for what it risks. Parts are the counts inside the best ones, down to the
    smallest, linked by `child_id`. A score says how closely a count follows the guidelines. It is not a probability:
    random walks are full of valid counts too.

    `filter_recall` in the metadata is the estimated share of the session's best confirmed counts that the kept windows
    contain: a seeded sample of the symbols whose longest window was dropped is scanned as if it hadn't been.
    """
    keys = session_keys(context)
    store, settings = lake.open(), scan_settings.scan()
    extra = {"settings": settings, "windows": require_inputs(store, "windows", keys)}
    made_from = made_from_lookback(store, keys, ["prices", "quarantine"], extra)
    run = SessionRun(context, store, PATTERNS, CODE_VERSION, made_from)
    pending = run.pending()
    if pending:
        scorer = wave_scorer.open()
        earlier = scorer.metrics
        look = load_lookback(store, pending)
        bars, origins = look.rows, look.origins
        scanned = scanned_windows(store, look, pending)
        found = scorer.score(bars.low, bars.high, origins.row, origins.end, scanned.kept, settings)
        recalls = filter_recall(
            look,
            scanned,
            found,
            scan_settings.recall_sample,
            # Only confirmed patterns are compared.
            lambda chosen, lengths: scorer.score(
                bars.low,
                bars.high,
                origins.row[chosen],
                origins.end[chosen],
                lengths,
                replace(settings, setup_top_n=0),
            ),
        )
        run.metadata |= scorer.report(found, earlier)
        run.metadata["candidates"] = int(found.candidates.sum())
        run.by_session |= {key: recall.metadata for key, recall in zip(pending, recalls, strict=True)}
        run.write(_tables(look, found, settings.top_n, pending), len(pending))
    return run.result()


def _tables(look: Lookback, found: Scan, top_n: int, pending: list[str]) -> Iterator[tuple[str, pa.Table]]:
    origins = look.origins
    symbols = look.symbols[look.rows.symbol[found.patterns.series]]
    tables = PatternTables(found, symbols, look.sessions, look.rows.close[origins.row, origins.end], top_n)
    first, last = np.searchsorted(found.origin, [np.arange(len(origins.row)), np.arange(len(origins.row)) + 1])
    for day, key in enumerate(pending):
        today = origins.by_session[day]
        counts = (last - first)[today]
        starts = np.repeat(first[today] - np.r_[0, np.cumsum(counts)[:-1]], counts)
        yield key, tables.table(look.asked[day], starts + np.arange(counts.sum()))
