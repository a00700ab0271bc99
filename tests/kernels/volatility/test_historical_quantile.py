from __future__ import annotations

import math
from dataclasses import astuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.volatility import DEFAULT_HORIZONS, MIN_RESIDUALS, STATUSES, historical_quantile
from tests.kernels.volatility.gjr_paths import origins, walks
from tests.kernels.volatility.made_forecasts import assert_same, part, statuses

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
HORIZONS, LEVELS, LOOKBACK = (1, 3, 8), (0.01, 0.05, 0.5, 0.9), 100


def forecast(close, row, end, **options):
    settings = {"horizons": HORIZONS, "levels": LEVELS, "lookback": LOOKBACK} | options
    return historical_quantile(close, *origins(row, end), **settings)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    sessions=st.sampled_from([1, 30, 64, 75, 180]),
    gaps=st.sampled_from([0.0, 0.02, 0.3]),
    stand=st.sampled_from([0, 120]),
    data=st.data(),
)
def test_cpu_equals_naive_and_is_sound(seed, sessions, gaps, stand, data):
    close = walks(seed, 2, sessions, gaps)
    close[:, :stand] = np.where(np.isnan(close[:, :stand]), np.nan, 20.0)
    end = data.draw(st.lists(st.integers(0, sessions - 1), min_size=1, max_size=6))
    row = data.draw(st.lists(st.integers(0, 1), min_size=len(end), max_size=len(end)))
    naive, cpu = forecast(close, row, end, backend="naive"), forecast(close, row, end, backend="cpu")
    np.testing.assert_array_equal(cpu.status, naive.status)
    np.testing.assert_array_equal(cpu.residuals, naive.residuals)
    np.testing.assert_allclose(cpu.volatility, naive.volatility, rtol=1e-12)
    np.testing.assert_allclose(cpu.quantiles, naive.quantiles, rtol=1e-12, atol=1e-16)
    known = np.isfinite(cpu.volatility)
    np.testing.assert_array_equal(np.isfinite(cpu.quantiles).all(axis=2), known)
    np.testing.assert_array_equal(cpu.residuals >= MIN_RESIDUALS, known)
    assert not cpu.residuals[~known].any()
    assert np.isnan(cpu.quantiles[~known]).all()
    assert (cpu.volatility[known] > 0).all()
    np.testing.assert_array_equal(cpu.status == STATUSES.index("ok"), known.any(axis=1))


@BACKENDS
def test_quantiles_are_those_of_the_returns_of_the_lookback(backend):
    close = walks(1, 1, 300)
    end, horizon = 250, 3
    log_close = np.log(close[0, end - LOOKBACK + 1 : end + 1])
    returns = log_close[horizon:] - log_close[:-horizon]
    result = forecast(close, [0], [end], backend=backend)
    assert result.residuals[0].tolist() == [LOOKBACK - each for each in HORIZONS]
    np.testing.assert_allclose(result.quantiles[0, 1], np.quantile(returns, LEVELS), rtol=1e-12)
    assert result.volatility[0, 1] == pytest.approx(math.sqrt(np.mean(returns**2)), rel=1e-12)


def test_the_quantiles_forget_the_order_of_the_returns():
    returns = np.random.default_rng(4).normal(0, 0.01, 120)
    made = []
    for order in (np.arange(120), np.random.default_rng(5).permutation(120)):
        close = 50 * np.exp(np.concatenate([[0.0], np.cumsum(returns[order])]))[None]
        made.append(historical_quantile(close, *origins([0], [120]), horizons=(1,), lookback=121))
    np.testing.assert_allclose(made[0].quantiles, made[1].quantiles, rtol=1e-10)


def test_defaults_look_back_500_sessions():
    result = historical_quantile(walks(2, 1, 600), *origins([0], [599]))
    assert result.residuals[0].tolist() == [500 - horizon for horizon in DEFAULT_HORIZONS]
    assert result.quantiles.shape == (1, 5, 11)


@BACKENDS
def test_statuses_say_why_there_are_no_quantiles(backend):
    close = walks(3, 6, 200)
    close[1, 199] = np.nan
    close[2, : 200 - MIN_RESIDUALS] = np.nan
    close[3] = 12.34
    close[4, : 199 - MIN_RESIDUALS] = np.nan
    # Every second bar is missing: no return over one session or three, and those over eight are 0.
    close[5], close[5, 0::2] = 20.0, np.nan
    result = forecast(close, np.arange(6), 199, backend=backend)
    assert statuses(result) == ["ok", STATUSES[1], STATUSES[2], STATUSES[3], "ok", STATUSES[2]]
    assert result.residuals[4].tolist() == [MIN_RESIDUALS, 0, 0]
    long = forecast(close[5:], [0], [199], lookback=200, backend=backend)
    assert statuses(long) == ["constant prices"]
    assert np.isnan(long.volatility).all()


def test_floats_are_the_same_alone_shuffled_repeated_with_other_rows_and_threads():
    close = walks(5, 3, 300, gaps=0.03)
    row, end = np.repeat(np.arange(3), 300), np.tile(np.arange(300), 3)
    batch = forecast(close, row, end)
    shuffle = np.random.default_rng(0).integers(0, len(row), 2 * len(row))
    assert_same(forecast(close, row[shuffle], end[shuffle]), part(batch, shuffle))
    for origin in (0, 150, 299, 301, 450, 899):
        alone = forecast(close[row[origin]][None].copy(), [0], [end[origin]])
        assert_same(alone, part(batch, slice(origin, origin + 1)))
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert_same(forecast(close, row, end), batch)
    finally:
        numba.set_num_threads(threads)


@BACKENDS
def test_a_forecast_depends_on_its_lookback_and_on_no_other_bar(backend):
    close, other = walks(7, 1, 400), walks(8, 1, 400)
    end = 300
    known = slice(end - LOOKBACK + 1, end + 1)
    expected = forecast(close, [0], [end], backend=backend)
    other[0, known] = close[0, known]
    assert_same(forecast(other, [0], [end], backend=backend), expected)
    for bar in (known.start, end):
        changed = close.copy()
        changed[0, bar] *= 1.5
        result = forecast(changed, [0], [end], backend=backend)
        assert result.volatility.tobytes() != expected.volatility.tobytes()


def test_no_origins_give_empty_forecasts():
    nothing = np.zeros(0, np.int32)
    for close in (walks(0, 2, 30), np.empty((0, 30))):
        result = historical_quantile(close, nothing, nothing)
        assert [values.shape for values in astuple(result)] == [(0, 5, 11), (0, 5), (0, 5), (0,)]
        assert [values.dtype for values in astuple(result)] == [np.float64, np.float64, np.int32, np.int8]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"horizons": (0, 1)}, "horizons"),
        ({"levels": (0.5, 0.1)}, "levels"),
        ({"lookback": MIN_RESIDUALS + HORIZONS[-1] - 1}, "lookback"),
        ({"lookback": 500.0}, "lookback"),
        ({"close": np.full((1, 30), np.inf)}, "close"),
        ({"row": [1]}, "origins"),
        ({"end": [30]}, "origins"),
    ],
)
def test_bad_input_is_named(bad, message):
    asked = {"close": walks(0, 1, 30), "row": [0], "end": [29]} | bad
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        forecast(**asked)


def test_a_backend_that_is_not_there_is_refused():
    with pytest.raises(BackendUnavailableError, match="historical_quantile"):
        forecast(walks(0, 1, 30), [0], [29], backend="gpu")
