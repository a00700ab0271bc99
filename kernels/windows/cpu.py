"""Window features on the CPU: one walk back from each origin serves all lengths, origins run in parallel.

Every sum belongs to one origin and runs from its end backwards, so a window's floats depend on nothing but its own
bars: not on the other lengths, not on the other origins, not on the threads. Time counts back from the origin's end.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.windows.rules import FEATURES, MIN_COVERAGE


def window_features(
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    lengths: tuple[int, ...],
) -> npt.NDArray[np.float64]:
    """Same as `kernels.windows.window_features`, without its checks."""
    no_bar = np.isnan(high) | np.isnan(low) | np.isnan(close)
    # NumPy's log gives a price the same float wherever it stands; a log inside a vectorised loop need not.
    log_close = np.log(np.where(no_bar, np.nan, close))
    swings = _swings(np.where(no_bar, np.nan, high), np.where(no_bar, np.nan, low))
    features = np.full((len(row), len(lengths), len(FEATURES)), np.nan)
    _all_origins(high, low, log_close, swings, row, end, np.array(lengths, dtype=np.int64), features)
    return features


def _swings(high: Float64Array2D, low: Float64Array2D) -> npt.NDArray[np.int8]:
    """Swings at each bar, 0, 1 or 2; a comparison with a missing neighbour is false. The value at t needs bar t + 1."""
    swings = np.zeros(high.shape, dtype=np.int8)
    before, bar, after = slice(None, -2), slice(1, -1), slice(2, None)
    swings[:, bar] += (high[:, bar] > high[:, before]) & (high[:, bar] >= high[:, after])
    swings[:, bar] += (low[:, bar] < low[:, before]) & (low[:, bar] <= low[:, after])
    return swings


@njit(cache=True, parallel=True)
def _all_origins(
    high: Float64Array2D,
    low: Float64Array2D,
    log_close: Float64Array2D,
    swings: npt.NDArray[np.int8],
    row: Int32Array1D,
    end: Int32Array1D,
    lengths: npt.NDArray[np.int64],
    features: npt.NDArray[np.float64],
) -> None:
    for origin in prange(len(row)):
        series = row[origin]
        _one_origin(
            high[series], low[series], log_close[series], swings[series], end[origin], lengths, features[origin]
        )


@njit(cache=True)
def _one_origin(
    high: Float64Array1D,
    low: Float64Array1D,
    log_close: Float64Array1D,
    swings: npt.NDArray[np.int8],
    end: int,
    lengths: npt.NDArray[np.int64],
    features: Float64Array2D,
) -> None:
    """Write `features` [L, F] of one origin; cells of windows without features stay as they are."""
    if math.isnan(log_close[end]):
        return
    highest, lowest = -math.inf, math.inf
    bars, time_sum = 0, 0
    returns, return_sum = 0, 0.0
    swing_count = 0
    index = 0
    later = math.nan
    for back in range(min(lengths[-1], end + 1)):
        t = end - back
        level = log_close[t]
        if not math.isnan(level):
            bars += 1
            time_sum += back
            highest = max(highest, high[t])
            lowest = min(lowest, low[t])
            if not math.isnan(later):
                returns += 1
                return_sum += later - level
        if back >= 2:
            swing_count += swings[t + 1]
        later = level
        if back + 1 == lengths[index]:
            if bars / lengths[index] >= MIN_COVERAGE:
                volatility, slope = _spread(log_close, end, lengths[index], return_sum / returns, time_sum / bars)
                features[index, 0] = volatility
                features[index, 1] = math.log(highest / lowest)
                features[index, 2] = swing_count / bars
                features[index, 3] = abs(slope) * lengths[index]
            index += 1


@njit(cache=True)
def _spread(
    log_close: Float64Array1D, end: int, length: int, mean_return: float, mean_time: float
) -> tuple[float, float]:
    """Standard deviation of the returns (ddof 1) and least-squares slope of log close on time, of one window.

    Levels are taken from the one at `end`, so a constant price has the slope 0 exactly.
    """
    returns, squares = 0, 0.0
    covariance, variance = 0.0, 0.0
    later = math.nan
    for back in range(length):
        level = log_close[end - back]
        if not math.isnan(level):
            time = back - mean_time
            covariance += time * (level - log_close[end])
            variance += time * time
            if not math.isnan(later):
                returns += 1
                squares += (later - level - mean_return) ** 2
        later = level
    return math.sqrt(squares / (returns - 1)), covariance / variance
