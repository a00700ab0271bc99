"""Bad, poor and odd input: refused with the reason, or answered as the definitions say."""

from __future__ import annotations

import resource
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.panel import PricePanel
from kernels.waves import CLASS_NAMES, CLASSES, ScanSettings, enumerate_class, scan, scan_origins
from tests.kernels.waves.charts import EVERYTHING, assert_same, columns, random_bars

LOW, HIGH = random_bars(np.random.default_rng(30), 120)
SIDES = [(name, direction) for name in CLASS_NAMES for direction in (1, -1)]


def with_bar(prices, bar, value):
    changed = prices.copy()
    changed[bar] = value
    return changed


def patterns_of(low, high, **options):
    """The pivots of every class and direction."""
    return [enumerate_class(low, high, *side, backend="cpu", **options) for side in SIDES]


def scan_rows(low, high, settings=EVERYTHING, backend="cpu"):
    """The scan of every row as of its last bar."""
    rows, count = low.shape
    return scan_origins(
        low, high, np.arange(rows), np.full(rows, count - 1), np.full(rows, count), settings=settings, backend=backend
    )


def panel_of(low, high):
    """A panel of these bars, close at the low."""
    rows, count = low.shape
    sessions = np.datetime64("2018-01-01") + np.arange(count)
    symbols = tuple(f"S{row}" for row in range(rows))
    return PricePanel(symbols, sessions, low.copy(), high.copy(), low.copy(), low.copy(), np.ones_like(low))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (with_bar(LOW, 17, HIGH[17] + 1), HIGH, "bar 17: expected low <= high"),
        (LOW, with_bar(HIGH, 5, np.inf), "bar 5: expected a finite high"),
        (with_bar(LOW, 6, -np.inf), HIGH, "bar 6: expected a finite low"),
        (with_bar(LOW, 7, 0.0), HIGH, "bar 7: expected a finite low above 0"),
        (with_bar(LOW, 0, -1.0), HIGH, "bar 0: expected a finite low above 0"),
        (with_bar(LOW, 8, -2.0), with_bar(HIGH, 8, np.nan), "bar 8: expected a finite low above 0"),
        (LOW, with_bar(HIGH, 119, -3.0), "bar 119: expected a finite high above 0"),
        (LOW[:-1], HIGH, r"shapes \(119,\) and \(120,\)"),
        (LOW[None], HIGH[None], "1 axes"),
        (np.float64(3.0), np.float64(4.0), "1 axes"),
        (LOW.astype(str), HIGH, "low: expected real numbers"),
        (LOW > 50, HIGH, "low: expected real numbers"),
        (LOW, HIGH.astype(complex), "high: expected real numbers"),
        (LOW, np.full(120, None), "high: expected real numbers"),
    ],
)
@pytest.mark.parametrize("name", ["impulse", "zigzag", "double_three"])
def test_bad_bars_are_refused_and_named(name, low, high, said):
    with pytest.raises(InvalidInputError, match=said):
        enumerate_class(low, high, name, 1)


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, -np.inf, 1e9])
def test_a_scan_names_the_row_and_bar_of_a_bad_price(value):
    low, high = np.stack([LOW, with_bar(LOW, 9, value)]), np.stack([HIGH, HIGH])
    with pytest.raises(InvalidInputError, match="bar 9 of row 1: expected"):
        scan_origins(low, high, [0], [50], [40])
    with pytest.raises(InvalidInputError, match="bar 9 of row 1: expected"):
        scan(panel_of(low, high))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "pyramid"}, "impulse"),
        ({"name": None}, "impulse"),
        ({"direction": 0}, "1, -1"),
        ({"direction": "up"}, "1, -1"),
        ({"max_skip": 0}, "1 or more"),
        ({"max_skip": 1.5}, "an integer"),
        ({"max_span": 0}, "1 or more"),
        ({"max_span": True}, "an integer"),
        ({"backend": "fast"}, "auto, naive, cpu, gpu"),
    ],
)
def test_unknown_names_and_limits_are_refused(options, said):
    arguments = {"name": "impulse", "direction": 1} | options
    with pytest.raises(InvalidInputError, match=said):
        enumerate_class(LOW, HIGH, **arguments)


@pytest.mark.parametrize(
    "options",
    [
        {"classes": ()},
        {"classes": ("impulse", "impulse")},
        {"classes": ("zigzag?",)},
        {"classes": "impulse"},
        {"directions": (1, 0)},
        {"directions": ()},
        {"max_skip": -1},
        {"max_span": 0},
        {"top_n": -1},
        {"setup_top_n": -1},
        {"max_overlap": 1.1},
        {"max_overlap": float("nan")},
        {"max_overlap": "0.8"},
    ],
)
def test_settings_outside_their_ranges_are_refused(options):
    with pytest.raises(InvalidInputError, match=f"ScanSettings.{next(iter(options))}"):
        ScanSettings(**options)


@pytest.mark.parametrize(
    ("row", "end", "length", "said"),
    [
        ([2], [5], [5], "row of origin 0"),
        ([-1], [5], [5], "row of origin 0"),
        ([0], [120], [5], "end of origin 0"),
        ([0], [5], [-1], "length of origin 0"),
        ([0, 0], [5, 4], [5, 5], "origin 1: expected origins sorted"),
        ([1, 0], [5, 5], [5, 5], "origin 1: expected origins sorted"),
        ([0, 1], [5], [5], "end of the origins"),
        ([0.0], [5], [5], "row of the origins"),
        ([[0]], [5], [5], "row of the origins"),
    ],
)
def test_bad_origins_are_refused(row, end, length, said):
    with pytest.raises(InvalidInputError, match=said):
        scan_origins(np.stack([LOW, LOW]), np.stack([HIGH, HIGH]), row, end, length)


def test_a_panel_without_sessions_and_a_wrong_length_are_refused():
    with pytest.raises(InvalidInputError, match="one session or more"):
        scan(panel_of(np.ones((1, 0)), np.ones((1, 0))))
    for length in (0, -1, 2.5):
        with pytest.raises(InvalidInputError, match="length of scan"):
            scan(panel_of(LOW[None], HIGH[None]), length=length)


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(BackendUnavailableError):
        enumerate_class(LOW, HIGH, "impulse", 1, backend="gpu")
    with pytest.raises(BackendUnavailableError):
        scan_origins(LOW[None], HIGH[None], [0], [100], [50], backend="gpu")


def test_the_scan_says_which_backend_it_took_and_why():
    for backend in ("naive", "cpu"):
        found = scan_origins(LOW[None], HIGH[None], [0], [60], [50], backend=backend)
        assert found.backend == backend
        assert found.reason


def test_a_panel_is_scanned_as_of_its_last_session():
    low, high = np.stack([LOW, LOW[::-1]]), np.stack([HIGH, HIGH[::-1]])
    rows, ends = np.arange(2), np.full(2, 119)
    panel = panel_of(low, high)
    for length, expected in ((None, 120), (1000, 120), (60, 60), (1, 1)):
        found = scan(panel, length=length, backend="cpu")
        assert_same(found, scan_origins(low, high, rows, ends, np.full(2, expected), backend="cpu"))


@pytest.mark.parametrize("bars", [[0], [119], [60], [0, 60, 119], [59, 60, 61], range(120)])
@pytest.mark.parametrize("side", ["low", "high", "both"])
def test_a_missing_bar_splits_the_series(bars, side):
    bars = list(bars)
    low = with_bar(LOW, bars, np.nan) if side != "high" else LOW
    high = with_bar(HIGH, bars, np.nan) if side != "low" else HIGH
    edges = [-1, *bars, 120]
    pieces = [(first + 1, stop) for first, stop in pairwise(edges)]
    parts = [[found + first for found in patterns_of(LOW[first:stop], HIGH[first:stop])] for first, stop in pieces]
    for found, *of_pieces in zip(patterns_of(low, high), *parts, strict=True):
        np.testing.assert_array_equal(found, np.concatenate(of_pieces))
    whole = scan_rows(low[None], high[None])
    alone = [scan_rows(LOW[None, first:stop], HIGH[None, first:stop]) for first, stop in pieces if stop > first]
    assert whole.candidates[0] == sum(int(part.candidates[0]) for part in alone)
    assert np.isfinite(whole.patterns.score).all()
    last_bar_is_there = 119 not in bars
    assert whole.standing[0] == (alone[-1].standing[0] if last_bar_is_there else 0)


def test_missing_bars_leave_a_panel_without_warnings_or_patterns():
    empty = np.full((2, 120), np.nan)
    found = scan(panel_of(empty, empty), backend="cpu")
    assert len(found.patterns.score) == 0
    assert found.candidates.tolist() == found.standing.tolist() == [0, 0]


@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("bar", [0, 1, 60, 118, 119])
def test_one_huge_outlier_is_one_swing_at_most(bar, factor):
    low, high = with_bar(LOW, bar, LOW[bar] * factor), with_bar(HIGH, bar, HIGH[bar] * factor)
    found = scan_rows(low[None], high[None]).patterns
    assert ((found.score >= 0) & (found.score <= 1)).all()
    finished = found.status == 0
    assert not np.isinf(found.targets[~finished]).any()
    assert np.isfinite(found.invalidation[~finished]).all()
    position = np.argwhere(found.pivots == bar)
    is_high = (position[:, 1] % 2 == 1) == (found.direction[position[:, 0]] == 1)
    assert (is_high == (factor > 1)).all()
    assert 0 < bar < 119 or len(position) == 0
    # No leg leads over it: what lies beyond is another extreme.
    inside = (found.pivots[:, 0] < bar) & (found.pivots.max(axis=1) > bar)
    assert (found.pivots[inside] == bar).any(axis=1).all()


def test_prices_at_the_ends_of_the_float_range_are_bars_like_others():
    spread = np.exp(np.linspace(np.log(1e-300), np.log(1e300), 120))
    jagged = spread * np.where(np.arange(120) % 7 < 3, 1e-9, 1.0)
    found = scan_rows(jagged[None], jagged[None] * 1.5).patterns
    assert len(found.score)
    assert np.isfinite(found.score).all()
    assert np.isfinite(found.prices[:, 0]).all()


@pytest.mark.parametrize(
    "line",
    [np.linspace(5, 500, 5040), np.linspace(500, 5, 5040), np.full(5040, 3.0)],
    ids=["rising", "falling", "constant"],
)
def test_monotone_and_constant_series_of_twenty_years_hold_nothing_and_take_no_time(line):
    began = time.perf_counter()
    assert sum(map(len, patterns_of(line, line, max_span=5040))) == 0
    wide = scan_rows(line[None], line[None] * 1.01, ScanSettings(max_span=5040))
    assert len(wide.patterns.score) == len(wide.origin) == 0
    assert len(scan(panel_of(line[None], line[None]), settings=ScanSettings(max_span=10**9)).origin) == 0
    # Uncompiled code and a shared machine included; the work itself takes milliseconds.
    assert time.perf_counter() - began < 60


def test_of_equal_extremes_the_first_bar_is_the_swing():
    turns = [100, 100, 120, 120, 120, 105, 105, 130, 130, 130]
    line = np.array([110.0, *turns, 115.0])
    assert enumerate_class(line, line, "zigzag", 1, backend="cpu").tolist() == [[1, 3, 6, 8]]
    assert enumerate_class(1 / line, 1 / line, "zigzag", -1, backend="cpu").tolist() == [[1, 3, 6, 8]]


def test_plateaus_everywhere_give_what_the_oracle_gives():
    low, high = random_bars(np.random.default_rng(31), 70, decimals=0, step=0.04)
    assert (np.diff(low) == 0).sum() > 10
    for side, found in zip(SIDES, patterns_of(low, high), strict=True):
        np.testing.assert_array_equal(found, enumerate_class(low, high, *side, backend="naive"))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.int16, np.uint8, ">f8"])
def test_other_number_types_give_the_answer_of_their_float64_values(dtype):
    low, high = np.floor(LOW).astype(dtype), np.ceil(HIGH).astype(dtype)
    expected = patterns_of(low.astype(np.float64), high.astype(np.float64))
    assert sum(map(len, expected)) > 30
    for found, wanted in zip(patterns_of(low, high), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == np.int32
    doubles = low[None].astype(np.float64), high[None].astype(np.float64)
    assert_same(scan_rows(low[None], high[None]), scan_rows(*doubles))


def test_float32_bars_that_are_no_whole_numbers_give_the_answer_of_their_float64_values():
    low, high = LOW.astype(np.float32), HIGH.astype(np.float32)
    for found, wanted in zip(patterns_of(low, high), patterns_of(low.astype(float), high.astype(float)), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_memory_layout_changes_nothing():
    low, high = np.stack([LOW, HIGH[::-1]]), np.stack([HIGH, HIGH[::-1] * 1.02])
    expected = scan_rows(low, high)
    layouts = {
        "fortran": np.asfortranarray,
        "transposed": lambda prices: np.ascontiguousarray(prices.T).T,
        "strided": lambda prices: np.repeat(np.repeat(prices, 2, axis=0), 3, axis=1)[::2, ::3],
        "reversed": lambda prices: prices[:, ::-1].copy()[:, ::-1],
        "list": np.ndarray.tolist,
    }
    for name, layout in layouts.items():
        laid_out = layout(low), layout(high)
        assert name == "list" or not laid_out[0].flags.c_contiguous
        assert_same(
            scan_origins(*laid_out, [0, 1], [119, 119], [120, 120], settings=EVERYTHING, backend="cpu"), expected
        )
        for found, wanted in zip(
            patterns_of(laid_out[0][0], laid_out[1][0]), patterns_of(low[0], high[0]), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


def test_a_span_beyond_the_series_is_no_limit():
    for longer in (120, 10**9, 2**40):
        for found, wanted in zip(
            patterns_of(LOW, HIGH, max_span=longer), patterns_of(LOW, HIGH, max_span=119), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)
        assert_same(
            scan_rows(LOW[None], HIGH[None], ScanSettings(max_span=longer)),
            scan_rows(LOW[None], HIGH[None], ScanSettings(max_span=120)),
        )
    assert sum(map(len, patterns_of(LOW, HIGH, max_span=20))) < sum(map(len, patterns_of(LOW, HIGH, max_span=21)))


def test_the_input_is_left_as_it_was():
    low, high = with_bar(LOW, 50, np.nan)[None], HIGH[None].copy()
    kept = low.copy(), high.copy()
    scan_rows(low, high)
    np.testing.assert_array_equal(low, kept[0])
    np.testing.assert_array_equal(high, kept[1])


@pytest.mark.parametrize("backend", ["naive", "cpu"])
@pytest.mark.parametrize("count", range(6))
def test_fewer_than_six_bars_hold_no_pattern(backend, count):
    for name, direction in SIDES:
        found = enumerate_class(LOW[:count], HIGH[:count], name, direction, backend=backend)
        assert (found.shape, found.dtype) == ((0, len(CLASSES[name].legs) + 1), np.int32)
    if count:
        scanned = scan_rows(LOW[None, :count], HIGH[None, :count], backend=backend)
        assert scanned.candidates.tolist() == [0]


def test_six_bars_hold_a_zigzag():
    line = np.array([3.0, 2.0, 4.0, 3.0, 5.0, 4.0])
    assert enumerate_class(line, line, "zigzag", 1, backend="cpu").tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_nothing_asked_gives_empty_columns(backend):
    empty = np.zeros(0, np.int32)
    asked_for_nothing = scan_origins(LOW[None], HIGH[None], [0, 0], [50, 119], [0, 0], backend=backend)
    no_origins = scan_origins(LOW[None], HIGH[None], empty, empty, empty, backend=backend)
    no_rows = scan_origins(np.zeros((0, 0)), np.zeros((0, 0)), empty, empty, empty, backend=backend)
    for found, origins in ((asked_for_nothing, 2), (no_origins, 0), (no_rows, 0)):
        for name, value in columns(found).items():
            assert len(value) == (origins if name in ("candidates", "standing") else 0), name
        assert found.patterns.pivots.shape == (0, 6)
        assert found.patterns.components.shape == (0, 7)
        assert found.patterns.targets.shape == (0, 3)
        assert not found.candidates.any()


def peak_memory():
    """Bytes that this process has held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def sawtooth(count):
    """A rise in equal steps with an equal step back after each: as many legs as bars allow."""
    return 50 * np.exp(0.001 * np.arange(count) + 0.003 * (np.arange(count) % 2))


@pytest.mark.parametrize("name", ["impulse", "double_three"])
def test_a_steady_sawtooth_is_refused_before_it_fills_the_memory(name):
    # 2,000 bars reach the limit on prefixes; only room for the first records has been taken by then.
    line = sawtooth(2000)
    scan_rows(line[None, :50], line[None, :50])
    began, peak = time.perf_counter(), peak_memory()
    with pytest.raises(InvalidInputError, match=r"the series: expected at most [\d,]+ patterns.*max_span.*max_skip"):
        enumerate_class(line, line, name, 1, backend="cpu")
    assert time.perf_counter() - began < 120
    assert peak_memory() - peak < 200 * 2**20


def test_a_scan_names_the_row_that_is_too_rich_and_the_remedies_work():
    # 200 bars reach the limit on records at once.
    line = sawtooth(200)
    rows = np.stack([random_bars(np.random.default_rng(1), 200)[0], line])
    with pytest.raises(InvalidInputError, match=r"row 1: .*lower max_span, or set max_skip"):
        scan_rows(rows, rows)
    with pytest.raises(InvalidInputError, match=r"row 1: .*lower max_span, or set max_skip"):
        scan(panel_of(rows, rows), backend="cpu")
    for remedy in ({"max_span": 30}, {"max_skip": 3}):
        assert len(scan_rows(rows, rows, ScanSettings(**remedy)).origin)
        assert len(enumerate_class(line, line, "impulse", 1, backend="cpu", **remedy)) > 1000
