"""One series on the CPU: its legs, its scored patterns, and what each of its origins keeps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import MAX_LEGS
from kernels.waves.legs import rising_legs, view_bars
from kernels.waves.patterns import CONFIRMED, SETUP
from kernels.waves.search import Int32Array2D, empty_records, search_impulses
from kernels.waves.select import Int8Array1D, Ranked, advance, arrivals, keep_best, rank, room_to_keep


class Selection(NamedTuple):
    """What the origins of one series keep: each pattern once, and who keeps it.

    Attributes:
        origin: int32 [k], index into the series' origins; by origin, then confirmed before setups, then rank.
        pattern: int32 [k], index into the patterns below.
        rank: int16 [k], from 1.
        direction, status: int8 [p].
        pivots: int32 [p, MAX_LEGS + 1], bars of the searched stretch.
        score: float64 [p].
        candidates, standing: int64 [origins], confirmed patterns and setups before the selection.
    """

    origin: Int32Array1D
    pattern: Int32Array1D
    rank: npt.NDArray[np.int16]
    direction: Int8Array1D
    status: Int8Array1D
    pivots: Int32Array2D
    score: Float64Array1D
    candidates: npt.NDArray[np.int64]
    standing: npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def next_origins(end: Int32Array1D, n: int) -> Int32Array1D:
    """First of the rising bars `end` at or after each of n bars; n where there is none."""
    following = np.full(n, n, np.int32)
    for e in range(len(end)):
        following[end[e]] = end[e]
    for t in range(n - 2, -1, -1):
        following[t] = min(following[t], following[t + 1])
    return following


class Choices(NamedTuple):
    """Who keeps what, while it grows.

    Attributes:
        origin: int32 [capacity], index into the series' origins.
        position: int32 [capacity], place among the finished patterns, best first, and the setups after them.
        rank: int16 [capacity], from 1.
    """

    origin: Int32Array1D
    position: Int32Array1D
    rank: npt.NDArray[np.int16]


@njit(cache=True, nogil=True)
def grown(choices: Choices, count: int, capacity: int) -> Choices:
    """The first `count` choices, with room for `capacity`."""
    larger = Choices(np.empty(capacity, np.int32), np.empty(capacity, np.int32), np.empty(capacity, np.int16))
    larger.origin[:count] = choices.origin[:count]
    larger.position[:count] = choices.position[:count]
    larger.rank[:count] = choices.rank[:count]
    return larger


@njit(cache=True, nogil=True)
def add_kept(choices: Choices, at: int, origin: int, first_position: int, kept: Int32Array1D) -> None:
    """Write what an origin keeps of one status from place `at` on."""
    for index in range(len(kept)):
        choices.origin[at + index] = origin
        choices.position[at + index] = first_position + kept[index]
        choices.rank[at + index] = index + 1


@njit(cache=True, nogil=True)
def distinct(
    choices: Choices,
    finished: Ranked,
    setups: Ranked,
    candidates: npt.NDArray[np.int64],
    standing: npt.NDArray[np.int64],
) -> Selection:
    """List each kept pattern once: finished ones by rank, then setups by rank."""
    place = np.full(len(finished.score) + len(setups.score), -1, np.int32)
    for position in choices.position:
        place[position] = 0
    count = 0
    for position in range(len(place)):
        if place[position] == 0:
            place[position] = count
            count += 1
    direction = np.empty(count, np.int8)
    status = np.empty(count, np.int8)
    pivots = np.empty((count, MAX_LEGS + 1), np.int32)
    score = np.empty(count, np.float64)
    for position in range(len(place)):
        at = place[position]
        if at < 0:
            continue
        is_finished = position < len(finished.score)
        ranked = finished if is_finished else setups
        index = position if is_finished else position - len(finished.score)
        direction[at] = ranked.direction[index]
        status[at] = CONFIRMED if is_finished else SETUP
        pivots[at] = ranked.pivots[index]
        score[at] = ranked.score[index]
    pattern = place[choices.position]
    return Selection(choices.origin, pattern, choices.rank, direction, status, pivots, score, candidates, standing)


@njit(cache=True, nogil=True)
def scan_series(
    low: Float64Array1D,
    high: Float64Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    upward: bool,
    downward: bool,
    max_skip: int,
    max_span: int,
    longest: int,
    top_n: int,
    setup_top_n: int,
    max_overlap: float,
) -> tuple[Selection, bool]:
    """Search one series and select for each of its origins.

    Args:
        low: float64 [n], dollars; NaN where there is no bar.
        high: float64 [n], dollars; NaN where `low` is and nowhere else.
        end: int32 [k], the bar as of which each origin asks, rising.
        start: int32 [k], the first bar on which p0 of its patterns may lie.
        upward: whether patterns whose first leg rises are asked for.
        downward: whether patterns whose first leg falls are asked for.
        max_skip: legs used per start at most.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        longest: bars in the longest window.
        top_n: confirmed patterns kept per origin at most.
        setup_top_n: setups kept per origin at most.
        max_overlap: as in `ScanSettings`.

    Returns:
        The selection, and whether the search came to its end; the selection is worthless where it didn't.
    """
    n = len(low)
    first = start.min()
    following = next_origins(end, n)
    up, down = view_bars(low, high)
    rising = rising_legs(up, max_span, max_skip)
    falling = rising_legs(down, max_span, max_skip)
    up_finished, up_setups = empty_records(0), empty_records(0)
    down_finished, down_setups = empty_records(0), empty_records(0)
    up_complete = down_complete = True
    if upward:
        up_finished, up_setups, up_complete = search_impulses(up, rising, falling, max_span, first, longest, following)
    if downward:
        down_finished, down_setups, down_complete = search_impulses(
            down, falling, rising, max_span, first, longest, following
        )
    counts = np.zeros((2, len(end)), np.int64)
    choices = Choices(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int16))
    finished = rank(up_finished, down_finished)
    setups = rank(up_setups, down_setups)
    if not (up_complete and down_complete):
        return distinct(choices, finished, setups, counts[0], counts[1]), False
    finished_at, finished_position = arrivals(finished.last, n)
    setups_at, setups_position = arrivals(setups.last, n)
    finished_active = np.empty((2, len(finished.score)), np.int32)
    setups_active = np.empty((2, len(setups.score)), np.int32)
    kept_finished = room_to_keep(min(top_n, len(finished.score)))
    kept_setups = room_to_keep(min(setup_top_n, len(setups.score)))
    count = 0
    known = 0
    finished_count = 0
    setups_count = 0
    for e in range(len(end)):
        old, new = e % 2, (e + 1) % 2
        arrived = np.sort(finished_position[finished_at[known] : finished_at[end[e]]])
        finished_count = advance(
            finished_active[old], finished_count, arrived, finished.until, end[e], finished_active[new]
        )
        arrived = np.sort(setups_position[setups_at[known] : setups_at[end[e]]])
        setups_count = advance(setups_active[old], setups_count, arrived, setups.until, end[e], setups_active[new])
        known = end[e]
        active = finished_active[new, :finished_count]
        candidates, confirmed = keep_best(finished, active, start[e], max_overlap, kept_finished)
        active = setups_active[new, :setups_count]
        standing, kept = keep_best(setups, active, start[e], max_overlap, kept_setups)
        counts[0, e] = candidates
        counts[1, e] = standing
        if count + confirmed + kept > len(choices.rank):
            choices = grown(choices, count, 2 * (count + confirmed + kept))
        add_kept(choices, count, e, 0, kept_finished.position[:confirmed])
        count += confirmed
        add_kept(choices, count, e, len(finished.score), kept_setups.position[:kept])
        count += kept
    return distinct(grown(choices, count, count), finished, setups, counts[0], counts[1]), True


@njit(cache=True, nogil=True)
def find_impulses(
    low: Float64Array1D, high: Float64Array1D, direction: int, max_skip: int, max_span: int
) -> tuple[Int32Array2D, bool]:
    """Pivots of every impulse of one series in one direction, sorted, and whether the search came to its end."""
    n = len(low)
    up, down = view_bars(low, high)
    rising = rising_legs(up, max_span, max_skip)
    falling = rising_legs(down, max_span, max_skip)
    never = np.full(n, n, np.int32)
    if direction == 1:
        finished, _, complete = search_impulses(up, rising, falling, max_span, 0, n, never)
    else:
        finished, _, complete = search_impulses(down, falling, rising, max_span, 0, n, never)
    return finished.pivots, complete
