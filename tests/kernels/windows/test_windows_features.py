from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.windows import FEATURES, MIN_COVERAGE, window_features

LENGTHS = (5, 12, 40)
PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"


def bars(seed: int, rows: int, sessions: int, gaps: float = 0.0, step: float = 0.02):
    """Random walks on a coarse price grid, so that equal neighbours and ties happen."""
    rng = np.random.default_rng(seed)
    close = np.round(50 * np.exp(np.cumsum(rng.standard_normal((rows, sessions)) * step, axis=1)), 1)
    high = np.round(close + rng.random((rows, sessions)), 1)
    low = np.round(close - rng.random((rows, sessions)), 1)
    missing = rng.random((rows, sessions)) < gaps
    for values in (high, low, close):
        values[missing] = np.nan
    return high, low, close


def all_origins(rows: int, sessions: int):
    row, end = np.divmod(np.arange(rows * sessions, dtype=np.int32), np.int32(sessions))
    return row, end


def one_window(high, low, close, backend="cpu"):
    """Features of the single window that spans the given bars."""
    series = [np.array([values], dtype=float) for values in (high, low, close)]
    end = np.array([len(close) - 1], dtype=np.int32)
    return window_features(*series, np.zeros(1, np.int32), end, lengths=(len(close),), backend=backend)[0, 0]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 3),
    sessions=st.integers(1, 90),
    gaps=st.sampled_from([0.0, 0.05, 0.25, 1.0]),
    step=st.sampled_from([0.0, 1e-5, 0.02]),
)
def test_cpu_equals_naive(seed, rows, sessions, gaps, step):
    prices = bars(seed, rows, sessions, gaps, step)
    row, end = all_origins(rows, sessions)
    naive = window_features(*prices, row, end, lengths=LENGTHS, backend="naive")
    cpu = window_features(*prices, row, end, lengths=LENGTHS, backend="cpu")
    # A slope is a difference that cancels: its error is relative to the log prices, not to itself.
    np.testing.assert_allclose(cpu, naive, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(cpu[..., FEATURES.index("extrema")], naive[..., FEATURES.index("extrema")])


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_features_of_a_window_worked_by_hand(backend):
    close = np.exp([1.0, 1.2, 1.1, 1.3])
    features = one_window(close * 1.01, close * 0.99, close, backend)
    returns = np.array([0.2, -0.1, 0.2])
    slope = (-1.5 * 1.0 - 0.5 * 1.2 + 0.5 * 1.1 + 1.5 * 1.3) / 5.0
    expected = [returns.std(ddof=1), 0.3 + np.log(1.01 / 0.99), 2 / 4, 4 * slope]
    np.testing.assert_allclose(features, expected, rtol=1e-12)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_equal_neighbours_make_one_swing_where_the_plateau_begins(backend):
    high = [2.0, 3.0, 3.0, 2.0, 3.0, 2.0]
    low = [1.0] * 6
    swings = one_window(high, low, [1.5] * 6, backend)[FEATURES.index("extrema")] * 6
    assert swings == pytest.approx(2)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_bar_may_be_both_swings(backend):
    features = one_window([2.0, 3.0, 2.0], [1.0, 0.5, 1.0], [1.5, 1.6, 1.5], backend)
    assert features[FEATURES.index("extrema")] == 2 / 3


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_gap_takes_its_returns_and_swings_but_not_its_time(backend):
    close = np.exp(0.01 * np.arange(10.0))
    close[4] = np.nan
    features = one_window(close, close, close, backend)
    assert features[FEATURES.index("volatility")] == pytest.approx(0.0, abs=1e-15)
    assert features[FEATURES.index("slope")] == pytest.approx(0.1, rel=1e-12)
    assert features[FEATURES.index("extrema")] == 0.0


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_constant_prices_give_zero_everywhere(backend):
    features = one_window([7.3] * 63, [7.3] * 63, [7.3] * 63, backend)
    np.testing.assert_allclose(features, 0.0, atol=1e-15)


def test_constant_prices_tie_exactly_whatever_the_price():
    prices = np.repeat(np.array([[7.3], [0.017], [912.33]]), 63, axis=1)
    origins = np.arange(3, dtype=np.int32), np.full(3, 62, np.int32)
    assert not window_features(prices, prices, prices, *origins, lengths=(63,)).any()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
@pytest.mark.parametrize(
    ("missing", "has_features"), [([0, 1], True), ([0, 1, 2], False), ([9], False), ([3, 5], True)]
)
def test_a_window_needs_its_last_bar_and_enough_bars(backend, missing, has_features):
    assert MIN_COVERAGE == 0.8
    high, low, close = (values[0] for values in bars(3, 1, 10))
    # One missing price makes the bar missing.
    for position, session in enumerate(missing):
        (high, low, close)[position % 3][session] = np.nan
    features = one_window(high, low, close, backend)
    assert np.isfinite(features).all() if has_features else np.isnan(features).all()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_window_that_would_begin_before_the_first_column_is_nan(backend):
    prices = bars(1, 1, 12)
    ends = np.array([3, 4, 11], np.int32)
    features = window_features(*prices, np.zeros(3, np.int32), ends, lengths=(5, 12), backend=backend)
    assert np.isnan(features).all(axis=2).tolist() == [[True, True], [False, True], [False, False]]


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_features_depend_on_no_bar_outside_the_window(backend):
    prices = bars(5, 1, 80, gaps=0.03)
    end = next(e for e in range(60, 80) if np.isfinite(prices[2][0, e]))
    changed = bars(6, 1, 80)
    for before, after in zip(prices, changed, strict=True):
        after[0, end - 11 : end + 1] = before[0, end - 11 : end + 1]
    origin = np.zeros(1, np.int32), np.array([end], np.int32)
    expected = window_features(*prices, *origin, lengths=(12,), backend=backend)
    np.testing.assert_array_equal(window_features(*changed, *origin, lengths=(12,), backend=backend), expected)
    cut = [np.ascontiguousarray(values[:, end - 11 : end + 1]) for values in prices]
    origin = np.zeros(1, np.int32), np.array([11], np.int32)
    np.testing.assert_array_equal(window_features(*cut, *origin, lengths=(12,), backend=backend), expected)


def test_floats_are_the_same_alone_shuffled_and_with_other_rows_and_lengths():
    prices = bars(7, 4, 90, gaps=0.05)
    row, end = all_origins(4, 90)
    batch = window_features(*prices, row, end, lengths=LENGTHS)
    shuffle = np.random.default_rng(0).permutation(len(row))
    np.testing.assert_array_equal(window_features(*prices, row[shuffle], end[shuffle], lengths=LENGTHS), batch[shuffle])
    for origin in (0, 43, 89, 170, 359):
        own_row = [np.ascontiguousarray(values[row[origin] : row[origin] + 1]) for values in prices]
        for index, length in enumerate(LENGTHS):
            alone = window_features(*own_row, np.zeros(1, np.int32), end[origin : origin + 1], lengths=(length,))
            np.testing.assert_array_equal(alone[0, 0], batch[origin, index])


def test_floats_do_not_depend_on_the_number_of_threads():
    prices = bars(8, 3, 90)
    threads = numba.get_num_threads()
    many = window_features(*prices, *all_origins(3, 90), lengths=LENGTHS)
    numba.set_num_threads(1)
    try:
        np.testing.assert_array_equal(window_features(*prices, *all_origins(3, 90), lengths=LENGTHS), many)
    finally:
        numba.set_num_threads(threads)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-3, 1e3))
def test_features_do_not_change_when_prices_are_multiplied(seed, factor):
    prices = bars(seed, 1, 60)
    origin = np.zeros(20, np.int32), np.arange(40, 60, dtype=np.int32)
    # The factor a power of two keeps ties of neighbouring bars exactly as they are.
    power = 2.0 ** np.round(np.log2(factor))
    scaled = [values * power for values in prices]
    expected = window_features(*prices, *origin, lengths=LENGTHS)
    np.testing.assert_allclose(window_features(*scaled, *origin, lengths=LENGTHS), expected, rtol=1e-9, atol=1e-12)


def test_no_origins_give_an_empty_result():
    origins = np.zeros(0, np.int32), np.zeros(0, np.int32)
    assert window_features(*bars(0, 2, 10), *origins, lengths=(5,)).shape == (0, 1, 4)
    nothing = [np.empty((0, 10))] * 3
    assert window_features(*nothing, *origins, lengths=(5,)).shape == (0, 1, 4)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (0, np.inf, "high: expected prices above zero"),
        (1, 0.0, "low: expected prices above zero"),
        (2, -1.0, "close: expected prices above zero"),
        (1, 1e6, "low <= high"),
    ],
)
def test_a_faulty_price_is_refused_with_its_place(field, value, message):
    prices = bars(2, 3, 20)
    prices[field][1, 7] = value
    with pytest.raises(InvalidInputError, match=f"{message}.*row 1, column 7"):
        window_features(*prices, np.zeros(1, np.int32), np.full(1, 10, np.int32), lengths=(5,))


@pytest.mark.parametrize(
    ("row", "end"),
    [
        (np.zeros(2, np.int64), np.zeros(2, np.int32)),
        (np.zeros(2, np.int32), np.zeros(3, np.int32)),
        (np.zeros((1, 2), np.int32), np.zeros((1, 2), np.int32)),
        (np.array([0, 3], np.int32), np.zeros(2, np.int32)),
        (np.array([0, -1], np.int32), np.zeros(2, np.int32)),
        (np.zeros(2, np.int32), np.array([0, 20], np.int32)),
        (np.zeros(2, np.int32), np.array([-1, 0], np.int32)),
    ],
)
def test_origins_outside_the_prices_or_of_a_wrong_type_are_refused(row, end):
    with pytest.raises(InvalidInputError, match="origins"):
        window_features(*bars(2, 3, 20), row, end, lengths=(5,))


@pytest.mark.parametrize("lengths", [(), (2, 5), (5, 5), (12, 5), (5.0,), (True, 5)])
def test_lengths_out_of_order_or_too_short_are_refused(lengths):
    with pytest.raises(InvalidInputError, match="window lengths"):
        window_features(*bars(2, 1, 20), np.zeros(1, np.int32), np.zeros(1, np.int32), lengths=lengths)


@pytest.mark.parametrize(
    "change", [lambda v: v[:, ::2], lambda v: v.astype(np.float32), lambda v: v[0], lambda v: v[:2]]
)
def test_prices_of_a_wrong_layout_are_refused(change):
    high, low, close = bars(2, 3, 20)
    with pytest.raises(InvalidInputError):
        window_features(high, low, change(close), np.zeros(1, np.int32), np.zeros(1, np.int32), lengths=(5,))


def test_a_backend_that_is_not_there_is_refused():
    with pytest.raises(BackendUnavailableError, match="window_features"):
        window_features(*bars(2, 1, 20), np.zeros(1, np.int32), np.zeros(1, np.int32), lengths=(5,), backend="gpu")


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="../shared/data isn't there")
def test_cpu_equals_naive_on_real_prices():
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES, filters=[("symbol", "in", ["AAPL", "GOOG", "KHC", "VIAB"])])
    symbols = np.unique(table["symbol"])
    days, column = np.unique(table["date"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    series = np.searchsorted(symbols, np.asarray(table["symbol"]))
    prices = np.full((3, len(symbols), len(days)), np.nan)
    for field, name in enumerate(("high", "low", "close")):
        prices[field, series, column] = table[name].to_numpy()
    prices[:, prices[0] < prices[1]] = np.nan
    row, end = all_origins(len(symbols), len(days))
    row, end = row[::7], end[::7]
    cpu = window_features(*prices, row, end, backend="cpu")
    assert np.isfinite(cpu).all(axis=2).sum() > 1000
    np.testing.assert_allclose(cpu, window_features(*prices, row, end, backend="naive"), rtol=1e-12, atol=1e-13)
