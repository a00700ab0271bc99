"""Hand-made rows of `patterns`, and bars to enter on them."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from kernels.panel import PricePanel
from resources.calendar import sessions
from resources.contracts import PATTERNS
from resources.pattern_entries import EntryBars, known_patterns

DAYS = sessions(date(2017, 1, 3), date(2017, 6, 30))
"""What columns of bars are numbered by: 124 sessions from the first of 2017."""


def pivot(place: int, price: float, kind: str) -> dict[str, Any]:
    """A pivot of the session with this number in `DAYS`."""
    return {"session": DAYS[place].item(), "price": price, "kind": kind}


def pivots(first: int, prices: Iterable[float], *, last: int, rising: bool = True) -> list[dict[str, Any]]:
    """Pivots one session apart from `first` on, but for the last one."""
    prices = list(prices)
    places = [*range(first, first + len(prices) - 1), last]
    kinds = ["low", "high"] if rising else ["high", "low"]
    return [
        pivot(place, price, kinds[index % 2]) for index, (place, price) in enumerate(zip(places, prices, strict=True))
    ]


def zigzag(known: int, *, symbol: str = "A", rising: bool = True, prices: Iterable[float] = (), **values: Any) -> dict:
    """A confirmed zigzag that becomes known at the close of the session with this number."""
    prices = list(prices) or ([100.0, 120.0, 110.0, 130.0] if rising else [130.0, 110.0, 120.0, 100.0])
    return {
        "symbol": symbol,
        "pattern_id": f"{symbol} zigzag {rising} {known}",
        "class": "zigzag",
        "direction": 1 if rising else -1,
        "legs": 3,
        "pivots": pivots(known - 10, prices, last=known - 1, rising=rising),
        **values,
    }


def setup(known: int, *, symbol: str = "A", **values: Any) -> dict:
    """A setup of an impulse after two legs, a rise and a fall, that becomes known at the close of this session."""
    return {
        "symbol": symbol,
        "pattern_id": f"{symbol} setup {known}",
        "class": "impulse",
        "status": "setup",
        "direction": 1,
        "legs": 2,
        "pivots": pivots(known - 10, [100.0, 120.0, 110.0], last=known - 1),
        "targets": [130.0, 142.36, 162.36],
        "invalidation": 100.0,
        "risk_reward": 1.5,
        **values,
    }


def pattern_table(known: int | date, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The table `patterns` of one session, given by its number in `DAYS`; what a row doesn't say is unknown."""
    session = known if isinstance(known, date) else DAYS[known].item()
    common = {
        "session": session,
        "status": "confirmed",
        "degree": 0,
        "subdivisions": [],
        "score": 0.5,
        "margins": [],
        "targets": [],
    }
    rows = [common | dict(row) for row in rows]
    return PATTERNS.table({name: [row.get(name) for row in rows] for name in PATTERNS.schema.names})


def new_patterns(tables: Mapping[int, Iterable[Mapping[str, Any]]]) -> pa.Table:
    """What became known on each session: number in `DAYS` -> rows."""
    return pa.concat_tables(
        known_patterns(pattern_table(known, rows), DAYS[known].item()) for known, rows in tables.items()
    )


def flat_bars(symbols: Iterable[str] = ("A",), price: float = 115.0, days: int = len(DAYS)) -> EntryBars:
    """Bars that stand still at a price, all of them members."""
    symbols = tuple(symbols)
    shape = len(symbols), days
    prices = {name: np.full(shape, price) for name in ("open", "high", "low", "close")}
    panel = PricePanel(symbols, DAYS[:days], **prices, volume=np.ones(shape))
    return EntryBars(panel, np.ones(shape), np.ones(shape, dtype=np.bool_))


def put_pivots(bars: EntryBars, row: Mapping[str, Any]) -> None:
    """Write a pattern's pivots into the bars, as of the session it became known on."""
    panel, place = bars.panel, bars.panel.symbols.index(row["symbol"])
    last = int(np.searchsorted(DAYS, np.datetime64(row["pivots"][-1]["session"])))
    for each in row["pivots"]:
        column = int(np.searchsorted(DAYS, np.datetime64(each["session"])))
        values = panel.high if each["kind"] == "high" else panel.low
        values[place, column] = each["price"] / bars.splits[place, last + 1]
        panel.high[place, column] = max(panel.high[place, column], panel.close[place, column])
        panel.low[place, column] = min(panel.low[place, column], panel.close[place, column])
