"""Wave search, scoring and selection on the CPU.

A series is one piece of work: its legs are built once, its patterns searched and scored once, and each of its origins
then selects among them. Series run in a pool of threads, because the compiled code holds no lock and the results differ
in length; each series makes its own results, so the number of threads changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import COMPONENTS, MARGINS, MAX_LEGS, TARGET_SLOTS
from kernels.waves.describe import describe_patterns, write_channel_targets
from kernels.waves.patterns import Patterns, ScanSettings, Selected
from kernels.waves.search import MAX_RECORDS, Int32Array2D
from kernels.waves.series import Selection, find_impulses, scan_series

DESCRIBE_BLOCK = 8192
"""Patterns described per piece of work."""

FINDERS = {"impulse": find_impulses}
"""The search that lists the patterns of each class."""

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
        expected=f"at most {MAX_RECORDS:,} patterns and setups per direction",
        got="more, as a steady sawtooth has",
        mend="lower max_span, or set max_skip",
    )


def enumerate_class(
    low: Float64Array1D, high: Float64Array1D, name: str, direction: int, max_skip: int | None, max_span: int
) -> Int32Array2D:
    """Every pattern of a class; arguments as the public function has checked them."""
    n = len(low)
    pivots: Int32Array2D
    pivots, complete = FINDERS[name](low, high, direction, n if max_skip is None else max_skip, min(max_span, n))
    if not complete:
        raise too_many_patterns("the series")
    return pivots


def select_patterns(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    asked: npt.NDArray[np.int64],
    settings: ScanSettings,
) -> list[tuple[npt.NDArray[np.int64], int, Selection]]:
    """Search every series that an origin asks for.

    Returns:
        Per series: the indices of its origins, the bar its pivots count from, and its selection.
    """
    series = np.unique(row[asked])
    bounds = np.searchsorted(row[asked], np.append(series, len(low)))

    def work(piece: int) -> tuple[npt.NDArray[np.int64], int, Selection]:
        origins = asked[bounds[piece] : bounds[piece + 1]]
        # One bar before the earliest window is the left neighbour of a p0 on the window's first bar.
        offset = max(int(start[origins].min()) - 1, 0)
        stop = int(end[origins].max()) + 1
        longest = int((end[origins] - start[origins]).max()) + 1
        selection, complete = scan_series(
            low[series[piece], offset:stop],
            high[series[piece], offset:stop],
            end[origins] - np.int32(offset),
            start[origins] - np.int32(offset),
            1 in settings.directions,
            -1 in settings.directions,
            stop - offset if settings.max_skip is None else settings.max_skip,
            min(settings.max_span, longest),
            longest,
            settings.top_n,
            np.iinfo(np.int32).max if settings.setup_top_n is None else settings.setup_top_n,
            settings.max_overlap,
        )
        if not complete:
            raise too_many_patterns(f"row {series[piece]}")
        return origins, offset, selection

    return in_threads(work, list(range(len(series))))


def scan(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    settings: ScanSettings,
    reason: str,
) -> Selected:
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
    asked = np.flatnonzero(start <= end)
    parts = deque(select_patterns(low, high, row, end, start, asked, settings))
    candidates = np.zeros(len(row), np.int64)
    standing = np.zeros(len(row), np.int64)
    count = sum(len(selection.origin) for _, _, selection in parts)
    origin = np.empty(count, np.int32)
    pattern = np.empty(count, np.int32)
    ranks = np.empty(count, np.int16)
    count = sum(len(selection.score) for _, _, selection in parts)
    direction = np.empty(count, np.int8)
    status = np.empty(count, np.int8)
    pivots = np.empty((count, MAX_LEGS + 1), np.int32)
    score = np.empty(count, np.float64)
    first = np.empty(count, np.int64)
    chosen_at = distinct_at = 0
    while parts:
        origins, offset, selection = parts.popleft()
        chosen = slice(chosen_at, chosen_at + len(selection.origin))
        part = slice(distinct_at, distinct_at + len(selection.score))
        origin[chosen] = origins[selection.origin]
        pattern[chosen] = selection.pattern + np.int32(distinct_at)
        ranks[chosen] = selection.rank
        first[part] = np.unique(selection.pattern, return_index=True)[1] + chosen_at
        direction[part] = selection.direction
        status[part] = selection.status
        pivots[part] = np.where(selection.pivots >= 0, selection.pivots + np.int32(offset), np.int32(-1))
        score[part] = selection.score
        candidates[origins] = selection.candidates
        standing[origins] = selection.standing
        chosen_at, distinct_at = chosen.stop, part.stop
    legs = ((pivots >= 0).sum(axis=1) - 1).astype(np.int8)
    prices = np.empty((count, MAX_LEGS + 1), np.float64)
    components = np.empty((count, len(COMPONENTS)), np.float64)
    margins = np.empty((count, len(MARGINS)), np.float64)
    targets = np.empty((count, TARGET_SLOTS), np.float64)
    invalidation = np.empty(count, np.float64)
    channel_target = np.empty(len(origin), np.float64)
    first_origin = origin[first]

    def describe(begin: int) -> None:
        stop = min(begin + DESCRIBE_BLOCK, count)
        described = (prices, components, margins, targets, invalidation)
        describe_patterns(low, high, row, end, first_origin, direction, legs, pivots, begin, stop, *described)

    def describe_channels(begin: int) -> None:
        stop = min(begin + DESCRIBE_BLOCK, len(origin))
        chosen = (origin, pattern, direction, legs, pivots)
        write_channel_targets(low, high, row, end, *chosen, begin, stop, channel_target)

    in_threads(describe, list(range(0, count, DESCRIBE_BLOCK)))
    in_threads(describe_channels, list(range(0, len(origin), DESCRIBE_BLOCK)))
    distinct = Patterns(
        origin=first_origin,
        class_index=np.zeros(count, np.int8),
        direction=direction,
        status=status,
        legs=legs,
        pivots=pivots,
        prices=prices,
        score=score,
        components=components,
        margins=margins,
        targets=targets,
        invalidation=invalidation,
        rank=ranks[first],
        candidates=candidates,
        standing=standing,
        backend="cpu",
        reason=reason,
    )
    return Selected(distinct, origin, pattern, ranks, channel_target)
