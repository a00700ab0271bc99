"""Time the window features of a whole universe: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.windows`. Writes `benchmarks/results/windows.json`.
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

from kernels.windows import DEFAULT_LENGTHS, rank_windows, window_features

RESULTS = Path(__file__).parent / "results" / "windows.json"
SYMBOLS, SESSIONS, ORIGINS_PER_SYMBOL, REPEATS = 505, 1259, 755, 5


def main() -> None:
    """Check, time, print and write."""
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal((SYMBOLS, SESSIONS)), axis=1))
    close[rng.random(close.shape) < 0.001] = np.nan
    high, low = (close * np.exp(sign * 0.01 * rng.random(close.shape)) for sign in (1, -1))
    row = np.repeat(np.arange(SYMBOLS, dtype=np.int32), ORIGINS_PER_SYMBOL)
    end = np.tile(np.arange(SESSIONS - ORIGINS_PER_SYMBOL, SESSIONS, dtype=np.int32), SYMBOLS)

    sample = rng.choice(len(row), 500, replace=False)
    naive = window_features(high, low, close, row[sample], end[sample], backend="naive")
    start = time.perf_counter()
    features = window_features(high, low, close, row, end, backend="cpu")
    first_call = time.perf_counter() - start
    np.testing.assert_allclose(features[sample], naive, rtol=1e-12, atol=1e-13)

    last = features[end == SESSIONS - 1].reshape(-1, features.shape[2])
    length_index = np.tile(np.arange(len(DEFAULT_LENGTHS)), SYMBOLS)
    result = {
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "threads": numba.get_num_threads()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__},
        "origins": len(row),
        "lengths": list(DEFAULT_LENGTHS),
        "parity_origins": len(sample),
        "first_call_s": round(first_call, 3),
        "features_s": seconds(lambda: window_features(high, low, close, row, end, backend="cpu")),
        "rank_one_session_s": seconds(lambda: rank_windows(last, length_index)),
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
