"""Probabilistic and deflated Sharpe ratio: the worked examples of the papers, and what chance really does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.metrics import deflated_sharpe, expected_maximum_sharpe, measure_equity, probabilistic_sharpe

NAN = float("nan")


@pytest.mark.parametrize(
    ("skewness", "kurtosis", "sessions", "expected"),
    [(0.0, 3.0, 24, 0.982), (-2.448, 10.164, 24, 0.913), (-2.448, 10.164, 36, 0.953)],
)
def test_probabilistic_sharpe_of_the_2012_example(
    skewness: float, kurtosis: float, sessions: int, expected: float
) -> None:
    # Monthly returns, annual Sharpe ratio 1.59, 0.458 a month.
    assert probabilistic_sharpe(0.458, skewness, kurtosis, sessions) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(
    ("skewness", "kurtosis", "trials", "expected"), [(-3, 10, 100, 0.9004), (-3, 10, 46, 0.9505), (0, 3, 88, 0.9505)]
)
def test_deflated_sharpe_of_the_2014_example(skewness: float, kurtosis: float, trials: int, expected: float) -> None:
    # 1250 daily returns at 250 a year, annual Sharpe ratio 2.5; the trials' variance is 1/2 a year.
    got = deflated_sharpe(2.5 / math.sqrt(250), skewness, kurtosis, 1250, math.sqrt(0.5 / 250), trials)
    assert got == pytest.approx(expected, abs=5e-5)


def test_the_hurdle_of_the_2014_example() -> None:
    assert expected_maximum_sharpe(math.sqrt(0.5 / 250), 100) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize("trials", [10, 100, 1000])
def test_the_hurdle_is_the_mean_of_the_greatest_of_n_skilless_sharpes(trials: int) -> None:
    greatest = np.random.default_rng(trials).normal(0.0, 0.05, (4000, trials)).max(axis=1)
    assert expected_maximum_sharpe(0.05, trials) == pytest.approx(greatest.mean(), rel=0.03)


def test_the_best_of_many_random_walks_looks_sure_until_it_is_deflated() -> None:
    rng = np.random.default_rng(9)
    plain, deflated = [], []
    for _ in range(40):
        got = measure_equity(np.cumprod(1 + rng.normal(0, 0.01, (50, 253)), axis=1), backend="cpu")
        sharpe = got.sharpe_252 / math.sqrt(252)
        best = int(np.argmax(sharpe))
        moments = (float(sharpe[best]), float(got.skewness[best]), float(got.kurtosis[best]), 252)
        plain.append(probabilistic_sharpe(*moments))
        deflated.append(deflated_sharpe(*moments, float(sharpe.std(ddof=1)), 50))
    assert np.median(plain) > 0.97
    assert 0.3 < np.median(deflated) < 0.7


def test_one_trial_is_not_deflated_whatever_the_deviation() -> None:
    assert expected_maximum_sharpe(NAN, 1) == 0.0
    assert deflated_sharpe(0.1, -0.5, 5.0, 300, NAN, 1) == probabilistic_sharpe(0.1, -0.5, 5.0, 300)


def test_probabilistic_sharpe_at_its_benchmark_is_one_half() -> None:
    assert probabilistic_sharpe(0.07, -1.0, 6.0, 500, benchmark=0.07) == 0.5


@given(st.floats(-2, 2), st.floats(-3, 3), st.floats(0.1, 20), st.integers(2, 3000))
def test_possible_moments_give_a_probability(sharpe: float, skewness: float, excess: float, sessions: int) -> None:
    assert 0.0 <= probabilistic_sharpe(sharpe, skewness, skewness**2 + 1 + excess, sessions) <= 1.0


@pytest.mark.parametrize(
    "arguments", [(NAN, 0, 3, 9), (0.1, NAN, 3, 9), (0.1, 0, NAN, 9), (0.1, 0, 3, 1), (0.1, 0, 3, NAN), (1, 5, 3, 99)]
)
def test_what_cannot_be_known_is_nan(arguments: tuple[float, float, float, float]) -> None:
    assert math.isnan(probabilistic_sharpe(*arguments))
    assert math.isnan(deflated_sharpe(*arguments, 0.1, 10))


@pytest.mark.parametrize(("deviation", "trials"), [(0.1, 0), (0.1, 2.5), (-0.1, 5)])
def test_impossible_trials_are_refused(deviation: float, trials: int) -> None:
    with pytest.raises(InvalidInputError, match="deflated Sharpe"):
        expected_maximum_sharpe(deviation, trials)


def test_an_unknown_deviation_is_an_unknown_hurdle() -> None:
    assert math.isnan(expected_maximum_sharpe(NAN, 5))
