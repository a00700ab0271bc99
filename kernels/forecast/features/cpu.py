"""Features on the CPU: windows in numba with rows in parallel, logarithms by NumPy, cross-sections session by session.

Each window is summed anew at each bar, and each cross-section in sorted order: a sum then depends on neither where the
history begins nor how the rows are ordered. NumPy's log gives a number the same float wherever it stands; a log inside
a vectorised loop need not.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.forecast.bars import ForecastBars
from kernels.forecast.features.rules import (
    DECAYS,
    DOWN_WINDOWS,
    FEATURES,
    LOG_VARIANCE_LIMIT,
    LONG_RETURN,
    MIN_SECTOR_SYMBOLS,
    MONTH_SESSIONS,
    RETURN_LIMIT,
    SQUARE_FLOOR,
    VOLUME_LIMIT,
    VOLUME_SESSIONS,
)
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.ewma.rules import EWMA_RETURNS, MIN_RETURNS
from kernels.volatility.har.cpu import daily_variance, mean_variances

Float64Array3D = npt.NDArray[np.float64]
Int64Array1D = npt.NDArray[np.int64]


def bar_features(bars: ForecastBars, scale: Float64Array2D) -> Float64Array3D:
    """Same as `kernels.forecast.features.bar_features`, without its checks."""
    open_, high, low, close = bars.open, bars.high, bars.low, bars.close
    unknown = np.isnan(open_) | np.isnan(high) | np.isnan(low) | np.isnan(close) | ~(scale > 0.0)
    scale = np.where(unknown, np.nan, scale)
    log_scale, log_open, log_close = np.log(scale), np.log(open_), np.log(close)
    features = np.empty((*close.shape, len(FEATURES)))
    # The log of a variance of 0 is clipped like any other that is far below the scale.
    with np.errstate(divide="ignore"):
        log_ranges = np.log(mean_variances(daily_variance(open_, high, low, close)))
        log_ewma = np.log(_ewma_variances(log_close))
    features[:, :, 0:4] = _clip(log_ranges - 2.0 * log_scale[:, :, None], LOG_VARIANCE_LIMIT)
    features[:, :, 4:6] = 0.5 * _clip(log_ewma - 2.0 * log_scale[:, :, None], LOG_VARIANCE_LIMIT)
    _write_down_shares(log_close, np.array(DOWN_WINDOWS), features[:, :, 6:8])
    features[:, :, 8] = _over_scale(log_close, log_close, scale, 1)
    features[:, :, 9] = _over_scale(log_open, log_close, scale, 1)
    features[:, :, 10] = _over_scale(log_close, log_close, scale, LONG_RETURN)
    _write_volume(np.log1p(bars.volume), features[:, :, 11])
    features[unknown] = np.nan
    moves = np.where(bars.counted, features[:, :, 8], np.nan)
    _write_cross_sections(moves, bars.sector, features[:, :, 12:16])
    features[:, :, 16] = bars.days_to_month_end / MONTH_SESSIONS
    features[unknown] = np.nan
    return features


def _clip(values: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.float64]:
    return np.clip(values, -limit, limit)


def _over_scale(
    log_price: Float64Array2D, log_close: Float64Array2D, scale: Float64Array2D, sessions: int
) -> Float64Array2D:
    """The move from the close `sessions` before to the price, over the scale known at that close, clipped."""
    moves = np.full(log_close.shape, np.nan)
    with np.errstate(over="ignore"):
        moves[:, sessions:] = (log_price[:, sessions:] - log_close[:, :-sessions]) / (
            scale[:, :-sessions] * math.sqrt(sessions)
        )
    return _clip(moves, RETURN_LIMIT)


def _ewma_variances(log_close: Float64Array2D) -> Float64Array3D:
    """Squared EWMA volatility of each bar for both decays, [R, T, 2]; NaN with fewer than MIN_RETURNS returns."""
    weights = np.array([[decay**k for decay in DECAYS] for k in range(EWMA_RETURNS)])
    variances = np.empty((*log_close.shape, len(DECAYS)))
    _write_ewma_variances(log_close, weights, variances)
    return variances


@njit(cache=True, parallel=True)
def _write_ewma_variances(log_close: Float64Array2D, weights: Float64Array2D, variances: Float64Array3D) -> None:
    for series in prange(len(log_close)):
        for t in range(log_close.shape[1]):
            for index in range(weights.shape[1]):
                squares, total, returns = 0.0, 0.0, 0
                for k in range(min(len(weights), t)):
                    one_return = log_close[series, t - k] - log_close[series, t - k - 1]
                    if not math.isnan(one_return):
                        squares += weights[k, index] * one_return**2
                        total += weights[k, index]
                        returns += 1
                variances[series, t, index] = squares / total if returns >= MIN_RETURNS else math.nan


@njit(cache=True, parallel=True)
def _write_down_shares(log_close: Float64Array2D, windows: Int64Array1D, shares: Float64Array3D) -> None:
    for series in prange(len(log_close)):
        for t in range(log_close.shape[1]):
            for index in range(len(windows)):
                shares[series, t, index] = _down_share(log_close[series], t, windows[index])


@njit(cache=True)
def _down_share(log_close: Float64Array1D, t: int, window: int) -> float:
    down, total, returns = 0.0, 0.0, 0
    for end in range(max(1, t - window + 1), t + 1):
        one_return = log_close[end] - log_close[end - 1]
        if not math.isnan(one_return):
            total += one_return**2
            down += one_return**2 if one_return < 0.0 else 0.0
            returns += 1
    if 2 * returns < window:
        return math.nan
    return down / total if total > 0.0 else 0.5


@njit(cache=True, parallel=True)
def _write_volume(log_volume: Float64Array2D, deviations: Float64Array2D) -> None:
    for series in prange(len(log_volume)):
        for t in range(log_volume.shape[1]):
            deviations[series, t] = _volume(log_volume[series], t)


@njit(cache=True)
def _volume(log_volume: Float64Array1D, t: int) -> float:
    """Standard deviations of bar t's log volume above the mean, clipped; as differences to bar t, so exact at 0."""
    own, first = log_volume[t], max(0, t - VOLUME_SESSIONS + 1)
    total, squares, count = 0.0, 0.0, 0
    for past in range(first, t + 1):
        if not math.isnan(log_volume[past]):
            total += log_volume[past] - own
            count += 1
    if math.isnan(own) or 2 * count < VOLUME_SESSIONS:
        return math.nan
    mean = total / count
    for past in range(first, t + 1):
        if not math.isnan(log_volume[past]):
            squares += (log_volume[past] - own - mean) ** 2
    if squares == 0.0:
        return 0.0
    return min(max(-mean / math.sqrt(squares / count), -VOLUME_LIMIT), VOLUME_LIMIT)


def _write_cross_sections(moves: Float64Array2D, sector: Int32Array1D, features: Float64Array3D) -> None:
    """Write the market's median and log mean square of each session, then the sector's, for every row.

    `moves` is NaN where a row doesn't count.
    """
    codes, group = np.unique(sector, return_inverse=True)
    by_session = np.ascontiguousarray(moves.T)
    sections = np.empty((len(by_session), len(codes) + 1, 2))
    members = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[members], np.arange(len(codes) + 1))
    _write_sections(by_session, members, starts, codes, sections)
    sections[:, :, 1] = np.log(np.maximum(sections[:, :, 1], SQUARE_FLOOR))
    features[:, :, 0:2] = sections[None, :, -1]
    features[:, :, 2:4] = sections[:, group].transpose(1, 0, 2)


@njit(cache=True, parallel=True)
def _write_sections(
    by_session: Float64Array2D,
    members: Int64Array1D,
    starts: Int64Array1D,
    codes: Int32Array1D,
    sections: Float64Array3D,
) -> None:
    """Write median and mean square of each session: one line a sector, and the market in the last."""
    for t in prange(len(by_session)):
        market = _sorted_known(by_session[t], members)
        market_median, market_square = _median_and_mean_square(market)
        sections[t, len(codes), 0], sections[t, len(codes), 1] = market_median, market_square
        for index in range(len(codes)):
            known = _sorted_known(by_session[t], members[starts[index] : starts[index + 1]])
            if codes[index] >= 0 and len(known) >= MIN_SECTOR_SYMBOLS:
                sections[t, index, 0], sections[t, index, 1] = _median_and_mean_square(known)
            else:
                sections[t, index, 0], sections[t, index, 1] = market_median, market_square


@njit(cache=True)
def _sorted_known(moves: Float64Array1D, members: Int64Array1D) -> Float64Array1D:
    known, count = np.empty(len(members)), 0
    for member in members:
        if not math.isnan(moves[member]):
            known[count] = moves[member]
            count += 1
    return np.sort(known[:count])


@njit(cache=True)
def _median_and_mean_square(rising: Float64Array1D) -> tuple[float, float]:
    count, squares = len(rising), 0.0
    if count == 0:
        return math.nan, math.nan
    for value in rising:
        squares += value * value
    return 0.5 * (rising[(count - 1) // 2] + rising[count // 2]), squares / count
