"""Newey-West, Diebold-Mariano, daily means and skill."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.forecast import daily_means, diebold_mariano, mean_test, newey_west_variance, skill

NAN = math.nan
FEW = settings(max_examples=60, deadline=None)


def autoregressive(rng: np.random.Generator, series: int, days: int, memory: float) -> np.ndarray:
    x = rng.normal(size=(series, days + 50))
    for day in range(1, days + 50):
        x[:, day] += memory * x[:, day - 1]
    return x[:, 50:]


def test_newey_west_by_hand() -> None:
    # Deviations -1.5 -0.5 0.5 1.5: g0 = 5/4, g1 = (0.75 - 0.25 + 0.75)/4, weight 1/2.
    assert newey_west_variance(np.array([1.0, 2.0, 3.0, 4.0]), 1) == pytest.approx(1.25 + 2 * 0.5 * 1.25 / 4)


@pytest.mark.parametrize("lags", [0, 1, 7, 40])
def test_newey_west_equals_statsmodels(lags: int) -> None:
    api = pytest.importorskip("statsmodels.api")
    x = autoregressive(np.random.default_rng(lags), 1, 300, 0.5)[0] + 0.1
    fit = api.OLS(x, np.ones(300)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    assert newey_west_variance(x, lags) == pytest.approx(float(fit.cov_params()[0, 0]) * 300, rel=1e-12)
    got = mean_test(x, 1, lags)
    assert got.t == pytest.approx(float(fit.tvalues[0]), rel=1e-12)
    assert got.p_value == pytest.approx(float(fit.pvalues[0]), rel=1e-9)


@FEW
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.integers(0, 29))
def test_newey_west_is_never_negative_and_does_not_mind_mirrors_of_time(values: list[float], lags: int) -> None:
    x, lags = np.array(values), min(lags, len(values) - 1)
    variance = newey_west_variance(x, lags)
    assert variance >= 0.0
    scale = max(1.0, float(np.max(x * x)))
    assert newey_west_variance(x[::-1].copy(), lags) == pytest.approx(variance, abs=1e-11 * scale)


def test_newey_west_of_values_whose_squares_underflow_is_0() -> None:
    tiny = 1.2e-162
    assert newey_west_variance(np.tile([tiny, -2 * tiny, tiny], 30), 2) == 0.0


@pytest.mark.parametrize(
    ("x", "lags", "named"),
    [
        (np.array([1.0, NAN]), 0, "newey_west_variance, x.*NaN at 1"),
        (np.ones((2, 2)), 0, "newey_west_variance, x"),
        (np.array([1.0, np.inf]), 0, "newey_west_variance, x"),
        (np.ones(3), 3, "newey_west_variance, lags"),
        (np.ones(3), -1, "newey_west_variance, lags"),
        (np.ones(3), 1.0, "newey_west_variance, lags"),
        (np.ones(0), 0, "newey_west_variance, lags"),
    ],
)
def test_a_bad_series_is_named(x: np.ndarray, lags: int, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        newey_west_variance(x, lags)


@pytest.mark.parametrize(("days", "horizon", "lags"), [(100, 1, 4), (1250, 1, 7), (1250, 5, 7), (1250, 21, 20)])
def test_lags_by_default(days: int, horizon: int, lags: int) -> None:
    got = mean_test(np.random.default_rng(0).normal(size=days), horizon)
    assert (got.days, got.lags) == (days, lags)
    assert got == mean_test(np.random.default_rng(0).normal(size=days), horizon, lags)


def test_too_few_days_are_no_test() -> None:
    x = np.random.default_rng(1).normal(size=84)
    assert math.isfinite(mean_test(x, 21).t)
    short = mean_test(x[:83], 21)
    assert short.mean == math.fsum(x[:83]) / 83
    assert math.isnan(short.t)
    assert math.isnan(short.p_value)
    nothing = mean_test(np.full(3, NAN), 1)
    assert nothing.days == 0
    assert math.isnan(nothing.mean)


@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_a_mean_without_spread_is_no_test(constant: float) -> None:
    assert math.isnan(mean_test(np.full(400, constant), 1).t)


def test_diebold_mariano_is_the_mean_test_of_the_differences() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.random(500), rng.random(500)
    a[7], b[9] = NAN, NAN
    got = diebold_mariano(a, b, 5)
    assert got == mean_test(a - b, 5)
    assert got.days == 498
    swapped = diebold_mariano(b, a, 5)
    assert (swapped.mean, swapped.t, swapped.p_value) == (-got.mean, -got.t, got.p_value)


def test_a_model_against_itself_or_shifted_by_rounding_is_no_test() -> None:
    loss = np.random.default_rng(3).lognormal(size=500)
    assert math.isnan(diebold_mariano(loss, loss, 1).t)
    assert math.isnan(diebold_mariano(loss, loss + 1e-6, 1).t)


def test_the_lower_loss_has_a_negative_t() -> None:
    rng = np.random.default_rng(4)
    loss = rng.random(800)
    got = diebold_mariano(loss, loss + 0.02 + 0.1 * rng.normal(size=800), 1)
    assert got.mean < 0.0
    assert got.t < -3.0
    assert got.p_value < 0.01


def rejections(losses: np.ndarray, horizon: int, lags: int | None = None) -> float:
    nothing = np.zeros(losses.shape[1])
    return float(np.mean([diebold_mariano(loss, nothing, horizon, lags).p_value < 0.05 for loss in losses]))


# 800 draws know a share of 5 % to +-2.3 %, one of 12 % to +-3.4 % (three standard errors).
def test_models_of_equal_skill_on_independent_days_differ_one_time_in_twenty() -> None:
    losses = np.random.default_rng(5).normal(size=(800, 1000))
    assert 0.03 < rejections(losses, 1) < 0.08


@pytest.mark.parametrize(("memory", "low", "high", "without"), [(0.3, 0.03, 0.1, 0.11), (0.6, 0.06, 0.14, 0.28)])
def test_without_newey_west_autocorrelated_losses_look_different_far_too_often(
    memory: float, low: float, high: float, without: float
) -> None:
    losses = autoregressive(np.random.default_rng(6), 800, 1000, memory)
    assert low < rejections(losses, 1) < high
    assert rejections(losses, 1, lags=0) > without


def test_overlapping_horizons_are_tamed_but_not_cured() -> None:
    noise = np.random.default_rng(7).normal(size=(400, 1020))
    losses = np.lib.stride_tricks.sliding_window_view(noise, 21, axis=1).sum(axis=2)
    assert 0.06 < rejections(losses, 21) < 0.19
    assert rejections(losses, 21, lags=0) > 0.5


@pytest.mark.parametrize(
    ("a", "b", "horizon", "lags", "named"),
    [
        (np.ones(3), np.ones(4), 1, None, "loss_b"),
        (np.ones((3, 1)), np.ones((3, 1)), 1, None, "loss_a"),
        (np.ones(3), np.full(3, np.inf), 1, None, "loss_b"),
        (np.ones(3), np.ones(3), 0, None, "horizons"),
        (np.ones(3), np.ones(3), 1.5, None, "horizons"),
        (np.ones(3), np.ones(3), 1, -1, "lags"),
        (np.ones(3), np.ones(3), 1, True, "lags"),
    ],
)
def test_bad_losses_are_named(a: np.ndarray, b: np.ndarray, horizon: int, lags: int | None, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        diebold_mariano(a, b, horizon, lags)


def test_daily_means_by_hand() -> None:
    day = np.array(["2024-01-03", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-03"], dtype="datetime64[D]")
    days, means = daily_means(np.array([1.0, 7.0, NAN, NAN, 4.0]), day)
    assert days.dtype == day.dtype
    assert days.astype(str).tolist() == ["2024-01-02", "2024-01-03", "2024-01-04"]
    assert means[:2].tolist() == [7.0, 2.5]
    assert math.isnan(means[2])


def test_daily_means_of_nothing() -> None:
    days, means = daily_means(np.empty(0), np.empty(0, dtype=np.int64))
    assert (days.shape, means.shape) == ((0,), (0,))


def test_daily_means_are_the_same_bytes_in_any_order_of_the_rows() -> None:
    rng = np.random.default_rng(8)
    loss, day = rng.lognormal(0, 4, size=3000), rng.integers(0, 11, size=3000)
    order = rng.permutation(3000)
    days, means = daily_means(loss, day)
    days_again, means_again = daily_means(loss[order], day[order])
    assert days.tolist() == days_again.tolist() == list(range(11))
    assert means.tobytes() == means_again.tobytes()
    np.testing.assert_allclose(means, [loss[day == one].mean() for one in range(11)], rtol=1e-13)


@pytest.mark.parametrize(
    ("loss", "day", "named"),
    [
        (np.ones(2), np.array([1, 2, 3]), "daily_means, day"),
        (np.ones(2), np.array([1.0, 2.0]), "daily_means, day"),
        (np.ones(2), np.array(["2024-01-02", "NaT"], dtype="datetime64[D]"), "daily_means, day"),
        (np.array([1.0, np.inf]), np.array([1, 2]), "daily_means, loss"),
    ],
)
def test_bad_days_are_named(loss: np.ndarray, day: np.ndarray, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        daily_means(loss, day)


def test_skill_by_hand_over_the_rows_known_to_both() -> None:
    model, baseline = np.array([1.0, 2.0, NAN, 9.0]), np.array([2.0, 2.0, 50.0, NAN])
    assert skill(model, baseline) == pytest.approx(25.0)
    assert skill(baseline, model) == pytest.approx(-100.0 / 3.0)
    assert skill(model, model) == 0.0


def test_skill_without_rows_or_without_a_loss_to_beat_is_nan() -> None:
    assert math.isnan(skill(np.array([NAN]), np.array([1.0])))
    assert math.isnan(skill(np.ones(2), np.zeros(2)))


def test_skill_does_not_mind_the_order_of_the_rows_or_the_unit() -> None:
    rng = np.random.default_rng(9)
    model, baseline = rng.lognormal(0, 3, (2, 500))
    order = rng.permutation(500)
    assert skill(model[order], baseline[order]) == skill(model, baseline)
    assert skill(model * 4, baseline * 4) == skill(model, baseline)


@pytest.mark.parametrize(
    ("model", "baseline", "named"),
    [
        (np.array([-1.0]), np.ones(1), "skill, loss_model"),
        (np.ones(1), np.array([-1.0]), "skill, loss_baseline"),
        (np.ones(2), np.ones(3), "skill, loss_baseline"),
        (np.ones((2, 1)), np.ones((2, 1)), "skill, loss_model"),
    ],
)
def test_losses_that_no_skill_can_come_from_are_named(model: np.ndarray, baseline: np.ndarray, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        skill(model, baseline)
