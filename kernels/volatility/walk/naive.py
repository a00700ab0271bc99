"""The oracle: the random walk straight from the definition, one origin at a time."""

from __future__ import annotations

import math

import numpy as np

from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility.forecasts import (
    CONSTANT_PRICES,
    NO_BAR,
    OK,
    TOO_LITTLE_HISTORY,
    Forecasts,
    empty_forecasts,
)
from kernels.volatility.walk.rules import MIN_WALK_RETURNS, WALK_RETURNS, normal_quantiles


def random_walk(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
) -> Forecasts:
    """Same as `kernels.volatility.random_walk`, without its checks."""
    forecasts = empty_forecasts(len(row), len(horizons), len(levels))
    for origin, (series, last) in enumerate(zip(row.tolist(), end.tolist(), strict=True)):
        prices = close[series, max(0, last - WALK_RETURNS) : last + 1]
        returns = np.diff(np.log(prices))
        returns = returns[~np.isnan(returns)]
        if math.isnan(prices[-1]):
            forecasts.status[origin] = NO_BAR
        elif len(returns) < MIN_WALK_RETURNS:
            forecasts.status[origin] = TOO_LITTLE_HISTORY
        elif not returns.any():
            forecasts.status[origin] = CONSTANT_PRICES
        else:
            forecasts.status[origin] = OK
            for index, horizon in enumerate(horizons):
                volatility = math.sqrt(horizon * float(np.mean(returns**2)))
                forecasts.residuals[origin, index] = len(returns)
                forecasts.volatility[origin, index] = volatility
                forecasts.quantiles[origin, index] = [volatility * each for each in normal_quantiles(levels)]
    return forecasts
