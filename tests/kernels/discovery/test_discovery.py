"""q-values: by hand, against SciPy, as properties, and what they promise in a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kernels.discovery import q_values
from kernels.errors import BackendUnavailableError, InvalidInputError

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
LEVELS = st.one_of(st.sampled_from([1.0, 0.5, 0.01, 1e-5, np.nan]), st.floats(1e-6, 1.0))
ROWS = st.lists(st.tuples(LEVELS, st.integers(-3, 6)), max_size=30)


def columns(rows):
    """p_value and test of rows (p, test)."""
    return np.array([p for p, _ in rows], np.float64), np.array([test for _, test in rows], np.int64)


def listed(p_value, test):
    """How many tests have a row."""
    return len(set(test[~np.isnan(p_value)].tolist()))


@BACKENDS
def test_by_hand(backend):
    # Five tests, two without a row. Heads .01, .02, .5: 5 x .01 / 1 = .05, 5 x .02 / 2 = .05, 5 x .5 / 3 = .83.
    rows = [(0.02, 7), (0.01, -1), (0.5, 3)]
    np.testing.assert_array_equal(q_values(*columns(rows), 5, backend=backend), [0.05, 0.05, 2.5 / 3])
    # A lesser row of test -1 changes no other row; its own p .015 counts one test: 5 x .015 / 1, above .05 behind it.
    more = [*rows, (0.015, -1), (0.03, 7), (np.nan, 3), (np.nan, 99)]
    expected = [0.05, 0.05, 2.5 / 3, 0.05, 5 * 0.03 / 2, np.nan, np.nan]
    np.testing.assert_array_equal(q_values(*columns(more), 5, backend=backend), expected)
    np.testing.assert_array_equal(q_values(*columns(rows), 500, backend=backend), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(q_values(*columns([(0.2, 0)]), 1, backend=backend), [0.2])


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=60), st.integers(0, 40), st.randoms(use_true_random=False))
def test_a_row_for_each_test_gives_what_scipy_gives(levels, unlisted, random):
    p_value = np.array(levels)
    test = np.array(random.sample(range(-1000, 1000), len(levels)), np.int64)
    expected = stats.false_discovery_control(np.append(p_value, np.ones(unlisted)))[: len(levels)]
    np.testing.assert_allclose(q_values(p_value, test, len(levels) + unlisted), expected, rtol=1e-12)


@given(ROWS, st.integers(0, 10))
def test_both_backends_give_the_same(rows, unlisted):
    p_value, test = columns(rows)
    tests = listed(p_value, test) + unlisted
    found, expected = (q_values(p_value, test, tests, backend=backend) for backend in ("cpu", "naive"))
    assert found.dtype == expected.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


@given(ROWS, st.integers(0, 10), st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_tests_count(rows, unlisted, random):
    p_value, test = columns(rows)
    tests = listed(p_value, test) + unlisted
    found = q_values(p_value, test, tests)
    order = np.array(random.sample(range(len(rows)), len(rows)), int)
    names = np.array(random.sample(range(-(2**40), 2**40), 10), np.int64)
    np.testing.assert_array_equal(q_values(p_value[order], names[test + 3][order], tests), found[order])


@given(ROWS, st.integers(0, 10))
def test_q_rises_with_p_and_lies_between_p_and_1(rows, unlisted):
    p_value, test = columns(rows)
    tests = listed(p_value, test) + unlisted
    found = q_values(p_value, test, tests)
    known = ~np.isnan(p_value)
    np.testing.assert_array_equal(np.isnan(found), ~known)
    assert (found[known] <= 1.0).all()
    assert (found[known] >= p_value[known] * (1 - 1e-15)).all()
    assert (np.diff(found[known][np.argsort(p_value[known])]) >= 0).all()
    assert (q_values(p_value, test, tests + 1)[known] >= found[known]).all()


@given(ROWS, st.integers(0, 10), st.floats(0.0, 1.0))
def test_the_tests_with_q_at_most_a_level_are_those_of_the_step_up_procedure(rows, unlisted, level):
    p_value, test = columns(rows)
    heads = {owner: np.nanmin(p_value[test == owner]) for owner in set(test[~np.isnan(p_value)].tolist())}
    tests = len(heads) + unlisted
    ordered = sorted(heads.values())
    passing = [k for k in range(1, len(ordered) + 1) if tests * ordered[k - 1] / k <= level]
    expected = {owner for owner, p in heads.items() if passing and p <= ordered[max(passing) - 1]}
    found = q_values(p_value, test, tests)
    assert level >= 1.0 or set(test[found <= level].tolist()) == expected


def test_false_discoveries_stay_below_the_level_and_real_effects_are_found():
    rng = np.random.default_rng(5)
    real = np.arange(200) < 40
    shares, found = [], []
    for _ in range(400):
        # Every second null test has no row; every test that has one has a lesser one too.
        p_value = stats.norm.sf(rng.normal(np.where(real, 3.0, 0.0)))
        seen = real | (np.arange(200) % 2 == 0)
        twice = np.append(p_value[seen], np.minimum(1.0, p_value[seen] * 3))
        owner = np.tile(np.flatnonzero(seen), 2)
        discovered = np.unique(owner[q_values(twice, owner, 200) <= 0.1])
        shares.append((~real[discovered]).mean() if discovered.size else 0.0)
        found.append(real[discovered].sum() / 40)
    # 80 of 200 hypotheses are null and may be discovered: the expected share of false ones is .1 x 80 / 200.
    error = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.04) < 3 * error < 0.01
    assert np.mean(found) > 0.6


@BACKENDS
def test_no_rows_and_unknown_rows(backend):
    empty = np.zeros(0)
    assert q_values(empty, empty.astype(np.int64), 0, backend=backend).shape == (0,)
    unknown = q_values(np.full(2, np.nan), np.zeros(2, np.int64), 0, backend=backend)
    assert np.isnan(unknown).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"p_value": np.array([0.5, 0.0])}, "p_value of row 1: expected above 0 and at most 1, or NaN; got 0.0"),
        ({"p_value": np.array([1.1, 0.5])}, "p_value of row 0"),
        ({"p_value": np.array([0.5, np.inf])}, "p_value of row 1"),
        ({"p_value": np.array([0.5, 0.5], np.float32)}, "p_value of q_values"),
        ({"p_value": np.full((1, 2), 0.5)}, "p_value of q_values"),
        ({"test": np.array([0])}, "test of q_values"),
        ({"test": np.array([0.0, 1.0])}, "test of q_values"),
        ({"tests": 1}, "tests of q_values: expected a whole number, at least the 2 tests that have rows; got 1"),
        ({"tests": 2.0}, "tests of q_values"),
        ({"tests": True}, "tests of q_values"),
    ],
)
def test_bad_input_is_refused_and_named(changed, said):
    good = {"p_value": np.array([0.5, 0.6]), "test": np.array([0, 1]), "tests": 2}
    with pytest.raises(InvalidInputError, match=said):
        q_values(**good | changed)


def test_an_explicit_backend_that_is_not_there_is_refused():
    with pytest.raises(BackendUnavailableError, match="auto, naive, cpu"):
        q_values(np.array([0.5]), np.array([0]), 1, backend="gpu")
