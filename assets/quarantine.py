"""The bars that can't be trusted, by the session on which that could be known."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.partitions import session_keys
from assets.prices import prices
from assets.session_run import Followed, SessionRun, over_lookback, session_asset, table_of
from kernels.device import choose
from kernels.quality import QualitySettings, find_faults
from resources.contracts import QUARANTINE
from resources.lineage import LOOKBACK, made_from_lookback
from resources.parquet_lake import ParquetLake
from resources.price_history import lookback_start
from resources.tables import quarantine_table
from resources.wiring import LakeResource

CODE_VERSION = "1"


@session_asset(QUARANTINE, CODE_VERSION, group="market", kinds=("parquet", "numba"), deps=[over_lookback(prices)])
def quarantine(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """The bars that can't be trusted: a row is a faulty bar with the reason, so that nothing is computed from it.

    It lies in the partition of the session at whose close the fault could first be known. Some faults show only later:
    a bar that carries the prices of a day to come. Panels as of a session leave out what was known by then and nothing
    more, so the past never changes. The bars themselves stay in `prices`. Entries that are flagged but not excluded are
    for your eyes: moves without a recorded action, missing bars.
    """
    keys = session_keys(context)
    store = lake.open()
    made_from = made_from_lookback(store, keys, ["prices"], {"settings": QualitySettings()})
    run = SessionRun(context, store, QUARANTINE, CODE_VERSION, made_from, Followed(("excluded",), _numbers))
    pending = run.pending()
    if pending:
        run.write(_tables(store, pending), len(pending))
    choice = choose("find_faults", "auto", ("naive", "cpu"))
    run.metadata |= {"backend": choice.backend, "backend_reason": choice.reason}
    run.metadata["faults_by_kind"] = _faults_by_kind(store, keys)
    return run.result()


def _numbers(table: pa.Table) -> dict[str, int]:
    return {"excluded_bars": pc.sum(table["excluded"]).as_py() or 0}


def _faults_by_kind(lake: ParquetLake, keys: list[str]) -> dg.TableMetadataValue | str:
    """How many entries of each kind the sessions have together, and how many of them are excluded."""
    entries: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for key in keys:
        table = lake.read("quarantine", key, ["kind", "excluded"])
        entries.update(table["kind"].to_pylist())
        excluded.update(table.filter(table["excluded"])["kind"].to_pylist())
    return table_of(
        ("kind", "entries", "excluded"), ((kind, entries[kind], excluded[kind]) for kind in sorted(entries))
    )


def _tables(lake: ParquetLake, pending: list[str]) -> Iterator[tuple[str, pa.Table]]:
    first, last = date.fromisoformat(pending[0]), date.fromisoformat(pending[-1])
    history = lake.history(lookback_start(first, LOOKBACK), last, quarantine=False)
    sessions = history.sessions
    known_on = np.searchsorted(sessions, np.array(pending, dtype="datetime64[D]"))
    faults = find_faults(
        history.open,
        history.high,
        history.low,
        history.close,
        history.volume,
        history.present,
        history.split_ratio,
        history.dividend,
        int(known_on[0]),
        int(known_on[-1]),
    )
    symbols = np.array(history.symbols)
    for key, known in zip(pending, known_on, strict=True):
        entries = np.arange(*np.searchsorted(faults.known_on, [known, known + 1]))
        yield key, quarantine_table(faults, entries, symbols, sessions)
