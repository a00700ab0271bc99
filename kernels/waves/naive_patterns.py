"""What is said of one pattern, in plain Python: its hard rules, margins, components, score, targets.

Written straight from the definitions in this folder's README, each in its own words; it shares the class table with the
fast versions and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kernels.waves.classes import (
    CHANNEL_WIDTH,
    GOLDEN_RATIO,
    HALF_MARGIN,
    LOG_GOLDEN_RATIO,
    RATIO_WIDTH,
    WEIGHTS,
    Level,
    Line,
    Setup,
    WaveClass,
)
from kernels.waves.notation import LENGTH, PRICE, SHORTER, SLOPE, Rule, Term
from kernels.waves.patterns import RESOLVED, UNRESOLVED

TINY = 1e-300
"""Floor of a log length and of a divisor."""

FULL_EVIDENCE = 5
"""Ratios that `fibonacci`, and legs that `subdivision`, must know to count with their whole weight."""

UNKNOWN = 0.5
"""What counts for that which isn't known."""

SCORE_STEP = 2.0**-40
"""Scores are multiples of it."""


@dataclass(frozen=True)
class Shape:
    """Where the pivots of a pattern, or of a part of one, lie.

    Attributes:
        bars: bar of each pivot.
        x: oriented log price of each pivot.
    """

    bars: tuple[int, ...]
    x: tuple[float, ...]

    @property
    def legs(self) -> int:
        """How many legs there are."""
        return len(self.bars) - 1

    def length(self, leg: int) -> float:
        """Log length l of a leg."""
        return abs(self.x[leg] - self.x[leg - 1])

    def duration(self, leg: int) -> int:
        """Duration d of a leg, in bars."""
        return self.bars[leg] - self.bars[leg - 1]

    def slope(self, a: int, b: int) -> float:
        """Rise per bar from pivot a to pivot b."""
        return (self.x[b] - self.x[a]) / (self.bars[b] - self.bars[a])

    def parallel(self, line: Line, through: int, bar: int) -> float:
        """Value, at a bar, of the parallel to a line through one pivot."""
        return self.x[through] + self.slope(*line.base) * (bar - self.bars[through])

    def with_pivot(self, bar: int, x: float) -> Shape:
        """The same with one pivot more."""
        return Shape((*self.bars, bar), (*self.x, x))


def value_of(term: Term, shape: Shape) -> float:
    """Value of one side of a rule."""
    return {
        PRICE: lambda: shape.x[term.a],
        LENGTH: lambda: term.factor * shape.length(term.a),
        SHORTER: lambda: min(shape.length(term.a), shape.length(term.b)),
        SLOPE: lambda: shape.slope(term.a, term.b),
    }[term.kind]()


def holds(rule: Rule, shape: Shape) -> bool:
    """Whether a hard rule holds; the shape has the pivots that it needs."""
    lesser, greater = value_of(rule.lesser, shape), value_of(rule.greater, shape)
    return lesser < greater if rule.strict else lesser <= greater


def newest_hold(wave: WaveClass, shape: Shape) -> bool:
    """Whether those hard rules hold that can be decided since the last pivot and not before."""
    return all(holds(rule, shape) for rule in wave.rules if rule.pivot == shape.legs)


def all_hold(wave: WaveClass, shape: Shape) -> bool:
    """Whether every hard rule of a class holds that can be decided."""
    return all(holds(rule, shape) for rule in wave.rules if rule.pivot <= shape.legs)


def none_broken_for_good(wave: WaveClass, shape: Shape) -> bool:
    """Whether the last wave, under way and come this far, has broken no rule that going further can't mend."""
    return all(holds(rule, shape) for rule in wave.rules if rule.pivot == shape.legs and rule.final)


def margin_of(rule: Rule, shape: Shape) -> float:
    """How far a hard rule that holds is from breaking, in [0, 1]; NaN where its waves aren't there."""
    if rule.pivot > shape.legs:
        return math.nan
    lesser, greater = value_of(rule.lesser, shape), value_of(rule.greater, shape)
    gap = greater - lesser
    if rule.greater.kind == PRICE:
        return gap / max(gap + shape.length(rule.pivot), TINY)
    if rule.greater.kind == SLOPE:
        return gap / max(abs(greater) + abs(lesser), TINY)
    return gap / max(greater, TINY)


def log_of(length: float) -> float:
    """Natural log of a log length."""
    return math.log(max(length, TINY))


def bell(z: float) -> float:
    """1 at 0, falling to 0 on both sides."""
    return math.exp(-0.5 * z * z)


def mean(values: list[float]) -> float:
    """Mean of the values; NaN where there is none."""
    return sum(values) / len(values) if values else math.nan


def ratio_closeness(wave: WaveClass, shape: Shape) -> list[float]:
    """Closeness to its nearest target of every guideline ratio whose waves are there."""
    lengths = {f"l{leg}": shape.length(leg) for leg in range(1, shape.legs + 1)}
    extended = False
    if shape.legs >= 3:
        lengths["x3-x0"] = abs(shape.x[3] - shape.x[0])
        longest = all(lengths["l3"] > lengths[other] for other in ("l1", "l5") if other in lengths)
        extended = lengths["l3"] >= GOLDEN_RATIO * lengths["l1"] and longest
    closeness = []
    for ratio in wave.ratios:
        numerator, denominator = ratio.name.split("/")
        if numerator in lengths and denominator in lengths:
            targets = ratio.extended_targets if extended and ratio.extended_targets else ratio.targets
            log_ratio = log_of(lengths[numerator]) - log_of(lengths[denominator])
            closeness.append(max(bell((log_ratio - math.log(target)) / RATIO_WIDTH) for target in targets))
    return closeness


def alternation_of(shape: Shape) -> float:
    """How much waves 2 and 4 differ, in depth or in duration."""
    log_depth_2 = log_of(shape.length(2)) - log_of(shape.length(1))
    log_depth_4 = log_of(shape.length(4)) - log_of(shape.length(3))
    difference = max(abs(log_depth_2 - log_depth_4), abs(math.log(shape.duration(2) / shape.duration(4))))
    return 1.0 - math.exp(-difference / LOG_GOLDEN_RATIO)


def line_closeness(pivot: int, line: Line, shape: Shape) -> float:
    """How close a pivot comes to the channel line that is expected to hold it."""
    height = abs(shape.x[line.height] - shape.parallel(line, line.base[0], shape.bars[line.height]))
    distance = shape.x[pivot] - shape.parallel(line, line.through, shape.bars[pivot])
    return bell(distance / max(height, TINY) / CHANNEL_WIDTH)


def momentum_of(shape: Shape) -> float:
    """The slope of wave 3 beside the steeper one of waves 1 and 5."""
    slopes = {leg: shape.length(leg) / shape.duration(leg) for leg in (1, 3, 5) if leg <= shape.legs}
    own = max(slopes.pop(3), TINY)
    return own / (own + max(slopes.values()))


def components_of(wave: WaveClass, shape: Shape, resolution: tuple[int, ...]) -> dict[str, float]:
    """Components of the score by name; NaN for one that isn't known.

    Args:
        wave: the class.
        shape: its pivots, three or more.
        resolution: what is known of each leg.
    """
    durations = [shape.duration(leg) for leg in range(1, shape.legs + 1)]
    margins = [margin_of(rule, shape) for rule in wave.rules if rule.pivot <= shape.legs]
    tellable = [value for value in resolution if value != UNRESOLVED]
    return {
        "fibonacci": mean(ratio_closeness(wave, shape)),
        "alternation": alternation_of(shape) if wave.alternation and shape.legs >= 4 else math.nan,
        "time": mean([min(pair) / max(pair) for pair in pairwise(durations)]),
        "channel": mean([line_closeness(pivot, line, shape) for pivot, line in wave.channel if pivot <= shape.legs]),
        "momentum": momentum_of(shape) if wave.momentum and shape.legs >= 3 else math.nan,
        "rule_margin": min(margins) / (min(margins) + HALF_MARGIN) if margins else math.nan,
        "subdivision": mean([float(value == RESOLVED) for value in tellable]),
    }


def score_of(wave: WaveClass, shape: Shape, resolution: tuple[int, ...]) -> float:
    """Weighted sum of the components, in [0, 1]; arguments as in `components_of`."""
    evidence = {
        "fibonacci": len(ratio_closeness(wave, shape)) / FULL_EVIDENCE,
        "subdivision": sum(value != UNRESOLVED for value in resolution) / FULL_EVIDENCE,
    }
    total = 0.0
    for name, component in components_of(wave, shape, resolution).items():
        value = UNKNOWN if math.isnan(component) else component
        share = evidence.get(name, 1.0)
        total += WEIGHTS[name] * (share * value + (1.0 - share) * UNKNOWN)
    return math.floor(total / SCORE_STEP + 0.5) * SCORE_STEP


def setup_of(wave: WaveClass, legs: int) -> Setup | None:
    """The setup of a class with so many legs; None where that isn't one."""
    return next((setup for setup in wave.setups if setup.legs == legs), None)


def level_of(level: Level, shape: Shape) -> float:
    """A level in x."""
    return shape.x[level.pivot] + level.multiple * shape.length(level.leg)


def dollars(direction: int, x: float) -> float:
    """The price of an oriented log price; infinite where it is beyond all floats."""
    with np.errstate(over="ignore"):
        return float(np.exp(direction * x))


def target_price(wave: WaveClass, direction: int, shape: Shape, x: float, bar: int) -> float:
    """Price of a target; NaN where it lies behind the last pivot or would itself break a hard rule.

    Args:
        wave: the class.
        direction: 1 or -1.
        shape: the setup's pivots.
        x: the target.
        bar: where on the axis of time it is reached; no rule of a setup's next wave asks for it.
    """
    ahead = x > shape.x[-1] if shape.legs % 2 == 0 else x < shape.x[-1]
    return dollars(direction, x) if ahead and newest_hold(wave, shape.with_pivot(bar, x)) else math.nan


def targets_of(wave: WaveClass, setup: Setup, direction: int, shape: Shape) -> list[float]:
    """Prices at which a setup's next wave is expected to end."""
    bar = shape.bars[-1] + 1
    return [target_price(wave, direction, shape, level_of(target, shape), bar) for target in setup.targets]


def line_target_of(wave: WaveClass, setup: Setup, direction: int, shape: Shape, end: int) -> float:
    """Price, at bar `end`, of the line on which a setup's next wave is expected to end; NaN where there is none."""
    if setup.line is None:
        return math.nan
    return target_price(wave, direction, shape, shape.parallel(setup.line, setup.line.through, end), end)


def invalidation_of(setup: Setup, direction: int, shape: Shape, prices: list[float]) -> float:
    """Price at which a setup is refuted; that of a pivot is the very price of the bar."""
    level = setup.invalidation
    return prices[level.pivot] if level.multiple == 0.0 else dollars(direction, level_of(level, shape))
