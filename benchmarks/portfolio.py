"""Time the portfolio form over a universe: parity with the oracle first, then symbol-bars per CPU-second.

Run from the project root: `python -m benchmarks.portfolio`. Writes `benchmarks/results/portfolio.json`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from benchmarks.machine import RESULTS, machine, report
from kernels.trading.model import Bars
from kernels.trading.portfolio import Caps, PortfolioOrders, PortfolioSimulation, simulate_portfolio

RESULT = RESULTS / "portfolio.json"
SYMBOLS, SESSIONS, MONTH, SECTORS, REPEATS = 500, 1250, 21, 11, 7
PARITY_SYMBOLS, PARITY_SESSIONS = 20, 130
CAPS = Caps(gross=1.5, net=0.5, name=0.05, sector=0.4, turnover=0.5)


def market(rng: np.random.Generator) -> Bars:
    """Bars that gap, one in a thousand missing."""
    shape = (SYMBOLS, SESSIONS)
    close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal(shape), axis=1))
    opening = close * np.exp(0.005 * rng.standard_normal(shape))
    high = np.maximum(opening, close) * np.exp(np.abs(0.005 * rng.standard_normal(shape)))
    low = np.minimum(opening, close) * np.exp(-np.abs(0.005 * rng.standard_normal(shape)))
    missing = rng.random(shape) < 0.001
    missing[:, 0] = False
    for prices in (opening, high, low, close):
        prices[missing] = np.nan
    return Bars(opening, high, low, close, np.where(rng.random(shape) < 0.01, 0.2, 0.0))


def orders_every(step: int, rng: np.random.Generator, *, stops: bool) -> PortfolioOrders:
    """Long and short weights anew for every symbol, each `step` sessions."""
    bar = np.arange(0, SESSIONS - 1, step, dtype=np.int32)
    weight = rng.normal(0.0, 2.0 / SYMBOLS, (len(bar), SYMBOLS))
    side = np.sign(weight)
    levels = {"stop": 1 - 0.08 * side, "target": 1 + 0.15 * side, "trail": 1 - 0.1 * side} if stops else {}
    return PortfolioOrders.of_weights(bar, weight, **levels)


def check(bars: Bars, orders: PortfolioOrders, sector: np.ndarray) -> int:
    """Compare with the oracle on a small part; returns its symbol-bars."""
    part = {field.name: getattr(bars, field.name) for field in dataclasses.fields(Bars)}
    small = Bars(**{name: values[:PARITY_SYMBOLS, :PARITY_SESSIONS].copy() for name, values in part.items()})
    keep = orders.bar < PARITY_SESSIONS
    columns = {name: getattr(orders, name)[keep, :PARITY_SYMBOLS].copy() for name in ("stop", "target", "trail")}
    weight = orders.weight[keep, :PARITY_SYMBOLS] * (SYMBOLS / PARITY_SYMBOLS)
    few = PortfolioOrders(bar=orders.bar[keep], weight=weight, **columns)
    options = {"fill": "next_open", "cash": 1e6, "caps": CAPS, "sector": sector[:PARITY_SYMBOLS].copy()}
    naive = simulate_portfolio(small, few, backend="naive", **options)
    cpu = simulate_portfolio(small, few, backend="cpu", **options)
    np.testing.assert_allclose(cpu.equity, naive.equity, rtol=1e-12)
    np.testing.assert_array_equal(cpu.trades.reason, naive.trades.reason)
    np.testing.assert_array_equal(cpu.trades.exit_bar, naive.trades.exit_bar)
    assert len(naive.trades.path) > PARITY_SYMBOLS
    return int(small.close.size)


def cpu_seconds(call: Callable[[], object]) -> float:
    """What a call costs this process; checks and the table of trades included."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    """Check, time, print and write."""
    rng = np.random.default_rng(1)
    bars = market(rng)
    sector = rng.integers(0, SECTORS, SYMBOLS).astype(np.int32)
    cases = {
        "daily": orders_every(1, rng, stops=False),
        "monthly_with_stops": orders_every(MONTH, rng, stops=True),
    }

    def run(orders: PortfolioOrders) -> PortfolioSimulation:
        return simulate_portfolio(bars, orders, fill="next_open", cash=1e6, caps=CAPS, sector=sector, backend="cpu")

    result: dict[str, object] = {"machine": machine(), "symbols": SYMBOLS, "sessions": SESSIONS}
    for name, orders in cases.items():
        parity = check(bars, orders, sector)
        first_call, *later = (cpu_seconds(lambda orders=orders: run(orders)) for _ in range(REPEATS + 1))
        result[name] = {
            "orders": len(orders.bar),
            "trades": len(run(orders).trades.path),
            "parity_symbol_bars": parity,
            "first_call_after_parity_cpu_s": round(first_call, 4),
            "cpu_s": round(min(later), 4),
            "symbol_bars_per_cpu_second": round(bars.close.size / min(later)),
        }
    report(result, RESULT)


if __name__ == "__main__":
    main()
