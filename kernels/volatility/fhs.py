"""Filtered historical simulation: empirical quantiles of a sliding set of residuals, for any volatility model.

The residuals lie sorted in the first `count` cells of an array. The same residuals give the same cells whichever way
they came and went, so a set that slides along origins is bitwise the set that is sorted anew at each origin.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kernels.panel import Float64Array1D


@njit(cache=True)
def insert_sorted(values: Float64Array1D, count: int, value: float) -> int:
    """Insert `value` into the sorted `values[:count]`; a NaN is left out. Returns the new count."""
    if math.isnan(value):
        return count
    place = np.searchsorted(values[:count], value)
    for i in range(count, place, -1):
        values[i] = values[i - 1]
    values[place] = value
    return count + 1


@njit(cache=True)
def remove_sorted(values: Float64Array1D, count: int, value: float) -> int:
    """Remove one `value` from the sorted `values[:count]`, which must hold it unless NaN. Returns the new count."""
    if math.isnan(value):
        return count
    place = np.searchsorted(values[:count], value)
    for i in range(place, count - 1):
        values[i] = values[i + 1]
    return count - 1


@njit(cache=True)
def sorted_quantile(values: Float64Array1D, count: int, level: float) -> float:
    """Empirical quantile of the sorted `values[:count]`, count >= 1, by linear interpolation between order statistics.

    Definition 7 of Hyndman & Fan (1996), NumPy's default. Interpolated from the nearer neighbour, so it never falls as
    `level` rises.
    """
    place = (count - 1) * level
    below = math.floor(place)
    left = float(values[below])
    right = float(values[min(below + 1, count - 1)])
    share = place - below
    if share >= 0.5:
        return right - (right - left) * (1.0 - share)
    return left + (right - left) * share
