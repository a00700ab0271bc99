"""What is reported of a selected pattern: prices, components, margins, targets, invalidation.

The scalars are those of the search, so the components explain the score to the last bit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import MAX_LEGS, TARGET_SLOTS
from kernels.waves.patterns import RESOLVED, UNRESOLVED
from kernels.waves.program import (
    LEGS,
    LENGTHS,
    LEVEL,
    LEVEL_COLUMNS,
    LINE_COLUMNS,
    MULTIPLE,
    QUANTITIES,
    RULE,
    RULE_AT,
    RULE_COLUMNS,
    SETUP,
    SETUP_LINE,
    SETUP_TARGETS,
    Int32Array2D,
    Program,
)
from kernels.waves.rules import (
    level,
    log_of_length,
    margin,
    set_price,
    set_slopes,
    write_components,
    write_targets,
)


@njit(cache=True, nogil=True)
def read_pivots(
    low: Float64Array1D,
    high: Float64Array1D,
    direction: int,
    legs: int,
    pivots: Int32Array1D,
    price: Float64Array1D,
    quantity: Float64Array1D,
) -> None:
    """Read one pattern's prices and oriented log prices.

    Args:
        low: float64 [T], dollars.
        high: float64 [T], dollars.
        direction: 1 or -1.
        legs: legs there.
        pivots: int32 [6], bars.
        price: float64 [6], dollars, written whole: NaN after the last pivot.
        quantity: float64 [QUANTITIES], written as far as there are pivots.
    """
    price[:] = math.nan
    for pivot in range(legs + 1):
        bars = low if (pivot % 2 == 0) == (direction == 1) else high
        price[pivot] = bars[pivots[pivot]]
        set_price(quantity, pivot, direction * math.log(price[pivot]))
        set_slopes(quantity, pivots, pivot)


@njit(cache=True, nogil=True)
def describe_patterns(
    program: Program,
    low: Float64Array2D,
    high: Float64Array2D,
    series: Int32Array1D,
    wave_class: npt.NDArray[np.int8],
    direction: npt.NDArray[np.int8],
    legs: npt.NDArray[np.int8],
    pivots: Int32Array2D,
    resolution: npt.NDArray[np.int8],
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
        program: the class table.
        low: float64 [R, T], dollars.
        high: float64 [R, T], dollars.
        series: int32 [P], row of each pattern.
        wave_class: int8 [P], index of the class.
        direction: int8 [P], 1 or -1.
        legs: int8 [P], 2 to 5.
        pivots: int32 [P, 6], bars of the T axis.
        resolution: int8 [P, 5], as in `Patterns`.
        begin: the first pattern to fill.
        stop: the first pattern after those to fill.
        prices: float64 [P, 6], dollars at the pivots, NaN after the last.
        components: float64 [P, 7].
        margins: float64 [P, MAX_RULES].
        targets: float64 [P, 3], dollars; NaN for finished patterns.
        invalidation: float64 [P], dollars; NaN for finished patterns.
    """
    quantity = np.empty(QUANTITIES)
    log_length = np.empty(MAX_LEGS + 1)
    target = np.empty(TARGET_SLOTS)
    for i in range(begin, stop):
        own_class, own_legs, bar = wave_class[i], legs[i], pivots[i]
        read_pivots(low[series[i]], high[series[i]], direction[i], own_legs, bar, prices[i], quantity)
        for wave in range(1, own_legs + 1):
            log_length[wave] = log_of_length(quantity[LENGTHS + wave])
        resolved = np.sum(resolution[i] == RESOLVED)
        unresolved = np.sum(resolution[i] == UNRESOLVED)
        table, number = program.table[own_class], program.number[own_class]
        write_components(table, number, own_legs, quantity, bar, log_length, resolved, unresolved, components[i])
        margins[i] = math.nan
        for index in range(table[RULE_AT], table[RULE_AT + own_legs + 1]):
            margins[i, table[RULE + RULE_COLUMNS * index + 4]] = margin(table, number, index, quantity)
        targets[i] = math.nan
        invalidation[i] = math.nan
        if own_legs < table[LEGS]:
            write_targets(table, number, direction[i], own_legs, quantity, bar, bar[own_legs], target)
            targets[i] = target[: TARGET_SLOTS - 1]
            last = table[SETUP + own_legs] + table[SETUP_TARGETS + own_legs]
            if number[MULTIPLE + last] == 0.0:
                invalidation[i] = prices[i, table[LEVEL + LEVEL_COLUMNS * last]]
            else:
                invalidation[i] = math.exp(direction[i] * level(table, number, last, quantity))


@njit(cache=True, nogil=True)
def describe_lines(
    program: Program,
    low: Float64Array2D,
    high: Float64Array2D,
    series: Int32Array1D,
    wave_class: npt.NDArray[np.int8],
    direction: npt.NDArray[np.int8],
    legs: npt.NDArray[np.int8],
    pivots: Int32Array2D,
    pattern: Int32Array1D,
    end: Int32Array1D,
    begin: int,
    stop: int,
    line_target: Float64Array1D,
) -> None:
    """Fill the line targets of the selections `begin .. stop - 1`; every cell of theirs is written.

    Args:
        program: the class table.
        low: as in `describe_patterns`, and so are the next six.
        high: float64 [R, T].
        series: int32 [P].
        wave_class: int8 [P].
        direction: int8 [P].
        legs: int8 [P].
        pivots: int32 [P, 6].
        pattern: int32 [N], index into the patterns.
        end: int32 [N], bar at which the line is read.
        begin: the first selection to fill.
        stop: the first selection after those to fill.
        line_target: float64 [N], dollars; NaN where there is none.
    """
    quantity = np.empty(QUANTITIES)
    price = np.empty(MAX_LEGS + 1)
    target = np.empty(TARGET_SLOTS)
    for i in range(begin, stop):
        one = pattern[i]
        line_target[i] = math.nan
        table, number = program.table[wave_class[one]], program.number[wave_class[one]]
        if legs[one] == table[LEGS] or table[SETUP_LINE + LINE_COLUMNS * legs[one]] < 0:
            continue
        read_pivots(low[series[one]], high[series[one]], direction[one], legs[one], pivots[one], price, quantity)
        write_targets(table, number, direction[one], legs[one], quantity, pivots[one], end[i], target)
        line_target[i] = target[TARGET_SLOTS - 1]
