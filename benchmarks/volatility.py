"""Time the volatility models over a whole universe: parity with the oracle first, then seconds.

Run from the project root: `python -m benchmarks.volatility`. Writes `benchmarks/results/volatility.json`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.device import Backend
from kernels.volatility import Forecasts, GjrParameters, ewma_fhs, fit_gjr, gjr_fhs, gjr_scales
from kernels.volatility.gjr.fit import log_likelihood
from kernels.volatility.gjr.naive import log_likelihood as naive_log_likelihood

RESULT = RESULTS / "volatility.json"
SYMBOLS, SESSIONS, ORIGINS_PER_SYMBOL, REPEATS, PARITY_ORIGINS = 505, 1259, 755, 5, 30
PARAMETERS = GjrParameters(alpha=0.03, gamma=0.1, beta=0.85, degrees=5.0)

Float64Array2D = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Int32Array1D = np.ndarray[tuple[int], np.dtype[np.int32]]
Model = Callable[[Int32Array1D, Int32Array1D, Backend], Forecasts]


def main() -> None:
    """Check, time, print and write."""
    rng = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(0.012 * rng.standard_t(5, (SYMBOLS, SESSIONS)), axis=1))
    close[rng.random(close.shape) < 0.001] = np.nan
    row = np.repeat(np.arange(SYMBOLS, dtype=np.int32), ORIGINS_PER_SYMBOL)
    end = np.tile(np.arange(SESSIONS - ORIGINS_PER_SYMBOL, SESSIONS, dtype=np.int32), SYMBOLS)
    # The oracle of GJR scales whole rows, so its origins lie on few.
    anywhere = rng.choice(len(row), PARITY_ORIGINS, replace=False)
    on_three_rows = rng.choice(3 * ORIGINS_PER_SYMBOL, PARITY_ORIGINS, replace=False)
    require_parity_of_likelihood(close)

    result: dict[str, object] = {"machine": machine(), "origins": len(row), "parity_origins": PARITY_ORIGINS}
    models: tuple[tuple[str, Model, Int32Array1D], ...] = (
        ("ewma", lambda row, end, backend: ewma_fhs(close, row, end, backend=backend), anywhere),
        ("gjr", lambda row, end, backend: gjr_fhs(close, row, end, PARAMETERS, backend=backend), on_three_rows),
    )
    for name, model, sample in models:
        result |= times_of(name, model, row, end, sample)
    result["gjr_scales_s"] = best_seconds(lambda: gjr_scales(close, PARAMETERS), REPEATS)
    result["fit_gjr_s"] = best_seconds(lambda: fit_gjr(close, 0, SESSIONS - 1), REPEATS)
    report(result, RESULT)


def times_of(name: str, model: Model, row: Int32Array1D, end: Int32Array1D, sample: Int32Array1D) -> dict[str, float]:
    """Seconds of the first call, of all origins, and of those of the last session, once they equal the oracle's."""
    naive = model(row[sample], end[sample], "naive")
    start = time.perf_counter()
    cpu = model(row, end, "cpu")
    first_call = time.perf_counter() - start
    np.testing.assert_array_equal(cpu.status[sample], naive.status)
    np.testing.assert_array_equal(cpu.residuals[sample], naive.residuals)
    np.testing.assert_allclose(cpu.volatility[sample], naive.volatility, rtol=1e-12)
    scale = naive.volatility[:, :, None]
    np.testing.assert_allclose(cpu.quantiles[sample] / scale, naive.quantiles / scale, rtol=1e-12, atol=1e-12)

    last = end == SESSIONS - 1
    return {
        f"{name}_fhs_first_call_s": round(first_call, 3),
        f"{name}_fhs_s": best_seconds(lambda: model(row, end, "cpu"), REPEATS),
        f"{name}_fhs_one_session_s": best_seconds(lambda: model(row[last], end[last], "cpu"), REPEATS),
    }


def require_parity_of_likelihood(close: Float64Array2D) -> None:
    """Raise unless the likelihood that the fit maximises is the oracle's."""
    returns = np.diff(np.log(close[:20]), axis=1)
    target = np.nanmean(returns**2, axis=1)
    fast, naive = log_likelihood(returns, target, PARAMETERS), naive_log_likelihood(returns, target, PARAMETERS)
    np.testing.assert_allclose(fast, naive, rtol=1e-12)


if __name__ == "__main__":
    main()
