"""Subdivision and degree: on hand-made charts, and on random walks and real prices against the definition."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from kernels.waves import (
    CLASS_NAMES,
    CLASSES,
    COMPONENTS,
    CONFIRMED,
    NO_LEG,
    NOT_RESOLVED,
    RESOLVED,
    UNRESOLVED,
    enumerate_class,
    scan_origins,
)
from kernels.waves.classes import DIAGONALS, WEIGHTS
from tests.kernels.waves.charts import (
    EVERYTHING,
    SMALL_DIAGONAL,
    SMALL_FLAT,
    SMALL_IMPULSE,
    SMALL_ZIGZAG,
    SUBDIVIDED_IMPULSE,
    TEXTBOOK,
    chart,
    children_of,
    random_bars,
    scan_chart,
    wave,
)

PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"

# Its wave 2 takes back almost all of wave 1 and its wave 4 almost all of wave 3, so no zigzag has the same ends.
DEEP_IMPULSE = wave("impulse", 4, 4, 24, 24, 24, lengths=(1, 0.92, 19.92, 18.5, 19.5))
SLOW_ZIGZAG = wave("zigzag", 12, 8, 12)
LEADING_DIAGONAL = wave("expanding_diagonal", *[SLOW_ZIGZAG] * 4, DEEP_IMPULSE, lengths=(1, 0.66, 1.4, 1.25, 1.45))


@pytest.mark.parametrize("direction", [1, -1])
def test_an_impulse_in_an_impulse_has_degree_2(direction):
    whole = wave("impulse", SMALL_IMPULSE, SMALL_ZIGZAG, SUBDIVIDED_IMPULSE, SMALL_FLAT, SMALL_IMPULSE)
    drawn = chart(whole, direction)
    found = scan_chart(drawn).patterns
    row = drawn.found_in(found)
    assert found.degree[row] == 2
    assert children_of(found, row) == ("impulse", "zigzag", "impulse", "regular_flat", "impulse")
    third = found.child[row, 2]
    assert found.degree[third] == 1
    assert children_of(found, third) == ("impulse", "zigzag", "impulse", "regular_flat", "impulse")
    assert found.resolution[found.child[third, 4]].tolist() == [UNRESOLVED] * 5


def test_a_leg_with_swings_but_no_pattern_is_not_resolved():
    # Wave 3 subdivides into three, as no wave 3 may.
    drawn = chart(wave("impulse", SMALL_IMPULSE, SMALL_ZIGZAG, SMALL_ZIGZAG, SMALL_ZIGZAG, 4))
    found = scan_chart(drawn).patterns
    row = drawn.found_in(found)
    # Two inner swings are too few to tell in a wave of five, four are not.
    assert found.resolution[row].tolist() == [RESOLVED, RESOLVED, UNRESOLVED, RESOLVED, UNRESOLVED]
    # A diagonal has the swings of an impulse, and is no wave 3 either.
    diagonal = wave("contracting_diagonal", 2, 2, 2, 2, 2)
    drawn = chart(wave("impulse", SMALL_IMPULSE, SMALL_ZIGZAG, diagonal, SMALL_ZIGZAG, 4))
    found = scan_chart(drawn).patterns
    row = drawn.found_in(found)
    assert children_of(found, row) == ("impulse", "zigzag", None, "zigzag", None)
    assert found.resolution[row].tolist() == [RESOLVED, RESOLVED, NOT_RESOLVED, RESOLVED, UNRESOLVED]
    assert found.components[row, COMPONENTS.index("subdivision")] == 3 / 4


@pytest.mark.parametrize("direction", [1, -1])
def test_a_diagonal_is_leading_as_wave_1_and_ending_as_wave_5(direction):
    drawn = chart(
        wave("impulse", LEADING_DIAGONAL, SLOW_ZIGZAG, SUBDIVIDED_IMPULSE, SLOW_ZIGZAG, SMALL_DIAGONAL), direction
    )
    found = scan_chart(drawn).patterns
    row = drawn.found_in(found)
    assert found.degree[row] == 2
    assert children_of(found, row) == drawn.wave.children
    assert [leg.position for leg in CLASSES["impulse"].legs] == ["leading", "", "", "", "ending"]
    first, last = found.child[row, [0, 4]]
    assert children_of(found, first) == ("zigzag", "zigzag", "zigzag", "zigzag", "impulse")
    assert children_of(found, last) == ("zigzag",) * 5


def test_a_diagonal_with_impulses_inside_cannot_be_an_ending_one():
    alone = chart(LEADING_DIAGONAL)
    found = scan_chart(alone).patterns
    assert children_of(found, alone.found_in(found)) == LEADING_DIAGONAL.children
    drawn = chart(wave("impulse", SMALL_IMPULSE, SLOW_ZIGZAG, SUBDIVIDED_IMPULSE, SLOW_ZIGZAG, LEADING_DIAGONAL))
    found = scan_chart(drawn).patterns
    row = drawn.found_in(found)
    assert children_of(found, row) == ("impulse", "zigzag", "impulse", "zigzag", None)
    assert found.resolution[row, 4] == NOT_RESOLVED
    # The same diagonal as wave C of a zigzag is refused, as wave A it is taken.
    for parts, expected in [
        ((SMALL_IMPULSE, SLOW_ZIGZAG, LEADING_DIAGONAL), ("impulse", "zigzag", None)),
        ((LEADING_DIAGONAL, SLOW_ZIGZAG, SMALL_IMPULSE), ("expanding_diagonal", "zigzag", "impulse")),
    ]:
        drawn = chart(wave("zigzag", *parts))
        found = scan_chart(drawn).patterns
        assert children_of(found, drawn.found_in(found)) == expected


def test_combinations_need_their_parts():
    zigzags = chart(TEXTBOOK["double_zigzag"])
    plain = chart(wave("double_zigzag", 8, SMALL_FLAT, SMALL_ZIGZAG))
    for name in ("double_zigzag", "double_three"):
        assert plain.pivots not in enumerate_class(plain.low, plain.high, name, 1, backend="cpu").tolist()
    # What is a double zigzag is no double three, though a zigzag may be a part of either.
    assert zigzags.pivots not in enumerate_class(zigzags.low, zigzags.high, "double_three", 1, backend="cpu").tolist()
    deep = chart(wave("double_zigzag", SMALL_ZIGZAG, SMALL_FLAT, SMALL_ZIGZAG, lengths=(1, 0.95, 1)))
    # Wave X is too deep for a double zigzag, so the same parts make a double three.
    assert deep.pivots not in enumerate_class(deep.low, deep.high, "double_zigzag", 1, backend="cpu").tolist()
    assert deep.pivots in enumerate_class(deep.low, deep.high, "double_three", 1, backend="cpu").tolist()


def everything_in(low, high):
    """All patterns and setups of one series as of its last bar."""
    found = scan_origins(low[None], high[None], [0], [len(low) - 1], [len(low)], settings=EVERYTHING, backend="cpu")
    return found.patterns


def five_years(seed):
    """A random walk of as many daily bars as five years have."""
    return random_bars(np.random.default_rng(seed), 1259, step=0.015)


def name_of(patterns, row):
    return CLASS_NAMES[patterns.class_index[row]]


def legs_of(patterns, row):
    """Per leg its first bar, last bar and direction."""
    pivots = patterns.pivots[row, : patterns.legs[row] + 1].tolist()
    directions = [int(patterns.direction[row]) * (-1) ** leg for leg in range(len(pivots) - 1)]
    return list(zip(pivots[:-1], pivots[1:], directions, strict=True))


def has_impulse_inside(patterns, row):
    """Whether a diagonal can only be a leading one."""
    return name_of(patterns, row) in DIAGONALS and "impulse" in children_of(patterns, row)


def swings(low, high):
    """How many swing lows and swing highs each bar is."""
    count = np.zeros(len(low), int)
    for t in range(1, len(low) - 1):
        count[t] += low[t] < low[t - 1] and low[t] <= low[t + 1]
        count[t] += high[t] > high[t - 1] and high[t] >= high[t + 1]
    return count


def best_of(patterns, rows):
    """The row with the best score; equal scores: first class in the table, first by pivots."""
    return min(
        rows, key=lambda row: (-patterns.score[row], patterns.class_index[row], *patterns.pivots[row]), default=-1
    )


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("seed", range(3))
def test_every_leg_has_the_child_that_the_definition_names(seed, decimals):
    low, high = random_bars(np.random.default_rng(seed), 200, decimals=decimals, missing=1)
    patterns = everything_in(low, high)
    inner_swings = swings(low, high)
    spanning = defaultdict(list)
    for row in np.flatnonzero(patterns.status == CONFIRMED).tolist():
        spanning[patterns.pivots[row, 0], patterns.pivots[row].max(), int(patterns.direction[row])].append(row)
    seen = set()
    for row in range(len(patterns.score)):
        declared = CLASSES[name_of(patterns, row)].legs
        for place, (kinds, leg) in enumerate(zip(declared[: patterns.legs[row]], legs_of(patterns, row), strict=True)):
            candidates = [
                one for one in spanning[leg] if kinds.position != "ending" or not has_impulse_inside(patterns, one)
            ]
            expected = best_of(patterns, [one for one in candidates if name_of(patterns, one) in kinds.classes])
            if expected < 0:
                expected = best_of(patterns, [one for one in candidates if name_of(patterns, one) in kinds.leading])
            assert patterns.child[row, place] == expected
            fewest = min(len(CLASSES[name].legs) for name in kinds.classes + kinds.leading) - 1
            if expected >= 0:
                state = RESOLVED
            elif inner_swings[leg[0] + 1 : leg[1]].sum() < fewest:
                state = UNRESOLVED
            else:
                state = NOT_RESOLVED
            assert patterns.resolution[row, place] == state
            seen.add(state)
        assert (patterns.resolution[row, patterns.legs[row] :] == NO_LEG).all()
    assert seen == {RESOLVED, UNRESOLVED, NOT_RESOLVED}


def assert_consistent(patterns, low, high):
    """What holds of children, degrees and scores whatever the series."""
    there = patterns.child >= 0
    np.testing.assert_array_equal(patterns.resolution == RESOLVED, there)
    np.testing.assert_array_equal(
        patterns.resolution == NO_LEG, np.arange(5) >= patterns.legs[:, None], err_msg="legs that aren't there"
    )
    row, leg = np.nonzero(there)
    child = patterns.child[row, leg]
    np.testing.assert_array_equal(patterns.series[child], patterns.series[row])
    np.testing.assert_array_equal(patterns.pivots[child, 0], patterns.pivots[row, leg])
    np.testing.assert_array_equal(patterns.pivots[child].max(axis=1), patterns.pivots[row, leg + 1])
    np.testing.assert_array_equal(patterns.direction[child], patterns.direction[row] * (-1) ** leg)
    assert (patterns.status[child] == CONFIRMED).all()
    assert (patterns.degree[child] < patterns.degree[row]).all()
    largest = np.where(there, patterns.degree[patterns.child], -1).max(axis=1)
    np.testing.assert_array_equal(patterns.degree, largest + 1)
    resolved = (patterns.resolution == RESOLVED).sum(axis=1)
    told = resolved + (patterns.resolution == NOT_RESOLVED).sum(axis=1)
    with np.errstate(invalid="ignore"):
        share = resolved / told
    np.testing.assert_array_equal(patterns.components[:, COMPONENTS.index("subdivision")], share)
    ends = patterns.pivots[child].max(axis=1)
    for one, first, last in zip(child.tolist(), patterns.pivots[child, 0].tolist(), ends.tolist(), strict=True):
        span = slice(first, last + 1)
        bottom, top = (first, last) if patterns.direction[one] == 1 else (last, first)
        assert low[bottom] == low[span].min()
        assert high[top] == high[span].max()
    for one in np.flatnonzero(there.any(axis=1)).tolist():
        allowed = CLASSES[name_of(patterns, one)].legs
        for kinds, resolver in zip(allowed[: patterns.legs[one]], patterns.child[one].tolist(), strict=False):
            if resolver >= 0:
                assert name_of(patterns, resolver) in kinds.classes + kinds.leading
                assert kinds.position != "ending" or not has_impulse_inside(patterns, resolver)


@pytest.mark.parametrize("seed", [1, 2])
def test_five_years_of_a_random_walk_hold_three_degrees_and_more(seed):
    low, high = five_years(seed)
    found = scan_origins(low[None], high[None], [0], [1258], [1259], backend="cpu")
    degrees = np.bincount(found.patterns.degree)
    assert len(degrees) >= 4
    assert (degrees[:4] > 0).all()
    assert found.patterns.degree[found.pattern].max() >= 3
    assert_consistent(found.patterns, low, high)


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="../shared/data isn't there")
@pytest.mark.parametrize("symbol", ["AAPL", "JPM", "XOM"])
def test_five_years_of_real_bars_hold_three_degrees_and_more(symbol):
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES, columns=["low", "high", "date"], filters=[("symbol", "==", symbol)]).sort_by("date")
    low, high = (table[name].to_numpy() for name in ("low", "high"))
    kept = low <= high
    low, high = np.where(kept, low, np.nan), np.where(kept, high, np.nan)
    count = len(low)
    assert count == 1259
    found = scan_origins(low[None], high[None], [0], [count - 1], [count], backend="cpu")
    degrees = np.bincount(found.patterns.degree)
    assert len(degrees) >= 4
    assert (degrees[:4] > 0).all()
    assert_consistent(found.patterns, low, high)


@pytest.mark.parametrize("seed", range(4))
def test_everything_in_a_random_walk_is_consistent(seed):
    low, high = random_bars(np.random.default_rng(seed), 260, decimals=[None, 1, 0, None][seed], missing=2)
    patterns = everything_in(low, high)
    assert len(patterns.score) > 500
    assert_consistent(patterns, low, high)


@pytest.mark.parametrize("seed", range(2))
def test_triangles_and_flats_that_leave_their_ends_resolve_nothing(seed):
    patterns = everything_in(*random_bars(np.random.default_rng(seed), 300))
    resolvers = {name_of(patterns, child) for child in patterns.child[patterns.child >= 0].tolist()}
    outside = {"expanded_flat", "running_flat", "contracting_triangle", "running_triangle", "expanding_triangle"}
    assert set(CLASS_NAMES) - resolvers == outside
    assert outside <= {CLASS_NAMES[index] for index in patterns.class_index.tolist()}


def test_the_score_is_the_documented_sum_of_the_components():
    patterns = everything_in(*random_bars(np.random.default_rng(4), 260))
    assert set(patterns.class_index.tolist()) == set(range(len(CLASS_NAMES)))
    assert ((patterns.components >= 0) & (patterns.components <= 1) | np.isnan(patterns.components)).all()
    assert ((patterns.margins >= 0) & (patterns.margins <= 1) | np.isnan(patterns.margins)).all()
    total = np.zeros(len(patterns.score))
    for at, name in enumerate(COMPONENTS):
        value = np.where(np.isnan(patterns.components[:, at]), 0.5, patterns.components[:, at])
        known = np.ones(len(value))
        if name == "fibonacci":
            known = np.array([ratios_known(*one) for one in zip(patterns.class_index, patterns.legs, strict=True)]) / 5
        elif name == "subdivision":
            known = np.isin(patterns.resolution, (RESOLVED, NOT_RESOLVED)).sum(axis=1) / 5
        total += WEIGHTS[name] * (known * value + (1 - known) * 0.5)
    np.testing.assert_allclose(patterns.score, total, rtol=0, atol=2.0**-40)
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    np.testing.assert_array_equal(patterns.score * 2.0**40, np.round(patterns.score * 2.0**40))


def ratios_known(class_index, legs):
    """How many ratios of a class have their waves with so many legs."""
    return sum(int(ratio.name[1]) <= legs for ratio in CLASSES[CLASS_NAMES[class_index]].ratios)
