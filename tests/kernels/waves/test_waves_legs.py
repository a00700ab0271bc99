from __future__ import annotations

import numpy as np
import pytest

from kernels.waves.legs import first_lower_after, is_swing_low, rising_legs, view_bars
from kernels.waves.naive_series import Series

ALL = 10_000


def legs_of(low, high, *, rising, max_span=ALL, max_skip=ALL):
    """The legs (start, end) of the fast version, checked against the oracle's."""
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    up, down = view_bars(low, high)
    found = rising_legs(up if rising else down, max_span, max_skip)
    pairs = [(s, int(e)) for s in range(len(low)) for e in found.end[found.at[s] : found.at[s + 1]]]
    expected = Series(low, high, max_skip, max_span).legs(rising=rising)
    assert pairs == [(s, e) for s in sorted(expected) for e in expected[s] if e - s < max_span]
    return pairs


def test_a_leg_runs_from_a_swing_low_to_a_swing_high_and_on_to_later_higher_ones():
    line = [5, 2, 6, 3, 8, 4, 7, 1]
    assert legs_of(line, line, rising=True) == [(1, 2), (1, 4), (3, 4), (5, 6)]
    assert legs_of(line, line, rising=False) == [(2, 3), (4, 5)]


def test_a_rising_leg_ends_where_its_start_is_undercut():
    line = [5, 2, 6, 1.9, 8, 4]
    assert legs_of(line, line, rising=True) == [(1, 2), (3, 4)]


def test_a_rising_leg_survives_a_bar_that_equals_its_start():
    line = [5, 2, 6, 2, 8, 4]
    assert legs_of(line, line, rising=True) == [(1, 2), (1, 4), (3, 4)]


def test_equal_highs_end_a_leg_only_once_and_do_not_block_a_higher_end():
    line = [5, 2, 6, 3, 6, 3, 6, 3, 9, 4]
    assert [e for s, e in legs_of(line, line, rising=True) if s == 1] == [2, 8]


def test_of_a_plateau_the_first_bar_is_the_swing():
    low = high = [5, 2, 2, 2, 6, 6, 6, 3, 3, 7]
    assert legs_of(low, high, rising=True) == [(1, 4)]
    assert legs_of(low, high, rising=False) == [(4, 7)]


def test_a_bar_that_is_both_swings_starts_legs_both_ways_but_is_no_leg_itself():
    low = [5, 4, 1, 4, 3, 4, 2]
    high = [6, 5, 9, 6, 7, 5, 4]
    assert is_swing_low(np.array(low, dtype=float), 2)
    assert legs_of(low, high, rising=True) == []
    assert legs_of(low, high, rising=False) == []
    low[4], high[4] = 3, 10
    assert legs_of(low, high, rising=True) == [(2, 4)]


def test_the_last_pivot_of_a_leg_is_inside_the_series_because_a_swing_needs_the_next_bar():
    line = [5, 2, 6]
    assert legs_of(line, line, rising=True) == []
    assert legs_of([*line, 4], [*line, 4], rising=True) == [(1, 2)]


@pytest.mark.parametrize("missing", range(10))
def test_no_leg_touches_or_crosses_a_missing_bar_or_uses_it_as_a_neighbour(missing):
    line = np.array([5, 2, 6, 3, 8, 4, 9, 3.5, 10, 5], dtype=float)
    line[missing] = np.nan
    for s, e in legs_of(line, line, rising=True):
        assert not np.isnan(line[s - 1 : e + 2]).any()


def test_max_skip_keeps_the_shortest_legs_and_max_span_those_below_it():
    line = [5, 2, 6, 3, 8, 4, 9, 3.5, 10, 5]
    assert [e for s, e in legs_of(line, line, rising=True) if s == 1] == [2, 4, 6, 8]
    assert [e for s, e in legs_of(line, line, rising=True, max_skip=2) if s == 1] == [2, 4]
    assert [e for s, e in legs_of(line, line, rising=True, max_span=5) if s == 1] == [2, 4]
    assert [e for s, e in legs_of(line, line, rising=True, max_span=6) if s == 1] == [2, 4, 6]


def test_first_lower_after_names_the_bar_or_the_gap_or_the_end():
    values = np.array([3.0, 3.0, 2.0, np.nan, 1.0, 4.0, 5.0])
    np.testing.assert_array_equal(first_lower_after(values), [2, 2, 3, 3, 7, 7, 7])


def test_log_lengths_belong_to_their_legs():
    line = np.array([5, 2, 6, 3, 8, 4])
    up, down = view_bars(line.astype(float), line.astype(float))
    legs = rising_legs(up, ALL, ALL)
    np.testing.assert_allclose(np.exp(legs.log_length), [np.log(6 / 2), np.log(8 / 2), np.log(8 / 3)], rtol=1e-15)
    np.testing.assert_allclose(np.exp(rising_legs(down, ALL, ALL).log_length), [np.log(6 / 3)], rtol=1e-15)
