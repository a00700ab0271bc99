"""Simulated paths and origins that the GJR tests share."""

from __future__ import annotations

import math

import numpy as np

from kernels.volatility.gjr import GjrParameters

TRUTH = GjrParameters(alpha=0.03, gamma=0.08, beta=0.9, degrees=6.0)


def gjr_returns(seed: int, rows: int, sessions: int, parameters: GjrParameters = TRUTH, target: float = 1e-4):
    """Returns [rows, sessions] of the plain recursion, begun at its target."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(parameters.degrees, (rows, sessions))
    shocks *= math.sqrt((parameters.degrees - 2) / parameters.degrees)
    returns = np.empty((rows, sessions))
    variance = np.full(rows, target)
    for t in range(sessions):
        returns[:, t] = np.sqrt(variance) * shocks[:, t]
        news = (parameters.alpha + parameters.gamma * (returns[:, t] < 0)) * returns[:, t] ** 2
        variance = target * (1 - parameters.persistence) + news + parameters.beta * variance
    return returns


def prices(returns, gaps: float = 0.0, seed: int = 0):
    """Closes [rows, sessions + 1] with these log returns, some of them missing."""
    close = 50 * np.exp(np.cumsum(np.pad(returns, ((0, 0), (1, 0))), axis=1))
    close[np.random.default_rng(seed).random(close.shape) < gaps] = np.nan
    return close


def walks(seed: int, rows: int, sessions: int, gaps: float = 0.0):
    """Closes [rows, sessions]."""
    return prices(gjr_returns(seed, rows, sessions - 1), gaps, seed)


def origins(row, end):
    """`row` and `end`, int32."""
    row, end = np.broadcast_arrays(row, end)
    return row.astype(np.int32), end.astype(np.int32)
