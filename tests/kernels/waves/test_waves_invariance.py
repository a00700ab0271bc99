from __future__ import annotations

import numba
import numpy as np
import pytest

from kernels.waves import ScanSettings, enumerate_class, scan
from tests.kernels.waves.charts import assert_bitwise, assert_same, columns, of_origin, random_bars

LOOSE = ScanSettings(top_n=10**6, max_overlap=1.0)
DRIFTS = (-0.003, 0.0, 0.001, 0.003)
ROWS, BARS = len(DRIFTS), 260


def panel(seed, *, missing=2, **options):
    """Random walks, one row per drift."""
    rng = np.random.default_rng(seed)
    rows = [random_bars(rng, BARS, drift=drift, missing=missing, **options) for drift in DRIFTS]
    return np.array([low for low, _ in rows]), np.array([high for _, high in rows])


def many_origins(seed, count=120):
    """Sorted random origins, some of which ask for nothing or for more than there is."""
    rng = np.random.default_rng(seed)
    row, end = np.divmod(np.sort(rng.integers(0, ROWS * BARS, count)), BARS)
    return row.astype(np.int32), end.astype(np.int32), rng.choice([0, 20, 63, 126, 400], count).astype(np.int32)


@pytest.mark.parametrize("seed", [1, 2])
def test_scores_do_not_change_when_prices_are_multiplied_by_a_constant(seed):
    low, high = panel(seed)
    arguments = (np.arange(ROWS), np.full(ROWS, BARS - 1), np.full(ROWS, BARS))
    plain = scan(low, high, *arguments, settings=LOOSE)
    scaled = scan(3.7 * low, 3.7 * high, *arguments, settings=LOOSE)
    assert len(plain.score) > 1000
    # Multiplication rounds, so patterns whose scores agree to the last digits may change places.
    order, scaled_order = (
        np.lexsort((*found.pivots.T[::-1], found.direction, found.origin)) for found in (plain, scaled)
    )
    for name in ("origin", "direction", "status", "legs", "pivots"):
        np.testing.assert_array_equal(columns(scaled)[name][scaled_order], columns(plain)[name][order])
    for name in ("score", "components", "margins"):
        np.testing.assert_allclose(columns(scaled)[name][scaled_order], columns(plain)[name][order], atol=1e-9)
    for name in ("prices", "targets", "invalidation"):
        np.testing.assert_allclose(columns(scaled)[name][scaled_order], 3.7 * columns(plain)[name][order], rtol=1e-9)


@pytest.mark.parametrize("seed", [3, 4])
def test_scores_do_not_change_when_log_price_and_direction_are_mirrored(seed):
    low, high = panel(seed)
    arguments = (np.arange(ROWS), np.full(ROWS, BARS - 1), np.full(ROWS, BARS))
    found = 0
    for row in range(ROWS):
        for direction in (1, -1):
            pivots = enumerate_class(low[row], high[row], "impulse", direction)
            found += len(pivots)
            np.testing.assert_array_equal(pivots, enumerate_class(1 / high[row], 1 / low[row], "impulse", -direction))
    assert found > 1000
    plain, mirrored = (scan(*bars, *arguments, settings=LOOSE) for bars in ((low, high), (1 / high, 1 / low)))
    order = np.lexsort((*plain.pivots.T[::-1], plain.direction, plain.origin))
    mirrored_order = np.lexsort((*mirrored.pivots.T[::-1], -mirrored.direction, mirrored.origin))
    np.testing.assert_array_equal(mirrored.pivots[mirrored_order], plain.pivots[order])
    np.testing.assert_array_equal(mirrored.direction[mirrored_order], -plain.direction[order])
    for name in ("score", "components", "margins"):
        np.testing.assert_allclose(columns(mirrored)[name][mirrored_order], columns(plain)[name][order], atol=1e-9)
    for name in ("prices", "targets", "invalidation"):
        np.testing.assert_allclose(columns(mirrored)[name][mirrored_order], 1 / columns(plain)[name][order], rtol=1e-9)


def test_a_shift_in_time_moves_the_pivots_and_nothing_else():
    low, high = panel(5)
    row, end, length = many_origins(5)
    shift = 37
    empty = np.full((ROWS, shift), np.nan)
    plain = scan(low, high, row, end, length)
    shifted = scan(np.hstack([empty, low]), np.hstack([empty, high]), row, end + shift, length)
    assert len(plain.score)
    for origin in range(len(row)):
        assert_bitwise(of_origin(shifted, origin, pivot_shift=shift), of_origin(plain, origin))


@pytest.mark.parametrize("decimals", [None, 0])
def test_an_origin_alone_on_the_bars_it_may_see_equals_the_origin_in_a_batch(decimals):
    low, high = panel(6, decimals=decimals)
    row, end, length = many_origins(6)
    batch = scan(low, high, row, end, length)
    assert {2, 3, 4, 5} == set(batch.legs.tolist())
    for origin in range(len(row)):
        first = max(end[origin] - max(length[origin], 1) + 1 - 1, 0)
        bars = (prices[row[origin], first : end[origin] + 1][None] for prices in (low, high))
        alone = scan(*bars, [0], [end[origin] - first], [length[origin]])
        assert_bitwise(of_origin(alone, 0), of_origin(batch, origin, pivot_shift=first))


def test_bars_after_an_origin_change_nothing():
    low, high = panel(7)
    row, end = np.arange(ROWS), np.array([90, 140, 200, BARS - 2])
    length = np.full(ROWS, 100)
    plain = scan(low, high, row, end, length)
    assert len(plain.score) > 20
    rng = np.random.default_rng(0)
    later = np.arange(BARS) > end[:, None]
    for factor in (rng.uniform(0.1, 10, low.shape), np.full(low.shape, np.nan), np.full(low.shape, 1e6)):
        changed = [np.where(later, prices * factor, prices) for prices in (low, high)]
        assert_same(scan(*changed, row, end, length), plain)
        # The same with origins after the change in the batch: they know the changed bars, these don't.
        rows, ends, lengths = (
            np.repeat(row, 2),
            np.stack([end, np.full(ROWS, BARS - 1)], 1).ravel(),
            np.repeat(length, 2),
        )
        both = scan(*changed, rows, ends, lengths)
        for origin in range(ROWS):
            assert_bitwise(of_origin(both, 2 * origin), of_origin(plain, origin))


def test_bars_before_the_neighbour_of_the_window_change_nothing():
    low, high = panel(8)
    row, end, length = np.arange(ROWS), np.full(ROWS, BARS - 1), np.full(ROWS, 120)
    plain = scan(low, high, row, end, length)
    earlier = np.arange(BARS) < BARS - 120 - 1
    changed = [np.where(earlier, prices * 5, prices) for prices in (low, high)]
    assert_same(scan(*changed, row, end, length), plain)


def test_the_number_of_threads_changes_nothing():
    low, high = panel(9)
    origins = many_origins(9)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = scan(low, high, *origins)
    finally:
        numba.set_num_threads(threads)
    assert_same(scan(low, high, *origins), single)


def test_the_order_of_rows_changes_nothing_but_the_order():
    low, high = panel(10)
    arguments = (np.arange(ROWS), np.full(ROWS, BARS - 1), np.full(ROWS, BARS))
    plain, reversed_rows = scan(low, high, *arguments), scan(low[::-1], high[::-1], *arguments)
    for row in range(ROWS):
        assert_bitwise(of_origin(reversed_rows, ROWS - 1 - row), of_origin(plain, row))


def test_one_direction_alone_keeps_what_both_together_found_of_it():
    low, high = panel(11)
    arguments = (np.arange(ROWS), np.full(ROWS, BARS - 1), np.full(ROWS, BARS))
    both = scan(low, high, *arguments, settings=LOOSE)
    for direction in (1, -1):
        alone = scan(
            low, high, *arguments, settings=ScanSettings(directions=(direction,), top_n=10**6, max_overlap=1.0)
        )
        mine = both.direction == direction
        assert mine.sum() > 100
        np.testing.assert_array_equal(alone.pivots, both.pivots[mine])
        np.testing.assert_array_equal(alone.score, both.score[mine])
