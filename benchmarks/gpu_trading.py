"""The simulator in `make gpu-check`: the GPU's results beside the CPU's, and only then its speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.machine import best_seconds
from kernels.memory import Device
from kernels.trading import Bars, Costs, Orders, Paths, Simulation, gpu, simulate

LARGEST_DIFFERENCE = 1e-9
COSTS = Costs()


class TradingSizes(NamedTuple):
    """Bars of the market, accounts over `window` of them each, and how often the GPU is timed."""

    series: int = 500
    bars: int = 1250
    window: int = 252
    summaries: int = 1_000_000
    repeats: int = 5


SIZES = TradingSizes()


def check_trading(
    sizes: TradingSizes = SIZES, save: Callable[[dict[str, object]], None] = lambda _: None
) -> dict[str, object]:
    """Backtests with records, and many accounts with one order each; `save` is given the first alone."""
    bars = walks(sizes)
    found: dict[str, object] = {"backtests": check(bars, *backtests(sizes), record=True, repeats=sizes.repeats)}
    save(found)
    return found | {"summaries": check(bars, *accounts(sizes), record=False, repeats=sizes.repeats)}


def walks(sizes: TradingSizes = SIZES) -> Bars:
    """Geometric random walks with 1.5 % a session."""
    rng = np.random.default_rng(1)
    close = 50.0 * np.exp(np.cumsum(0.015 * rng.standard_normal((sizes.series, sizes.bars)), axis=1))
    opening = close * np.exp(0.005 * rng.standard_normal(close.shape))
    high = np.maximum(opening, close) * np.exp(0.005 * rng.random(close.shape))
    low = np.minimum(opening, close) * np.exp(-0.005 * rng.random(close.shape))
    return Bars(opening, high, low, close, np.zeros_like(close))


def backtests(sizes: TradingSizes = SIZES) -> tuple[Paths, Orders]:
    """Every series as a path, with an order for one leg every ten bars, stops and targets 5 % away."""
    path, bar = (values.ravel() for values in np.mgrid[0 : sizes.series, 0 : sizes.bars - 1 : 10])
    paths = Paths.flat(np.arange(sizes.series), 0, sizes.bars - 1, 100_000.0)
    return paths, orders(path, bar, np.random.default_rng(2))


def accounts(sizes: TradingSizes = SIZES) -> tuple[Paths, Orders]:
    """Accounts at random places, with an order at their first bar."""
    rng = np.random.default_rng(3)
    first = rng.integers(0, sizes.bars - sizes.window - 1, sizes.summaries)
    paths = Paths.flat(rng.integers(0, sizes.series, sizes.summaries), first, first + sizes.window, 50_000.0)
    return paths, orders(np.arange(sizes.summaries), first, rng)


def orders(path: np.ndarray, bar: np.ndarray, rng: np.random.Generator) -> Orders:
    """Orders for both legs: weights up to one half, stops and targets about 5 % away."""
    away = rng.uniform(0.02, 0.08, (2, len(path), 2)) * [-1.0, 1.0]
    return Orders.of_weights(path, bar, rng.uniform(0.0, 0.5, (len(path), 2)), stop=1.0 + away[0], target=1.0 - away[1])


def check(bars: Bars, paths: Paths, asked: Orders, *, record: bool, repeats: int) -> dict[str, object]:
    """Simulate on both, compare, and time where they agree."""

    def run(backend: str) -> Simulation:
        return simulate(bars, paths, asked, fill="next_open", costs=COSTS, record=record, backend=backend)

    run("cpu")
    began = time.perf_counter()
    on_cpu = run("cpu")
    taken_by_cpu = time.perf_counter() - began
    differs = differences(run("gpu"), on_cpu, paths)
    simulated = int((paths.last - paths.first).sum())
    sizes = {"paths": len(paths.series), "bars": simulated, "differs": differs}
    if differs:
        return sizes
    taken = best_seconds(lambda: run("gpu"), repeats)
    device = Device(measuring=True)
    began = time.perf_counter()
    gpu.simulate(bars, paths, asked, "next_open", COSTS, 1.0, record, device)
    staged = time.perf_counter() - began
    return sizes | {
        "cpu_seconds": round(taken_by_cpu, 4),
        "gpu_seconds": taken,
        "gpu_times_as_fast": round(taken_by_cpu / max(taken, 1e-9), 2),
        "million_bars_per_second": round(simulated / max(taken, 1e-9) / 1e6),
        "transfer_share": round((device.seconds["upload"] + device.seconds["download"]) / staged, 4),
        "chunks_of_paths": device.chunks,
        "peak_device_bytes": device.peak_bytes,
    }


def differences(found: Simulation, expected: Simulation, paths: Paths) -> list[str]:
    """What differs: reasons and bars at all, money by more than `LARGEST_DIFFERENCE` of the account."""
    names = [
        name
        for name in ("reason", "exit_bar", "held", "exposure")
        if not np.array_equal(getattr(found, name), getattr(expected, name))
    ]
    scale = LARGEST_DIFFERENCE * float(paths.cash.max())
    for name in ("summary", "equity"):
        own, wanted = getattr(found, name), getattr(expected, name)
        if wanted is not None and not np.allclose(own, wanted, rtol=LARGEST_DIFFERENCE, atol=scale, equal_nan=True):
            names.append(name)
    if expected.trades is not None:
        for name, wanted in vars(expected.trades).items():
            own = getattr(found.trades, name)
            if own.shape != wanted.shape or not np.allclose(own, wanted, rtol=LARGEST_DIFFERENCE, atol=scale):
                names.append(f"trades.{name}")
    return names
