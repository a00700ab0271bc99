"""Upper bounds on the score of a pattern, so that one that can't be the best needs no exact score.

Each bound takes fewer operations than what it bounds; the terms are those of `rules.write_components`.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import HALF_MARGIN, MAX_LEGS, RATIO_WIDTH
from kernels.waves.program import (
    ALTERNATION,
    IF_EXTENDED,
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
from kernels.waves.rules import HALF, channel, momentum_of, similarity

SLACK = 1e-9
"""What a bound is raised by: far more than scores and sums are rounded by."""

FIBONACCI, ALTERNATES, TIME, CHANNEL, MOMENTUM_OF_3, RULE_MARGIN, SUBDIVISION = (WEIGHT + place for place in range(7))
"""Columns of the weights, in the order of `COMPONENTS`."""


@cache
def most_of_the_rest() -> Float64Array1D:
    """Per class, the most that a score can hold besides `fibonacci` and `subdivision`: float64 [classes]."""
    most = []
    for table, number in zip(program().table, program().number, strict=True):
        has_rules = table[RULE_AT + MAX_LEGS + 1] > table[RULE_AT]
        most.append(
            number[TIME]
            + number[ALTERNATES] * (1.0 if table[ALTERNATION] else HALF)
            + number[CHANNEL] * (1.0 if has_lines(table) else HALF)
            + number[MOMENTUM_OF_3] * (1.0 if table[MOMENTUM] else HALF)
            + number[RULE_MARGIN] * (1.0 / (1.0 + HALF_MARGIN) if has_rules else HALF)
            + SLACK
        )
    return np.array(most)


@njit(cache=True, nogil=True, error_model="numpy")
def has_lines(table: Int32Array1D) -> bool:
    """Whether a class has channel lines."""
    return bool(table[LINE_AT + MAX_LEGS + 1] > table[LINE_AT])


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
        legs: legs of the class.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it.
        bar: int32 [6], bars of the pivots.
        least: an excess that is enough.
    """
    over = number[TIME] * (1.0 - similarity(legs, bar))
    if table[MOMENTUM] == 1:
        over += number[MOMENTUM_OF_3] * (1.0 - momentum_of(legs, quantity, bar))
    if over < least and has_lines(table):
        over += number[CHANNEL] * (1.0 - channel(table, legs, quantity, bar))
    return float(over)
