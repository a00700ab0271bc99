"""The HAR scale on the CPU: window means with rows in parallel, logarithms and exponentials by NumPy.

Each window is summed anew at each bar, oldest first: a running sum would depend on where the history begins.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array2D
from kernels.volatility.fhs import Float64Array3D
from kernels.volatility.har.parameters import HarParameters
from kernels.volatility.har.rules import VARIANCE_CEILING, VARIANCE_FLOOR, WINDOWS


def har_scales(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    parameters: HarParameters,
) -> Float64Array3D:
    """Same as `kernels.volatility.har.har_scales`, without its checks."""
    means = mean_variances(daily_variance(open_, high, low, close))
    features = log_variance(means)
    scales = np.empty((*close.shape, len(parameters.horizons)))
    for index, horizon in enumerate(parameters.horizons):
        coefficients = parameters.coefficients[index]
        prediction = np.full(close.shape, coefficients[0])
        for window in range(len(WINDOWS)):
            prediction += coefficients[1 + window] * features[:, :, window]
        prediction = np.clip(prediction, math.log(VARIANCE_FLOOR), math.log(VARIANCE_CEILING))
        scale = np.sqrt(horizon * np.exp(prediction))
        scales[:, :, index] = np.where(stands_still(means) & ~np.isnan(prediction), 0.0, scale)
    return scales


def daily_variance(
    open_: Float64Array2D, high: Float64Array2D, low: Float64Array2D, close: Float64Array2D
) -> Float64Array2D:
    """Rogers-Satchell variance of each bar plus its squared gap; NaN unless the bar and the close before are there."""
    log_open, log_close = np.log(open_), np.log(close)
    up = np.log(np.maximum(np.maximum(high, low), np.maximum(open_, close))) - log_open
    down = np.log(np.minimum(np.minimum(high, low), np.minimum(open_, close))) - log_open
    move = log_close - log_open
    gap = np.full(close.shape, np.nan)
    gap[:, 1:] = log_open[:, 1:] - log_close[:, :-1]
    variance: Float64Array2D = up * (up - move) + down * (down - move) + gap * gap
    return variance


def mean_variances(variance: Float64Array2D) -> Float64Array3D:
    """The mean over each window that ends at each bar, [R, T, 4]; NaN where less than half of it has a variance."""
    means = np.empty((*variance.shape, len(WINDOWS)))
    _window_means(variance, np.array(WINDOWS, dtype=np.int64), means)
    return means


def log_variance(means: Float64Array3D) -> Float64Array3D:
    """The logarithm of variances, floored."""
    return np.log(np.maximum(means, VARIANCE_FLOOR))


def stands_still(means: Float64Array3D) -> npt.NDArray[np.bool_]:
    """Whether the price stood still over the longest window that ends at each bar, [R, T]."""
    still: npt.NDArray[np.bool_] = means[:, :, -1] == 0.0
    return still


@njit(cache=True, parallel=True)
def _window_means(variance: Float64Array2D, windows: npt.NDArray[np.int64], means: Float64Array3D) -> None:
    rows, bars = variance.shape
    for series in prange(rows):
        for t in range(bars):
            for index in range(len(windows)):
                total, count = 0.0, 0
                for past in range(max(0, t - windows[index] + 1), t + 1):
                    if not math.isnan(variance[series, past]):
                        total += variance[series, past]
                        count += 1
                means[series, t, index] = total / count if 2 * count >= windows[index] else math.nan
