"""Legs and classes once more, every rule written out by hand; every path of legs is tried, none is pruned."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from kernels.waves import CLASS_NAMES, enumerate_class
from tests.kernels.waves.charts import random_bars

FLATS = ("regular_flat", "expanded_flat", "running_flat")
TRIANGLES = ("contracting_triangle", "running_triangle", "expanding_triangle")

# w.x0, w.x1, ...: oriented log prices of the pivots; w.l1, w.l2, ...: log lengths of the legs; w.slope(a, b).
LEGS_AND_RULES = {
    "impulse": (
        5,
        lambda w: w.x2 > w.x0 and w.x3 > w.x1 and w.x4 > w.x1 and w.x5 > w.x3 and not w.l1 > w.l3 < w.l5,
    ),
    "contracting_diagonal": (
        5,
        lambda w: (
            (w.x2 > w.x0 and w.x3 > w.x1 and w.x2 < w.x4 <= w.x1 and w.x5 > w.x3)
            and (w.l3 < w.l1 and w.l5 < w.l3 and w.l4 < w.l2)
            and w.slope(2, 4) > w.slope(1, 3)
        ),
    ),
    "expanding_diagonal": (
        5,
        lambda w: (
            (w.x2 > w.x0 and w.x3 > w.x1 and w.x2 < w.x4 <= w.x1 and w.x5 > w.x3)
            and (w.l3 > w.l1 and w.l5 > w.l3 and w.l4 > w.l2)
            and w.slope(1, 3) > w.slope(2, 4)
        ),
    ),
    "zigzag": (3, lambda w: w.x2 > w.x0 and w.x3 > w.x1 and w.l2 < 0.9 * w.l1),
    "regular_flat": (3, lambda w: 0.9 * w.l1 <= w.l2 <= 1.05 * w.l1 and w.x3 > w.x1),
    "expanded_flat": (3, lambda w: 1.05 * w.l1 < w.l2 <= 2 * w.l1 and w.x3 > w.x1),
    "running_flat": (3, lambda w: w.l1 < w.l2 <= 2 * w.l1 and w.x3 <= w.x1),
    "contracting_triangle": (5, lambda w: w.x2 > w.x0 and w.x3 < w.x1 and w.x4 > w.x2 and w.x5 < w.x3),
    "running_triangle": (5, lambda w: w.x2 < w.x0 and w.x3 < w.x1 and w.x4 > w.x2 and w.x5 < w.x3),
    "expanding_triangle": (5, lambda w: w.x2 < w.x0 and w.x3 > w.x1 and w.x4 < w.x2 and w.x5 > w.x3),
}


def legs_from(low, high, max_skip):
    """Ends of the legs from each bar, keyed by the bar and by whether they rise."""
    n = len(low)
    inner = range(1, n - 1)
    swing_lows = [t for t in inner if low[t] < low[t - 1] and low[t] <= low[t + 1]]
    swing_highs = [t for t in inner if high[t] > high[t - 1] and high[t] >= high[t + 1]]
    legs = defaultdict(list)
    for trough in swing_lows:
        for peak in swing_highs:
            if trough == peak:
                continue
            if trough < peak:
                if (low[trough + 1 : peak + 1] >= low[trough]).all() and (high[trough:peak] < high[peak]).all():
                    legs[trough, True].append(peak)
            elif (high[peak + 1 : trough + 1] <= high[peak]).all() and (low[peak:trough] > low[trough]).all():
                legs[peak, False].append(trough)
    return {key: sorted(ends)[:max_skip] for key, ends in legs.items()}


def all_paths(low, high, direction, count, max_skip, max_span):
    """Every path of `count` alternating legs that is shorter than `max_span`."""
    legs = legs_from(low, high, max_skip)
    paths = [[bar] for bar in range(len(low))]
    for leg in range(count):
        rising = (direction == 1) == (leg % 2 == 0)
        paths = [[*path, end] for path in paths for end in legs.get((path[-1], rising), [])]
    return [path for path in paths if path[-1] - path[0] < max_span]


def measured(low, high, direction, path):
    """What the rules compare."""
    x = [
        direction * math.log((low if (direction == 1) == (pivot % 2 == 0) else high)[bar])
        for pivot, bar in enumerate(path)
    ]
    measures = {f"x{pivot}": value for pivot, value in enumerate(x)}
    measures |= {f"l{leg}": abs(after - before) for leg, (before, after) in enumerate(pairwise(x), start=1)}
    return SimpleNamespace(**measures, slope=lambda a, b: (x[b] - x[a]) / (path[b] - path[a]))


def brute_force(low, high, max_skip=None, max_span=504):
    """Every pattern of every class, keyed by class and direction, sorted."""
    found = {}
    for direction in (1, -1):
        paths = {count: all_paths(low, high, direction, count, max_skip, max_span) for count in (3, 5)}
        for name, (count, rule) in LEGS_AND_RULES.items():
            found[name, direction] = [
                tuple(path) for path in paths[count] if rule(measured(low, high, direction, path))
            ]
        found["paths", direction] = [tuple(path) for path in paths[3]]

    def spanned(names, direction):
        return {(pivots[0], pivots[-1]) for name in names for pivots in found[name, direction]}

    for direction in (1, -1):
        zigzags = spanned(["zigzag"], direction)
        first_three = spanned(["zigzag", *FLATS], direction)
        last_three = spanned(["zigzag", *FLATS, *TRIANGLES], direction)
        double_zigzags = {p for p in found["zigzag", direction] if (p[0], p[1]) in zigzags and (p[2], p[3]) in zigzags}
        found["double_zigzag", direction] = list(double_zigzags)
        found["double_three", direction] = [
            p
            for p in found["paths", direction]
            if (p[0], p[1]) in first_three and (p[2], p[3]) in last_three and p not in double_zigzags
        ]
    return {key: sorted(patterns) for key, patterns in found.items() if key[0] != "paths"}


def listed(low, high, **limits):
    """The same from the fast version."""
    return {
        (name, direction): list(
            map(tuple, enumerate_class(low, high, name, direction, backend="cpu", **limits).tolist())
        )
        for name in CLASS_NAMES
        for direction in (1, -1)
    }


def walk(seed, count=60, **options):
    return random_bars(np.random.default_rng(seed), count, **options)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_every_class_equals_the_brute_force(seed, decimals):
    low, high = walk(seed, decimals=decimals, drift=(-0.003, 0.0, 0.003)[seed % 3])
    assert listed(low, high) == brute_force(low, high)


@pytest.mark.parametrize("seed", range(4))
def test_every_class_equals_the_brute_force_where_bars_are_missing(seed):
    low, high = walk(100 + seed, missing=3)
    assert np.isnan(low).any()
    assert listed(low, high) == brute_force(low, np.where(np.isnan(low), np.nan, high))


@pytest.mark.parametrize("max_skip", [1, 2, None])
@pytest.mark.parametrize("max_span", [6, 15, 40])
def test_every_class_equals_the_brute_force_under_limits(max_skip, max_span):
    low, high = walk(200 + max_span, decimals=0)
    limits = {"max_skip": max_skip, "max_span": max_span}
    assert listed(low, high, **limits) == brute_force(low, high, **limits)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("name", CLASS_NAMES)
def test_the_walks_hold_every_class(name, direction):
    bars = [walk(seed, decimals=decimals, drift=0.003 * (seed % 3 - 1)) for seed in range(8) for decimals in (None, 0)]
    assert sum(len(enumerate_class(low, high, name, direction, backend="cpu")) for low, high in bars) > 0


def test_no_path_is_both_a_double_zigzag_and_a_double_three():
    doubles = threes = 0
    for seed in range(4):
        low, high = walk(seed, count=110)
        for direction in (1, -1):
            found = {
                name: set(map(tuple, enumerate_class(low, high, name, direction, backend="cpu").tolist()))
                for name in ("double_zigzag", "double_three", "zigzag")
            }
            assert not found["double_zigzag"] & found["double_three"]
            assert found["double_zigzag"] <= found["zigzag"]
            doubles += len(found["double_zigzag"])
            threes += len(found["double_three"])
    assert min(doubles, threes) > 0
