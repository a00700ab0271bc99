from __future__ import annotations

import math
from dataclasses import astuple
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, MIN_RESIDUALS, STATUSES, ewma_fhs
from kernels.volatility.ewma import EWMA_RETURNS, MIN_RETURNS
from tests.kernels.volatility.made_forecasts import assert_same, statuses

HORIZONS = (1, 3, 8)
LEVELS = (0.01, 0.05, 0.5, 0.9)
SMALL = {"horizons": HORIZONS, "levels": LEVELS, "lookback": EWMA_RETURNS + MIN_RESIDUALS + 20}
PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"


def walks(seed: int, rows: int, sessions: int, gaps: float = 0.0, step: float = 0.02):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.standard_t(5, (rows, sessions)) * step, axis=1))
    close[rng.random((rows, sessions)) < gaps] = np.nan
    return close


def origins(row, end):
    row, end = np.broadcast_arrays(row, end)
    return row.astype(np.int32), end.astype(np.int32)


def assert_sound(result):
    """What holds for every forecast."""
    has_quantiles = result.residuals >= MIN_RESIDUALS
    np.testing.assert_array_equal(np.isfinite(result.quantiles), np.repeat(has_quantiles[:, :, None], len(LEVELS), 2))
    assert not np.isinf(result.quantiles).any()
    assert not np.isinf(result.volatility).any()
    assert (result.volatility[~np.isnan(result.volatility)] > 0).all()
    assert not result.residuals[np.isnan(result.volatility)].any()
    np.testing.assert_array_equal(result.status == STATUSES.index("ok"), has_quantiles.any(axis=1))
    assert not (np.diff(result.quantiles, axis=2) < 0).any()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 3),
    sessions=st.integers(1, 330),
    gaps=st.sampled_from([0.0, 0.02, 0.3, 0.7, 1.0]),
    step=st.sampled_from([0.0, 1e-4, 0.02]),
    stale=st.sampled_from([0, 30, 150]),
    data=st.data(),
)
def test_cpu_equals_naive_and_is_sound(seed, rows, sessions, gaps, step, stale, data):
    close = walks(seed, rows, sessions, gaps, step)
    start = data.draw(st.integers(0, sessions - 1))
    close[:, start : start + stale] = 20.0
    near_the_end = st.integers(max(0, sessions - 60), sessions - 1)
    end = data.draw(st.lists(st.integers(0, sessions - 1) | near_the_end, min_size=1, max_size=6))
    row = data.draw(st.lists(st.integers(0, rows - 1), min_size=len(end), max_size=len(end)))
    naive = ewma_fhs(close, *origins(row, end), **SMALL, backend="naive")
    cpu = ewma_fhs(close, *origins(row, end), **SMALL, backend="cpu")
    np.testing.assert_array_equal(cpu.status, naive.status)
    np.testing.assert_array_equal(cpu.residuals, naive.residuals)
    np.testing.assert_allclose(cpu.volatility, naive.volatility, rtol=1e-12)
    # A quantile near zero lies between two residuals that nearly cancel: its error is relative to the volatility.
    scale = naive.volatility[:, :, None]
    np.testing.assert_allclose(cpu.quantiles / scale, naive.quantiles / scale, rtol=1e-12, atol=1e-12)
    assert_sound(cpu)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_alternating_returns_worked_by_hand(backend):
    # Returns of +-1 %: sigma is 0.01 at every bar, every residual of one session is +1 or -1, those of two are 0.
    close = np.exp(0.01 * (np.arange(504) % 2))[None, :]
    result = ewma_fhs(close, *origins([0], [503]), horizons=(1, 2), levels=(0.1, 0.5, 0.9), backend=backend)
    assert statuses(result) == ["ok"]
    np.testing.assert_allclose(result.volatility, [[0.01, 0.01 * math.sqrt(2)]], rtol=1e-12)
    assert result.residuals.tolist() == [[403, 402]]
    # 403 residuals begin at bars 100 to 502: 202 rise from an even bar, 201 fall; so the median rises.
    np.testing.assert_allclose(result.quantiles, [[[-0.01, 0.01, 0.01], [0.0, 0.0, 0.0]]], rtol=1e-12, atol=1e-17)


def test_volatility_weighs_returns_by_their_age():
    close = walks(1, 1, 400)
    result = ewma_fhs(close, *origins([0], [399]), decay=0.9)
    returns = np.diff(np.log(close[0]))[::-1][:EWMA_RETURNS]
    weights = 0.9 ** np.arange(EWMA_RETURNS)
    assert result.volatility[0, 0] == pytest.approx(math.sqrt(np.average(returns**2, weights=weights)), rel=1e-12)


def test_volatility_grows_with_the_square_root_of_the_horizon():
    result = ewma_fhs(walks(1, 1, 600), *origins([0], [599]))
    np.testing.assert_allclose(result.volatility[0] / result.volatility[0, 0], np.sqrt(DEFAULT_HORIZONS), rtol=1e-14)


def test_defaults_use_the_whole_lookback():
    result = ewma_fhs(walks(1, 1, 700), *origins([0], [699]))
    assert result.residuals[0].tolist() == [504 - EWMA_RETURNS - horizon for horizon in DEFAULT_HORIZONS]
    assert result.quantiles.shape == (1, 5, 11)


def test_history_that_begins_late_counts_as_far_as_it_goes():
    # The first sigma needs MIN_RETURNS returns; the first residual ends a horizon later.
    enough = MIN_RETURNS + MIN_RESIDUALS
    close = walks(2, 1, enough + 8)
    ends = np.array([MIN_RETURNS - 1, MIN_RETURNS, enough - 1, enough, enough + 7])
    result = ewma_fhs(close, *origins(0, ends), **SMALL)
    assert statuses(result) == ["too little history"] * 3 + ["ok"] * 2
    assert result.residuals.tolist() == [[0, 0, 0], [0, 0, 0], [59, 57, 52], [60, 58, 53], [67, 65, 60]]
    assert np.isnan(result.volatility).all(axis=1).tolist() == [True, False, False, False, False]
    assert np.isfinite(result.quantiles).all(axis=2)[3:].tolist() == [[True, False, False], [True, True, True]]
    # Columns of NaN before the first bar change nothing.
    padded = np.concatenate([np.full((1, 300), np.nan), close], axis=1)
    assert_same(ewma_fhs(padded, *origins(0, ends + 300), **SMALL), result)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_statuses_say_why_there_are_no_quantiles(backend):
    close = walks(3, 5, 260)
    close[1, 259] = np.nan
    close[2, :240] = np.nan
    close[3] = 12.34
    close[4, :250] = np.nan
    close[4, 250:] = 5.0
    result = ewma_fhs(close, *origins(np.arange(5), 259), **SMALL, backend=backend)
    assert statuses(result) == ["ok", "no bar at the origin", "too little history", "constant prices", STATUSES[2]]
    assert np.isnan(result.quantiles[1:]).all()
    assert np.isnan(result.volatility[1:]).all()
    assert_sound(result)


def test_prices_that_move_after_a_long_stand_give_finite_quantiles():
    close = walks(4, 1, 700)
    close[0, 400:540] = 33.0
    result = ewma_fhs(close, *origins(0, np.arange(499, 640)), horizons=HORIZONS, levels=LEVELS)
    # From bar 500 to 539 all K returns lie within the stand.
    assert statuses(result) == ["ok"] + ["constant prices"] * 40 + ["ok"] * 100
    assert_sound(result)


def test_floats_are_the_same_alone_shuffled_repeated_and_with_other_rows():
    close = walks(5, 4, 420, gaps=0.03)
    row, end = origins(np.repeat(np.arange(4), 420), np.tile(np.arange(420), 4))
    batch = ewma_fhs(close, row, end, **SMALL)
    shuffle = np.random.default_rng(0).integers(0, len(row), 2 * len(row))
    assert_same(
        ewma_fhs(close, row[shuffle], end[shuffle], **SMALL),
        type(batch)(*[np.ascontiguousarray(values[shuffle]) for values in astuple(batch)]),
    )
    for origin in (0, 119, 300, 419, 700, 1679):
        own_row = close[row[origin]][None, :].copy()
        alone = ewma_fhs(own_row, *origins([0], [end[origin]]), **SMALL)
        assert_same(alone, type(batch)(*[values[origin : origin + 1] for values in astuple(batch)]))


@settings(max_examples=20, deadline=None)
@given(step=st.integers(1, 400), first=st.integers(0, 400))
def test_floats_are_the_same_however_far_apart_the_origins_are(step, first):
    close = walks(6, 1, 900, gaps=0.02)
    ends = np.arange(first, 900, step)
    together = ewma_fhs(close, *origins(0, ends), **SMALL)
    for i in (0, len(ends) // 2, len(ends) - 1):
        alone = ewma_fhs(close, *origins([0], ends[i : i + 1]), **SMALL)
        assert_same(alone, type(alone)(*[values[i : i + 1] for values in astuple(together)]))


def test_floats_do_not_depend_on_the_number_of_threads():
    close = walks(9, 3, 300)
    where = origins(np.repeat(np.arange(3), 40), np.tile(np.arange(260, 300), 3))
    threads = numba.get_num_threads()
    many = ewma_fhs(close, *where, **SMALL)
    numba.set_num_threads(1)
    try:
        assert_same(ewma_fhs(close, *where, **SMALL), many)
    finally:
        numba.set_num_threads(threads)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_forecast_depends_on_no_bar_outside_the_lookback(backend):
    close, other = walks(7, 1, 500, gaps=0.02), walks(8, 1, 500)
    end, lookback = 350, SMALL["lookback"]
    known = slice(end - lookback + 1, end + 1)
    close[0, end] = 70.0
    expected = ewma_fhs(close, *origins([0], [end]), **SMALL, backend=backend)
    assert statuses(expected) == ["ok"]
    other[0, known] = close[0, known]
    assert_same(ewma_fhs(other, *origins([0], [end]), **SMALL, backend=backend), expected)
    cut = np.ascontiguousarray(close[:, known])
    assert_same(ewma_fhs(cut, *origins([0], [lookback - 1]), **SMALL, backend=backend), expected)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_forecast_sees_the_first_and_the_last_bar_of_its_lookback(backend):
    close = walks(7, 1, 500)
    end = 350
    # More levels than residuals: no residual can change without a quantile that shows it.
    fine = SMALL | {"levels": tuple(np.arange(1, 500) / 500)}
    expected = ewma_fhs(close, *origins([0], [end]), **fine, backend=backend)
    for session in (end - SMALL["lookback"] + 1, end):
        changed = close.copy()
        changed[0, session] *= 1.5
        result = ewma_fhs(changed, *origins([0], [end]), **fine, backend=backend)
        assert result.quantiles.tobytes() != expected.quantiles.tobytes()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-4, 1e4), gaps=st.sampled_from([0.0, 0.05]))
def test_forecasts_do_not_change_when_prices_are_multiplied(seed, factor, gaps):
    close = walks(seed, 2, 300, gaps)
    where = origins([0, 1], [299, 270])
    expected, result = ewma_fhs(close, *where, **SMALL), ewma_fhs(close * factor, *where, **SMALL)
    np.testing.assert_array_equal(result.status, expected.status)
    np.testing.assert_allclose(result.volatility, expected.volatility, rtol=1e-9)
    np.testing.assert_allclose(result.quantiles, expected.quantiles, rtol=1e-9, atol=1e-12)


def test_quantiles_cover_simulated_garch_returns():
    rng = np.random.default_rng(11)
    rows, sessions = 40, 1000
    shocks = rng.standard_t(6, (rows, sessions)) / math.sqrt(6 / 4)
    returns = np.empty((rows, sessions))
    variance = np.full(rows, 1e-4)
    for t in range(sessions):
        returns[:, t] = np.sqrt(variance) * shocks[:, t]
        variance = 2e-6 + 0.08 * returns[:, t] ** 2 + 0.9 * variance
    log_close = np.cumsum(returns, axis=1)
    ends = np.arange(504, sessions - 5)
    row, end = origins(np.repeat(np.arange(rows), len(ends)), np.tile(ends, rows))
    result = ewma_fhs(np.exp(log_close), row, end, horizons=(1, 5))
    for index, horizon in enumerate((1, 5)):
        realised = log_close[row, end + horizon] - log_close[row, end]
        share_below = (realised[:, None] <= result.quantiles[:, index]).mean(axis=0)
        np.testing.assert_allclose(share_below, DEFAULT_LEVELS, atol=0.015)
    # The forecast follows the volatility: wide where the returns to come are large.
    after = np.abs(log_close[row, end + 1] - log_close[row, end])
    assert np.corrcoef(result.volatility[:, 0], after)[0, 1] > 0.2


def test_no_origins_give_empty_forecasts():
    nothing = np.zeros(0, np.int32)
    for close in (walks(0, 2, 30), np.empty((0, 30))):
        result = ewma_fhs(close, nothing, nothing)
        assert [values.shape for values in astuple(result)] == [(0, 5, 11), (0, 5), (0, 5), (0,)]


def test_types_are_as_promised():
    result = ewma_fhs(walks(0, 1, 30), *origins([0], [29]))
    assert [values.dtype for values in astuple(result)] == [np.float64, np.float64, np.int32, np.int8]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"horizons": ()}, "horizons"),
        ({"horizons": (0, 1)}, "horizons"),
        ({"horizons": (2, 1)}, "horizons"),
        ({"horizons": (1, 1)}, "horizons"),
        ({"horizons": (1.0,)}, "horizons"),
        ({"levels": ()}, "levels"),
        ({"levels": (0.0, 0.5)}, "levels"),
        ({"levels": (0.5, 1.0)}, "levels"),
        ({"levels": (0.5, 0.1)}, "levels"),
        ({"levels": (math.nan,)}, "levels"),
        ({"levels": ("0.5",)}, "levels"),
        ({"lookback": EWMA_RETURNS + MIN_RESIDUALS + 20}, "lookback"),
        ({"lookback": 504.0}, "lookback"),
        ({"decay": 0.0}, "decay"),
        ({"decay": 1.0}, "decay"),
        ({"decay": math.nan}, "decay"),
        ({"decay": "0.94"}, "decay"),
    ],
)
def test_settings_out_of_range_are_refused(bad, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        ewma_fhs(walks(0, 1, 30), *origins([0], [29]), **bad)


@pytest.mark.parametrize("value", [0.0, -3.0, np.inf])
def test_a_faulty_price_is_refused_with_its_place(value):
    close = walks(0, 3, 30)
    close[2, 4] = value
    with pytest.raises(InvalidInputError, match="row 2, column 4"):
        ewma_fhs(close, *origins([0], [29]))


@pytest.mark.parametrize(("row", "end"), [(3, 29), (-1, 29), (0, 30), (0, -1)])
def test_an_origin_outside_the_prices_is_refused(row, end):
    with pytest.raises(InvalidInputError, match="origins"):
        ewma_fhs(walks(0, 3, 30), *origins([row], [end]))


def test_a_series_without_the_row_axis_is_refused():
    with pytest.raises(InvalidInputError, match="one series a row"):
        ewma_fhs(walks(0, 1, 30)[0], *origins([0], [29]))


def test_a_backend_that_is_not_there_is_refused():
    with pytest.raises(BackendUnavailableError, match="ewma_fhs"):
        ewma_fhs(walks(0, 1, 30), *origins([0], [29]), backend="gpu")


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="../shared/data isn't there")
def test_cpu_equals_naive_on_real_prices():
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES, filters=[("symbol", "in", ["AAPL", "GOOG", "KHC"])])
    symbols = np.unique(table["symbol"])
    days, column = np.unique(table["date"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    close = np.full((len(symbols), len(days)), np.nan)
    close[np.searchsorted(symbols, np.asarray(table["symbol"])), column] = table["close"].to_numpy()
    where = origins(np.repeat(np.arange(3), 6), np.tile(np.arange(600, 1259, 110), 3))
    cpu, naive = ewma_fhs(close, *where, backend="cpu"), ewma_fhs(close, *where, backend="naive")
    np.testing.assert_array_equal(cpu.status, naive.status)
    np.testing.assert_array_equal(cpu.residuals, naive.residuals)
    np.testing.assert_allclose(cpu.volatility, naive.volatility, rtol=1e-12)
    np.testing.assert_allclose(cpu.quantiles, naive.quantiles, rtol=1e-12, atol=1e-15)
    assert statuses(cpu).count("ok") >= 12
