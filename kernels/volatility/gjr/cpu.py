"""GJR on the CPU: the scale of each bar, rows in parallel; the quantiles come from `kernels.volatility.fhs`.

The sums over past returns run over the age k outside and the bars inside. Each bar's sum then has the same order
whatever the range of bars, and the inner loop works on many bars at once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.fhs import Float64Array3D, forecast_from_scales, needed_bars
from kernels.volatility.forecasts import Forecasts
from kernels.volatility.gjr.rules import GJR_RETURNS, MIN_TARGET_RETURNS, TARGET_RETURNS, GjrParameters


def gjr_scales(close: Float64Array2D, parameters: GjrParameters, horizons: tuple[int, ...]) -> Float64Array3D:
    """Same as `kernels.volatility.gjr_scales`, without its checks."""
    return _scales_of_log_close(np.log(close), parameters, horizons)


def gjr_fhs(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    parameters: GjrParameters,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
    lookback: int,
) -> Forecasts:
    """Same as `kernels.volatility.gjr_fhs`, without its checks."""
    rows, columns, row, end = needed_bars(row, end, lookback)
    log_close = np.log(np.ascontiguousarray(close[rows, columns]))
    scale = _scales_of_log_close(log_close, parameters, horizons)
    return forecast_from_scales(log_close, scale, row, end, horizons, levels, lookback, TARGET_RETURNS)


def _scales_of_log_close(
    log_close: Float64Array2D, parameters: GjrParameters, horizons: tuple[int, ...]
) -> Float64Array3D:
    scale = np.empty((*log_close.shape, len(horizons)))
    persistence = parameters.persistence
    # The variance over h sessions is target_weight v + ahead_weight s, both weights above or equal to 0.
    ahead_weight = np.array([sum(persistence**i for i in range(horizon)) for horizon in horizons])
    target_weight = np.array([sum(1.0 - persistence**i for i in range(horizon)) for horizon in horizons])
    weights = np.array([parameters.beta**k for k in range(GJR_RETURNS)])
    still = (1.0 - persistence) * sum(weights.tolist()) + parameters.beta**GJR_RETURNS
    _scales(log_close, parameters.alpha, parameters.gamma, weights, still, target_weight, ahead_weight, scale)
    return scale


@njit(cache=True, parallel=True)
def _scales(
    log_close: Float64Array2D,
    alpha: float,
    gamma: float,
    weights: Float64Array1D,
    still: float,
    target_weight: Float64Array1D,
    ahead_weight: Float64Array1D,
    scale: Float64Array3D,
) -> None:
    """Write the scale of each bar and horizon; `still` is the next variance over its target if no return moves."""
    for series in prange(len(log_close)):
        target, ahead = _variances(log_close[series], alpha, gamma, weights, still)
        for t in range(len(target)):
            for index in range(len(target_weight)):
                scale[series, t, index] = math.sqrt(target_weight[index] * target[t] + ahead_weight[index] * ahead[t])


@njit(cache=True)
def _variances(
    log_close: Float64Array1D, alpha: float, gamma: float, weights: Float64Array1D, still: float
) -> tuple[Float64Array1D, Float64Array1D]:
    """The variance target at each bar and the variance of the next return; NaN without a bar or its history."""
    bars = len(log_close)
    square, news, missing = np.zeros(bars), np.zeros(bars), np.ones(bars)
    for t in range(1, bars):
        one_return = log_close[t] - log_close[t - 1]
        if not math.isnan(one_return):
            square[t] = one_return**2
            news[t] = (alpha + gamma if one_return < 0.0 else alpha) * square[t]
            missing[t] = 0.0
    squares, gone, ahead, unseen = np.zeros(bars), np.zeros(bars), np.zeros(bars), np.zeros(bars)
    for k in range(min(TARGET_RETURNS, bars)):
        for t in range(k, bars):
            squares[t] += square[t - k]
            gone[t] += missing[t - k]
    for k in range(min(len(weights), bars)):
        weight = weights[k]
        for t in range(k, bars):
            ahead[t] += weight * news[t - k]
            unseen[t] += weight * missing[t - k]
    target = np.full(bars, math.nan)
    for t in range(bars):
        returns = min(TARGET_RETURNS, t + 1) - gone[t]
        if returns >= MIN_TARGET_RETURNS and not math.isnan(log_close[t]):
            target[t] = squares[t] / returns
        ahead[t] += (still + (alpha + gamma / 2.0) * unseen[t]) * target[t]
    return target, ahead
