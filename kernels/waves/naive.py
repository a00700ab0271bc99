"""The oracle: what the fast versions must answer, in plain Python written straight from this folder's README.

It imports nothing of the fast versions, and it is slow: every origin is answered alone, from the bars that it may see.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import CLASS_NAMES, CLASSES, COMPONENTS, MAX_LEGS, MAX_RULES, TARGET_SLOTS
from kernels.waves.naive_patterns import (
    components_of,
    invalidation_of,
    line_target_of,
    margin_of,
    setup_of,
    targets_of,
)
from kernels.waves.naive_series import Found, Series, prices_of, shape_of
from kernels.waves.patterns import NO_LEG, Patterns, Scan, ScanSettings


def overlaps(one: Found, other: Found, max_overlap: float) -> bool:
    """Whether two spans of bars, both ends included, share more than `max_overlap` of their union."""
    spans = [range(found.pivots[0], found.pivots[-1] + 1) for found in (one, other)]
    shared = max(0, min(span.stop for span in spans) - max(span.start for span in spans))
    return shared > max_overlap * (len(spans[0]) + len(spans[1]) - shared)


def select(candidates: list[Found], limit: int | None, max_overlap: float) -> list[Found]:
    """The best ones that overlap no better kept one of their class and direction too much."""
    kept: list[Found] = []
    for one in sorted(candidates, key=lambda found: found.rank):
        rivals = [other for other in kept if (other.name, other.direction) == (one.name, one.direction)]
        if len(kept) != limit and not any(overlaps(one, rival, max_overlap) for rival in rivals):
            kept.append(one)
    return kept


def enumerate_class(
    low: Float64Array1D, high: Float64Array1D, name: str, direction: int, max_skip: int | None, max_span: int
) -> npt.NDArray[np.int32]:
    """Every pattern of a class; arguments as the public function has checked them."""
    series = Series(low, high, max_skip, max_span)
    if CLASSES[name].required:
        own = [found for found in series.patterns() if (found.name, found.direction) == (name, direction)]
        found = sorted(one.pivots for one in own)
    else:
        found = sorted(series.paths(name, direction)[-1])
    return np.array(found, np.int32).reshape(len(found), len(CLASSES[name].legs) + 1)


def scan(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    settings: ScanSettings,
    reason: str,
) -> Scan:
    """Scan; arguments as in `cpu.scan`."""
    candidates, standing = np.zeros(len(row), np.int64), np.zeros(len(row), np.int64)
    choices: list[tuple[int, int, Found, float]] = []
    distinct: set[tuple[int, Found]] = set()
    for origin in range(len(row)):
        first, last, its_row = int(start[origin]), int(end[origin]), int(row[origin])
        if first > last:
            continue
        series = Series(
            seen(low[its_row], first, last), seen(high[its_row], first, last), settings.max_skip, settings.max_span
        )
        finished = [
            found
            for found in series.patterns()
            if found.name in settings.classes and found.direction in settings.directions and found.pivots[0] >= first
        ]
        setups = [found for found in series.setups(settings, last) if found.pivots[0] >= first]
        candidates[origin], standing[origin] = len(finished), len(setups)
        for every, limit in ((finished, settings.top_n), (setups, settings.setup_top_n)):
            for rank, found in enumerate(select(every, limit, settings.max_overlap), start=1):
                choices.append((origin, rank, found, line_of(found, series, last)))
                distinct.update((its_row, descendant) for descendant in found.descendants())
    listed = sorted(distinct, key=lambda entry: (entry[0], entry[1].status, entry[1].rank))
    place = {entry: index for index, entry in enumerate(listed)}
    return Scan(
        patterns=described(listed, low, high),
        origin=np.array([origin for origin, _, _, _ in choices], np.int32),
        pattern=np.array([place[int(row[origin]), found] for origin, _, found, _ in choices], np.int32),
        rank=np.array([rank for _, rank, _, _ in choices], np.int16),
        line_target=np.array([line for _, _, _, line in choices], np.float64),
        candidates=candidates,
        standing=standing,
        backend="naive",
        reason=reason,
    )


def seen(prices: Float64Array1D, first: int, last: int) -> Float64Array1D:
    """What an origin sees: the bars of its window and the one before it; all others are missing to it."""
    bars = np.arange(len(prices))
    return np.where((bars >= first - 1) & (bars <= last), prices, np.nan)


def line_of(found: Found, series: Series, end: int) -> float:
    """The line target of a setup at bar `end`; NaN where there is none."""
    setup = setup_of(found.wave, len(found.resolution))
    if setup is None:
        return math.nan
    return line_target_of(found.wave, setup, found.direction, series.shape(found.pivots, found.direction), end)


def described(listed: list[tuple[int, Found]], low: Float64Array2D, high: Float64Array2D) -> Patterns:
    """The patterns as arrays.

    Args:
        listed: row and pattern, in the order of the result.
        low: float64 [R, T], dollars.
        high: float64 [R, T], dollars.
    """
    count = len(listed)
    place = {entry: index for index, entry in enumerate(listed)}
    patterns = Patterns(
        series=np.array([row for row, _ in listed], np.int32),
        class_index=np.array([CLASS_NAMES.index(found.name) for _, found in listed], np.int8),
        direction=np.array([found.direction for _, found in listed], np.int8),
        status=np.array([found.status for _, found in listed], np.int8),
        legs=np.array([len(found.resolution) for _, found in listed], np.int8),
        pivots=np.full((count, MAX_LEGS + 1), -1, np.int32),
        prices=np.full((count, MAX_LEGS + 1), np.nan),
        score=np.array([found.score for _, found in listed], np.float64),
        components=np.full((count, len(COMPONENTS)), np.nan),
        margins=np.full((count, MAX_RULES), np.nan),
        degree=np.array([found.degree for _, found in listed], np.int8),
        resolution=np.full((count, MAX_LEGS), NO_LEG, np.int8),
        child=np.full((count, MAX_LEGS), -1, np.int32),
        targets=np.full((count, TARGET_SLOTS - 1), np.nan),
        invalidation=np.full(count, np.nan),
    )
    for index, (row, found) in enumerate(listed):
        prices = prices_of(low[row].tolist(), high[row].tolist(), found.pivots, found.direction)
        shape = shape_of(found.pivots, found.direction, prices)
        components = components_of(found.wave, shape, found.resolution)
        patterns.pivots[index, : shape.legs + 1] = found.pivots
        patterns.prices[index, : shape.legs + 1] = prices
        patterns.components[index] = [components[name] for name in COMPONENTS]
        patterns.margins[index, : len(found.wave.rules)] = [margin_of(rule, shape) for rule in found.wave.rules]
        patterns.resolution[index, : shape.legs] = found.resolution
        patterns.child[index, : shape.legs] = [-1 if child is None else place[row, child] for child in found.children]
        setup = setup_of(found.wave, shape.legs)
        if setup is not None:
            patterns.targets[index, : len(setup.targets)] = targets_of(found.wave, setup, found.direction, shape)
            patterns.invalidation[index] = invalidation_of(setup, found.direction, shape, prices)
    return patterns
