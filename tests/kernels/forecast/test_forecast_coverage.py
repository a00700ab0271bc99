"""Coverage and its tests: worked examples, published acceptance regions, and how often a true forecast is rejected."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.forecast import DEFAULT_INTERVALS, christoffersen_test, coverage, inside_interval, kupiec_test, naive
from kernels.volatility.forecasts import DEFAULT_LEVELS

NAN = math.nan
FEW = settings(max_examples=60, deadline=None)
LEVELS = (0.05, 0.25, 0.75, 0.95)
HITS = st.lists(st.booleans(), min_size=2, max_size=60).map(np.array)


def series(count: int, of: int) -> np.ndarray:
    return np.arange(of) < count


def test_coverage_by_hand() -> None:
    quantiles = np.broadcast_to([-2.0, -1.0, 1.0, 2.0], (5, 2, 4)).copy()
    quantiles[4, 1] = NAN
    outcomes = np.array([[0.0, 3.0], [1.0, 3.0], [1.5, -3.0], [-2.0, NAN], [9.0, 0.0]])
    inside = inside_interval(quantiles, LEVELS, outcomes, 0.5)
    assert inside[:, 0].tolist() == [1, 1, 0, 0, 0]
    assert inside[:3, 1].tolist() == [0, 0, 0]
    assert np.isnan(inside[3:, 1]).all()
    assert coverage(quantiles, LEVELS, outcomes, (0.5, 0.9)).tolist() == [[2 / 5, 4 / 5], [0.0, 0.0]]


def test_coverage_of_what_is_never_known_is_nan() -> None:
    got = coverage(np.full((3, 2, 11), NAN), DEFAULT_LEVELS, np.zeros((3, 2)))
    assert got.shape == (2, len(DEFAULT_INTERVALS))
    assert np.isnan(got).all()


def test_coverage_equals_the_oracle_in_any_order_of_the_rows() -> None:
    rng = np.random.default_rng(5)
    quantiles = np.sort(rng.normal(size=(60, 3, 11)), axis=2)
    outcomes = rng.normal(size=(60, 3))
    quantiles[9, 1], outcomes[11, 2], quantiles[13, 0, 0] = NAN, NAN, NAN
    got = coverage(quantiles, DEFAULT_LEVELS, outcomes)
    assert got.tolist() == naive.coverage(quantiles, DEFAULT_LEVELS, outcomes, DEFAULT_INTERVALS).tolist()
    order = rng.permutation(60)
    assert coverage(quantiles[order], DEFAULT_LEVELS, outcomes[order]).tolist() == got.tolist()


def test_a_true_forecast_covers_what_it_says() -> None:
    outcomes = np.random.default_rng(2).uniform(size=(40_000, 1))
    quantiles = np.broadcast_to(np.array(DEFAULT_LEVELS), (40_000, 1, 11))
    got = coverage(quantiles, DEFAULT_LEVELS, outcomes)[0]
    for share, interval in zip(got, DEFAULT_INTERVALS, strict=True):
        assert abs(share - interval) < 4 * math.sqrt(interval * (1 - interval) / 40_000)


@pytest.mark.parametrize("interval", [0.6, 0.0, 1.0, -0.5, NAN])
def test_an_interval_without_its_levels_is_named(interval: float) -> None:
    with pytest.raises(InvalidInputError, match="coverage, interval"):
        coverage(np.zeros((1, 1, 4)), LEVELS, np.zeros((1, 1)), (0.5, interval))


def test_coverage_refuses_what_is_no_forecast() -> None:
    with pytest.raises(InvalidInputError, match="outcomes"):
        coverage(np.zeros((1, 1, 4)), LEVELS, np.zeros(1))


def test_kupiec_by_hand() -> None:
    # 8 hits among 100 where 5 should be.
    expected = 2 * (8 * math.log(0.08 / 0.05) + 92 * math.log(0.92 / 0.95))
    got = kupiec_test(series(8, 100), 0.05)
    assert (got.observations, got.share) == (100, 0.08)
    assert got.statistic == pytest.approx(expected, rel=1e-12)
    assert got.statistic == pytest.approx(1.6158, abs=1e-4)
    assert got.p_value == pytest.approx(math.erfc(math.sqrt(expected / 2)), rel=1e-12)


@pytest.mark.parametrize(
    ("probability", "days", "low", "high"),
    [
        (0.01, 510, 1, 11), (0.01, 1000, 4, 17), (0.025, 255, 2, 12), (0.025, 510, 6, 21), (0.025, 1000, 15, 36),
        (0.05, 255, 6, 21), (0.05, 510, 16, 36), (0.05, 1000, 37, 65), (0.1, 255, 16, 36), (0.1, 1000, 81, 120),
    ],
)  # fmt: skip
def test_kupiec_accepts_the_published_region(probability: float, days: int, low: int, high: int) -> None:
    # Kupiec (1995): with low < hits < high the hypothesis stands at 95 %.
    accepted = [x for x in range(days) if kupiec_test(series(x, days), probability).p_value > 0.05]
    assert (accepted[0], accepted[-1]) == (low + 1, high - 1)


def test_christoffersen_by_hand() -> None:
    # 0 0 1 1 0 0 0 1 0 0: steps 00 x4, 01 x2, 10 x2, 11 x1.
    hits = np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 0], dtype=bool)
    free = 4 * math.log(4 / 6) + 2 * math.log(2 / 6) + 2 * math.log(2 / 3) + math.log(1 / 3)
    bound = 3 * math.log(0.2) + 6 * math.log(0.8)
    got = christoffersen_test(hits, 0.2)
    assert (got.observations, got.share) == (9, pytest.approx(1 / 3))
    assert got.statistic == pytest.approx(2 * (free - bound), rel=1e-12)
    assert got.p_value == pytest.approx(math.exp(-(free - bound)), rel=1e-12)


def test_christoffersen_sees_clusters_that_kupiec_does_not() -> None:
    clustered = np.zeros(400, dtype=bool)
    clustered[100:120] = True
    assert kupiec_test(clustered, 0.05).p_value == 1.0
    assert christoffersen_test(clustered, 0.05).p_value < 1e-6


@pytest.mark.parametrize("value", [False, True])
def test_no_hits_or_nothing_but_hits_has_a_finite_answer(value: bool) -> None:
    hits = np.full(50, value)
    likelihood = math.log(0.1 if value else 0.9)
    assert kupiec_test(hits, 0.1).statistic == pytest.approx(-100 * likelihood, rel=1e-12)
    assert christoffersen_test(hits, 0.1).statistic == pytest.approx(-98 * likelihood, rel=1e-12)


def test_too_short_a_series_is_nan() -> None:
    empty = kupiec_test(np.array([], dtype=bool), 0.1)
    short = christoffersen_test(np.array([True]), 0.1)
    assert (empty.observations, short.observations) == (0, 0)
    assert all(math.isnan(x) for got in (empty, short) for x in (got.share, got.statistic, got.p_value))


@FEW
@given(HITS, st.floats(0.01, 0.99))
def test_hits_and_misses_swapped_say_the_same(hits: np.ndarray, probability: float) -> None:
    for test in (kupiec_test, christoffersen_test):
        got, swapped = test(hits, probability), test(~hits, 1 - probability)
        assert got.statistic == pytest.approx(swapped.statistic, rel=1e-9, abs=1e-9)
        assert 0.0 <= got.p_value <= 1.0
    assert christoffersen_test(hits, probability).statistic + 1e-9 >= kupiec_test(hits[1:], probability).statistic


def test_p_values_are_those_of_the_chi_square() -> None:
    stats = pytest.importorskip("scipy.stats")
    hits = np.random.default_rng(3).random(300) < 0.13
    first, second = kupiec_test(hits, 0.1), christoffersen_test(hits, 0.1)
    assert first.p_value == pytest.approx(stats.chi2.sf(first.statistic, 1), rel=1e-10)
    assert second.p_value == pytest.approx(stats.chi2.sf(second.statistic, 2), rel=1e-10)


def test_a_true_forecast_is_rejected_about_one_time_in_twenty() -> None:
    rng = np.random.default_rng(11)
    draws = rng.random((2000, 1000)) < 0.9
    # 2,000 draws know a share of 5 % to +-1.5 % (three standard errors); the tests are asymptotic.
    for test in (kupiec_test, christoffersen_test):
        assert 0.03 < np.mean([test(hits, 0.9).p_value < 0.05 for hits in draws]) < 0.07


def test_overlapping_forecasts_break_christoffersen() -> None:
    rng = np.random.default_rng(12)
    sums = np.lib.stride_tricks.sliding_window_view(rng.normal(size=(300, 504)), 5, axis=1).sum(axis=2)
    rejected = np.mean([christoffersen_test(hits, 0.9).p_value < 0.05 for hits in np.abs(sums) < 1.644854 * 5**0.5])
    assert rejected > 0.9


@pytest.mark.parametrize("test", [kupiec_test, christoffersen_test])
@pytest.mark.parametrize(
    ("hits", "probability", "named"),
    [
        (np.array([0.0, 1.0]), 0.5, "hits"),
        (np.zeros((2, 2), dtype=bool), 0.5, "hits"),
        ([True, False], 0.5, "hits"),
        (np.array([True, False]), 0.0, "probability"),
        (np.array([True, False]), 1.0, "probability"),
        (np.array([True, False]), NAN, "probability"),
    ],
)
def test_bad_hits_are_named(test, hits: object, probability: float, named: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{test.__name__}, {named}"):
        test(hits, probability)
