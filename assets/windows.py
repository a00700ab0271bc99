"""Which stretches of which symbols are worth a scan."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.lookback import load_lookback
from assets.partitions import session_keys
from assets.quarantine import quarantine
from assets.session_run import Followed, SessionRun, over_lookback, session_asset
from assets.universe import universe
from kernels.device import Backend, choose
from kernels.windows import WindowSettings, rank_windows, window_ends, window_features
from resources.calendar import ALL_SESSIONS
from resources.contracts import WINDOWS
from resources.lineage import made_from_lookback, require_history, require_inputs
from resources.parquet_lake import ParquetLake
from resources.tables import windows_table
from resources.wiring import LakeResource, ScanSettingsResource

CODE_VERSION = "1"


@session_asset(
    WINDOWS, CODE_VERSION, group="waves", kinds=("parquet", "numba"), deps=[universe, over_lookback(quarantine)]
)
def windows(
    context: dg.AssetExecutionContext, lake: LakeResource, scan_settings: ScanSettingsResource
) -> dg.MaterializeResult:
    """Where to look for waves: a row is a trailing window of a member, 63 to 504 sessions long, with its pre-score.

    A window has four scale-free features. Each of them becomes a rank among the members; the pre-score is their
    weighted mean. Windows below the threshold aren't scanned; `filter_recall` in the metadata of `patterns` says what
    share of the best counts that leaves. A window without enough good bars is listed with the reason, so that no symbol
    vanishes.
    """
    keys = session_keys(context)
    store, settings = lake.open(), scan_settings.windows()
    require_history(store, keys)
    tables = ["prices", "quarantine"]
    made_from = made_from_lookback(
        store, keys, tables, {"settings": settings, "universe": require_inputs(store, "universe", keys)}
    )
    run = SessionRun(context, store, WINDOWS, CODE_VERSION, made_from, Followed(("pre_score", "kept"), _numbers))
    pending = run.pending()
    if pending:
        backend = scan_settings.chosen_backend()
        run.write(_tables(store, pending, settings, backend), len(pending))
        choice = choose("window_features", backend, ("naive", "cpu"))
        run.by_session |= {key: {"backend": choice.backend} for key in pending}
        run.metadata["backend_reason"] = choice.reason
    return run.result()


def _numbers(table: pa.Table) -> dict[str, int | float]:
    scored, kept = table.num_rows - table["pre_score"].null_count, pc.sum(table["kept"]).as_py() or 0
    return {"kept_windows": kept, **({"kept_share": kept / scored} if scored else {})}


def _tables(
    lake: ParquetLake, pending: list[str], settings: WindowSettings, backend: Backend
) -> Iterator[tuple[str, pa.Table]]:
    look = load_lookback(lake, pending)
    rows, origins = look.rows, look.origins
    features = window_features(
        rows.high, rows.low, rows.close, origins.row, origins.end, lengths=settings.lengths, backend=backend
    )
    lengths = np.array(settings.lengths, dtype=np.int32)
    numbers = np.searchsorted(ALL_SESSIONS, look.asked)
    exists = np.stack([window_ends(numbers, length, settings.overlap) for length in settings.lengths], axis=1)
    for day, key in enumerate(pending):
        members, lengths_today = look.members[day], np.flatnonzero(exists[day])
        chosen = features[look.origins.by_session[day, members]][:, lengths_today].reshape(-1, features.shape[2])
        index = np.tile(lengths_today, len(members))
        ranked = rank_windows(chosen, index, settings=settings)
        symbols = np.repeat(look.symbols[members], len(lengths_today))
        yield key, windows_table(look.asked[day], symbols, lengths[index], chosen, ranked)
