"""Selection: which patterns of a series an origin keeps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.program import Int32Array2D
from kernels.waves.search import Records


class Ranked(NamedTuple):
    """The patterns, or the setups, of one series that are asked for, best score first.

    Attributes:
        record: int32 [m], index among the records.
        side: int32 [m], number of the class and direction: patterns rival those of the same side only.
        first, last: int32 [m], the first and the last pivot.
        until: int32 [m], the first bar on which the pattern no longer stands.
    """

    record: Int32Array1D
    side: Int32Array1D
    first: Int32Array1D
    last: Int32Array1D
    until: Int32Array1D


@njit(cache=True, nogil=True)
def rank(records: Records, score: Float64Array1D, begin: int, stop: int, wanted: npt.NDArray[np.bool_]) -> Ranked:
    """Sort the records `begin .. stop - 1` by falling score; equal scores keep their order.

    Args:
        records: class after class, upward before downward, in the order of their pivots.
        score: float64 [records]; NaN leaves a record out.
        begin: the first record.
        stop: the first record after them.
        wanted: bool [classes, 2], whether the upward (0) and the downward (1) patterns of a class are asked for.
    """
    chosen = np.empty(stop - begin, np.int32)
    m = 0
    for index in range(begin, stop):
        downward = records.direction[index] < 0
        if wanted[records.wave_class[index], int(downward)] and not np.isnan(score[index]):
            chosen[m] = index
            m += 1
    record = chosen[:m][np.argsort(-score[chosen[:m]], kind="mergesort")]
    side = np.empty(m, np.int32)
    first = np.empty(m, np.int32)
    last = np.empty(m, np.int32)
    for position in range(m):
        index = record[position]
        side[position] = 2 * records.wave_class[index] + (records.direction[index] < 0)
        first[position] = records.pivots[index, 0]
        last[position] = records.pivots[index, records.legs[index]]
    return Ranked(record, side, first, last, records.until[record])


@njit(cache=True, nogil=True)
def arrivals(last: Int32Array1D, n: int) -> tuple[Int32Array1D, Int32Array1D]:
    """Patterns grouped by their last pivot.

    Args:
        last: int32 [m], bars in [0, n).
        n: bars of the series.

    Returns:
        `at` int32 [n + 1] and `position` int32 [m]: the patterns that end on bar t are `position[at[t] : at[t + 1]]`.
    """
    at = np.zeros(n + 1, np.int32)
    for t in last:
        at[t + 1] += 1
    for t in range(n):
        at[t + 1] += at[t]
    free = at.copy()
    position = np.empty(len(last), np.int32)
    for index in range(len(last)):
        position[free[last[index]]] = index
        free[last[index]] += 1
    return at, position


@njit(cache=True, nogil=True)
def advance(
    active: Int32Array1D, count: int, arrived: Int32Array1D, until: Int32Array1D, end: int, result: Int32Array1D
) -> int:
    """Merge the patterns that became known into the active ones and drop those that no longer stand.

    Args:
        active: int32 [count or more], positions of the patterns that stood before, rising.
        count: how many there are.
        arrived: int32 [k], positions of the patterns that became known since, rising.
        until: int32 [m], the first bar on which each pattern no longer stands.
        end: the bar as of which the result holds.
        result: int32 [m], the positions of the patterns that stand as of `end`, rising, filled from the front.

    Returns:
        How many stand.
    """
    standing = 0
    i = 0
    j = 0
    while i < count or j < len(arrived):
        if j == len(arrived) or (i < count and active[i] < arrived[j]):
            position = active[i]
            i += 1
        else:
            position = arrived[j]
            j += 1
        if until[position] > end:
            result[standing] = position
            standing += 1
    return standing


class Kept(NamedTuple):
    """Room for an origin's selection, filled from the front and used again by the next origin.

    Attributes:
        position: int32 [limit], positions of the kept patterns, best first.
        first, last: int32 [sides, limit], first and last pivots of the kept patterns of each side.
    """

    position: Int32Array1D
    first: Int32Array2D
    last: Int32Array2D


@njit(cache=True, nogil=True)
def room_to_keep(limit: int, sides: int) -> Kept:
    """Room for `limit` patterns of as many sides."""
    return Kept(np.empty(limit, np.int32), np.empty((sides, limit), np.int32), np.empty((sides, limit), np.int32))


@njit(cache=True, nogil=True)
def overlaps_any(
    first: Int32Array1D, last: Int32Array1D, count: int, first_b: np.int32, last_b: np.int32, max_overlap: float
) -> bool:
    """Whether a span shares more than `max_overlap` of the union with one of `count` spans; both ends are included.

    The loop has no early exit, so that it is vectorised.
    """
    one = np.int32(1)
    overlapping = 0
    for i in range(count):
        shared = min(last[i], last_b) - max(first[i], first_b) + one
        union = (last[i] - first[i] + one) + (last_b - first_b + one) - shared
        overlapping += shared > max_overlap * union
    return overlapping > 0


@njit(cache=True, nogil=True)
def keep_unless_overlapping(
    ranked: Ranked, position: int, by_side: npt.NDArray[np.int64], count: int, max_overlap: float, kept: Kept
) -> int:
    """Keep one more pattern unless a better one of its side overlaps it too much; how many are kept now.

    Args:
        ranked: patterns of the series, best first.
        position: the one in question.
        by_side: int64 [sides], how many are kept of each side.
        count: how many are kept.
        max_overlap: share of the union of two spans above which the lesser pattern of a side is dropped.
        kept: what is kept so far.
    """
    side = ranked.side[position]
    before = by_side[side]
    first, last = ranked.first[position], ranked.last[position]
    if overlaps_any(kept.first[side], kept.last[side], before, first, last, max_overlap):
        return count
    kept.position[count] = position
    kept.first[side, before] = first
    kept.last[side, before] = last
    by_side[side] += 1
    return count + 1


@njit(cache=True, nogil=True)
def keep_confirmed(ranked: Ranked, start: int, end: int, max_overlap: float, kept: Kept) -> int:
    """Select among the patterns that are confirmed as of an origin's bar; how many are kept.

    Args:
        ranked: patterns of the series, best first.
        start: the first bar on which p0 may lie.
        end: the origin's bar.
        max_overlap: as in `keep_unless_overlapping`.
        kept: filled from the front; it has room for as many as are to be kept at most.
    """
    count = 0
    by_side = np.zeros(len(kept.first), np.int64)
    for position in range(len(ranked.last)):
        if count == len(kept.position):
            break
        if ranked.first[position] >= start and ranked.last[position] < end:
            count = keep_unless_overlapping(ranked, position, by_side, count, max_overlap, kept)
    return count


@njit(cache=True, nogil=True)
def keep_standing(ranked: Ranked, active: Int32Array1D, start: int, max_overlap: float, kept: Kept) -> tuple[int, int]:
    """Select among the setups that stand as of an origin's bar.

    Args:
        ranked: setups of the series, best first.
        active: int32 [k], positions of those that stand, best first.
        start: the first bar on which p0 may lie.
        max_overlap: as in `keep_unless_overlapping`.
        kept: as in `keep_confirmed`.

    Returns:
        How many stand in the window, and how many of them are kept.
    """
    standing = 0
    count = 0
    by_side = np.zeros(len(kept.first), np.int64)
    for position in active:
        if ranked.first[position] < start:
            continue
        standing += 1
        if count < len(kept.position):
            count = keep_unless_overlapping(ranked, position, by_side, count, max_overlap, kept)
    return standing, count
