"""`scan_symbols`: scan a few symbols over any range of sessions, now, outside the daily partitions."""

from datetime import date

import dagster as dg
import numpy as np
from pydantic import Field

from assets.session_run import preview
from kernels.errors import InvalidInputError, MissingHistoryError
from resources.calendar import session_number
from resources.lineage import SHORTEST_WINDOW
from resources.parquet_lake import ParquetLake, fingerprint
from resources.pattern_table import PatternTables
from resources.significance import Nulls, with_significance
from resources.wiring import LakeResource, ScanSettingsResource, WaveScorerResource

TABLE = "scan_symbols"
_PREVIEW = ["symbol", "class", "direction", "degree", "status", "legs", "score", "pivots"]


class ScanSymbolsConfig(dg.Config):
    """What to scan."""

    symbols: list[str] = Field(default=[], description="Tickers; empty = every member on the last session.")
    start: str = Field(
        default="", description="First session of the range, ISO date; empty = 504 sessions before the end."
    )
    end: str = Field(default="", description="Last session of the range, ISO date; empty = the newest in the lake.")


@dg.op(name="scan")
def scan_op(
    context: dg.OpExecutionContext,
    config: ScanSymbolsConfig,
    lake: LakeResource,
    scan_settings: ScanSettingsResource,
    wave_scorer: WaveScorerResource,
) -> None:
    """Scan the symbols over the range, as known at its last session, and write one table of patterns.

    No window filter: every count that lies in the range is looked at.
    """
    store = lake.open()
    end = _end(store, config.end)
    panel = _panel(store, config, end)
    count = len(panel.symbols)
    settings = scan_settings.scan()
    scorer = wave_scorer.open()
    earlier = scorer.metrics
    found = scorer.score(
        panel.low,
        panel.high,
        np.arange(count, dtype=np.int32),
        np.full(count, len(panel.sessions) - 1, dtype=np.int32),
        np.full(count, len(panel.sessions), dtype=np.int32),
        settings,
    )
    symbols = np.array(panel.symbols)[found.patterns.series]
    tables = PatternTables(found, symbols, panel.sessions, panel.close[:, -1], settings.top_n)
    table = tables.table(np.datetime64(end), np.arange(len(found.origin)))
    nulls, window = Nulls(store, settings), len(panel.sessions)
    table = with_significance(table, dict.fromkeys(panel.symbols, window), nulls.of(end))
    unknown = nulls.missing(end, [window])
    if unknown:
        context.log.warning(f"scan_symbols: {unknown}")
    asked = fingerprint({"config": config.model_dump(), "settings": scan_settings.model_dump()})
    name = f"{panel.sessions[0]}_{panel.sessions[-1]}_{asked[:12]}"
    store.write(TABLE, name, table, made_from=asked, code_version="3")
    store.settle(TABLE)
    best = table.filter(np.array(table["status"].to_pylist()) == "confirmed").sort_by([("score", "descending")])
    context.log.info(
        f"{table.num_rows} patterns of {count} symbols, {panel.sessions[0]} to {panel.sessions[-1]}, "
        f"on {found.backend} ({found.reason}): {store.uri(TABLE, name)}"
    )
    context.add_output_metadata(
        {
            "patterns": table.num_rows,
            "candidates": int(found.candidates.sum()),
            **scorer.report(found, earlier),
            "dagster/uri": store.uri(TABLE, name),
            "best": preview(best, _PREVIEW),
        }
    )


def _end(lake: ParquetLake, text: str) -> date:
    if text:
        return _session("end", text)
    newest = max(lake.stamps("quarantine"), default=None)
    if newest is None:
        raise MissingHistoryError(
            "the lake",
            expected="at least one session of prices",
            got=f"none in {lake.root}",
            mend="make run, or the job price_history for a range of sessions",
        )
    return date.fromisoformat(newest)


def _session(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(
            f"scan_symbols config `{name}`",
            expected="an ISO date such as 2018-02-07",
            got=repr(text),
            mend=f"correct `{name}` in the run config",
        ) from error
    session_number(day)
    return day


def _panel(lake: ParquetLake, config: ScanSymbolsConfig, end: date):
    start = _session("start", config.start) if config.start else None
    sessions = session_number(end) - session_number(start) + 1 if start else 504
    if sessions < SHORTEST_WINDOW:
        raise InvalidInputError(
            "scan_symbols range",
            expected=f"at least {SHORTEST_WINDOW} sessions",
            got=f"{sessions}, {start} to {end}",
            mend="move `start` back, or leave it out for 504 sessions",
        )
    symbols = config.symbols or lake.read("universe", end.isoformat())["symbol"].to_pylist()
    panel = lake.panel(end, sessions, symbols)
    bare = [name for name, closes in zip(panel.symbols, panel.close, strict=True) if np.isnan(closes).all()]
    if config.symbols and bare:
        raise InvalidInputError(
            "scan_symbols config `symbols`",
            expected="symbols that have bars in the range",
            got=f"no bar of {', '.join(bare)}",
            mend="correct the symbols, or fill their history with the job price_history",
        )
    return panel


@dg.job(
    name="scan_symbols",
    executor_def=dg.in_process_executor,
    description="Ad hoc: scan `symbols` from `start` to `end` with the scan settings of the run config.",
)
def scan_symbols() -> None:
    """One op; see `scan_op`."""
    scan_op()
