"""Pooled residuals against a plain loop, their limits, and means of forecasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.volatility.forecasts import CONSTANT_PRICES, NO_BAR, OK, TOO_LITTLE_HISTORY, Forecasts
from kernels.volatility.pooled import (
    MIN_POOLED,
    PooledQuantiles,
    fit_pooled_quantiles,
    forecast_from_pool,
    mean_forecast,
)

HORIZONS, LEVELS = (1, 3), (0.05, 0.5, 0.95)


def market(seed: int = 3, rows: int = 4, bars: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Prices with holes, and scales that vary, are missing here and there, and are 0 once."""
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(0.02 * rng.standard_normal((rows, bars)), axis=1))
    close[1, 50:55] = np.nan
    scales = rng.uniform(0.01, 0.03, (rows, bars, len(HORIZONS)))
    scales[0, :20] = np.nan
    scales[2, 30] = 0.0
    return close, scales


def loop(close: np.ndarray, scales: np.ndarray, first: int, last: int) -> list[list[float]]:
    """The residuals of each horizon, one after the other."""
    found: list[list[float]] = []
    for index, horizon in enumerate(HORIZONS):
        found.append([])
        for row in range(len(close)):
            for bar in range(first, last - horizon + 1):
                move = np.log(close[row, bar + horizon]) - np.log(close[row, bar])
                if scales[row, bar, index] > 0.0 and not np.isnan(move):
                    found[-1].append(move / scales[row, bar, index])
    return found


def fit(close: np.ndarray, scales: np.ndarray, first: int = 10, last: int = 180) -> PooledQuantiles:
    return fit_pooled_quantiles(close, scales, first, last, horizons=HORIZONS, levels=LEVELS)


def test_the_quantiles_are_those_of_a_plain_loop() -> None:
    close, scales = market()
    pooled, residuals = fit(close, scales), loop(close, scales, 10, 180)
    assert pooled.residuals == tuple(len(each) for each in residuals)
    np.testing.assert_allclose(pooled.quantiles, [np.quantile(each, LEVELS) for each in residuals], rtol=1e-12)
    squares = [np.mean(np.array(each) ** 2) ** 0.5 for each in residuals]
    np.testing.assert_allclose(pooled.deviation, squares, rtol=1e-12)


def test_bars_outside_the_span_change_nothing() -> None:
    close, scales = market()
    before = fit(close, scales)
    close[:, 181:] *= 3.0
    close[:, :10] /= 2.0
    scales[:, 181:], scales[:, :10] = 9.0, np.nan
    after = fit(close, scales)
    assert after.quantiles.tobytes() == before.quantiles.tobytes()
    assert after.residuals == before.residuals


def test_the_order_of_the_symbols_changes_nothing() -> None:
    close, scales = market()
    turned, before = fit(close[::-1].copy(), scales[::-1].copy()), fit(close, scales)
    assert turned.quantiles.tobytes() == before.quantiles.tobytes()
    assert turned.deviation.tobytes() == before.deviation.tobytes()


def test_a_forecast_is_the_scale_at_the_origin_times_the_pooled_quantiles() -> None:
    close, scales = market()
    pooled = fit(close, scales)
    row, end = (np.array(values, dtype=np.int32) for values in ([3, 1, 0, 2], [190, 52, 5, 30]))
    made = forecast_from_pool(close, scales, row, end, pooled)
    assert made.status.tolist() == [OK, NO_BAR, TOO_LITTLE_HISTORY, CONSTANT_PRICES]
    assert np.array_equal(made.quantiles[0], scales[3, 190, :, np.newaxis] * pooled.quantiles)
    assert np.array_equal(made.volatility[0], scales[3, 190] * pooled.deviation)
    assert made.residuals[0].tolist() == list(pooled.residuals)
    assert np.isnan(made.quantiles[1:]).all()
    assert np.isnan(made.volatility[1:]).all()
    assert not made.residuals[1:].any()
    assert (np.diff(made.quantiles[0], axis=-1) >= 0.0).all()


def test_an_origin_alone_is_the_same_as_in_a_batch_whatever_comes_later() -> None:
    close, scales = market()
    pooled = fit(close, scales)
    row, end = (np.array(values, dtype=np.int32) for values in ([3, 0], [190, 185]))
    batch = forecast_from_pool(close, scales, row, end, pooled)
    close[3, 191:], scales[3, 191:] = 1.0, 5.0
    alone = forecast_from_pool(close, scales, row[:1], end[:1], pooled)
    assert alone.quantiles.tobytes() == batch.quantiles[:1].tobytes()


def forecast(values: list[list[float]], status: list[int], residuals: int = 100) -> Forecasts:
    """Forecasts of one horizon and the given quantiles [E, Q]; volatility is the width."""
    quantiles = np.array(values, dtype=np.float64)[:, np.newaxis, :]
    volatility = quantiles[:, :, -1] - quantiles[:, :, 0]
    counts = np.where(np.isnan(volatility), 0, residuals).astype(np.int32)
    return Forecasts(quantiles, volatility, counts, np.array(status, dtype=np.int8))


NAN = [np.nan] * 3


def test_the_mean_is_over_those_that_know_the_origin() -> None:
    one = forecast([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], NAN], [OK, OK, NO_BAR])
    other = forecast([[-3.0, 1.0, 2.0], NAN, NAN], [OK, TOO_LITTLE_HISTORY, TOO_LITTLE_HISTORY], residuals=70)
    mean = mean_forecast([one, other])
    assert mean.quantiles[:2, 0].tolist() == [[-2.0, 0.5, 1.5], [-2.0, 0.0, 2.0]]
    assert mean.volatility[:2, 0].tolist() == [3.5, 4.0]
    assert mean.residuals[:, 0].tolist() == [70, 100, 0]
    assert np.isnan(mean.quantiles[2]).all()
    assert mean.status.tolist() == [OK, OK, NO_BAR]


def test_the_mean_of_one_is_itself() -> None:
    one = forecast([[-1.0, 0.0, 1.0], NAN], [OK, NO_BAR])
    mean = mean_forecast([one])
    for name in ("quantiles", "volatility", "residuals", "status"):
        np.testing.assert_array_equal(getattr(mean, name), getattr(one, name))
        assert getattr(mean, name).dtype == getattr(one, name).dtype


def test_forecasts_of_other_shapes_have_no_mean() -> None:
    one = forecast([[-1.0, 0.0, 1.0]], [OK])
    with pytest.raises(InvalidInputError, match="same origins"):
        mean_forecast([one, replace(one, quantiles=np.zeros((2, 1, 3)))])
    with pytest.raises(InvalidInputError, match="at least one"):
        mean_forecast([])


def test_too_few_residuals_are_refused_with_the_horizon() -> None:
    close, scales = market(rows=3, bars=80)
    with pytest.raises(InvalidInputError, match="over 1 sessions") as refused:
        fit_pooled_quantiles(close, scales, 0, 79, horizons=HORIZONS, levels=LEVELS)
    assert str(MIN_POOLED) in str(refused.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"first": -1}, "span"),
        ({"last": 200}, "span"),
        ({"first": 50, "last": 50}, "span"),
        ({"scales": np.ones((4, 200, 1))}, "scales"),
        ({"scales": np.full((4, 200, 2), -1.0)}, "scales"),
        ({"scales": np.full((4, 200, 2), np.inf)}, "scales"),
        ({"horizons": (3, 1)}, "horizons"),
        ({"levels": (0.5, 1.5)}, "levels"),
        ({"close": np.full((4, 200), -1.0)}, "close"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], named: str) -> None:
    close, scales = market()
    asked = {"close": close, "scales": scales, "first": 0, "last": 180, "horizons": HORIZONS, "levels": LEVELS}
    with pytest.raises(InvalidInputError, match=named):
        fit_pooled_quantiles(**(asked | change))
