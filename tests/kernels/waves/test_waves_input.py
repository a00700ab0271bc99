from __future__ import annotations

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.waves import ScanSettings, enumerate_class, scan
from tests.kernels.waves.charts import assert_same, columns, random_bars

LOW, HIGH = random_bars(np.random.default_rng(30), 120)


def with_bar(prices, bar, value):
    changed = prices.copy()
    changed[bar] = value
    return changed


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (with_bar(LOW, 17, HIGH[17] + 1), HIGH, "bar 17: expected low <= high"),
        (LOW, with_bar(HIGH, 5, np.inf), "bar 5: expected a finite high"),
        (with_bar(LOW, 6, -np.inf), HIGH, "bar 6: expected a finite low"),
        (with_bar(LOW, 7, 0.0), HIGH, "bar 7: expected a finite low above 0"),
        (with_bar(LOW, 8, -2.0), with_bar(HIGH, 8, np.nan), "bar 8: expected a finite low above 0"),
        (LOW[:-1], HIGH, r"shapes \(119,\) and \(120,\)"),
        (LOW[None], HIGH[None], "1 axes"),
        (LOW.astype(str), HIGH, "low: expected real numbers"),
        (LOW, HIGH.astype(complex), "high: expected real numbers"),
    ],
)
def test_bad_bars_are_refused_and_named(low, high, said):
    with pytest.raises(InvalidInputError, match=said):
        enumerate_class(low, high, "impulse", 1)


def test_scan_names_the_row_of_a_bad_bar():
    low = np.stack([LOW, with_bar(LOW, 9, HIGH[9] * 2)])
    with pytest.raises(InvalidInputError, match="bar 9 of row 1: expected low <= high"):
        scan(low, np.stack([HIGH, HIGH]), [0], [50], [40])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "pyramid"}, "impulse"),
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
        scan(np.stack([LOW, LOW]), np.stack([HIGH, HIGH]), row, end, length)


def test_the_gpu_backend_is_refused_because_there_is_none_yet():
    with pytest.raises(BackendUnavailableError, match="auto, naive, cpu"):
        enumerate_class(LOW, HIGH, "impulse", 1, backend="gpu")
    with pytest.raises(BackendUnavailableError, match="auto, naive, cpu"):
        scan(LOW[None], HIGH[None], [0], [100], [50], backend="gpu")


def test_auto_says_what_it_took_and_why():
    found = scan(LOW[None], HIGH[None], [0], [100], [50])
    assert (found.backend, found.reason) == ("cpu", "waves has no GPU version yet")
    assert scan(LOW[None], HIGH[None], [0], [100], [50], backend="naive").backend == "naive"


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_float32_integers_and_strided_input_give_the_answer_of_their_float64_copy(backend):
    low, high = np.floor(LOW * 4), np.ceil(HIGH * 4)
    expected = enumerate_class(low, high, "impulse", 1, backend=backend)
    assert len(expected)
    strided = np.repeat(low, 2)[::2], np.repeat(high, 2)[::2]
    assert not strided[0].flags.c_contiguous
    for dtype in (np.float32, np.int64):
        single = low.astype(dtype), high.astype(dtype)
        np.testing.assert_array_equal(enumerate_class(*single, "impulse", 1, backend=backend), expected)
    np.testing.assert_array_equal(enumerate_class(*strided, "impulse", 1, backend=backend), expected)
    fortran = (np.asfortranarray(np.stack([prices, prices])) for prices in (low, high))
    contiguous = (np.stack([prices, prices]) for prices in (low, high))
    origins = ([0, 1], [119, 100], [120, 80])
    assert_same(scan(*fortran, *origins, backend=backend), scan(*contiguous, *origins, backend=backend))


def test_the_input_is_left_as_it_was():
    low, high = with_bar(LOW, 50, np.nan)[None], HIGH[None].copy()
    kept = low.copy(), high.copy()
    scan(low, high, [0], [119], [120])
    np.testing.assert_array_equal(low, kept[0])
    np.testing.assert_array_equal(high, kept[1])


@pytest.mark.parametrize("backend", ["naive", "cpu"])
@pytest.mark.parametrize("count", range(6))
def test_fewer_than_six_bars_hold_no_pattern(backend, count):
    found = enumerate_class(LOW[:count], HIGH[:count], "impulse", 1, backend=backend)
    assert (found.shape, found.dtype) == ((0, 6), np.int32)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_nothing_asked_gives_empty_columns(backend):
    empty = np.zeros(0, np.int32)
    asked_for_nothing = scan(LOW[None], HIGH[None], [0, 0], [50, 119], [0, 0], backend=backend)
    no_origins = scan(LOW[None], HIGH[None], empty, empty, empty, backend=backend)
    no_rows = scan(np.zeros((0, 0)), np.zeros((0, 0)), empty, empty, empty, backend=backend)
    for found, origins in ((asked_for_nothing, 2), (no_origins, 0), (no_rows, 0)):
        for name, value in columns(found).items():
            assert len(value) == (origins if name in ("candidates", "standing") else 0), name
        assert found.pivots.shape == (0, 6)
        assert found.components.shape == (0, 7)
        assert not found.candidates.any()


@pytest.mark.parametrize("line", [np.linspace(5, 500, 5040), np.linspace(500, 5, 5040), np.full(5040, 3.0)])
def test_monotone_and_constant_series_of_twenty_years_hold_nothing(line):
    for direction in (1, -1):
        assert len(enumerate_class(line, line, "impulse", direction, max_span=5040)) == 0
    assert len(scan(line[None], line[None], [0], [5039], [5040], settings=ScanSettings(max_span=10**9)).score) == 0


def test_a_long_steady_sawtooth_is_refused_before_it_fills_the_memory():
    line = 50 * np.exp(0.001 * np.arange(2000) + 0.003 * (np.arange(2000) % 2))
    with pytest.raises(InvalidInputError, match=r"at most 8,388,608 patterns.*max_skip"):
        enumerate_class(line, line, "impulse", 1)
    with pytest.raises(InvalidInputError, match=r"row 1: .*max_skip"):
        scan(
            np.stack([line, line]), np.stack([line, line]), [1], [1999], [2000], settings=ScanSettings(directions=(1,))
        )
    assert len(enumerate_class(line, line, "impulse", 1, max_skip=2)) > 1000
