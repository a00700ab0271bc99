"""Scalars of every class: hard rules, their margins, the score's components and their total, targets.

Each is written once, reads the class's row of the table (`program.py`), and is compiled for the CPU and, unchanged,
for CUDA kernels. `x` are oriented log prices (`direction * ln(price)`), `quantity` are these and what the rules compare
besides (`program.py`), `bar` the bars of the pivots, `log_length` the natural logs of the legs' log lengths (entry 0:
of x3 - x0). Formulas and sources: README.
"""

from __future__ import annotations

import math

from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import (
    CHANNEL_WIDTH,
    GOLDEN_RATIO,
    HALF_MARGIN,
    LOG_GOLDEN_RATIO,
    MAX_LEGS,
    RATIO_WIDTH,
)
from kernels.waves.program import (
    ALTERNATION,
    BY_BOTH,
    BY_GREATER,
    FACTOR,
    IF_EXTENDED,
    LEGS,
    LENGTHS,
    LEVEL,
    LEVEL_COLUMNS,
    LINE,
    LINE_AT,
    LINE_COLUMNS,
    LOG_TARGET,
    MAX_TARGETS,
    MOMENTUM,
    MULTIPLE,
    RATIO,
    RATIO_AT,
    RATIO_COLUMNS,
    RULE,
    RULE_AT,
    RULE_COLUMNS,
    SETUP,
    SETUP_LINE,
    SETUP_TARGETS,
    SHORTER_1_5,
    SLOPE_1_3,
    SLOPE_2_4,
    UNLESS_EXTENDED,
    WEIGHT,
)

SMALLEST_LENGTH = 1e-300
"""Floor of a log length: two prices a few units in the last place apart share one ln(price)."""

HOLDS, BROKEN, BROKEN_FOR_GOOD = range(3)
"""Verdicts on a prefix; the last is one that a longer last wave shares."""

SCORE_STEPS = 2.0**40
"""A score is a multiple of 1 / SCORE_STEPS, so the last bits of a platform's `exp` and `log` don't decide a rank."""

HALF = 0.5
"""What a component counts as long as it isn't known."""


@njit(cache=True, nogil=True, error_model="numpy")
def log_of_length(length: float) -> float:
    """Natural log of a log length, floored so that a length of 0 stays finite."""
    return math.log(max(length, SMALLEST_LENGTH))


@njit(cache=True, nogil=True, error_model="numpy")
def slope(a: int, b: int, x: Float64Array1D, bar: Int32Array1D) -> float:
    """Rise per bar from pivot a to pivot b."""
    return float((x[b] - x[a]) / (bar[b] - bar[a]))


@njit(cache=True, nogil=True, error_model="numpy")
def set_price(quantity: Float64Array1D, pivot: int, x: float) -> None:
    """Write the oriented log price of a pivot, and what follows from it without its bar."""
    quantity[pivot] = x
    if pivot > 0:
        quantity[LENGTHS + pivot] = abs(x - quantity[pivot - 1])
    if pivot == MAX_LEGS:
        quantity[SHORTER_1_5] = min(quantity[LENGTHS + 1], quantity[LENGTHS + 5])


@njit(cache=True, nogil=True, error_model="numpy")
def set_slopes(quantity: Float64Array1D, bar: Int32Array1D, pivot: int) -> None:
    """Write the slope that becomes known with a pivot, whose price is written."""
    if pivot == 3:
        quantity[SLOPE_1_3] = slope(1, 3, quantity, bar)
    elif pivot == 4:
        quantity[SLOPE_2_4] = slope(2, 4, quantity, bar)


@njit(cache=True, nogil=True, error_model="numpy")
def breaks(table: Int32Array1D, number: Float64Array1D, index: int, quantity: Float64Array1D) -> bool:
    """Whether one rule is broken."""
    at = RULE + RULE_COLUMNS * index
    lesser = number[FACTOR + 2 * index] * quantity[table[at]]
    greater = number[FACTOR + 2 * index + 1] * quantity[table[at + 1]]
    return not (lesser < greater or (lesser == greater and table[at + 2] == 0))


@njit(cache=True, nogil=True, error_model="numpy")
def verdict(table: Int32Array1D, number: Float64Array1D, pivot: int, quantity: Float64Array1D) -> int:
    """Whether the rules hold that become decidable with a pivot: `HOLDS`, `BROKEN` or `BROKEN_FOR_GOOD`.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        pivot: the last pivot there, 1 or more.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it; read up to `pivot`.
    """
    state = HOLDS
    for index in range(table[RULE_AT + pivot], table[RULE_AT + pivot + 1]):
        if breaks(table, number, index, quantity):
            if table[RULE + RULE_COLUMNS * index + 3] == 1:
                return BROKEN_FOR_GOOD
            state = BROKEN
    return state


@njit(cache=True, nogil=True, error_model="numpy")
def rules_hold(table: Int32Array1D, number: Float64Array1D, quantity: Float64Array1D) -> bool:
    """Whether every hard rule of a class holds for a whole pattern."""
    for pivot in range(1, table[LEGS] + 1):
        state = verdict(table, number, pivot, quantity)
        if state != HOLDS:
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def still_possible(table: Int32Array1D, number: Float64Array1D, pivot: int, quantity: Float64Array1D) -> bool:
    """Whether the wave under way, which has come as far as the price of `pivot`, has broken no rule for good.

    Rules on slopes are never broken for good: they are decided by where the wave ends.
    """
    for index in range(table[RULE_AT + pivot], table[RULE_AT + pivot + 1]):
        if table[RULE + RULE_COLUMNS * index + 3] == 1 and breaks(table, number, index, quantity):
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def reaches(table: Int32Array1D, number: Float64Array1D, pivot: int, quantity: Float64Array1D) -> bool:
    """Whether a wave that ended at the price of `pivot` would keep every rule on prices and lengths."""
    for index in range(table[RULE_AT + pivot], table[RULE_AT + pivot + 1]):
        if table[RULE + RULE_COLUMNS * index + 5] != BY_BOTH and breaks(table, number, index, quantity):
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def margin(table: Int32Array1D, number: Float64Array1D, index: int, quantity: Float64Array1D) -> float:
    """Relative margin of one rule that holds, in [0, 1]: 0 where it breaks."""
    at = RULE + RULE_COLUMNS * index
    lesser = number[FACTOR + 2 * index] * quantity[table[at]]
    greater = number[FACTOR + 2 * index + 1] * quantity[table[at + 1]]
    gap = greater - lesser
    own = table[at + 5]
    if own == BY_GREATER:
        scale = greater
    elif own == BY_BOTH:
        scale = abs(greater) + abs(lesser)
    else:
        scale = gap + quantity[own]
    return float(gap / max(scale, SMALLEST_LENGTH))


@njit(cache=True, nogil=True, error_model="numpy")
def closeness(number: Float64Array1D, index: int, log_ratio: float) -> float:
    """Closeness of a ratio to the nearest of its targets, in [0, 1]: 1 on a target."""
    nearest = math.inf
    for slot in range(MAX_TARGETS):
        nearest = min(nearest, abs(log_ratio - number[LOG_TARGET + MAX_TARGETS * index + slot]))
    z = nearest / RATIO_WIDTH
    return math.exp(-0.5 * z * z)


@njit(cache=True, nogil=True, error_model="numpy")
def fibonacci(
    table: Int32Array1D, number: Float64Array1D, legs: int, extended: bool, log_length: Float64Array1D
) -> tuple[float, int]:
    """Mean closeness of the guideline ratios whose waves are there, in [0, 1], and how many those are."""
    total = 0.0
    count = 0
    for index in range(table[RATIO_AT], table[RATIO_AT + legs + 1]):
        at = RATIO + RATIO_COLUMNS * index
        when = table[at + 2]
        if (when == IF_EXTENDED and not extended) or (when == UNLESS_EXTENDED and extended):
            continue
        total += closeness(number, index, log_length[table[at]] - log_length[table[at + 1]])
        count += 1
    return (total / count if count > 0 else math.nan), count


@njit(cache=True, nogil=True, error_model="numpy")
def similarity(legs: int, bar: Int32Array1D) -> float:
    """Mean of shorter over longer of neighbouring waves' durations, in (0, 1]."""
    total = 0.0
    for leg in range(2, legs + 1):
        before = bar[leg - 1] - bar[leg - 2]
        own = bar[leg] - bar[leg - 1]
        total += min(before, own) / max(before, own)
    return total / (legs - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def alternation_of(log_length: Float64Array1D, bar: Int32Array1D) -> float:
    """Alternation of waves 2 and 4, in [0, 1): 0 when they agree in depth and in duration."""
    depth = abs((log_length[2] - log_length[1]) - (log_length[4] - log_length[3]))
    duration = abs(math.log((bar[2] - bar[1]) / (bar[4] - bar[3])))
    return 1.0 - math.exp(-max(depth, duration) / LOG_GOLDEN_RATIO)


@njit(cache=True, nogil=True, error_model="numpy")
def line_at(a: int, b: int, through: int, at: int, x: Float64Array1D, bar: Int32Array1D) -> float:
    """Value at bar `at` of the parallel, through one pivot, of the line through pivots a and b."""
    return float(x[through] + slope(a, b, x, bar) * (at - bar[through]))


@njit(cache=True, nogil=True, error_model="numpy")
def channel(table: Int32Array1D, legs: int, x: Float64Array1D, bar: Int32Array1D) -> float:
    """Mean closeness of pivots to the channel lines that are expected to hold them, in [0, 1]; NaN without one."""
    total = 0.0
    count = 0
    for pivot in range(1, legs + 1):
        for index in range(table[LINE_AT + pivot], table[LINE_AT + pivot + 1]):
            at = LINE + LINE_COLUMNS * index
            a, b, through, height_at = table[at], table[at + 1], table[at + 2], table[at + 3]
            height = abs(x[height_at] - line_at(a, b, a, bar[height_at], x, bar))
            distance = x[pivot] - line_at(a, b, through, bar[pivot], x, bar)
            z = distance / max(height, SMALLEST_LENGTH) / CHANNEL_WIDTH
            total += math.exp(-0.5 * z * z)
            count += 1
    return total / count if count > 0 else math.nan


@njit(cache=True, nogil=True, error_model="numpy")
def momentum_of(legs: int, x: Float64Array1D, bar: Int32Array1D) -> float:
    """Share of wave 3's slope beside the steeper of waves 1 and 5, in [0, 1]."""
    own = max(slope(2, 3, x, bar), SMALLEST_LENGTH)
    other = slope(0, 1, x, bar)
    if legs == MAX_LEGS:
        other = max(other, slope(4, 5, x, bar))
    return own / (own + other)


@njit(cache=True, nogil=True, error_model="numpy")
def smallest_margin(table: Int32Array1D, number: Float64Array1D, legs: int, quantity: Float64Array1D) -> float:
    """Smallest margin of the rules that are decided, in [0, 1]; NaN where there is none."""
    smallest = math.inf
    for index in range(table[RULE_AT], table[RULE_AT + legs + 1]):
        smallest = min(smallest, margin(table, number, index, quantity))
    return smallest if smallest < math.inf else math.nan


@njit(cache=True, nogil=True, error_model="numpy")
def write_components(
    table: Int32Array1D,
    number: Float64Array1D,
    legs: int,
    quantity: Float64Array1D,
    bar: Int32Array1D,
    log_length: Float64Array1D,
    resolved: int,
    unresolved: int,
    component: Float64Array1D,
) -> float:
    """Write the components of a pattern or setup and return its score.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        legs: legs there, 2 or more.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it.
        bar: int32 [6], bars of the pivots.
        log_length: float64 [6], natural logs of the legs' log lengths; entry 0 is written here.
        resolved: legs that a pattern of the right kind resolves.
        unresolved: legs that are too short to tell.
        component: float64 [7], written whole, in the order of `COMPONENTS`; NaN where one isn't known.

    Returns:
        The score, in [0, 1], a multiple of 1 / SCORE_STEPS.
    """
    extended = False
    if legs >= 3:
        length_1 = quantity[LENGTHS + 1]
        length_3 = quantity[LENGTHS + 3]
        log_length[0] = log_of_length(abs(quantity[3] - quantity[0]))
        extended = length_3 >= GOLDEN_RATIO * length_1 and (legs < MAX_LEGS or length_3 > quantity[LENGTHS + 5])
    closeness_mean, ratios = fibonacci(table, number, legs, extended, log_length)
    resolvable = legs - unresolved
    smallest = smallest_margin(table, number, legs, quantity)
    component[0] = closeness_mean
    component[1] = math.nan
    if table[ALTERNATION] == 1 and legs >= 4:
        component[1] = alternation_of(log_length, bar)
    component[2] = similarity(legs, bar)
    component[3] = channel(table, legs, quantity, bar)
    component[4] = math.nan
    if table[MOMENTUM] == 1 and legs >= 3:
        component[4] = momentum_of(legs, quantity, bar)
    component[5] = smallest / (smallest + HALF_MARGIN)
    component[6] = resolved / resolvable if resolvable > 0 else math.nan
    total = 0.0
    for index in range(len(component)):
        known = 1.0
        if index == 0:
            known = ratios / MAX_LEGS
        elif index == 6:
            known = resolvable / MAX_LEGS
        value = HALF if math.isnan(component[index]) else component[index]
        total += number[WEIGHT + index] * (known * value + (1.0 - known) * HALF)
    return math.floor(total * SCORE_STEPS + HALF) / SCORE_STEPS


@njit(cache=True, nogil=True, error_model="numpy")
def level(table: Int32Array1D, number: Float64Array1D, index: int, x: Float64Array1D) -> float:
    """Oriented log price of a target, or of an invalidation that is not a pivot's price."""
    at = LEVEL + LEVEL_COLUMNS * index
    leg = table[at + 1]
    return float(x[table[at]] + number[MULTIPLE + index] * abs(x[leg] - x[leg - 1]))


@njit(cache=True, nogil=True, error_model="numpy")
def write_targets(
    table: Int32Array1D,
    number: Float64Array1D,
    direction: int,
    legs: int,
    quantity: Float64Array1D,
    bar: Int32Array1D,
    end: int,
    target: Float64Array1D,
) -> None:
    """Write a setup's target prices.

    Args:
        table: int32 [TABLE_COLUMNS], the class's row.
        number: float64 [NUMBER_COLUMNS], the class's row.
        direction: 1 or -1.
        legs: legs that the setup has.
        quantity: float64 [QUANTITIES]; what belongs to the pivot after the setup's last is overwritten.
        bar: int32 [6], bars of the pivots.
        end: the bar at which the line is read.
        target: float64 [4], dollars, written whole: NaN where a target would break a hard rule or lies behind the last
            pivot, and after the last target; the line's is in the last column.
    """
    line = SETUP_LINE + LINE_COLUMNS * legs
    target[:] = math.nan
    for slot in range(len(target)):
        if slot < table[SETUP_TARGETS + legs]:
            x = level(table, number, table[SETUP + legs] + slot, quantity)
        elif slot == len(target) - 1 and table[line] >= 0:
            x = line_at(table[line], table[line + 1], table[line + 2], end, quantity, bar)
        else:
            continue
        ahead = x > quantity[legs] if legs % 2 == 0 else x < quantity[legs]
        set_price(quantity, legs + 1, x)
        if ahead and reaches(table, number, legs + 1, quantity):
            target[slot] = math.exp(direction * x)
