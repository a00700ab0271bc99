"""EWMA with filtered historical simulation on the CPU: rows in parallel, one sliding set of residuals per horizon.

A volatility and a residual depend on their own bars only, so each is computed once per row and serves every origin that
looks back on it; see `kernels.volatility.fhs` for why sliding leaves the floats as they are.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.ewma.rules import EWMA_RETURNS, MIN_RETURNS
from kernels.volatility.fhs import insert_sorted, remove_sorted, sorted_quantile
from kernels.volatility.forecasts import (
    CONSTANT_PRICES,
    MIN_RESIDUALS,
    NO_BAR,
    OK,
    TOO_LITTLE_HISTORY,
    Forecasts,
    empty_forecasts,
)

Int64Array1D = npt.NDArray[np.int64]


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
    order = np.lexsort((end, row))
    new_row = np.diff(row[order], prepend=-1) != 0
    _all_rows(
        # NumPy's log gives a price the same float wherever it stands; a log inside a vectorised loop need not.
        np.log(close),
        row,
        end,
        order,
        np.append(np.flatnonzero(new_row), len(row)),
        np.array(horizons, dtype=np.int64),
        np.array(levels, dtype=np.float64),
        lookback,
        np.array([decay**k for k in range(EWMA_RETURNS)]),
        forecasts.quantiles,
        forecasts.volatility,
        forecasts.residuals,
        forecasts.status,
    )
    return forecasts


@njit(cache=True, parallel=True)
def _all_rows(
    log_close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    order: Int64Array1D,
    starts: Int64Array1D,
    horizons: Int64Array1D,
    levels: Float64Array1D,
    lookback: int,
    weights: Float64Array1D,
    quantiles: npt.NDArray[np.float64],
    volatility: Float64Array2D,
    residuals: npt.NDArray[np.int32],
    status: npt.NDArray[np.int8],
) -> None:
    """`order[starts[i] : starts[i + 1]]` are the origins of one row, by rising end."""
    for group in prange(len(starts) - 1):
        origins = order[starts[group] : starts[group + 1]]
        series = log_close[row[origins[0]]]
        _one_row(series, origins, end, horizons, levels, lookback, weights, quantiles, volatility, residuals, status)


@njit(cache=True)
def _one_row(
    log_close: Float64Array1D,
    origins: Int64Array1D,
    end: Int32Array1D,
    horizons: Int64Array1D,
    levels: Float64Array1D,
    lookback: int,
    weights: Float64Array1D,
    quantiles: npt.NDArray[np.float64],
    volatility: Float64Array2D,
    residuals: npt.NDArray[np.int32],
    status: npt.NDArray[np.int8],
) -> None:
    """Write the forecasts of the origins of one row, which come by rising end."""
    first = max(0, end[origins[0]] - lookback + 1 + EWMA_RETURNS)
    sigma = np.empty(end[origins[-1]] + 1 - first)
    for t in range(first, first + len(sigma)):
        sigma[t - first] = _volatility(log_close, t, weights)
    for origin in origins:
        status[origin] = _status_before_residuals(log_close[end[origin]], sigma[end[origin] - first])
    window = np.empty(lookback)
    for index in range(len(horizons)):
        horizon = horizons[index]
        scaled = _scaled_returns(log_close, sigma, first, horizon)
        # The window holds the residuals that begin at bars held_from, ..., held_to - 1.
        held_from, held_to, count = first, first, 0
        for origin in origins:
            want_from = max(first, end[origin] - lookback + 1 + EWMA_RETURNS)
            want_to = max(want_from, end[origin] - horizon + 1)
            for t in range(held_from, min(want_from, held_to)):
                count = remove_sorted(window, count, scaled[t - first])
            for t in range(max(want_from, held_to), want_to):
                count = insert_sorted(window, count, scaled[t - first])
            held_from, held_to = want_from, want_to
            scale = sigma[end[origin] - first] * math.sqrt(horizon)
            if status[origin] == NO_BAR or not scale > 0.0:
                continue
            volatility[origin, index] = scale
            residuals[origin, index] = count
            if count >= MIN_RESIDUALS:
                status[origin] = OK
                for level in range(len(levels)):
                    quantiles[origin, index, level] = scale * sorted_quantile(window, count, levels[level])


@njit(cache=True)
def _status_before_residuals(log_close: float, sigma: float) -> int:
    """The status of an origin as long as no horizon with enough residuals is found."""
    if math.isnan(log_close):
        return NO_BAR
    if sigma == 0.0:
        return CONSTANT_PRICES
    return TOO_LITTLE_HISTORY


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


@njit(cache=True)
def _scaled_returns(log_close: Float64Array1D, sigma: Float64Array1D, first: int, horizon: int) -> Float64Array1D:
    """The residual that begins at each bar from `first` on, over `horizon`; NaN where there is none."""
    scaled = np.full(max(0, len(sigma) - horizon), math.nan)
    for i in range(len(scaled)):
        if sigma[i] > 0.0:
            move = log_close[first + i + horizon] - log_close[first + i]
            scaled[i] = move / (sigma[i] * math.sqrt(horizon))
    return scaled
