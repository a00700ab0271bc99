"""All baselines in one call: which there are, what they rest on, and what keeps one out."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.forecast.baselines import baseline_forecasts
from kernels.panel import PricePanel
from kernels.volatility import (
    DEFAULT_HORIZONS,
    ewma_fhs,
    fit_gjr,
    fit_har,
    gjr_fhs,
    har_fhs,
    har_scales,
    historical_quantile,
    random_walk,
)
from tests.kernels.volatility.gjr_paths import origins, walks

NAMES = ["random-walk", "historical-quantile", "ewma-fhs", "garch-fhs", "gjr-fhs", "har-fhs"]
LAST = 599
WHERE = origins([0, 1, 2, 1], [650, 699, 620, 600])


def market(sessions: int = 700) -> PricePanel:
    """Four symbols whose bars move within the session too."""
    close = walks(1, 4, sessions)
    rng = np.random.default_rng(2)
    open_ = close * np.exp(0.004 * rng.standard_normal(close.shape))
    high = np.maximum(open_, close) * np.exp(np.abs(0.004 * rng.standard_normal(close.shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(0.004 * rng.standard_normal(close.shape)))
    days = np.datetime64("2014-01-01") + np.arange(sessions)
    return PricePanel(tuple("ABCD"), days, open_, high, low, close, np.ones_like(close))


def assert_same(result, expected):
    for values, wanted in zip(astuple(result), astuple(expected), strict=True):
        assert values.tobytes() == wanted.tobytes()


def test_each_baseline_is_its_model_fitted_on_the_training_bars() -> None:
    bars = market()
    made, left_out = baseline_forecasts(bars, 0, LAST, *WHERE)
    assert (list(made), left_out) == (NAMES, {})
    prices = bars.open, bars.high, bars.low, bars.close
    assert_same(made["random-walk"], random_walk(bars.close, *WHERE))
    assert_same(made["historical-quantile"], historical_quantile(bars.close, *WHERE))
    assert_same(made["ewma-fhs"], ewma_fhs(bars.close, *WHERE))
    garch, gjr = (fit_gjr(bars.close, 0, LAST, symmetric=symmetric)[0] for symmetric in (True, False))
    assert_same(made["garch-fhs"], gjr_fhs(bars.close, *WHERE, garch))
    assert_same(made["gjr-fhs"], gjr_fhs(bars.close, *WHERE, gjr))
    har = har_fhs(*prices, *WHERE, fit_har(*prices, 0, LAST)[0])
    assert_same(replace(made["har-fhs"], volatility=har.volatility), har)


def test_the_volatility_of_har_is_its_scale_times_the_size_of_the_training_residuals() -> None:
    bars = market()
    prices = bars.open, bars.high, bars.low, bars.close
    made, _ = baseline_forecasts(bars, 0, LAST, *WHERE)
    parameters, _ = fit_har(*prices, 0, LAST)
    raw, scales, log_close = har_fhs(*prices, *WHERE, parameters), har_scales(*prices, parameters), np.log(bars.close)
    for index, horizon in enumerate(DEFAULT_HORIZONS):
        begin = slice(0, LAST + 1 - horizon)
        residuals = (log_close[:, horizon : LAST + 1] - log_close[:, begin]) / scales[:, begin, index]
        size = np.sqrt(np.nanmean(residuals**2))
        np.testing.assert_allclose(made["har-fhs"].volatility[:, index], raw.volatility[:, index] * size, rtol=1e-12)
        assert abs(size - 1.0) > 0.002


def test_bars_after_the_origin_change_nothing() -> None:
    bars = market()
    expected, _ = baseline_forecasts(bars, 0, LAST, *WHERE)
    later = [values.copy() for values in (bars.open, bars.high, bars.low, bars.close)]
    for row, end in zip(*WHERE, strict=True):
        for values in later:
            values[row, max(end, *WHERE[1][WHERE[0] == row]) + 1 :] = 77.0
    for values in later:
        values[3, LAST + 1 :] = 77.0
    changed = replace(bars, open=later[0], high=later[1], low=later[2], close=later[3])
    made, _ = baseline_forecasts(changed, 0, LAST, *WHERE)
    for name in NAMES:
        assert_same(made[name], expected[name])


def test_with_too_little_to_fit_on_the_fitted_models_are_left_out_with_the_reason() -> None:
    bars = market()
    made, left_out = baseline_forecasts(bars, 460, LAST, *WHERE)
    assert list(made) == ["random-walk", "historical-quantile", "ewma-fhs", "har-fhs"]
    assert list(left_out) == ["garch-fhs", "gjr-fhs"]
    assert "at least 250 returns" in left_out["gjr-fhs"]
    made, left_out = baseline_forecasts(bars, LAST, LAST, *WHERE)
    assert list(made) == NAMES[:3]
    assert list(left_out) == NAMES[3:]
    assert all(left_out.values())


def test_no_origins_give_empty_forecasts_of_every_model() -> None:
    nothing = np.zeros(0, np.int32)
    made, _ = baseline_forecasts(market(), 0, LAST, nothing, nothing)
    assert {each.quantiles.shape for each in made.values()} == {(0, 5, 11)}


@pytest.mark.parametrize(("first", "last"), [(-1, LAST), (0, 600), (0, 700), (5, 4), (0.0, LAST), (0, True)], ids=str)
def test_training_bars_that_are_not_all_before_the_first_origin_are_refused(first: int, last: int) -> None:
    with pytest.raises(InvalidInputError, match="training bars"):
        baseline_forecasts(market(), first, last, *WHERE)


def test_bad_prices_are_refused_and_not_taken_for_a_fit_that_is_impossible() -> None:
    bars = market()
    bars.low[2, 3] = -1.0
    with pytest.raises(InvalidInputError, match=r"^low"):
        baseline_forecasts(bars, 0, LAST, *WHERE)
    with pytest.raises(InvalidInputError, match="origins"):
        baseline_forecasts(market(), 0, LAST, *origins([4], [650]))
