"""Time the simulated market: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.market`. Writes `benchmarks/results/market.json`.
"""

from __future__ import annotations

import time
from dataclasses import fields

import numpy as np

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.market import MarketBars, instruments, simulate

RESULT = RESULTS / "market.json"
SEED, INSTRUMENTS, SESSIONS, REPEATS = 7, 500, 6_760, 9
PARITY_ROWS, PARITY_SESSIONS = np.arange(0, 500, 50, dtype=np.int32), 1_000


def main() -> None:
    """Check, time, print and write."""
    universe = instruments(SEED, INSTRUMENTS)
    start = time.perf_counter()
    simulate(universe, 1, seed=SEED)
    first_call = time.perf_counter() - start
    naive = simulate(universe, PARITY_SESSIONS, seed=SEED, symbols=PARITY_ROWS, backend="naive")
    cpu = simulate(universe, PARITY_SESSIONS, seed=SEED, symbols=PARITY_ROWS, backend="cpu")
    for field in fields(MarketBars):
        np.testing.assert_array_equal(getattr(cpu, field.name), getattr(naive, field.name))

    result = {
        "machine": machine(),
        "instruments": INSTRUMENTS,
        "sessions": SESSIONS,
        "parity_bars": len(PARITY_ROWS) * PARITY_SESSIONS,
        "first_call_s": round(first_call, 3),
        "instruments_s": best_seconds(lambda: instruments(SEED, INSTRUMENTS), REPEATS),
        "all_sessions_s": best_seconds(lambda: simulate(universe, SESSIONS, seed=SEED, backend="cpu"), REPEATS),
        "last_session_s": best_seconds(
            lambda: simulate(universe, SESSIONS, seed=SEED, first=SESSIONS - 1, backend="cpu"), REPEATS
        ),
    }
    report(result, RESULT)


if __name__ == "__main__":
    main()
