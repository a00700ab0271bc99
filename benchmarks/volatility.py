"""Time the volatility models over a whole universe: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.volatility`. Writes `benchmarks/results/volatility.json`.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.volatility import ewma_fhs

RESULT = RESULTS / "volatility.json"
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
        "machine": machine(),
        "origins": len(row),
        "parity_origins": len(sample),
        "first_call_s": round(first_call, 3),
        "ewma_fhs_s": best_seconds(lambda: ewma_fhs(close, row, end, backend="cpu"), REPEATS),
        "ewma_fhs_one_session_s": best_seconds(lambda: ewma_fhs(close, row[last], end[last], backend="cpu"), REPEATS),
    }
    report(result, RESULT)


if __name__ == "__main__":
    main()
