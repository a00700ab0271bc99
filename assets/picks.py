"""The symbols of a session in one order, with the reasons."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.forecasts import forecasts
from assets.partitions import session_keys
from assets.patterns import patterns
from assets.session_run import Followed, SessionRun, session_asset
from assets.simulations import simulations
from assets.universe import universe
from kernels.device import Backend
from resources.contracts import PICKS
from resources.lineage import require_inputs
from resources.parquet_lake import ParquetLake, fingerprint
from resources.pick_tables import FORECAST_COLUMNS, PATTERN_COLUMNS, SIMULATION_COLUMNS, picks_table
from resources.wiring import LakeResource, ScanSettingsResource

CODE_VERSION = "1"
INPUTS = ("universe", "patterns", "forecasts", "simulations")


@session_asset(
    PICKS, CODE_VERSION, group="forecasts", kinds=("parquet",), deps=[universe, patterns, forecasts, simulations]
)
def picks(
    context: dg.AssetExecutionContext, lake: LakeResource, scan_settings: ScanSettingsResource
) -> dg.MaterializeResult:
    """The members in one order: a row is a member with its rank and, in words, what speaks for it.

    Ranked is by what its best setup, its forecast and its simulations say. A rank orders the symbols of one session; it
    is no probability and no advice. Which way a price goes is hardly predictable, and a score says only how closely a
    count follows the guidelines until there is a p-value for it.
    """
    keys = session_keys(context)
    store, backend = lake.open(), scan_settings.chosen_backend()
    inputs = {table: require_inputs(store, table, keys) for table in INPUTS}
    made_from = {key: fingerprint({table: found[key] for table, found in inputs.items()}) for key in keys}
    run = SessionRun(context, store, PICKS, CODE_VERSION, made_from, Followed(("direction", "agreement"), _numbers))
    pending = run.pending()
    if pending:
        run.write(_tables(store, pending, backend), len(pending))
    return run.result()


def _numbers(table: pa.Table) -> dict[str, int]:
    return {
        "long_picks": pc.sum(pc.equal(table["direction"], 1)).as_py() or 0,
        "short_picks": pc.sum(pc.equal(table["direction"], -1)).as_py() or 0,
        "agreeing_picks": pc.sum(pc.equal(table["agreement"], 1)).as_py() or 0,
    }


def _tables(lake: ParquetLake, pending: list[str], backend: Backend) -> Iterator[tuple[str, pa.Table]]:
    for key in pending:
        members = np.unique(np.array(lake.read("universe", key, ["symbol"])["symbol"].to_pylist(), dtype=np.str_))
        tables = (
            lake.read(table, key, list(columns))
            for table, columns in (
                ("patterns", PATTERN_COLUMNS),
                ("forecasts", FORECAST_COLUMNS),
                ("simulations", SIMULATION_COLUMNS),
            )
        )
        yield key, picks_table(np.datetime64(key), members, *tables, backend=backend)
