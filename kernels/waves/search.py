"""Depth-first search for the patterns and setups of any class in one series, seen in one direction.

The legs are joined wave by wave with the hard rules as pruning. Ends of legs from one start come in rising order of
their bars and go ever further in price, so a rule that a longer wave can only break further ends the loop, and the
patterns come out sorted by their pivots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import MAX_LEGS
from kernels.waves.legs import AllLegs, Bars
from kernels.waves.program import LEGS, QUANTITIES, RULE_AT, SETUP, Int32Array2D, Program
from kernels.waves.rules import BROKEN_FOR_GOOD, HOLDS, set_price, set_slopes, still_possible, verdict

Int8Array1D = npt.NDArray[np.int8]

MAX_RECORDS = 2_097_152
"""Patterns and setups of one series at which a search gives up, so that memory stays bounded."""

MAX_VISITS = 268_435_456
"""Prefixes of one series at which a search gives up, so that time stays bounded too."""


EXPECTED_PATTERNS, EXPECTED_SETUPS = 65_536, 65_536
"""Room for the patterns and the setups of a series at the first try."""


class Tally(NamedTuple):
    """How many patterns and setups a search found, and how many prefixes it looked at."""

    patterns: int
    setups: int
    visits: int


class Records(NamedTuple):
    """Patterns and setups of one series.

    Attributes:
        wave_class: int8 [m], index of the class.
        direction: int8 [m], 1 or -1.
        legs: int8 [m].
        pivots: int32 [m, MAX_LEGS + 1], bars; -1 after the last pivot.
        leg: int32 [m, MAX_LEGS], index of each leg among all of the series; -1 after the last.
        until: int32 [m], the first bar on which a setup no longer stands or a finished pattern is in no window.
    """

    wave_class: Int8Array1D
    direction: Int8Array1D
    legs: Int8Array1D
    pivots: Int32Array2D
    leg: Int32Array2D
    until: Int32Array1D


@njit(cache=True, nogil=True, error_model="numpy")
def empty_records(capacity: int) -> Records:
    """Room for `capacity` records."""
    return Records(
        np.empty(capacity, np.int8),
        np.empty(capacity, np.int8),
        np.empty(capacity, np.int8),
        np.empty((capacity, MAX_LEGS + 1), np.int32),
        np.empty((capacity, MAX_LEGS), np.int32),
        np.empty(capacity, np.int32),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def stands_until(
    table: Int32Array1D,
    number: Float64Array1D,
    bars: Bars,
    legs: int,
    pivots: Int32Array1D,
    quantity: Float64Array1D,
    end: int,
    asked: int,
) -> int:
    """First bar before `end` on which a setup no longer stands; `end` where there is none.

    It falls when its last pivot is passed, when a bar is missing, and when the wave under way breaks a rule for good.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        bars: the series, oriented so that the first leg rises.
        legs: legs of the setup.
        pivots: int32 [6], bars.
        quantity: float64 [QUANTITIES]; what belongs to the pivot after the last is overwritten.
        end: the bar at which the pattern would be too long.
        asked: the first bar as of which setups are asked for; a setup that falls before needs no exact answer.
    """
    bar = int(pivots[legs])
    rising = legs % 2 == 0
    until = min(int(bars.lower_after[bar] if rising else bars.higher_after[bar]), end)
    if until <= asked or table[RULE_AT + legs + 1] == table[RULE_AT + legs + 2]:
        return until
    while bar < until:
        set_price(quantity, legs + 1, bars.log_high[bar] if rising else bars.log_low[bar])
        if not still_possible(table, number, legs + 1, quantity):
            return bar
        bar = int(bars.higher_after[bar] if rising else bars.lower_after[bar])
    return until


@njit(cache=True, nogil=True, error_model="numpy")
def search_start(
    table: Int32Array1D,
    number: Float64Array1D,
    wave_class: int,
    direction: int,
    bars: Bars,
    legs: AllLegs,
    p0: int,
    max_span: int,
    longest: int,
    next_origin: Int32Array1D,
    with_patterns: bool,
    with_setups: bool,
    max_visits: int,
    pivots: Int32Array1D,
    quantity: Float64Array1D,
    next_leg: Int32Array1D,
    patterns: Records,
    pattern_at: int,
    setups: Records,
    setup_at: int,
) -> Tally:
    """Find every pattern, and every setup, of one class and direction that starts on one bar.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        wave_class: index of the class, as which the records are written.
        direction: 1 or -1, as which they are written.
        bars: the series, oriented so that the first leg rises.
        legs: the legs of the series, each shorter than `max_span`.
        p0: the bar.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        longest: bars in the longest window that is asked for; a finished pattern is in none after p0 + longest - 1.
        next_origin: int32 [n], the first bar at or after each bar as of which setups are asked for; n where there is
            none. A setup that stands on no such bar is left out.
        with_patterns: whether patterns are looked for.
        with_setups: whether setups are looked for.
        max_visits: prefixes after which the search gives up.
        pivots: int32 [MAX_LEGS + 1], scratch.
        quantity: float64 [QUANTITIES], scratch.
        next_leg: int32 [MAX_LEGS + 1], scratch.
        patterns: where patterns are written, as long as there is room; the others are counted only.
        pattern_at: the first place to write to.
        setups: where setups are written, likewise.
        setup_at: the first place to write to.

    Returns:
        How many there are; `visits` is more than `max_visits` where the search gave up.
    """
    deepest = table[LEGS]
    odd_side = 0 if direction == 1 else 1
    pattern_count = 0
    setup_count = 0
    visits = 0
    depth = 1
    pivots[0] = p0
    set_price(quantity, 0, bars.log_low[p0])
    next_leg[1] = legs.at[odd_side, p0]
    while depth > 0:
        side = odd_side if depth & 1 else 1 - odd_side
        leg = next_leg[depth]
        if leg == legs.at[side, pivots[depth - 1] + 1] or legs.end[leg] - p0 >= max_span:
            depth -= 1
            continue
        end = legs.end[leg]
        next_leg[depth] = leg + 1
        visits += 1
        if visits > max_visits:
            break
        pivots[depth] = end
        set_price(quantity, depth, bars.log_high[end] if depth & 1 else bars.log_low[end])
        set_slopes(quantity, pivots, depth)
        state = verdict(table, number, depth, quantity)
        if state != HOLDS:
            if state == BROKEN_FOR_GOOD:
                depth -= 1
            continue
        if with_setups and table[SETUP + depth] >= 0:
            asked = next_origin[end + 1]
            until = stands_until(table, number, bars, depth, pivots, quantity, p0 + max_span, asked)
            if asked < until:
                at = setup_at + setup_count
                if at < len(setups.until):
                    write_record(setups, at, wave_class, direction, depth, pivots, next_leg, until)
                setup_count += 1
        if with_patterns and depth == deepest:
            at = pattern_at + pattern_count
            if at < len(patterns.until):
                write_record(patterns, at, wave_class, direction, depth, pivots, next_leg, p0 + longest)
            pattern_count += 1
        if depth < deepest:
            depth += 1
            next_leg[depth] = legs.at[1 - side, end]
    return Tally(pattern_count, setup_count, visits)


@njit(cache=True, nogil=True, error_model="numpy")
def write_record(
    records: Records,
    at: int,
    wave_class: int,
    direction: int,
    depth: int,
    pivots: Int32Array1D,
    next_leg: Int32Array1D,
    until: int,
) -> None:
    """Write one record from the state of the search."""
    records.wave_class[at] = wave_class
    records.direction[at] = direction
    records.legs[at] = depth
    records.until[at] = until
    for pivot in range(MAX_LEGS + 1):
        records.pivots[at, pivot] = pivots[pivot] if pivot <= depth else -1
    for wave in range(1, MAX_LEGS + 1):
        records.leg[at, wave - 1] = next_leg[wave] - 1 if wave <= depth else -1


class Search(NamedTuple):
    """What is looked for in one series.

    Attributes:
        max_span: upper limit of p_last - p0, exclusive, in bars.
        first: the first bar on which p0 may lie.
        longest: bars in the longest window.
        next_origin: int32 [n], as in `search_start`.
        patterns: bool [classes, 2], the classes whose patterns are looked for, upward (0) and downward (1).
        setups: bool [classes, 2], the same for setups.
    """

    max_span: int
    first: int
    longest: int
    next_origin: Int32Array1D
    patterns: npt.NDArray[np.bool_]
    setups: npt.NDArray[np.bool_]


@njit(cache=True, nogil=True)
def search_sides(
    program: Program,
    up: Bars,
    down: Bars,
    legs: AllLegs,
    search: Search,
    patterns: Records,
    setups: Records,
) -> Tally:
    """Find the patterns and setups of several classes and directions in one series.

    Both come class after class, upward before downward, sorted by their pivots.

    Args:
        program: the class table.
        up: the series as it is.
        down: the series mirrored.
        legs: its legs, each shorter than `search.max_span`.
        search: what is looked for.
        patterns: where patterns are written, as long as there is room; the others are counted only.
        setups: where setups are written, likewise.

    Returns:
        How many there are; `visits` is more than `MAX_VISITS` where the search gave up.
    """
    pivots = np.empty(MAX_LEGS + 1, np.int32)
    quantity = np.empty(QUANTITIES)
    next_leg = np.empty(MAX_LEGS + 1, np.int32)
    pattern_count = 0
    setup_count = 0
    visits = 0
    for wave_class in range(len(program.table)):
        table, number = program.table[wave_class], program.number[wave_class]
        for side in range(2):
            with_patterns, with_setups = search.patterns[wave_class, side], search.setups[wave_class, side]
            if not (with_patterns or with_setups):
                continue
            bars = up if side == 0 else down
            for p0 in range(search.first, len(bars.low)):
                if legs.at[side, p0] == legs.at[side, p0 + 1]:
                    continue
                tally = search_start(
                    table,
                    number,
                    wave_class,
                    1 - 2 * side,
                    bars,
                    legs,
                    p0,
                    search.max_span,
                    search.longest,
                    search.next_origin,
                    with_patterns,
                    with_setups,
                    MAX_VISITS - visits,
                    pivots,
                    quantity,
                    next_leg,
                    patterns,
                    pattern_count,
                    setups,
                    setup_count,
                )
                pattern_count += tally.patterns
                setup_count += tally.setups
                visits += tally.visits
                if visits > MAX_VISITS:
                    return Tally(pattern_count, setup_count, visits)
    return Tally(pattern_count, setup_count, visits)


@njit(cache=True, nogil=True)
def search_all(program: Program, up: Bars, down: Bars, legs: AllLegs, search: Search) -> tuple[Records, int, bool]:
    """Find the patterns and setups of a series; arguments as in `search_sides`.

    Returns:
        The patterns, then the setups; how many patterns there are; and whether the search came to its end: there is
        nothing where it didn't.
    """
    patterns, setups = empty_records(EXPECTED_PATTERNS), empty_records(EXPECTED_SETUPS)
    tally = search_sides(program, up, down, legs, search, patterns, setups)
    if tally.visits > MAX_VISITS or tally.patterns + tally.setups > MAX_RECORDS:
        return empty_records(0), 0, False
    if tally.patterns > len(patterns.until) or tally.setups > len(setups.until):
        patterns, setups = empty_records(tally.patterns), empty_records(tally.setups)
        search_sides(program, up, down, legs, search, patterns, setups)
    return joined(patterns, tally.patterns, setups, tally.setups), tally.patterns, True


@njit(cache=True, nogil=True)
def joined(patterns: Records, pattern_count: int, setups: Records, setup_count: int) -> Records:
    """The first patterns, then the first setups."""
    return Records(
        np.concatenate((patterns.wave_class[:pattern_count], setups.wave_class[:setup_count])),
        np.concatenate((patterns.direction[:pattern_count], setups.direction[:setup_count])),
        np.concatenate((patterns.legs[:pattern_count], setups.legs[:setup_count])),
        np.concatenate((patterns.pivots[:pattern_count], setups.pivots[:setup_count])),
        np.concatenate((patterns.leg[:pattern_count], setups.leg[:setup_count])),
        np.concatenate((patterns.until[:pattern_count], setups.until[:setup_count])),
    )
