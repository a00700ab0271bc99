"""The bars of each session, as they were traded."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from assets.partitions import session_keys
from assets.session_run import SessionRun, session_asset, table_of
from assets.universe import universe
from kernels.errors import PriceDataError
from resources.contracts import PRICES
from resources.lineage import require_inputs
from resources.parquet_lake import ParquetLake, fingerprint
from resources.price_sources import FetchReport, PriceSource
from resources.wiring import LakeResource, PriceSourceResource

CODE_VERSION = "1"


class PricesConfig(dg.Config):
    """Options of the price fetch."""

    refetch: bool = Field(default=False, description="Fetch sessions again that are already complete in the lake.")


@session_asset(PRICES, CODE_VERSION, group="market", kinds=("parquet",), deps=[universe])
def prices(
    context: dg.AssetExecutionContext, config: PricesConfig, lake: LakeResource, price_source: PriceSourceResource
) -> dg.MaterializeResult:
    """The bars of each session: a row is a member's open, high, low and close in dollars, and its volume, as traded.

    Splits and dividends are kept beside the bars, and adjustment happens on reading. A bar is kept as it came, good or
    bad: `quarantine` says which ones can't be trusted. A symbol whose bars can't be fetched is named with the reason,
    keeps the bars it had, and is tried again by the next run; the others go on.
    """
    keys = session_keys(context)
    store, source = lake.open(), price_source.open()
    _require_coverage(source, keys)
    listed = require_inputs(store, "universe", keys)
    data = {"source": source.name, "data": source.fingerprint()}
    complete = {key: fingerprint(data | {"universe": listed[key]}) for key in keys}
    run = SessionRun(context, store, PRICES, CODE_VERSION, complete)
    pending = keys if config.refetch else run.pending()
    if pending:
        members = {key: store.read("universe", key, ["symbol"])["symbol"].to_pylist() for key in pending}
        asked = sorted({symbol for key in pending for symbol in members[key]})
        fetch = source.fetch(asked, date.fromisoformat(pending[0]), date.fromisoformat(pending[-1]))
        if fetch.report.failed:
            # Another fingerprint than that of a complete session, so that the next run fetches again.
            failed = sorted(fetch.report.failed)
            run.made_from = complete | {
                key: fingerprint({"complete": complete[key], "failed": failed}) for key in pending
            }
        by_session = dict(_by_session(fetch.bars))
        bare = [key for key in pending if key not in by_session]
        filled = [key for key in pending if key in by_session]
        run.write(_tables(store, by_session, filled, members, fetch.report), len(filled))
        _tell(context, run, fetch.report)
        if bare:
            raise PriceDataError(
                f"price source `{source.name}`",
                expected="bars of at least one member on every session",
                got=f"none on {len(bare)} sessions: {', '.join(bare[:5])}{' ...' if len(bare) > 5 else ''}",
                mend="add the bars of these sessions to the source and run again; the other sessions are written",
            )
    run.metadata |= {"price_source": source.name, "as_traded": source.as_traded}
    return run.result()


def _require_coverage(source: PriceSource, keys: list[str]) -> None:
    first, last = source.coverage()
    outside = [key for key in keys if not first.isoformat() <= key <= last.isoformat()]
    if outside:
        raise PriceDataError(
            f"price source `{source.name}`",
            expected=f"sessions from {first} to {last}",
            got=f"{len(outside)} sessions outside, {outside[0]} to {outside[-1]}",
            mend="ask for sessions that the source covers, or extend its data",
        )


def _by_session(bars: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The bars of each session; they come sorted by session."""
    days = bars["session"].to_numpy().astype("datetime64[D]")
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]]) if len(days) else np.empty(0, dtype=np.intp)
    for start, stop in zip(starts, [*starts[1:], len(days)], strict=True):
        yield str(days[start]), bars.iloc[start:stop]


def _tables(
    lake: ParquetLake,
    by_session: dict[str, pd.DataFrame],
    keys: list[str],
    members: dict[str, list[str]],
    report: FetchReport,
) -> Iterator[tuple[str, pa.Table]]:
    for key in keys:
        bars = by_session[key]
        bars = bars[bars["symbol"].isin(members[key])]
        columns = {name: bars[name].to_numpy() for name in PRICES.schema.names if name != "session"}
        columns["session"] = np.full(len(bars), np.datetime64(key))
        table = PRICES.table(columns)
        yield key, _with_kept(lake, key, table, report) if report.failed else table


def _with_kept(lake: ParquetLake, key: str, table: pa.Table, report: FetchReport) -> pa.Table:
    """Add the bars that the lake already has of symbols that failed this time."""
    if lake.info("prices", key) is None:
        return table
    old = lake.read("prices", key)
    kept = old.filter(pc.is_in(old["symbol"], pa.array(sorted(report.failed), pa.string())))
    return pa.concat_tables([table, kept]).sort_by("symbol").combine_chunks()


def _tell(context: dg.AssetExecutionContext, run: SessionRun, report: FetchReport) -> None:
    run.metadata |= {"symbols_ok": len(report.ok), "symbols_empty": len(report.empty)}
    for title, entries in (("symbols_failed", report.failed), ("symbols_with_notes", report.notes)):
        run.metadata[title] = len(entries)
        if entries:
            lines = [f"{symbol}: {reason}" for symbol, reason in sorted(entries.items())]
            context.log.warning(f"{title} ({len(lines)}): " + "; ".join(lines))
            run.metadata[f"{title}_reasons"] = table_of(("symbol", "reason"), sorted(entries.items()))
