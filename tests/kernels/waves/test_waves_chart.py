"""Hand-made charts, read as a chartist would: one of each class, and a plain impulse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.waves import (
    CLASS_NAMES,
    CLASSES,
    COMPONENTS,
    CONFIRMED,
    NO_LEG,
    RESOLVED,
    SETUP,
    UNRESOLVED,
    ScanSettings,
    enumerate_class,
    scan_origins,
)
from kernels.waves.describe import describe_patterns
from kernels.waves.program import program
from tests.kernels.waves.charts import (
    EVERYTHING,
    SMALL_IMPULSE,
    SMALL_ZIGZAG,
    SUBDIVIDED_IMPULSE,
    TEXTBOOK,
    chart,
    children_of,
    scan_chart,
    wave,
    zigzag,
)

PIVOTS = [3, 11, 16, 28, 33, 41]
PRICES = np.array([100, 120, 108, 130, 124, 140])
LOW, HIGH = zigzag((0, 110), *zip(PIVOTS, PRICES, strict=True), (45, 130), width=0.0)
COUNT = len(LOW)
DIRECTIONS = [pytest.param(1, LOW, HIGH, id="up"), pytest.param(-1, 1 / HIGH, 1 / LOW, id="down")]
IMPULSES = ScanSettings(classes=("impulse",), top_n=10**6, max_overlap=1.0)


def scan_until(end, low=LOW, high=HIGH):
    """The impulses of one series as of bar `end`, with the window as long as the series."""
    return scan_origins(low[None], high[None], [0], [end], [len(low)], settings=IMPULSES, backend="cpu")


def setup_of(found, pivots):
    """The row of the impulse setup with these pivots; None where it isn't there."""
    padded = np.array([*pivots, *[-1] * (6 - len(pivots))])
    rows = np.flatnonzero((found.patterns.pivots == padded).all(axis=1) & (found.patterns.status == SETUP))
    return int(rows[0]) if len(rows) else None


def line_of(found, row):
    """The channel line of a kept setup."""
    [line] = found.line_target[found.pattern == row]
    return line


def test_there_is_a_textbook_wave_of_every_class():
    assert set(TEXTBOOK) == set(CLASS_NAMES)
    for name, example in TEXTBOOK.items():
        assert len(example.parts) == len(CLASSES[name].legs)
        assert example.degree == 1


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("name", CLASS_NAMES)
def test_the_textbook_wave_is_found_with_its_degree_and_the_classes_of_its_legs(name, direction):
    drawn = chart(TEXTBOOK[name], direction)
    assert drawn.pivots in enumerate_class(drawn.low, drawn.high, name, direction, backend="cpu").tolist()
    found = scan_chart(drawn).patterns
    row = drawn.found_in(found)
    legs = len(drawn.wave.parts)
    assert (found.status[row], found.legs[row], found.degree[row]) == (CONFIRMED, legs, 1)
    assert found.resolution[row].tolist() == [RESOLVED] * legs + [NO_LEG] * (5 - legs)
    assert children_of(found, row) == drawn.wave.children
    np.testing.assert_allclose(found.prices[row, : legs + 1], drawn.prices, rtol=1e-12)
    assert found.components[row, COMPONENTS.index("subdivision")] == 1.0
    assert np.isnan(found.targets[row]).all()
    assert np.isnan(found.invalidation[row])
    names_of_legs = [set(leg.classes) | set(leg.leading) for leg in CLASSES[name].legs]
    assert all(child in names for child, names in zip(drawn.wave.children, names_of_legs, strict=True))


def beyond(p, pivot, leg, *multiples):
    """Prices at multiples of a leg from a pivot."""
    return [p[pivot] * (p[leg] / p[leg - 1]) ** multiple for multiple in multiples]


def line_through(p, t, a, b, through, end):
    """Price at bar `end` of the parallel of the line a-b through a pivot."""
    return p[through] * (p[b] / p[a]) ** ((end - t[through]) / (t[b] - t[a]))


# Per class and legs: targets and invalidation from prices p, and the line a-b, through.
SETUPS = {
    ("impulse", 2): (lambda p: beyond(p, 2, 1, 1.0, 1.618, 2.618), lambda p: p[0], None),
    ("impulse", 3): (lambda p: beyond(p, 3, 3, -0.236, -0.382, -0.5), lambda p: p[1], None),
    ("impulse", 4): (lambda p: beyond(p, 4, 1, 0.618, 1.0, 1.618), lambda p: p[1], (2, 4, 3)),
    ("zigzag", 2): (lambda p: beyond(p, 2, 1, 0.618, 1.0, 1.618), lambda p: p[0], (0, 2, 1)),
    ("regular_flat", 2): (lambda p: beyond(p, 2, 1, 1.0), lambda p: p[1] * (p[0] / p[1]) ** 1.05, None),
    ("expanded_flat", 2): (lambda p: beyond(p, 2, 1, 1.618), lambda p: p[0] ** 2 / p[1], None),
    ("running_flat", 2): (lambda p: beyond(p, 2, 1, 1.0), lambda p: p[0] ** 2 / p[1], None),
    ("contracting_triangle", 4): (lambda p: beyond(p, 4, 3, 0.618), lambda p: p[2], (1, 3, 3)),
    ("running_triangle", 4): (lambda p: beyond(p, 4, 3, 0.618), lambda p: p[2], (1, 3, 3)),
    ("expanding_triangle", 4): (lambda p: beyond(p, 4, 3, 1.618), lambda p: p[4], (1, 3, 3)),
}


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("name", "legs"), SETUPS)
def test_the_setup_of_a_textbook_wave_has_its_targets_and_its_invalidation(name, legs, direction):
    drawn = chart(TEXTBOOK[name], direction)
    p, t = drawn.prices, drawn.pivots
    targets, invalidation, line = SETUPS[name, legs]
    wanted = targets(p)
    assert scan_has_no_setup(drawn, legs, t[legs])
    for end in (t[legs] + 1, t[legs] + 2):
        found = scan_chart(drawn, end)
        row = drawn.found_in(found.patterns, legs)
        assert found.patterns.status[row] == SETUP
        np.testing.assert_allclose(found.patterns.targets[row], wanted + [math.nan] * (3 - len(wanted)), rtol=1e-9)
        np.testing.assert_allclose(found.patterns.invalidation[row], invalidation(p), rtol=1e-9)
        expected = math.nan if line is None else line_through(p, t, *line, end)
        np.testing.assert_allclose(line_of(found, row), expected, rtol=1e-9)


def scan_has_no_setup(drawn, legs, end):
    """Whether the setup isn't there as of a bar."""
    found = scan_chart(drawn, end).patterns
    padded = [*drawn.pivots[: legs + 1], *[-1] * (5 - legs)]
    return not ((found.pivots == padded).all(axis=1) & (found.status == SETUP)).any()


def test_only_these_prefixes_are_setups():
    assert set(SETUPS) == {(name, setup.legs) for name in CLASS_NAMES for setup in CLASSES[name].setups}
    drawn = [chart(example) for example in TEXTBOOK.values()]
    seen = set()
    for one in drawn:
        ends = np.arange(len(one.low))
        same = np.zeros_like(ends)
        found = scan_origins(
            one.low[None], one.high[None], same, ends, same + len(ends), settings=EVERYTHING, backend="cpu"
        )
        standing = found.patterns.status == SETUP
        classes = found.patterns.class_index[standing].tolist()
        seen |= {
            (CLASS_NAMES[index], legs)
            for index, legs in zip(classes, found.patterns.legs[standing].tolist(), strict=True)
        }
    assert seen == set(SETUPS)


@pytest.mark.parametrize(("direction", "low", "high"), DIRECTIONS)
def test_the_impulse_is_found_and_nothing_else(direction, low, high):
    np.testing.assert_array_equal(enumerate_class(low, high, "impulse", direction, backend="cpu"), [PIVOTS])
    assert enumerate_class(low, high, "impulse", -direction, backend="cpu").shape == (0, 6)


def test_the_confirmed_impulse_is_reported_with_prices_components_margins_and_score():
    scanned = scan_until(42)
    assert scanned.candidates.tolist() == [1]
    assert (scanned.origin[0], scanned.pattern[0], scanned.rank[0]) == (0, 0, 1)
    found = scanned.patterns
    assert found.status[0] == CONFIRMED
    assert (found.legs[0], found.direction[0], found.class_index[0]) == (5, 1, 0)
    assert (found.series[0], found.degree[0]) == (0, 0)
    np.testing.assert_array_equal(found.pivots[0], PIVOTS)
    np.testing.assert_allclose(found.prices[0], PRICES)

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
    gaps = np.log([108 / 100, 130 / 120, 124 / 120, 140 / 130])
    margins = [*(gaps / (gaps + np.array([l2, l3, l4, l5]))), 1 - l5 / l3]
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
    np.testing.assert_allclose(found.margins[0], margins + [math.nan] * (found.margins.shape[1] - 5), rtol=1e-9)
    weights = {"fibonacci": 0.4, "alternation": 0.1, "time": 0.05, "channel": 0.1, "momentum": 0.1, "rule_margin": 0.05}
    # Its legs are too short to tell, so the subdivision counts one half of its weight of 0.2.
    total = sum(weights[name] * expected[name] for name in weights) + 0.2 * 0.5
    np.testing.assert_allclose(found.score[0], total, atol=2**-40)
    assert found.score[0] * 2**40 == round(found.score[0] * 2**40)


def test_the_subdivision_earns_its_weight_with_the_legs_that_can_be_told():
    # Three of five legs are resolved and the others too short to tell.
    some = chart(wave("impulse", SMALL_IMPULSE, SMALL_ZIGZAG, SMALL_IMPULSE, 8, 11))
    every = chart(SUBDIVIDED_IMPULSE)
    plain = chart(wave("impulse", 11, 8, 11, 8, 11))
    scores = []
    for drawn in (plain, some, every):
        found = scan_chart(drawn).patterns
        scores.append(found.score[drawn.found_in(found)])
    np.testing.assert_allclose(np.array(scores) - scores[0], [0, 0.2 * 3 / 5 * 0.5, 0.2 * 0.5], atol=1e-9)


def test_an_ideal_impulse_scores_higher_than_any_distortion_of_it():
    def score(l2, l3, l4, l5):
        vertices = 100 * np.exp(np.cumsum([0, 0.2, -l2, l3, -l4, l5]))
        low, high = zigzag((0, 105), *zip([4, 24, 40, 64, 76, 96], vertices, strict=True), (100, vertices[-1] * 0.97))
        found = scan_until(100, low, high).patterns
        return found.score[(found.legs == 5) & (found.direction == 1)].max()

    ideal = score(0.618 * 0.2, 1.618 * 0.2, 0.382 * 1.618 * 0.2, 0.2)
    assert ideal > 0.65
    for distorted in [(0.35, 1.618, 0.618, 1.0), (0.618, 1.2, 0.4, 1.0), (0.618, 1.618, 0.8, 1.3)]:
        assert score(*(0.2 * length for length in distorted)) < ideal - 0.04


def test_an_impulse_is_confirmed_one_bar_after_its_last_pivot():
    assert scan_until(41).candidates.tolist() == [0]
    assert scan_until(42).candidates.tolist() == [1]
    assert scan_until(44).candidates.tolist() == [1]


@pytest.mark.parametrize(("direction", "low", "high"), DIRECTIONS)
def test_the_wave_3_setup_knows_only_its_own_components_and_margins(direction, low, high):
    found = scan_until(17, low, high).patterns
    at = setup_of(scan_until(17, low, high), PIVOTS[:3])
    assert (found.direction[at], found.legs[at]) == (direction, 2)
    np.testing.assert_allclose(found.prices[at], [*np.power(PRICES[:3], float(direction)), *[math.nan] * 3])
    known = dict(zip(COMPONENTS, ~np.isnan(found.components[at]), strict=True))
    assert [name for name in COMPONENTS if known[name]] == ["fibonacci", "time", "rule_margin"]
    assert np.isnan(found.margins[at]).tolist() == [False] + [True] * (found.margins.shape[1] - 1)
    assert found.resolution[at].tolist() == [UNRESOLVED, UNRESOLVED, NO_LEG, NO_LEG, NO_LEG]


def test_wave_4_setup_leaves_out_the_target_that_would_overlap_wave_1():
    found = scan_until(29)
    at = setup_of(found, PIVOTS[:4])
    np.testing.assert_allclose(found.patterns.invalidation[at], 120)
    retraced = [130 * (108 / 130) ** multiple for multiple in (0.236, 0.382, 0.5)]
    assert retraced[1] > 120 > retraced[2]
    np.testing.assert_allclose(found.patterns.targets[at], [*retraced[:2], math.nan])


@pytest.mark.parametrize("end", [34, 36])
def test_wave_5_setup_has_the_channel_line_as_of_its_session(end):
    found = scan_until(end)
    at = setup_of(found, PIVOTS[:5])
    np.testing.assert_allclose(found.patterns.targets[at], [124 * 1.2**multiple for multiple in (0.618, 1.0, 1.618)])
    np.testing.assert_allclose(line_of(found, at), 130 * (124 / 108) ** ((end - 28) / 17))


def test_wave_5_targets_that_would_make_wave_3_the_shortest_are_left_out():
    low, high = zigzag((0, 110), (3, 100), (11, 120), (16, 112), (28, 128), (33, 126), (35, 127), width=0.0)
    found = scan_until(34, low, high)
    at = setup_of(found, [3, 11, 16, 28, 33])
    length_3, length_1 = math.log(128 / 112), math.log(1.2)
    assert 0.618 * length_1 < length_3 < length_1
    np.testing.assert_allclose(found.patterns.targets[at], [126 * 1.2**0.618, math.nan, math.nan])
    np.testing.assert_allclose(line_of(found, at), 128 * 1.125 ** (6 / 17))


def stages(low, high, pivots, **options):
    """The bars as of which the impulse setup with these pivots stands."""
    ends = np.arange(len(low))
    zeros = np.zeros_like(ends)
    settings = ScanSettings(classes=("impulse",), max_overlap=1.0, **options)
    found = scan_origins(low[None], high[None], zeros, ends, zeros + len(low), settings=settings, backend="cpu")
    return sorted(ends[found.origin[found.pattern == setup_of(found, pivots)]].tolist())


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
    assert stages(LOW, HIGH, PIVOTS[:3], max_span=30) == list(range(17, 3 + 30))


def test_the_window_holds_p0_and_one_bar_before_it_serves_as_its_neighbour():
    def counts(length):
        found = scan_origins(LOW[None], HIGH[None], [0], [44], [length], settings=IMPULSES, backend="cpu")
        return found.candidates.tolist(), int(found.standing[0])

    assert counts(44 - 3 + 1)[0] == [1]
    assert counts(44 - 3)[0] == [0]
    assert counts(0) == ([0], 0)


def test_every_cell_of_the_description_is_written():
    found = scan_chart(chart(SUBDIVIDED_IMPULSE)).patterns
    drawn = chart(SUBDIVIDED_IMPULSE)
    count = len(found.score)
    expected = found.prices, found.components, found.margins, found.targets, found.invalidation
    poisoned = [np.full_like(reported, -777.0) for reported in expected]
    patterns = found.series, found.class_index, found.direction, found.legs, found.pivots, found.resolution
    describe_patterns(program(), drawn.low[None], drawn.high[None], *patterns, 0, count, *poisoned)
    for written, reported in zip(poisoned, expected, strict=True):
        np.testing.assert_array_equal(written, reported)
