"""The wave counts of each session."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.filter_recall import filter_recall, scanned_windows
from assets.lookback import Lookback, load_lookback
from assets.null_distributions import null_distributions
from assets.partitions import session_keys
from assets.pictures import pattern_pictures
from assets.quarantine import quarantine
from assets.session_run import Followed, SessionRun, over_lookback, session_asset
from assets.windows import windows
from kernels.panel import Int32Array1D
from kernels.waves import Scan
from resources.contracts import PATTERNS
from resources.lineage import made_from_lookback, require_inputs
from resources.pattern_table import PatternTables
from resources.report.how_sure import discoveries
from resources.significance import Nulls, with_significance
from resources.wiring import LakeResource, ScanSettingsResource, WaveScorerResource

CODE_VERSION = "3"


@session_asset(
    PATTERNS,
    CODE_VERSION,
    group="waves",
    kinds=("parquet", "numba"),
    # Without a null distribution p-values are unknown, so none is required.
    deps=[windows, over_lookback(quarantine), null_distributions],
)
def patterns(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scan_settings: ScanSettingsResource,
    wave_scorer: WaveScorerResource,
) -> dg.MaterializeResult:
    """Elliott-wave counts: a row is a count in the longest kept window of a symbol, as it stood at the session's close.

    The search is exhaustive: every count of every class that the hard rules allow is subdivided and scored. Kept are
    the best confirmed ones of each symbol, and every setup that still stands, with its targets, the price that
    invalidates it, and what it may gain for what it risks. Parts are the counts inside the best ones, down to the
    smallest, linked by `child_id`. A score says how closely a count follows the guidelines; random walks are full of
    valid counts too. So each has a p-value: how often a series of the same volatility without waves scores as well; and
    a q-value: the share of false discoveries among all patterns at least as good. Both are null until `calibrate_null`
    has made the null distributions of the quarter.

    `filter_recall` in the metadata is the estimated share of the session's best confirmed counts that the kept windows
    contain: a seeded sample of the symbols whose longest window was dropped is scanned as if it hadn't been.
    """
    keys = session_keys(context)
    store, settings = lake.open(), scan_settings.scan()
    nulls = Nulls(store, settings)
    extra = {
        "settings": settings,
        "windows": require_inputs(store, "windows", keys),
        "null": {key: nulls.fingerprint(date.fromisoformat(key)) for key in keys},
    }
    made_from = made_from_lookback(store, keys, ["prices", "quarantine"], extra)
    run = SessionRun(
        context, store, PATTERNS, CODE_VERSION, made_from, Followed(("status", "p_value", "q_value"), _numbers)
    )
    pending = run.pending()
    if pending:
        scorer = wave_scorer.open()
        earlier = scorer.metrics
        look = load_lookback(store, pending)
        bars, origins = look.rows, look.origins
        scanned = scanned_windows(store, look, pending)
        scorer.hold(bars.low, bars.high)
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
        run.by_session |= {key: dict(recall.metadata) for key, recall in zip(pending, recalls, strict=True)}
        unknown = {
            key: nulls.missing(date.fromisoformat(key), set(scanned.kept[today].tolist()))
            for key, today in zip(pending, origins.by_session, strict=True)
        }
        for key, reason in unknown.items():
            run.by_session[key] |= {"p_values": reason or "known", "backend": found.backend}
        for reason in dict.fromkeys(filter(None, unknown.values())):
            context.log.warning(f"patterns: {reason}")
        run.write(_tables(look, found, scanned.kept, settings.top_n, nulls, pending), len(pending))
    return run.result(lambda key: {"least_like_chance": pattern_pictures(store, key)})


def _numbers(table: pa.Table) -> dict[str, int | float]:
    smallest = pc.min(table["q_value"]).as_py()
    return {
        "confirmed_patterns": pc.sum(pc.equal(table["status"], "confirmed")).as_py() or 0,
        "setups": pc.sum(pc.equal(table["status"], "setup")).as_py() or 0,
        "discoveries": discoveries(table),
        **({} if smallest is None else {"smallest_q_value": smallest}),
    }


def _tables(
    look: Lookback, found: Scan, window: Int32Array1D, top_n: int, nulls: Nulls, pending: list[str]
) -> Iterator[tuple[str, pa.Table]]:
    origins = look.origins
    symbols = look.symbols[look.rows.symbol[found.patterns.series]]
    tables = PatternTables(found, symbols, look.sessions, look.rows.close[origins.row, origins.end], top_n)
    first, last = np.searchsorted(found.origin, [np.arange(len(origins.row)), np.arange(len(origins.row)) + 1])
    for day, key in enumerate(pending):
        today = origins.by_session[day]
        counts = (last - first)[today]
        starts = np.repeat(first[today] - np.r_[0, np.cumsum(counts)[:-1]], counts)
        table = tables.table(look.asked[day], starts + np.arange(counts.sum()))
        windows_today = dict(zip(look.symbols.tolist(), window[today].tolist(), strict=True))
        yield key, with_significance(table, windows_today, nulls.of(date.fromisoformat(key)))
