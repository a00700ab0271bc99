"""A path of legs while a search grows it, and what the kinds that span its legs say of its classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.classes import COMPONENTS, MAX_LEGS
from kernels.waves.program import KINDS, LEADING_KINDS, QUANTITIES, Int32Array2D

COMPONENT_COUNT = len(COMPONENTS)


class Path(NamedTuple):
    """A path of legs while it grows: scratch, used again by the next start.

    Attributes:
        pivots: int32 [MAX_LEGS + 1], bars.
        leg: int32 [MAX_LEGS], index of each leg among all of the series.
        quantity: float64 [QUANTITIES], as `set_price` and `set_slopes` write it.
        log_length: float64 [MAX_LEGS + 1], as in `write_components`.
        next_leg: int32 [MAX_LEGS + 1], per depth the next leg to try.
        stop: int32 [MAX_LEGS + 1], per depth the first leg that starts elsewhere.
        possible: int32 [MAX_LEGS + 1], per depth the classes that the next leg may belong to.
        component: float64 [components], scratch of a score.
    """

    pivots: Int32Array1D
    leg: Int32Array1D
    quantity: Float64Array1D
    log_length: Float64Array1D
    next_leg: Int32Array1D
    stop: Int32Array1D
    possible: Int32Array1D
    component: Float64Array1D


@njit(cache=True, nogil=True, error_model="numpy")
def empty_path() -> Path:
    """Room for a path."""
    return Path(
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(MAX_LEGS, np.int32),
        np.empty(QUANTITIES),
        np.empty(MAX_LEGS + 1),
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(MAX_LEGS + 1, np.int32),
        np.empty(COMPONENT_COUNT),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def resolving(table: Int32Array2D, wave: int, kinds: int, classes: int) -> int:
    """Those of some classes in which a leg is resolved that patterns of some kinds span; `wave` counts from 0."""
    left = 0
    wave_class = 0
    while classes >> wave_class != 0:
        if classes >> wave_class & 1 and table[wave_class, KINDS + wave] & kinds != 0:
            left |= 1 << wave_class
        wave_class += 1
    return left


@njit(cache=True, nogil=True, error_model="numpy")
def is_leading(table: Int32Array1D, legs: int, leg: Int32Array1D, kinds: Int32Array1D) -> bool:
    """Whether a pattern can only be a leading one."""
    for wave in range(legs):
        spanning = kinds[leg[wave]]
        if spanning & table[KINDS + wave] == 0 and spanning & table[LEADING_KINDS + wave] != 0:
            return True
    return False
