"""Time the volatility models over a whole universe: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.volatility`. Writes `benchmarks/results/volatility.json`.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from kernels.volatility import ewma_fhs

RESULTS = Path(__file__).parent / "results" / "volatility.json"
SYMBOLS, SESSIONS, ORIGINS_PER_SYMBOL, REPEATS = 505, 1259, 755, 5


def main() -> None:
    """Check, time, print and write."""
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(0.012 * rng.standard_t(5, (SYMBOLS, SESSIONS)), axis=1))
    close[rng.random(close.shape) < 0.001] = np.nan
    row = np.repeat(np.arange(SYMBOLS, dtype=np.int32), ORIGINS_PER_SYMBOL)
    end = np.tile(np.arange(SESSIONS - ORIGINS_PER_SYMBOL, SESSIONS, dtype=np.int32), SYMBOLS)

    sample = rng.choice(len(row), 30, replace=False)
    naive = ewma_fhs(close, row[sample], end[sample], backend="naive")
    start = time.perf_counter()
    cpu = ewma_fhs(close, row, end, backend="cpu")
    first_call = time.perf_counter() - start
    np.testing.assert_array_equal(cpu.residuals[sample], naive.residuals)
    scale = naive.volatility[:, :, None]
    np.testing.assert_allclose(cpu.quantiles[sample] / scale, naive.quantiles / scale, rtol=1e-12, atol=1e-12)

    last = end == SESSIONS - 1
    result = {
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "threads": numba.get_num_threads()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__},
        "origins": len(row),
        "parity_origins": len(sample),
        "first_call_s": round(first_call, 3),
        "ewma_fhs_s": seconds(lambda: ewma_fhs(close, row, end, backend="cpu")),
        "ewma_fhs_one_session_s": seconds(lambda: ewma_fhs(close, row[last], end[last], backend="cpu")),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def seconds(call: Callable[[], object]) -> float:
    """The best of `REPEATS` calls: what the work costs without the noise of the machine."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(min(times), 4)


def cpu_model() -> str:
    """The processor's name; where Linux doesn't say, the architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
