"""The method that other scanners use: try every combination of skips from one start bar, walking each leg anew.

It is here to compare with: it finds the same impulses as `enumerate_class` with the same `max_skip`.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
from numba import njit

LEGS = 5


def leg_end(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], start: int, rising: int, skip: int) -> int:
    """Bar on which the leg from `start` with `skip` shorter ones before it ends; -1 if there is none.

    Args:
        low: float64 [n], dollars.
        high: float64 [n], dollars.
        start: a swing low (rising) or a swing high (falling).
        rising: 1 or 0.
        skip: 0 or more.
    """
    n = len(low)
    left = skip
    extreme = high[start] if rising else low[start]
    for bar in range(start + 1, n - 1):
        if rising:
            if low[bar] < low[start]:
                return -1
            further = high[bar] > extreme
            swing = high[bar] > high[bar - 1] and high[bar] >= high[bar + 1]
        else:
            if high[bar] > high[start]:
                return -1
            further = low[bar] < extreme
            swing = low[bar] < low[bar - 1] and low[bar] <= low[bar + 1]
        if not further:
            continue
        extreme = high[bar] if rising else low[bar]
        if swing:
            if left == 0:
                return bar
            left -= 1
    return -1


def is_impulse(x: npt.NDArray[np.float64]) -> bool:
    """Whether six oriented log prices keep the hard rules of an impulse."""
    length_1, length_3, length_5 = x[1] - x[0], x[3] - x[2], x[5] - x[4]
    return bool(
        x[2] > x[0]
        and x[3] > x[1]
        and x[4] > x[1]
        and x[5] > x[3]
        and not (length_3 < length_1 and length_3 < length_5)
    )


def full_product(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], start: int, max_skip: int, max_span: int
) -> list[tuple[int, ...]]:
    """Every bullish impulse from one start bar, sorted, by trying all `max_skip` to the fifth combinations."""
    log_low, log_high = np.log(low), np.log(high)
    found = []
    x = np.empty(LEGS + 1)
    for skips in product(range(max_skip), repeat=LEGS):
        pivots = [start]
        for wave, skip in enumerate(skips):
            pivots.append(leg_end(low, high, pivots[-1], wave % 2 == 0, skip))
            if pivots[-1] < 0:
                break
        if pivots[-1] < 0 or pivots[-1] - start >= max_span:
            continue
        for i, bar in enumerate(pivots):
            x[i] = log_low[bar] if i % 2 == 0 else log_high[bar]
        if is_impulse(x):
            found.append(tuple(pivots))
    return sorted(found)


compiled_leg_end = njit(leg_end)
compiled_is_impulse = njit(is_impulse)


@njit
def compiled_full_product(
    low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], start: int, max_skip: int, max_span: int
) -> int:
    """How many `full_product` finds, compiled."""
    log_low, log_high = np.log(low), np.log(high)
    x = np.empty(LEGS + 1)
    pivots = np.empty(LEGS + 1, np.int64)
    count = 0
    pivots[0] = start
    for combination in range(max_skip**LEGS):
        rest = combination
        x[0] = log_low[start]
        complete = True
        for wave in range(LEGS):
            pivots[wave + 1] = compiled_leg_end(low, high, pivots[wave], int(wave % 2 == 0), rest % max_skip)
            rest //= max_skip
            if pivots[wave + 1] < 0:
                complete = False
                break
            x[wave + 1] = log_high[pivots[wave + 1]] if wave % 2 == 0 else log_low[pivots[wave + 1]]
        if complete and pivots[LEGS] - start < max_span and compiled_is_impulse(x):
            count += 1
    return count
