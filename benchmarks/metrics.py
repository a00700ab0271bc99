"""Time the metrics of 500 equity paths beside empyrical-reloaded: equal numbers first, then seconds.

Run from the project root: `python -m benchmarks.metrics`. Writes `benchmarks/results/metrics.json`. The library gets
the returns as one array [L, P], the form in which it is fastest; the moments are SciPy's.
"""

from __future__ import annotations

import time
from importlib.metadata import version

import empyrical
import numpy as np
from scipy import stats

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.metrics import bootstrap_interval, measure_equity, measure_sums
from kernels.panel import Float64Array1D, Float64Array2D

RESULT = RESULTS / "metrics.json"
PATHS, SESSIONS, SUMS, REPEATS = 500, 1250, 1_000_000, 7


def main() -> None:
    """Check, time, print and write."""
    rng = np.random.default_rng(1)
    growth = 1 + 4e-4 + 0.01 * rng.standard_t(4, (PATHS, SESSIONS))
    equity = np.cumprod(np.concatenate([np.full((PATHS, 1), 1e4), growth], axis=1), axis=1)
    returns = np.ascontiguousarray((equity[:, 1:] / equity[:, :-1] - 1).T)

    start = time.perf_counter()
    got = measure_equity(equity, backend="cpu")
    first_call = time.perf_counter() - start
    for name, values in library(returns).items():
        np.testing.assert_allclose(getattr(got, name), values, rtol=1e-9, err_msg=name)
    naive = measure_equity(equity[:10], backend="naive")
    for name in naive._fields:
        np.testing.assert_allclose(getattr(got, name)[:10], getattr(naive, name), rtol=1e-9, err_msg=name)

    ours = best_seconds(lambda: measure_equity(equity, backend="cpu"), REPEATS)
    theirs = best_seconds(lambda: library(returns), REPEATS)
    sums = [np.full(SUMS, value) for value in (1e4, 1.1e4, 0.1, 0.03, 0.015, 0.1)]
    count = np.full(SUMS, 63)
    measure_sums(*sums, count)
    path = returns[:, 0].copy()
    bootstrap_interval(path, ["sharpe_252"], seed=1, resamples=2)
    result = {
        "machine": machine(),
        "empyrical_reloaded": version("empyrical-reloaded"),
        "arch": version("arch"),
        "paths": PATHS,
        "returns_per_path": SESSIONS,
        "first_call_s": round(first_call, 3),
        "measure_equity_s": ours,
        "library_s": theirs,
        "times_faster": round(theirs / ours, 1),
        "measure_sums_1m_s": best_seconds(lambda: measure_sums(*sums, count), REPEATS),
        "bootstrap_1000_of_one_path_s": best_seconds(
            lambda: bootstrap_interval(path, ["sharpe_252", "max_drawdown"], seed=1), REPEATS
        ),
    }
    report(result, RESULT)


def library(returns: Float64Array2D) -> dict[str, Float64Array1D]:
    """The same metrics by empyrical-reloaded and SciPy, from returns [L, P]."""
    cagr, drawdown = empyrical.annual_return(returns), -empyrical.max_drawdown(returns)
    return {
        "total_return": empyrical.cum_returns_final(returns),
        "cagr": cagr,
        "sharpe_252": empyrical.sharpe_ratio(returns),
        "sortino_252": empyrical.sortino_ratio(returns),
        "max_drawdown": drawdown,
        "calmar": cagr / drawdown,
        "skewness": stats.skew(returns),
        "kurtosis": stats.kurtosis(returns, fisher=False),
    }


if __name__ == "__main__":
    main()
