"""Search, setups and subdivision of one series in plain Python, written straight from this folder's README."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernels.panel import Float64Array1D
from kernels.waves.classes import CLASS_NAMES, CLASSES, LegKinds, WaveClass
from kernels.waves.naive_patterns import (
    Shape,
    all_hold,
    newest_hold,
    none_broken_for_good,
    score_of,
    setup_of,
)
from kernels.waves.patterns import CONFIRMED, NOT_RESOLVED, RESOLVED, SETUP, UNRESOLVED, ScanSettings

DIRECTIONS = (1, -1)


@dataclass(frozen=True)
class Found:
    """A scored pattern or setup.

    Attributes:
        name: its class.
        direction: 1 or -1.
        pivots: bars.
        resolution: per leg `RESOLVED`, `NOT_RESOLVED` or `UNRESOLVED`.
        children: per leg the pattern that resolves it, None without one.
        leading: whether it is a diagonal that can't be an ending one.
        score: in [0, 1].
    """

    name: str
    direction: int
    pivots: tuple[int, ...]
    resolution: tuple[int, ...]
    children: tuple[Found | None, ...]
    leading: bool
    score: float

    @property
    def wave(self) -> WaveClass:
        """What is known about its class."""
        return CLASSES[self.name]

    @property
    def status(self) -> int:
        """`CONFIRMED`, or `SETUP` where legs are missing."""
        return CONFIRMED if len(self.resolution) == len(self.wave.legs) else SETUP

    @property
    def degree(self) -> int:
        """0 without children, else 1 + the largest child's."""
        return max((1 + child.degree for child in self.children if child is not None), default=0)

    @property
    def rank(self) -> tuple[float, int, int, tuple[int, ...]]:
        """Sorts the best first."""
        return -self.score, CLASS_NAMES.index(self.name), -self.direction, self.pivots

    def descendants(self) -> Iterator[Found]:
        """Itself, its children, their children, and so on."""
        yield self
        for child in self.children:
            if child is not None:
                yield from child.descendants()


def prices_of(low: Sequence[float], high: Sequence[float], pivots: tuple[int, ...], direction: int) -> list[float]:
    """Prices of the pivots, in dollars: the low at lows, the high at highs."""
    return [low[bar] if (pivot % 2 == 0) == (direction == 1) else high[bar] for pivot, bar in enumerate(pivots)]


def shape_of(pivots: tuple[int, ...], direction: int, prices: list[float]) -> Shape:
    """The pivots with their oriented log prices."""
    return Shape(pivots, tuple(direction * math.log(price) for price in prices))


class Series:
    """Bars of one series with the limits of a search in it; a missing bar is NaN.

    Args:
        low: float64 [n], dollars.
        high: float64 [n], dollars.
        max_skip: legs from one start that may be used; None for all.
        max_span: upper limit of p_last - p0, exclusive, in bars.
    """

    def __init__(self, low: Float64Array1D, high: Float64Array1D, max_skip: int | None, max_span: int) -> None:
        self.low: list[float] = low.tolist()
        self.high: list[float] = high.tolist()
        self.max_skip = max_skip
        self.max_span = max_span
        self._legs = {rising: self.legs(rising=rising) for rising in (True, False)}
        self._paths: dict[tuple[str, int], list[list[tuple[int, ...]]]] = {}
        self._spanning: dict[tuple[int, int, int], list[Found]] = defaultdict(list)

    def is_swing_low(self, t: int) -> bool:
        """Whether bar t is a swing low; every comparison with a missing bar is false."""
        return 0 < t < len(self.low) - 1 and self.low[t] < self.low[t - 1] and self.low[t] <= self.low[t + 1]

    def is_swing_high(self, t: int) -> bool:
        """Whether bar t is a swing high; every comparison with a missing bar is false."""
        return 0 < t < len(self.high) - 1 and self.high[t] > self.high[t - 1] and self.high[t] >= self.high[t + 1]

    def is_leg(self, s: int, e: int, *, rising: bool) -> bool:
        """Whether s -> e is a leg."""
        low, high = self.low, self.high
        if rising:
            return (
                self.is_swing_low(s)
                and self.is_swing_high(e)
                and all(low[u] >= low[s] for u in range(s + 1, e + 1))
                and all(high[u] < high[e] for u in range(s, e))
            )
        return (
            self.is_swing_high(s)
            and self.is_swing_low(e)
            and all(high[u] <= high[s] for u in range(s + 1, e + 1))
            and all(low[u] > low[e] for u in range(s, e))
        )

    def legs(self, *, rising: bool) -> dict[int, list[int]]:
        """Ends of the legs from every bar, those that `max_skip` allows."""
        n = len(self.low)
        return {s: [e for e in range(s + 1, n) if self.is_leg(s, e, rising=rising)][: self.max_skip] for s in range(n)}

    def shape(self, pivots: tuple[int, ...], direction: int) -> Shape:
        """The pivots with their oriented log prices."""
        return shape_of(pivots, direction, prices_of(self.low, self.high, pivots, direction))

    def paths(self, name: str, direction: int) -> list[list[tuple[int, ...]]]:
        """The paths of 0, 1, 2, ... legs whose hard rules hold as far as they can be decided, each list sorted."""
        if (name, direction) in self._paths:
            return self._paths[name, direction]
        wave = CLASSES[name]
        paths: list[list[tuple[int, ...]]] = [[(bar,) for bar in range(len(self.low))]]
        for leg in range(1, len(wave.legs) + 1):
            ends = self._legs[(leg % 2 == 1) == (direction == 1)]
            longer = [(*path, end) for path in paths[-1] for end in ends[path[-1]] if end - path[0] < self.max_span]
            paths.append([path for path in longer if newest_hold(wave, self.shape(path, direction))])
        self._paths[name, direction] = paths
        return paths

    def inner_swings(self, s: int, e: int) -> int:
        """Swings strictly between two bars; a bar that is both counts twice."""
        return sum(self.is_swing_low(t) + self.is_swing_high(t) for t in range(s + 1, e))

    def child_of(self, names: tuple[str, ...], s: int, e: int, direction: int, *, ending: bool) -> Found | None:
        """The best known pattern of some classes that spans s .. e in a direction."""
        fitting = [
            found for found in self._spanning[s, e, direction] if found.name in names and not (ending and found.leading)
        ]
        return min(fitting, key=lambda found: found.rank, default=None)

    def subdivided(self, name: str, pivots: tuple[int, ...], direction: int) -> Found:
        """A pattern or setup with its children, which are known already, and its score."""
        resolution, children, leading = [], [], False
        for leg, kinds in zip(range(1, len(pivots)), CLASSES[name].legs, strict=False):
            span = (pivots[leg - 1], pivots[leg], direction if leg % 2 == 1 else -direction)
            child = self.child_of(kinds.classes, *span, ending=kinds.position == "ending")
            if child is None and kinds.leading:
                child = self.child_of(kinds.leading, *span, ending=False)
                leading = leading or child is not None
            children.append(child)
            if child is not None:
                resolution.append(RESOLVED)
            elif self.inner_swings(*span[:2]) < fewest_swings(kinds):
                resolution.append(UNRESOLVED)
            else:
                resolution.append(NOT_RESOLVED)
        score = score_of(CLASSES[name], self.shape(pivots, direction), tuple(resolution))
        return Found(name, direction, pivots, tuple(resolution), tuple(children), leading, score)

    def required_resolve(self, found: Found, name: str) -> bool:
        """Whether a pattern's legs resolve that the class `name` can't do without."""
        as_other = found if found.name == name else self.subdivided(name, found.pivots, found.direction)
        return all(as_other.resolution[leg - 1] == RESOLVED for leg in CLASSES[name].required)

    def is_of_class(self, found: Found) -> bool:
        """Whether a pattern whose hard rules hold is one of its class by its subdivision too."""
        if not self.required_resolve(found, found.name):
            return False
        other = found.wave.excludes
        if not other:
            return True
        shape = self.shape(found.pivots, found.direction)
        return not (all_hold(CLASSES[other], shape) and self.required_resolve(found, other))

    def patterns(self) -> list[Found]:
        """Every pattern of every class, both directions; the short ones first, because they resolve the long ones."""
        complete = [
            (name, pivots, direction)
            for name in CLASS_NAMES
            for direction in DIRECTIONS
            for pivots in self.paths(name, direction)[-1]
        ]
        patterns = []
        for name, pivots, direction in sorted(complete, key=lambda one: one[1][-1] - one[1][0]):
            found = self.subdivided(name, pivots, direction)
            if self.is_of_class(found):
                patterns.append(found)
                self._spanning[pivots[0], pivots[-1], direction].append(found)
        return patterns

    def stands(self, name: str, pivots: tuple[int, ...], direction: int, end: int) -> bool:
        """Whether a prefix whose hard rules hold so far is a setup as of bar `end`."""
        last = pivots[-1]
        if last >= end or end - pivots[0] >= self.max_span:
            return False
        low, high = self.low[last : end + 1], self.high[last : end + 1]
        if any(math.isnan(price) for price in low):
            return False
        at_low = (len(pivots) % 2 == 1) == (direction == 1)
        passed = min(low) < low[0] if at_low else max(high) > high[0]
        so_far = direction * math.log(max(high) if at_low else min(low))
        under_way = self.shape(pivots, direction).with_pivot(end, so_far)
        return not passed and none_broken_for_good(CLASSES[name], under_way)

    def setups(self, settings: ScanSettings, end: int) -> list[Found]:
        """Every setup that is asked for and stands as of bar `end`; the patterns are known already."""
        return [
            self.subdivided(name, pivots, direction)
            for name in settings.classes
            for direction in settings.directions
            for legs, paths in enumerate(self.paths(name, direction))
            if setup_of(CLASSES[name], legs) is not None
            for pivots in paths
            if self.stands(name, pivots, direction, end)
        ]


def fewest_swings(kinds: LegKinds) -> int:
    """Inner swings that a leg's smallest child needs."""
    return min(len(CLASSES[name].legs) for name in (*kinds.classes, *kinds.leading)) - 1
