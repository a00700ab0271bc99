"""Time the trading simulator: parity first, then bars and labels per CPU-second, beside vectorbt and backtesting.py.

Run from the project root: `python -m benchmarks.trading [--json PATH]`, after `pip install -e .[bench]`. Everything
runs on one thread over 500 geometric random walks of 1250 bars: an entry every 20 bars at the next open, a stop and a
target based on the fill price, an exit 15 bars later where neither was reached.

The settings are equal: the same shares, fills at the open, the same fee, no slippage. Two rules differ, and the entries
for which they would matter are left out: the others look at a stop or target from the bar after the fill on only, and
before an order of the same bar. vectorbt doesn't wait for the next bar by itself, so its signals are moved by one.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
from numba import njit, prange

from benchmarks.machine import machine, report
from kernels.trading import FREE, SUMMARY, Bars, Costs, Orders, Paths, Simulation, simulate
from kernels.trading.layout import COUNTS, states_of, terms_of, wishes_of
from kernels.trading.path import simulate_path
from tests.kernels.trading.market import assert_same

SERIES, BARS, REPEATS = 500, 1250, 7
EVERY, HELD, STOP, TARGET, WEIGHT, CASH = 20, 15, 0.05, 0.10, 0.5, 100_000.0
FEE_BP = 10.0
LABELS, LABEL_BARS, LOOKBACK = 400_000, 252, 64
SLOW_SERIES = 3
CENT = 0.01


def main() -> None:
    """Check, time, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Time the trading simulator.")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    asked = parser.parse_args()
    numba.set_num_threads(1)
    bars = walks()
    orders = plan(bars)
    result: dict[str, object] = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("vectorbt", "backtesting")},
        "series": SERIES,
        "bars": BARS,
        "parity_with_oracle_paths": check_oracle(bars, orders),
        "backtests": backtests(bars, orders),
        "labels": labels(bars),
    }
    report(result, asked.json)


def walks() -> Bars:
    """Geometric random walks with 1.5 % a day, some of it overnight."""
    rng = np.random.default_rng(1)
    close = 50.0 * np.exp(np.cumsum(0.015 * rng.standard_normal((SERIES, BARS)), axis=1))
    opening = close.copy()
    opening[:, 1:] = close[:, :-1] * np.exp(0.005 * rng.standard_normal((SERIES, BARS - 1)))
    high = np.maximum(opening, close) * np.exp(0.005 * rng.random(close.shape))
    low = np.minimum(opening, close) * np.exp(-0.005 * rng.random(close.shape))
    return Bars(opening, high, low, close, np.zeros_like(close))


def plan(bars: Bars) -> Orders:
    """Entries and exits, without the entries for which the engines' rules differ."""
    # backtesting.py decides nothing at the first bar.
    decided = np.arange(EVERY, BARS - EVERY, EVERY)
    filled, left = decided + 1, decided + HELD + 1
    price = bars.open[:, filled]

    def reached(bar: np.ndarray) -> np.ndarray:
        return (bars.low[:, bar] <= price * (1 - STOP)) | (bars.high[:, bar] >= price * (1 + TARGET))

    before = np.any([reached(filled + step) for step in range(1, HELD)], axis=0)
    series, place = np.nonzero(~reached(filled) & (before | ~reached(left)))
    path = np.repeat(series, 2)
    bar = np.stack([decided[place], decided[place] + HELD], axis=1).ravel()
    weight = np.full((len(bar), 2), np.nan)
    weight[0::2, 0], weight[1::2, 0] = WEIGHT, 0.0
    stop, target = (np.tile([level, np.nan], (len(bar), 1)) for level in (1 - STOP, 1 + TARGET))
    return Orders.of_weights(path, bar, weight, stop=stop, target=target)


def ours(bars: Bars, orders: Orders, record: bool = True, backend: Any = "cpu") -> Simulation:
    """The backtest with our engine."""
    paths = Paths.flat(np.arange(len(bars.close)), 0, BARS - 1, CASH)
    costs = Costs(FEE_BP, 0.0, 0.0, 0.0, 0.0)
    return simulate(bars, paths, orders, fill="next_open", costs=costs, record=record, backend=backend)


def head(bars: Bars, orders: Orders, count: int) -> tuple[Bars, Orders]:
    """The first series and their orders."""
    own = orders.path < count
    names = ("path", "bar", "weight", "stop", "target", "trail", "limit")
    prices = (bars.open, bars.high, bars.low, bars.close, bars.dividend)
    return Bars(*(values[:count] for values in prices)), Orders(*(getattr(orders, name)[own] for name in names))


def check_oracle(bars: Bars, orders: Orders, count: int = 10) -> int:
    """Refuse to time an engine that doesn't equal the oracle; the number of paths compared."""
    some = head(bars, orders, count)
    assert_same(ours(*some), ours(*some, backend="naive"))
    return count


def needed(name: str) -> Any:
    """A library of the extra `bench`."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return __import__(name)
    except ImportError as error:
        raise SystemExit(f"{name} can't be imported ({error}); run: pip install -e .[bench]") from error


def vectorbt_call(bars: Bars, orders: Orders, simulation: Simulation) -> Callable[[], Any]:
    """The same backtest in vectorbt, with the shares that we traded."""
    vectorbt = needed("vectorbt")
    entries, exits = (np.zeros((BARS, len(bars.close)), np.bool_) for _ in range(2))
    is_entry = orders.weight[:, 0] > 0.0
    entries[orders.bar[is_entry] + 1, orders.path[is_entry]] = True
    exits[orders.bar[~is_entry] + 1, orders.path[~is_entry]] = True
    size = np.full(entries.shape, np.nan)
    size[simulation.trades.entry_bar, simulation.trades.path] = simulation.trades.shares
    opening, high, low, close = (pd.DataFrame(prices.T) for prices in (bars.open, bars.high, bars.low, bars.close))

    def call() -> Any:
        return vectorbt.Portfolio.from_signals(
            close, entries, exits, open=opening, high=high, low=low, price=opening, size=size, size_type="amount",
            fees=FEE_BP / 10_000, slippage=0.0, sl_stop=STOP, tp_stop=TARGET, stop_entry_price="fillprice",
            stop_exit_price="stoplimit", init_cash=CASH, freq="1D",
        )  # fmt: skip

    return call


def differences_from_vectorbt(portfolio: Any, simulation: Simulation) -> dict[str, float]:
    """The greatest difference of the equity at any bar, and of the number of trades of any series."""
    count = np.bincount(simulation.trades.path, minlength=len(simulation.exposure))
    return {
        "equity_dollars": float(np.abs(portfolio.value().to_numpy().T - simulation.equity).max()),
        "trades": int(np.abs(portfolio.trades.count().to_numpy() - count).max()),
    }


def backtesting_call(bars: Bars, orders: Orders, series: int) -> Callable[[], Any]:
    """The same entries and exits of one series in backtesting.py, one share each."""
    backtesting = needed("backtesting")
    own = orders.path == series
    wish = dict(zip(orders.bar[own].tolist(), orders.weight[own, 0].tolist(), strict=True))

    class Planned(backtesting.Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            for trade in self.trades:
                if trade.sl is None:
                    trade.sl, trade.tp = trade.entry_price * (1 - STOP), trade.entry_price * (1 + TARGET)
            weight = wish.get(len(self.data) - 1)
            if weight is not None and weight > 0.0:
                self.buy(size=1)
            elif weight is not None:
                self.position.close()

    prices = {name: getattr(bars, name.lower())[series] for name in ("Open", "High", "Low", "Close")}
    data = pd.DataFrame(prices, index=pd.date_range("2000-01-03", periods=BARS, freq="D"))

    def call() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return backtesting.Backtest(data, Planned, cash=CASH, commission=FEE_BP / 10_000).run()

    return call


def differences_from_backtesting(statistics: Any, simulation: Simulation, series: int) -> dict[str, float]:
    """The greatest differences of the bars and prices of the trades of one series."""
    theirs = statistics["_trades"].sort_values("EntryBar")
    own = simulation.trades.path == series
    if len(theirs) != own.sum():
        return {"trades": float(abs(len(theirs) - own.sum()))}
    columns = {"EntryBar": "entry_bar", "ExitBar": "exit_bar", "EntryPrice": "entry_price", "ExitPrice": "exit_price"}
    return {
        name: float(np.abs(theirs[other].to_numpy() - getattr(simulation.trades, name)[own]).max())
        for other, name in columns.items()
    }


def refuse(engine: str, differences: dict[str, float]) -> None:
    """Stop where results differ by a cent, a bar or a trade."""
    if not max(differences.values()) < CENT:
        raise SystemExit(f"the results differ from those of {engine}, so nothing is timed: {differences}")


def cpu_seconds(call: Callable[[], object], repeats: int) -> float:
    """The least CPU time of some calls, after one that compiles."""
    call()
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def backtests(bars: Bars, orders: Orders) -> dict[str, object]:
    """Million bars per CPU-second of each engine, warm, after each gave the same results."""
    simulation = ours(bars, orders)
    call = vectorbt_call(bars, orders, simulation)
    began = time.perf_counter()
    portfolio = call()
    first = time.perf_counter() - began
    vectorbt_differs = differences_from_vectorbt(portfolio, simulation)
    refuse("vectorbt", vectorbt_differs)
    slow = [backtesting_call(bars, orders, series) for series in range(SLOW_SERIES)]
    backtesting_differs = [differences_from_backtesting(each(), simulation, series) for series, each in enumerate(slow)]
    for each in backtesting_differs:
        refuse("backtesting.py", each)
    rates = {
        "ours_summary": (SERIES, lambda: ours(bars, orders, record=False)),
        "ours_equity_and_trades": (SERIES, lambda: ours(bars, orders)),
        "vectorbt_orders_only": (SERIES, call),
        "vectorbt_equity": (SERIES, lambda: call().value()),
        "vectorbt_equity_and_trades": (SERIES, lambda: ((made := call()).value(), made.trades.records)),
        "backtesting": (SLOW_SERIES, lambda: [each() for each in slow]),
    }
    return {
        "trades": len(simulation.trades.path),
        "share_of_bars_held": round(float(simulation.exposure.mean()) / (BARS - 1), 3),
        "differs_from_vectorbt": vectorbt_differs,
        "differs_from_backtesting": backtesting_differs,
        "vectorbt_first_call_s": round(first, 2),
        "million_bars_per_cpu_second": {
            name: round(count * BARS / cpu_seconds(each, REPEATS) / 1e6, 3) for name, (count, each) in rates.items()
        },
    }


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def simulate_labels(open_, high, low, close, dividend, series, first, states, actions, terms, summary, counts):
    """One path of `LABEL_BARS` bars for each sample, with one order at its first bar."""
    for sample in prange(len(series)):
        simulate_path(
            open_, high, low, close, dividend, series[sample], first[sample], first[sample] + LABEL_BARS,
            states[sample], None, actions, sample, sample + 1, terms, 0, summary[sample], counts[sample],
            None, None, None,
        )  # fmt: skip


def labels(bars: Bars) -> dict[str, object]:
    """Labels per second of one core: both legs held, an order that changes both, levels around 5 %."""
    rng = np.random.default_rng(2)
    series = rng.integers(0, SERIES, LABELS).astype(np.int32)
    first = rng.integers(LOOKBACK, BARS - LABEL_BARS - 1, LABELS).astype(np.int32)
    near = 0.03 * np.clip(rng.standard_normal((4, LABELS)), -1.3, 1.3)
    stop, target = (np.stack([m + near[i], m_short + near[i + 1]], axis=1) for i, m, m_short in LEVELS)
    weight = 0.5 * rng.random((LABELS, 2))
    orders = Orders.of_weights(np.arange(LABELS), first, weight, stop=stop, target=target)
    close = bars.close[series, first]
    flat = Paths.flat(series, first, first + LABEL_BARS, 50_000.0)
    states = states_of(flat)
    states[:, 1], states[:, 2] = 30_000.0 / close, 20_000.0 / close
    actions, terms = wishes_of(orders), terms_of(FREE, 1.0)
    summary, counts = np.empty((LABELS, len(SUMMARY))), np.empty((LABELS, COUNTS), np.int32)
    prices = (bars.open, bars.high, bars.low, bars.close, bars.dividend)
    by_place = np.lexsort((first, series))
    result: dict[str, object] = {}
    for name, order in (("in_random_order", np.arange(LABELS)), ("in_order_of_place", by_place)):
        rows = (series[order], first[order], states[order], actions[order])
        taken = cpu_seconds(lambda rows=rows: simulate_labels(*prices, *rows, terms, summary, counts), REPEATS)
        result[name] = {"million_per_s_and_core": round(LABELS / taken / 1e6, 2), "ns": round(1e9 * taken / LABELS)}
    result |= {"samples": LABELS, "bars_held_mean": round(float(counts[:, 0].mean()), 1)}
    return result


LEVELS = ((0, 0.95, 1.05), (2, 1.05, 0.95))
"""Row of the draws and the levels' middle, long and short, of stop and target."""


if __name__ == "__main__":
    main()
