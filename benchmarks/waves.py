"""Time the wave scan of a whole universe: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.waves [--json PATH] [--plot PATH]`. Reads
../shared/data/sp500_daily.parquet where it is, else scans geometric random walks of the same size; bars whose low is
above their high count as missing.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.full_product import compiled_full_product, full_product
from benchmarks.machine import best_seconds, machine, report
from benchmarks.plot import log_log
from kernels.waves import CLASS_NAMES, SETUP, Patterns, Scan, ScanSettings, enumerate_class, scan_origins
from kernels.waves.legs import all_legs, count_swings, view_bars
from kernels.waves.program import program
from kernels.waves.search import Search, search_all
from kernels.waves.select import rank
from kernels.waves.series import next_origins, scan_series
from kernels.waves.subdivide import subdivide

PRICES = Path(__file__).parents[2] / "shared" / "data" / "sp500_daily.parquet"
SYMBOLS, SESSIONS, SPAN, RANGE_SESSIONS, REPEATS = 505, 1259, 504, 755, 3
BASELINE_SKIP = 15


def main() -> None:
    """Check, time, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Time the wave scan.")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    parser.add_argument("--plot", type=Path, help="SVG file to draw the growth of the cost to")
    asked = parser.parse_args()
    source, low, high = real_bars() if PRICES.exists() else simulated_bars()
    checked = check_parity(low, high)
    started = time.perf_counter()
    scan_last(low[:1], high[:1], SPAN)
    result: dict[str, object] = {
        "machine": machine(),
        "prices": source,
        "symbols": len(low),
        "sessions": low.shape[1],
        "max_span": SPAN,
        "parity_patterns": checked,
        "first_call_s": round(time.perf_counter() - started, 3),
        "all_classes": whole_universe(low, high),
        "stages_one_thread_s": stages(low, high),
        "growth": growth(low, high),
        "full_product": against_full_product(low, high),
        "range": timed_range(low, high),
    }
    report(result, asked.json)
    if asked.plot:
        draw_growth(result["growth"], asked.plot)


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


def simulated_bars(symbols: int = SYMBOLS, sessions: int = SESSIONS) -> tuple[str, np.ndarray, np.ndarray]:
    """Geometric random walks."""
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal((symbols, sessions)), axis=1))
    low, high = (close * np.exp(sign * 0.01 * rng.random(close.shape)) for sign in (-1, 1))
    return "geometric random walks", low, high


def check_parity(low: np.ndarray, high: np.ndarray) -> int:
    """Refuse to time a scan that doesn't equal the oracle; the number of patterns compared."""
    low, high = (np.ascontiguousarray(prices[:4, -100:]) for prices in (low, high))
    row, end = np.repeat(np.arange(len(low)), 2), np.tile([80, 99], len(low))
    fast, naive = (scan_origins(low, high, row, end, np.full(len(row), 80), backend=name) for name in ("cpu", "naive"))
    for kind, left, right in ((Patterns, fast.patterns, naive.patterns), (Scan, fast, naive)):
        for field in fields(kind):
            value, expected = getattr(left, field.name), getattr(right, field.name)
            if isinstance(value, np.ndarray):
                np.testing.assert_allclose(value, expected, rtol=1e-11 if value.dtype.kind == "f" else 0)
    for name in CLASS_NAMES:
        for direction in (1, -1):
            pivots, expected = (
                enumerate_class(low[0], high[0], name, direction, backend=backend) for backend in ("cpu", "naive")
            )
            np.testing.assert_array_equal(pivots, expected)
    return len(fast.patterns.score)


def scan_last(low: np.ndarray, high: np.ndarray, max_span: int) -> Scan:
    """One origin per symbol: the last session, with p0 anywhere."""
    count, sessions = low.shape
    origins = np.arange(count), np.full(count, sessions - 1), np.full(count, sessions)
    return scan_origins(low, high, *origins, settings=ScanSettings(max_span=max_span), backend="cpu")


def whole_universe(low: np.ndarray, high: np.ndarray) -> dict[str, object]:
    """All classes, both directions, scored, subdivided and selected, for every symbol and session."""
    found = scan_last(low, high, SPAN)
    taken = best_seconds(lambda: scan_last(low, high, SPAN), REPEATS)
    candidates = int(found.candidates.sum())
    confirmed = found.pattern[found.patterns.status[found.pattern] != SETUP]
    kept = np.bincount(found.patterns.class_index[confirmed], minlength=len(CLASS_NAMES))
    return {
        "seconds": taken,
        "process_peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "candidates": candidates,
        "candidates_per_s": round(candidates / taken),
        "kept_confirmed": dict(zip(CLASS_NAMES, kept.tolist(), strict=True)),
        "kept_setups": len(found.pattern) - len(confirmed),
        "confirmed_by_degree": np.bincount(found.patterns.degree[confirmed]).tolist(),
    }


def stages(low: np.ndarray, high: np.ndarray) -> dict[str, float]:
    """Where one thread spends the time, over every series, before the kept patterns are described."""
    count, sessions = low.shape
    last = np.array([sessions - 1], np.int32)
    wanted = np.ones((len(CLASS_NAMES), 2), np.bool_)
    search = Search(SPAN, 0, sessions, next_origins(last, sessions), wanted, wanted)
    names = ("legs", "search", "subdivide_and_score", "rank", "select")
    spent = np.zeros(len(names))
    for series in range(-1, count):
        marks = [time.perf_counter()]
        up, down = view_bars(low[series], high[series])
        legs = all_legs(up, down, SPAN, sessions)
        marks.append(time.perf_counter())
        records, patterns, _ = search_all(program(), up, down, legs, search)
        marks.append(time.perf_counter())
        swings = count_swings(low[series], high[series])
        score = subdivide(program(), up, legs, swings, records, patterns).score
        marks.append(time.perf_counter())
        rank(records, score, 0, patterns, wanted)
        rank(records, score, patterns, len(score), wanted)
        marks.append(time.perf_counter())
        every = np.iinfo(np.int32).max
        start = np.zeros(1, np.int32)
        scan_series(program(), low[series], high[series], last, start, wanted, sessions, SPAN, sessions, 5, every, 0.8)
        marks.append(time.perf_counter())
        steps = np.diff(marks)
        # The last step repeats the others; the first round, over the last series, only warms up.
        if series >= 0:
            spent += (*steps[:4], steps[4] - steps[:4].sum())
    return dict(zip(names, spent.round(3).tolist(), strict=True))


def growth(low: np.ndarray, high: np.ndarray) -> dict[str, list[dict[str, float]]]:
    """How the cost grows with the symbols, the bars and `max_span`, each alone; the others stay at their largest."""
    count = len(low)
    long_low, long_high = simulated_bars(50, 5040)[1:]
    cases = {
        "symbols": [(low[:part], high[:part], SPAN, part) for part in (count // 8, count // 4, count // 2, count)],
        "bars": [(long_low[:, :part], long_high[:, :part], SPAN, part) for part in (630, 1260, 2520, 5040)],
        "max_span": [(low, high, span, span) for span in (63, 126, 252, 504, 1008)],
    }
    table = {}
    for name, own in cases.items():
        rows = []
        for lows, highs, span, work in own:
            candidates = int(scan_last(lows, highs, span).candidates.sum())
            seconds = best_seconds(lambda lows=lows, highs=highs, span=span: scan_last(lows, highs, span), 2)
            rows.append({name: work, "seconds": seconds, "candidates": candidates})
        table[name] = rows
    return table


def draw_growth(table: dict[str, list[dict[str, float]]], path: Path) -> None:
    """The growth as a plot."""
    lines = {name: [(row[name] / rows[0][name], row["seconds"]) for row in rows] for name, rows in table.items()}
    log_log(path, "Seconds of a whole scan as the work grows", "s", lines)


def against_full_product(low: np.ndarray, high: np.ndarray) -> dict[str, object]:
    """One start bar with all combinations of 15 skips, against the search of every start bar."""
    low, high = low[0], high[0]
    wanted = {"max_skip": BASELINE_SKIP, "max_span": SPAN, "backend": "cpu"}
    found = enumerate_class(low, high, "impulse", 1, **wanted)
    start = int(np.bincount(found[:, 0]).argmax())
    own = [tuple(row) for row in found[found[:, 0] == start].tolist()]
    began = time.perf_counter()
    baseline = full_product(low, high, start, BASELINE_SKIP, SPAN)
    python_seconds = time.perf_counter() - began
    if baseline != own or compiled_full_product(low, high, start, BASELINE_SKIP, SPAN) != len(own):
        raise SystemExit(f"the sets differ at bar {start}: no ratio is reported")
    compiled = best_seconds(lambda: compiled_full_product(low, high, start, BASELINE_SKIP, SPAN), REPEATS)
    whole = min(
        best_seconds_of_microseconds(lambda: enumerate_class(low, high, "impulse", 1, **wanted)) for _ in range(REPEATS)
    )
    starts = len(np.unique(found[:, 0]))
    return {
        "max_skip": BASELINE_SKIP,
        "start_bar": start,
        "patterns_of_the_start": len(own),
        "full_product_python_s": round(python_seconds, 2),
        "full_product_compiled_s": compiled,
        "all_starts_of_the_series_s": round(whole, 6),
        "starts_with_patterns": starts,
        "ratio_python_one_start_to_ours_all_starts": round(python_seconds / whole),
        "ratio_compiled_one_start_to_ours_all_starts": round(compiled / whole, 1),
        "ratio_compiled_one_start_to_ours_per_start": round(compiled / whole * starts),
    }


def best_seconds_of_microseconds(call: object) -> float:
    """Seconds of one call that takes too little to be timed alone."""
    began = time.perf_counter()
    for _ in range(20):
        call()
    return (time.perf_counter() - began) / 20


def timed_range(low: np.ndarray, high: np.ndarray) -> dict[str, object]:
    """The last sessions of every series in one scan, and how many setups an origin keeps."""
    count, total = low.shape
    row, end = np.repeat(np.arange(count), RANGE_SESSIONS), np.tile(np.arange(total - RANGE_SESSIONS, total), count)
    started = time.perf_counter()
    found = scan_origins(low, high, row, end, np.full(len(row), SPAN), backend="cpu")
    taken = time.perf_counter() - started
    origins = len(found.candidates)
    is_setup = found.patterns.status[found.pattern] == SETUP
    return {
        "origins": origins,
        "seconds": round(taken, 3),
        "process_peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "kept": len(found.origin),
        "distinct_with_descendants": len(found.patterns.score),
        "candidates_per_origin": round(float(found.candidates.mean()), 1),
        "setups_standing_per_origin": round(float(found.standing.mean()), 1),
        "setups_kept_per_origin": round(float(is_setup.sum()) / origins, 2),
    }


if __name__ == "__main__":
    main()
