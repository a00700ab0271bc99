"""Rows for tests of the lake: prices and quarantine of one session, out of plain values."""

from collections.abc import Iterable, Mapping
from datetime import date

import pyarrow as pa

from resources.contracts import PRICES, QUARANTINE, UNIVERSE
from resources.parquet_lake import ParquetLake, PartitionInfo

WRITTEN = {"made_from": "inputs", "code_version": "1"}


def price_rows(session: str, closes: Mapping[str, float], **columns: Mapping[str, float]) -> pa.Table:
    """Bars with open = low = close, high a quarter above, 1000 shares and no action, but for `columns` by symbol."""
    bars = {
        "open": closes,
        "high": {symbol: close * 1.25 for symbol, close in closes.items()},
        "low": closes,
        "close": closes,
        "volume": dict.fromkeys(closes, 1000.0),
        "split_ratio": dict.fromkeys(closes, 1.0),
        "dividend": dict.fromkeys(closes, 0.0),
    }
    return PRICES.table(
        {
            "session": [date.fromisoformat(session)] * len(closes),
            "symbol": list(closes),
            **{
                name: [columns.get(name, {}).get(symbol, values[symbol]) for symbol in closes]
                for name, values in bars.items()
            },
            "source": ["test"] * len(closes),
        }
    )


def quarantine_rows(known_on: str, entries: Iterable[tuple[str, str]] = (), *, excluded: bool = True) -> pa.Table:
    """Entries (symbol, session of the faulty bar) that became known on one session."""
    entries = list(entries)
    return QUARANTINE.table(
        {
            "known_on": [date.fromisoformat(known_on)] * len(entries),
            "symbol": [symbol for symbol, _ in entries],
            "session": [date.fromisoformat(session) for _, session in entries],
            "kind": ["repeated_bar"] * len(entries),
            "excluded": [excluded] * len(entries),
            "other_session": [None] * len(entries),
            "value": [None] * len(entries),
            "reason": ["for the test"] * len(entries),
        }
    )


def universe_rows(session: str, symbols: Iterable[str]) -> pa.Table:
    """Members of one session."""
    symbols = list(symbols)
    return UNIVERSE.table(
        {
            "session": [date.fromisoformat(session)] * len(symbols),
            "symbol": symbols,
            "name": symbols,
            "sector": ["Energy"] * len(symbols),
            "member_from": [None] * len(symbols),
            "member_to": [None] * len(symbols),
        }
    )


def write_prices(
    lake: ParquetLake, session: str, closes: Mapping[str, float], **columns: Mapping[str, float]
) -> PartitionInfo:
    """Write a `prices` partition of `price_rows`."""
    return lake.write("prices", session, price_rows(session, closes, **columns), **WRITTEN)


def write_quarantine(
    lake: ParquetLake, known_on: str, entries: Iterable[tuple[str, str]] = (), *, excluded: bool = True
) -> PartitionInfo:
    """Write a `quarantine` partition of `quarantine_rows`."""
    return lake.write("quarantine", known_on, quarantine_rows(known_on, entries, excluded=excluded), **WRITTEN)


def fill(lake: ParquetLake, closes: Mapping[str, Mapping[str, float]]) -> None:
    """Write `prices` (session -> symbol -> close) and an empty `quarantine` for each of these sessions."""
    for session, each in closes.items():
        write_prices(lake, session, each)
        write_quarantine(lake, session)
