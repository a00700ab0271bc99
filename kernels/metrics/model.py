"""The names of the metrics, and the columns that the kernels give."""

from __future__ import annotations

from typing import NamedTuple

from kernels.panel import Float64Array1D

EQUITY_METRICS = ("total_return", "cagr", "sharpe_252", "sortino_252", "max_drawdown", "calmar")
"""The metrics that an equity path alone determines, in the order in which `metrics_of_sums` gives them."""

METRICS = (*EQUITY_METRICS, "turnover_252", "exposure", "hit_rate")
"""Every metric of a path; the definitions are in the README."""


class SumMetrics(NamedTuple):
    """The metrics of P paths from sums: float64 [P] each, NaN = unknown; shares, not percent."""

    total_return: Float64Array1D
    cagr: Float64Array1D
    sharpe_252: Float64Array1D
    sortino_252: Float64Array1D
    max_drawdown: Float64Array1D
    calmar: Float64Array1D


class EquityMetrics(NamedTuple):
    """The metrics of P equity paths: float64 [P] each, NaN = unknown; shares, not percent.

    `skewness` and `kurtosis` (3 for a normal) are of the returns per session; `sessions` is the number of returns.
    """

    total_return: Float64Array1D
    cagr: Float64Array1D
    sharpe_252: Float64Array1D
    sortino_252: Float64Array1D
    max_drawdown: Float64Array1D
    calmar: Float64Array1D
    skewness: Float64Array1D
    kurtosis: Float64Array1D
    sessions: Float64Array1D
