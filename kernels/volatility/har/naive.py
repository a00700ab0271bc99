"""The oracle: the HAR scale straight from the definition, one bar at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D
from kernels.volatility.har.parameters import HarParameters
from kernels.volatility.har.rules import VARIANCE_CEILING, VARIANCE_FLOOR, WINDOWS


def har_scales(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    parameters: HarParameters,
) -> npt.NDArray[np.float64]:
    """Same as `kernels.volatility.har.har_scales`, without its checks."""
    rows, bars = close.shape
    scales = np.full((rows, bars, len(parameters.horizons)), np.nan)
    for series in range(rows):
        variance = daily_variance(open_[series], high[series], low[series], close[series])
        for t in range(bars):
            means = mean_variances(variance, t)
            if any(math.isnan(mean) for mean in means):
                continue
            for index, horizon in enumerate(parameters.horizons):
                scales[series, t, index] = _scale(means, parameters.coefficients[index].tolist(), horizon)
    return scales


def daily_variance(
    open_: Float64Array1D, high: Float64Array1D, low: Float64Array1D, close: Float64Array1D
) -> list[float]:
    """Rogers-Satchell variance of each bar plus its squared gap; NaN unless the bar and the close before are there."""
    variance = [math.nan] * len(close)
    for t in range(1, len(close)):
        bar = [float(values[t]) for values in (open_, high, low, close)]
        if any(math.isnan(price) for price in (*bar, close[t - 1])):
            continue
        at_open, at_high, at_low, at_close = np.log([bar[0], max(bar), min(bar), bar[3]]).tolist()
        up, down, move = at_high - at_open, at_low - at_open, at_close - at_open
        gap = at_open - float(np.log(close[t - 1]))
        variance[t] = up * (up - move) + down * (down - move) + gap * gap
    return variance


def mean_variances(variance: list[float], t: int) -> list[float]:
    """The mean over each window that ends at bar t; NaN where less than half of its sessions have a variance."""
    means = []
    for window in WINDOWS:
        there = [value for value in variance[max(0, t - window + 1) : t + 1] if not math.isnan(value)]
        means.append(sum(there) / len(there) if 2 * len(there) >= window else math.nan)
    return means


def _scale(means: list[float], coefficients: list[float], horizon: int) -> float:
    if means[-1] == 0.0:
        return 0.0
    prediction = coefficients[0]
    for mean, slope in zip(means, coefficients[1:], strict=True):
        prediction += slope * math.log(max(mean, VARIANCE_FLOOR))
    variance = min(max(math.exp(min(prediction, 0.0)), VARIANCE_FLOOR), VARIANCE_CEILING)
    return math.sqrt(horizon * variance)
