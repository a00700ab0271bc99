"""Means and their intervals: worked out by hand, equal in both backends, and as sure as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.forecast.newey_west import newey_west_variance
from kernels.outcomes import Shares, shares
from tests.kernels.outcomes.entry_cases import NAN

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
SEEDS = st.integers(0, 2**32)
GROUPS, SESSIONS = 3, 40


def shares_of(rows: list[tuple[int, float]], lags: int, backend="auto", confidence: float = 0.95) -> Shares:
    """The shares of one group from (session, hit)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    session = table[:, 0].astype(np.int32)
    return shares(
        session,
        np.zeros_like(session),
        1,
        table[:, 1].copy(),
        session_count=SESSIONS,
        lags=lags,
        confidence=confidence,
        backend=backend,
    )


def random_columns(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 150))
    hit = rng.normal(size=count) if rng.random() < 0.5 else (rng.random(count) < 0.4).astype(np.float64)
    hit[rng.random(count) < 0.1] = NAN
    session = rng.integers(0, rng.integers(1, SESSIONS + 1), count).astype(np.int32)
    return session, rng.integers(0, GROUPS, count).astype(np.int32), hit


def taken(columns: tuple[np.ndarray, ...], lags: int, backend="auto") -> Shares:
    session, group, hit = columns
    return shares(session, group, GROUPS, hit, session_count=SESSIONS, lags=lags, backend=backend)


def assert_equal(one: Shares, other: Shares) -> None:
    for name, left in vars(one).items():
        right = getattr(other, name)
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right, err_msg=name)


@BACKENDS
def test_two_sessions_worked_out_by_hand(backend) -> None:
    found = shares_of([(3, 1.0), (7, 0.0), (3, 1.0), (5, NAN)], 0, backend)
    assert (found.count[0], found.sessions[0]) == (3, 2)
    assert found.mean[0] == 2 / 3
    # Residuals 2/3 and -2/3; one degree of freedom, whose quantile is that of Cauchy's distribution.
    error = math.sqrt(8 / 9 / (1 - 1 / 2 + 1 / 12)) / 3
    reach = error * math.tan(math.pi * 0.475)
    np.testing.assert_allclose([found.low[0], found.high[0]], [2 / 3 - reach, 2 / 3 + reach], rtol=1e-12)


@BACKENDS
def test_lags_worked_out_by_hand(backend) -> None:
    hits = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    found = shares_of([(4 + place, hit) for place, hit in enumerate(hits)], 1, backend, confidence=0.9)
    # Residuals of 1/2: 12 squares of 1/4; neighbours agree six times and differ five times; half the weight.
    variance = 3.0 + 2 * 0.5 * (6 - 5) / 4
    share = 2 / 12
    reach = 1.8331129326536335 * math.sqrt(variance / (1 - share + share**2 / 3)) / 12
    np.testing.assert_allclose([found.low[0], found.high[0]], [0.5 - reach, 0.5 + reach], rtol=1e-10)


@BACKENDS
@pytest.mark.parametrize(
    ("rows", "lags", "count", "sessions", "mean"),
    [
        ([], 0, 0, 0, NAN),
        ([(3, NAN)], 0, 0, 0, NAN),
        ([(3, 1.0), (3, 0.0)], 0, 2, 1, 0.5),
        ([(3, 0.1), (4, 0.1), (5, 0.1), (6, 0.1)], 0, 4, 4, 0.1),
        ([(place, 0.0) for place in range(10)], 2, 10, 10, 0.0),
        ([(3, 1.0), (5, 0.0)], 3, 2, 2, 0.5),
    ],
    ids=["none", "none known", "one session", "all equal", "all zero", "a shorter span than lags"],
)
def test_where_nothing_tells_how_sure_it_is_there_is_no_interval(rows, lags, count, sessions, mean, backend) -> None:
    found = shares_of(rows, lags, backend)
    assert (found.count[0], found.sessions[0]) == (count, sessions)
    np.testing.assert_allclose(found.mean[0], mean, rtol=1e-15)
    assert np.isnan([found.low[0], found.high[0]]).all()


@settings(max_examples=120)
@given(seed=SEEDS, lags=st.sampled_from([0, 1, 7, 39, 100]))
def test_the_backends_are_equal_to_the_last_bit(seed: int, lags: int) -> None:
    columns = random_columns(seed)
    assert_equal(taken(columns, lags, "naive"), taken(columns, lags, "cpu"))


@settings(max_examples=60)
@given(seed=SEEDS, lags=st.integers(0, 12))
def test_neither_the_order_of_entries_nor_other_groups_nor_uncounted_entries_matter(seed: int, lags: int) -> None:
    session, group, hit = random_columns(seed)
    found = taken((session, group, hit), lags)
    moved = np.random.default_rng(seed).permutation(len(hit))
    assert_equal(found, taken((session[moved], group[moved], hit[moved]), lags))
    own = (group == 1) & ~np.isnan(hit)
    alone = taken((session[own], group[own], hit[own]), lags)
    for name, values in vars(found).items():
        np.testing.assert_array_equal(values[1], getattr(alone, name)[1])


@settings(max_examples=60)
@given(seed=SEEDS, lags=st.integers(0, 12))
def test_later_sessions_without_entries_shifts_and_units_change_nothing(seed: int, lags: int) -> None:
    session, group, hit = random_columns(seed)
    found = taken((session, group, hit), lags)
    later = shares(session + 9, group, GROUPS, hit * 4.0, session_count=SESSIONS + 50, lags=lags)
    for name, unit in (("count", 1), ("sessions", 1), ("mean", 4), ("low", 4), ("high", 4)):
        np.testing.assert_array_equal(getattr(found, name) * unit, getattr(later, name))


@settings(max_examples=60)
@given(seed=SEEDS, lags=st.integers(0, 12))
def test_the_variance_is_that_of_newey_and_west(seed: int, lags: int) -> None:
    rng = np.random.default_rng(seed)
    session = np.concatenate([[0, 30], rng.integers(0, 31, 60)]).astype(np.int32)
    hit = rng.normal(size=len(session))
    group = np.ones_like(session)
    found = taken((session, group, hit), lags)
    residuals = np.bincount(session, weights=hit) - hit.mean() * np.bincount(session)
    variance = len(residuals) * newey_west_variance(residuals, lags)
    share = max((lags + 1) / 31, 1 / found.sessions[1])
    error = math.sqrt(variance / (1 - share + share**2 / 3)) / len(hit)
    freedom = min(found.sessions[1] - 1, 1.5 / share)
    np.testing.assert_allclose(found.high[1] - found.mean[1], student(freedom, 0.975) * error, rtol=1e-6)


def student(freedom: float, level: float) -> float:
    """Student's quantile, by bisection on the integral of his density (Simpson's rule)."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    weights = np.ones(4001)
    weights[1:-1:2], weights[2:-1:2] = 4, 2

    def below(value: float) -> float:
        places = np.linspace(0, value, len(weights))
        density = scale * (1 + places**2 / freedom) ** (-(freedom + 1) / 2)
        return 0.5 + float((density * weights).sum() * (places[1] - places[0]) / 3)

    low, high = 0.0, 100.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < level else (low, middle)
    return low


def test_five_hundred_names_that_move_alike_are_one_trial_a_day() -> None:
    rows = [(session, float(session % 3 == 0)) for session in range(SESSIONS)]
    one, many = shares_of(rows, 3), shares_of(rows * 500, 3)
    assert many.count[0] == 500 * one.count[0]
    np.testing.assert_allclose([many.mean[0], many.low[0], many.high[0]], [one.mean[0], one.low[0], one.high[0]])


def test_more_confidence_is_a_wider_interval_around_the_same_mean() -> None:
    rows = [(session, math.sin(session)) for session in range(SESSIONS)]
    narrow, wide = shares_of(rows, 2, confidence=0.5), shares_of(rows, 2, confidence=0.99)
    assert wide.low[0] < narrow.low[0] < narrow.mean[0] == wide.mean[0] < narrow.high[0] < wide.high[0]


@pytest.mark.parametrize(("horizon", "binomial_at_most"), [(21, 0.4), (63, 0.25)])
def test_the_interval_holds_the_truth_as_often_as_it_says_and_the_binomial_one_does_not(
    horizon: int, binomial_at_most: float
) -> None:
    """Five years, three entries a day of twelve names that share 70 % of their variance: does the price rise?"""
    panels, sessions, names = 400, 1259, 12
    rng = np.random.default_rng(20)
    columns: list[tuple[np.ndarray, ...]] = []
    for panel in range(panels):
        common, own = rng.normal(size=sessions + horizon), rng.normal(size=(names, sessions + horizon))
        level = np.cumsum(math.sqrt(0.7) * common + math.sqrt(0.3) * own, axis=1)
        rises = level[:, horizon:] > level[:, :-horizon]
        name, session = np.nonzero(rng.random((names, sessions)) < 3 / names)
        columns.append((session.astype(np.int32), np.full(len(name), panel, np.int32), rises[name, session] * 1.0))
    session, panel, hit = (np.concatenate(each) for each in zip(*columns, strict=True))
    found = shares(session, panel, panels, hit, session_count=sessions, lags=3 * (horizon - 1))
    assert 0.92 <= ((found.low <= 0.5) & (found.high >= 0.5)).mean() <= 0.97
    binomial = 1.96 * np.sqrt(found.mean * (1 - found.mean) / found.count)
    assert (np.abs(found.mean - 0.5) <= binomial).mean() < binomial_at_most
