"""The one table in which a wave class is declared: its legs, hard rules, guideline ratios, weights and targets.

Everything is direction-free: lengths are log lengths `l1 .. l5` of the legs and oriented log prices `x0 .. x5`, so the
first leg always rises. Sources and formulas are in this folder's README.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MAX_LEGS = 5
"""Legs of the longest class; pivots are stored in `MAX_LEGS + 1` columns."""

COMPONENTS = ("fibonacci", "alternation", "time", "channel", "momentum", "rule_margin", "subdivision")
"""Names of the score components, in the order of `Patterns.components`."""

RATIO_WIDTH = 0.10
"""Width of the closeness of a ratio to its target, in log ratio."""

GOLDEN_RATIO = 1.618
"""From this multiple of wave 1 on, a wave 3 that is also the longest counts as extended."""

LOG_GOLDEN_RATIO = math.log(GOLDEN_RATIO)
"""Scale of the alternation: the log difference at which it reaches 1 - 1/e."""

CHANNEL_WIDTH = 0.25
"""Width of the closeness to a channel line, as a share of the channel's height."""

HALF_MARGIN = 0.10
"""Smallest relative rule margin at which the component `rule_margin` is one half."""

TARGET_SLOTS = 4
"""Columns of `Patterns.targets`."""


@dataclass(frozen=True)
class Ratio:
    """A guideline ratio of two log lengths.

    Attributes:
        name: numerator and denominator, such as "l2/l1"; a length is `l1 .. l5` or the net move "x3-x0".
        targets: the ratios that the guideline names.
        extended_targets: the ratios that it names instead when wave 3 is extended; empty where it makes no difference.
    """

    name: str
    targets: tuple[float, ...]
    extended_targets: tuple[float, ...] = ()


@dataclass(frozen=True)
class SetupTargets:
    """Where the next wave of a setup is expected to end.

    Attributes:
        legs: legs that the setup has.
        unit: the log length that the multiples are of, such as "l1".
        multiples: the multiples of `unit`, measured from the last pivot.
        channel_line: whether the parallel of the last line through the pivot before it is a target too.
        invalidation: the pivot whose price breaks a hard rule when the next wave reaches it.
    """

    legs: int
    unit: str
    multiples: tuple[float, ...]
    channel_line: bool
    invalidation: int


@dataclass(frozen=True)
class WaveClass:
    """What is known about a wave class.

    Attributes:
        name: the class's name.
        legs: legs of the finished pattern.
        margins: names of the hard rules' margins, in the order of `Patterns.margins`.
        ratios: guideline ratios of the component `fibonacci`.
        weights: weight of every component that has one.
        setups: one entry per number of legs after which a prefix counts as a setup.
    """

    name: str
    legs: int
    margins: tuple[str, ...]
    ratios: tuple[Ratio, ...]
    weights: Mapping[str, float]
    setups: tuple[SetupTargets, ...]

    def log_targets(self, name: str, *, extended: bool = False) -> tuple[float, ...]:
        """Return the natural logs of one ratio's targets."""
        ratio = next(ratio for ratio in self.ratios if ratio.name == name)
        targets = ratio.extended_targets if extended else ratio.targets
        return tuple(math.log(target) for target in targets)

    def multiples(self, legs: int) -> tuple[float, ...]:
        """Return the target multiples of the setup with `legs` legs."""
        return next(setup.multiples for setup in self.setups if setup.legs == legs)


IMPULSE = WaveClass(
    name="impulse",
    legs=5,
    margins=(
        "wave_2_above_start",
        "wave_3_beyond_wave_1",
        "wave_4_above_wave_1",
        "wave_5_beyond_wave_3",
        "wave_3_not_shortest",
    ),
    ratios=(
        Ratio("l2/l1", (0.5, 0.618)),
        Ratio("l3/l1", (1.618, 2.618)),
        Ratio("l4/l3", (0.236, 0.382)),
        Ratio("l5/l1", (0.618, 1.0, 1.618), extended_targets=(1.0, 0.618)),
        Ratio("l5/x3-x0", (0.382, 0.618, 1.618)),
    ),
    weights=MappingProxyType(
        {
            "fibonacci": 0.50,
            "alternation": 0.10,
            "time": 0.05,
            "channel": 0.15,
            "momentum": 0.10,
            "rule_margin": 0.10,
        }
    ),
    setups=(
        SetupTargets(legs=2, unit="l1", multiples=(1.0, 1.618, 2.618), channel_line=False, invalidation=0),
        SetupTargets(legs=3, unit="l3", multiples=(0.236, 0.382, 0.5), channel_line=False, invalidation=1),
        SetupTargets(legs=4, unit="l1", multiples=(0.618, 1.0, 1.618), channel_line=True, invalidation=1),
    ),
)

CLASSES: Mapping[str, WaveClass] = MappingProxyType({IMPULSE.name: IMPULSE})
"""Every declared class by name; `Patterns.class_index` counts in this order."""

CLASS_NAMES = tuple(CLASSES)
"""Names of the declared classes; `Patterns.class_index` is an index into it."""

MARGINS = tuple(dict.fromkeys(margin for declared in CLASSES.values() for margin in declared.margins))
"""Names of every hard rule's margin, in the order of `Patterns.margins`."""
