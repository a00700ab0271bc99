"""What is reported of a selected pattern: prices, components, margins, targets, invalidation.

The operations and their order are those of the search, so the components explain the score to the last bit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import IMPULSE, MAX_LEGS
from kernels.waves.rules import (
    LOG_L2_L1,
    LOG_L3_L1,
    LOG_L4_L3,
    LOG_L5_L1,
    LOG_L5_L1_EXTENDED,
    LOG_L5_NET,
    alternation_of,
    channel_closeness,
    closeness,
    is_extended,
    line_at,
    log_of_length,
    margin_shortest,
    margin_wave_2,
    margin_wave_3,
    margin_wave_4,
    margin_wave_5,
    momentum_of,
    rule_margin_of,
    similarity,
)

MULTIPLES_WAVE_3 = IMPULSE.multiples(2)
MULTIPLES_WAVE_4 = IMPULSE.multiples(3)
MULTIPLES_WAVE_5 = IMPULSE.multiples(4)
INVALIDATION_WAVE_3 = IMPULSE.setups[0].invalidation
INVALIDATION_WAVE_4 = IMPULSE.setups[1].invalidation
INVALIDATION_WAVE_5 = IMPULSE.setups[2].invalidation


@njit(cache=True, nogil=True)
def write_components(legs: int, x: Float64Array1D, pivots: Int32Array1D, components: Float64Array1D) -> None:
    """Write the components of one pattern, in the order of `COMPONENTS`; NaN where legs are missing.

    Args:
        legs: 5, or 2 to 4 for a setup.
        x: float64 [6], oriented log prices of the pivots.
        pivots: int32 [6], bars.
        components: float64 [7], written whole.
    """
    length = np.empty(MAX_LEGS + 1)
    log_length = np.empty(MAX_LEGS + 1)
    bars = np.empty(MAX_LEGS + 1, np.int64)
    for wave in range(1, legs + 1):
        length[wave] = abs(x[wave] - x[wave - 1])
        log_length[wave] = log_of_length(length[wave])
        bars[wave] = pivots[wave] - pivots[wave - 1]
    alternation = math.nan
    channel = math.nan
    momentum = math.nan
    fibonacci = closeness(log_length[2] - log_length[1], LOG_L2_L1)
    time = similarity(bars[1], bars[2])
    margin = margin_wave_2(x[0], x[1], x[2])
    if legs >= 3:
        fibonacci += closeness(log_length[3] - log_length[1], LOG_L3_L1)
        time += similarity(bars[2], bars[3])
        margin = min(margin, margin_wave_3(x[1], x[2], x[3]))
        slope_1 = length[1] / bars[1]
        slope_3 = length[3] / bars[3]
        momentum = momentum_of(slope_3, slope_1)
    if legs >= 4:
        fibonacci += closeness(log_length[4] - log_length[3], LOG_L4_L3)
        time += similarity(bars[3], bars[4])
        margin = min(margin, margin_wave_4(x[1], x[3], x[4]))
        alternation = alternation_of(log_length[2] - log_length[1], log_length[4] - log_length[3], bars[2], bars[4])
        slope_13 = (x[3] - x[1]) / (pivots[3] - pivots[1])
        slope_24 = (x[4] - x[2]) / (pivots[4] - pivots[2])
        height_2 = line_at(x[1], pivots[1], slope_13, pivots[2]) - x[2]
        channel = channel_closeness(x[4], line_at(x[2], pivots[2], slope_13, pivots[4]), height_2)
    if legs >= 5:
        if is_extended(length[1], length[3], length[5]):
            fibonacci += closeness(log_length[5] - log_length[1], LOG_L5_L1_EXTENDED)
        else:
            fibonacci += closeness(log_length[5] - log_length[1], LOG_L5_L1)
        fibonacci += closeness(log_length[5] - log_of_length(x[3] - x[0]), LOG_L5_NET)
        time += similarity(bars[4], bars[5])
        margin = min(margin, margin_wave_5(x[3], x[4], x[5]))
        margin = min(margin, margin_shortest(length[1], length[3], length[5]))
        height_3 = x[3] - line_at(x[2], pivots[2], slope_24, pivots[3])
        channel += channel_closeness(x[5], line_at(x[3], pivots[3], slope_24, pivots[5]), height_3)
        channel /= 2
        momentum = momentum_of(slope_3, max(slope_1, length[5] / bars[5]))
    components[0] = fibonacci / (legs if legs == MAX_LEGS else legs - 1)
    components[1] = alternation
    components[2] = time / (legs - 1)
    components[3] = channel
    components[4] = momentum
    components[5] = rule_margin_of(margin)
    components[6] = math.nan


@njit(cache=True, nogil=True)
def write_margins(legs: int, x: Float64Array1D, margins: Float64Array1D) -> None:
    """Write the margins of one pattern's hard rules, in the order of `MARGINS`; NaN where legs are missing."""
    margins[:] = math.nan
    margins[0] = margin_wave_2(x[0], x[1], x[2])
    if legs >= 3:
        margins[1] = margin_wave_3(x[1], x[2], x[3])
    if legs >= 4:
        margins[2] = margin_wave_4(x[1], x[3], x[4])
    if legs >= 5:
        margins[3] = margin_wave_5(x[3], x[4], x[5])
        margins[4] = margin_shortest(x[1] - x[0], x[3] - x[2], x[5] - x[4])


@njit(cache=True, nogil=True)
def write_targets(
    direction: int, legs: int, x: Float64Array1D, pivots: Int32Array1D, end: int, targets: Float64Array1D
) -> None:
    """Write a setup's target prices; NaN where a target would itself break a hard rule, and after the last target.

    Args:
        direction: 1 or -1.
        legs: 2, 3 or 4.
        x: float64 [6], oriented log prices of the pivots.
        pivots: int32 [6], bars.
        end: the origin's bar, at which the channel line is read.
        targets: float64 [4], written whole.
    """
    targets[:] = math.nan
    if legs == 2:
        for slot in range(len(MULTIPLES_WAVE_3)):
            target = x[2] + MULTIPLES_WAVE_3[slot] * (x[1] - x[0])
            if target > x[1]:
                targets[slot] = math.exp(direction * target)
    elif legs == 3:
        for slot in range(len(MULTIPLES_WAVE_4)):
            target = x[3] - MULTIPLES_WAVE_4[slot] * (x[3] - x[2])
            if target > x[1]:
                targets[slot] = math.exp(direction * target)
    else:
        length_1 = x[1] - x[0]
        length_3 = x[3] - x[2]
        slope_24 = (x[4] - x[2]) / (pivots[4] - pivots[2])
        for slot in range(len(MULTIPLES_WAVE_5) + 1):
            if slot < len(MULTIPLES_WAVE_5):
                target = x[4] + MULTIPLES_WAVE_5[slot] * length_1
            else:
                target = line_at(x[3], pivots[3], slope_24, end)
            if target > x[3] and (length_3 >= length_1 or length_3 >= target - x[4]):
                targets[slot] = math.exp(direction * target)


@njit(cache=True, nogil=True)
def invalidation_pivot(legs: int) -> int:
    """The pivot whose price invalidates a setup."""
    if legs == 2:
        return INVALIDATION_WAVE_3
    if legs == 3:
        return INVALIDATION_WAVE_4
    return INVALIDATION_WAVE_5


@njit(cache=True, nogil=True)
def describe_patterns(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    origin: Int32Array1D,
    direction: npt.NDArray[np.int8],
    legs: npt.NDArray[np.int8],
    pivots: npt.NDArray[np.int32],
    begin: int,
    stop: int,
    prices: Float64Array2D,
    components: Float64Array2D,
    margins: Float64Array2D,
    targets: Float64Array2D,
    invalidation: Float64Array1D,
) -> None:
    """Fill the reported columns of the patterns `begin .. stop - 1`; every cell of theirs is written.

    Args:
        low: float64 [R, T], dollars.
        high: float64 [R, T], dollars.
        row: int32 [E], series of each origin.
        end: int32 [E], last bar that each origin knows.
        origin: int32 [N].
        direction: int8 [N], 1 or -1.
        legs: int8 [N], 2 to 5.
        pivots: int32 [N, 6], bars of the T axis.
        begin: the first pattern to fill.
        stop: the first pattern after those to fill.
        prices: float64 [N, 6], dollars at the pivots, NaN after the last.
        components: float64 [N, len(COMPONENTS)].
        margins: float64 [N, len(MARGINS)].
        targets: float64 [N, 4], dollars; NaN for finished patterns.
        invalidation: float64 [N], dollars; NaN for finished patterns.
    """
    x = np.empty(MAX_LEGS + 1)
    for i in range(begin, stop):
        series = row[origin[i]]
        prices[i] = math.nan
        for pivot in range(legs[i] + 1):
            bars = low if (pivot % 2 == 0) == (direction[i] == 1) else high
            prices[i, pivot] = bars[series, pivots[i, pivot]]
            x[pivot] = direction[i] * math.log(prices[i, pivot])
        write_components(legs[i], x, pivots[i], components[i])
        write_margins(legs[i], x, margins[i])
        if legs[i] < MAX_LEGS:
            write_targets(direction[i], legs[i], x, pivots[i], end[origin[i]], targets[i])
            invalidation[i] = prices[i, invalidation_pivot(legs[i])]
        else:
            targets[i] = math.nan
            invalidation[i] = math.nan


@njit(cache=True, nogil=True)
def write_channel_targets(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    origin: Int32Array1D,
    pattern: Int32Array1D,
    direction: npt.NDArray[np.int8],
    legs: npt.NDArray[np.int8],
    pivots: npt.NDArray[np.int32],
    begin: int,
    stop: int,
    channel_target: Float64Array1D,
) -> None:
    """Fill the channel targets of the selections `begin .. stop - 1`; every cell of theirs is written.

    Args:
        low: float64 [R, T], dollars.
        high: float64 [R, T], dollars.
        row: int32 [E], series of each origin.
        end: int32 [E], last bar that each origin knows.
        origin: int32 [N].
        pattern: int32 [N], index into the patterns below.
        direction: int8 [P], 1 or -1.
        legs: int8 [P], 2 to 5.
        pivots: int32 [P, 6], bars of the T axis.
        begin: the first selection to fill.
        stop: the first selection after those to fill.
        channel_target: float64 [N], dollars; NaN unless a setup of 4 legs has one.
    """
    x = np.empty(MAX_LEGS + 1)
    targets = np.empty(len(MULTIPLES_WAVE_5) + 1)
    for i in range(begin, stop):
        one = pattern[i]
        channel_target[i] = math.nan
        if legs[one] != MAX_LEGS - 1:
            continue
        for pivot in range(legs[one] + 1):
            bars = low if (pivot % 2 == 0) == (direction[one] == 1) else high
            x[pivot] = direction[one] * math.log(bars[row[origin[i]], pivots[one, pivot]])
        write_targets(direction[one], legs[one], x, pivots[one], end[origin[i]], targets)
        channel_target[i] = targets[len(MULTIPLES_WAVE_5)]
