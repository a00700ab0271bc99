"""Selection: which patterns of a series an origin keeps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.search import Int32Array2D, Records

Int8Array1D = npt.NDArray[np.int8]


class Ranked(NamedTuple):
    """Patterns of one series, both directions together, best score first.

    Attributes:
        direction: int8 [m], 1 or -1.
        pivots: int32 [m, MAX_LEGS + 1], bars; -1 after the last pivot.
        first, last: int32 [m], the first and the last pivot.
        until: int32 [m], the first bar on which the pattern no longer stands.
        score: float64 [m], falling.
    """

    direction: Int8Array1D
    pivots: Int32Array2D
    first: Int32Array1D
    last: Int32Array1D
    until: Int32Array1D
    score: Float64Array1D


@njit(cache=True, nogil=True)
def rank(up: Records, down: Records) -> Ranked:
    """Sort by falling score; equal scores keep the upward pattern first, then the order of their pivots."""
    score = np.concatenate((up.score, down.score))
    order = np.argsort(-score, kind="mergesort")
    m = len(order)
    pivots = np.empty((m, up.pivots.shape[1]), np.int32)
    direction = np.empty(m, np.int8)
    first = np.empty(m, np.int32)
    last = np.empty(m, np.int32)
    until = np.empty(m, np.int32)
    for position in range(m):
        record = order[position]
        if record < len(up.score):
            direction[position] = 1
            pivots[position] = up.pivots[record]
            until[position] = up.until[record]
        else:
            direction[position] = -1
            pivots[position] = down.pivots[record - len(up.score)]
            until[position] = down.until[record - len(up.score)]
        first[position] = pivots[position, 0]
        last[position] = pivots[position].max()
    return Ranked(direction, pivots, first, last, until, score[order])


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
        first, last: int32 [2, limit], first and last pivots of the kept upward (0) and downward (1) patterns.
    """

    position: Int32Array1D
    first: Int32Array2D
    last: Int32Array2D


@njit(cache=True, nogil=True)
def room_to_keep(limit: int) -> Kept:
    """Room for `limit` patterns."""
    return Kept(np.empty(limit, np.int32), np.empty((2, limit), np.int32), np.empty((2, limit), np.int32))


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
def keep_best(ranked: Ranked, active: Int32Array1D, start: int, max_overlap: float, kept: Kept) -> tuple[int, int]:
    """Select among the patterns that stand as of an origin's bar.

    Args:
        ranked: patterns of the series, best first.
        active: int32 [k], positions of those that stand, best first.
        start: the first bar on which p0 may lie.
        max_overlap: share of the union of two spans above which the lesser pattern of a direction is dropped.
        kept: filled from the front; it has room for as many as are to be kept at most.

    Returns:
        How many patterns stand in the window, and how many of them are kept.
    """
    standing = 0
    count = 0
    by_direction = np.zeros(2, np.int64)
    for position in active:
        first = ranked.first[position]
        if first < start:
            continue
        standing += 1
        if count == len(kept.position):
            continue
        last = ranked.last[position]
        side = 0 if ranked.direction[position] == 1 else 1
        before = by_direction[side]
        if not overlaps_any(kept.first[side], kept.last[side], before, first, last, max_overlap):
            kept.position[count] = position
            kept.first[side, before] = first
            kept.last[side, before] = last
            by_direction[side] += 1
            count += 1
    return standing, count
