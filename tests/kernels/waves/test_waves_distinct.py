"""A scan lists each pattern once, with all its descendants, and says which origin keeps which."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.waves import CONFIRMED, SETUP, ScanSettings, scan_origins
from tests.kernels.waves.charts import assert_bitwise, of_origin, random_bars

ROWS, SESSIONS = 3, 160


def scan_range(seed, **options):
    """Every session from the 100th on, of a few random walks, with a window of 90 bars."""
    rng = np.random.default_rng(seed)
    low, high = (np.array(prices) for prices in zip(*(random_bars(rng, SESSIONS) for _ in range(ROWS)), strict=True))
    ends = np.arange(100, SESSIONS)
    row, end = np.repeat(np.arange(ROWS), len(ends)), np.tile(ends, ROWS)
    found = scan_origins(low, high, row, end, np.full(len(row), 90), settings=ScanSettings(**options), backend="cpu")
    return found, row, end


def identities(patterns):
    return np.column_stack(
        [patterns.series, patterns.status, patterns.class_index, patterns.direction, patterns.pivots]
    )


@pytest.mark.parametrize("seed", [11, 12])
def test_each_pattern_is_listed_once_and_kept_by_many_origins(seed):
    found, row, _ = scan_range(seed)
    assert len(np.unique(identities(found.patterns), axis=0)) == len(found.patterns.score)
    assert len(found.origin) > 3 * len(set(found.pattern.tolist()))
    np.testing.assert_array_equal(found.patterns.series[found.pattern], row[found.origin])


@pytest.mark.parametrize("options", [{}, {"top_n": 1, "setup_top_n": 1}, {"top_n": 0}, {"classes": ("impulse",)}])
def test_the_listed_are_the_kept_and_their_descendants_and_no_others(options):
    found, _, _ = scan_range(13, **options)
    wanted = set(found.pattern.tolist())
    waiting = list(wanted)
    while waiting:
        children = set(found.patterns.child[waiting.pop()].tolist()) - {-1} - wanted
        wanted |= children
        waiting.extend(children)
    assert wanted == set(range(len(found.patterns.score)))
    assert len(wanted) > len(set(found.pattern.tolist())) > 0


def test_the_listed_are_in_the_documented_order():
    patterns = scan_range(14)[0].patterns
    keys = np.column_stack(
        [
            patterns.series,
            patterns.status,
            -patterns.score,
            patterns.class_index,
            -patterns.direction.astype(int),
            patterns.pivots,
        ]
    )
    np.testing.assert_array_equal(np.lexsort(keys.T[::-1]), np.arange(len(keys)))


def test_each_origin_lists_its_selection_by_status_and_rank():
    found, row, _ = scan_range(15)
    status = found.patterns.status[found.pattern]
    keys = np.column_stack([found.origin, status, found.rank])
    np.testing.assert_array_equal(np.lexsort(keys.T[::-1]), np.arange(len(keys)))
    for origin in range(len(row)):
        for kind in (CONFIRMED, SETUP):
            ranks = found.rank[(found.origin == origin) & (status == kind)]
            assert ranks.tolist() == list(range(1, len(ranks) + 1))


def test_an_origin_keeps_only_what_is_known_and_stands_as_of_its_bar():
    found, _, end = scan_range(16)
    last = found.patterns.pivots[found.pattern].max(axis=1)
    known_on = end[found.origin]
    assert (last + 1 <= known_on).all()
    first = found.patterns.pivots[found.pattern, 0]
    assert (first > known_on - 90).all()
    assert (first <= known_on).all()


def test_what_is_told_of_a_pattern_does_not_hang_on_who_keeps_it():
    # One origin's answer out of a long range equals the answer to that origin alone, descendants included.
    rng = np.random.default_rng(17)
    low, high = random_bars(rng, SESSIONS)
    ends = np.arange(100, SESSIONS)
    zeros = np.zeros_like(ends)
    whole = scan_origins(low[None], high[None], zeros, ends, zeros + 90, backend="cpu")
    for at, end in enumerate(ends):
        alone = scan_origins(low[None], high[None], [0], [end], [90], backend="cpu")
        assert_bitwise(of_origin(alone, 0), of_origin(whole, at))


def test_targets_and_invalidation_belong_to_setups_and_lines_to_their_origin():
    found, _, end = scan_range(18)
    patterns = found.patterns
    finished = patterns.status == CONFIRMED
    assert np.isnan(patterns.targets[finished]).all()
    np.testing.assert_array_equal(np.isnan(patterns.invalidation), finished)
    assert np.isnan(found.line_target[finished[found.pattern]]).all()
    with_line = np.flatnonzero(np.isfinite(found.line_target))
    by_pattern = {}
    for one in with_line.tolist():
        by_pattern.setdefault(int(found.pattern[one]), []).append((int(end[found.origin[one]]), found.line_target[one]))
    moving = [lines for lines in by_pattern.values() if len(lines) > 2]
    assert len(moving) > 5
    for lines in moving:
        # A straight line on semilog scale: one growth per bar.
        bars, prices = np.array(sorted(lines)).T
        growth = np.diff(np.log(prices)) / np.diff(bars)
        np.testing.assert_allclose(growth, growth[0], rtol=0, atol=1e-9)
