"""Confidence intervals of many paths over the same sessions: one stationary bootstrap for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.metrics import resampling_cpu, resampling_naive
from kernels.metrics.intervals import MIN_RETURNS, require_settings
from kernels.metrics.model import EQUITY_METRICS

_BACKENDS = {"naive": resampling_naive, "cpu": resampling_cpu}

LARGEST_SEED = 2**64 - 1


def bootstrap_intervals(
    returns: npt.NDArray[np.float64],
    statistics: Sequence[str],
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
    block: int | None = None,
    backend: Backend = "auto",
) -> dict[str, npt.NDArray[np.float64]]:
    """Percentile intervals of metrics of P paths, from resampled sessions.

    A resample is a list of sessions, the same for every path, so that what happened to the paths in one session stays
    together. It depends on seed, block and the number of sessions only; a path's interval doesn't depend on the others.

    Args:
        returns: float64 [L, P], shares; row t is one session for all paths. NaN = unknown.
        statistics: names out of `EQUITY_METRICS`.
        seed: 0 to 2**64 - 1.
        level: the share of resamples between the two bounds, above 0 and below 1.
        resamples: how many, at least 2.
        block: mean block length in sessions, at least 1; None = the cube root of L, rounded, the rate at which the
            optimal length grows (Politis & White 2004).
        backend: "auto", "naive" or "cpu".

    Returns:
        For each name float64 [P, 2]: the lower and the upper bound. NaN for a path with a NaN, with fewer than
        `MIN_RETURNS` sessions, and where the metric of any resample is unknown.

    Raises:
        InvalidInputError: a wrong shape or dtype, an infinity in the returns, an unknown name, or a level, seed, block
            or number of resamples out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    where = "bootstrap_intervals"
    choice = choose(where, backend, tuple(_BACKENDS))
    require_settings(where, statistics, seed, level, resamples, block)
    if seed > LARGEST_SEED:
        raise InvalidInputError(
            f"{where}, seed", expected="at most 2**64 - 1", got=repr(seed), mend="pass a smaller seed"
        )
    if returns.dtype != np.float64 or returns.ndim != 2 or bool(np.isinf(returns).any()):
        raise InvalidInputError(
            f"{where}, returns",
            expected="float64 of shape [L, P], finite or NaN",
            got=f"{returns.dtype} of shape {returns.shape}, {int(np.isinf(returns).sum())} infinite",
            mend="pass np.asarray(returns, dtype=np.float64), sessions down and paths across",
        )
    sessions, paths = returns.shape
    bounds = np.full((len(statistics), paths, 2), np.nan)
    known = np.flatnonzero(~np.isnan(returns).any(axis=0))
    if sessions >= MIN_RETURNS and known.size:
        length = max(1, round(sessions ** (1 / 3))) if block is None else block
        chosen = np.array([EQUITY_METRICS.index(name) for name in statistics])
        paths_first = np.ascontiguousarray(returns[:, known].T)
        bounds[:, known] = _BACKENDS[choice.backend].intervals(paths_first, chosen, seed, level, resamples, length)
    return dict(zip(statistics, bounds, strict=True))
