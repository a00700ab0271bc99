"""The metrics on the CPU: paths in parallel, each in the order of its sessions."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from kernels.metrics.model import EQUITY_METRICS, EquityMetrics, SumMetrics
from kernels.metrics.rules import is_constant, is_still, metrics_of_sums
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D


def measure_equity(equity: Float64Array2D) -> EquityMetrics:
    """Same as `kernels.metrics.measure_equity`, without its checks."""
    columns = np.empty((len(EquityMetrics._fields), len(equity)))
    _all_paths(equity, columns)
    return EquityMetrics(*columns)


def measure_sums(sums: Float64Array2D, returns: Int32Array1D) -> SumMetrics:
    """Same as `kernels.metrics.measure_sums`, without its checks; `sums` is [6, P]."""
    columns = np.empty((len(EQUITY_METRICS), len(returns)))
    _all_sums(sums, returns, columns)
    return SumMetrics(*columns)


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _all_paths(equity: Float64Array2D, columns: Float64Array2D) -> None:
    """Write the column of each path."""
    for path in prange(len(equity)):
        _one_path(equity[path], columns[:, path])


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _all_sums(sums: Float64Array2D, returns: Int32Array1D, columns: Float64Array2D) -> None:
    """Write the column of each path."""
    for path in prange(len(returns)):
        column = sums[:, path]
        values = metrics_of_sums(column[0], column[1], column[2], column[3], column[4], column[5], returns[path])
        for index in range(6):
            columns[index, path] = values[index]


@njit(cache=True, nogil=True, error_model="numpy")
def _one_path(equity: Float64Array1D, column: Float64Array1D) -> None:
    """Write the fields of `EquityMetrics` for one path, which ends before the first NaN."""
    bars = 0
    while bars < len(equity) and not math.isnan(equity[bars]):
        bars += 1
    column[:] = math.nan
    returns = max(bars - 1, 0)
    column[8] = returns
    if bars == 0 or equity[0] <= 0.0:
        return
    total, squares, downside, drawdown, peak = 0.0, 0.0, 0.0, 0.0, equity[0]
    for bar in range(1, bars):
        value = return_of(equity[bar - 1], equity[bar])
        total += value
        squares += value * value
        if value < 0.0:
            downside += value * value
        if equity[bar] > peak:
            peak = equity[bar]
        drawdown = max(drawdown, (peak - equity[bar]) / peak)
    values = metrics_of_sums(equity[0], equity[bars - 1], total, squares, downside, drawdown, returns)
    for index in range(6):
        column[index] = values[index]
    if returns < 2 or is_still(squares, returns) or is_constant(total, squares, returns):
        return
    mean = total / returns
    second, third, fourth = 0.0, 0.0, 0.0
    for bar in range(1, bars):
        value = return_of(equity[bar - 1], equity[bar]) - mean
        square = value * value
        second += square
        third += square * value
        fourth += square * square
    second /= returns
    column[6] = third / returns / (second * math.sqrt(second))
    column[7] = fourth / returns / (second * second)


@njit(cache=True, nogil=True, error_model="numpy")
def return_of(before: float, after: float) -> float:
    """The return of one session; 0 after ruin."""
    return after / before - 1.0 if before > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def metrics_of_returns(returns: Float64Array1D) -> tuple[float, float, float, float, float, float]:
    """`metrics_of_sums` of a path that begins with an equity of 1; returns after ruin count as 0."""
    total, squares, downside, drawdown, peak, equity = 0.0, 0.0, 0.0, 0.0, 1.0, 1.0
    for value in returns:
        if equity <= 0.0:
            break
        equity *= 1.0 + value
        total += value
        squares += value * value
        if value < 0.0:
            downside += value * value
        peak = max(peak, equity)
        drawdown = max(drawdown, (peak - equity) / peak)
    return metrics_of_sums(1.0, equity, total, squares, downside, drawdown, len(returns))
