"""Time the window features of a whole universe: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.windows`. Writes `benchmarks/results/windows.json`.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.windows import DEFAULT_LENGTHS, rank_windows, window_features

RESULT = RESULTS / "windows.json"
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
        "machine": machine(),
        "origins": len(row),
        "lengths": list(DEFAULT_LENGTHS),
        "parity_origins": len(sample),
        "first_call_s": round(first_call, 3),
        "features_s": best_seconds(lambda: window_features(high, low, close, row, end, backend="cpu"), REPEATS),
        "rank_one_session_s": best_seconds(lambda: rank_windows(last, length_index), REPEATS),
    }
    report(result, RESULT)


if __name__ == "__main__":
    main()
