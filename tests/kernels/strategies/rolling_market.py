"""Bars and forecasts of a few symbols, drawn or given bar by bar."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from kernels.strategies import RollingResult
from kernels.trading import Bars
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS

# Standard normal quantiles of DEFAULT_LEVELS.
NORMAL = np.array([-2.326, -1.960, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.960, 2.326])
COLUMNS = [field.name for field in fields(RollingResult) if field.name not in ("backend", "reason_of_backend")]
FLOATS = [name for name in COLUMNS if name not in ("status", "origins", "trades", "trials")]

Case = tuple[Bars, np.ndarray, np.ndarray, np.ndarray]


def bars_of(rows: list[tuple[float, float, float, float] | float]) -> Bars:
    """One symbol from (open, high, low, close), or one price for all four; NaN = no bar."""
    table = np.array([row if isinstance(row, tuple) else (row,) * 4 for row in rows], dtype=np.float64)
    return Bars(*(np.ascontiguousarray(column[None]) for column in table.T), np.zeros((1, len(rows))))


def random_case(seed: int, symbols: int = 6, origins: int = 24, before: int = 3) -> Case:
    """Bars, origins, quantiles and volatility; forecasts lean up or down now and then."""
    rng = np.random.default_rng(seed)
    sessions = before + origins + 1
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.03, (symbols, sessions)), axis=1))
    open_ = close * np.exp(rng.normal(0.0, 0.01, close.shape))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0.0, 0.02, close.shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0.0, 0.02, close.shape)))
    dividend = np.where(rng.random(close.shape) < 0.05, 0.5, 0.0)
    volatility = 0.02 * np.exp(rng.normal(0.0, 0.3, (symbols, origins, 1))) * np.sqrt(DEFAULT_HORIZONS)
    lean = rng.normal(0.0, 0.4, volatility.shape)
    quantiles = volatility[..., None] * (NORMAL + lean[..., None])
    columns = np.arange(before, before + origins, dtype=np.int32)
    return Bars(open_, high, low, close, dividend), columns, quantiles, volatility


def with_gaps(case: Case, seed: int) -> Case:
    """The case with bars and forecasts missing here and there."""
    bars, origins, quantiles, volatility = case
    rng = np.random.default_rng(seed)
    gone = rng.random(bars.close.shape) < 0.1
    unknown = rng.random(volatility.shape) < 0.1
    return (
        without(bars, gone),
        origins,
        np.where(unknown[..., None], np.nan, quantiles),
        np.where(unknown | (rng.random(volatility.shape) < 0.05), np.nan, volatility),
    )


def without(bars: Bars, gone: np.ndarray) -> Bars:
    """The bars without those that are `gone`, bool [S, T]."""
    return replace(
        bars, **{name: np.where(gone, np.nan, getattr(bars, name)) for name in ("open", "high", "low", "close")}
    )


def constant_forecast(
    symbols: int, origins: int, log_return: float, volatility: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles that all equal one log return, and a volatility, for the default horizons and levels."""
    shape = (symbols, origins, len(DEFAULT_HORIZONS))
    return np.full((*shape, len(DEFAULT_LEVELS)), log_return), np.full(shape, volatility)


def rows_of(case: Case, symbols: list[int]) -> Case:
    """The case of some of its symbols, in this order."""
    bars, origins, quantiles, volatility = case
    chosen = Bars(*(np.ascontiguousarray(getattr(bars, field.name)[symbols]) for field in fields(Bars)))
    return chosen, origins, np.ascontiguousarray(quantiles[symbols]), np.ascontiguousarray(volatility[symbols])


def same_bytes(one: RollingResult, other: RollingResult, rows: list[int], other_rows: list[int]) -> bool:
    """Whether every column of `rows` of one result is that of `other_rows` of the other, to the last bit."""
    return all(getattr(one, name)[rows].tobytes() == getattr(other, name)[other_rows].tobytes() for name in COLUMNS)
