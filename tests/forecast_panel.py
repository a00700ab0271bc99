"""Bars for the tests of forecast models."""

from __future__ import annotations

import numpy as np

from kernels.forecast.bars import ForecastBars


def forecast_bars(close: np.ndarray) -> ForecastBars:
    """Bars whose close is given; open, high and low lie around it, everything counts."""
    rows, sessions = close.shape
    return ForecastBars(
        open=close * 0.999,
        high=close * 1.01,
        low=close * 0.99,
        close=close,
        volume=np.where(np.isnan(close), np.nan, 1e6),
        sector=np.zeros(rows, dtype=np.int32),
        days_to_month_end=np.zeros(sessions, dtype=np.int32),
        counted=np.ones(close.shape, dtype=bool),
    )


def random_closes(rows: int, sessions: int, seed: int) -> np.ndarray:
    """Closes that wander, some of them missing."""
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(0.01 * rng.standard_t(5, (rows, sessions)), axis=1))
    close[rng.random(close.shape) < 0.01] = np.nan
    return close


def all_origins(rows: int, ends: range) -> tuple[np.ndarray, np.ndarray]:
    """Every row at every end, as int32 vectors."""
    row, end = np.meshgrid(np.arange(rows, dtype=np.int32), np.array(ends, dtype=np.int32), indexing="ij")
    return np.ascontiguousarray(row.ravel()), np.ascontiguousarray(end.ravel())
