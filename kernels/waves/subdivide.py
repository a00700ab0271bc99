"""Subdivision, degree and score of the patterns of one series, short spans first.

A leg is resolved by a pattern of the right kind that spans exactly its two pivots in its direction. Such a pattern is
shorter than the one that the leg belongs to, so one pass by rising span sees every child before its parents.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import COMPONENTS, MAX_LEGS
from kernels.waves.legs import AllLegs, Bars, leg_between
from kernels.waves.patterns import NO_LEG, NOT_RESOLVED, RESOLVED, UNRESOLVED
from kernels.waves.program import (
    EXCLUDES,
    FEWEST_SWINGS,
    KINDS,
    LEADING_KINDS,
    QUANTITIES,
    REQUIRED,
    Int32Array2D,
    Program,
)
from kernels.waves.rules import rules_hold, set_price, set_slopes, write_components
from kernels.waves.search import Records

COMPONENT_COUNT = len(COMPONENTS)


class Subdivision(NamedTuple):
    """What the subdivision says of each record.

    Attributes:
        score: float64 [m], in [0, 1]; NaN for a combination that isn't one.
        degree: int8 [m], 0 without children, else 1 + the largest child's.
        resolution: int8 [m, MAX_LEGS], per leg `RESOLVED`, `NOT_RESOLVED`, `UNRESOLVED` or `NO_LEG`.
        child: int32 [m, MAX_LEGS], the record that resolves each leg, -1 for none.
    """

    score: Float64Array1D
    degree: npt.NDArray[np.int8]
    resolution: npt.NDArray[np.int8]
    child: Int32Array2D


@njit(cache=True, nogil=True, error_model="numpy")
def by_span(records: Records, first: int, count: int) -> Int32Array1D:
    """The records `first .. count - 1` by rising span, equal spans in their order: a counting sort."""
    longest = 0
    for index in range(first, count):
        longest = max(longest, records.pivots[index, records.legs[index]] - records.pivots[index, 0])
    at = np.zeros(longest + 2, np.int64)
    for index in range(first, count):
        at[records.pivots[index, records.legs[index]] - records.pivots[index, 0] + 1] += 1
    for span in range(longest + 1):
        at[span + 1] += at[span]
    order = np.empty(count - first, np.int32)
    for index in range(first, count):
        span = records.pivots[index, records.legs[index]] - records.pivots[index, 0]
        order[at[span]] = index
        at[span] += 1
    return order


class Children(NamedTuple):
    """The patterns that span a leg, so far.

    Attributes:
        kinds: int32 [legs], bit set of the kinds that span each leg.
        best: int32 [legs, kinds], the best record of each kind whose bit is set; other entries mean nothing.
    """

    kinds: Int32Array1D
    best: Int32Array2D


@njit(cache=True, nogil=True, error_model="numpy")
def best_child(kinds: int, leg: int, children: Children, score: Float64Array1D) -> int:
    """The record with the best score among those that span a leg and are of one of the kinds; -1 if there is none.

    Equal scores: the earlier record, which is of the earlier class or has the earlier pivots.
    """
    there = kinds & children.kinds[leg]
    child = -1
    kind = 0
    while there != 0:
        if there & 1:
            candidate = children.best[leg, kind]
            if child < 0 or score[candidate] > score[child] or (score[candidate] == score[child] and candidate < child):
                child = candidate
        there >>= 1
        kind += 1
    return child


@njit(cache=True, nogil=True, error_model="numpy")
def required_resolve(table: Int32Array1D, leg: Int32Array1D, children: Children) -> bool:
    """Whether every leg is resolved without which a pattern isn't one of a class.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        leg: int32 [MAX_LEGS], the pattern's legs.
        children: the patterns that span a leg.
    """
    for wave in range(MAX_LEGS):
        needed = table[REQUIRED] >> wave & 1
        if needed and table[KINDS + wave] & children.kinds[leg[wave]] == 0:
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def is_of_class(
    program: Program,
    table: Int32Array1D,
    leg: Int32Array1D,
    quantity: Float64Array1D,
    children: Children,
) -> bool:
    """Whether a pattern whose hard rules hold is of its class by its subdivision too; true of all but combinations."""
    if table[REQUIRED] == 0:
        return True
    if not required_resolve(table, leg, children):
        return False
    if table[EXCLUDES] < 0:
        return True
    other = program.table[table[EXCLUDES]]
    number = program.number[table[EXCLUDES]]
    return not (rules_hold(other, number, quantity) and required_resolve(other, leg, children))


@njit(cache=True, nogil=True, error_model="numpy")
def resolve_legs(
    table: Int32Array1D,
    legs: int,
    leg: Int32Array1D,
    bar: Int32Array1D,
    swings: Int32Array1D,
    children: Children,
    score: Float64Array1D,
    resolution: npt.NDArray[np.int8],
    child: Int32Array1D,
) -> tuple[int, int, bool]:
    """Find the child of each leg of one pattern.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        legs: legs that the pattern has.
        leg: int32 [MAX_LEGS], the pattern's legs.
        bar: int32 [MAX_LEGS + 1], bars of its pivots.
        swings: int32 [n + 1], swings before each bar.
        children: the patterns that span a leg.
        score: float64 [m], of the shorter patterns.
        resolution: int8 [MAX_LEGS], written whole.
        child: int32 [MAX_LEGS], written whole.

    Returns:
        How many legs are resolved, how many are unresolved, and whether the pattern can only be a leading one.
    """
    resolved = 0
    unresolved = 0
    leading = False
    for wave in range(MAX_LEGS):
        child[wave] = -1
        if wave >= legs:
            resolution[wave] = NO_LEG
            continue
        child[wave] = best_child(table[KINDS + wave], leg[wave], children, score)
        if child[wave] < 0 and table[LEADING_KINDS + wave] != 0:
            child[wave] = best_child(table[LEADING_KINDS + wave], leg[wave], children, score)
            leading = leading or child[wave] >= 0
        if child[wave] >= 0:
            resolution[wave] = RESOLVED
            resolved += 1
        elif swings[bar[wave + 1]] - swings[bar[wave] + 1] < table[FEWEST_SWINGS + wave]:
            resolution[wave] = UNRESOLVED
            unresolved += 1
        else:
            resolution[wave] = NOT_RESOLVED
    return resolved, unresolved, leading


@njit(cache=True, nogil=True, error_model="numpy")
def subdivide(
    program: Program, bars: Bars, legs: AllLegs, swings: Int32Array1D, records: Records, patterns: int
) -> Subdivision:
    """Score every record of a series.

    Args:
        program: the class table.
        bars: the series as it is.
        legs: its legs.
        swings: int32 [n + 1], swings before each bar.
        records: its patterns of every class, both directions, then its setups.
        patterns: how many of the records are patterns.
    """
    count = len(records.until)
    classes = len(program.table)
    score = np.empty(count)
    degree = np.zeros(count, np.int8)
    resolution = np.empty((count, MAX_LEGS), np.int8)
    child = np.empty((count, MAX_LEGS), np.int32)
    children = Children(np.zeros(len(legs.end), np.int32), np.empty((len(legs.end), 2 * classes), np.int32))
    quantity = np.empty(QUANTITIES)
    log_length = np.empty(MAX_LEGS + 1)
    component = np.empty(COMPONENT_COUNT)
    order = np.concatenate((by_span(records, 0, patterns), by_span(records, patterns, count)))
    for index in order:
        wave_class = records.wave_class[index]
        table = program.table[wave_class]
        own_legs = records.legs[index]
        bar = records.pivots[index]
        leg = records.leg[index]
        rising = records.direction[index] == 1
        for pivot in range(own_legs + 1):
            is_low = (pivot % 2 == 0) == rising
            x = bars.log_low[bar[pivot]] if is_low else bars.log_high[bar[pivot]]
            set_price(quantity, pivot, x if rising else -x)
            set_slopes(quantity, bar, pivot)
        if not is_of_class(program, table, leg, quantity, children):
            score[index] = math.nan
            resolution[index] = NO_LEG
            child[index] = -1
            continue
        resolved, unresolved, leading = resolve_legs(
            table, own_legs, leg, bar, swings, children, score, resolution[index], child[index]
        )
        for wave in range(own_legs):
            log_length[wave + 1] = legs.log_length[leg[wave]]
            if child[index, wave] >= 0:
                degree[index] = max(degree[index], degree[child[index, wave]] + 1)
        score[index] = write_components(
            table, program.number[wave_class], own_legs, quantity, bar, log_length, resolved, unresolved, component
        )
        if index >= patterns:
            continue
        own = leg_between(legs, 0 if rising else 1, bar[0], bar[own_legs])
        if own >= 0:
            kind = wave_class + classes if leading else wave_class
            is_first = children.kinds[own] >> kind & 1 == 0
            if is_first or score[index] > score[children.best[own, kind]]:
                children.kinds[own] |= 1 << kind
                children.best[own, kind] = index
    return Subdivision(score, degree, resolution, child)
