"""`metrics_of_sums` and `measure_sums`: the same metrics from the sums that a simulator keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

from kernels.errors import InvalidInputError
from kernels.metrics import EQUITY_METRICS, measure_equity, measure_sums, metrics_of_sums
from kernels.metrics.cpu import metrics_of_returns


def sums_of(equity: np.ndarray) -> tuple[np.ndarray, ...]:
    returns = equity[:, 1:] / equity[:, :-1] - 1
    peak = np.maximum.accumulate(equity, axis=1)
    return (
        equity[:, 0],
        equity[:, -1],
        returns.sum(axis=1),
        (returns**2).sum(axis=1),
        (np.minimum(returns, 0) ** 2).sum(axis=1),
        ((peak - equity) / peak).max(axis=1),
    )


def random_equity(paths: int, sessions: int) -> np.ndarray:
    returns = np.random.default_rng(11).normal(3e-4, 0.012, (paths, sessions))
    return np.cumprod(np.concatenate([np.full((paths, 1), 2e4), 1 + returns], axis=1), axis=1)


def test_sums_give_what_the_two_pass_oracle_gives() -> None:
    equity = random_equity(40, 252)
    oracle = measure_equity(equity, backend="naive")
    got = measure_sums(*sums_of(equity), np.full(40, 252))
    for name in EQUITY_METRICS:
        np.testing.assert_allclose(getattr(got, name), getattr(oracle, name), rtol=1e-9)


def test_the_columns_are_the_scalars_compiled_or_not() -> None:
    sums = sums_of(random_equity(5, 60))
    got = measure_sums(*sums, np.full(5, 60))
    for path in range(5):
        values = [float(column[path]) for column in sums]
        for scalar in (metrics_of_sums, metrics_of_sums.py_func):
            assert scalar(*values, 60) == pytest.approx([column[path] for column in got], rel=1e-14)


def test_the_scalars_can_be_called_inside_a_compiled_loop() -> None:
    @njit
    def sharpe_of_many(count: int) -> float:
        total = 0.0
        for index in range(1, count):
            total += metrics_of_sums(1.0, 1.1, 0.1 * index, 0.02 * index * index, 0.005, 0.1, 50)[2]
        return total

    expected = sum(metrics_of_sums(1.0, 1.1, 0.1 * i, 0.02 * i * i, 0.005, 0.1, 50)[2] for i in range(1, 9))
    assert sharpe_of_many(9) == pytest.approx(expected, rel=1e-12)


def test_rounding_of_the_sums_of_constant_returns_is_no_variance() -> None:
    for returns in (2, 10, 252, 5000):
        for value in (1e-5, 0.001, 0.0007, -0.003, 1 / 3 * 1e-3):
            total = squares = 0.0
            for _ in range(returns):
                total += value
                squares += value * value
            sharpe = metrics_of_sums(1.0, 1.0 + value, total, squares, squares * (value < 0), 0.1, returns)[2]
            assert math.isnan(sharpe)


def test_resampled_returns_are_measured_like_their_equity_even_through_ruin() -> None:
    rng = np.random.default_rng(4)
    for returns in (rng.normal(0, 0.02, 100), np.zeros(4), np.array([0.1, -1.2, 0.3, 0.4]), np.array([0.1, -1.0, 0.5])):
        equity = np.append(1.0, np.cumprod(1 + returns))
        if (ruined := equity <= 0).any():
            equity[np.argmax(ruined) :] = equity[np.argmax(ruined)]
        oracle = measure_equity(equity[np.newaxis], backend="naive")
        expected = [getattr(oracle, name)[0] for name in EQUITY_METRICS]
        assert metrics_of_returns(returns) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"returns": np.array([3.0, 3.0])}, "vector of integers"),
        ({"returns": np.array([3, -1])}, "smallest -1"),
        ({"returns": np.array([[3], [3]])}, "vector of integers"),
        ({"return_sum": np.zeros(3)}, "return_sum.*shape \\(3,\\)"),
    ],
)
def test_columns_that_do_not_fit_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    names = ("first_equity", "last_equity", "return_sum", "return_squares", "downside_squares", "max_drawdown")
    good = {name: np.ones(2) for name in names} | {"returns": np.array([3, 3])}
    with pytest.raises(InvalidInputError, match=message):
        measure_sums(**(good | change))
