"""The class table as two arrays with a row for each class, for compiled code on the CPU and on the GPU.

The rows are passed as arguments, never frozen into compiled code, so a change of the table needs no recompilation. The
constants below are the columns; where a name ends in `_AT`, column `NAME_AT + k` says which entry is the first that
needs pivot k, and `NAME_AT + k + 1` which is the first that needs a later one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D
from kernels.waves.classes import CLASS_NAMES, CLASSES, COMPONENTS, MAX_LEGS, MAX_RULES, WEIGHTS, Line, WaveClass
from kernels.waves.notation import LENGTH, PRICE, SHORTER, SLOPE, Rule, Term

Int32Array2D = npt.NDArray[np.int32]

ALWAYS, IF_EXTENDED, UNLESS_EXTENDED = range(3)
"""When the targets of a ratio hold."""

MAX_RATIOS, MAX_LINES, MAX_LEVELS, MAX_TARGETS = 6, 2, 12, 4
"""Room for the ratios, channel lines and setup levels of a class, and for the targets of a ratio."""

RULE_COLUMNS, RATIO_COLUMNS, LINE_COLUMNS, LEVEL_COLUMNS = 6, 3, 4, 2
"""Columns of an entry of `RULE`, `RATIO`, `LINE`, `LEVEL`."""

BY_GREATER, BY_BOTH = -1, -2
"""Scales of margins: of rules on lengths, and on slopes."""

LENGTHS = MAX_LEGS
"""Quantity of l0: that of l_i is `LENGTHS + i`, that of x_i is i."""
SHORTER_1_5 = LENGTHS + MAX_LEGS + 1
"""Quantity of min(l1, l5)."""
SLOPE_1_3, SLOPE_2_4 = SHORTER_1_5 + 1, SHORTER_1_5 + 2
"""Quantities of slope(1, 3) and slope(2, 4)."""
QUANTITIES = SLOPE_2_4 + 1
"""How many quantities of a pattern the rules compare."""

# Columns of `Program.table`.
LEGS = 0
"""Legs of the finished pattern."""
ALTERNATION = 1
"""1 where waves 2 and 4 are expected to differ."""
MOMENTUM = 2
"""1 where wave 3 is expected to be the steepest."""
REQUIRED = 3
"""Bit set of the legs (bit 0: the first) that must be resolved."""
EXCLUDES = 4
"""The class that the pattern must not be, -1 for none."""
RULE_AT = 5
RATIO_AT = RULE_AT + MAX_LEGS + 2
LINE_AT = RATIO_AT + MAX_LEGS + 2
KINDS = LINE_AT + MAX_LEGS + 2
"""Per leg, the bit set of kinds that resolve it; a kind is a class's index, or the number of classes plus that index
for a pattern that can only be a leading one."""
LEADING_KINDS = KINDS + MAX_LEGS
"""Per leg, those that resolve it in a leading pattern only."""
FEWEST_SWINGS = LEADING_KINDS + MAX_LEGS
"""Per leg, the inner swings below which it is unresolved."""
SETUP = FEWEST_SWINGS + MAX_LEGS
"""Per number of legs, the first level of that setup; -1 for none. Its targets come first, then its invalidation."""
SETUP_TARGETS = SETUP + MAX_LEGS + 1
"""Per number of legs, how many targets that setup has besides its line."""
SETUP_LINE = SETUP_TARGETS + MAX_LEGS + 1
"""Per number of legs, the line of that setup as an entry of `LINE`; -1 for none."""
RULE = SETUP_LINE + LINE_COLUMNS * (MAX_LEGS + 1)
"""Per rule: quantity of the lesser side; of the greater; 1 if equality breaks it; 1 if a longer last wave breaks it
too, once one does; its place among the class's rules; the scale of its margin: the quantity of a leg's length for
prices, else `BY_GREATER` or `BY_BOTH`."""
RATIO = RULE + RULE_COLUMNS * MAX_RULES
"""Per ratio: numerator and denominator (1 .. 5 for a leg, 0 for x3 - x0), and when it holds."""
LINE = RATIO + RATIO_COLUMNS * MAX_RATIOS
"""Per line: its two pivots, the one that the parallel passes through, the one of the height."""
LEVEL = LINE + LINE_COLUMNS * MAX_LINES
"""Per level: pivot and leg."""
TABLE_COLUMNS = LEVEL + LEVEL_COLUMNS * MAX_LEVELS

# Columns of `Program.number`.
FACTOR = 0
"""Per rule, the factors of the lesser and the greater side."""
LOG_TARGET = FACTOR + 2 * MAX_RULES
"""Per ratio, the natural logs of its targets, infinity after the last."""
MULTIPLE = LOG_TARGET + MAX_TARGETS * MAX_RATIOS
"""Per level, the multiple of the leg."""
WEIGHT = MULTIPLE + MAX_LEVELS
"""The weights of the score, the same for each class."""
NUMBER_COLUMNS = WEIGHT + len(COMPONENTS)


class Program(NamedTuple):
    """The class table; entries of a class are in the order of the last pivot that they need.

    Attributes:
        table: int32 [classes, TABLE_COLUMNS].
        number: float64 [classes, NUMBER_COLUMNS].
    """

    table: Int32Array2D
    number: Float64Array2D


def quantity(rule: Rule, term: Term) -> int:
    """The quantity that one side of a rule is a multiple of.

    Raises:
        InvalidInputError: there is no such quantity.
    """
    known = {(SHORTER, 1, 5): SHORTER_1_5, (SLOPE, 1, 3): SLOPE_1_3, (SLOPE, 2, 4): SLOPE_2_4}
    known |= {(PRICE, pivot, 0): pivot for pivot in range(MAX_LEGS + 1)}
    known |= {(LENGTH, leg, 0): LENGTHS + leg for leg in range(1, MAX_LEGS + 1)}
    if term[:3] not in known:
        raise InvalidInputError(
            f"hard rule {rule.name}",
            expected="x0 .. x5, l1 .. l5, min(l1, l5), slope(1, 3) or slope(2, 4)",
            got=repr(rule.text),
            mend="add the quantity to kernels/waves/program.py and rules.py, or correct the rule",
        )
    return known[term[:3]]


def scale(rule: Rule) -> int:
    """What the margin of a rule is relative to."""
    if rule.greater.kind == PRICE:
        return LENGTHS + rule.pivot
    return BY_BOTH if rule.greater.kind == SLOPE else BY_GREATER


def length_index(name: str) -> int:
    """The number of a log length: its leg, or 0 for the net move of the first three."""
    return 0 if name == "x3-x0" else int(name[1:])


def kind_bits(names: Sequence[str], also_leading: bool) -> int:
    """Bit set of the kinds that go by these class names."""
    bits = sum(1 << CLASS_NAMES.index(name) for name in names)
    return bits | bits << len(CLASS_NAMES) if also_leading else bits


def starts(pivots: Sequence[int]) -> list[int]:
    """The first entry that needs each pivot, from the rising pivots that the entries need."""
    return [bisect_left(pivots, pivot) for pivot in range(MAX_LEGS + 2)]


def line_entry(line: Line) -> tuple[int, int, int, int]:
    """A line as four numbers."""
    return (*line.base, line.through, line.height)


def ratio_entries(declared: WaveClass) -> list[tuple[int, int, int, int, list[float]]]:
    """Pivot, numerator, denominator, when, and log targets of a class's ratios, by pivot."""
    entries = []
    for ratio in declared.ratios:
        numerator, denominator = (length_index(name) for name in ratio.name.split("/"))
        pivot = max(numerator, denominator, 3 if 0 in (numerator, denominator) else 0)
        if ratio.extended_targets:
            cases = [(UNLESS_EXTENDED, ratio.targets), (IF_EXTENDED, ratio.extended_targets)]
        else:
            cases = [(ALWAYS, ratio.targets)]
        for when, targets in cases:
            logs = [math.log(target) for target in targets]
            entries.append((pivot, numerator, denominator, when, logs + [math.inf] * (MAX_TARGETS - len(logs))))
    return sorted(entries, key=lambda entry: entry[0])


def fill(row: npt.NDArray[np.generic], column: int, values: Sequence[object]) -> None:
    """Write values, or entries of values, from one column on."""
    flat = np.ravel(np.array(values)) if len(values) else np.empty(0)
    row[column : column + len(flat)] = flat


def compile_class(declared: WaveClass, table: npt.NDArray[np.int32], number: npt.NDArray[np.float64]) -> None:
    """Write the rows of one class."""
    rules = sorted(enumerate(declared.rules), key=lambda entry: entry[1].pivot)
    ratios = ratio_entries(declared)
    lines = sorted(declared.channel, key=lambda entry: entry[0])
    table[LEGS] = len(declared.legs)
    table[ALTERNATION] = declared.alternation
    table[MOMENTUM] = declared.momentum
    table[REQUIRED] = sum(1 << leg - 1 for leg in declared.required)
    table[EXCLUDES] = CLASS_NAMES.index(declared.excludes) if declared.excludes else -1
    fill(table, RULE_AT, starts([rule.pivot for _, rule in rules]))
    fill(table, RATIO_AT, starts([entry[0] for entry in ratios]))
    fill(table, LINE_AT, starts([pivot for pivot, _ in lines]))
    for leg, allowed in enumerate(declared.legs):
        table[KINDS + leg] = kind_bits(allowed.classes, allowed.position != "ending")
        table[LEADING_KINDS + leg] = kind_bits(allowed.leading, True)
        children = (*allowed.classes, *allowed.leading)
        table[FEWEST_SWINGS + leg] = min(len(CLASSES[name].legs) for name in children) - 1
    fill(
        table,
        RULE,
        [
            (quantity(rule, rule.lesser), quantity(rule, rule.greater), rule.strict, rule.final, place, scale(rule))
            for place, rule in rules
        ],
    )
    fill(number, FACTOR, [(rule.lesser.factor, rule.greater.factor) for _, rule in rules])
    fill(table, RATIO, [entry[1:4] for entry in ratios])
    fill(number, LOG_TARGET, [entry[4] for entry in ratios])
    fill(table, LINE, [line_entry(line) for _, line in lines])
    table[SETUP : SETUP + MAX_LEGS + 1] = -1
    table[SETUP_LINE:RULE] = -1
    first = 0
    for setup in declared.setups:
        levels = (*setup.targets, setup.invalidation)
        table[SETUP + setup.legs] = first
        table[SETUP_TARGETS + setup.legs] = len(setup.targets)
        fill(table, LEVEL + LEVEL_COLUMNS * first, [(level.pivot, level.leg) for level in levels])
        fill(number, MULTIPLE + first, [level.multiple for level in levels])
        if setup.line is not None:
            fill(table, SETUP_LINE + LINE_COLUMNS * setup.legs, line_entry(setup.line))
        first += len(levels)
    fill(number, WEIGHT, [WEIGHTS[name] for name in COMPONENTS])


@cache
def program() -> Program:
    """The arrays of the whole table."""
    table = np.zeros((len(CLASSES), TABLE_COLUMNS), np.int32)
    number = np.zeros((len(CLASSES), NUMBER_COLUMNS))
    for index, declared in enumerate(CLASSES.values()):
        compile_class(declared, table[index], number[index])
    return Program(table, number)
