"""The oracle of the equity metrics: one path at a time, two passes, straight from the definitions in the README."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from kernels.metrics.model import EquityMetrics
from kernels.panel import Float64Array2D


def measure_equity(equity: Float64Array2D) -> EquityMetrics:
    """Same as `kernels.metrics.measure_equity`, without its checks."""
    rows = [_measure_path([value for value in row.tolist() if not math.isnan(value)]) for row in equity]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(EquityMetrics._fields))
    return EquityMetrics(*(table[:, column].copy() for column in range(table.shape[1])))


def _measure_path(equity: list[float]) -> tuple[float, ...]:
    """The fields of `EquityMetrics` for one path."""
    unknown = math.nan
    sessions = max(len(equity) - 1, 0)
    if not equity or equity[0] <= 0:
        return (*[unknown] * 8, float(sessions))
    total_return = equity[-1] / equity[0] - 1
    drawdown = max((max(equity[: t + 1]) - equity[t]) / max(equity[: t + 1]) for t in range(len(equity)))
    if sessions == 0:
        return total_return, unknown, unknown, unknown, drawdown, unknown, unknown, unknown, 0.0

    returns = [after / before - 1 if before > 0 else 0.0 for before, after in pairwise(equity)]
    try:
        cagr = (equity[-1] / equity[0]) ** (252 / sessions) - 1 if equity[-1] > 0 else -1.0
    except OverflowError:
        cagr = unknown
    mean_square = sum(r**2 for r in returns) / sessions
    if math.sqrt(mean_square) <= 1e-12:
        sharpe = 0.0 if sessions > 1 else unknown
        return total_return, cagr, sharpe, 0.0, drawdown, 0.0, unknown, unknown, float(sessions)

    mean = sum(returns) / sessions
    spread = sum((r - mean) ** 2 for r in returns) / sessions
    sharpe = skewness = kurtosis = sortino = calmar = unknown
    if spread > 1e-9 * mean_square:
        sharpe = mean / math.sqrt(spread * sessions / (sessions - 1)) * math.sqrt(252)
        skewness = sum((r - mean) ** 3 for r in returns) / sessions / spread**1.5
        kurtosis = sum((r - mean) ** 4 for r in returns) / sessions / spread**2
    downside = sum(min(r, 0.0) ** 2 for r in returns) / sessions
    if downside > 1e-9 * mean_square:
        sortino = mean / math.sqrt(downside) * math.sqrt(252)
    if drawdown**2 > 1e-9 * mean_square * sessions:
        calmar = cagr / drawdown
    return total_return, cagr, sharpe, sortino, drawdown, calmar, skewness, kurtosis, float(sessions)
