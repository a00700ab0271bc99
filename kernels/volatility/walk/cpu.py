"""The random walk on the CPU: one origin after another, origins in parallel.

The squares are summed anew for each origin, oldest first: a running sum would depend on where it begins.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.fhs import Float64Array3D, needed_bars
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
    rows, columns, row, end = needed_bars(row, end, WALK_RETURNS + 1)
    # NumPy's log gives a price the same float wherever it stands; a log inside a vectorised loop need not.
    log_close = np.log(np.ascontiguousarray(close[rows, columns]))
    forecasts = empty_forecasts(len(row), len(horizons), len(levels))
    _forecast(
        log_close,
        row,
        end,
        np.sqrt(np.array(horizons, dtype=np.float64)),
        np.array(normal_quantiles(levels)),
        forecasts.quantiles,
        forecasts.volatility,
        forecasts.residuals,
        forecasts.status,
    )
    return forecasts


@njit(cache=True, parallel=True)
def _forecast(
    log_close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    root_horizons: Float64Array1D,
    normal: Float64Array1D,
    quantiles: Float64Array3D,
    volatility: Float64Array2D,
    residuals: npt.NDArray[np.int32],
    status: npt.NDArray[np.int8],
) -> None:
    """Write the forecast of each origin."""
    for origin in prange(len(row)):
        squares, returns = _squares(log_close[row[origin]], end[origin])
        if math.isnan(log_close[row[origin], end[origin]]):
            status[origin] = NO_BAR
        elif returns < MIN_WALK_RETURNS:
            status[origin] = TOO_LITTLE_HISTORY
        elif squares == 0.0:
            status[origin] = CONSTANT_PRICES
        else:
            status[origin] = OK
            deviation = math.sqrt(squares / returns)
            for index in range(len(root_horizons)):
                residuals[origin, index] = returns
                volatility[origin, index] = deviation * root_horizons[index]
                for level in range(len(normal)):
                    quantiles[origin, index, level] = volatility[origin, index] * normal[level]


@njit(cache=True)
def _squares(log_close: Float64Array1D, end: int) -> tuple[float, int]:
    """The sum of the squared daily returns that `end` looks back on, and how many there are."""
    squares, returns = 0.0, 0
    for t in range(max(1, end - WALK_RETURNS + 1), end + 1):
        one_return = log_close[t] - log_close[t - 1]
        if not math.isnan(one_return):
            squares += one_return**2
            returns += 1
    return squares, returns
