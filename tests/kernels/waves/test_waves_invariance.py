"""What must not change an answer: scale, mirror, time, batch, order, threads, the future, the far past."""

from __future__ import annotations

from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels.waves import CLASS_NAMES, CONFIRMED, ScanSettings, enumerate_class, scan_origins
from tests.kernels.waves.charts import EVERYTHING, assert_bitwise, assert_same, columns, of_origin, random_bars

DRIFTS = (-0.003, 0.0, 0.001, 0.003)
ROWS, BARS = len(DRIFTS), 150
FLOATS = ("score", "components", "margins")
DOLLARS = ("prices", "targets", "invalidation")
KEYS = ("series", "class_index", "direction", "status", "legs", "pivots")

# Few examples: each is a whole panel of hundreds to thousands of patterns. The same ones on every run.
few = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32 - 1)
roundings = st.sampled_from([None, 1, 0])
selections = st.sampled_from([ScanSettings(), EVERYTHING])


def panel(seed, *, missing=2, decimals=None, bars=BARS):
    """Random walks, one row per drift."""
    rng = np.random.default_rng(seed)
    rows = [random_bars(rng, bars, drift=drift, missing=missing, decimals=decimals) for drift in DRIFTS]
    return np.array([low for low, _ in rows]), np.array([high for _, high in rows])


def scan_whole(low, high, wanted=EVERYTHING):
    """Every row as of its last bar."""
    rows, bars = low.shape
    ends = np.full(rows, bars - 1)
    return scan_origins(low, high, np.arange(rows), ends, ends + 1, settings=wanted, backend="cpu")


def many_origins(seed, count=60, bars=BARS):
    """Sorted random origins, some of which ask for nothing or for more than there is."""
    rng = np.random.default_rng(seed)
    row, end = np.divmod(np.sort(rng.integers(0, ROWS * bars, count)), bars)
    return row.astype(np.int32), end.astype(np.int32), rng.choice([0, 20, 63, 126, 400], count).astype(np.int32)


def by_identity(patterns, direction_sign=1):
    """The columns of patterns in an order that doesn't hang on the last digits of scores; children by their pivots."""
    keys = np.column_stack(
        [patterns.series, patterns.class_index, direction_sign * patterns.direction, patterns.status, patterns.pivots]
    )
    order = np.lexsort(keys.T[::-1])
    table = {name: value[order] for name, value in columns(patterns).items()}
    table["direction"] = direction_sign * table["direction"]
    table["child"] = np.append(patterns.pivots, np.full((1, 6), -1), axis=0)[patterns.child][order]
    table["score_of_child"] = np.append(patterns.score, np.nan)[patterns.child][order]
    return table


def assert_equal_but_for_rounding(got, expected, dollars):
    """The same patterns; floats within rounding, and a child may differ only where two score the same."""
    for name in (*KEYS, "resolution"):
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)
    for name in (*FLOATS, "score_of_child"):
        np.testing.assert_allclose(got[name], expected[name], rtol=0, atol=1e-9, err_msg=name)
    for name in DOLLARS:
        np.testing.assert_allclose(got[name], dollars(expected[name]), rtol=1e-9, err_msg=name)
    assert (got["child"] == expected["child"]).all(axis=2).mean() > 0.99
    assert (got["degree"] == expected["degree"]).mean() > 0.99


@few
@given(seeds, st.integers(-40, 40))
def test_a_power_of_two_changes_dollars_only(seed, exponent):
    low, high = panel(seed)
    plain, scaled = scan_whole(low, high), scan_whole(low * 2.0**exponent, high * 2.0**exponent)
    assert len(plain.patterns.score) > 200
    np.testing.assert_array_equal(scaled.candidates, plain.candidates)
    # Prices are exact, their logarithms are rounded elsewhere.
    assert_equal_but_for_rounding(
        by_identity(scaled.patterns), by_identity(plain.patterns), lambda dollars: dollars * 2.0**exponent
    )
    for direction in (1, -1):
        for name in CLASS_NAMES:
            np.testing.assert_array_equal(
                enumerate_class(low[1], high[1], name, direction, backend="cpu"),
                enumerate_class(low[1] * 2.0**exponent, high[1] * 2.0**exponent, name, direction, backend="cpu"),
            )


@few
@given(seeds, st.floats(1e-3, 1e3))
def test_a_constant_factor_changes_dollars_only(seed, factor):
    low, high = panel(seed)
    plain, scaled = scan_whole(low, high), scan_whole(factor * low, factor * high)
    np.testing.assert_array_equal(scaled.candidates, plain.candidates)
    np.testing.assert_array_equal(scaled.standing, plain.standing)
    assert_equal_but_for_rounding(
        by_identity(scaled.patterns), by_identity(plain.patterns), lambda dollars: factor * dollars
    )


@few
@given(seeds, st.floats(0.5, 1e4))
def test_mirrored_log_prices_give_the_same_patterns_the_other_way_up(seed, constant):
    low, high = panel(seed)
    plain, mirrored = scan_whole(low, high), scan_whole(constant / high, constant / low)
    np.testing.assert_array_equal(mirrored.candidates, plain.candidates)
    np.testing.assert_array_equal(mirrored.standing, plain.standing)
    assert_equal_but_for_rounding(
        by_identity(mirrored.patterns, -1), by_identity(plain.patterns), lambda dollars: constant / dollars
    )
    for name in CLASS_NAMES:
        for direction in (1, -1):
            np.testing.assert_array_equal(
                enumerate_class(low[2], high[2], name, direction, backend="cpu"),
                enumerate_class(constant / high[2], constant / low[2], name, -direction, backend="cpu"),
            )


@few
@given(seeds, roundings, st.integers(1, 40), st.booleans())
def test_a_shift_in_time_moves_the_pivots_and_nothing_else(seed, decimals, shift, with_bars):
    low, high = panel(seed, decimals=decimals)
    row, end, length = many_origins(seed)
    # Windows inside the series: with one that reaches before bar 1 the bars in front of it would be seen.
    length = np.minimum(length, np.maximum(end - 1, 0))
    plain = scan_origins(low, high, row, end, length, backend="cpu")
    earlier = panel(seed + 1, bars=shift) if with_bars else [np.full((ROWS, shift), np.nan)] * 2
    longer = [np.hstack(parts) for parts in zip(earlier, (low, high), strict=True)]
    shifted = scan_origins(*longer, row, end + shift, length, backend="cpu")
    assert len(plain.origin)
    for origin in range(len(row)):
        assert_bitwise(of_origin(shifted, origin, pivot_shift=shift), of_origin(plain, origin))
    if not with_bars:
        for name in CLASS_NAMES:
            found = enumerate_class(longer[0][0], longer[1][0], name, 1, backend="cpu")
            np.testing.assert_array_equal(found - shift, enumerate_class(low[0], high[0], name, 1, backend="cpu"))


@few
@given(seeds, roundings, selections)
def test_an_origin_alone_on_the_bars_it_may_see_equals_the_origin_in_a_batch(seed, decimals, wanted):
    low, high = panel(seed, decimals=decimals)
    row, end, length = many_origins(seed, count=30)
    batch = scan_origins(low, high, row, end, length, settings=wanted, backend="cpu")
    for origin in range(len(row)):
        first = max(end[origin] - max(length[origin], 1) + 1 - 1, 0)
        bars = (prices[row[origin], first : end[origin] + 1][None] for prices in (low, high))
        alone = scan_origins(*bars, [0], [end[origin] - first], [length[origin]], settings=wanted, backend="cpu")
        assert_bitwise(of_origin(alone, 0), of_origin(batch, origin, pivot_shift=first))


@few
@given(seeds, st.sampled_from(["noise", "missing", "higher", "lower"]), selections)
def test_bars_after_an_origin_change_nothing(seed, kind, wanted):
    low, high = panel(seed)
    rng = np.random.default_rng(seed)
    row, end, length = np.arange(ROWS), rng.integers(60, BARS - 1, ROWS), np.full(ROWS, 100)
    plain = scan_origins(low, high, row, end, length, settings=wanted, backend="cpu")
    assert len(plain.origin)
    factors = {"noise": rng.uniform(0.1, 10, low.shape), "missing": np.nan, "higher": 1e6, "lower": 1e-6}
    later = np.arange(BARS) > end[:, None]
    changed = [np.where(later, prices * factors[kind], prices) for prices in (low, high)]
    assert_same(scan_origins(*changed, row, end, length, settings=wanted, backend="cpu"), plain)
    # The same with origins after the change in the batch: they know the changed bars, these don't.
    rows, lengths = np.repeat(row, 2), np.repeat(length, 2)
    ends = np.stack([end, np.full(ROWS, BARS - 1)], 1).ravel()
    both = scan_origins(*changed, rows, ends, lengths, settings=wanted, backend="cpu")
    for origin in range(ROWS):
        assert_bitwise(of_origin(both, 2 * origin), of_origin(plain, origin))


@few
@given(seeds, roundings, st.sampled_from([10, 40, 90, BARS]))
def test_day_by_day_equals_the_range(seed, decimals, length):
    low, high = panel(seed, decimals=decimals)
    days = np.arange(BARS - 12, BARS)
    row, end = np.repeat(np.arange(ROWS), len(days)), np.tile(days, ROWS)
    whole = scan_origins(low, high, row, end, np.full(len(row), length), backend="cpu")
    for at, day in enumerate(days):
        known = low[:, : day + 1], high[:, : day + 1]
        alone = scan_origins(*known, np.arange(ROWS), np.full(ROWS, day), np.full(ROWS, length), backend="cpu")
        for one in range(ROWS):
            assert_bitwise(of_origin(alone, one), of_origin(whole, one * len(days) + at))


@few
@given(seeds)
def test_a_confirmed_pattern_is_the_same_on_every_later_day(seed):
    low, high = panel(seed)
    days = np.arange(60, BARS, 9)
    row = np.zeros(len(days), int)
    found = scan_origins(low[:1], high[:1], row, days, row + BARS, settings=EVERYTHING, backend="cpu")
    kept = found.patterns.status[found.pattern] == CONFIRMED
    known = [set(found.pattern[kept & (found.origin == day)].tolist()) for day in range(len(days))]
    assert len(known[-1]) == found.candidates[-1]
    assert all(earlier <= later for earlier, later in pairwise(known))


@few
@given(seeds, st.integers(20, BARS - 10))
def test_bars_before_the_neighbour_of_the_window_change_nothing(seed, length):
    low, high = panel(seed)
    row, end, lengths = np.arange(ROWS), np.full(ROWS, BARS - 1), np.full(ROWS, length)
    plain = scan_origins(low, high, row, end, lengths, backend="cpu")
    earlier = np.arange(BARS) < BARS - length - 1
    for factor in (5.0, 0.01, np.nan):
        changed = [np.where(earlier, prices * factor, prices) for prices in (low, high)]
        assert_same(scan_origins(*changed, row, end, lengths, backend="cpu"), plain)


def test_the_bar_in_front_of_the_window_is_seen():
    line = np.array([3.0, 2.0, 4.0, 3.0, 5.0, 4.0])
    lower = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 4.0])
    for bars, expected in ((line, 1), (lower, 0)):
        found = scan_origins(bars[None], bars[None], [0], [5], [5], backend="cpu")
        assert found.candidates.tolist() == [expected]


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_number_of_threads_changes_nothing(seed):
    low, high = panel(seed, bars=260)
    origins = many_origins(seed, count=120, bars=260)
    threads = numba.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            results.append(scan_origins(low, high, *origins, backend="cpu"))
    finally:
        numba.set_num_threads(threads)
    assert len(results[0].origin) > 200
    assert_same(results[1], results[0])


@few
@given(seeds, st.permutations(range(ROWS)))
def test_the_order_of_rows_changes_nothing_but_the_order(seed, order):
    low, high = panel(seed)
    plain, permuted = scan_whole(low, high), scan_whole(low[order], high[order])
    for place, row in enumerate(order):
        assert_bitwise(of_origin(permuted, place), of_origin(plain, row))


@few
@given(seeds, st.sets(st.sampled_from(CLASS_NAMES), min_size=1), st.sampled_from([(1,), (-1,), (1, -1), (-1, 1)]))
def test_what_is_asked_for_changes_no_score(seed, names, directions):
    low, high = panel(seed)
    every = scan_whole(low, high)
    some = scan_whole(low, high, ScanSettings(tuple(names), directions, top_n=10**6, max_overlap=1.0))
    chosen = np.isin(every.patterns.class_index, [CLASS_NAMES.index(name) for name in names])
    chosen &= np.isin(every.patterns.direction, directions)
    kept = np.isin(np.arange(len(chosen)), every.pattern) & chosen
    asked = np.isin(np.arange(len(some.patterns.score)), some.pattern)
    assert kept.sum() == asked.sum()
    for name in (*KEYS, *FLOATS, *DOLLARS, "degree", "resolution"):
        np.testing.assert_array_equal(columns(some.patterns)[name][asked], columns(every.patterns)[name][kept])
