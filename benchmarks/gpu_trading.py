"""The simulator in `make gpu-check`: the GPU's results beside the CPU's, and only then its speed."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.machine import best_seconds
from kernels.memory import Device
from kernels.trading import Bars, Costs, Orders, Paths, Simulation, gpu, simulate

SERIES, BARS, WINDOW, REPEATS = 500, 1250, 252, 5
LARGEST_DIFFERENCE = 1e-9
COSTS = Costs()


def check_trading(summaries: int = 1_000_000) -> dict[str, object]:
    """Backtests with records over all series, and so many accounts over a year with one order each."""
    bars = walks()
    return {
        "backtests": check(bars, *backtests(), record=True),
        "summaries": check(bars, *accounts(summaries), record=False),
    }


def walks() -> Bars:
    """Geometric random walks with 1.5 % a session."""
    rng = np.random.default_rng(1)
    close = 50.0 * np.exp(np.cumsum(0.015 * rng.standard_normal((SERIES, BARS)), axis=1))
    opening = close * np.exp(0.005 * rng.standard_normal(close.shape))
    high = np.maximum(opening, close) * np.exp(0.005 * rng.random(close.shape))
    low = np.minimum(opening, close) * np.exp(-0.005 * rng.random(close.shape))
    return Bars(opening, high, low, close, np.zeros_like(close))


def backtests() -> tuple[Paths, Orders]:
    """Every series as a path, with an order for one leg every ten bars, stops and targets 5 % away."""
    path, bar = (values.ravel() for values in np.mgrid[0:SERIES, 0 : BARS - 1 : 10])
    return Paths.flat(np.arange(SERIES), 0, BARS - 1, 100_000.0), orders(path, bar, np.random.default_rng(2))


def accounts(count: int) -> tuple[Paths, Orders]:
    """Accounts at random places, with an order at their first bar."""
    rng = np.random.default_rng(3)
    first = rng.integers(0, BARS - WINDOW - 1, count)
    paths = Paths.flat(rng.integers(0, SERIES, count), first, first + WINDOW, 50_000.0)
    return paths, orders(np.arange(count), first, rng)


def orders(path: np.ndarray, bar: np.ndarray, rng: np.random.Generator) -> Orders:
    """Orders for both legs: weights up to one half, stops and targets about 5 % away."""
    away = rng.uniform(0.02, 0.08, (2, len(path), 2)) * [-1.0, 1.0]
    return Orders.of_weights(path, bar, rng.uniform(0.0, 0.5, (len(path), 2)), stop=1.0 + away[0], target=1.0 - away[1])


def check(bars: Bars, paths: Paths, asked: Orders, *, record: bool) -> dict[str, object]:
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
    taken = best_seconds(lambda: run("gpu"), REPEATS)
    device = Device(measuring=True)
    began = time.perf_counter()
    gpu.simulate(bars, paths, asked, "next_open", COSTS, 1.0, record, device)
    staged = time.perf_counter() - began
    return sizes | {
        "cpu_seconds": round(taken_by_cpu, 4),
        "gpu_seconds": taken,
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
