"""EWMA on the CPU: the scale of each bar, rows in parallel; the quantiles come from `kernels.volatility.fhs`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.ewma.rules import EWMA_RETURNS, MIN_RETURNS
from kernels.volatility.fhs import Float64Array3D, forecast_from_scales, needed_bars
from kernels.volatility.forecasts import Forecasts


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
    rows, columns, row, end = needed_bars(row, end, lookback)
    # NumPy's log gives a price the same float wherever it stands; a log inside a vectorised loop need not.
    log_close = np.log(np.ascontiguousarray(close[rows, columns]))
    weights = np.array([decay**k for k in range(EWMA_RETURNS)])
    scale = np.empty((*log_close.shape, len(horizons)))
    _scales(log_close, weights, np.sqrt(np.array(horizons, dtype=np.float64)), scale)
    return forecast_from_scales(log_close, scale, row, end, horizons, levels, lookback, EWMA_RETURNS)


@njit(cache=True, parallel=True)
def _scales(
    log_close: Float64Array2D, weights: Float64Array1D, root_horizons: Float64Array1D, scale: Float64Array3D
) -> None:
    """Write the volatility at each bar times the square root of each horizon."""
    for series in prange(len(log_close)):
        for t in range(log_close.shape[1]):
            volatility = _volatility(log_close[series], t, weights)
            for index in range(len(root_horizons)):
                scale[series, t, index] = volatility * root_horizons[index]


@njit(cache=True)
def _volatility(log_close: Float64Array1D, t: int, weights: Float64Array1D) -> float:
    """EWMA volatility of one session's return as of bar t; NaN with fewer than MIN_RETURNS returns."""
    squares, total, returns = 0.0, 0.0, 0
    for k in range(min(EWMA_RETURNS, t)):
        one_return = log_close[t - k] - log_close[t - k - 1]
        if not math.isnan(one_return):
            squares += weights[k] * one_return**2
            total += weights[k]
            returns += 1
    return math.sqrt(squares / total) if returns >= MIN_RETURNS else math.nan
