"""Rank information coefficient: SciPy's Spearman, ties, holes, and what the order of the symbols changes (nothing)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernels.errors import InvalidInputError
from kernels.forecast import mean_test, naive, rank_information_coefficient

NAN = math.nan
FEW = settings(max_examples=60, deadline=None)
COARSE = st.integers(-3, 3).map(float) | st.just(NAN)


def with_ties(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 12, size=(20, 40)).astype(np.float64)
    outcome = np.round(rng.normal(size=(20, 40)), 1) + 0.1 * score
    return score, outcome


def test_spearman_by_hand() -> None:
    # Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15).
    got = rank_information_coefficient(np.array([[1.0, 5.0, 6.0, 90.0]]), np.array([[0.2, 0.1, 7.0, 0.3]]))
    assert got.tolist() == [pytest.approx(0.6)]


def test_spearman_equals_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    score, outcome = with_ties(1)
    expected = [stats.spearmanr(a, b).statistic for a, b in zip(score, outcome, strict=True)]
    np.testing.assert_allclose(rank_information_coefficient(score, outcome), expected, rtol=1e-12)


@FEW
@given(arrays(np.float64, (3, 6), elements=COARSE), arrays(np.float64, (3, 6), elements=COARSE))
def test_spearman_equals_the_oracle_ties_and_holes(score: np.ndarray, outcome: np.ndarray) -> None:
    got = rank_information_coefficient(score, outcome)
    np.testing.assert_allclose(got, naive.rank_information_coefficient(score, outcome), rtol=1e-12, atol=1e-15)
    assert np.nanmax(np.abs(got), initial=0.0) <= 1.0


def test_the_order_of_the_symbols_and_the_other_days_change_no_bit() -> None:
    score, outcome = with_ties(2)
    score[3, 4], outcome[5, 6] = NAN, NAN
    whole = rank_information_coefficient(score, outcome)
    order = np.random.default_rng(3).permutation(40)
    assert rank_information_coefficient(score[:, order], outcome[:, order]).tobytes() == whole.tobytes()
    assert rank_information_coefficient(score[5:6], outcome[5:6]).tobytes() == whole[5:6].tobytes()


def test_only_the_order_of_the_scores_counts() -> None:
    score, outcome = with_ties(4)
    assert rank_information_coefficient(np.exp(score), outcome).tobytes() == (
        rank_information_coefficient(score, outcome).tobytes()
    )
    np.testing.assert_array_equal(
        rank_information_coefficient(-score, outcome), -rank_information_coefficient(score, outcome)
    )


def test_days_that_order_nothing_are_nan() -> None:
    score = np.array([[1.0, 2.0, NAN], [1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    outcome = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [7.0, 7.0, 7.0], [1.0, 2.0, 3.0]])
    got = rank_information_coefficient(score, outcome)
    assert np.isnan(got).tolist() == [True, True, True, False]
    assert got[3] == 1.0


def test_scores_without_skill_have_a_mean_near_zero_and_a_little_skill_is_found() -> None:
    rng = np.random.default_rng(5)
    score, noise = rng.normal(size=(500, 100)), rng.normal(size=(500, 100))
    none = mean_test(rank_information_coefficient(score, noise), 1)
    some = mean_test(rank_information_coefficient(score, noise + 0.05 * score), 1)
    assert abs(none.t) < 3.0
    assert some.t > 6.0
    assert some.mean == pytest.approx(0.048, abs=0.015)


@pytest.mark.parametrize(
    ("score", "outcome", "named"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), "outcome"),
        (np.ones(3), np.ones(3), "score"),
        (np.ones((1, 3)), np.full((1, 3), np.inf), "outcome"),
        (np.ones((1, 3), dtype=np.int64), np.ones((1, 3)), "score"),
    ],
)
def test_bad_scores_are_named(score: np.ndarray, outcome: np.ndarray, named: str) -> None:
    with pytest.raises(InvalidInputError, match=f"rank_information_coefficient, {named}"):
        rank_information_coefficient(score, outcome)
