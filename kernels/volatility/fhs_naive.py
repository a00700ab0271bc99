"""The oracle of filtered historical simulation: quantiles straight from the definition, one origin at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

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


def forecast_from_scales(
    log_close: Float64Array2D,
    scale: npt.NDArray[np.float64],
    row: Int32Array1D,
    end: Int32Array1D,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
    lookback: int,
    burn: int,
) -> Forecasts:
    """Same as `kernels.volatility.fhs.forecast_from_scales`."""
    forecasts = empty_forecasts(len(row), len(horizons), len(levels))
    for origin, (series, last) in enumerate(zip(row.tolist(), end.tolist(), strict=True)):
        if math.isnan(log_close[series, last]):
            forecasts.status[origin] = NO_BAR
            continue
        known = scale[series, last][~np.isnan(scale[series, last])]
        constant = len(known) > 0 and bool(np.all(known == 0.0))
        forecasts.status[origin] = CONSTANT_PRICES if constant else TOO_LITTLE_HISTORY
        for index, horizon in enumerate(horizons):
            at_origin = scale[series, last, index]
            if not at_origin > 0.0:
                continue
            residuals = []
            for t in range(max(0, last - lookback + 1 + burn), last - horizon + 1):
                move = log_close[series, t + horizon] - log_close[series, t]
                if scale[series, t, index] > 0.0 and not math.isnan(move):
                    residuals.append(float(move / scale[series, t, index]))
            forecasts.volatility[origin, index] = at_origin
            forecasts.residuals[origin, index] = len(residuals)
            if len(residuals) >= MIN_RESIDUALS:
                forecasts.status[origin] = OK
                forecasts.quantiles[origin, index] = at_origin * np.quantile(residuals, levels)
    return forecasts
