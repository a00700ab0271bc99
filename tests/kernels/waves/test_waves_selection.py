"""Which patterns an origin keeps, and in which order."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.waves import CLASS_NAMES, CONFIRMED, SETUP, ScanSettings, scan_origins
from tests.kernels.waves.charts import EVERYTHING, TEXTBOOK, chart, random_bars, scan_chart


@pytest.fixture(scope="module")
def bars():
    low, high = random_bars(np.random.default_rng(20), 300, drift=0.001)
    return low[None], high[None]


def scan_whole(bars, **options):
    """The scan as of the last of 300 bars."""
    return scan_origins(*bars, [0], [299], [300], settings=ScanSettings(**options), backend="cpu")


def kept(found, status, origin=0):
    """Class, direction, pivots and score of what an origin keeps of one status, best first."""
    chosen = found.pattern[found.origin == origin]
    table = found.patterns
    return [
        (
            int(table.class_index[row]),
            int(table.direction[row]),
            tuple(table.pivots[row, : table.legs[row] + 1].tolist()),
            float(table.score[row]),
        )
        for row in chosen.tolist()
        if table.status[row] == status
    ]


def overlap(a, b):
    """Intersection over union of two spans of bars, both ends included."""
    spans = [set(range(pivots[0], pivots[-1] + 1)) for pivots in (a, b)]
    return len(spans[0] & spans[1]) / len(spans[0] | spans[1])


def test_confirmed_come_before_setups_each_by_falling_score_and_ranked_from_one(bars):
    found = scan_origins(*bars, [0, 0], [200, 299], [150, 300], backend="cpu")
    assert (np.diff(found.origin) >= 0).all()
    for origin in (0, 1):
        chosen = found.pattern[found.origin == origin]
        status = found.patterns.status[chosen]
        assert (np.diff(status) >= 0).all()
        assert set(status.tolist()) == {CONFIRMED, SETUP}
        for kind in (CONFIRMED, SETUP):
            mine = status == kind
            assert (np.diff(found.patterns.score[chosen[mine]]) <= 0).all()
            assert found.rank[found.origin == origin][mine].tolist() == list(range(1, mine.sum() + 1))


@pytest.mark.parametrize("status", [CONFIRMED, SETUP])
def test_the_order_is_score_then_class_then_upward_then_pivots(bars, status):
    rows = kept(scan_whole(bars, top_n=10**6, max_overlap=1.0), status)
    assert len(rows) > 100
    assert rows == sorted(rows, key=lambda row: (-row[3], row[0], -row[1], row[2]))


@pytest.mark.parametrize("max_overlap", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("status", [CONFIRMED, SETUP])
def test_the_kept_ones_are_the_greedy_choice_among_all_of_their_class_and_direction(bars, max_overlap, status):
    every = kept(scan_whole(bars, top_n=10**6, max_overlap=1.0), status)
    expected = []
    for candidate in every:
        rivals = [better for better in expected if better[:2] == candidate[:2]]
        if all(overlap(better[2], candidate[2]) <= max_overlap for better in rivals):
            expected.append(candidate)
    assert kept(scan_whole(bars, top_n=10**6, max_overlap=max_overlap), status) == expected
    assert 1 < len(expected) < len(every)
    assert {(row[0], row[1]) for row in expected} == {(row[0], row[1]) for row in every}


def test_without_an_overlap_rule_everything_is_kept(bars):
    found = scan_whole(bars, top_n=10**6, max_overlap=1.0)
    assert len(kept(found, CONFIRMED)) == found.candidates[0]
    # Setups of one span but other inner pivots overlap wholly, which is not more than 1.
    assert len(kept(found, SETUP)) == found.standing[0]
    assert {row[0] for row in kept(found, CONFIRMED)} == set(range(len(CLASS_NAMES)))


@pytest.mark.parametrize("top_n", [0, 1, 3, 50])
@pytest.mark.parametrize("setup_top_n", [0, 1, 2, None])
def test_top_n_and_setup_top_n_keep_the_best_of_all_classes_and_directions(bars, top_n, setup_top_n):
    wide = scan_whole(bars, top_n=10**6)
    narrow = scan_whole(bars, top_n=top_n, setup_top_n=setup_top_n)
    assert kept(narrow, CONFIRMED) == kept(wide, CONFIRMED)[:top_n]
    assert kept(narrow, SETUP) == kept(wide, SETUP)[:setup_top_n]
    np.testing.assert_array_equal(narrow.candidates, wide.candidates)
    np.testing.assert_array_equal(narrow.standing, wide.standing)


def test_the_five_best_and_every_setup_are_kept_by_default(bars):
    found = scan_whole(bars)
    assert len(kept(found, CONFIRMED)) == 5
    assert len(kept(found, SETUP)) == len(kept(scan_whole(bars, top_n=0), SETUP)) > 5


def test_a_class_and_a_direction_alone_are_selected_among_themselves(bars):
    wide = kept(scan_whole(bars, top_n=10**6), CONFIRMED)
    for name in ("impulse", "double_three"):
        for direction in (1, -1):
            own = [row for row in wide if row[:2] == (CLASS_NAMES.index(name), direction)]
            alone = kept(scan_whole(bars, classes=(name,), directions=(direction,), top_n=4), CONFIRMED)
            assert alone == own[:4]
            assert alone


def test_the_order_in_which_classes_and_directions_are_asked_for_is_no_matter(bars):
    plain = scan_whole(bars)
    other = scan_whole(bars, classes=CLASS_NAMES[::-1], directions=(-1, 1))
    for status in (CONFIRMED, SETUP):
        assert kept(other, status) == kept(plain, status)


def test_equal_scores_of_one_class_are_ordered_by_direction_then_pivots():
    # The same chart twice, and its mirror image twice: impulses with equal scores.
    steps = np.array([0.0, 0.2, 0.1, 0.4, 0.3, 0.5])
    up = np.interp(np.arange(41), [0, 8, 12, 24, 30, 40], steps)
    once = np.concatenate([np.linspace(0.3, 0.02, 4), up, np.linspace(0.48, 0.02, 4)])
    line = np.exp(np.concatenate([once, once, -once, -once]))[None]
    count = line.shape[1]
    found = scan_origins(line, line, [0], [count - 1], [count], settings=EVERYTHING, backend="cpu")
    rows = kept(found, CONFIRMED)
    impulses = [row for row in rows if row[0] == 0]
    best = [row for row in impulses if row[3] == impulses[0][3]]
    assert [row[1] for row in best] == [1, 1, -1, -1]
    assert best[0][2] < best[1][2]
    assert best[2][2] < best[3][2]


def test_equal_scores_of_two_classes_are_ordered_as_in_the_table():
    # Waves A and C are impulses and, by other pivots, zigzags too: the same path is a zigzag and a double zigzag.
    drawn = chart(TEXTBOOK["zigzag"])
    rows = kept(scan_chart(drawn), CONFIRMED)
    same = [row for row in rows if row[2] == tuple(drawn.pivots)]
    assert [CLASS_NAMES[row[0]] for row in same] == ["zigzag", "double_zigzag"]
    assert same[0][3] == same[1][3]


def test_only_patterns_that_start_in_the_window_are_kept(bars):
    wide = kept(scan_whole(bars, top_n=10**6, max_overlap=1.0), CONFIRMED)
    found = scan_origins(*bars, [0], [299], [120], settings=EVERYTHING, backend="cpu")
    assert kept(found, CONFIRMED) == [row for row in wide if row[2][0] >= 180]
    assert found.candidates[0] == sum(row[2][0] >= 180 for row in wide)
