"""The oracle: historical quantiles straight from the definition, one origin at a time."""

from __future__ import annotations

import math

import numpy as np

from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility.forecasts import (
    CONSTANT_PRICES,
    MIN_RESIDUALS,
    NO_BAR,
    OK,
    TOO_LITTLE_HISTORY,
    Forecasts,
    empty_forecasts,
)


def historical_quantile(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
    lookback: int,
) -> Forecasts:
    """Same as `kernels.volatility.historical_quantile`, without its checks."""
    forecasts = empty_forecasts(len(row), len(horizons), len(levels))
    for origin, (series, last) in enumerate(zip(row.tolist(), end.tolist(), strict=True)):
        log_close = np.log(close[series, max(0, last - lookback + 1) : last + 1])
        if math.isnan(log_close[-1]):
            forecasts.status[origin] = NO_BAR
            continue
        forecasts.status[origin] = TOO_LITTLE_HISTORY
        for index, horizon in enumerate(horizons):
            returns = log_close[horizon:] - log_close[:-horizon]
            returns = returns[~np.isnan(returns)]
            if len(returns) < MIN_RESIDUALS:
                continue
            if not returns.any():
                if forecasts.status[origin] != OK:
                    forecasts.status[origin] = CONSTANT_PRICES
                continue
            forecasts.status[origin] = OK
            forecasts.residuals[origin, index] = len(returns)
            forecasts.volatility[origin, index] = math.sqrt(float(np.mean(returns**2)))
            forecasts.quantiles[origin, index] = np.quantile(returns, levels)
    return forecasts
