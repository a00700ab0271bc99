"""What counts once, and the tenth that a value belongs to."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.outcomes import counted_once
from tests.kernels.outcomes.entry_cases import NAN

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
SEEDS = st.integers(0, 2**32)


def columns_of(rows: list[tuple[int, int, int, int, float]]) -> tuple[np.ndarray, ...]:
    """Columns from (row, group, side, known, priority)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    kinds = (np.int32, np.int32, np.int8, np.int32, np.float64)
    return tuple(column.astype(kind) for column, kind in zip(table, kinds, strict=True))


def random_columns(seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 80))
    return (
        rng.integers(0, 2, count).astype(np.int32),
        rng.choice(np.array([0, 1, 2**31 - 1], np.int32), count),
        rng.choice(np.array([-1, 1], np.int8), count),
        rng.integers(0, 30, count).astype(np.int32),
        rng.choice([NAN, -1.0, 0.0, 1.0], count),
    )


@BACKENDS
def test_one_counts_unless_one_that_counts_is_near_before_it(backend) -> None:
    columns = columns_of([(0, 0, 1, known, 0.5) for known in (0, 4, 5, 9, 10, 16)])
    assert counted_once(*columns, sessions=5, backend=backend).tolist() == [True, False, True, False, True, True]
    assert counted_once(*columns, sessions=1, backend=backend).all()


@BACKENDS
def test_another_row_group_or_side_counts_on_its_own(backend) -> None:
    columns = columns_of([(0, 0, 1, 3, 0.5), (1, 0, 1, 3, 0.5), (0, 1, 1, 3, 0.5), (0, 0, -1, 3, 0.5)])
    assert counted_once(*columns, sessions=5, backend=backend).all()


@BACKENDS
@pytest.mark.parametrize(
    ("priorities", "first"),
    [([0.1, 0.9, 0.5], 1), ([0.5, 0.5, 0.5], 0), ([NAN, -7.0, NAN], 1), ([NAN, NAN, NAN], 0), ([NAN, 0.5, 0.5], 1)],
    ids=["the highest", "the first of equals", "NaN last", "the first of unknown ones", "the first of two"],
)
def test_of_one_session_the_highest_priority_counts(priorities, first, backend) -> None:
    columns = columns_of([(0, 0, 1, 3, priority) for priority in priorities])
    assert np.flatnonzero(counted_once(*columns, sessions=1, backend=backend)).tolist() == [first]


@BACKENDS
def test_an_earlier_session_comes_before_a_higher_priority(backend) -> None:
    columns = columns_of([(0, 0, 1, 4, 0.9), (0, 0, 1, 3, 0.1)])
    assert counted_once(*columns, sessions=2, backend=backend).tolist() == [False, True]


@settings(max_examples=150)
@given(seed=SEEDS, sessions=st.sampled_from([1, 2, 5, 21, 2**31 - 1]))
def test_the_backends_count_the_same(seed: int, sessions: int) -> None:
    slow, fast = (counted_once(*random_columns(seed), sessions=sessions, backend=each) for each in ("naive", "cpu"))
    assert slow.dtype == fast.dtype == np.bool_
    np.testing.assert_array_equal(slow, fast)


@settings(max_examples=60)
@given(seed=SEEDS, sessions=st.integers(1, 12))
def test_those_that_count_are_apart_and_each_other_one_is_near_after_one(seed: int, sessions: int) -> None:
    row, group, side, known, priority = random_columns(seed)
    counted = counted_once(row, group, side, known, priority, sessions=sessions)
    kept: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for place in np.flatnonzero(counted):
        kept[row[place], group[place], side[place]].append(int(known[place]))
    for times in kept.values():
        assert (np.diff(sorted(times)) >= sessions).all()
    for place in np.flatnonzero(~counted):
        before = [known[place] - time for time in kept[row[place], group[place], side[place]]]
        assert any(0 <= distance < sessions for distance in before)


@settings(max_examples=40)
@given(seed=SEEDS)
def test_the_order_of_entries_matters_only_between_equals(seed: int) -> None:
    columns = list(random_columns(seed))
    rng = np.random.default_rng(seed)
    columns[4] = rng.permutation(len(columns[0])).astype(np.float64)
    moved = rng.permutation(len(columns[0]))
    counted = counted_once(*columns, sessions=5)
    np.testing.assert_array_equal(counted[moved], counted_once(*(each[moved] for each in columns), sessions=5))


@settings(max_examples=40)
@given(seed=SEEDS, until=st.integers(0, 30))
def test_later_entries_change_nothing_for_earlier_ones(seed: int, until: int) -> None:
    columns = random_columns(seed)
    early = columns[3] < until
    np.testing.assert_array_equal(
        counted_once(*columns, sessions=5)[early], counted_once(*(each[early] for each in columns), sessions=5)
    )
