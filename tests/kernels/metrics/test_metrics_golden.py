"""The same numbers as libraries that others rely on: empyrical-reloaded for the metrics, SciPy for the moments.

Conventions that differ: empyrical's drawdown is negative; the rest (252 sessions, n - 1 in Sharpe, n in the downside)
is the same.
"""

from __future__ import annotations

import numpy as np
import pytest

from kernels.metrics import measure_equity

# A machine for GPU checks has neither.
empyrical = pytest.importorskip("empyrical")
stats = pytest.importorskip("scipy.stats")

PATHS = 25


def equity_and_returns() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20)
    returns = 0.01 * rng.standard_t(4, (PATHS, 777)) * rng.uniform(0.2, 2, (PATHS, 1)) + 3e-4
    equity = np.cumprod(np.concatenate([np.full((PATHS, 1), 5e4), 1 + returns], axis=1), axis=1)
    return equity, equity[:, 1:] / equity[:, :-1] - 1


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_metrics_are_those_of_empyrical(backend: str) -> None:
    equity, returns = equity_and_returns()
    got = measure_equity(equity, backend=backend)
    golden = {
        "total_return": [empyrical.cum_returns_final(row) for row in returns],
        "cagr": [empyrical.cagr(row) for row in returns],
        "sharpe_252": [empyrical.sharpe_ratio(row) for row in returns],
        "sortino_252": [empyrical.sortino_ratio(row) for row in returns],
        "max_drawdown": [-empyrical.max_drawdown(row) for row in returns],
        "calmar": [empyrical.calmar_ratio(row) for row in returns],
    }
    for name, values in golden.items():
        np.testing.assert_allclose(getattr(got, name), values, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_moments_are_those_of_scipy(backend: str) -> None:
    equity, returns = equity_and_returns()
    got = measure_equity(equity, backend=backend)
    np.testing.assert_allclose(got.skewness, stats.skew(returns, axis=1), rtol=1e-9)
    np.testing.assert_allclose(got.kurtosis, stats.kurtosis(returns, axis=1, fisher=False), rtol=1e-9)
