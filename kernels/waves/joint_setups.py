"""Setups that stand as of the last bar of a series, for a search that follows every class at a time.

A rule that breaks for good is broken by the farthest that a wave has come, if at all, so one look at that replaces the
way there, which a search for the bar on which a setup falls has to go (`search.stands_until`).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.joint_cells import Float64Array3D, Int64Array3D
from kernels.waves.legs import Bars
from kernels.waves.program import Int32Array2D
from kernels.waves.rules import set_price, still_possible
from kernels.waves.score_bound import better_score


@njit(cache=True, nogil=True)
def waves_under_way(bars: Bars) -> Float64Array2D:
    """How far the wave after a pivot has come by the last bar, for a pivot on each bar.

    Args:
        bars: the series, seen in one direction.

    Returns:
        float64 [2, n], oriented log prices: of the highest high from the bar on, where the pivot is a low (0), and of
        the lowest low, where it is a high (1). NaN where a later bar passes the pivot, or is missing: no setup stands.
    """
    n = len(bars.low)
    reached = np.full((2, n), math.nan)
    highest, lowest = -math.inf, math.inf
    for t in range(n - 1, -1, -1):
        if math.isnan(bars.low[t]):
            break
        highest = max(highest, bars.log_high[t])
        lowest = min(lowest, bars.log_low[t])
        if bars.lower_after[t] == n:
            reached[0, t] = highest
        if bars.higher_after[t] == n:
            reached[1, t] = lowest
    return reached


@njit(cache=True, nogil=True, error_model="numpy")
def better_setup(
    table: Int32Array1D,
    number: Float64Array1D,
    legs: int,
    leg_at: Int32Array1D,
    pivots: Int32Array1D,
    quantity: Float64Array1D,
    log_length: Float64Array1D,
    kinds: Int32Array1D,
    swings: Int32Array1D,
    rest: float,
    best: float,
    component: Float64Array1D,
) -> float:
    """`better_score`, called rather than inlined: the loop of the search stays short for what is in it more often."""
    return better_score(table, number, legs, leg_at, pivots, quantity, log_length, kinds, swings, rest, best, component)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def score_setups(
    tables: Int32Array2D,
    numbers: Float64Array2D,
    stages: Int32Array2D,
    wanted: npt.NDArray[np.bool_],
    rest: Float64Array1D,
    swings: Int32Array1D,
    side: int,
    legs: int,
    classes: int,
    reached: float,
    kinds: Int32Array1D,
    pivots: Int32Array1D,
    leg_at: Int32Array1D,
    quantity: Float64Array1D,
    log_length: Float64Array1D,
    component: Float64Array1D,
    cell: int,
    counts: Int64Array3D,
    bests: Float64Array3D,
) -> None:
    """Enter a path as a setup of those of some classes as which it stands on the last bar of the series.

    Args:
        tables: int32 [classes, TABLE_COLUMNS], the class table.
        numbers: float64 [classes, NUMBER_COLUMNS], the same.
        stages: as `CellSearch.stage`.
        wanted: as in `CellSearch`, and so is the next.
        rest: float64 [stages].
        swings: int32 [n + 1], swings before each bar.
        side: 0 for upward, 1 for downward.
        legs: legs of the path; no later bar passes its last pivot or is missing, and it is not too long yet.
        classes: bit set of classes that have a setup of so many legs, and whose rules the path keeps.
        reached: how far the wave after it has come, as `waves_under_way` says.
        kinds: int32 [legs of the series], the kinds that span each leg.
        pivots: as in `Path`, and so are the next four.
        leg_at: int32 [MAX_LEGS].
        quantity: float64 [QUANTITIES]; what belongs to the pivot after the last is overwritten.
        log_length: float64 [MAX_LEGS + 1].
        component: float64 [components], scratch.
        cell: bucket of the path's span.
        counts: as in `Cells`, increased.
        bests: as `Cells.best`, improved.
    """
    set_price(quantity, legs + 1, reached)
    wave_class = -1
    while classes != 0:
        wave_class += 1
        is_among, classes = classes & 1, classes >> 1
        if is_among == 0:
            continue
        stage = stages[wave_class, legs]
        if not wanted[stage, side]:
            continue
        table, number = tables[wave_class], numbers[wave_class]
        if not still_possible(table, number, legs + 1, quantity):
            continue
        counts[stage, side, cell] += 1
        best = bests[stage, side, cell]
        if best < math.inf:
            bests[stage, side, cell] = better_setup(
                table,
                number,
                legs,
                leg_at,
                pivots,
                quantity,
                log_length,
                kinds,
                swings,
                rest[stage],
                best,
                component,
            )
