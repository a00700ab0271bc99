"""The wave scan in plain Python and NumPy, written straight from the definitions in the README.

Slow and independent of the fast files: legs by testing every pair of bars, patterns by joining legs, scores by their
formulas, and for every origin a scan of its own that sees only the bars it may know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import (
    CHANNEL_WIDTH,
    COMPONENTS,
    GOLDEN_RATIO,
    HALF_MARGIN,
    IMPULSE,
    LOG_GOLDEN_RATIO,
    MARGINS,
    MAX_LEGS,
    RATIO_WIDTH,
    TARGET_SLOTS,
)
from kernels.waves.patterns import CONFIRMED, SETUP, Patterns, ScanSettings, Selected, collapsed


@dataclass(frozen=True)
class Series:
    """Bars of one series, 0 .. n - 1, with the limits of a search in it."""

    low: Float64Array1D
    high: Float64Array1D
    max_skip: int | None
    max_span: int

    def is_swing_low(self, t: int) -> bool:
        """Whether bar t is a swing low."""
        return 0 < t < len(self.low) - 1 and bool(self.low[t] < self.low[t - 1] and self.low[t] <= self.low[t + 1])

    def is_swing_high(self, t: int) -> bool:
        """Whether bar t is a swing high."""
        return 0 < t < len(self.high) - 1 and bool(self.high[t] > self.high[t - 1] and self.high[t] >= self.high[t + 1])

    def is_leg(self, s: int, e: int, *, rising: bool) -> bool:
        """Whether s -> e is a leg; comparisons with a missing bar are false, so no leg crosses one."""
        low, high = self.low, self.high
        if rising:
            return (
                self.is_swing_low(s)
                and self.is_swing_high(e)
                and bool(np.all(low[s + 1 : e + 1] >= low[s]) and np.all(high[s:e] < high[e]))
            )
        return (
            self.is_swing_high(s)
            and self.is_swing_low(e)
            and bool(np.all(high[s + 1 : e + 1] <= high[s]) and np.all(low[s:e] > low[e]))
        )

    def legs(self, *, rising: bool) -> dict[int, list[int]]:
        """Ends of the legs from every bar, at most `max_skip` per bar."""
        n = len(self.low)
        return {
            s: [e for e in range(s + 1, min(s + self.max_span, n)) if self.is_leg(s, e, rising=rising)][: self.max_skip]
            for s in range(n)
        }

    def price(self, pivot: int, bar: int, direction: int) -> float:
        """Price of a pivot: the low at lows, the high at highs."""
        return float(self.low[bar] if (pivot % 2 == 0) == (direction == 1) else self.high[bar])

    def oriented(self, pivots: tuple[int, ...], direction: int) -> list[float]:
        """Oriented log prices of the pivots."""
        return [direction * math.log(self.price(i, bar, direction)) for i, bar in enumerate(pivots)]

    def impulses(self, direction: int) -> dict[int, list[tuple[int, ...]]]:
        """Every path of 2, 3, 4 and 5 legs whose hard rules hold, sorted, by its number of legs."""
        n = len(self.low)
        legs = {True: self.legs(rising=True), False: self.legs(rising=False)}
        paths: dict[int, list[tuple[int, ...]]] = {0: [(bar,) for bar in range(n)]}
        for wave in range(1, IMPULSE.legs + 1):
            rising = (wave % 2 == 1) == (direction == 1)
            longer = [(*path, e) for path in paths[wave - 1] for e in legs[rising][path[-1]]]
            paths[wave] = [
                path
                for path in longer
                if path[-1] - path[0] < self.max_span and hard_rules_hold(self.oriented(path, direction))
            ]
        return {wave: sorted(paths[wave]) for wave in range(2, IMPULSE.legs + 1)}

    def stands(self, pivots: tuple[int, ...], direction: int) -> bool:
        """Whether a prefix is a setup as of the last bar."""
        legs, last, end = len(pivots) - 1, pivots[-1], len(self.low) - 1
        after = slice(last + 1, end + 1)
        if last >= end or end - pivots[0] >= self.max_span or bool(np.isnan(self.low[after]).any()):
            return False
        if (legs % 2 == 0) == (direction == 1):
            beaten = bool(np.any(self.low[after] < self.low[last]))
            extreme = float(self.high[last : end + 1].max())
        else:
            beaten = bool(np.any(self.high[after] > self.high[last]))
            extreme = float(self.low[last : end + 1].min())
        if beaten:
            return False
        x = self.oriented(pivots, direction)
        so_far = direction * math.log(extreme)
        if legs == 3:
            return so_far > x[1]
        if legs == 4:
            return not (x[3] - x[2] < x[1] - x[0] and x[3] - x[2] < so_far - x[4])
        return True


def hard_rules_hold(x: list[float]) -> bool:
    """Whether the hard rules of an impulse hold as far as its pivots go."""
    length = [0.0] + [abs(b - a) for a, b in pairwise(x)]
    return (
        (len(x) < 3 or x[2] > x[0])
        and (len(x) < 4 or x[3] > x[1])
        and (len(x) < 5 or x[4] > x[1])
        and (len(x) < 6 or (x[5] > x[3] and not (length[3] < length[1] and length[3] < length[5])))
    )


def log_of_length(length: float) -> float:
    """Natural log of a log length, finite for a length of 0."""
    return math.log(max(length, 1e-300))


def fibonacci_of(x: list[float]) -> float:
    """Mean closeness of the guideline ratios whose waves are there."""
    lengths = {f"l{i}": abs(x[i] - x[i - 1]) for i in range(1, len(x))}
    if len(x) > 3:
        lengths["x3-x0"] = x[3] - x[0]
    extended = len(x) > 5 and lengths["l3"] >= GOLDEN_RATIO * lengths["l1"] and lengths["l3"] > lengths["l5"]
    total, count = 0.0, 0
    for ratio in IMPULSE.ratios:
        numerator, denominator = ratio.name.split("/")
        if numerator not in lengths:
            continue
        log_ratio = log_of_length(lengths[numerator]) - log_of_length(lengths[denominator])
        targets = ratio.extended_targets if extended and ratio.extended_targets else ratio.targets
        distances = [abs(log_ratio - math.log(target)) / RATIO_WIDTH for target in targets]
        total += max(math.exp(-0.5 * z * z) for z in distances)
        count += 1
    return total / count


def margins_of(x: list[float]) -> dict[str, float]:
    """Relative margins of the hard rules whose waves are there."""
    margins = {"wave_2_above_start": (x[2] - x[0]) / (x[1] - x[0])}
    if len(x) > 3:
        margins["wave_3_beyond_wave_1"] = (x[3] - x[1]) / (x[3] - x[2])
    if len(x) > 4:
        margins["wave_4_above_wave_1"] = (x[4] - x[1]) / (x[3] - x[1])
    if len(x) > 5:
        margins["wave_5_beyond_wave_3"] = (x[5] - x[3]) / (x[5] - x[4])
        margins["wave_3_not_shortest"] = 1.0 - min(x[1] - x[0], x[5] - x[4]) / (x[3] - x[2])
    return margins


def components_of(x: list[float], pivots: tuple[int, ...]) -> dict[str, float]:
    """Components of the score that the waves allow."""
    legs = len(pivots) - 1
    length = [0.0] + [abs(x[i] - x[i - 1]) for i in range(1, legs + 1)]
    bars = [0] + [pivots[i] - pivots[i - 1] for i in range(1, legs + 1)]
    components = {"fibonacci": fibonacci_of(x)}
    if legs >= 4:
        log_depth_2 = log_of_length(length[2]) - log_of_length(length[1])
        log_depth_4 = log_of_length(length[4]) - log_of_length(length[3])
        difference = max(abs(log_depth_2 - log_depth_4), abs(math.log(bars[2] / bars[4])))
        components["alternation"] = 1.0 - math.exp(-difference / LOG_GOLDEN_RATIO)
    similarity = 0.0
    for i in range(2, legs + 1):
        similarity += min(bars[i - 1], bars[i]) / max(bars[i - 1], bars[i])
    components["time"] = similarity / (legs - 1)
    if legs >= 4:
        slope_13 = (x[3] - x[1]) / (pivots[3] - pivots[1])
        slope_24 = (x[4] - x[2]) / (pivots[4] - pivots[2])
        height_2 = x[1] + slope_13 * (pivots[2] - pivots[1]) - x[2]
        z = (x[4] - (x[2] + slope_13 * (pivots[4] - pivots[2]))) / height_2 / CHANNEL_WIDTH
        components["channel"] = math.exp(-0.5 * z * z)
    if legs >= 5:
        height_3 = x[3] - (x[2] + slope_24 * (pivots[3] - pivots[2]))
        z = (x[5] - (x[3] + slope_24 * (pivots[5] - pivots[3]))) / height_3 / CHANNEL_WIDTH
        components["channel"] = (components["channel"] + math.exp(-0.5 * z * z)) / 2
    if legs >= 3:
        slope = [0.0] + [length[i] / bars[i] for i in range(1, legs + 1)]
        other = max(slope[1], slope[5]) if legs == 5 else slope[1]
        components["momentum"] = slope[3] / (slope[3] + other)
    smallest = min(margins_of(x).values())
    components["rule_margin"] = smallest / (smallest + HALF_MARGIN)
    return components


def score_of(components: dict[str, float]) -> float:
    """Weighted mean of the components that are there."""
    weighted, weight = 0.0, 0.0
    for name, share in IMPULSE.weights.items():
        if name in components:
            weighted += share * components[name]
            weight += share
    return weighted / weight


def targets_of(x: list[float], pivots: tuple[int, ...], direction: int, end: int) -> list[float]:
    """Target prices of a setup; NaN where a target would break a hard rule."""
    legs = len(pivots) - 1
    setup = next(setup for setup in IMPULSE.setups if setup.legs == legs)
    unit = int(setup.unit[1:])
    sign = 1 if legs % 2 == 0 else -1
    targets = [x[-1] + sign * multiple * abs(x[unit] - x[unit - 1]) for multiple in setup.multiples]
    if setup.channel_line:
        slope = (x[-1] - x[-3]) / (pivots[-1] - pivots[-3])
        targets.append(x[-2] + slope * (end - pivots[-2]))
    return [math.exp(direction * target) if hard_rules_hold([*x, target]) else math.nan for target in targets]


@dataclass(frozen=True)
class Scored:
    """A scored pattern of one origin."""

    direction: int
    pivots: tuple[int, ...]
    score: float


def select(scored: list[Scored], limit: int | None, max_overlap: float) -> list[Scored]:
    """Keep the best ones that overlap no better kept one of their direction too much."""
    kept: list[Scored] = []
    for one in sorted(scored, key=lambda one: (-one.score, -one.direction, one.pivots)):
        span = set(range(one.pivots[0], one.pivots[-1] + 1))
        rivals = [
            set(range(other.pivots[0], other.pivots[-1] + 1)) for other in kept if other.direction == one.direction
        ]
        if all(len(span & rival) <= max_overlap * len(span | rival) for rival in rivals):
            kept.append(one)
    return kept[:limit]


def enumerate_class(
    low: Float64Array1D, high: Float64Array1D, name: str, direction: int, max_skip: int | None, max_span: int
) -> npt.NDArray[np.int32]:
    """Every pattern of a class; arguments as the public function has checked them."""
    legs = {"impulse": IMPULSE.legs}[name]
    found = Series(low, high, max_skip, max_span).impulses(direction)[legs]
    return np.array(found, np.int32).reshape(len(found), legs + 1)


def scan(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    settings: ScanSettings,
    reason: str,
) -> Selected:
    """Scan; arguments as in `cpu.scan`."""
    columns: dict[str, list[object]] = {
        name: [] for name in ("origin", "direction", "status", "legs", "pivots", "prices", "score", "rank")
    }
    described: dict[str, list[object]] = {name: [] for name in ("components", "margins", "targets", "invalidation")}
    candidates = np.zeros(len(row), np.int64)
    standing = np.zeros(len(row), np.int64)
    for origin in range(len(row)):
        if start[origin] > end[origin]:
            continue
        offset = max(int(start[origin]) - 1, 0)
        known = slice(offset, int(end[origin]) + 1)
        series = Series(low[row[origin], known], high[row[origin], known], settings.max_skip, settings.max_span)
        scored: dict[int, list[Scored]] = {CONFIRMED: [], SETUP: []}
        for direction in settings.directions:
            for legs, paths in series.impulses(direction).items():
                status = CONFIRMED if legs == IMPULSE.legs else SETUP
                for pivots in paths:
                    in_window = pivots[0] + offset >= start[origin]
                    if in_window and (status == CONFIRMED or series.stands(pivots, direction)):
                        score = score_of(components_of(series.oriented(pivots, direction), pivots))
                        scored[status].append(Scored(direction, pivots, score))
        candidates[origin], standing[origin] = len(scored[CONFIRMED]), len(scored[SETUP])
        for status, limit in ((CONFIRMED, settings.top_n), (SETUP, settings.setup_top_n)):
            for rank, one in enumerate(select(scored[status], limit, settings.max_overlap), start=1):
                x = series.oriented(one.pivots, one.direction)
                prices = [series.price(i, bar, one.direction) for i, bar in enumerate(one.pivots)]
                legs, setup = len(one.pivots) - 1, status == SETUP
                targets = targets_of(x, one.pivots, one.direction, len(series.low) - 1) if setup else []
                broken_at = next((entry.invalidation for entry in IMPULSE.setups if entry.legs == legs), None)
                components, margins = components_of(x, one.pivots), margins_of(x)
                columns["origin"].append(origin)
                columns["direction"].append(one.direction)
                columns["status"].append(status)
                columns["legs"].append(legs)
                columns["pivots"].append(padded([bar + offset for bar in one.pivots], MAX_LEGS + 1, -1))
                columns["prices"].append(padded(prices, MAX_LEGS + 1, math.nan))
                columns["score"].append(one.score)
                columns["rank"].append(rank)
                described["components"].append([components.get(name, math.nan) for name in COMPONENTS])
                described["margins"].append([margins.get(name, math.nan) for name in MARGINS])
                described["targets"].append(padded(targets, TARGET_SLOTS, math.nan))
                described["invalidation"].append(math.nan if broken_at is None else prices[broken_at])
    count = len(columns["origin"])
    found = Patterns(
        origin=np.array(columns["origin"], np.int32),
        class_index=np.zeros(count, np.int8),
        direction=np.array(columns["direction"], np.int8),
        status=np.array(columns["status"], np.int8),
        legs=np.array(columns["legs"], np.int8),
        pivots=np.array(columns["pivots"], np.int32).reshape(count, MAX_LEGS + 1),
        prices=np.array(columns["prices"], np.float64).reshape(count, MAX_LEGS + 1),
        score=np.array(columns["score"], np.float64),
        components=np.array(described["components"], np.float64).reshape(count, len(COMPONENTS)),
        margins=np.array(described["margins"], np.float64).reshape(count, len(MARGINS)),
        targets=np.array(described["targets"], np.float64).reshape(count, TARGET_SLOTS),
        invalidation=np.array(described["invalidation"], np.float64),
        rank=np.array(columns["rank"], np.int16),
        candidates=candidates,
        standing=standing,
        backend="naive",
        reason=reason,
    )
    return collapsed(found, row)


def padded(values: list[float] | list[int], length: int, filler: float) -> list[float]:
    """The values, filled up to `length`."""
    return [*values, *[filler] * (length - len(values))]
