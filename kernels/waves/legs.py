"""Legs of one series, memoised once per start bar.

Everything is written for rising legs. Falling legs are the rising legs of the mirrored bars (low -> -high,
high -> -low), so each rule exists once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.rules import log_of_length


class Bars(NamedTuple):
    """One series seen in one direction: the mirrored view has low = -high and high = -low.

    Attributes:
        low, high: oriented prices [n], NaN where there is no bar.
        log_low, log_high: oriented natural logs of the prices [n], NaN where there is no bar.
        lower_after: int32 [n], the first later bar with a lower low or without a bar; n where there is none.
        higher_after: int32 [n], the first later bar with a higher high or without a bar; n where there is none.
    """

    low: Float64Array1D
    high: Float64Array1D
    log_low: Float64Array1D
    log_high: Float64Array1D
    lower_after: Int32Array1D
    higher_after: Int32Array1D


class Legs(NamedTuple):
    """The rising legs of a series, grouped by their start.

    Attributes:
        at: int32 [n + 1]; the legs that start at bar s are `at[s] .. at[s + 1] - 1`.
        end: int32 [k], the bar on which each ends, rising within a start (and so are the highs there).
        log_length: float64 [k], natural log of the leg's log length.
    """

    at: Int32Array1D
    end: Int32Array1D
    log_length: Float64Array1D


class AllLegs(NamedTuple):
    """The legs of a series in both directions: the rising ones, then the falling ones.

    Attributes:
        at: int32 [2, n + 1]; the rising (0) or falling (1) legs that start at bar s are
            `at[side, s] .. at[side, s + 1] - 1`.
        end: int32 [k], the bar on which each ends, rising within a start.
        log_length: float64 [k], natural log of the leg's log length.
    """

    at: npt.NDArray[np.int32]
    end: Int32Array1D
    log_length: Float64Array1D


@njit(cache=True, nogil=True)
def first_lower_after(values: Float64Array1D) -> Int32Array1D:
    """First later bar that is lower or missing, per bar; n where there is none. A missing bar names itself."""
    n = len(values)
    found = np.full(n, n, np.int32)
    waiting = np.empty(n, np.int32)
    count = 0
    for t in range(n):
        if np.isnan(values[t]):
            for i in range(count):
                found[waiting[i]] = t
            count = 0
            found[t] = t
            continue
        while count > 0 and values[t] < values[waiting[count - 1]]:
            count -= 1
            found[waiting[count]] = t
        waiting[count] = t
        count += 1
    return found


@njit(cache=True, nogil=True)
def view_bars(low: Float64Array1D, high: Float64Array1D) -> tuple[Bars, Bars]:
    """The series as it is, and mirrored.

    Args:
        low: float64 [n], positive dollars; NaN where there is no bar.
        high: float64 [n], positive dollars; NaN where `low` is and nowhere else.
    """
    log_low = np.log(low)
    log_high = np.log(high)
    lower_after = first_lower_after(low)
    higher_after = first_lower_after(-high)
    return (
        Bars(low, high, log_low, log_high, lower_after, higher_after),
        Bars(-high, -low, -log_high, -log_low, higher_after, lower_after),
    )


@njit(cache=True, nogil=True)
def is_swing_low(low: Float64Array1D, t: int) -> bool:
    """Whether bar t is a swing low; a missing neighbour denies it, because comparisons with NaN are false."""
    return 0 < t < len(low) - 1 and low[t] < low[t - 1] and low[t] <= low[t + 1]


@njit(cache=True, nogil=True)
def is_swing_high(high: Float64Array1D, t: int) -> bool:
    """Whether bar t is a swing high; as `is_swing_low`."""
    return 0 < t < len(high) - 1 and high[t] > high[t - 1] and high[t] >= high[t + 1]


@njit(cache=True, nogil=True)
def legs_from(
    bars: Bars, s: int, max_span: int, max_skip: int, at: int, end: Int32Array1D, log_length: Float64Array1D
) -> int:
    """Find the rising legs from one bar, shortest first; how many there are.

    The ends are the swing highs among the running maxima of the high after s, up to the bar that undercuts s or is
    missing; `higher_after` jumps from one running maximum to the next.

    Args:
        bars: the series, seen in one direction.
        s: the bar.
        max_span: upper limit of a leg's bars, exclusive.
        max_skip: how many legs at most.
        at: the first place to write to.
        end: int32 [k], where the ends of the legs are written, as long as there is room.
        log_length: float64 [k], likewise.
    """
    if not is_swing_low(bars.low, s):
        return 0
    count = 0
    last = min(bars.lower_after[s], s + max_span, len(bars.low) - 1)
    e = bars.higher_after[s]
    while e < last and count < max_skip:
        if bars.high[e] >= bars.high[e + 1]:
            if at + count < len(end):
                end[at + count] = e
                log_length[at + count] = log_of_length(bars.log_high[e] - bars.log_low[s])
            count += 1
        e = bars.higher_after[e]
    return count


@njit(cache=True, nogil=True)
def rising_legs(bars: Bars, max_span: int, max_skip: int) -> Legs:
    """Every rising leg of the series that is shorter than `max_span` bars, `max_skip` at most per start."""
    n = len(bars.low)
    at = np.zeros(n + 1, np.int32)
    end = np.empty(4 * n + 4, np.int32)
    log_length = np.empty(len(end), np.float64)
    count = 0
    for s in range(n):
        at[s] = count
        found = legs_from(bars, s, max_span, max_skip, count, end, log_length)
        if count + found > len(end):
            end = np.append(end, np.empty(count + found, np.int32))
            log_length = np.append(log_length, np.empty(count + found, np.float64))
            legs_from(bars, s, max_span, max_skip, count, end, log_length)
        count += found
    at[n] = count
    return Legs(at, end[:count].copy(), log_length[:count].copy())


@njit(cache=True, nogil=True)
def all_legs(up: Bars, down: Bars, max_span: int, max_skip: int) -> AllLegs:
    """The legs of a series in both directions, from its two views; arguments as in `rising_legs`."""
    rising = rising_legs(up, max_span, max_skip)
    falling = rising_legs(down, max_span, max_skip)
    at = np.empty((2, len(rising.at)), np.int32)
    at[0] = rising.at
    at[1] = falling.at + len(rising.end)
    return AllLegs(
        at,
        np.concatenate((rising.end, falling.end)),
        np.concatenate((rising.log_length, falling.log_length)),
    )


@njit(cache=True, nogil=True)
def leg_between(legs: AllLegs, side: int, start: int, end: int) -> int:
    """Index of the leg from one bar to another, -1 if there is none: bisection among the legs from `start`."""
    low = legs.at[side, start]
    high = legs.at[side, start + 1]
    stop = high
    while low < high:
        middle = (low + high) // 2
        if legs.end[middle] < end:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and legs.end[low] == end else -1


@njit(cache=True, nogil=True)
def count_swings(low: Float64Array1D, high: Float64Array1D) -> Int32Array1D:
    """Swing lows and swing highs before each bar, int32 [n + 1]; a bar that is both counts twice."""
    n = len(low)
    before = np.zeros(n + 1, np.int32)
    for t in range(n):
        before[t + 1] = before[t] + is_swing_low(low, t) + is_swing_high(high, t)
    return before
