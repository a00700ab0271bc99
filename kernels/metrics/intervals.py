"""Confidence intervals of metrics by the stationary bootstrap (Politis & Romano 1994), drawn by the library `arch`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.metrics.cpu import metrics_of_returns
from kernels.metrics.model import EQUITY_METRICS
from kernels.panel import Float64Array1D

MIN_RETURNS = 20
"""With fewer returns neither a block length can be found nor an interval be believed."""


def bootstrap_interval(
    returns: npt.NDArray[np.float64],
    statistics: Sequence[str],
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
    block: int | None = None,
    columns: Sequence[int] | None = None,
) -> dict[str, npt.NDArray[np.float64]]:
    """Percentile intervals of metrics, from resampled returns per session.

    Args:
        returns: float64 [L] or [L, P], shares; NaN after a path's end only.
        statistics: names out of `EQUITY_METRICS`.
        seed: at least 0; column c draws from the seed (seed, c).
        level: the share of resamples between the two bounds, above 0 and below 1.
        resamples: how many, at least 2.
        block: mean block length in sessions, at least 1; None = the optimal one of Politis & White (2004) as corrected
            by Patton, Politis & White (2009), for each column, rounded up.
        columns: P numbers, at least 0, that identify the columns for the seed; None = 0, 1, ... A column alone, with
            its number given here, has the same interval as among others.

    Returns:
        For each name float64 [2] or [P, 2]: the lower and the upper bound. NaN with fewer than `MIN_RETURNS` returns,
        and where the metric of any resample is unknown.

    Raises:
        InvalidInputError: a wrong shape or dtype, a hole or an infinity in the returns, an unknown name, or a level,
            seed, block or number of resamples out of range.
        ImportError: `arch` isn't installed.
    """
    require_settings("bootstrap_interval", statistics, seed, level, resamples, block)
    if returns.dtype != np.float64 or returns.ndim not in (1, 2):
        raise InvalidInputError(
            "bootstrap_interval, returns",
            expected="float64 of shape [L] or [L, P]",
            got=f"{returns.dtype} of shape {returns.shape}",
            mend="pass np.asarray(returns, dtype=np.float64)",
        )
    table = returns[:, np.newaxis] if returns.ndim == 1 else returns
    numbers = list(range(table.shape[1])) if columns is None else list(columns)
    if len(numbers) != table.shape[1] or min(numbers, default=0) < 0:
        raise InvalidInputError(
            "bootstrap_interval, columns",
            expected=f"{table.shape[1]} numbers, each at least 0",
            got=repr(columns),
            mend="pass one number for each column of returns",
        )
    bounds = np.full((len(statistics), table.shape[1], 2), np.nan)
    for column, number in enumerate(numbers):
        path = _without_end(table[:, column], column)
        if len(path) >= MIN_RETURNS:
            bounds[:, column] = _interval(path, statistics, [seed, number], level, resamples, block)
    shaped = bounds[:, 0] if returns.ndim == 1 else bounds
    return dict(zip(statistics, shaped, strict=True))


def _interval(
    path: Float64Array1D, statistics: Sequence[str], seed: list[int], level: float, resamples: int, block: int | None
) -> npt.NDArray[np.float64]:
    """The bounds [S, 2] of one path."""
    # Imported only where it is used: it takes seconds, and brings pandas and SciPy.
    from arch.bootstrap import StationaryBootstrap

    chosen = [EQUITY_METRICS.index(name) for name in statistics]

    def measure(sample: Float64Array1D) -> Float64Array1D:
        return np.array(metrics_of_returns(sample))[chosen]

    length = _optimal_block(path) if block is None else block
    bootstrap = StationaryBootstrap(length, path, seed=np.random.default_rng(seed))
    return np.asarray(bootstrap.conf_int(measure, reps=resamples, method="percentile", size=level)).T


def _optimal_block(path: Float64Array1D) -> int:
    """The optimal mean block length, at least 1; 1 where there is none, as for constant returns."""
    from arch.bootstrap import optimal_block_length

    # Autocorrelations of a stretch without movement are 0 / 0, which the estimate counts as not small.
    with np.errstate(divide="ignore", invalid="ignore"):
        optimum = float(optimal_block_length(path)["stationary"].iloc[0])
    return max(1, math.ceil(optimum)) if math.isfinite(optimum) else 1


def _without_end(path: Float64Array1D, column: int) -> Float64Array1D:
    """The returns before the first NaN, contiguous."""
    missing = np.isnan(path)
    count = int(np.argmax(missing)) if missing.any() else len(path)
    if not missing[count:].all() or np.isinf(path).any():
        raise InvalidInputError(
            f"bootstrap_interval, returns of column {column}",
            expected="finite returns, and NaN after the path's end only",
            got="a NaN before the end, or an infinity",
            mend="give a missing session a return of 0",
        )
    return np.ascontiguousarray(path[:count])


def require_settings(
    where: str, statistics: Sequence[str], seed: int, level: float, resamples: int, block: int | None
) -> None:
    """Raise `InvalidInputError` for the first setting that makes no sense; `where` is the function that was called."""
    unknown = [name for name in statistics if name not in EQUITY_METRICS]
    checks = (
        ("statistics", not unknown and not isinstance(statistics, str), f"names out of {EQUITY_METRICS}", statistics),
        ("statistics", 0 < len(set(statistics)) == len(statistics), "at least one name, each once", statistics),
        ("seed", seed >= 0, "at least 0", seed),
        ("level", 0.0 < level < 1.0, "above 0 and below 1", level),
        ("resamples", resamples >= 2, "at least 2", resamples),
        ("block", block is None or block >= 1, "None, or at least 1", block),
    )
    for name, good, expected, value in checks:
        if not good:
            raise InvalidInputError(
                f"{where}, {name}", expected=expected, got=repr(value), mend=f"pass such a value as {name}"
            )
