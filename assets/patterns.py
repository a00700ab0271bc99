"""The wave counts of each session."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa

from assets.lookback import Lookback, load_lookback
from assets.partitions import session_keys
from assets.quarantine import quarantine
from assets.session_run import SessionRun, over_lookback, session_asset
from assets.windows import windows
from kernels.panel import Int32Array1D
from kernels.waves import Selected, scan_distinct
from resources.contracts import PATTERNS
from resources.lineage import made_from_lookback, require_inputs
from resources.parquet_lake import ParquetLake
from resources.pattern_table import PatternTables
from resources.wiring import LakeResource, ScanSettingsResource

CODE_VERSION = "1"


@session_asset(
    PATTERNS, CODE_VERSION, group="waves", kinds=("parquet", "numba"), deps=[windows, over_lookback(quarantine)]
)
def patterns(
    context: dg.AssetExecutionContext, lake: LakeResource, scan_settings: ScanSettingsResource
) -> dg.MaterializeResult:
    """Elliott-wave counts inside the longest kept window of each symbol, as they stood at the close of the session.

    The search is exhaustive: every count that the hard rules allow is scored. Kept are the best confirmed ones of each
    symbol, and every setup that still stands, with its targets and the price that invalidates it. A score says how
    closely a count follows the guidelines. It is not a probability: random walks are full of valid counts too.
    """
    keys = session_keys(context)
    store, settings = lake.open(), scan_settings.scan()
    extra = {"settings": settings, "windows": require_inputs(store, "windows", keys)}
    made_from = made_from_lookback(store, keys, ["prices", "quarantine"], extra)
    run = SessionRun(context, store, PATTERNS, CODE_VERSION, made_from)
    pending = run.pending()
    if pending:
        look = load_lookback(store, pending)
        result = scan_distinct(
            look.rows.low,
            look.rows.high,
            look.origins.row,
            look.origins.end,
            _scanned_lengths(store, look, pending),
            settings=settings,
            backend=scan_settings.chosen_backend(),
        )
        run.write(_tables(look, result, pending), len(pending))
        found = result.distinct
        run.metadata |= {"backend": found.backend, "backend_reason": found.reason}
        run.metadata["candidates"] = int(found.candidates.sum())
    return run.result()


def _scanned_lengths(lake: ParquetLake, look: Lookback, pending: list[str]) -> Int32Array1D:
    """The longest kept window of each origin's symbol on its session, int32 [E]; 0 where none is kept."""
    lengths = np.zeros(len(look.origins.row), dtype=np.int32)
    for day, key in enumerate(pending):
        table = lake.read("windows", key, ["symbol", "length", "kept"])
        kept = table.filter(table["kept"])
        places = np.searchsorted(look.symbols, np.array(kept["symbol"].to_pylist(), dtype=look.symbols.dtype))
        np.maximum.at(lengths, look.origins.by_session[day, places], kept["length"].to_numpy())
    return lengths


def _tables(look: Lookback, result: Selected, pending: list[str]) -> Iterator[tuple[str, pa.Table]]:
    symbols = look.symbols[look.rows.symbol[look.origins.row[result.distinct.origin]]]
    tables = PatternTables(result, symbols, look.sessions)
    first, last = np.searchsorted(
        result.origin, [np.arange(len(look.origins.row)), np.arange(len(look.origins.row)) + 1]
    )
    for day, key in enumerate(pending):
        origins = look.origins.by_session[day]
        counts = (last - first)[origins]
        starts = np.repeat(first[origins] - np.r_[0, np.cumsum(counts)[:-1]], counts)
        yield key, tables.table(look.asked[day], starts + np.arange(counts.sum()))
