from __future__ import annotations

import math
from dataclasses import astuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.volatility import (
    DEFAULT_HORIZONS,
    DEFAULT_LEVELS,
    STATUSES,
    GjrParameters,
    gjr_scales,
    random_walk,
)
from kernels.volatility.walk import MIN_WALK_RETURNS, WALK_RETURNS
from tests.kernels.volatility.gjr_paths import origins, walks
from tests.kernels.volatility.made_forecasts import assert_same, part, statuses

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    sessions=st.sampled_from([1, 2, 251, 300, 700]),
    gaps=st.sampled_from([0.0, 0.02, 0.3]),
    stand=st.sampled_from([0, 600]),
    data=st.data(),
)
def test_cpu_equals_naive_and_is_sound(seed, sessions, gaps, stand, data):
    close = walks(seed, 2, sessions, gaps)
    close[:, :stand] = np.where(np.isnan(close[:, :stand]), np.nan, 20.0)
    end = data.draw(st.lists(st.integers(0, sessions - 1), min_size=1, max_size=6))
    row = data.draw(st.lists(st.integers(0, 1), min_size=len(end), max_size=len(end)))
    naive, cpu = (random_walk(close, *origins(row, end), backend=backend) for backend in ("naive", "cpu"))
    np.testing.assert_array_equal(cpu.status, naive.status)
    np.testing.assert_array_equal(cpu.residuals, naive.residuals)
    np.testing.assert_allclose(cpu.volatility, naive.volatility, rtol=1e-12)
    np.testing.assert_allclose(cpu.quantiles, naive.quantiles, rtol=1e-12)
    known = cpu.status == STATUSES.index("ok")
    for values in (cpu.quantiles, cpu.volatility):
        np.testing.assert_array_equal(np.isfinite(values.reshape(len(end), -1)).all(axis=1), known)
        assert np.isnan(values[~known]).all()
    assert not cpu.residuals[~known].any()
    assert (np.diff(cpu.quantiles[known], axis=2) > 0).all()


@BACKENDS
def test_returns_of_one_percent_worked_by_hand(backend):
    close = np.exp(0.01 * (np.arange(600) % 2))[None, :]
    result = random_walk(close, *origins([0], [599]), horizons=(1, 4), levels=(0.025, 0.5, 0.9), backend=backend)
    assert statuses(result) == ["ok"]
    assert result.residuals.tolist() == [[WALK_RETURNS, WALK_RETURNS]]
    np.testing.assert_allclose(result.volatility, [[0.01, 0.02]], rtol=1e-12)
    np.testing.assert_allclose(result.quantiles[0, 1], 0.02 * np.array([-1.959964, 0.0, 1.281552]), rtol=1e-6)
    assert (result.quantiles[:, :, 1] == 0.0).all()


def test_quantiles_are_those_of_the_normal_distribution():
    stats = pytest.importorskip("scipy.stats")
    result = random_walk(walks(1, 1, 600), *origins([0], [599]))
    assert result.quantiles.shape == (1, len(DEFAULT_HORIZONS), len(DEFAULT_LEVELS))
    for index, horizon in enumerate(DEFAULT_HORIZONS):
        volatility = result.volatility[0, 0] * math.sqrt(horizon)
        assert result.volatility[0, index] == pytest.approx(volatility, rel=1e-14)
        expected = stats.norm.ppf(DEFAULT_LEVELS, scale=volatility)
        np.testing.assert_allclose(result.quantiles[0, index], expected, rtol=1e-12, atol=1e-18)


def test_it_is_gjr_that_forgets_every_return_at_once():
    close = walks(2, 2, 700, gaps=0.05)
    row, end = origins(np.repeat([0, 1], 700), np.tile(np.arange(700), 2))
    result = random_walk(close, row, end)
    expected = gjr_scales(close, GjrParameters(0.0, 0.0, 0.0, 8.0))[row, end]
    np.testing.assert_allclose(result.volatility, expected, rtol=1e-12)


@BACKENDS
def test_statuses_say_why_there_are_no_quantiles(backend):
    close = walks(3, 5, 600)
    close[1, 599] = np.nan
    close[2, : 600 - MIN_WALK_RETURNS] = np.nan
    close[3] = 12.34
    close[4, : 599 - MIN_WALK_RETURNS] = np.nan
    result = random_walk(close, *origins(np.arange(5), 599), backend=backend)
    assert statuses(result) == ["ok", STATUSES[1], STATUSES[2], STATUSES[3], "ok"]
    assert result.residuals[4].tolist() == [MIN_WALK_RETURNS] * len(DEFAULT_HORIZONS)


def test_floats_are_the_same_alone_shuffled_repeated_with_other_rows_and_threads():
    close = walks(5, 3, 700, gaps=0.03)
    row, end = origins(np.repeat(np.arange(3), 700), np.tile(np.arange(700), 3))
    batch = random_walk(close, row, end)
    shuffle = np.random.default_rng(0).integers(0, len(row), 2 * len(row))
    assert_same(random_walk(close, row[shuffle], end[shuffle]), part(batch, shuffle))
    for origin in (0, 300, 560, 699, 1390, 2099):
        alone = random_walk(close[row[origin]][None].copy(), *origins([0], [end[origin]]))
        assert_same(alone, part(batch, slice(origin, origin + 1)))
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert_same(random_walk(close, row, end), batch)
    finally:
        numba.set_num_threads(threads)


@BACKENDS
def test_a_forecast_depends_on_the_last_500_returns_and_on_no_other_bar(backend):
    close, other = walks(7, 1, 900), walks(8, 1, 900)
    end = 700
    known = slice(end - WALK_RETURNS, end + 1)
    expected = random_walk(close, *origins([0], [end]), backend=backend)
    other[0, known] = close[0, known]
    assert_same(random_walk(other, *origins([0], [end]), backend=backend), expected)
    for bar in (known.start, end):
        changed = close.copy()
        changed[0, bar] *= 1.5
        result = random_walk(changed, *origins([0], [end]), backend=backend)
        assert result.volatility[0, 0] != expected.volatility[0, 0]


def test_no_origins_give_empty_forecasts():
    nothing = np.zeros(0, np.int32)
    for close in (walks(0, 2, 30), np.empty((0, 30))):
        result = random_walk(close, nothing, nothing)
        assert [values.shape for values in astuple(result)] == [(0, 5, 11), (0, 5), (0, 5), (0,)]
        assert [values.dtype for values in astuple(result)] == [np.float64, np.float64, np.int32, np.int8]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"horizons": (0, 1)}, "horizons"),
        ({"levels": (0.5, 0.1)}, "levels"),
        ({"levels": (math.nan,)}, "levels"),
        ({"close": np.full((1, 30), -1.0)}, "close"),
        ({"close": np.full(30, 1.0)}, "close"),
        ({"end": np.array([30], dtype=np.int32)}, "origins"),
        ({"row": np.array([0])}, "origins"),
    ],
)
def test_bad_input_is_named(bad, message):
    row, end = origins([0], [29])
    asked = {"close": walks(0, 1, 30), "row": row, "end": end} | bad
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        random_walk(**asked)


def test_a_backend_that_is_not_there_is_refused():
    with pytest.raises(BackendUnavailableError, match="random_walk"):
        random_walk(walks(0, 1, 30), *origins([0], [29]), backend="gpu")
