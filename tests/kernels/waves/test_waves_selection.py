from __future__ import annotations

import numpy as np
import pytest

from kernels.waves import CONFIRMED, SETUP, ScanSettings, classes, scan
from tests.kernels.waves.charts import random_bars


@pytest.fixture(scope="module")
def bars():
    low, high = random_bars(np.random.default_rng(20), 300, drift=0.001)
    return low[None], high[None]


def overlap(a, b):
    """Intersection over union of two spans of bars, both ends included."""
    spans = [set(range(pivots[0], pivots.max() + 1)) for pivots in (a, b)]
    return len(spans[0] & spans[1]) / len(spans[0] | spans[1])


def part(found, status):
    """Pivots, directions and scores of one status."""
    mine = found.status == status
    return found.pivots[mine], found.direction[mine], found.score[mine], found.rank[mine]


def test_confirmed_come_before_setups_each_by_falling_score_and_ranked_from_one(bars):
    found = scan(*bars, [0, 0], [200, 299], [150, 300])
    assert (np.diff(found.origin) >= 0).all()
    for origin in (0, 1):
        status = found.status[found.origin == origin]
        assert (np.diff(status) >= 0).all()
        assert set(status.tolist()) == {CONFIRMED, SETUP}
        for kind in (CONFIRMED, SETUP):
            mine = (found.origin == origin) & (found.status == kind)
            assert (np.diff(found.score[mine]) <= 0).all()
            assert found.rank[mine].tolist() == list(range(1, mine.sum() + 1))


@pytest.mark.parametrize("max_overlap", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("status", [CONFIRMED, SETUP])
def test_the_kept_ones_are_the_greedy_choice_among_all(bars, max_overlap, status):
    every = scan(*bars, [0], [299], [300], settings=ScanSettings(top_n=10**6, max_overlap=1.0))
    kept = scan(*bars, [0], [299], [300], settings=ScanSettings(top_n=10**6, max_overlap=max_overlap))
    pivots, directions, _, _ = part(every, status)
    expected = []
    for candidate in range(len(pivots)):
        better = [k for k in expected if directions[k] == directions[candidate]]
        if all(overlap(pivots[k], pivots[candidate]) <= max_overlap for k in better):
            expected.append(candidate)
    assert 1 < len(expected) < len(pivots)
    np.testing.assert_array_equal(part(kept, status)[0], pivots[expected])


def test_without_an_overlap_rule_everything_is_kept(bars):
    found = scan(*bars, [0], [299], [300], settings=ScanSettings(top_n=10**6, max_overlap=1.0))
    assert (found.status == CONFIRMED).sum() == found.candidates[0]
    # Setups of one span but other inner pivots overlap wholly, which is not more than 1.
    assert (found.status == SETUP).sum() == found.standing[0]


def test_top_n_and_setup_top_n_keep_the_best(bars):
    wide = scan(*bars, [0], [299], [300], settings=ScanSettings(top_n=50))
    narrow = scan(*bars, [0], [299], [300], settings=ScanSettings(top_n=3, setup_top_n=2))
    for status, count in ((CONFIRMED, 3), (SETUP, 2)):
        for column, wide_column in zip(part(narrow, status), part(wide, status), strict=True):
            np.testing.assert_array_equal(column, wide_column[:count])
    assert narrow.candidates == wide.candidates
    assert narrow.standing == wide.standing


def test_equal_scores_are_ordered_by_direction_then_pivots():
    # The same chart twice, and its mirror image twice: four impulses with one score.
    steps = np.array([0.0, 0.2, 0.1, 0.4, 0.3, 0.5])
    up = np.interp(np.arange(41), [0, 8, 12, 24, 30, 40], steps)
    chart = np.concatenate([np.linspace(0.3, 0.02, 4), up, np.linspace(0.48, 0.02, 4)])
    line = np.exp(np.concatenate([chart, chart, -chart, -chart]))[None]
    count = line.shape[1]
    found = scan(line, line, [0], [count - 1], [count], settings=ScanSettings(top_n=10**6, max_overlap=1.0))
    best = (found.status == CONFIRMED) & np.isclose(found.score, found.score[0], rtol=1e-12)
    exact = found.score[best]
    for score in set(exact.tolist()):
        tied = best & (found.score == score)
        keys = [(-int(d), *p) for d, p in zip(found.direction[tied], found.pivots[tied].tolist(), strict=True)]
        assert keys == sorted(keys)
    assert best.sum() >= 4


def test_the_score_is_the_weighted_mean_of_the_reported_components(bars):
    found = scan(*bars, [0], [299], [300])
    weights = np.array([classes.IMPULSE.weights.get(name, 0.0) for name in classes.COMPONENTS])
    there = ~np.isnan(found.components)
    mean = np.where(there, found.components, 0) @ weights / (there @ weights)
    np.testing.assert_allclose(found.score, mean, rtol=1e-14)
    assert ((found.components >= 0) & (found.components <= 1) | ~there).all()
    assert (np.nan_to_num(found.margins) >= 0).all()
