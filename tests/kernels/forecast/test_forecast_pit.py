"""Probability integral transform and its histogram."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernels.errors import InvalidInputError
from kernels.forecast import naive, pit, pit_histogram
from kernels.volatility.forecasts import DEFAULT_LEVELS

NAN = math.nan
FEW = settings(max_examples=60, deadline=None)
LEVELS = (0.1, 0.5, 0.9)
COARSE = st.integers(-6, 6).map(float)


def one(quantiles: list[float], outcome: float, levels: tuple[float, ...] = LEVELS) -> float:
    return float(pit(np.array([[quantiles]]), levels, np.array([[outcome]]))[0, 0])


@pytest.mark.parametrize(
    ("quantiles", "outcome", "expected"),
    [
        ([-1.0, 0.0, 2.0], 0.0, 0.5),
        ([-1.0, 0.0, 2.0], -0.5, 0.3),
        ([-1.0, 0.0, 2.0], 1.5, 0.8),
        ([-1.0, 0.0, 2.0], -9.0, 0.1),
        ([-1.0, 0.0, 2.0], 9.0, 0.9),
        ([0.0, 0.0, 2.0], 0.0, 0.3),
        ([0.0, 0.0, 0.0], 0.0, 0.5),
        ([0.0, 0.0, 0.0], 1.0, 0.9),
    ],
)
def test_pit_by_hand(quantiles: list[float], outcome: float, expected: float) -> None:
    assert one(quantiles, outcome) == pytest.approx(expected, rel=1e-14)


def test_pit_of_one_level_is_that_level() -> None:
    assert [one([1.0], outcome, (0.5,)) for outcome in (0.0, 1.0, 2.0)] == [0.5, 0.5, 0.5]


@FEW
@given(arrays(np.float64, (4, 2, 11), elements=COARSE), arrays(np.float64, (4, 2), elements=COARSE | st.just(NAN)))
def test_pit_equals_the_oracle_ties_and_all(raw: np.ndarray, outcomes: np.ndarray) -> None:
    quantiles = np.sort(raw, axis=2)
    quantiles[0, 1] = NAN
    expected = naive.pit(quantiles, DEFAULT_LEVELS, outcomes)
    assert pit(quantiles, DEFAULT_LEVELS, outcomes).tobytes() == expected.tobytes()


@FEW
@given(st.lists(st.floats(-1e6, 1e6), min_size=11, max_size=11), st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_pit_stays_within_the_levels_and_never_falls(values: list[float], outcomes: list[float]) -> None:
    quantiles = np.broadcast_to(np.sort(values), (len(outcomes), 1, 11))
    got = pit(quantiles, DEFAULT_LEVELS, np.sort(outcomes)[:, np.newaxis])[:, 0]
    assert (np.diff(got) >= 0).all()
    assert DEFAULT_LEVELS[0] <= got.min() <= got.max() <= DEFAULT_LEVELS[-1]


def test_pit_of_a_true_forecast_is_even() -> None:
    outcomes = np.random.default_rng(1).uniform(size=(20_000, 2))
    outcomes[:9, 1] = NAN
    quantiles = np.broadcast_to(np.array(DEFAULT_LEVELS), (20_000, 2, 11))
    transformed = pit(quantiles, DEFAULT_LEVELS, outcomes)
    got = pit_histogram(transformed, DEFAULT_LEVELS)
    assert got.shape == (2, 10)
    assert np.abs(got - 0.1).max() < 4 * math.sqrt(0.09 / 20_000)
    np.testing.assert_allclose(got.sum(axis=1), 1.0, rtol=1e-14)


def test_too_narrow_a_forecast_piles_up_at_both_ends() -> None:
    outcomes = np.random.default_rng(2).normal(0, 2, size=(5000, 1))
    quantiles = np.broadcast_to(np.quantile(np.random.default_rng(3).normal(size=9999), DEFAULT_LEVELS), (5000, 1, 11))
    got = pit_histogram(pit(quantiles, DEFAULT_LEVELS, outcomes), DEFAULT_LEVELS)[0]
    assert min(got[0], got[-1]) > 0.2


def test_a_histogram_by_hand() -> None:
    transformed = np.array([[0.1, NAN], [0.25, NAN], [0.5, NAN], [0.9, NAN]])
    got = pit_histogram(transformed, LEVELS, bins=4)
    assert got[0].tolist() == [0.25, 0.25, 0.25, 0.25]
    assert np.isnan(got[1]).all()


@pytest.mark.parametrize(
    ("transformed", "levels", "bins", "named"),
    [
        (np.full((1, 1), 0.5), LEVELS, 11, "bins"),
        (np.full((1, 1), 0.5), LEVELS, 10, "bins"),
        (np.full((1, 1), 0.5), LEVELS, 1, "bins"),
        (np.full((1, 1), 0.5), LEVELS, 2.0, "bins"),
        (np.full((1, 1), 0.5), (0.9, 0.1), 4, "levels"),
        (np.full((1, 1), 0.95), LEVELS, 4, "transformed"),
        (np.full(1, 0.5), LEVELS, 4, "transformed"),
    ],
)
def test_a_bad_histogram_is_named(transformed: np.ndarray, levels: tuple[float, ...], bins: int, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        pit_histogram(transformed, levels, bins)


def test_pit_refuses_crossed_quantiles() -> None:
    with pytest.raises(InvalidInputError, match="pit, quantiles of origin 0, horizon 0"):
        one([0.0, -1.0, 1.0], 0.0)
