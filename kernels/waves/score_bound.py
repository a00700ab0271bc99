"""Upper bounds on the score of a pattern or setup, so that one that can't be the best needs no exact score.

Each bound takes fewer operations than what it bounds; the terms are those of `rules.write_components`.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.cells import CLASS_OF_STAGE, STAGES
from kernels.waves.classes import GOLDEN_RATIO, HALF_MARGIN, MAX_LEGS, RATIO_WIDTH
from kernels.waves.program import (
    ALTERNATION,
    FEWEST_SWINGS,
    IF_EXTENDED,
    KINDS,
    LEADING_KINDS,
    LENGTHS,
    LINE_AT,
    LOG_TARGET,
    MAX_TARGETS,
    MOMENTUM,
    RATIO,
    RATIO_AT,
    RATIO_COLUMNS,
    RULE_AT,
    UNLESS_EXTENDED,
    WEIGHT,
    program,
)
from kernels.waves.rules import HALF, channel, momentum_of, similarity, write_components

SLACK = 1e-9
"""What a bound is raised by: far more than scores and sums are rounded by."""

FIBONACCI, ALTERNATES, TIME, CHANNEL, MOMENTUM_OF_3, RULE_MARGIN, SUBDIVISION = (WEIGHT + place for place in range(7))
"""Columns of the weights, in the order of `COMPONENTS`."""


@cache
def most_of_the_rest() -> Float64Array1D:
    """Per stage, the most that a score can hold besides `fibonacci` and `subdivision`: float64 [stages]."""
    most = []
    for wave_class, stage in zip(CLASS_OF_STAGE, STAGES, strict=True):
        table, number = program().table[wave_class], program().number[wave_class]
        has_rules = table[RULE_AT + stage.legs + 1] > table[RULE_AT]
        most.append(
            number[TIME]
            + number[ALTERNATES] * (1.0 if table[ALTERNATION] and stage.legs >= 4 else HALF)
            + number[CHANNEL] * (1.0 if has_lines(table, stage.legs) else HALF)
            + number[MOMENTUM_OF_3] * (1.0 if has_momentum(table, stage.legs) else HALF)
            + number[RULE_MARGIN] * (1.0 / (1.0 + HALF_MARGIN) if has_rules else HALF)
            + SLACK
        )
    return np.array(most)


@njit(cache=True, nogil=True, error_model="numpy")
def has_lines(table: Int32Array1D, legs: int) -> bool:
    """Whether a pivot of the first legs of a class is expected on a channel line."""
    return bool(table[LINE_AT + legs + 1] > table[LINE_AT])


@njit(cache=True, nogil=True, error_model="numpy")
def has_momentum(table: Int32Array1D, legs: int) -> bool:
    """Whether the momentum of the first legs of a class is known."""
    return bool(table[MOMENTUM] == 1 and legs >= 3)


@njit(cache=True, nogil=True, error_model="numpy")
def most_closeness(number: Float64Array1D, index: int, log_ratio: float) -> float:
    """At least `rules.closeness`: of exp(h) the first three terms, which are less."""
    nearest = math.inf
    for slot in range(MAX_TARGETS):
        nearest = min(nearest, abs(log_ratio - number[LOG_TARGET + MAX_TARGETS * index + slot]))
    z = nearest / RATIO_WIDTH
    half_square = 0.5 * z * z
    return 1.0 / (1.0 + half_square + 0.5 * half_square * half_square)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def most_fibonacci(
    table: Int32Array1D, number: Float64Array1D, legs: int, extended: bool, log_length: Float64Array1D
) -> float:
    """The most that `fibonacci` can add to a score; arguments as in `rules.fibonacci`."""
    total = 0.0
    count = 0
    for index in range(table[RATIO_AT], table[RATIO_AT + legs + 1]):
        at = RATIO + RATIO_COLUMNS * index
        when = table[at + 2]
        if (when == IF_EXTENDED and not extended) or (when == UNLESS_EXTENDED and extended):
            continue
        total += most_closeness(number, index, log_length[table[at]] - log_length[table[at + 1]])
        count += 1
    return float(number[FIBONACCI] * (total + (MAX_LEGS - count) * HALF) / MAX_LEGS)


@njit(cache=True, nogil=True, error_model="numpy")
def subdivision_share(number: Float64Array1D, legs: int, resolved: int, unresolved: int) -> float:
    """What `subdivision` adds to a score."""
    return float(number[SUBDIVISION] * (resolved + (MAX_LEGS - legs + unresolved) * HALF) / MAX_LEGS)


@njit(cache=True, nogil=True, error_model="numpy")
def excess(
    table: Int32Array1D, number: Float64Array1D, legs: int, quantity: Float64Array1D, bar: Int32Array1D, least: float
) -> float:
    """How much `most_of_the_rest` is too high for one pattern, or `least` as soon as it is that much.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        legs: legs that are there.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it.
        bar: int32 [6], bars of the pivots.
        least: an excess that is enough.
    """
    over = number[TIME] * (1.0 - similarity(legs, bar))
    if has_momentum(table, legs):
        over += number[MOMENTUM_OF_3] * (1.0 - momentum_of(legs, quantity, bar))
    if over < least and has_lines(table, legs):
        over += number[CHANNEL] * (1.0 - channel(table, legs, quantity, bar))
    return float(over)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def count_resolved(
    table: Int32Array1D, legs: int, leg: Int32Array1D, bar: Int32Array1D, kinds: Int32Array1D, swings: Int32Array1D
) -> tuple[int, int]:
    """How many of the first legs of a pattern are resolved, and how many are unresolved."""
    resolved = 0
    unresolved = 0
    for wave in range(legs):
        if kinds[leg[wave]] & (table[KINDS + wave] | table[LEADING_KINDS + wave]):
            resolved += 1
        elif swings[bar[wave + 1]] - swings[bar[wave] + 1] < table[FEWEST_SWINGS + wave]:
            unresolved += 1
    return resolved, unresolved


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def better_score(
    table: Int32Array1D,
    number: Float64Array1D,
    legs: int,
    leg: Int32Array1D,
    bar: Int32Array1D,
    quantity: Float64Array1D,
    log_length: Float64Array1D,
    kinds: Int32Array1D,
    swings: Int32Array1D,
    rest: float,
    best: float,
    component: Float64Array1D,
) -> float:
    """The score of a pattern or setup where it is better than the best so far, else that one.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        legs: legs that are there.
        leg: int32 [MAX_LEGS], those legs.
        bar: int32 [MAX_LEGS + 1], bars of their pivots.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it.
        log_length: float64 [MAX_LEGS + 1], as in `write_components`, entry 0 included.
        kinds: int32 [legs of the series], the kinds that span each leg.
        swings: int32 [n + 1], swings before each bar.
        rest: `most_of_the_rest` of the stage.
        best: the best score so far.
        component: float64 [components], scratch.
    """
    extended = legs >= 3 and quantity[LENGTHS + 3] >= GOLDEN_RATIO * quantity[LENGTHS + 1]
    extended = extended and (legs < MAX_LEGS or quantity[LENGTHS + 3] > quantity[LENGTHS + 5])
    most = rest + most_fibonacci(table, number, legs, extended, log_length)
    if most + subdivision_share(number, legs, legs, 0) <= best:
        return best
    resolved, unresolved = count_resolved(table, legs, leg, bar, kinds, swings)
    most += subdivision_share(number, legs, resolved, unresolved)
    if most <= best or most - excess(table, number, legs, quantity, bar, most - best) <= best:
        return best
    return max(
        best,
        write_components(table, number, legs, quantity, bar, log_length, resolved, unresolved, component),
    )
