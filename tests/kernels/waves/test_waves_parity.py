"""The fast version equals the oracle: lists of patterns, scores, subdivisions, selections, targets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.waves import CLASS_NAMES, CLASSES, CONFIRMED, ScanSettings, enumerate_class, scan_origins
from tests.kernels.waves.charts import (
    EVERYTHING,
    SMALL_IMPULSE,
    TEXTBOOK,
    chart,
    children_of,
    random_bars,
    wave,
)

PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"
SIDES = [(name, direction) for name in CLASS_NAMES for direction in (1, -1)]


def assert_same_arrays(found, expected):
    """Equal columns of a scan or of its patterns: integers exactly, floats to 1e-12, scores to their last step."""
    for field in dataclasses.fields(expected):
        value, wanted = getattr(found, field.name), getattr(expected, field.name)
        if not isinstance(wanted, np.ndarray):
            continue
        assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape), field.name
        if wanted.dtype.kind == "f":
            step = 2.0**-39 if field.name == "score" else 0.0
            np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=step, err_msg=field.name)
        else:
            np.testing.assert_array_equal(value, wanted, err_msg=field.name)


def assert_same_scan(low, high, row, end, length, wanted):
    """Both backends give the same scan; return it."""
    found, expected = (
        scan_origins(low, high, row, end, length, settings=wanted, backend=backend) for backend in ("cpu", "naive")
    )
    assert (found.backend, expected.backend) == ("cpu", "naive")
    assert_same_arrays(found, expected)
    assert_same_arrays(found.patterns, expected.patterns)
    return found


def assert_same_lists(low, high, max_skip=None, max_span=504):
    """Both backends list the same patterns of every class; return how many of each class and direction there are."""
    counts = []
    for name, direction in SIDES:
        found, expected = (
            enumerate_class(low, high, name, direction, max_skip=max_skip, max_span=max_span, backend=backend)
            for backend in ("cpu", "naive")
        )
        assert found.dtype == expected.dtype == np.int32
        np.testing.assert_array_equal(found, expected, err_msg=f"{name} {direction}")
        counts.append(len(found))
    return np.array(counts)


def walks(rng, rows, count, **options):
    """Random walks of different drifts, one per row."""
    bars = [random_bars(rng, count, drift=drift, **options) for drift in rng.choice([-0.004, 0.0, 0.004], rows)]
    return np.array([low for low, _ in bars]), np.array([high for _, high in bars])


def sorted_origins(rng, rows, count, origins):
    """Rows, ends and lengths; some ask for nothing or for more than there is."""
    row, end = np.divmod(np.sort(rng.integers(0, rows * count, origins)), count)
    return row, end, rng.integers(0, count + 3, origins)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.one_of(st.integers(60, 110), st.integers(1, 20)),
    decimals=st.sampled_from([None, 1, 0]),
    missing=st.integers(0, 3),
    max_skip=st.sampled_from([None, 1, 2, 4]),
    max_span=st.sampled_from([504, 60, 25, 6, 1]),
)
def test_every_class_of_random_walks_with_plateaus_and_gaps(seed, count, decimals, missing, max_skip, max_span):
    low, high = walks(np.random.default_rng(seed), 1, count, decimals=decimals, missing=missing)
    assert_same_lists(low[0], high[0], max_skip, max_span)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.one_of(st.integers(60, 110), st.integers(1, 20)),
    decimals=st.sampled_from([None, 1, 0]),
    missing=st.integers(0, 3),
    max_skip=st.sampled_from([None, 1, 2, 4]),
    max_span=st.sampled_from([504, 60, 25, 6, 1]),
    top_n=st.sampled_from([5, 1, 0, 100]),
    setup_top_n=st.sampled_from([None, 2, 0]),
    max_overlap=st.sampled_from([0.8, 0.0, 0.5, 1.0]),
    directions=st.sampled_from([(1, -1), (-1, 1), (1,), (-1,)]),
    classes=st.sampled_from(
        [CLASS_NAMES, CLASS_NAMES[::-1], *((name,) for name in CLASS_NAMES), ("zigzag", "double_three", "impulse")]
    ),
)
def test_scans_of_random_walks_with_plateaus_and_gaps(seed, count, decimals, missing, **options):
    rng = np.random.default_rng(seed)
    low, high = walks(rng, 2, count, decimals=decimals, missing=missing)
    assert_same_scan(low, high, *sorted_origins(rng, 2, count, 5), ScanSettings(**options))


def test_the_random_walks_hold_every_class_setup_resolution_and_degree():
    rng = np.random.default_rng(3)
    counts = np.zeros(len(SIDES), int)
    kinds, resolutions, degrees, known_targets, lines = set(), set(), set(), 0, 0
    for _ in range(6):
        low, high = walks(rng, 1, 110)
        counts += assert_same_lists(low[0], high[0])
        ends = np.arange(54, 110, 5)
        found = assert_same_scan(low, high, 0 * ends, ends, 0 * ends + 80, EVERYTHING)
        patterns = found.patterns
        columns = patterns.class_index, patterns.direction, patterns.legs
        kinds |= set(zip(*(column.tolist() for column in columns), strict=True))
        resolutions |= set(patterns.resolution.ravel().tolist())
        degrees |= set(patterns.degree.tolist())
        known_targets += int(np.isfinite(patterns.targets).sum())
        lines += int(np.isfinite(found.line_target).sum())
        assert ((patterns.child >= 0) == (patterns.resolution == 1)).all()
    assert (counts > 0).all()
    legs = [(len(known.legs), *(setup.legs for setup in known.setups)) for known in CLASSES.values()]
    expected = {(i, side, count) for i, sizes in enumerate(legs) for side in (1, -1) for count in sizes}
    assert kinds == expected
    assert resolutions == {1, 0, -1, -2}
    assert degrees >= {0, 1, 2, 3}
    assert min(known_targets, lines) > 50


def test_asking_for_one_class_changes_none_of_its_scores():
    low, high = walks(np.random.default_rng(8), 1, 110)
    whole, one = (
        assert_same_scan(low, high, [0], [109], [110], dataclasses.replace(EVERYTHING, classes=classes))
        for classes in (CLASS_NAMES, ("impulse",))
    )

    def impulses(found):
        patterns = found.patterns
        mine = (patterns.class_index == 0) & (patterns.status == CONFIRMED)
        keys = zip(patterns.direction[mine].tolist(), map(tuple, patterns.pivots[mine].tolist()), strict=True)
        return dict(zip(keys, patterns.score[mine].tolist(), strict=True))

    assert impulses(one) == impulses(whole)
    assert impulses(one)
    assert (one.patterns.class_index[one.pattern] == 0).all()
    assert (one.patterns.class_index > 0).any()


def assert_same_chart(drawn):
    """Both backends say the same of a hand-made chart; return the patterns and the row of the chart's wave."""
    last = len(drawn.low) - 1
    patterns = assert_same_scan(drawn.low[None], drawn.high[None], [0], [last], [last + 1], EVERYTHING).patterns
    return patterns, drawn.found_in(patterns)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("name", TEXTBOOK)
def test_the_textbook_chart_of_every_class(name, direction):
    patterns, row = assert_same_chart(chart(TEXTBOOK[name], direction))
    assert patterns.degree[row] >= 1


def test_a_diagonal_with_an_impulse_inside_resolves_first_waves_and_no_last_ones():
    # No random walk of bearable length has one where it matters.
    slow_zigzag = wave("zigzag", 12, 8, 12)
    deep_impulse = wave("impulse", 4, 4, 24, 24, 24, lengths=(1, 0.92, 19.92, 18.5, 19.5))
    diagonal = wave("expanding_diagonal", *[slow_zigzag] * 4, deep_impulse, lengths=(1, 0.66, 1.4, 1.25, 1.45))
    for parts, expected in [
        ((diagonal, slow_zigzag, SMALL_IMPULSE), ("expanding_diagonal", "zigzag", "impulse")),
        ((SMALL_IMPULSE, slow_zigzag, diagonal), ("impulse", "zigzag", None)),
    ]:
        assert children_of(*assert_same_chart(chart(wave("zigzag", *parts)))) == expected


def test_a_line_that_has_fallen_behind_the_last_pivot_is_no_target():
    # The line through a triangle's A and C passes below its D while D still stands.
    line = np.interp(np.arange(31), [0, 2, 6, 9, 12, 14, 30], [105, 100, 130, 110, 118, 111, 113])[None]
    found = assert_same_scan(line, line, [0, 0], [15, 30], [31, 31], EVERYTHING)
    triangles = (found.patterns.pivots == [2, 6, 9, 12, 14, -1]).all(axis=1)[found.pattern]
    triangles &= (found.patterns.class_index == CLASS_NAMES.index("contracting_triangle"))[found.pattern]
    np.testing.assert_allclose(found.line_target[triangles], [130 * (118 / 130) ** (9 / 6), np.nan])


SAWTOOTH = 50 * np.exp(0.001 * np.arange(30) + 0.003 * (np.arange(30) % 2))
EDGES = {
    "constant": np.full(30, 7.0),
    "rising": np.linspace(5, 50, 30),
    "falling": np.linspace(50, 5, 30),
    "sawtooth": SAWTOOTH,
    "falling sawtooth": 1 / SAWTOOTH,
    "two prices": np.where(np.arange(30) % 3 == 0, 5.0, 6.0),
    "all missing": np.full(30, np.nan),
    "one huge outlier": np.where(np.arange(30) == 15, 1e12, SAWTOOTH),
    "extreme prices": np.exp(np.linspace(-600, 600, 30) + 20 * (np.arange(30) % 2)),
    "prices one unit in the last place apart": 100 + 1.5e-14 * (np.arange(30) % 4) + np.arange(30) // 4 * 1e-14,
}


@pytest.mark.parametrize("name", EDGES)
def test_edge_cases(name):
    line = EDGES[name]
    assert_same_lists(line, line)
    found = assert_same_scan(line[None], line[None], [0, 0, 0], [15, 28, 29], [16, 29, 30], ScanSettings())
    assert not np.isnan(found.patterns.score).any()


def test_prices_with_equal_logarithms_keep_scores_finite():
    # The second wave has a log length of 0: its two prices differ, their logarithms don't.
    just_below = np.nextafter(112.0, 0)
    assert np.log(just_below) == np.log(112.0)
    line = np.array([105, 100, 112, just_below, 128, 115, 130, 120])
    assert_same_lists(line, line)
    found = assert_same_scan(line[None], line[None], [0], [7], [8], EVERYTHING)
    assert (1, 2, 3, 4, 5, 6) in set(map(tuple, found.patterns.pivots.tolist()))
    assert np.isfinite(found.patterns.score).all()


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="the real prices in ../shared/data aren't here")
def test_real_slices():
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES, columns=["symbol", "low", "high"])
    symbol, low, high = (table[name].to_numpy() for name in ("symbol", "low", "high"))
    starts = np.flatnonzero(np.r_[True, symbol[1:] != symbol[:-1]])
    stops = np.append(starts[1:], len(symbol))
    rng = np.random.default_rng(11)
    patterns = 0
    for series in rng.choice(len(starts), 8, replace=False):
        count = int(min(rng.integers(80, 131), stops[series] - starts[series]))
        first = int(rng.integers(starts[series], stops[series] - count + 1))
        lows, highs = low[first : first + count].copy(), high[first : first + count]
        lows[lows > highs] = np.nan
        origins = [0, 0], [count // 2, count - 1], [63, count]
        patterns += len(assert_same_scan(lows[None], highs[None], *origins, ScanSettings(top_n=50)).patterns.score)
        assert_same_lists(lows, highs)
    assert patterns > 300
