"""The oracle of the shared bootstrap, straight from the README: one resample and one path at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.market.naive import philox4x32
from kernels.metrics.naive import measure_equity
from kernels.panel import Float64Array2D


def intervals(
    returns: Float64Array2D, chosen: npt.NDArray[np.int64], seed: int, level: float, resamples: int, block: int
) -> npt.NDArray[np.float64]:
    """The bounds float64 [K, P, 2] of the `chosen` metrics of paths [P, L]."""
    drawn = drawn_sessions(seed, resamples, returns.shape[1], block)
    bounds = np.empty((len(chosen), len(returns), 2))
    for path, values in enumerate(returns.tolist()):
        equity = np.array([_equity([values[session] for session in sample]) for sample in drawn.tolist()])
        metrics = measure_equity(equity)
        for place, metric in enumerate(chosen.tolist()):
            ordered = sorted(metrics[metric].tolist())
            unknown = any(math.isnan(value) for value in ordered)
            for side, share in enumerate(((1 - level) / 2, 1 - (1 - level) / 2)):
                bounds[place, path, side] = math.nan if unknown else _quantile(ordered, share)
    return bounds


def drawn_sessions(seed: int, resamples: int, sessions: int, block: int) -> npt.NDArray[np.int64]:
    """The sessions int64 [B, L] of every resample."""
    drawn = np.empty((resamples, sessions), dtype=np.int64)
    key = (seed % 2**32, seed // 2**32)
    for resample in range(resamples):
        for step in range(sessions):
            begins, where, _, _ = philox4x32((step, resample, 0, 0), key)
            if step == 0 or (begins + 0.5) / 2**32 < 1 / block:
                drawn[resample, step] = where * sessions // 2**32
            else:
                drawn[resample, step] = (drawn[resample, step - 1] + 1) % sessions
    return drawn


def _equity(returns: list[float]) -> list[float]:
    """The equity of an account that begins with 1 and stays where it is once it is ruined."""
    equity = [1.0]
    for value in returns:
        equity.append(equity[-1] * (1 + value) if equity[-1] > 0 else equity[-1])
    return equity


def _quantile(ordered: list[float], share: float) -> float:
    """The quantile by linear interpolation between order statistics."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
