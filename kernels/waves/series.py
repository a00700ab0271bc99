"""One series on the CPU: its legs, its scored patterns, and what each of its origins keeps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.legs import all_legs, count_swings, view_bars
from kernels.waves.program import REQUIRED, Int32Array2D, Program
from kernels.waves.search import Records, Search, search_all
from kernels.waves.select import Ranked, advance, arrivals, keep_confirmed, keep_standing, rank, room_to_keep
from kernels.waves.subdivide import Subdivision, subdivide


class Searched(NamedTuple):
    """Every scored pattern and setup of a series.

    Attributes:
        records: the patterns of every class, both directions, then the setups.
        patterns: how many of the records are patterns.
        subdivision: their scores, degrees and children.
        complete: whether the search came to its end; the rest is worthless where it didn't.
    """

    records: Records
    patterns: int
    subdivision: Subdivision
    complete: bool


class Choices(NamedTuple):
    """Who keeps what, while it grows.

    Attributes:
        origin: int32 [capacity], index into the series' origins; by origin, then patterns before setups, then rank.
        record: int32 [capacity], index among the records.
        rank: int16 [capacity], from 1.
    """

    origin: Int32Array1D
    record: Int32Array1D
    rank: npt.NDArray[np.int16]


class Selection(NamedTuple):
    """What the origins of one series keep: each record once, and who keeps it.

    Attributes:
        origin, rank: as in `Choices`.
        pattern: int32 [k], index into the records below.
        records: the kept ones and their children, patterns by falling score, then setups by falling score.
        score, degree, resolution: of those records, as in `Subdivision`.
        child: int32 [p, MAX_LEGS], index into the records, -1 for none.
        candidates, standing: int64 [origins], confirmed patterns and setups before the selection.
        complete: as in `Searched`.
    """

    origin: Int32Array1D
    pattern: Int32Array1D
    rank: npt.NDArray[np.int16]
    records: Records
    score: Float64Array1D
    degree: npt.NDArray[np.int8]
    resolution: npt.NDArray[np.int8]
    child: Int32Array2D
    candidates: npt.NDArray[np.int64]
    standing: npt.NDArray[np.int64]
    complete: bool


@njit(cache=True, nogil=True)
def next_origins(end: Int32Array1D, n: int) -> Int32Array1D:
    """First of the rising bars `end` at or after each of n bars; n where there is none."""
    following = np.full(n, n, np.int32)
    for e in range(len(end)):
        following[end[e]] = end[e]
    for t in range(n - 2, -1, -1):
        following[t] = min(following[t], following[t + 1])
    return following


@njit(cache=True, nogil=True)
def search_series(
    program: Program,
    low: Float64Array1D,
    high: Float64Array1D,
    max_skip: int,
    search: Search,
) -> Searched:
    """Find and score the patterns and setups of one series.

    Args:
        program: the class table.
        low: float64 [n], dollars; NaN where there is no bar.
        high: float64 [n], dollars; NaN where `low` is and nowhere else.
        max_skip: legs used per start at most.
        search: what is looked for; subdivisions are whole only where the patterns of every class are.
    """
    up, down = view_bars(low, high)
    legs = all_legs(up, down, search.max_span, max_skip)
    records, patterns, complete = search_all(program, up, down, legs, search)
    swings = count_swings(low, high)
    return Searched(records, patterns, subdivide(program, up, legs, swings, records, patterns), complete)


@njit(cache=True, nogil=True)
def grown(choices: Choices, count: int, capacity: int) -> Choices:
    """The first `count` choices, with room for `capacity`."""
    larger = Choices(np.empty(capacity, np.int32), np.empty(capacity, np.int32), np.empty(capacity, np.int16))
    larger.origin[:count] = choices.origin[:count]
    larger.record[:count] = choices.record[:count]
    larger.rank[:count] = choices.rank[:count]
    return larger


@njit(cache=True, nogil=True)
def add_kept(choices: Choices, at: int, origin: int, ranked: Ranked, kept: Int32Array1D) -> None:
    """Write what an origin keeps of one status from place `at` on."""
    for index in range(len(kept)):
        choices.origin[at + index] = origin
        choices.record[at + index] = ranked.record[kept[index]]
        choices.rank[at + index] = index + 1


@njit(cache=True, nogil=True)
def kept_order(searched: Searched, choices: Choices) -> Int32Array1D:
    """The kept records and all their descendants: patterns by falling score, then setups by falling score."""
    is_kept = np.zeros(len(searched.subdivision.score), np.bool_)
    waiting = np.empty(len(is_kept), np.int32)
    count = 0
    for record in choices.record:
        if not is_kept[record]:
            is_kept[record] = True
            waiting[count] = record
            count += 1
    done = 0
    while done < count:
        for child in searched.subdivision.child[waiting[done]]:
            if child >= 0 and not is_kept[child]:
                is_kept[child] = True
                waiting[count] = child
                count += 1
        done += 1
    record = np.sort(waiting[:count])
    split = np.searchsorted(record, searched.patterns)
    falling = -searched.subdivision.score[record]
    first = np.argsort(falling[:split], kind="mergesort")
    second = np.argsort(falling[split:], kind="mergesort") + split
    return record[np.concatenate((first, second))]


@njit(cache=True, nogil=True)
def distinct(
    searched: Searched, choices: Choices, candidates: npt.NDArray[np.int64], standing: npt.NDArray[np.int64]
) -> Selection:
    """List each kept record once."""
    order = kept_order(searched, choices)
    place = np.full(len(searched.subdivision.score) + 1, -1, np.int32)
    for index in range(len(order)):
        place[order[index]] = index
    child = np.empty((len(order), searched.subdivision.child.shape[1]), np.int32)
    for index in range(len(order)):
        for wave in range(child.shape[1]):
            child[index, wave] = place[searched.subdivision.child[order[index], wave]]
    records, subdivision = searched.records, searched.subdivision
    return Selection(
        choices.origin,
        place[choices.record],
        choices.rank,
        Records(
            records.wave_class[order],
            records.direction[order],
            records.legs[order],
            records.pivots[order],
            records.leg[order],
            records.until[order],
        ),
        subdivision.score[order],
        subdivision.degree[order],
        subdivision.resolution[order],
        child,
        candidates,
        standing,
        searched.complete,
    )


@njit(cache=True, nogil=True)
def scan_series(
    program: Program,
    low: Float64Array1D,
    high: Float64Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    wanted: npt.NDArray[np.bool_],
    max_skip: int,
    max_span: int,
    longest: int,
    top_n: int,
    setup_top_n: int,
    max_overlap: float,
) -> Selection:
    """Search one series and select for each of its origins.

    Args:
        program: the class table.
        low: float64 [n], dollars; NaN where there is no bar.
        high: float64 [n], dollars; NaN where `low` is and nowhere else.
        end: int32 [k], the bar as of which each origin asks, rising.
        start: int32 [k], the first bar on which p0 of its patterns may lie.
        wanted: bool [classes, 2], whether the upward (0) and the downward (1) patterns of a class are asked for.
        max_skip: legs used per start at most.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        longest: bars in the longest window.
        top_n: confirmed patterns kept per origin at most.
        setup_top_n: setups kept per origin at most.
        max_overlap: as in `ScanSettings`.
    """
    n = len(low)
    # Patterns are found whether asked for or not, because they resolve the legs of others.
    every = np.ones(wanted.shape, np.bool_)
    search = Search(max_span, int(start.min()), longest, next_origins(end, n), every, wanted)
    searched = search_series(program, low, high, max_skip, search)
    score = searched.subdivision.score
    finished = rank(searched.records, score, 0, searched.patterns, wanted)
    setups = rank(searched.records, score, searched.patterns, len(score), wanted)
    counts = np.zeros((2, len(end)), np.int64)
    choices = Choices(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int16))
    finished_at, finished_position = arrivals(finished.last, n)
    setups_at, setups_position = arrivals(setups.last, n)
    setups_active = np.empty((2, len(setups.last)), np.int32)
    kept_finished = room_to_keep(min(top_n, len(finished.last)), wanted.size)
    kept_setups = room_to_keep(min(setup_top_n, len(setups.last)), wanted.size)
    confirmed_by_start = np.zeros(n, np.int64)
    count = 0
    known = 0
    setups_count = 0
    for e in range(len(end)):
        for position in finished_position[finished_at[known] : finished_at[end[e]]]:
            confirmed_by_start[finished.first[position]] += 1
        arrived = np.sort(setups_position[setups_at[known] : setups_at[end[e]]])
        old, new = e % 2, (e + 1) % 2
        setups_count = advance(setups_active[old], setups_count, arrived, setups.until, end[e], setups_active[new])
        known = end[e]
        counts[0, e] = confirmed_by_start[start[e] :].sum()
        confirmed = keep_confirmed(finished, start[e], end[e], max_overlap, kept_finished)
        active = setups_active[new, :setups_count]
        counts[1, e], kept = keep_standing(setups, active, start[e], max_overlap, kept_setups)
        if count + confirmed + kept > len(choices.rank):
            choices = grown(choices, count, 2 * (count + confirmed + kept))
        add_kept(choices, count, e, finished, kept_finished.position[:confirmed])
        count += confirmed
        add_kept(choices, count, e, setups, kept_setups.position[:kept])
        count += kept
    return distinct(searched, grown(choices, count, count), counts[0], counts[1])


@njit(cache=True, nogil=True)
def find_class(
    program: Program,
    low: Float64Array1D,
    high: Float64Array1D,
    wave_class: int,
    direction: int,
    max_skip: int,
    max_span: int,
) -> tuple[Int32Array2D, bool]:
    """Pivots of every pattern of one class and direction, sorted, and whether the search came to its end."""
    n = len(low)
    never = np.full(n, n, np.int32)
    none = np.zeros((len(program.table), 2), np.bool_)
    chosen = none.copy()
    if program.table[wave_class, REQUIRED] != 0:
        chosen[:] = True
        searched = search_series(program, low, high, max_skip, Search(max_span, 0, n, never, chosen, none))
        records = searched.records
        own = (records.wave_class == wave_class) & (records.direction == direction)
        return records.pivots[own & ~np.isnan(searched.subdivision.score)], searched.complete
    chosen[wave_class, (1 - direction) // 2] = True
    up, down = view_bars(low, high)
    legs = all_legs(up, down, max_span, max_skip)
    search = Search(max_span, 0, n, never, chosen, none)
    records, _, complete = search_all(program, up, down, legs, search)
    return records.pivots, complete
