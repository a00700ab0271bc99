"""A hand-made impulse, read as a chartist would: 100 -> 120 -> 108 -> 130 -> 124 -> 140."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.waves import COMPONENTS, CONFIRMED, MARGINS, SETUP, ScanSettings, enumerate_class, scan
from kernels.waves.describe import describe_patterns
from tests.kernels.waves.charts import zigzag

PIVOTS = [3, 11, 16, 28, 33, 41]
PRICES = np.array([100, 120, 108, 130, 124, 140])
LOW, HIGH = zigzag((0, 110), *zip(PIVOTS, PRICES, strict=True), (45, 130), width=0.0)
COUNT = len(LOW)
DIRECTIONS = [pytest.param(1, LOW, HIGH, id="up"), pytest.param(-1, 1 / HIGH, 1 / LOW, id="down")]


def scan_until(end, low=LOW, high=HIGH, **options):
    """The scan of one series as of bar `end`, with the window as long as the series."""
    return scan(low[None], high[None], [0], [end], [len(low)], settings=ScanSettings(**options))


def setup_of(found, pivots):
    """The row of the setup with these pivots; None where it isn't there."""
    padded = np.array([*pivots, *[-1] * (6 - len(pivots))])
    rows = np.flatnonzero((found.pivots == padded).all(axis=1) & (found.status == SETUP))
    return int(rows[0]) if len(rows) else None


@pytest.mark.parametrize(("direction", "low", "high"), DIRECTIONS)
def test_the_impulse_is_found_and_nothing_else(direction, low, high):
    np.testing.assert_array_equal(enumerate_class(low, high, "impulse", direction), [PIVOTS])
    assert enumerate_class(low, high, "impulse", -direction).shape == (0, 6)


def test_the_confirmed_impulse_is_reported_with_prices_components_and_margins():
    found = scan_until(42)
    assert found.status[0] == CONFIRMED
    assert (found.rank[0], found.legs[0], found.direction[0], found.class_index[0]) == (1, 5, 1, 0)
    assert found.candidates.tolist() == [1]
    np.testing.assert_array_equal(found.pivots[0], PIVOTS)
    np.testing.assert_allclose(found.prices[0], PRICES)
    assert np.isnan(found.targets[0]).all()
    assert np.isnan(found.invalidation[0])

    x = np.log(PRICES)
    l1, l2, l3, l4, l5 = np.abs(np.diff(x))

    def g(ratio, *targets):
        return max(math.exp(-0.5 * (math.log(ratio / target) / 0.1) ** 2) for target in targets)

    fibonacci = np.mean(
        [
            g(l2 / l1, 0.5, 0.618),
            g(l3 / l1, 1.618, 2.618),
            g(l4 / l3, 0.236, 0.382),
            g(l5 / l1, 0.618, 1.0, 1.618),
            g(l5 / (x[3] - x[0]), 0.382, 0.618, 1.618),
        ]
    )
    slope_13, slope_24 = (x[3] - x[1]) / 17, (x[4] - x[2]) / 17
    channel_4 = (x[4] - (x[2] + slope_13 * 17)) / (x[1] + slope_13 * 5 - x[2])
    channel_5 = (x[5] - (x[3] + slope_24 * 13)) / (x[3] - (x[2] + slope_24 * 12))
    margins = [
        math.log(108 / 100) / l1,
        math.log(130 / 120) / l3,
        math.log(124 / 120) / math.log(130 / 120),
        math.log(140 / 130) / l5,
        1 - l5 / l3,
    ]
    slopes = l1 / 8, l3 / 12, l5 / 8
    expected = {
        "fibonacci": fibonacci,
        "alternation": 1 - math.exp(-math.log((l2 / l1) / (l4 / l3)) / math.log(1.618)),
        "time": np.mean([5 / 8, 5 / 12, 5 / 12, 5 / 8]),
        "channel": np.mean([math.exp(-0.5 * (e / 0.25) ** 2) for e in (channel_4, channel_5)]),
        "momentum": slopes[1] / (slopes[1] + max(slopes[0], slopes[2])),
        "rule_margin": min(margins) / (min(margins) + 0.1),
        "subdivision": math.nan,
    }
    np.testing.assert_allclose(found.components[0], [expected[name] for name in COMPONENTS], rtol=1e-9)
    assert MARGINS[0] == "wave_2_above_start"
    np.testing.assert_allclose(found.margins[0], margins, rtol=1e-9)
    weights = {"fibonacci": 0.5, "alternation": 0.1, "time": 0.05, "channel": 0.15, "momentum": 0.1, "rule_margin": 0.1}
    np.testing.assert_allclose(found.score[0], sum(weights[name] * expected[name] for name in weights), rtol=1e-9)


def test_an_ideal_impulse_scores_higher_than_any_distortion_of_it():
    def score(l2, l3, l4, l5):
        vertices = 100 * np.exp(np.cumsum([0, 0.2, -l2, l3, -l4, l5]))
        low, high = zigzag((0, 105), *zip([4, 24, 40, 64, 76, 96], vertices, strict=True), (100, vertices[-1] * 0.97))
        found = scan(low[None], high[None], [0], [100], [101])
        return found.score[(found.legs == 5) & (found.direction == 1)].max()

    ideal = score(0.618 * 0.2, 1.618 * 0.2, 0.382 * 1.618 * 0.2, 0.2)
    assert ideal > 0.7
    for distorted in [(0.35, 1.618, 0.618, 1.0), (0.618, 1.2, 0.4, 1.0), (0.618, 1.618, 0.8, 1.3)]:
        assert score(*(0.2 * length for length in distorted)) < ideal - 0.05


def test_an_impulse_is_confirmed_one_bar_after_its_last_pivot():
    assert scan_until(41).candidates.tolist() == [0]
    assert scan_until(42).candidates.tolist() == [1]
    assert scan_until(44).candidates.tolist() == [1]


@pytest.mark.parametrize(("direction", "low", "high"), DIRECTIONS)
def test_wave_3_setup_has_targets_and_invalidation(direction, low, high):
    found = scan_until(17, low, high)
    at = setup_of(found, PIVOTS[:3])
    assert (found.direction[at], found.legs[at]) == (direction, 2)
    np.testing.assert_allclose(found.invalidation[at], 100.0**direction)
    expected = [108 * 1.2**multiple for multiple in (1.0, 1.618, 2.618)]
    np.testing.assert_allclose(found.targets[at], [*np.power(expected, direction), math.nan])
    np.testing.assert_allclose(found.prices[at], [*np.power(PRICES[:3], float(direction)), *[math.nan] * 3])
    known = dict(zip(COMPONENTS, ~np.isnan(found.components[at]), strict=True))
    assert [name for name in COMPONENTS if known[name]] == ["fibonacci", "time", "rule_margin"]
    assert np.isnan(found.margins[at]).tolist() == [False, True, True, True, True]


def test_wave_4_setup_leaves_out_the_target_that_would_overlap_wave_1():
    found = scan_until(29)
    at = setup_of(found, PIVOTS[:4])
    np.testing.assert_allclose(found.invalidation[at], 120)
    retraced = [130 * (108 / 130) ** multiple for multiple in (0.236, 0.382, 0.5)]
    assert retraced[1] > 120 > retraced[2]
    np.testing.assert_allclose(found.targets[at], [*retraced[:2], math.nan, math.nan])


@pytest.mark.parametrize("end", [34, 36])
def test_wave_5_setup_has_the_channel_line_as_of_its_session(end):
    found = scan_until(end)
    at = setup_of(found, PIVOTS[:5])
    np.testing.assert_allclose(found.invalidation[at], 120)
    multiples = [124 * 1.2**multiple for multiple in (0.618, 1.0, 1.618)]
    line = 130 * (124 / 108) ** ((end - 28) / 17)
    np.testing.assert_allclose(found.targets[at], [*multiples, line])


def test_wave_5_targets_that_would_make_wave_3_the_shortest_are_left_out():
    low, high = zigzag((0, 110), (3, 100), (11, 120), (16, 112), (28, 128), (33, 126), (35, 127), width=0.0)
    found = scan(low[None], high[None], [0], [34], [36])
    at = setup_of(found, [3, 11, 16, 28, 33])
    length_3, length_1 = math.log(128 / 112), math.log(1.2)
    assert 0.618 * length_1 < length_3 < length_1
    np.testing.assert_allclose(found.targets[at], [126 * 1.2**0.618, math.nan, math.nan, 128 * 1.125 ** (6 / 17)])


def stages(low, high, pivots):
    """The bars as of which the setup with these pivots stands."""
    return [end for end in range(len(low)) if setup_of(scan_until(end, low, high, max_overlap=1.0), pivots) is not None]


@pytest.mark.parametrize(("direction", "low", "high"), DIRECTIONS)
def test_setups_stand_from_their_confirmation_until_their_last_pivot_is_beaten(direction, low, high):
    assert direction in (1, -1)
    assert stages(low, high, PIVOTS[:3]) == list(range(17, 46))
    first_above_130 = next(t for t in range(33, 42) if LOW[t] > 130.0001)
    assert stages(low, high, PIVOTS[:4]) == list(range(29, first_above_130))
    assert stages(low, high, PIVOTS[:5]) == list(range(34, 46))


def test_a_bar_that_equals_the_last_pivot_lets_the_setup_stand():
    low, high = zigzag((0, 110), (3, 100), (11, 120), (16, 108), (20, 112), (24, 108), (26, 110), (30, 107), width=0.0)
    high[16] = low[16] = low[24] = high[24] = 108.0
    assert stages(low, high, [3, 11, 16])[:1] == [17]
    assert max(stages(low, high, [3, 11, 16])) == next(t for t in range(24, 31) if low[t] < 108) - 1


def test_a_wave_4_setup_falls_when_price_reaches_the_end_of_wave_1():
    low, high = zigzag((0, 110), (3, 100), (11, 120), (16, 108), (28, 130), (40, 110), width=0.0)
    first_overlap = next(t for t in range(28, 41) if low[t] <= 120)
    assert stages(low, high, [3, 11, 16, 28]) == list(range(29, first_overlap))


def test_a_wave_4_setup_never_stands_when_the_bar_of_its_last_pivot_already_overlaps_wave_1():
    low, high = zigzag((0, 110), (3, 100), (11, 120), (16, 108), (28, 130), (34, 124), width=0.0)
    assert stages(low, high, [3, 11, 16, 28])
    low[28] = 119.0
    assert stages(low, high, [3, 11, 16, 28]) == []


def test_a_wave_5_setup_falls_when_wave_3_would_be_the_shortest():
    low, high = zigzag((0, 110), (3, 100), (11, 120), (16, 112), (28, 128), (33, 126), (53, 160), width=0.0)
    too_long = next(t for t in range(33, 54) if high[t] > 126 * 128 / 112)
    assert stages(low, high, [3, 11, 16, 28, 33]) == list(range(34, too_long))


def test_a_setup_falls_with_a_missing_bar_and_with_the_longest_span():
    low, high = LOW.copy(), HIGH.copy()
    low[24] = np.nan
    assert stages(low, high, PIVOTS[:3]) == list(range(17, 24))
    spans = [
        end for end in range(COUNT) if setup_of(scan_until(end, max_span=30, max_overlap=1.0), PIVOTS[:3]) is not None
    ]
    assert spans == list(range(17, 3 + 30))


def test_the_window_holds_p0_and_one_bar_before_it_serves_as_its_neighbour():
    def counts(length):
        found = scan(LOW[None], HIGH[None], [0], [44], [length])
        return found.candidates.tolist(), int(found.standing[0])

    assert counts(44 - 3 + 1)[0] == [1]
    assert counts(44 - 3)[0] == [0]
    assert counts(0) == ([0], 0)


def test_every_cell_of_the_description_is_written():
    found = scan_until(42)
    count = len(found.score)
    poisoned = [np.full(shape, -777.0) for shape in ((count, 6), (count, 7), (count, 5), (count, 4), (count,))]
    origins = np.zeros(1, np.int32), np.array([42], np.int32)
    patterns = found.origin, found.direction, found.legs, found.pivots
    describe_patterns(LOW[None], HIGH[None], *origins, *patterns, 0, count, *poisoned)
    expected = found.prices, found.components, found.margins, found.targets, found.invalidation
    for written, reported in zip(poisoned, expected, strict=True):
        np.testing.assert_array_equal(written, reported)
