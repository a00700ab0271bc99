"""The oracle: EWMA with filtered historical simulation straight from the definition, one origin at a time."""

from __future__ import annotations

import math

import numpy as np

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.ewma.rules import EWMA_RETURNS, MIN_RETURNS
from kernels.volatility.forecasts import (
    CONSTANT_PRICES,
    MIN_RESIDUALS,
    NO_BAR,
    OK,
    TOO_LITTLE_HISTORY,
    Forecasts,
    empty_forecasts,
)


def ewma_fhs(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
    lookback: int,
    decay: float,
) -> Forecasts:
    """Same as `kernels.volatility.ewma_fhs`, without its checks."""
    forecasts = empty_forecasts(len(row), len(horizons), len(levels))
    for origin, (series, last) in enumerate(zip(row.tolist(), end.tolist(), strict=True)):
        log_close = np.log(close[series])
        sigma = _volatility(log_close, last, decay)
        if math.isnan(log_close[last]):
            forecasts.status[origin] = NO_BAR
        elif math.isnan(sigma):
            forecasts.status[origin] = TOO_LITTLE_HISTORY
        elif sigma == 0.0:
            forecasts.status[origin] = CONSTANT_PRICES
        else:
            forecasts.status[origin] = TOO_LITTLE_HISTORY
            for index, horizon in enumerate(horizons):
                residuals = _residuals(log_close, last, horizon, lookback, decay)
                volatility = sigma * math.sqrt(horizon)
                forecasts.volatility[origin, index] = volatility
                forecasts.residuals[origin, index] = len(residuals)
                if len(residuals) >= MIN_RESIDUALS:
                    forecasts.status[origin] = OK
                    forecasts.quantiles[origin, index] = volatility * np.quantile(residuals, levels)
    return forecasts


def _volatility(log_close: Float64Array1D, t: int, decay: float) -> float:
    """EWMA volatility of one session's return as of bar t; NaN with fewer than MIN_RETURNS returns."""
    weights, squares = [], []
    for k in range(EWMA_RETURNS):
        if t - k - 1 >= 0:
            one_return = log_close[t - k] - log_close[t - k - 1]
            if not math.isnan(one_return):
                weights.append(decay**k)
                squares.append(decay**k * one_return**2)
    if len(weights) < MIN_RETURNS:
        return math.nan
    return math.sqrt(sum(squares) / sum(weights))


def _residuals(log_close: Float64Array1D, end: int, horizon: int, lookback: int, decay: float) -> list[float]:
    """All returns over `horizon` that end by `end`, each over the volatility known where it began."""
    residuals = []
    for t in range(max(0, end - lookback + 1 + EWMA_RETURNS), end - horizon + 1):
        move = log_close[t + horizon] - log_close[t]
        if not math.isnan(move):
            sigma = _volatility(log_close, t, decay)
            if sigma > 0.0:
                residuals.append(float(move / (sigma * math.sqrt(horizon))))
    return residuals
