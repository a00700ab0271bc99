"""Time the wave scan of a whole universe: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.waves [--json PATH]`. Reads ../shared/data/sp500_daily.parquet where it
is, else scans geometric random walks of the same size; bars whose low is above their high count as missing.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.machine import best_seconds, machine, report
from kernels.waves import SETUP, Patterns, ScanSettings, Selected, enumerate_class, scan, scan_distinct
from kernels.waves.legs import rising_legs, view_bars
from kernels.waves.search import search_impulses
from kernels.waves.select import rank
from kernels.waves.series import next_origins, scan_series

PRICES = Path(__file__).parents[2] / "shared" / "data" / "sp500_daily.parquet"
SYMBOLS, SESSIONS, SPAN, RANGE_SESSIONS, REPEATS = 505, 1259, 504, 755, 3


def main() -> None:
    """Check, time, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Time the wave scan.")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    target = parser.parse_args().json
    source, low, high = real_bars() if PRICES.exists() else simulated_bars()
    checked = check_parity(low, high)
    started = time.perf_counter()
    scan_range(low[:1], high[:1], 2, ScanSettings())
    result = {
        "machine": machine(),
        "prices": source,
        "symbols": len(low),
        "sessions": low.shape[1],
        "max_span": SPAN,
        "parity_patterns": checked,
        "first_call_s": round(time.perf_counter() - started, 3),
        "last_session": last_session(low, high, SPAN),
        "all_sessions": last_session(low, high, low.shape[1]),
        "range_setup_top_5": timed_range(low, high, ScanSettings(setup_top_n=5)),
        "range": timed_range(low, high, ScanSettings()),
        "range_stages_one_thread_s": range_stages(low, high),
    }
    report(result, target)


def real_bars() -> tuple[str, np.ndarray, np.ndarray]:
    """The real bars as a panel."""
    table = pq.read_table(PRICES, columns=["symbol", "date", "low", "high"])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    symbols, row = np.unique(columns["symbol"].astype(str), return_inverse=True)
    sessions, bar = np.unique(columns["date"], return_inverse=True)
    low, high = (np.full((len(symbols), len(sessions)), np.nan) for _ in range(2))
    low[row, bar], high[row, bar] = columns["low"], columns["high"]
    missing = ~(low <= high)
    low[missing] = high[missing] = np.nan
    return PRICES.name, low, high


def simulated_bars() -> tuple[str, np.ndarray, np.ndarray]:
    """Geometric random walks."""
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal((SYMBOLS, SESSIONS)), axis=1))
    low, high = (close * np.exp(sign * 0.01 * rng.random(close.shape)) for sign in (-1, 1))
    return "geometric random walks", low, high


def check_parity(low: np.ndarray, high: np.ndarray) -> int:
    """Refuse to time a scan that doesn't equal the oracle; the number of patterns compared."""
    low, high = (np.ascontiguousarray(prices[:6, -160:]) for prices in (low, high))
    row, end = np.repeat(np.arange(len(low)), 2), np.tile([120, 159], len(low))
    fast, naive = (scan(low, high, row, end, np.full(len(row), 120), backend=name) for name in ("cpu", "naive"))
    for field in fields(Patterns):
        value, expected = getattr(fast, field.name), getattr(naive, field.name)
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(value, expected, rtol=1e-12 if value.dtype.kind == "f" else 0)
    for series in range(len(low)):
        for direction in (1, -1):
            pivots, expected = (
                enumerate_class(low[series], high[series], "impulse", direction, backend=name)
                for name in ("cpu", "naive")
            )
            np.testing.assert_array_equal(pivots, expected)
    return len(fast.score)


def last_session(low: np.ndarray, high: np.ndarray, length: int) -> dict[str, float]:
    """One origin per symbol at the last session, with a window of `length`."""
    count, sessions = low.shape
    origins = np.arange(count), np.full(count, sessions - 1), np.full(count, length)
    found = scan(low, high, *origins, backend="cpu")
    taken = best_seconds(lambda: scan(low, high, *origins, backend="cpu"), REPEATS)
    return {
        "length": length,
        "candidates": int(found.candidates.sum()),
        "kept": len(found.score),
        "seconds": taken,
        "candidates_per_s": round(found.candidates.sum() / taken),
    }


def scan_range(low: np.ndarray, high: np.ndarray, sessions: int, settings: ScanSettings) -> Selected:
    """The last `sessions` sessions of every series in one scan."""
    count, total = low.shape
    row, end = np.repeat(np.arange(count), sessions), np.tile(np.arange(total - sessions, total), count)
    return scan_distinct(low, high, row, end, np.full(len(row), SPAN), settings=settings, backend="cpu")


def timed_range(low: np.ndarray, high: np.ndarray, settings: ScanSettings) -> dict[str, object]:
    """The last sessions of every series, and how many setups an origin keeps."""
    started = time.perf_counter()
    found = scan_range(low, high, RANGE_SESSIONS, settings)
    taken = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    origins = len(found.distinct.candidates)
    is_setup = found.distinct.status[found.pattern] == SETUP
    setups = np.bincount(found.origin[is_setup], minlength=origins)
    legs = np.bincount(found.distinct.legs[found.pattern], minlength=5)
    return {
        "origins": origins,
        "setup_top_n": settings.setup_top_n,
        "seconds": round(taken, 3),
        "process_peak_memory_bytes": peak,
        "kept": len(found.origin),
        "distinct": len(found.distinct.score),
        "candidates_per_origin": round(float(found.distinct.candidates.mean()), 1),
        "setups_standing_per_origin": round(float(found.distinct.standing.mean()), 1),
        "setups_kept_per_origin": round(float(setups.mean()), 2),
        "setups_kept_quantiles_05_50_95_100": np.quantile(setups, [0.05, 0.5, 0.95, 1.0]).tolist(),
        "setups_kept_per_origin_by_legs_2_3_4": (legs[2:5] / origins).round(2).tolist(),
    }


def range_stages(low: np.ndarray, high: np.ndarray) -> dict[str, float]:
    """Where one thread spends the range's time, over every series, before the kept patterns are described."""
    count, total = low.shape
    end = np.arange(total - RANGE_SESSIONS, total, dtype=np.int32)
    start = (end - SPAN + 1).astype(np.int32)
    following = next_origins(end, total)
    names = ("legs", "search_and_score", "rank", "select_for_origins")
    spent = np.zeros(len(names))
    for series in range(-1, count):
        marks = [time.perf_counter()]
        up, down = view_bars(low[series], high[series])
        rising, falling = rising_legs(up, SPAN, total), rising_legs(down, SPAN, total)
        marks.append(time.perf_counter())
        ups = search_impulses(up, rising, falling, SPAN, 0, SPAN, following)
        downs = search_impulses(down, falling, rising, SPAN, 0, SPAN, following)
        marks.append(time.perf_counter())
        rank(ups[0], downs[0])
        rank(ups[1], downs[1])
        marks.append(time.perf_counter())
        every = np.iinfo(np.int32).max
        scan_series(low[series], high[series], end, start, True, True, total, SPAN, SPAN, 5, every, 0.8)
        marks.append(time.perf_counter())
        steps = np.diff(marks)
        # The last step repeats the others; the first round, over the last series, only warms up.
        if series >= 0:
            spent += (*steps[:3], steps[3] - steps[:3].sum())
    return dict(zip(names, spent.round(3).tolist(), strict=True))


if __name__ == "__main__":
    main()
