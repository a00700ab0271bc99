from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.volatility import ewma_fhs
from kernels.volatility.gjr import GJR_RETURNS, MIN_TARGET_RETURNS, TARGET_RETURNS, GjrParameters, gjr_scales
from tests.kernels.volatility.gjr_paths import TRUTH, gjr_returns, origins, prices, walks

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
HORIZONS = (1, 2, 5, 21)
PARAMETERS = st.builds(
    lambda alpha, fall, beta: GjrParameters(alpha, fall - alpha, beta, 5.0),
    st.sampled_from([0.0, 0.03, 0.2]),
    st.sampled_from([0.0, 0.01, 0.1, 0.3]),
    st.sampled_from([0.0, 0.5, 0.7]),
)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 2),
    sessions=st.sampled_from([1, 2, 250, 252, 400, 501, 560]),
    gaps=st.sampled_from([0.0, 0.02, 0.3, 0.5, 1.0]),
    stand=st.sampled_from([0, 40, 320, 560]),
    parameters=PARAMETERS,
)
def test_cpu_equals_naive(seed, rows, sessions, gaps, stand, parameters):
    close = walks(seed, rows, sessions, gaps)
    close[:, :stand] = np.where(np.isnan(close[:, :stand]), np.nan, 20.0)
    naive = gjr_scales(close, parameters, HORIZONS, backend="naive")
    cpu = gjr_scales(close, parameters, HORIZONS, backend="cpu")
    np.testing.assert_allclose(cpu, naive, rtol=1e-12)
    assert not np.isinf(cpu).any()
    assert not (cpu < 0).any()


def test_persistence_close_to_one_keeps_naive_and_cpu_together():
    close = walks(1, 2, 560)
    parameters = GjrParameters(0.0, 0.1, 0.949, 5.0)
    naive = gjr_scales(close, parameters, HORIZONS, backend="naive")
    np.testing.assert_allclose(gjr_scales(close, parameters, HORIZONS), naive, rtol=1e-12)


@BACKENDS
def test_one_jump_worked_by_hand(backend):
    # Returns of +-1 % and a fall of 10 % at the last bar.
    returns = np.resize([0.01, -0.01], 500)
    returns[-1] = -0.1
    target = (499 * 1e-4 + 0.01) / 500
    parameters = GjrParameters(alpha=0.1, gamma=0.2, beta=0.0, degrees=5.0)
    ahead = target * (1 - 0.2) + 0.3 * 0.01
    two_ahead = target + 0.2 * (ahead - target)
    scale = gjr_scales(prices(returns[None]), parameters, (1, 2), backend=backend)
    np.testing.assert_allclose(scale[0, 500], [math.sqrt(ahead), math.sqrt(ahead + two_ahead)], rtol=1e-12)


@BACKENDS
def test_a_fall_raises_the_scale_more_than_a_rise(backend):
    returns = gjr_returns(3, 1, 500)
    returns[0, -1] = 0.05
    rise = gjr_scales(prices(returns), TRUTH, (1,), backend=backend)[0, -1, 0]
    returns[0, -1] = -0.05
    fall = gjr_scales(prices(returns), TRUTH, (1,), backend=backend)[0, -1, 0]
    assert fall**2 - rise**2 == pytest.approx(TRUTH.gamma * 0.05**2, rel=1e-9)


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.97])
def test_the_cut_sum_differs_from_the_recursion_by_what_beta_to_the_k_leaves(beta):
    parameters = GjrParameters(0.01, 0.02, beta, 5.0)
    returns = gjr_returns(4, 1, 700)[0]
    t = len(returns)
    target = float(np.mean(returns[-TARGET_RETURNS:] ** 2))
    variance, at_cut = target, math.nan
    for age, one_return in zip(range(t - 1, -1, -1), returns, strict=True):
        news = (0.01 + 0.02 * (one_return < 0)) * one_return**2
        variance = target * (1 - parameters.persistence) + news + beta * variance
        if age == GJR_RETURNS:
            at_cut = variance
    cut = gjr_scales(prices(returns[None]), parameters, (1,))[0, t, 0] ** 2
    left = beta**GJR_RETURNS * (at_cut - target)
    assert variance - cut == pytest.approx(left, rel=1e-6, abs=1e-12 * variance)
    assert abs(variance - cut) <= beta**GJR_RETURNS * 3 * target + 1e-12 * variance


@BACKENDS
def test_the_variance_of_a_far_session_returns_to_the_target(backend):
    close = walks(5, 1, 560)
    far = (1000, 1001)
    scale = gjr_scales(close, TRUTH, far, backend=backend)[0, -1]
    target = np.mean(np.diff(np.log(close[0]))[-TARGET_RETURNS:] ** 2)
    assert scale[1] ** 2 - scale[0] ** 2 == pytest.approx(target, rel=1e-6)
    assert scale[1] == pytest.approx(math.sqrt(1001 * target), rel=0.05)


def test_without_news_or_memory_the_scale_is_the_target():
    close = walks(6, 1, 560)
    scale = gjr_scales(close, GjrParameters(0.0, 0.0, 0.0, 5.0), HORIZONS)[0, -1]
    target = np.mean(np.diff(np.log(close[0]))[-TARGET_RETURNS:] ** 2)
    np.testing.assert_allclose(scale, np.sqrt(target * np.array(HORIZONS)), rtol=1e-12)


@BACKENDS
def test_a_missing_return_counts_with_its_expectation(backend):
    close = walks(7, 1, 560)
    close[0, 540] = np.nan
    squares = np.diff(np.log(close[0, 559 - TARGET_RETURNS :])) ** 2
    target = float(np.nanmean(squares))
    expected = target * TRUTH.beta**GJR_RETURNS
    for k in range(GJR_RETURNS):
        one_return = math.log(close[0, 559 - k] / close[0, 558 - k])
        news = (TRUTH.alpha + TRUTH.gamma * (one_return < 0)) * one_return**2
        if k in (18, 19):
            news = (TRUTH.alpha + TRUTH.gamma / 2) * target
        expected += TRUTH.beta**k * (target * (1 - TRUTH.persistence) + news)
    scale = gjr_scales(close, TRUTH, (1,), backend=backend)
    assert scale[0, 559, 0] == pytest.approx(math.sqrt(expected), rel=1e-12)
    assert math.isnan(scale[0, 540, 0])


@BACKENDS
def test_the_first_scale_needs_half_the_returns_of_the_target(backend):
    scale = gjr_scales(walks(8, 1, 300), TRUTH, (1, 5), backend=backend)
    assert np.isnan(scale[0]).all(axis=1).tolist() == [t < MIN_TARGET_RETURNS for t in range(300)]


@BACKENDS
@pytest.mark.parametrize("bars", [0, 1, 30, 249, 499])
def test_short_histories_give_what_they_can(bars, backend):
    scale = gjr_scales(np.ascontiguousarray(walks(9, 2, 500)[:, :bars]), TRUTH, (1,), backend=backend)
    assert scale.shape == (2, bars, 1)
    assert np.isfinite(scale).sum() == 2 * max(0, bars - MIN_TARGET_RETURNS)


@BACKENDS
def test_constant_prices_have_scale_zero_and_no_bars_have_none(backend):
    close = np.full((2, 600), 12.34)
    close[1] = np.nan
    scale = gjr_scales(close, TRUTH, HORIZONS, backend=backend)
    assert (scale[0, MIN_TARGET_RETURNS:] == 0.0).all()
    assert np.isnan(scale[1]).all()


def test_after_a_halt_the_scale_waits_until_enough_returns_are_there():
    close = walks(10, 1, 1300)
    close[0, 560:900] = np.nan
    there = ~np.isnan(gjr_scales(close, TRUTH, (1,))[0, :, 0])
    # Right after the halt 159 of the last 500 sessions have a return. As many leave as come until bar 1060.
    assert there[250:560].all()
    assert not there[560:1060].any()
    assert np.flatnonzero(there[560:])[0] + 560 == 900 + MIN_TARGET_RETURNS
    assert there[900 + MIN_TARGET_RETURNS :].all()


@BACKENDS
def test_half_the_bars_missing_leave_too_few_returns(backend):
    assert np.isnan(gjr_scales(walks(11, 1, 700, gaps=0.5), TRUTH, (1,), backend=backend)).all()


@BACKENDS
def test_a_scale_does_not_change_with_the_future_or_with_bars_before_its_history(backend):
    close, other = walks(12, 1, 640, gaps=0.05), walks(13, 1, 640)
    t = 570
    close[0, t] = 60.0
    expected = gjr_scales(close, TRUTH, HORIZONS, backend=backend)
    changed = close.copy()
    changed[0, t + 1 :] = other[0, t + 1 :]
    result = gjr_scales(changed, TRUTH, HORIZONS, backend=backend)
    assert result[:, : t + 1].tobytes() == expected[:, : t + 1].tobytes()
    assert result[:, t + 1 :].tobytes() != expected[:, t + 1 :].tobytes()
    changed[0, : t - TARGET_RETURNS] = other[0, : t - TARGET_RETURNS]
    assert gjr_scales(changed, TRUTH, HORIZONS, backend=backend)[0, t].tobytes() == expected[0, t].tobytes()
    cut = np.ascontiguousarray(close[:, t - TARGET_RETURNS : t + 1])
    assert gjr_scales(cut, TRUTH, HORIZONS, backend=backend)[0, -1].tobytes() == expected[0, t].tobytes()
    changed[0, t - TARGET_RETURNS] = close[0, t - TARGET_RETURNS] * 1.5
    assert gjr_scales(changed, TRUTH, HORIZONS, backend=backend)[0, t].tobytes() != expected[0, t].tobytes()


def test_floats_do_not_depend_on_other_rows_or_on_threads():
    close = walks(14, 5, 600, gaps=0.03)
    together = gjr_scales(close, TRUTH, HORIZONS)
    for series in range(5):
        alone = gjr_scales(close[series : series + 1].copy(), TRUTH, HORIZONS)
        assert alone.tobytes() == together[series : series + 1].tobytes()
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert gjr_scales(close, TRUTH, HORIZONS).tobytes() == together.tobytes()
    finally:
        numba.set_num_threads(threads)


def test_scales_do_not_change_when_prices_are_multiplied():
    close = walks(15, 2, 600, gaps=0.02)
    np.testing.assert_allclose(gjr_scales(close * 37.0, TRUTH, HORIZONS), gjr_scales(close, TRUTH, HORIZONS), rtol=1e-9)


def test_the_scale_at_the_true_parameters_foretells_better_than_ewma():
    returns = gjr_returns(16, 40, 1200)
    close = prices(returns)
    ends = np.arange(700, 1200)
    row, end = origins(np.repeat(np.arange(40), 500), np.tile(ends, 40))
    gjr = gjr_scales(close, TRUTH, (1,))[row, end, 0] ** 2
    ewma = ewma_fhs(close, row, end, horizons=(1,)).volatility[:, 0] ** 2
    realised = returns[row, end] ** 2

    def quasi_likelihood_loss(variance):
        return float(np.mean(np.log(variance) + realised / variance))

    assert quasi_likelihood_loss(gjr) < quasi_likelihood_loss(ewma) - 0.005


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"alpha": -0.01}, "alpha"),
        ({"gamma": -0.04}, r"alpha \+ gamma"),
        ({"beta": -0.1}, "beta"),
        ({"beta": 0.94}, "persistence"),
        ({"degrees": 2.0}, "degrees"),
        ({"degrees": math.inf}, "degrees"),
        ({"alpha": math.nan}, "alpha"),
        ({"gamma": "0.1"}, "gamma"),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(bad, message):
    good = {"alpha": 0.03, "gamma": 0.08, "beta": 0.9, "degrees": 6.0}
    with pytest.raises(InvalidInputError, match=f"^GjrParameters, {message}"):
        GjrParameters(**(good | bad))


def test_a_negative_gamma_within_its_bound_is_allowed():
    assert GjrParameters(0.03, -0.03, 0.9, 6.0).persistence == pytest.approx(0.915)


@pytest.mark.parametrize("horizons", [(), (0, 1), (2, 1), (1.0,)])
def test_horizons_out_of_range_are_refused(horizons):
    with pytest.raises(InvalidInputError, match=r"^horizons"):
        gjr_scales(walks(0, 1, 30), TRUTH, horizons)


def test_faulty_prices_other_parameters_and_other_backends_are_refused():
    close = walks(0, 2, 30)
    with pytest.raises(InvalidInputError, match=r"^parameters of GJR"):
        gjr_scales(close, {"alpha": 0.03})
    with pytest.raises(BackendUnavailableError, match="gjr_scales"):
        gjr_scales(close, TRUTH, backend="gpu")
    close[1, 3] = 0.0
    with pytest.raises(InvalidInputError, match="row 1, column 3"):
        gjr_scales(close, TRUTH)
