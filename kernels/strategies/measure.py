"""The metrics of simulated paths that end together: how they did, how sure that is, what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.device import Backend
from kernels.metrics import bootstrap_intervals, deflated_sharpe, exposure, hit_rate, measure_equity
from kernels.metrics.model import EquityMetrics
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.trading import COST_KINDS, SESSIONS_PER_YEAR, Simulation


@dataclass(frozen=True)
class Measured:
    """The metrics of P paths.

    Attributes:
        columns: float64 [P] for each float of `RollingResult`.
        trades: int32 [P].
        returns: float64 [P, L].
    """

    columns: dict[str, Float64Array1D]
    trades: Int32Array1D
    returns: Float64Array2D


def measure(
    played: Simulation,
    begin: npt.NDArray[np.integer],
    last: int,
    symbol: npt.NDArray[np.intp],
    seed: int,
    interval_level: float,
    resamples: int,
    backend: Backend,
) -> Measured:
    """Measure P paths over the bars 0 to `last`; an account stands still before its path begins.

    Args:
        played: the paths, recorded; each began with an equity of 1.
        begin: integers [P], the first bar of each.
        last: the last bar of all.
        symbol: int [P]; the paths of a symbol are each other's trials.
        seed: of the bootstrap.
        interval_level: share of the resamples within the intervals.
        resamples: of the bootstrap.
        backend: "naive" or "cpu".
    """
    trades = played.trades
    assert trades is not None  # noqa: S101 - the simulation was recorded
    paths = len(symbol)
    equity = _equity_of_all_bars(np.asarray(played.equity), begin, last)
    metrics = measure_equity(equity, backend=backend)
    before = equity[:, :-1]
    returns = np.divide(equity[:, 1:], before, out=np.ones_like(before), where=before > 0.0) - 1.0
    bounds = bootstrap_intervals(
        returns.T,
        ("total_return", "sharpe_252"),
        seed=seed,
        level=interval_level,
        resamples=resamples,
        backend=backend,
    )
    paid = np.zeros(paths)
    for kind in COST_KINDS:
        paid += played.column(kind)
    columns = {
        "total_return": metrics.total_return,
        "total_return_low": bounds["total_return"][:, 0],
        "total_return_high": bounds["total_return"][:, 1],
        "sharpe_252": metrics.sharpe_252,
        "sharpe_low": bounds["sharpe_252"][:, 0],
        "sharpe_high": bounds["sharpe_252"][:, 1],
        "deflated_sharpe": _deflated(metrics, symbol),
        "hit_rate": hit_rate(trades.gross + trades.dividends - trades.costs, trades.path, paths),
        "max_drawdown": metrics.max_drawdown,
        "exposure": exposure(played.exposure, np.full(paths, last)),
        "costs": paid,
    }
    return Measured(columns, np.bincount(trades.path, minlength=paths).astype(np.int32), returns)


def _equity_of_all_bars(equity: Float64Array2D, begin: npt.NDArray[np.integer], last: int) -> Float64Array2D:
    """The equity float64 [P, last + 1] of every bar; before a path begins, that at its beginning."""
    place = np.maximum(np.arange(last + 1) - begin[:, None], 0)
    return np.take_along_axis(equity, place, axis=1)


def _deflated(metrics: EquityMetrics, symbol: npt.NDArray[np.intp]) -> Float64Array1D:
    """The deflated Sharpe ratio of each path among those of its symbol; why with this deviation: README."""
    trials = np.bincount(symbol)[symbol]
    sharpe = metrics.sharpe_252 / math.sqrt(SESSIONS_PER_YEAR)
    columns = (sharpe, metrics.skewness, metrics.kurtosis, metrics.sessions, trials)
    return np.array(
        [
            deflated_sharpe(each, skewness, kurtosis, sessions, 1.0 / math.sqrt(max(sessions - 1.0, 1.0)), count)
            for each, skewness, kurtosis, sessions, count in zip(*(column.tolist() for column in columns), strict=True)
        ]
    )
