"""The best scores of one series, from one depth-first search that follows every class at a time.

The starts are taken from the last bar to the first, and the first legs of a start from the shortest to the longest. So
every pattern that spans a leg has been found before a path takes that leg, nothing needs to be remembered of a
pattern but the kinds that span a leg, and a score is computed only where it may be the best of its cell. A prefix can
be a setup that stands only where no later bar passes its last pivot, which is rare (`joint_setups.py`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.joint_cells import Cells, CellSearch, close_cells, open_cells
from kernels.waves.joint_path import Path, empty_path, is_leading, resolving
from kernels.waves.joint_setups import score_setups, waves_under_way
from kernels.waves.legs import AllLegs, Bars, all_legs, count_swings, view_bars
from kernels.waves.program import EXCLUDES
from kernels.waves.rules import log_of_length, set_price, set_slopes
from kernels.waves.score_bound import better_score
from kernels.waves.shared_rules import classes_left


@njit(cache=True, nogil=True, error_model="numpy")
def search_start(
    search: CellSearch,
    bars: Bars,
    legs: AllLegs,
    swings: Int32Array1D,
    side: int,
    p0: int,
    leg_to: Int32Array1D,
    under_way: Float64Array2D,
    kinds: Int32Array1D,
    path: Path,
    cells: Cells,
    max_visits: int,
) -> int:
    """Find the patterns and setups that start on one bar in one direction; how many prefixes were looked at.

    Args:
        search: what is looked for.
        bars: the series, oriented so that the first leg rises.
        legs: the legs of the series, each shorter than `search.max_span`.
        swings: int32 [n + 1], swings before each bar.
        side: 0 for upward, 1 for downward.
        p0: the bar.
        leg_to: int32 [n], the leg from `p0` to each bar in that direction, -1 for none.
        under_way: float64 [2, n], as `waves_under_way` says.
        kinds: int32 [legs], the kinds that span each leg, known for all legs of later starts; those of this start are
            written.
        path: scratch.
        cells: improved.
        max_visits: prefixes after which the search gives up; the answer is more than that then.
    """
    # Numba counts references whenever a field is read, so the scratch is taken apart once.
    pivots, leg_at, quantity, log_length, next_leg, stop, possible, component = path
    shared, program, bucket, rest, max_span = search.shared, search.program, search.bucket, search.rest, search.max_span
    tables, numbers, stages, wanted, setups = program.table, program.number, search.stage, search.wanted, shared.setups
    counts, bests = cells.counts, cells.best
    classes = len(tables)
    may_stand = p0 + max_span >= len(leg_to)
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
            alive ^= needing ^ resolving(tables, depth - 1, kinds[leg], needing)
        finished = alive & shared.finished[depth]
        wave_class = -1
        while finished != 0:
            wave_class += 1
            is_finished, finished = finished & 1, finished >> 1
            if is_finished == 0:
                continue
            table = tables[wave_class]
            if table[EXCLUDES] >= 0 and alive >> table[EXCLUDES] & 1:
                continue
            own = leg_to[end]
            if own >= 0:
                leading = shared.leading >> wave_class & 1 and is_leading(table, depth, leg_at, kinds)
                kinds[own] |= 1 << (wave_class + classes if leading else wave_class)
            cell = bucket[end - p0]
            counts[wave_class, side, cell] += 1
            best = bests[wave_class, side, cell]
            if best < math.inf:
                bests[wave_class, side, cell] = better_score(
                    table,
                    numbers[wave_class],
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
            reached = under_way[depth & 1, end]
            if may_stand and not math.isnan(reached) and alive & setups[depth] != 0:
                score_setups(
                    tables,
                    numbers,
                    stages,
                    wanted,
                    rest,
                    swings,
                    side,
                    depth,
                    alive & setups[depth],
                    reached,
                    kinds,
                    pivots,
                    leg_at,
                    quantity,
                    log_length,
                    component,
                    bucket[end - p0],
                    counts,
                    bests,
                )
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
    under_way = waves_under_way(up), waves_under_way(down)
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
            visits += search_start(
                search, bars, legs, swings, side, p0, leg_to, under_way[side], kinds, path, cells, left
            )
            if visits > search.max_visits:
                return False
            for leg in own:
                leg_to[legs.end[leg]] = -1
    close_cells(search.wanted, cells)
    return True
