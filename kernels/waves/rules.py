"""Scalars of the impulse: hard-rule margins, score components and their total.

Each is written once and compiled for the CPU and, unchanged, for CUDA kernels. `x` are oriented log prices
(`direction * ln(price)`), `length` are log lengths, `bars` are durations in bars. Formulas and sources: README.
"""

from __future__ import annotations

import math

from numba import njit

from kernels.waves.classes import CHANNEL_WIDTH, GOLDEN_RATIO, HALF_MARGIN, IMPULSE, LOG_GOLDEN_RATIO, RATIO_WIDTH

SMALLEST_LENGTH = 1e-300
"""Floor of a log length before its logarithm: two prices a few units in the last place apart share one ln(price)."""

LOG_L2_L1 = IMPULSE.log_targets("l2/l1")
LOG_L3_L1 = IMPULSE.log_targets("l3/l1")
LOG_L4_L3 = IMPULSE.log_targets("l4/l3")
LOG_L5_L1 = IMPULSE.log_targets("l5/l1")
LOG_L5_L1_EXTENDED = IMPULSE.log_targets("l5/l1", extended=True)
LOG_L5_NET = IMPULSE.log_targets("l5/x3-x0")

WEIGHT_FIBONACCI = IMPULSE.weights["fibonacci"]
WEIGHT_ALTERNATION = IMPULSE.weights["alternation"]
WEIGHT_TIME = IMPULSE.weights["time"]
WEIGHT_CHANNEL = IMPULSE.weights["channel"]
WEIGHT_MOMENTUM = IMPULSE.weights["momentum"]
WEIGHT_RULE_MARGIN = IMPULSE.weights["rule_margin"]


@njit(cache=True)
def log_of_length(length: float) -> float:
    """Natural log of a log length, floored so that a length of 0 stays finite."""
    return math.log(max(length, SMALLEST_LENGTH))


@njit(cache=True)
def closeness(log_ratio: float, log_targets: tuple[float, ...]) -> float:
    """Closeness of a ratio to the nearest of its targets, in [0, 1]: 1 on a target."""
    nearest = math.inf
    for log_target in log_targets:
        nearest = min(nearest, abs(log_ratio - log_target))
    z = nearest / RATIO_WIDTH
    return math.exp(-0.5 * z * z)


@njit(cache=True)
def is_extended(length_1: float, length_3: float, length_5: float) -> bool:
    """Whether wave 3 is extended: at least 1.618 times wave 1, and longer than wave 5."""
    return length_3 >= GOLDEN_RATIO * length_1 and length_3 > length_5


@njit(cache=True)
def similarity(bars_a: int, bars_b: int) -> float:
    """Shorter over longer of two neighbouring waves' durations, in (0, 1]."""
    return min(bars_a, bars_b) / max(bars_a, bars_b)


@njit(cache=True)
def alternation_of(log_depth_2: float, log_depth_4: float, bars_2: int, bars_4: int) -> float:
    """Alternation of waves 2 and 4, in [0, 1): 0 when they agree in depth and in duration."""
    difference = max(abs(log_depth_2 - log_depth_4), abs(math.log(bars_2 / bars_4)))
    return 1.0 - math.exp(-difference / LOG_GOLDEN_RATIO)


@njit(cache=True)
def channel_closeness(x: float, line: float, height: float) -> float:
    """Closeness of a pivot to a channel line at its bar, in [0, 1], by the channel's height."""
    z = (x - line) / height / CHANNEL_WIDTH
    return math.exp(-0.5 * z * z)


@njit(cache=True)
def line_at(x_from: float, bar_from: int, slope: float, bar: int) -> float:
    """Value at `bar` of the line through (`bar_from`, `x_from`)."""
    return x_from + slope * (bar - bar_from)


@njit(cache=True)
def momentum_of(slope_3: float, slope_other: float) -> float:
    """Share of wave 3's slope beside the steeper of waves 1 and 5, in (0, 1)."""
    return slope_3 / (slope_3 + slope_other)


@njit(cache=True)
def rule_margin_of(smallest: float) -> float:
    """Component from the smallest relative margin, in [0, 1)."""
    return smallest / (smallest + HALF_MARGIN)


@njit(cache=True)
def margin_wave_2(x0: float, x1: float, x2: float) -> float:
    """Room left between wave 2's end and the start, as a share of wave 1: above 0."""
    return (x2 - x0) / (x1 - x0)


@njit(cache=True)
def margin_wave_3(x1: float, x2: float, x3: float) -> float:
    """Part of wave 3 that lies beyond wave 1's end: above 0."""
    return (x3 - x1) / (x3 - x2)


@njit(cache=True)
def margin_wave_4(x1: float, x3: float, x4: float) -> float:
    """Room left between wave 4's end and wave 1's end, as a share of the room it had: above 0."""
    return (x4 - x1) / (x3 - x1)


@njit(cache=True)
def margin_wave_5(x3: float, x4: float, x5: float) -> float:
    """Part of wave 5 that lies beyond wave 3's end: above 0."""
    return (x5 - x3) / (x5 - x4)


@njit(cache=True)
def margin_shortest(length_1: float, length_3: float, length_5: float) -> float:
    """How far wave 3 is from being the shortest, as a share of it: 0 or more."""
    return 1.0 - min(length_1, length_5) / length_3


@njit(cache=True)
def total(
    fibonacci: float, alternation: float, time: float, channel: float, momentum: float, rule_margin: float
) -> float:
    """Weighted mean of the components that are there (not NaN), in [0, 1]."""
    weighted = WEIGHT_FIBONACCI * fibonacci
    weight = WEIGHT_FIBONACCI
    if not math.isnan(alternation):
        weighted += WEIGHT_ALTERNATION * alternation
        weight += WEIGHT_ALTERNATION
    weighted += WEIGHT_TIME * time
    weight += WEIGHT_TIME
    if not math.isnan(channel):
        weighted += WEIGHT_CHANNEL * channel
        weight += WEIGHT_CHANNEL
    if not math.isnan(momentum):
        weighted += WEIGHT_MOMENTUM * momentum
        weight += WEIGHT_MOMENTUM
    weighted += WEIGHT_RULE_MARGIN * rule_margin
    weight += WEIGHT_RULE_MARGIN
    return weighted / weight
