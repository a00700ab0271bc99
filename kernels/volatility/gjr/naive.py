"""The oracle of GJR: scales and log-likelihood straight from the definitions, one bar at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility import fhs_naive
from kernels.volatility.forecasts import Forecasts
from kernels.volatility.gjr.rules import GJR_RETURNS, MIN_TARGET_RETURNS, TARGET_RETURNS, GjrParameters


def gjr_scales(close: Float64Array2D, parameters: GjrParameters, horizons: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Same as `kernels.volatility.gjr_scales`, without its checks."""
    scale = np.full((*close.shape, len(horizons)), np.nan)
    for series, prices in enumerate(close):
        returns = np.diff(np.log(prices), prepend=np.nan)
        for t in np.flatnonzero(~np.isnan(prices)).tolist():
            window = returns[max(0, t - TARGET_RETURNS + 1) : t + 1]
            squares = window[~np.isnan(window)] ** 2
            if len(squares) < MIN_TARGET_RETURNS:
                continue
            target = float(np.mean(squares))
            ahead = _next_variance(returns, t, target, parameters)
            for index, horizon in enumerate(horizons):
                steps = [target + parameters.persistence**i * (ahead - target) for i in range(horizon)]
                scale[series, t, index] = math.sqrt(sum(steps))
    return scale


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
    scale = np.full((*close.shape, len(horizons)), np.nan)
    used = np.unique(row)
    scale[used] = gjr_scales(close[used], parameters, horizons)
    return fhs_naive.forecast_from_scales(np.log(close), scale, row, end, horizons, levels, lookback, TARGET_RETURNS)


def log_likelihood(returns: Float64Array2D, target: Float64Array1D, parameters: GjrParameters) -> float:
    """Same as `kernels.volatility.gjr.fit.log_likelihood`."""
    total = 0.0
    degrees = parameters.degrees
    for series, mean in zip(returns.tolist(), target.tolist(), strict=True):
        variance = mean
        for one_return in series:
            if math.isnan(one_return):
                square = mean
                weight = parameters.alpha + parameters.gamma / 2
            else:
                square = one_return**2
                weight = parameters.alpha + parameters.gamma * (one_return < 0.0)
                total += (
                    math.lgamma((degrees + 1) / 2)
                    - math.lgamma(degrees / 2)
                    - math.log(math.pi * (degrees - 2) * variance) / 2
                    - (degrees + 1) / 2 * math.log(1 + square / ((degrees - 2) * variance))
                )
            variance = mean * (1 - parameters.persistence) + weight * square + parameters.beta * variance
    return total


def _next_variance(returns: Float64Array1D, t: int, target: float, parameters: GjrParameters) -> float:
    """Variance of the return of bar t + 1 as known at the close of bar t."""
    variance = parameters.beta**GJR_RETURNS * target
    for k in range(GJR_RETURNS):
        one_return = returns[t - k]
        if math.isnan(one_return):
            news = (parameters.alpha + parameters.gamma / 2) * target
        else:
            news = (parameters.alpha + parameters.gamma * (one_return < 0.0)) * one_return**2
        variance += parameters.beta**k * (target * (1 - parameters.persistence) + news)
    return float(variance)
