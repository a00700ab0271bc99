"""Time the simulated market: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.market`. Writes `benchmarks/results/market.json`.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numba
import numpy as np

from kernels.market import MarketBars, instruments, simulate

RESULTS = Path(__file__).parent / "results" / "market.json"
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
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "threads": numba.get_num_threads()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__},
        "instruments": INSTRUMENTS,
        "sessions": SESSIONS,
        "parity_bars": len(PARITY_ROWS) * PARITY_SESSIONS,
        "first_call_s": round(first_call, 3),
        "instruments_s": seconds(lambda: instruments(SEED, INSTRUMENTS)),
        "all_sessions_s": seconds(lambda: simulate(universe, SESSIONS, seed=SEED, backend="cpu")),
        "last_session_s": seconds(lambda: simulate(universe, SESSIONS, seed=SEED, first=SESSIONS - 1, backend="cpu")),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def seconds(call: Callable[[], object]) -> dict[str, float]:
    """The best and the median of `REPEATS` calls after a first one that isn't counted."""
    call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return {"best": round(min(times), 4), "median": round(statistics.median(times), 4)}


def cpu_model() -> str:
    """The processor's name; where Linux doesn't say, the architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
