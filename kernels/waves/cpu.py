"""Wave search, scoring and selection on the CPU.

A series is one piece of work: its legs are built once, its patterns searched and scored once, and each of its origins
then selects among them. Series run in a pool of threads, because the compiled code holds no lock and the results differ
in length; each series makes its own results, so the number of threads changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import CLASS_NAMES, COMPONENTS, MAX_LEGS, MAX_RULES, TARGET_SLOTS
from kernels.waves.describe import describe_lines, describe_patterns
from kernels.waves.patterns import CONFIRMED, SETUP, Patterns, Scan, ScanSettings
from kernels.waves.program import LEGS, Int32Array2D, program
from kernels.waves.search import MAX_RECORDS, MAX_VISITS
from kernels.waves.series import Selection, find_class, scan_series

DESCRIBE_BLOCK = 8192
"""Patterns described per piece of work."""

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def in_threads(work: Callable[[Piece], Result], pieces: list[Piece]) -> list[Result]:
    """Run `work` over `pieces` in as many threads as Numba may use; results in the order of `pieces`."""
    threads = min(numba.get_num_threads(), len(pieces))
    if threads <= 1:
        return [work(piece) for piece in pieces]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, pieces))


def too_many_patterns(where: str) -> InvalidInputError:
    """Say that a search gave up."""
    return InvalidInputError(
        where,
        expected=f"at most {MAX_RECORDS:,} patterns and setups, and {MAX_VISITS:,} prefixes to look at",
        got="more, as a steady sawtooth has",
        mend="lower max_span, or set max_skip",
    )


def wanted_sides(settings: ScanSettings) -> npt.NDArray[np.bool_]:
    """Which classes are asked for, upward and downward: bool [classes, 2]."""
    classes = np.array([name in settings.classes for name in CLASS_NAMES])
    directions = np.array([direction in settings.directions for direction in (1, -1)])
    wanted: npt.NDArray[np.bool_] = classes[:, None] & directions
    return wanted


def enumerate_class(
    low: Float64Array1D, high: Float64Array1D, name: str, direction: int, max_skip: int | None, max_span: int
) -> Int32Array2D:
    """Every pattern of a class; arguments as the public function has checked them."""
    n = len(low)
    index = CLASS_NAMES.index(name)
    pivots: Int32Array2D
    pivots, complete = find_class(
        program(), low, high, index, direction, n if max_skip is None else max_skip, min(max_span, n)
    )
    if not complete:
        raise too_many_patterns("the series")
    return np.ascontiguousarray(pivots[:, : program().table[index, LEGS] + 1])


class Part(NamedTuple):
    """The selection of one series.

    Attributes:
        series: its row.
        origins: int64 [k], its origins.
        offset: the bar that its pivots count from.
        selection: what its origins keep.
    """

    series: int
    origins: npt.NDArray[np.int64]
    offset: int
    selection: Selection


def select_patterns(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    settings: ScanSettings,
) -> list[Part]:
    """Search every series that an origin asks for; arguments as in `scan`."""
    asked = np.flatnonzero(start <= end)
    series = np.unique(row[asked])
    bounds = np.searchsorted(row[asked], np.append(series, len(low)))
    wanted = wanted_sides(settings)

    def work(piece: int) -> Part:
        origins = asked[bounds[piece] : bounds[piece + 1]]
        # One bar before the earliest window is the left neighbour of a p0 on the window's first bar.
        offset = max(int(start[origins].min()) - 1, 0)
        stop = int(end[origins].max()) + 1
        longest = int((end[origins] - start[origins]).max()) + 1
        selection = scan_series(
            program(),
            low[series[piece], offset:stop],
            high[series[piece], offset:stop],
            end[origins] - np.int32(offset),
            start[origins] - np.int32(offset),
            wanted,
            stop - offset if settings.max_skip is None else settings.max_skip,
            min(settings.max_span, longest),
            longest,
            settings.top_n,
            np.iinfo(np.int32).max if settings.setup_top_n is None else settings.setup_top_n,
            settings.max_overlap,
        )
        if not selection.complete:
            raise too_many_patterns(f"row {series[piece]}")
        return Part(int(series[piece]), origins, offset, selection)

    return in_threads(work, list(range(len(series))))


def shifted(bars: Int32Array2D, by: int) -> Int32Array2D:
    """Indices moved by a constant; -1 stays."""
    return np.where(bars >= 0, bars + np.int32(by), np.int32(-1))


def scan(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    settings: ScanSettings,
    reason: str,
) -> Scan:
    """Scan; arguments as the public function has checked them.

    Args:
        low: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        high: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        row: int32 [E], series of each origin.
        end: int32 [E], last bar that each origin knows.
        start: int32 [E], the first bar on which p0 may lie; after `end` where nothing is asked.
        settings: what to look for and what to keep.
        reason: why this backend.
    """
    return assemble(low, high, row, end, select_patterns(low, high, row, end, start, settings), "cpu", reason)


def assemble(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    parts: list[Part],
    backend: str,
    reason: str,
) -> Scan:
    """Put the selections of the series together and describe what is kept.

    Args:
        low: as in `scan`, and so are the next three.
        high: float64 [R, T].
        row: int32 [E].
        end: int32 [E].
        parts: the selections, by series; emptied, so that the memory is freed on the way.
        backend: where they come from.
        reason: why that backend.
    """
    candidates = np.zeros(len(row), np.int64)
    standing = np.zeros(len(row), np.int64)
    chosen_count = sum(len(part.selection.origin) for part in parts)
    count = sum(len(part.selection.score) for part in parts)
    origin, pattern = (np.empty(chosen_count, np.int32) for _ in range(2))
    ranks = np.empty(chosen_count, np.int16)
    series = np.empty(count, np.int32)
    class_index, direction, legs, status, degree = (np.empty(count, np.int8) for _ in range(5))
    pivots = np.empty((count, MAX_LEGS + 1), np.int32)
    resolution = np.empty((count, MAX_LEGS), np.int8)
    child = np.empty((count, MAX_LEGS), np.int32)
    score = np.empty(count, np.float64)
    chosen_at = distinct_at = 0
    waiting = deque(parts)
    parts.clear()
    while waiting:
        one = waiting.popleft()
        selection = one.selection
        chosen = slice(chosen_at, chosen_at + len(selection.origin))
        own = slice(distinct_at, distinct_at + len(selection.score))
        origin[chosen] = one.origins[selection.origin]
        pattern[chosen] = selection.pattern + np.int32(distinct_at)
        ranks[chosen] = selection.rank
        series[own] = one.series
        class_index[own] = selection.records.wave_class
        direction[own] = selection.records.direction
        legs[own] = selection.records.legs
        finished = selection.records.legs == program().table[selection.records.wave_class, LEGS]
        status[own] = np.where(finished, CONFIRMED, SETUP)
        degree[own] = selection.degree
        pivots[own] = shifted(selection.records.pivots, one.offset)
        resolution[own] = selection.resolution
        child[own] = shifted(selection.child, distinct_at)
        score[own] = selection.score
        candidates[one.origins] = selection.candidates
        standing[one.origins] = selection.standing
        chosen_at, distinct_at = chosen.stop, own.stop
    prices = np.empty((count, MAX_LEGS + 1), np.float64)
    components = np.empty((count, len(COMPONENTS)), np.float64)
    margins = np.empty((count, MAX_RULES), np.float64)
    targets = np.empty((count, TARGET_SLOTS - 1), np.float64)
    invalidation = np.empty(count, np.float64)
    line_target = np.empty(chosen_count, np.float64)
    known = (program(), low, high, series, class_index, direction, legs, pivots)

    ends = end[origin]

    def describe(begin: int) -> None:
        stop = min(begin + DESCRIBE_BLOCK, count)
        described = (prices, components, margins, targets, invalidation)
        describe_patterns(*known, resolution, begin, stop, *described)

    def describe_line(begin: int) -> None:
        stop = min(begin + DESCRIBE_BLOCK, chosen_count)
        describe_lines(*known, pattern, ends, begin, stop, line_target)

    in_threads(describe, list(range(0, count, DESCRIBE_BLOCK)))
    in_threads(describe_line, list(range(0, chosen_count, DESCRIBE_BLOCK)))
    patterns = Patterns(
        series=series,
        class_index=class_index,
        direction=direction,
        status=status,
        legs=legs,
        pivots=pivots,
        prices=prices,
        score=score,
        components=components,
        margins=margins,
        degree=degree,
        resolution=resolution,
        child=child,
        targets=targets,
        invalidation=invalidation,
    )
    return Scan(patterns, origin, pattern, ranks, line_target, candidates, standing, backend, reason)
