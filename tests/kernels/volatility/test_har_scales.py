from __future__ import annotations

import math
from dataclasses import astuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.volatility import MIN_RESIDUALS, STATUSES
from kernels.volatility.har import (
    HAR_BARS,
    VARIANCE_CEILING,
    VARIANCE_FLOOR,
    WINDOWS,
    HarParameters,
    har_fhs,
    har_scales,
)
from tests.kernels.volatility.made_forecasts import assert_same

BACKENDS = ["naive", "cpu"]
HORIZONS = (1, 3, 8)
LEVELS = (0.01, 0.05, 0.5, 0.9)
TYPICAL = HarParameters(
    np.array([[-1.8, 0.2, 0.2, 0.1, 0.3], [-2.0, 0.15, 0.2, 0.1, 0.35], [-2.2, 0.1, 0.15, 0.05, 0.4]]), HORIZONS
)
SMALL = {"levels": LEVELS, "lookback": HAR_BARS + MIN_RESIDUALS + 20}


def bars_of_walks(seed, rows, sessions, gaps=0.0, step=0.02):
    """Open, high, low and close of random walks; whole bars are missing with probability `gaps`."""
    rng = np.random.default_rng(seed)
    log_close = math.log(50) + np.cumsum(rng.standard_t(5, (rows, sessions)) * step, axis=1)
    log_open = np.concatenate([log_close[:, :1], log_close[:, :-1]], axis=1) + rng.normal(0, step / 3, log_close.shape)
    reach = np.abs(rng.normal(0, step / 2, (2, rows, sessions)))
    log_high = np.maximum(log_open, log_close) + reach[0]
    log_low = np.minimum(log_open, log_close) - reach[1]
    bars = [np.exp(values) for values in (log_open, log_high, log_low, log_close)]
    missing = rng.random((rows, sessions)) < gaps
    for values in bars:
        values[missing] = np.nan
    return bars


def stand_still(bars, row, columns, price=20.0):
    for values in bars:
        values[row, columns] = price


def variance_over(window):
    """Parameters whose scale over one session is the root of the mean daily variance over `window`."""
    coefficients = np.zeros((1, 5))
    coefficients[0, 1 + WINDOWS.index(window)] = 1.0
    return HarParameters(coefficients, (1,))


def origins(row, end):
    row, end = np.broadcast_arrays(row, end)
    return row.astype(np.int32), end.astype(np.int32)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(0, 3),
    sessions=st.integers(0, 230),
    gaps=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    step=st.sampled_from([0.0, 1e-5, 0.02, 0.5]),
    stale=st.sampled_from([0, 30, 120]),
    start=st.integers(0, 200),
)
def test_cpu_equals_naive_and_scales_are_finite(seed, rows, sessions, gaps, step, stale, start):
    bars = bars_of_walks(seed, rows, sessions, gaps, step)
    stand_still(bars, slice(None), slice(start, start + stale))
    naive = har_scales(*bars, TYPICAL, backend="naive")
    cpu = har_scales(*bars, TYPICAL, backend="cpu")
    assert cpu.shape == (rows, sessions, len(HORIZONS))
    assert cpu.dtype == np.float64
    np.testing.assert_allclose(cpu, naive, rtol=1e-12)
    assert not np.isinf(cpu).any()
    assert not (cpu < 0.0).any()


@pytest.mark.parametrize("gaps", [0.0, 0.03])
def test_forecasts_of_cpu_equal_those_of_naive(gaps):
    bars = bars_of_walks(1, 3, 260, gaps)
    where = origins(np.repeat(np.arange(3), 5), np.tile([20, 100, 180, 258, 259], 3))
    naive, cpu = (har_fhs(*bars, *where, TYPICAL, **SMALL, backend=backend) for backend in BACKENDS)
    np.testing.assert_array_equal(cpu.status, naive.status)
    np.testing.assert_array_equal(cpu.residuals, naive.residuals)
    np.testing.assert_allclose(cpu.volatility, naive.volatility, rtol=1e-12)
    np.testing.assert_allclose(cpu.quantiles, naive.quantiles, rtol=1e-11, atol=1e-13)
    assert (cpu.status == STATUSES.index("ok")).any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("bar", "variance"),
    [
        # ln 1.04 (ln 1.04 - ln 1.02) + ln 0.98 (ln 0.98 - ln 1.02) + (ln 100/99)^2
        ((100.0, 104.0, 98.0, 102.0), 0.0392207 * 0.0194181 + 0.0202027 * 0.0400053 + 0.0100503**2),
        # A bar that only rises has no Rogers-Satchell variance: what is left is the gap.
        ((100.0, 105.0, 100.0, 105.0), 0.0100503**2),
        # A high below the close counts as the close, a low above the open as the open.
        ((100.0, 104.0, 101.0, 105.0), 0.0100503**2),
    ],
)
def test_daily_variance_worked_by_hand(bar, variance, backend):
    bars = [np.full((1, 80), 99.0) for _ in range(4)]
    for values, price in zip(bars, bar, strict=True):
        values[0, 79] = price
    scale = har_scales(*bars, variance_over(1), backend=backend)[0, 79, 0]
    assert scale**2 == pytest.approx(variance, rel=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_window_averages_the_daily_variances_that_are_there(backend):
    bars = bars_of_walks(2, 1, 300, gaps=0.04)
    ends = np.flatnonzero(~np.isnan(har_scales(*bars, variance_over(1), backend=backend)[0, :, 0]))
    daily = np.full(300, np.nan)
    bar = np.log(np.array(bars)[:, 0])
    for t in range(1, 300):
        opened, high, low, close = bar[:, t]
        daily[t] = (high - opened) * (high - close) + (low - opened) * (low - close) + (opened - bar[3, t - 1]) ** 2
    for window in WINDOWS:
        scale = har_scales(*bars, variance_over(window), backend=backend)[0, :, 0]
        expected = [np.nanmean(daily[max(0, t - window + 1) : t + 1]) for t in ends]
        np.testing.assert_allclose(scale[ends] ** 2, expected, rtol=1e-10)


def test_constant_and_horizon_enter_the_scale_as_defined():
    coefficients = np.array([[math.log(1e-4), 0, 0, 0, 0], [math.log(4e-4), 0, 0, 0, 0]], dtype=float)
    scales = har_scales(*bars_of_walks(3, 1, 100), HarParameters(coefficients, (1, 9)))
    np.testing.assert_allclose(scales[0, 99], [0.01, 0.02 * 3], rtol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("constant", "variance"), [(100.0, VARIANCE_CEILING), (-100.0, VARIANCE_FLOOR)])
def test_a_predicted_variance_is_held_between_floor_and_ceiling(constant, variance, backend):
    parameters = HarParameters(np.array([[constant, -100.0, 100.0, 0.0, 0.0]]), (4,))
    bars = [np.exp(0.01 * (np.arange(100) % 2))[None, :] for _ in range(4)]
    scales = har_scales(*bars, parameters, backend=backend)
    np.testing.assert_allclose(scales[0, 99], [2 * math.sqrt(variance)], rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_window_needs_half_of_its_sessions(backend):
    bars = bars_of_walks(4, 1, 180)
    for values in bars:
        values[0, 100:110] = np.nan
    unknown = np.isnan(har_scales(*bars, TYPICAL, backend=backend)[0, :, 0])
    # The first daily variance is that of bar 1, so bar 33 has 33 of 66. After the halt bar 110 has no variance, for
    # want of a close before it; bar 113 is the first with 3 of 5, and it has just 11 of 22.
    assert np.flatnonzero(unknown).tolist() == [*range(33), *range(100, 113)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("field", [0, 1, 2, 3])
def test_a_bar_without_one_of_its_prices_has_no_variance(field, backend):
    bars = bars_of_walks(4, 1, 180)
    bars[field][0, 100] = np.nan
    unknown = np.isnan(har_scales(*bars, TYPICAL, backend=backend)[0, 33:, 0])
    # The bar after it lacks its gap only if it is the close that is missing.
    assert (33 + np.flatnonzero(unknown)).tolist() == ([100, 101] if field == 3 else [100])


def test_history_too_short_for_the_longest_window_gives_nan():
    for sessions in (0, 1, 30):
        scales = har_scales(*bars_of_walks(5, 2, sessions), TYPICAL)
        assert scales.shape == (2, sessions, 3)
        assert np.isnan(scales).all()
    scales = har_scales(*bars_of_walks(5, 2, 499), TYPICAL)
    assert np.isnan(scales[:, :33]).all()
    assert (scales[:, 33:] > 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_statuses_say_why_there_are_no_quantiles(backend):
    bars = bars_of_walks(6, 5, 260)
    for values in bars:
        values[1, 259] = np.nan
        values[2, :240] = np.nan
        values[4] = np.nan
    stand_still(bars, 3, slice(None))
    result = har_fhs(*bars, *origins(np.arange(5), 259), TYPICAL, **SMALL, backend=backend)
    assert [STATUSES[code] for code in result.status] == [
        "ok",
        "no bar at the origin",
        "too little history",
        "constant prices",
        "no bar at the origin",
    ]
    assert np.isfinite(result.quantiles[0]).all()
    assert np.isnan(result.quantiles[1:]).all()
    assert np.isnan(result.volatility[1:]).all()


def test_no_bar_at_all_gives_no_scale():
    assert np.isnan(har_scales(*bars_of_walks(7, 2, 200, gaps=1.0), TYPICAL)).all()


def test_prices_that_stand_still_over_the_longest_window_have_scale_zero():
    bars = bars_of_walks(8, 1, 300)
    stand_still(bars, 0, slice(100, 200))
    scales = har_scales(*bars, TYPICAL)
    # The jump to the standing price happens at bar 100, the last one that moves until bar 200.
    assert np.flatnonzero(scales[0, :, 0] == 0.0).tolist() == list(range(166, 200))


def test_a_gap_of_half_the_price_raises_the_scale_until_it_leaves_the_longest_window():
    bars = bars_of_walks(9, 1, 400)
    before = har_scales(*bars, TYPICAL)
    for values in bars:
        values[0, 200:] *= 0.5
    after = har_scales(*bars, TYPICAL)
    assert after[:, :200].tobytes() == before[:, :200].tobytes()
    assert (after[0, 200:266] > 1.05 * before[0, 200:266]).all()
    assert np.isfinite(after[0, 200:]).all()
    np.testing.assert_allclose(after[0, 266:], before[0, 266:], rtol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_scale_depends_on_its_own_66_bars_and_the_close_before_only(backend):
    bars, other = bars_of_walks(10, 1, 300, gaps=0.01), bars_of_walks(11, 1, 300)
    end = 200
    known = slice(end - HAR_BARS, end + 1)
    for values, different in zip(bars, other, strict=True):
        values[0, end - 5 : end + 1] = different[0, end - 5 : end + 1]
        different[0, known] = values[0, known]
    expected = har_scales(*bars, TYPICAL, backend=backend)[0, end]
    assert (expected > 0).all()
    assert har_scales(*other, TYPICAL, backend=backend)[0, end].tobytes() == expected.tobytes()
    bars[3][0, end - HAR_BARS] *= 1.5
    assert (har_scales(*bars, TYPICAL, backend=backend)[0, end] != expected).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_forecast_depends_on_no_bar_outside_the_lookback(backend):
    bars, other = bars_of_walks(12, 1, 400, gaps=0.01), bars_of_walks(13, 1, 400)
    end, lookback = 300, SMALL["lookback"]
    known = slice(end - lookback + 1, end + 1)
    for values, different in zip(bars, other, strict=True):
        values[0, end - 5 : end + 1] = different[0, end - 5 : end + 1]
        different[0, known] = values[0, known]
    expected = har_fhs(*bars, *origins([0], [end]), TYPICAL, **SMALL, backend=backend)
    assert expected.status[0] == STATUSES.index("ok")
    assert_same(har_fhs(*other, *origins([0], [end]), TYPICAL, **SMALL, backend=backend), expected)


def test_quantiles_are_the_scale_times_those_of_the_scaled_returns():
    bars = bars_of_walks(14, 1, 400)
    scales = har_scales(*bars, TYPICAL)[0]
    log_close = np.log(bars[3][0])
    end, lookback = 380, SMALL["lookback"]
    result = har_fhs(*bars, *origins([0], [end]), TYPICAL, **SMALL)
    for index, horizon in enumerate(HORIZONS):
        begins = np.arange(end - lookback + 1 + HAR_BARS, end - horizon + 1)
        residuals = (log_close[begins + horizon] - log_close[begins]) / scales[begins, index]
        expected = scales[end, index] * np.quantile(residuals, LEVELS)
        np.testing.assert_allclose(result.quantiles[0, index], expected, rtol=1e-12)
        assert result.residuals[0, index] == len(residuals)


def test_floats_are_the_same_alone_shuffled_and_with_other_rows():
    bars = bars_of_walks(15, 4, 300, gaps=0.02)
    scales = har_scales(*bars, TYPICAL)
    row, end = origins(np.repeat(np.arange(4), 300), np.tile(np.arange(300), 4))
    batch = har_fhs(*bars, row, end, TYPICAL, **SMALL)
    for series in range(4):
        own = [values[series : series + 1].copy() for values in bars]
        assert har_scales(*own, TYPICAL).tobytes() == scales[series].tobytes()
    shuffle = np.random.default_rng(0).permutation(len(row))
    shuffled = har_fhs(*bars, row[shuffle], end[shuffle], TYPICAL, **SMALL)
    assert_same(shuffled, type(batch)(*[values[shuffle] for values in astuple(batch)]))
    for origin in (0, 33, 250, 299, 800, 1199):
        own = [values[row[origin] : row[origin] + 1].copy() for values in bars]
        alone = har_fhs(*own, *origins([0], [end[origin]]), TYPICAL, **SMALL)
        assert_same(alone, type(batch)(*[values[origin : origin + 1] for values in astuple(batch)]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_scales_at_hand_give_the_same_forecasts(backend):
    bars = bars_of_walks(12, 4, 260, 0.03)
    row, end = origins([0, 1, 1, 3], [150, 160, 259, 259])
    scales = har_scales(*bars, TYPICAL, backend=backend)
    expected = har_fhs(*bars, row, end, TYPICAL, **SMALL, backend=backend)
    assert (expected.status == STATUSES.index("ok")).any()
    assert_same(har_fhs(*bars, row, end, TYPICAL, **SMALL, scales=scales, backend=backend), expected)
    with pytest.raises(InvalidInputError, match="scales of har_fhs"):
        har_fhs(*bars, row, end, TYPICAL, **SMALL, scales=scales[:, :-1], backend=backend)


def test_scales_do_not_depend_on_the_number_of_threads():
    bars = bars_of_walks(16, 5, 200, gaps=0.02)
    threads = numba.get_num_threads()
    many = har_scales(*bars, TYPICAL)
    numba.set_num_threads(1)
    try:
        assert har_scales(*bars, TYPICAL).tobytes() == many.tobytes()
    finally:
        numba.set_num_threads(threads)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-4, 1e4), gaps=st.sampled_from([0.0, 0.05]))
def test_scales_do_not_change_when_prices_are_multiplied(seed, factor, gaps):
    bars = bars_of_walks(seed, 2, 200, gaps)
    scaled = har_scales(*[values * factor for values in bars], TYPICAL)
    np.testing.assert_allclose(scaled, har_scales(*bars, TYPICAL), rtol=1e-9)


def test_no_origins_give_empty_forecasts():
    nothing = np.zeros(0, np.int32)
    result = har_fhs(*bars_of_walks(0, 2, 30), nothing, nothing, TYPICAL)
    assert [values.shape for values in astuple(result)] == [(0, 3, 11), (0, 3), (0, 3), (0,)]


@pytest.mark.parametrize(
    ("coefficients", "horizons", "message"),
    [
        (np.zeros((2, 5)), (1,), "coefficients"),
        (np.zeros((1, 4)), (1,), "coefficients"),
        (np.zeros((1, 5), dtype=np.float32), (1,), "coefficients"),
        (np.full((1, 5), np.nan), (1,), "coefficients.*row 0, column 0"),
        (np.array([[0.0, 0.0, 100.5, 0.0, 0.0]]), (1,), "coefficients.*row 0, column 2"),
        (np.array([[0.0, 0.0, 0.0, 0.0, -np.inf]]), (1,), "coefficients.*row 0, column 4"),
        (np.zeros((2, 5)), (5, 1), "^horizons"),
        (np.zeros((0, 5)), (), "^horizons"),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(coefficients, horizons, message):
    with pytest.raises(InvalidInputError, match=message):
        HarParameters(coefficients, horizons)


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"levels": (0.5, 0.1)}, "^levels"), ({"lookback": HAR_BARS + MIN_RESIDUALS + 7}, "^lookback")],
)
def test_settings_out_of_range_are_refused(bad, message):
    with pytest.raises(InvalidInputError, match=message):
        har_fhs(*bars_of_walks(0, 1, 30), *origins([0], [29]), TYPICAL, **bad)


@pytest.mark.parametrize("value", [0.0, -3.0, np.inf])
@pytest.mark.parametrize(("field", "name"), [(0, "open"), (1, "high"), (2, "low"), (3, "close")])
def test_a_faulty_price_is_refused_with_its_place(field, name, value):
    bars = bars_of_walks(0, 3, 30)
    bars[field][2, 4] = value
    with pytest.raises(InvalidInputError, match=f"^{name}: .*row 2, column 4"):
        har_scales(*bars, TYPICAL)


def test_prices_of_unlike_shapes_and_origins_outside_are_refused():
    bars = bars_of_walks(0, 3, 30)
    with pytest.raises(InvalidInputError, match="low"):
        har_scales(bars[0], bars[1], bars[2][:, :29].copy(), bars[3], TYPICAL)
    with pytest.raises(InvalidInputError, match="origins, end"):
        har_fhs(*bars, *origins([0], [30]), TYPICAL)


def test_a_backend_that_is_not_there_is_refused():
    with pytest.raises(BackendUnavailableError, match="har_scales"):
        har_scales(*bars_of_walks(0, 1, 30), TYPICAL, backend="gpu")
    with pytest.raises(BackendUnavailableError, match="har_fhs"):
        har_fhs(*bars_of_walks(0, 1, 30), *origins([0], [29]), TYPICAL, backend="gpu")
