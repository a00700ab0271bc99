"""The oracle: the features straight from the definitions, one bar at a time."""

from __future__ import annotations

import math
import statistics

import numpy as np
import numpy.typing as npt

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
from kernels.panel import Float64Array2D
from kernels.volatility.ewma.rules import EWMA_RETURNS, MIN_RETURNS
from kernels.volatility.har.naive import daily_variance, mean_variances


def bar_features(bars: ForecastBars, scale: Float64Array2D) -> npt.NDArray[np.float64]:
    """Same as `kernels.forecast.features.bar_features`, without its checks."""
    open_, high, low, close = bars.open, bars.high, bars.low, bars.close
    features = np.full((*close.shape, len(FEATURES)), np.nan)
    there = ~np.isnan([open_, high, low, close]).any(axis=0) & (scale > 0.0)
    known_scale = np.where(there, scale, np.nan)
    for series in range(len(close)):
        log_open, log_close = np.log(open_[series]).tolist(), np.log(close[series]).tolist()
        log_volume, scales = np.log1p(bars.volume[series]).tolist(), known_scale[series].tolist()
        variance = daily_variance(open_[series], high[series], low[series], close[series])
        for t in np.flatnonzero(there[series]).tolist():
            features[series, t, :12] = [
                *(_log_ratio(mean, scales[t]) for mean in mean_variances(variance, t)),
                *(0.5 * _log_ratio(_ewma_variance(log_close, t, decay), scales[t]) for decay in DECAYS),
                *(_down_share(log_close, t, window) for window in DOWN_WINDOWS),
                _over_scale(log_close, log_close, scales, t, 1),
                _over_scale(log_open, log_close, scales, t, 1),
                _over_scale(log_close, log_close, scales, t, LONG_RETURN),
                _volume(log_volume, t),
            ]
    sector = bars.sector
    for series, t in np.argwhere(there).tolist():
        moves = np.where(bars.counted[:, t], features[:, t, FEATURES.index("return_1")], np.nan)
        market = moves[~np.isnan(moves)].tolist()
        own = moves[~np.isnan(moves) & (sector == sector[series])].tolist()
        features[series, t, 12:14] = _section(market)
        alone = sector[series] < 0 or len(own) < MIN_SECTOR_SYMBOLS
        features[series, t, 14:16] = _section(market if alone else own)
        features[series, t, 16] = bars.days_to_month_end[t] / MONTH_SESSIONS
    return features


def _clip(value: float, limit: float) -> float:
    return value if math.isnan(value) else min(max(value, -limit), limit)


def _log_ratio(variance: float, scale: float) -> float:
    ratio = math.log(variance) - 2.0 * math.log(scale) if variance != 0.0 else -math.inf
    return _clip(ratio, LOG_VARIANCE_LIMIT)


def _returns(log_close: list[float], first: int, t: int) -> list[float]:
    """The returns of the bars `first` to t that are there."""
    moves = [log_close[end] - log_close[end - 1] for end in range(max(1, first), t + 1)]
    return [move for move in moves if not math.isnan(move)]


def _ewma_variance(log_close: list[float], t: int, decay: float) -> float:
    weights, squares = [], []
    for k in range(min(EWMA_RETURNS, t)):
        move = log_close[t - k] - log_close[t - k - 1]
        if not math.isnan(move):
            weights.append(decay**k)
            squares.append(decay**k * move**2)
    return math.fsum(squares) / math.fsum(weights) if len(weights) >= MIN_RETURNS else math.nan


def _down_share(log_close: list[float], t: int, window: int) -> float:
    moves = _returns(log_close, t - window + 1, t)
    if 2 * len(moves) < window:
        return math.nan
    total = math.fsum(move**2 for move in moves)
    return math.fsum(move**2 for move in moves if move < 0.0) / total if total > 0.0 else 0.5


def _over_scale(log_price: list[float], log_close: list[float], scales: list[float], t: int, sessions: int) -> float:
    if t < sessions:
        return math.nan
    move = log_price[t] - log_close[t - sessions]
    return _clip(move / (scales[t - sessions] * math.sqrt(sessions)), RETURN_LIMIT)


def _volume(log_volume: list[float], t: int) -> float:
    own = log_volume[t]
    known = [value - own for value in log_volume[max(0, t - VOLUME_SESSIONS + 1) : t + 1] if not math.isnan(value)]
    if math.isnan(own) or 2 * len(known) < VOLUME_SESSIONS:
        return math.nan
    if not any(known):
        return 0.0
    return _clip(-statistics.fmean(known) / statistics.pstdev(known), VOLUME_LIMIT)


def _section(moves: list[float]) -> tuple[float, float]:
    """Median and log mean square; NaN where no row has a move."""
    if not moves:
        return math.nan, math.nan
    square = math.fsum(move**2 for move in moves) / len(moves)
    return statistics.median(moves), math.log(max(square, SQUARE_FLOOR))
