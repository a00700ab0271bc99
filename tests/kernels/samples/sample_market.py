"""A small made-up market for the tests of the samples."""

from __future__ import annotations

import numpy as np

from kernels.trading.model import Bars

FIELDS = ("open", "high", "low", "close", "volume")


def market(seed: int = 1, series: int = 4, sessions: int = 120, holes: float = 0.0):
    """Symbols, bars as the keyword arguments of find_starts, and as trading Bars with a few dividends."""
    rng = np.random.default_rng(seed)
    close = 40 * np.exp(np.cumsum(0.02 * rng.standard_normal((series, sessions)), axis=1))
    open_ = close * np.exp(0.01 * rng.standard_normal(close.shape))
    high = np.maximum(open_, close) * np.exp(0.01 * rng.random(close.shape))
    low = np.minimum(open_, close) * np.exp(-0.01 * rng.random(close.shape))
    volume = np.floor(np.exp(rng.normal(14, 1, close.shape)))
    arrays = dict(zip(FIELDS, (open_, high, low, close, volume), strict=True))
    missing = rng.random(close.shape) < holes
    for values in arrays.values():
        values[missing] = np.nan
    dividend = np.where(rng.random(close.shape) < 0.02, 0.25, 0.0)
    symbols = tuple(f"S{number:03d}" for number in range(series))
    return symbols, arrays, bars_of(arrays, dividend)


def bars_of(arrays, dividend=None) -> Bars:
    """Trading bars from the arrays."""
    dividend = np.zeros_like(arrays["close"]) if dividend is None else dividend
    return Bars(arrays["open"], arrays["high"], arrays["low"], arrays["close"], dividend)


def same_bytes(one, other, names=None) -> bool:
    """Whether two dictionaries of columns hold the same dtypes and bytes."""
    names = list(one) if names is None else names
    return all(one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes() for name in names)
