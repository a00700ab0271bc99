"""What each symbol may do next: quantiles of the log return to each horizon."""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from assets.lookback import load_lookback
from assets.partitions import session_keys
from assets.quarantine import quarantine
from assets.session_run import SessionRun, over_lookback, session_asset
from assets.universe import universe
from kernels.device import Backend, choose
from kernels.volatility import DEFAULT_HORIZONS, ewma_fhs
from resources.contracts import FORECASTS
from resources.lineage import LOOKBACK, made_from_lookback, require_history, require_inputs
from resources.parquet_lake import ParquetLake
from resources.tables import forecast_tables
from resources.wiring import LakeResource, ScanSettingsResource

CODE_VERSION = "1"
MODEL = "ewma-fhs"


@session_asset(
    FORECASTS, CODE_VERSION, group="forecasts", kinds=("parquet", "numba"), deps=[universe, over_lookback(quarantine)]
)
def forecasts(
    context: dg.AssetExecutionContext, lake: LakeResource, scan_settings: ScanSettingsResource
) -> dg.MaterializeResult:
    """Eleven quantiles of each member's log return over the next 1, 2, 5, 10 and 21 sessions.

    The model is filtered historical simulation: the symbol's own past returns, each divided by the volatility known
    before it, times the volatility of today. It says how much a price may move, not in which direction. A symbol with
    too little history has a row that says so.
    """
    keys = session_keys(context)
    store = lake.open()
    require_history(store, keys)
    made_from = made_from_lookback(
        store, keys, ["prices", "quarantine"], {"model": MODEL, "universe": require_inputs(store, "universe", keys)}
    )
    run = SessionRun(context, store, FORECASTS, CODE_VERSION, made_from)
    pending = run.pending()
    if pending:
        backend = scan_settings.chosen_backend()
        run.write(_tables(store, pending, backend), len(pending))
        choice = choose("ewma_fhs", backend, ("naive", "cpu"))
        run.metadata |= {"backend": choice.backend, "backend_reason": choice.reason}
    run.metadata["model"] = MODEL
    return run.result()


def _tables(lake: ParquetLake, pending: list[str], backend: Backend) -> Iterator[tuple[str, pa.Table]]:
    look = load_lookback(lake, pending)
    made = ewma_fhs(look.rows.close, look.origins.row, look.origins.end, lookback=LOOKBACK - 1, backend=backend)
    tables = forecast_tables(
        made, DEFAULT_HORIZONS, look.asked, look.origins.by_session, look.members, look.symbols, MODEL
    )
    yield from zip(pending, tables, strict=True)
