"""Depth-first search for impulses and their setups in one series, seen in one direction.

The legs are joined wave by wave with the hard rules as pruning; what a prefix contributes to the score is computed once
per prefix. Ends of legs from one start come in rising order of their bars and go ever further in price, so a rule that
a longer wave can only break further ends the loop, and the patterns come out sorted by their pivots.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import MAX_LEGS
from kernels.waves.legs import Bars, Legs
from kernels.waves.rules import (
    LOG_L2_L1,
    LOG_L3_L1,
    LOG_L4_L3,
    LOG_L5_L1,
    LOG_L5_L1_EXTENDED,
    LOG_L5_NET,
    alternation_of,
    channel_closeness,
    closeness,
    is_extended,
    line_at,
    log_of_length,
    margin_shortest,
    margin_wave_2,
    margin_wave_3,
    margin_wave_4,
    margin_wave_5,
    momentum_of,
    rule_margin_of,
    similarity,
    total,
)

Int32Array2D = npt.NDArray[np.int32]

MAX_RECORDS = 8_388_608
"""Patterns and setups of one series and direction at which a search gives up, so that memory stays bounded."""


class Records(NamedTuple):
    """Scored patterns in rising order of their pivots.

    Attributes:
        pivots: int32 [m, MAX_LEGS + 1], bars; -1 after a setup's last pivot.
        until: int32 [m], the first bar on which a setup no longer stands or a finished pattern is in no window.
        score: float64 [m], in [0, 1].
    """

    pivots: Int32Array2D
    until: Int32Array1D
    score: Float64Array1D


@njit(cache=True, nogil=True)
def empty_records(capacity: int) -> Records:
    """Room for `capacity` records."""
    return Records(
        np.empty((capacity, MAX_LEGS + 1), np.int32), np.empty(capacity, np.int32), np.empty(capacity, np.float64)
    )


@njit(cache=True, nogil=True)
def resized(records: Records, count: int, capacity: int) -> Records:
    """The first `count` records, with room for `capacity`."""
    grown = empty_records(capacity)
    grown.pivots[:count] = records.pivots[:count]
    grown.until[:count] = records.until[:count]
    grown.score[:count] = records.score[:count]
    return grown


@njit(cache=True, nogil=True)
def write_record(
    records: Records,
    at: int,
    p0: int,
    p1: int,
    p2: int,
    p3: int,
    p4: int,
    p5: int,
    until: int,
    score: float,
) -> None:
    """Write one record; -1 for the pivots that a setup doesn't have."""
    records.pivots[at, 0] = p0
    records.pivots[at, 1] = p1
    records.pivots[at, 2] = p2
    records.pivots[at, 3] = p3
    records.pivots[at, 4] = p4
    records.pivots[at, 5] = p5
    records.until[at] = until
    records.score[at] = score


@njit(cache=True, nogil=True)
def wave_4_breaks(bars: Bars, p3: int, x1: float, until: int) -> int:
    """First bar before `until` on which the wave 4 under way has reached wave 1's end; `until` where there is none."""
    u = p3
    while u < until and bars.log_low[u] > x1:
        u = bars.lower_after[u]
    return min(u, until)


@njit(cache=True, nogil=True)
def wave_5_breaks(bars: Bars, p4: int, length_1: float, length_3: float, until: int) -> int:
    """First bar before `until` on which the wave 5 under way makes wave 3 the shortest; `until` where there is none."""
    if length_3 >= length_1:
        return until
    u = p4
    while u < until and bars.log_high[u] - bars.log_low[p4] <= length_3:
        u = bars.higher_after[u]
    return min(u, until)


@njit(cache=True, nogil=True)
def search_impulses(
    bars: Bars, rising: Legs, falling: Legs, max_span: int, first: int, longest: int, next_origin: Int32Array1D
) -> tuple[Records, Records, bool]:
    """Every impulse and every setup of an impulse, with its score.

    Args:
        bars: the series, oriented so that the first leg rises.
        rising: its rising legs, each shorter than `max_span`.
        falling: its falling legs, each shorter than `max_span`.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        first: the first bar on which p0 may lie.
        longest: bars in the longest window that is asked for; a finished pattern is in none after p0 + longest - 1.
        next_origin: int32 [n], the first bar at or after each bar as of which setups are asked for; n where there is
            none. A setup that stands on no such bar is left out.

    Returns:
        The finished patterns, the setups, and whether the search came to its end; none of either where it didn't.
    """
    n = len(bars.low)
    low, high = bars.log_low, bars.log_high
    finished = empty_records(64)
    setups = empty_records(64)
    m = 0
    k = 0
    for p0 in range(first, n):
        x0 = low[p0]
        for leg_1 in range(rising.at[p0], rising.at[p0 + 1]):
            p1 = rising.end[leg_1]
            x1 = high[p1]
            length_1 = x1 - x0
            log_1 = rising.log_length[leg_1]
            slope_1 = length_1 / (p1 - p0)
            for leg_2 in range(falling.at[p1], falling.at[p1 + 1]):
                p2 = falling.end[leg_2]
                x2 = low[p2]
                if p2 - p0 >= max_span or x2 <= x0:
                    break
                log_2 = falling.log_length[leg_2]
                fibonacci_2 = closeness(log_2 - log_1, LOG_L2_L1)
                time_2 = similarity(p1 - p0, p2 - p1)
                margin_2 = margin_wave_2(x0, x1, x2)
                until = min(bars.lower_after[p2], p0 + max_span)
                if next_origin[p2 + 1] < until:
                    if k == len(setups.score):
                        setups = resized(setups, k, 2 * k)
                    score = total(fibonacci_2, math.nan, time_2, math.nan, math.nan, rule_margin_of(margin_2))
                    write_record(setups, k, p0, p1, p2, -1, -1, -1, until, score)
                    k += 1
                for leg_3 in range(rising.at[p2], rising.at[p2 + 1]):
                    p3 = rising.end[leg_3]
                    x3 = high[p3]
                    if p3 - p0 >= max_span:
                        break
                    if m + k > MAX_RECORDS:
                        return empty_records(0), empty_records(0), False
                    if x3 <= x1:
                        continue
                    length_3 = x3 - x2
                    log_3 = rising.log_length[leg_3]
                    slope_3 = length_3 / (p3 - p2)
                    fibonacci_3 = fibonacci_2 + closeness(log_3 - log_1, LOG_L3_L1)
                    time_3 = time_2 + similarity(p2 - p1, p3 - p2)
                    margin_3 = min(margin_2, margin_wave_3(x1, x2, x3))
                    slope_13 = (x3 - x1) / (p3 - p1)
                    height_2 = line_at(x1, p1, slope_13, p2) - x2
                    log_net = log_of_length(x3 - x0)
                    until = wave_4_breaks(bars, p3, x1, min(bars.higher_after[p3], p0 + max_span))
                    if next_origin[p3 + 1] < until:
                        if k == len(setups.score):
                            setups = resized(setups, k, 2 * k)
                        score = total(
                            fibonacci_3 / 2,
                            math.nan,
                            time_3 / 2,
                            math.nan,
                            momentum_of(slope_3, slope_1),
                            rule_margin_of(margin_3),
                        )
                        write_record(setups, k, p0, p1, p2, p3, -1, -1, until, score)
                        k += 1
                    for leg_4 in range(falling.at[p3], falling.at[p3 + 1]):
                        p4 = falling.end[leg_4]
                        x4 = low[p4]
                        if p4 - p0 >= max_span or x4 <= x1:
                            break
                        log_4 = falling.log_length[leg_4]
                        fibonacci_4 = fibonacci_3 + closeness(log_4 - log_3, LOG_L4_L3)
                        time_4 = time_3 + similarity(p3 - p2, p4 - p3)
                        margin_4 = min(margin_3, margin_wave_4(x1, x3, x4))
                        alternation = alternation_of(log_2 - log_1, log_4 - log_3, p2 - p1, p4 - p3)
                        channel_4 = channel_closeness(x4, line_at(x2, p2, slope_13, p4), height_2)
                        slope_24 = (x4 - x2) / (p4 - p2)
                        height_3 = x3 - line_at(x2, p2, slope_24, p3)
                        until = min(bars.lower_after[p4], p0 + max_span)
                        until = wave_5_breaks(bars, p4, length_1, length_3, until)
                        if next_origin[p4 + 1] < until:
                            if k == len(setups.score):
                                setups = resized(setups, k, 2 * k)
                            score = total(
                                fibonacci_4 / 3,
                                alternation,
                                time_4 / 3,
                                channel_4,
                                momentum_of(slope_3, slope_1),
                                rule_margin_of(margin_4),
                            )
                            write_record(setups, k, p0, p1, p2, p3, p4, -1, until, score)
                            k += 1
                        if m + rising.at[p4 + 1] - rising.at[p4] > len(finished.score):
                            finished = resized(finished, m, 2 * (m + rising.at[p4 + 1] - rising.at[p4]))
                        for leg_5 in range(rising.at[p4], rising.at[p4 + 1]):
                            p5 = rising.end[leg_5]
                            x5 = high[p5]
                            length_5 = x5 - x4
                            if p5 - p0 >= max_span or (length_3 < length_1 and length_3 < length_5):
                                break
                            if x5 <= x3:
                                continue
                            log_5 = rising.log_length[leg_5]
                            if is_extended(length_1, length_3, length_5):
                                fibonacci = fibonacci_4 + closeness(log_5 - log_1, LOG_L5_L1_EXTENDED)
                            else:
                                fibonacci = fibonacci_4 + closeness(log_5 - log_1, LOG_L5_L1)
                            fibonacci += closeness(log_5 - log_net, LOG_L5_NET)
                            time = time_4 + similarity(p4 - p3, p5 - p4)
                            channel = channel_4 + channel_closeness(x5, line_at(x3, p3, slope_24, p5), height_3)
                            slope_5 = length_5 / (p5 - p4)
                            margin = min(margin_4, margin_wave_5(x3, x4, x5))
                            margin = min(margin, margin_shortest(length_1, length_3, length_5))
                            score = total(
                                fibonacci / 5,
                                alternation,
                                time / 4,
                                channel / 2,
                                momentum_of(slope_3, max(slope_1, slope_5)),
                                rule_margin_of(margin),
                            )
                            write_record(finished, m, p0, p1, p2, p3, p4, p5, p0 + longest, score)
                            m += 1
    return resized(finished, m, m), resized(setups, k, k), True
