"""A small market for tests: bars out of the simulated market, written as a price file, with faults where wanted."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from kernels.market import instruments, simulate
from resources.calendar import ALL_SESSIONS, session_number

SEED = 7
FIRST = date(2017, 6, 1)
LAST = date(2018, 2, 7)


def small_bars(count: int = 8, first: date = FIRST, last: date = LAST) -> pd.DataFrame:
    """Bars of `count` symbols, long format, as-traded, with splits and dividends; sorted by symbol, then date."""
    market = instruments(SEED, count)
    start, stop = session_number(first), session_number(last) + 1
    bars = simulate(market, stop, seed=SEED, first=start)
    sessions = ALL_SESSIONS[start:stop]
    columns = {name: getattr(bars, name).ravel() for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(
        {
            "symbol": np.repeat(market.symbols, len(sessions)),
            "date": np.tile(sessions.astype("datetime64[s]"), count),
            **columns,
            "split_ratio": bars.split_ratio.ravel(),
            "dividend": bars.dividend.ravel(),
        }
    )


def with_faults(bars: pd.DataFrame) -> pd.DataFrame:
    """Damage some bars: a null, a zero price, a broken order, a copy of a later bar, a gap, and a 2:1 split."""
    bars = bars.copy()
    symbols = bars["symbol"].unique()
    place = {symbol: np.flatnonzero(bars["symbol"] == symbol) for symbol in symbols}
    prices = ["open", "high", "low", "close"]
    bars.loc[place[symbols[0]][100], "open"] = np.nan
    bars.loc[place[symbols[1]][110], "low"] = 0.0
    bars.loc[place[symbols[2]][120], "high"] = bars.loc[place[symbols[2]][120], "low"] * 0.9
    copied = [*prices, "volume"]
    bars.loc[place[symbols[3]][130], copied] = bars.loc[place[symbols[3]][140], copied].to_numpy()
    after = place[symbols[4]][125:]
    bars.loc[after, [*prices]] = (bars.loc[after, prices] / 3.0).round(2)
    bars.loc[after, "volume"] *= 3.0
    bars.loc[after[0], "split_ratio"] = 3.0
    return bars.drop(index=place[symbols[5]][128])


def write_prices(bars: pd.DataFrame, folder: Path, name: str = "prices.parquet") -> Path:
    """Write a price file, and a list of constituents beside it; returns the price file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    symbols = sorted(bars["symbol"].unique())
    pd.DataFrame({"symbol": symbols, "name": [f"{s} Company" for s in symbols], "sector": "Energy"}).to_csv(
        folder / "constituents.csv", index=False
    )
    bars.to_parquet(folder / name, index=False)
    return folder / name
