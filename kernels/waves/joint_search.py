"""The best scores of one series, from one depth-first search that follows every class at a time.

The starts are taken from the last bar to the first, and the first legs of a start from the shortest to the longest. So
every pattern that spans a leg has been found before a path takes that leg, nothing needs to be remembered of a
pattern but the kinds that span a leg, and a score is computed only where it may be the best of its cell.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import COMPONENTS, GOLDEN_RATIO, MAX_LEGS
from kernels.waves.legs import AllLegs, Bars, all_legs, count_swings, view_bars
from kernels.waves.program import (
    EXCLUDES,
    FEWEST_SWINGS,
    KINDS,
    LEADING_KINDS,
    LENGTHS,
    QUANTITIES,
    Int32Array2D,
    Program,
)
from kernels.waves.rules import log_of_length, set_price, set_slopes, write_components
from kernels.waves.score_bound import excess, most_fibonacci, subdivision_share
from kernels.waves.shared_rules import SharedRules, classes_left

COMPONENT_COUNT = len(COMPONENTS)

Int64Array3D = npt.NDArray[np.int64]
Float64Array3D = npt.NDArray[np.float64]


class Path(NamedTuple):
    """A path of legs while it grows: scratch, used again by the next start.

    Attributes:
        pivots: int32 [MAX_LEGS + 1], bars.
        leg: int32 [MAX_LEGS], index of each leg among all of the series.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it.
        log_length: float64 [MAX_LEGS + 1], as in `write_components`.
        next_leg: int32 [MAX_LEGS + 1], per depth the next leg to try.
        stop: int32 [MAX_LEGS + 1], per depth the first leg that starts elsewhere.
        possible: int32 [MAX_LEGS + 1], per depth the classes that the next leg may belong to.
        component: float64 [components], scratch of a score.
    """

    pivots: Int32Array1D
    leg: Int32Array1D
    quantity: Float64Array1D
    log_length: Float64Array1D
    next_leg: Int32Array1D
    stop: Int32Array1D
    possible: Int32Array1D
    component: Float64Array1D


class CellSearch(NamedTuple):
    """What is looked for in series of one length.

    Attributes:
        program: the class table.
        shared: its rules.
        rest: float64 [classes], `most_of_the_rest`.
        wanted: bool [classes, 2], which classes are asked for, upward (0) and downward (1).
        bucket: int32 [max_span], the bucket of each span; the number of buckets beyond the last edge.
        max_skip: legs used per start at most.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        max_visits: prefixes after which a search gives up.
    """

    program: Program
    shared: SharedRules
    rest: Float64Array1D
    wanted: npt.NDArray[np.bool_]
    bucket: Int32Array1D
    max_skip: int
    max_span: int
    max_visits: int


class Cells(NamedTuple):
    """The cells of one series.

    Attributes:
        best: float64 [classes, 2, buckets + 1], the best score. While it grows: -infinity before the first, infinity
            where none is asked for. In the end: NaN for both.
        counts: int64 of the same shape, how many patterns there are. The last bucket holds the spans beyond all edges.
    """

    best: Float64Array3D
    counts: Int64Array3D


@njit(cache=True, nogil=True, error_model="numpy")
def empty_path() -> Path:
    """Room for a path."""
    return Path(
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(MAX_LEGS, np.int32),
        np.empty(QUANTITIES),
        np.empty(MAX_LEGS + 1),
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(COMPONENT_COUNT),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def resolving(table: Int32Array2D, wave: int, kinds: int, classes: int) -> int:
    """Those of some classes in which a leg is resolved that patterns of some kinds span; `wave` counts from 0."""
    left = 0
    wave_class = 0
    while classes >> wave_class != 0:
        if classes >> wave_class & 1 and table[wave_class, KINDS + wave] & kinds != 0:
            left |= 1 << wave_class
        wave_class += 1
    return left


@njit(cache=True, nogil=True, error_model="numpy")
def is_leading(table: Int32Array1D, legs: int, leg: Int32Array1D, kinds: Int32Array1D) -> bool:
    """Whether a pattern can only be a leading one."""
    for wave in range(legs):
        spanning = kinds[leg[wave]]
        if spanning & table[KINDS + wave] == 0 and spanning & table[LEADING_KINDS + wave] != 0:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def count_resolved(
    table: Int32Array1D, legs: int, leg: Int32Array1D, bar: Int32Array1D, kinds: Int32Array1D, swings: Int32Array1D
) -> tuple[int, int]:
    """How many legs of a pattern are resolved, and how many are unresolved."""
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
    """The score of a pattern where it is better than the best so far, else that one.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        legs: legs of the class.
        leg: int32 [MAX_LEGS], the pattern's legs.
        bar: int32 [MAX_LEGS + 1], bars of its pivots.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it.
        log_length: float64 [MAX_LEGS + 1], as in `write_components`, entry 0 included.
        kinds: int32 [legs of the series], the kinds that span each leg.
        swings: int32 [n + 1], swings before each bar.
        rest: `most_of_the_rest` of the class.
        best: the best score so far.
        component: float64 [components], scratch.
    """
    extended = quantity[LENGTHS + 3] >= GOLDEN_RATIO * quantity[LENGTHS + 1]
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


@njit(cache=True, nogil=True, error_model="numpy")
def search_start(
    search: CellSearch,
    bars: Bars,
    legs: AllLegs,
    swings: Int32Array1D,
    side: int,
    p0: int,
    leg_to: Int32Array1D,
    kinds: Int32Array1D,
    path: Path,
    cells: Cells,
    max_visits: int,
) -> int:
    """Find every pattern of every class that starts on one bar in one direction; how many prefixes were looked at.

    Args:
        search: what is looked for.
        bars: the series, oriented so that the first leg rises.
        legs: the legs of the series, each shorter than `search.max_span`.
        swings: int32 [n + 1], swings before each bar.
        side: 0 for upward, 1 for downward.
        p0: the bar.
        leg_to: int32 [n], the leg from `p0` to each bar in that direction, -1 for none.
        kinds: int32 [legs], the kinds that span each leg, known for all legs of later starts; those of this start are
            written.
        path: scratch.
        cells: improved.
        max_visits: prefixes after which the search gives up; the answer is more than that then.
    """
    # Numba counts references whenever a field is read, so the scratch is taken apart once.
    pivots, leg_at, quantity, log_length, next_leg, stop, possible, component = path
    shared, program, bucket, rest, max_span = search.shared, search.program, search.bucket, search.rest, search.max_span
    classes = len(program.table)
    visits = 0
    depth = 1
    pivots[0] = p0
    set_price(quantity, 0, bars.log_low[p0])
    possible[1] = (1 << classes) - 1
    next_leg[1] = legs.at[side, p0]
    stop[1] = legs.at[side, p0 + 1]
    while depth > 0:
        leg = next_leg[depth]
        if leg == stop[depth] or legs.end[leg] - p0 >= max_span or possible[depth] == 0:
            depth -= 1
            continue
        end = legs.end[leg]
        next_leg[depth] = leg + 1
        visits += 1
        if visits > max_visits:
            break
        pivots[depth] = end
        leg_at[depth - 1] = leg
        log_length[depth] = legs.log_length[leg]
        set_price(quantity, depth, bars.log_high[end] if depth & 1 else bars.log_low[end])
        set_slopes(quantity, pivots, depth)
        alive, for_good = classes_left(shared.at, shared.rule, shared.factor, depth, quantity, possible[depth])
        possible[depth] &= ~for_good
        if alive & shared.required[depth] != 0:
            needing = alive & shared.required[depth]
            alive ^= needing ^ resolving(program.table, depth - 1, kinds[leg], needing)
        finished = alive & shared.finished[depth]
        wave_class = -1
        while finished != 0:
            wave_class += 1
            is_finished, finished = finished & 1, finished >> 1
            if is_finished == 0:
                continue
            table = program.table[wave_class]
            if table[EXCLUDES] >= 0 and alive >> table[EXCLUDES] & 1:
                continue
            own = leg_to[end]
            if own >= 0:
                leading = shared.leading >> wave_class & 1 and is_leading(table, depth, leg_at, kinds)
                kinds[own] |= 1 << (wave_class + classes if leading else wave_class)
            cell = bucket[end - p0]
            cells.counts[wave_class, side, cell] += 1
            best = cells.best[wave_class, side, cell]
            if best < math.inf:
                cells.best[wave_class, side, cell] = better_score(
                    table,
                    program.number[wave_class],
                    depth,
                    leg_at,
                    pivots,
                    quantity,
                    log_length,
                    kinds,
                    swings,
                    rest[wave_class],
                    best,
                    component,
                )
        alive &= shared.unfinished[depth]
        if alive != 0:
            if depth == 3:
                log_length[0] = log_of_length(abs(quantity[3] - quantity[0]))
            depth += 1
            odd_side = side if depth & 1 else 1 - side
            possible[depth] = alive
            next_leg[depth] = legs.at[odd_side, end]
            stop[depth] = legs.at[odd_side, end + 1]
    return visits


@njit(cache=True, nogil=True, error_model="numpy")
def best_of_bars(search: CellSearch, low: Float64Array1D, high: Float64Array1D, cells: Cells) -> bool:
    """Find the best scores of one series; whether the search came to its end.

    Args:
        search: what is looked for.
        low: float64 [n], dollars; NaN where there is no bar.
        high: float64 [n], dollars; NaN where `low` is and nowhere else.
        cells: written whole; worth nothing where the search didn't come to its end.
    """
    n = len(low)
    up, down = view_bars(low, high)
    legs = all_legs(up, down, search.max_span, search.max_skip)
    swings = count_swings(low, high)
    kinds = np.zeros(len(legs.end), np.int32)
    leg_to = np.full(n, -1, np.int32)
    path = empty_path()
    open_cells(search.wanted, cells)
    visits = 0
    for p0 in range(n - 1, -1, -1):
        for side in range(2):
            own = range(legs.at[side, p0], legs.at[side, p0 + 1])
            if len(own) == 0:
                continue
            for leg in own:
                leg_to[legs.end[leg]] = leg
            bars = up if side == 0 else down
            left = search.max_visits - visits
            visits += search_start(search, bars, legs, swings, side, p0, leg_to, kinds, path, cells, left)
            if visits > search.max_visits:
                return False
            for leg in own:
                leg_to[legs.end[leg]] = -1
    close_cells(search.wanted, cells)
    return True


@njit(cache=True, nogil=True)
def open_cells(wanted: npt.NDArray[np.bool_], cells: Cells) -> None:
    """Make the cells ready for a series; the last bucket is counted, never scored."""
    cells.counts[:] = 0
    cells.best[:] = math.inf
    for wave_class in range(len(wanted)):
        for side in range(2):
            if wanted[wave_class, side]:
                cells.best[wave_class, side, :-1] = -math.inf


@njit(cache=True, nogil=True)
def close_cells(wanted: npt.NDArray[np.bool_], cells: Cells) -> None:
    """Clear what isn't asked for, and mark the cells without a pattern."""
    for wave_class in range(len(wanted)):
        for side in range(2):
            if not wanted[wave_class, side]:
                cells.counts[wave_class, side] = 0
            for bucket in range(cells.best.shape[2]):
                if math.isinf(cells.best[wave_class, side, bucket]):
                    cells.best[wave_class, side, bucket] = math.nan
