"""Historical quantiles on the CPU: filtered historical simulation with a scale of 1, and the size of the returns."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility.fhs import forecast_from_scales, needed_bars
from kernels.volatility.forecasts import (
    CONSTANT_PRICES,
    MIN_RESIDUALS,
    NO_BAR,
    OK,
    TOO_LITTLE_HISTORY,
    Forecasts,
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
    rows, columns, row, end = needed_bars(row, end, lookback)
    log_close = np.log(np.ascontiguousarray(close[rows, columns]))
    scale = np.ones((*log_close.shape, len(horizons)))
    unscaled = forecast_from_scales(log_close, scale, row, end, horizons, levels, lookback, 0)
    size = np.empty((len(row), len(horizons)))
    _root_mean_squares(log_close, row, end, np.array(horizons, dtype=np.int64), lookback, size)
    enough = unscaled.residuals >= MIN_RESIDUALS
    known = enough & (size > 0.0)
    status = np.select(
        [np.isnan(log_close[row, end]), known.any(axis=1), (enough & (size == 0.0)).any(axis=1)],
        [NO_BAR, OK, CONSTANT_PRICES],
        TOO_LITTLE_HISTORY,
    )
    return Forecasts(
        quantiles=np.where(known[:, :, np.newaxis], unscaled.quantiles, np.nan),
        volatility=np.where(known, size, np.nan),
        residuals=np.where(known, unscaled.residuals, np.int32(0)),
        status=status.astype(np.int8),
    )


@njit(cache=True, parallel=True)
def _root_mean_squares(
    log_close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    horizons: npt.NDArray[np.int64],
    lookback: int,
    size: Float64Array2D,
) -> None:
    """Write the root mean square of the returns that each origin looks back on, oldest first; NaN without any."""
    for origin in prange(len(row)):
        prices = log_close[row[origin]]
        for index in range(len(horizons)):
            squares, returns = 0.0, 0
            for t in range(max(0, end[origin] - lookback + 1), end[origin] - horizons[index] + 1):
                move = prices[t + horizons[index]] - prices[t]
                if not math.isnan(move):
                    squares += move**2
                    returns += 1
            size[origin, index] = math.sqrt(squares / returns) if returns else math.nan
