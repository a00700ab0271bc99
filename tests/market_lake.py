"""A lake filled with the simulated market at once, without runs: for tests of what comes after the prices."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np

from kernels.market import instruments, simulate
from resources.calendar import session_number, sessions
from resources.contracts import PRICES, UNIVERSE
from resources.parquet_lake import ParquetLake
from tests.lake_rows import WRITTEN, quarantine_rows

SEED = 7
SECTORS = ("Energy", "Financials", "Utilities", "Materials")


def fill_lake(
    root: Path, rows: int, first: date, last: date, *, sectors: Mapping[date, Mapping[str, str]] | None = None
) -> ParquetLake:
    """Write universe, prices and quarantine of `rows` symbols; `sectors` overrides some of them from a session on."""
    lake = ParquetLake(str(root))
    market = instruments(SEED, rows)
    start, stop = session_number(first), session_number(last) + 1
    bars = simulate(market, stop, seed=SEED, first=start)
    symbols = list(market.symbols)
    own = {symbol: SECTORS[place % len(SECTORS)] for place, symbol in enumerate(symbols)}
    names = ("open", "high", "low", "close", "volume", "split_ratio", "dividend")
    for column, session in enumerate(sessions(first, last)):
        key, day = str(session), session.item()
        for changed_on, changes in (sectors or {}).items():
            own |= changes if changed_on <= day else {}
        days = [day] * rows
        unknown = [None] * rows
        universe = {
            "session": days,
            "symbol": symbols,
            "name": [f"{symbol} Company" for symbol in symbols],
            "sector": [own[symbol] for symbol in symbols],
            "member_from": unknown,
            "member_to": unknown,
        }
        values = {name: np.ascontiguousarray(getattr(bars, name)[:, column]) for name in names}
        lake.write("universe", key, UNIVERSE.table(universe), **WRITTEN)
        prices = {"session": days, "symbol": symbols, **values, "source": ["simulated"] * rows}
        lake.write("prices", key, PRICES.table(prices), **WRITTEN)
        lake.write("quarantine", key, quarantine_rows(key), **WRITTEN)
    return lake
