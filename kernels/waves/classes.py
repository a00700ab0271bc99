"""The one table in which a wave class is declared: its legs, rules, guideline ratios, leg kinds, targets.

Everything else follows from it: the search, the scores, the subdivisions and the targets of every backend read it. It
is direction-free: `x0 .. x5` are oriented log prices, so the first leg rises, and `l1 .. l5` are the legs' log lengths.
Formulas and sources are in this folder's README.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kernels.waves.notation import Rule

MAX_LEGS = 5
"""Legs of the longest class; pivots are stored in `MAX_LEGS + 1` columns."""

COMPONENTS = ("fibonacci", "alternation", "time", "channel", "momentum", "rule_margin", "subdivision")
"""Names of the score components, in the order of `Patterns.components`."""

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "fibonacci": 0.40,
        "alternation": 0.10,
        "time": 0.05,
        "channel": 0.10,
        "momentum": 0.10,
        "rule_margin": 0.05,
        "subdivision": 0.20,
    }
)
"""Weight of each component in the score; what isn't known of a pattern counts one half."""

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
"""Columns of `Patterns.targets`; the last is the channel line's."""


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
class Line:
    """The parallel of the line through two pivots, drawn through a third.

    Attributes:
        base: the two pivots of the line.
        through: the pivot that the parallel passes through; one of `base` for the line itself.
        height: the pivot whose distance from the line is the channel's height.
    """

    base: tuple[int, int]
    through: int
    height: int


@dataclass(frozen=True)
class Level:
    """A price: that of a pivot plus a multiple of a leg's log length, upward in x."""

    pivot: int
    multiple: float = 0.0
    leg: int = 1


@dataclass(frozen=True)
class Setup:
    """A prefix that people act on.

    Attributes:
        legs: legs that it has.
        targets: where the next wave is expected to end.
        invalidation: the price at which the count is refuted.
        line: a line on which the next wave is expected to end too, read at the bar of the reader.
    """

    legs: int
    targets: tuple[Level, ...]
    invalidation: Level
    line: Line | None = None


@dataclass(frozen=True)
class LegKinds:
    """Which classes resolve a leg.

    Attributes:
        classes: names of the classes.
        leading: names of the classes that resolve it too, but only in a pattern that is a leading one.
        position: "leading" or "ending" where a diagonal in this place is called so, else "".
    """

    classes: tuple[str, ...]
    leading: tuple[str, ...] = ()
    position: str = ""


@dataclass(frozen=True)
class WaveClass:
    """What is known about a wave class.

    Attributes:
        name: the class's name.
        rules: the hard rules, in the order of `Patterns.margins`.
        ratios: guideline ratios of the component `fibonacci`.
        legs: which classes resolve each leg; as many entries as the pattern has legs.
        setups: the prefixes that count as setups.
        channel: the pivots that are expected on a line, and that line.
        alternation: whether waves 2 and 4 are expected to differ.
        momentum: whether wave 3 is expected to be the steepest.
        required: the legs without whose resolution the pattern isn't one of this class.
        excludes: name of a class that the pattern must not be at the same time; "" for none.
    """

    name: str
    rules: tuple[Rule, ...]
    ratios: tuple[Ratio, ...]
    legs: tuple[LegKinds, ...]
    setups: tuple[Setup, ...] = ()
    channel: tuple[tuple[int, Line], ...] = ()
    alternation: bool = False
    momentum: bool = False
    required: tuple[int, ...] = ()
    excludes: str = ""


def multiples(pivot: int, leg: int, *values: float) -> tuple[Level, ...]:
    """Levels at several multiples of one leg from one pivot."""
    return tuple(Level(pivot, value, leg) for value in values)


FLATS = ("regular_flat", "expanded_flat", "running_flat")
TRIANGLES = ("contracting_triangle", "running_triangle", "expanding_triangle")
DIAGONALS = ("contracting_diagonal", "expanding_diagonal")
COMBINATIONS = ("double_zigzag", "double_three")

MOTIVE = LegKinds(("impulse",))
MOTIVE_FIRST = LegKinds(("impulse", *DIAGONALS), position="leading")
MOTIVE_LAST = LegKinds(("impulse", *DIAGONALS), position="ending")
CORRECTIVE = LegKinds(("zigzag", *FLATS, *TRIANGLES, *COMBINATIONS))
CORRECTIVE_NO_TRIANGLE = LegKinds(("zigzag", *FLATS, *COMBINATIONS))
DIAGONAL_MOTIVE = LegKinds(("zigzag",), leading=("impulse",))
DIAGONAL_CORRECTIVE = LegKinds(("zigzag",))

WAVE_2 = Rule("wave_2_above_start", "x2 > x0")
WAVE_3 = Rule("wave_3_beyond_wave_1", "x3 > x1")
WAVE_3_SHORT = Rule("wave_3_within_wave_1", "x3 < x1")
WAVE_5 = Rule("wave_5_beyond_wave_3", "x5 > x3")
WAVE_5_SHORT = Rule("wave_5_within_wave_3", "x5 < x3")

LINE_13 = Line((1, 3), 3, 2)
LINE_13_THROUGH_2 = Line((1, 3), 2, 2)
LINE_24_THROUGH_3 = Line((2, 4), 3, 3)
LINE_02_THROUGH_1 = Line((0, 2), 1, 1)

IMPULSE = WaveClass(
    name="impulse",
    rules=(
        WAVE_2,
        WAVE_3,
        Rule("wave_4_above_wave_1", "x4 > x1"),
        WAVE_5,
        Rule("wave_3_not_shortest", "l3 >= min(l1, l5)"),
    ),
    ratios=(
        Ratio("l2/l1", (0.5, 0.618)),
        Ratio("l3/l1", (1.618, 2.618)),
        Ratio("l4/l3", (0.236, 0.382)),
        Ratio("l5/l1", (0.618, 1.0, 1.618), extended_targets=(1.0, 0.618)),
        Ratio("l5/x3-x0", (0.382, 0.618, 1.618)),
    ),
    legs=(MOTIVE_FIRST, CORRECTIVE_NO_TRIANGLE, MOTIVE, CORRECTIVE, MOTIVE_LAST),
    setups=(
        Setup(2, multiples(2, 1, 1.0, 1.618, 2.618), Level(0)),
        Setup(3, multiples(3, 3, -0.236, -0.382, -0.5), Level(1)),
        Setup(4, multiples(4, 1, 0.618, 1.0, 1.618), Level(1), LINE_24_THROUGH_3),
    ),
    channel=((4, LINE_13_THROUGH_2), (5, LINE_24_THROUGH_3)),
    alternation=True,
    momentum=True,
)

CONTRACTING_DIAGONAL = WaveClass(
    name="contracting_diagonal",
    rules=(
        WAVE_2,
        WAVE_3,
        Rule("wave_4_above_wave_2", "x4 > x2"),
        Rule("wave_4_overlaps_wave_1", "x4 <= x1"),
        WAVE_5,
        Rule("wave_3_shorter_than_wave_1", "l3 < l1"),
        Rule("wave_5_shorter_than_wave_3", "l5 < l3"),
        Rule("wave_4_shorter_than_wave_2", "l4 < l2"),
        Rule("lines_converge", "slope(2, 4) > slope(1, 3)"),
    ),
    ratios=(Ratio("l2/l1", (0.66, 0.81)), Ratio("l3/l1", (0.618,)), Ratio("l4/l3", (0.66, 0.81))),
    legs=(DIAGONAL_MOTIVE, DIAGONAL_CORRECTIVE, DIAGONAL_MOTIVE, DIAGONAL_CORRECTIVE, DIAGONAL_MOTIVE),
    channel=((5, LINE_13),),
)

EXPANDING_DIAGONAL = WaveClass(
    name="expanding_diagonal",
    rules=(
        WAVE_2,
        WAVE_3,
        Rule("wave_4_above_wave_2", "x4 > x2"),
        Rule("wave_4_overlaps_wave_1", "x4 <= x1"),
        WAVE_5,
        Rule("wave_3_longer_than_wave_1", "l3 > l1"),
        Rule("wave_5_longer_than_wave_3", "l5 > l3"),
        Rule("wave_4_longer_than_wave_2", "l4 > l2"),
        Rule("lines_diverge", "slope(1, 3) > slope(2, 4)"),
    ),
    ratios=(Ratio("l2/l1", (0.66, 0.81)), Ratio("l3/l1", (1.618,)), Ratio("l4/l3", (0.66, 0.81))),
    legs=(DIAGONAL_MOTIVE, DIAGONAL_CORRECTIVE, DIAGONAL_MOTIVE, DIAGONAL_CORRECTIVE, DIAGONAL_MOTIVE),
    channel=((5, LINE_13),),
)

ZIGZAG_RULES = (WAVE_2, WAVE_3, Rule("wave_b_shorter_than_wave_a", "l2 < 0.9 l1"))
ZIGZAG_RATIOS = (Ratio("l2/l1", (0.382, 0.5, 0.618, 0.786)), Ratio("l3/l1", (0.618, 1.0, 1.618)))

ZIGZAG = WaveClass(
    name="zigzag",
    rules=ZIGZAG_RULES,
    ratios=ZIGZAG_RATIOS,
    legs=(MOTIVE_FIRST, CORRECTIVE, MOTIVE_LAST),
    setups=(Setup(2, multiples(2, 1, 0.618, 1.0, 1.618), Level(0), LINE_02_THROUGH_1),),
    channel=((3, LINE_02_THROUGH_1),),
)

FLAT_LEGS = (CORRECTIVE, CORRECTIVE, MOTIVE_LAST)

REGULAR_FLAT = WaveClass(
    name="regular_flat",
    rules=(
        Rule("wave_b_long_enough", "l2 >= 0.9 l1"),
        Rule("wave_b_short_enough", "l2 <= 1.05 l1"),
        WAVE_3,
    ),
    ratios=(Ratio("l2/l1", (1.0,)), Ratio("l3/l1", (1.0,))),
    legs=FLAT_LEGS,
    setups=(Setup(2, multiples(2, 1, 1.0), Level(1, -1.05)),),
)

EXPANDED_FLAT = WaveClass(
    name="expanded_flat",
    rules=(
        Rule("wave_b_long_enough", "l2 > 1.05 l1"),
        Rule("wave_b_short_enough", "l2 <= 2.0 l1"),
        WAVE_3,
    ),
    ratios=(Ratio("l2/l1", (1.236, 1.382)), Ratio("l3/l1", (1.618,))),
    legs=FLAT_LEGS,
    setups=(Setup(2, multiples(2, 1, 1.618), Level(1, -2.0)),),
)

RUNNING_FLAT = WaveClass(
    name="running_flat",
    rules=(
        Rule("wave_b_long_enough", "l2 > 1.0 l1"),
        Rule("wave_b_short_enough", "l2 <= 2.0 l1"),
        Rule("wave_3_within_wave_1", "x3 <= x1"),
    ),
    ratios=(Ratio("l2/l1", (1.236,)), Ratio("l3/l1", (1.0,))),
    legs=FLAT_LEGS,
    setups=(Setup(2, multiples(2, 1, 1.0), Level(1, -2.0)),),
)

TRIANGLE_LEGS = (CORRECTIVE,) * 5

CONTRACTING_TRIANGLE = WaveClass(
    name="contracting_triangle",
    rules=(WAVE_2, WAVE_3_SHORT, Rule("wave_4_above_wave_2", "x4 > x2"), WAVE_5_SHORT),
    ratios=(Ratio("l3/l1", (0.618,)), Ratio("l4/l2", (0.618,)), Ratio("l5/l3", (0.618,))),
    legs=TRIANGLE_LEGS,
    setups=(Setup(4, multiples(4, 3, 0.618), Level(2), LINE_13),),
    channel=((5, LINE_13),),
)

RUNNING_TRIANGLE = WaveClass(
    name="running_triangle",
    rules=(
        Rule("wave_2_beyond_start", "x2 < x0"),
        WAVE_3_SHORT,
        Rule("wave_4_above_wave_2", "x4 > x2"),
        WAVE_5_SHORT,
    ),
    ratios=(Ratio("l3/l1", (0.618,)), Ratio("l4/l2", (0.618,)), Ratio("l5/l3", (0.618,))),
    legs=TRIANGLE_LEGS,
    setups=(Setup(4, multiples(4, 3, 0.618), Level(2), LINE_13),),
    channel=((5, LINE_13),),
)

EXPANDING_TRIANGLE = WaveClass(
    name="expanding_triangle",
    rules=(
        Rule("wave_2_beyond_start", "x2 < x0"),
        WAVE_3,
        Rule("wave_4_beyond_wave_2", "x4 < x2"),
        WAVE_5,
    ),
    ratios=(Ratio("l3/l1", (1.618,)), Ratio("l4/l2", (1.618,)), Ratio("l5/l3", (1.618,))),
    legs=TRIANGLE_LEGS,
    setups=(Setup(4, multiples(4, 3, 1.618), Level(4), LINE_13),),
    channel=((5, LINE_13),),
)

DOUBLE_ZIGZAG = WaveClass(
    name="double_zigzag",
    rules=ZIGZAG_RULES,
    ratios=ZIGZAG_RATIOS,
    legs=(LegKinds(("zigzag",)), CORRECTIVE, LegKinds(("zigzag",))),
    channel=((3, LINE_02_THROUGH_1),),
    required=(1, 3),
)

DOUBLE_THREE = WaveClass(
    name="double_three",
    rules=(),
    ratios=(Ratio("l3/l1", (0.618, 1.0, 1.618)),),
    legs=(LegKinds(("zigzag", *FLATS)), CORRECTIVE, LegKinds(("zigzag", *FLATS, *TRIANGLES))),
    required=(1, 3),
    excludes="double_zigzag",
)

CLASSES: Mapping[str, WaveClass] = MappingProxyType(
    {
        declared.name: declared
        for declared in (
            IMPULSE,
            CONTRACTING_DIAGONAL,
            EXPANDING_DIAGONAL,
            ZIGZAG,
            REGULAR_FLAT,
            EXPANDED_FLAT,
            RUNNING_FLAT,
            CONTRACTING_TRIANGLE,
            RUNNING_TRIANGLE,
            EXPANDING_TRIANGLE,
            DOUBLE_ZIGZAG,
            DOUBLE_THREE,
        )
    }
)
"""Every declared class by name; `Patterns.class_index` counts in this order."""

CLASS_NAMES = tuple(CLASSES)
"""Names of the declared classes; `Patterns.class_index` is an index into it."""

MAX_RULES = max(len(declared.rules) for declared in CLASSES.values())
"""Columns of `Patterns.margins`: those of a class are in the order of its rules."""
