"""Bars that the tests of surrogates share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kernels.surrogates import Surrogates, surrogates
from kernels.volatility.gjr import GjrParameters

PARAMETERS = GjrParameters(alpha=0.05, gamma=0.1, beta=0.85, degrees=5.0)
FIELDS = ("open", "high", "low", "close")
DEGENERATE = ("none", "one", "two", "three", "constant", "steady", "stale close", "leap")


class Bars(NamedTuple):
    """Prices [R, T]."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray

    def select(self, rows) -> Bars:
        """Some of the rows, or of the sessions."""
        return Bars(*(np.ascontiguousarray(values[rows]) for values in self))


def bars_of(returns: np.ndarray, seed: int = 0, gaps: float = 0.0, width: np.ndarray | float = 0.01) -> Bars:
    """Bars [R, T + 1] whose closes have the log returns [R, T], about `width` wide, some of them missing."""
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(np.pad(returns, ((0, 0), (1, 0))), axis=1))
    opening = close * np.exp(0.6 * width * rng.standard_normal(close.shape))
    high = np.maximum(opening, close) * np.exp(width * rng.random(close.shape))
    low = np.minimum(opening, close) * np.exp(-width * rng.random(close.shape))
    missing = rng.random(close.shape) < gaps
    bars = Bars(opening, high, low, close)
    for values in bars:
        values[missing] = np.nan
    return bars


def market(seed: int, rows: int, sessions: int, gaps: float = 0.0) -> Bars:
    """Walks with fat tails and a drift."""
    rng = np.random.default_rng(seed)
    return bars_of(0.001 + 0.01 * rng.standard_t(4, (rows, sessions - 1)), seed, gaps)


def degenerate(sessions: int = 12) -> Bars:
    """A row for each of `DEGENERATE`."""
    close = np.full((len(DEGENERATE), sessions), np.nan)
    for row, count in enumerate((0, 1, 2, 3)):
        close[row, 2 : 2 + count] = 20.0 + np.arange(count) % 2
    close[4] = close[6] = 30.0
    close[5] = 10.0 * 1.01 ** np.arange(sessions)
    close[7] = np.where(np.arange(sessions) % 3 == 0, 1e-100, 1e100)
    high, low = close.copy(), close.copy()
    high[6] *= 1.02
    low[6] *= np.where(np.arange(sessions) % 2 == 0, 0.97, 1.0)
    return Bars(close.copy(), high, low, close)


def make(bars: Bars, numbers=(0, 1, 2), keys=None, **options) -> Surrogates:
    """Surrogates of all rows; keys by row and options of the tests where none are given."""
    keys = np.arange(len(bars.close)) if keys is None else keys
    options = {"seed": 7, "parameters": PARAMETERS} | options
    return surrogates(*bars, np.asarray(keys, dtype=np.int64), np.asarray(numbers, dtype=np.int32), **options)


def stacked(made: Surrogates) -> np.ndarray:
    """All fields [4, R, B, T]."""
    return np.stack([getattr(made, field) for field in FIELDS])


def log_returns(close: np.ndarray) -> np.ndarray:
    """Along the last axis; no bar may be missing."""
    return np.diff(np.log(close), axis=-1)


def log_ranges(made) -> np.ndarray:
    """Of all bars but the first."""
    return np.log(made.high / made.low)[..., 1:]


def autocovariance(values: np.ndarray, lag: int, mean: np.ndarray | float) -> np.ndarray:
    """The mean product of deviations from `mean`, along the last axis."""
    deviations = values - mean
    return np.mean(deviations[..., lag:] * deviations[..., : values.shape[-1] - lag], axis=-1)


def autocorrelation(values: np.ndarray, lag: int) -> np.ndarray:
    """Along the last axis."""
    mean = values.mean(axis=-1, keepdims=True)
    return autocovariance(values, lag, mean) / np.var(values, axis=-1)
