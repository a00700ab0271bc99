"""The scalar rules of the simulated market, one session of one series at a time."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kernels.market.model import (
    DEGREES_OF_FREEDOM,
    OVERNIGHT_SHARE,
    REVERSE_SPLIT_LEVEL,
    REVERSE_SPLIT_RATIO,
    SESSIONS_PER_QUARTER,
    VOLUME_ACTIVITY,
    VOLUME_NOISE,
)
from kernels.market.streams import PATH_STREAM, SHAPE_STREAM
from kernels.philox import normal_pair, philox4x32, uniform

BRIDGE_DEVIATION = math.sqrt(OVERNIGHT_SHARE * (1.0 - OVERNIGHT_SHARE))


@njit(cache=True)
def path_draw(
    key_0: np.uint64, key_1: np.uint64, series: int, session: int, jump_probability: float
) -> tuple[float, float, bool, float]:
    """Return the draws behind one series' return of one session.

    Returns:
        The standard normal; the mixing variance (degrees - 2) / chi-squared, of mean 1; whether the series jumps; and
        the standard normal of the jump's size (0.0 without a jump).
    """
    word_0, word_1, word_2, word_3 = philox4x32(
        np.uint64(series), np.uint64(session), np.uint64(PATH_STREAM), np.uint64(0), key_0, key_1
    )
    word_4, word_5, word_6, word_7 = philox4x32(
        np.uint64(series), np.uint64(session), np.uint64(PATH_STREAM), np.uint64(1), key_0, key_1
    )
    normal, _ = normal_pair(uniform(word_0), uniform(word_1))
    chi_squared = -2.0 * math.log(uniform(word_2) * uniform(word_3) * uniform(word_4))
    mixing = (DEGREES_OF_FREEDOM - 2.0) / chi_squared
    if uniform(word_5) >= jump_probability:
        return normal, mixing, False, 0.0
    jump_normal, _ = normal_pair(uniform(word_6), uniform(word_7))
    return normal, mixing, True, jump_normal


@njit(cache=True)
def shape_draw(key_0: np.uint64, key_1: np.uint64, series: int, session: int) -> tuple[float, float, float, float]:
    """Return the draws behind one bar's shape: two standard normals (gap, volume) and two uniforms (high, low)."""
    word_0, word_1, word_2, word_3 = philox4x32(
        np.uint64(series), np.uint64(session), np.uint64(SHAPE_STREAM), np.uint64(0), key_0, key_1
    )
    gap_normal, volume_normal = normal_pair(uniform(word_0), uniform(word_1))
    return gap_normal, volume_normal, uniform(word_2), uniform(word_3)


@njit(cache=True)
def gjr_next(variance: float, shock: float, long_run: float, alpha: float, gamma: float, beta: float) -> float:
    """Return the next session's variance of a GJR(1,1) recursion whose mean is `long_run`."""
    omega = long_run * (1.0 - alpha - 0.5 * gamma - beta)
    loss_weight = gamma if shock < 0.0 else 0.0
    return omega + (alpha + loss_weight) * shock * shock + beta * variance


@njit(cache=True)
def split_ratio_after(previous_close: float, split_level: float, split_ratio: float) -> float:
    """Return the new shares for one old that take effect the session after `previous_close`: 1.0 where none."""
    if previous_close > split_level:
        return split_ratio
    if previous_close < REVERSE_SPLIT_LEVEL:
        return REVERSE_SPLIT_RATIO
    return 1.0


@njit(cache=True)
def dividend_at(session: int, phase: int, dividend_yield: float, price: float) -> float:
    """Return the dollars a share that go ex at `session`, whole cents: a quarter of the yield on `price`, else 0.0."""
    if session == 0 or dividend_yield == 0.0 or session % SESSIONS_PER_QUARTER != phase:
        return 0.0
    return float(np.rint(25.0 * dividend_yield * price)) / 100.0


@njit(cache=True)
def overnight_gap(diffusion: float, jump: float, variance: float, gap_normal: float) -> float:
    """Return the log return from the reference price to the open: the jump, and the diffusion's Brownian bridge."""
    return jump + OVERNIGHT_SHARE * diffusion + BRIDGE_DEVIATION * math.sqrt(variance) * gap_normal


@njit(cache=True)
def intraday_extremes(
    open_to_close: float, variance: float, high_uniform: float, low_uniform: float
) -> tuple[float, float]:
    """Return the log distances from the open to the high (>= 0) and to the low (<= 0) of a Brownian bridge."""
    spread = -2.0 * (1.0 - OVERNIGHT_SHARE) * variance
    squared = open_to_close * open_to_close
    high = 0.5 * (open_to_close + math.sqrt(squared + spread * math.log(high_uniform)))
    low = 0.5 * (open_to_close - math.sqrt(squared + spread * math.log(low_uniform)))
    return high, low


@njit(cache=True)
def share_volume(
    dollar_volume: float, close: float, variance: float, log_return: float, long_run: float, volume_normal: float
) -> float:
    """Return the shares traded, before rounding: log-normal noise and activity around a level in dollars."""
    activity = 0.5 * (variance + log_return * log_return) / long_run
    return dollar_volume / close * math.exp(VOLUME_NOISE * volume_normal + VOLUME_ACTIVITY * math.log(activity))
