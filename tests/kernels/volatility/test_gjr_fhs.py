from __future__ import annotations

import math
from dataclasses import astuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, MIN_RESIDUALS, STATUSES
from kernels.volatility.gjr import TARGET_RETURNS, gjr_fhs, gjr_scales
from tests.kernels.volatility.gjr_paths import TRUTH, gjr_returns, origins, prices, walks
from tests.kernels.volatility.made_forecasts import assert_same, part, statuses

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
HORIZONS, LEVELS = (1, 3, 8), (0.01, 0.05, 0.5, 0.9)
SMALL = {"horizons": HORIZONS, "levels": LEVELS, "lookback": TARGET_RETURNS + MIN_RESIDUALS + 20}


def forecast(close, row, end, **options):
    return gjr_fhs(close, *origins(row, end), TRUTH, **(SMALL | options))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    sessions=st.sampled_from([1, 30, 320, 499, 700]),
    gaps=st.sampled_from([0.0, 0.02, 0.3]),
    stand=st.sampled_from([0, 400]),
    data=st.data(),
)
def test_cpu_equals_naive(seed, sessions, gaps, stand, data):
    close = walks(seed, 2, sessions, gaps)
    close[:, :stand] = np.where(np.isnan(close[:, :stand]), np.nan, 20.0)
    near_the_end = st.integers(max(0, sessions - 60), sessions - 1)
    end = data.draw(st.lists(st.integers(0, sessions - 1) | near_the_end, min_size=1, max_size=5))
    row = data.draw(st.lists(st.integers(0, 1), min_size=len(end), max_size=len(end)))
    naive, cpu = forecast(close, row, end, backend="naive"), forecast(close, row, end, backend="cpu")
    np.testing.assert_array_equal(cpu.status, naive.status)
    np.testing.assert_array_equal(cpu.residuals, naive.residuals)
    np.testing.assert_allclose(cpu.volatility, naive.volatility, rtol=1e-12)
    # A quantile near zero lies between two residuals that nearly cancel: its error is relative to the volatility.
    scale = naive.volatility[:, :, None]
    np.testing.assert_allclose(cpu.quantiles / scale, naive.quantiles / scale, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(np.isfinite(cpu.quantiles).all(axis=2), cpu.residuals >= MIN_RESIDUALS)
    assert not (np.diff(cpu.quantiles, axis=2) < 0).any()


@BACKENDS
def test_quantiles_are_those_of_the_residuals_times_the_scale(backend):
    close = walks(1, 1, 700)
    end, horizon = 690, 3
    scale = gjr_scales(close, TRUTH, HORIZONS, backend=backend)[0, :, 1]
    log_close = np.log(close[0])
    begin = np.arange(end - SMALL["lookback"] + 1 + TARGET_RETURNS, end - horizon + 1)
    residuals = (log_close[begin + horizon] - log_close[begin]) / scale[begin]
    result = forecast(close, [0], [end], backend=backend)
    assert result.volatility[0, 1] == pytest.approx(scale[end], rel=1e-12)
    assert result.residuals[0, 1] == len(residuals) == 77
    np.testing.assert_allclose(result.quantiles[0, 1], scale[end] * np.quantile(residuals, LEVELS), rtol=1e-10)


def test_defaults_give_as_many_residuals_as_ewma():
    result = gjr_fhs(walks(2, 1, 1000), *origins([0], [999]), TRUTH)
    assert result.residuals[0].tolist() == [404 - horizon for horizon in DEFAULT_HORIZONS]
    assert result.quantiles.shape == (1, 5, 11)


@BACKENDS
def test_statuses_say_why_there_are_no_quantiles(backend):
    close = walks(3, 6, 620)
    close[1, 619] = np.nan
    close[2, :400] = np.nan
    close[3] = 12.34
    close[4] = np.nan
    close[5, :320] = np.nan
    result = forecast(close, np.arange(6), 619, backend=backend)
    assert statuses(result) == ["ok", "no bar at the origin", STATUSES[2], STATUSES[3], STATUSES[1], STATUSES[2]]
    assert np.isnan(result.quantiles[1:]).all()
    assert np.isnan(result.volatility[1:5]).all()
    # 300 bars: 250 returns for the scale, 49 residuals.
    assert np.isfinite(result.volatility[5]).all()
    assert result.residuals[5].tolist() == [49, 47, 42]


def test_floats_are_the_same_alone_shuffled_repeated_and_with_other_rows():
    close = walks(5, 3, 700, gaps=0.03)
    row, end = np.repeat(np.arange(3), 700), np.tile(np.arange(700), 3)
    batch = forecast(close, row, end)
    assert statuses(batch).count("ok") > 900
    shuffle = np.random.default_rng(0).integers(0, len(row), 2 * len(row))
    assert_same(forecast(close, row[shuffle], end[shuffle]), part(batch, shuffle))
    for origin in (0, 300, 560, 699, 1390, 2099):
        alone = forecast(close[row[origin]][None].copy(), [0], [end[origin]])
        assert_same(alone, part(batch, slice(origin, origin + 1)))


@settings(max_examples=15, deadline=None)
@given(step=st.integers(1, 400), first=st.integers(0, 700))
def test_floats_are_the_same_however_far_apart_the_origins_are(step, first):
    close = walks(6, 1, 1300, gaps=0.02)
    ends = np.arange(first, 1300, step)
    together = forecast(close, 0, ends)
    for i in (0, len(ends) // 2, len(ends) - 1):
        assert_same(forecast(close, [0], ends[i : i + 1]), part(together, slice(i, i + 1)))


def test_floats_do_not_depend_on_the_number_of_threads():
    close = walks(9, 3, 700)
    row, end = np.repeat(np.arange(3), 40), np.tile(np.arange(660, 700), 3)
    threads = numba.get_num_threads()
    many = forecast(close, row, end)
    numba.set_num_threads(1)
    try:
        assert_same(forecast(close, row, end), many)
    finally:
        numba.set_num_threads(threads)


@BACKENDS
def test_a_forecast_depends_on_no_bar_outside_the_lookback(backend):
    close, other = walks(7, 1, 900, gaps=0.02), walks(8, 1, 900)
    end = 700
    known = slice(end - SMALL["lookback"] + 1, end + 1)
    close[0, end] = 70.0
    expected = forecast(close, [0], [end], backend=backend)
    assert statuses(expected) == ["ok"]
    other[0, known] = close[0, known]
    assert_same(forecast(other, [0], [end], backend=backend), expected)
    cut = np.ascontiguousarray(close[:, known])
    assert_same(forecast(cut, [0], [SMALL["lookback"] - 1], backend=backend), expected)


@BACKENDS
def test_a_forecast_sees_the_first_and_the_last_bar_of_its_lookback(backend):
    close = walks(7, 1, 800)
    end = 700
    # More levels than residuals: no residual can change without a quantile that shows it.
    fine = {"levels": tuple(np.arange(1, 500) / 500), "backend": backend}
    expected = forecast(close, [0], [end], **fine)
    for session in (end - SMALL["lookback"] + 1, end):
        changed = close.copy()
        changed[0, session] *= 1.5
        assert forecast(changed, [0], [end], **fine).quantiles.tobytes() != expected.quantiles.tobytes()


def test_quantiles_cover_simulated_returns():
    returns = gjr_returns(11, 40, 1400)
    log_close = np.log(prices(returns))
    ends = np.arange(904, 1400 - 5)
    row, end = np.repeat(np.arange(40), len(ends)), np.tile(ends, 40)
    result = gjr_fhs(np.exp(log_close), *origins(row, end), TRUTH, horizons=(1, 5))
    for index, horizon in enumerate((1, 5)):
        realised = log_close[row, end + horizon] - log_close[row, end]
        share_below = (realised[:, None] <= result.quantiles[:, index]).mean(axis=0)
        np.testing.assert_allclose(share_below, DEFAULT_LEVELS, atol=0.015)


def test_no_origins_give_empty_forecasts():
    nothing = np.zeros(0, np.int32)
    for close in (walks(0, 2, 30), np.empty((0, 30)), np.empty((2, 0))):
        result = gjr_fhs(close, nothing, nothing, TRUTH)
        assert [values.shape for values in astuple(result)] == [(0, 5, 11), (0, 5), (0, 5), (0,)]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"horizons": (0, 1)}, "horizons"),
        ({"levels": (0.5, 0.1)}, "levels"),
        ({"levels": (math.nan,)}, "levels"),
        ({"lookback": TARGET_RETURNS + MIN_RESIDUALS + HORIZONS[-1] - 1}, "lookback"),
        ({"lookback": 904.0}, "lookback"),
    ],
)
def test_settings_out_of_range_are_refused(bad, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        forecast(walks(0, 1, 30), [0], [29], **bad)


@pytest.mark.parametrize(("row", "end"), [(3, 29), (-1, 29), (0, 30), (0, -1)])
def test_an_origin_outside_the_prices_is_refused(row, end):
    with pytest.raises(InvalidInputError, match="origins"):
        forecast(walks(0, 3, 30), [row], [end])


def test_other_parameters_and_other_backends_are_refused():
    with pytest.raises(InvalidInputError, match=r"^parameters of GJR"):
        gjr_fhs(walks(0, 1, 30), *origins([0], [29]), (0.03, 0.08, 0.9, 6.0))
    with pytest.raises(BackendUnavailableError, match="gjr_fhs"):
        forecast(walks(0, 1, 30), [0], [29], backend="gpu")
