"""Performance metrics of equity paths and trades, and how sure they are; definitions in the README."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.metrics import cpu, naive
from kernels.metrics.activity import exposure, hit_rate, turnover_252
from kernels.metrics.intervals import bootstrap_interval
from kernels.metrics.model import EQUITY_METRICS, METRICS, EquityMetrics, SumMetrics
from kernels.metrics.rules import metrics_of_sums
from kernels.metrics.shared_intervals import bootstrap_intervals
from kernels.metrics.significance import deflated_sharpe, expected_maximum_sharpe, probabilistic_sharpe
from kernels.panel import Float64Array2D

__all__ = [
    "EQUITY_METRICS",
    "METRICS",
    "EquityMetrics",
    "SumMetrics",
    "bootstrap_interval",
    "bootstrap_intervals",
    "deflated_sharpe",
    "expected_maximum_sharpe",
    "exposure",
    "hit_rate",
    "measure_equity",
    "measure_sums",
    "metrics_of_sums",
    "probabilistic_sharpe",
    "turnover_252",
]

_BACKENDS = {"naive": naive.measure_equity, "cpu": cpu.measure_equity}


def measure_equity(equity: Float64Array2D, *, backend: Backend = "auto") -> EquityMetrics:
    """Measure P equity paths.

    Args:
        equity: float64 [P, L], C-contiguous, dollars at each session's close; NaN after a path's end only. May be zero
            or negative.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [P] columns, see `EquityMetrics`; NaN = unknown, never infinite. The NaN rule is in the README. A path's
        metrics depend on that path only.

    Raises:
        InvalidInputError: a wrong shape or dtype, a hole, or an infinite equity.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("measure_equity", backend, tuple(_BACKENDS))
    if equity.ndim != 2 or equity.dtype != np.float64 or not equity.flags.c_contiguous:
        raise InvalidInputError(
            "measure_equity, equity",
            expected="C-contiguous float64 [P, L], one path a row",
            got=f"{equity.dtype} of shape {equity.shape}, C-contiguous: {equity.flags.c_contiguous}",
            mend="pass np.ascontiguousarray(equity, dtype=np.float64), with equity[np.newaxis, :] for a single path",
        )
    missing = np.isnan(equity)
    bad = np.isinf(equity)
    bad[:, :-1] |= missing[:, :-1] & ~missing[:, 1:]
    if bad.any():
        path, session = np.argwhere(bad)[0].tolist()
        raise InvalidInputError(
            f"measure_equity, equity of path {path}",
            expected="finite dollars, and NaN after the path's end only",
            got=f"{equity[path, session]} at session {session}",
            mend="carry the last equity on over a missing session",
        )
    return _BACKENDS[choice.backend](equity)


def measure_sums(
    first_equity: npt.ArrayLike,
    last_equity: npt.ArrayLike,
    return_sum: npt.ArrayLike,
    return_squares: npt.ArrayLike,
    downside_squares: npt.ArrayLike,
    max_drawdown: npt.ArrayLike,
    returns: npt.ArrayLike,
) -> SumMetrics:
    """`metrics_of_sums` of P paths.

    Args:
        first_equity: [P], dollars; this and the next five are the simulator's columns of these names.
        last_equity: [P], dollars.
        return_sum: [P].
        return_squares: [P].
        downside_squares: [P].
        max_drawdown: [P], shares.
        returns: integers [P], how many returns, at least 0.

    Returns:
        float64 [P] columns, see `SumMetrics`; NaN = unknown, never infinite.

    Raises:
        InvalidInputError: vectors of different lengths, or a number of returns that isn't a whole one, at least 0.
    """
    named = {
        "first_equity": first_equity,
        "last_equity": last_equity,
        "return_sum": return_sum,
        "return_squares": return_squares,
        "downside_squares": downside_squares,
        "max_drawdown": max_drawdown,
    }
    count = np.asarray(returns)
    if count.ndim != 1 or count.dtype.kind not in "iu" or bool((count < 0).any()):
        raise InvalidInputError(
            "measure_sums, returns",
            expected="a vector of integers, each at least 0",
            got=f"{count.dtype} of shape {count.shape}, smallest {count.min(initial=0)}",
            mend="pass last - first of the paths",
        )
    sums = np.empty((len(named), len(count)))
    for row, (name, values) in enumerate(named.items()):
        vector = np.asarray(values, dtype=np.float64)
        if vector.shape != count.shape:
            raise InvalidInputError(
                f"measure_sums, {name}",
                expected=f"a vector of {len(count)} values, one for each path",
                got=f"shape {vector.shape}",
                mend="pass the columns of one simulation",
            )
        sums[row] = vector
    return cpu.measure_sums(sums, count.astype(np.int32))
