"""The hard rules of all classes, each once, for a search that follows every class at a time.

It is derived from the class table as arrays (`program.py`); a set of classes is a bit set of their indices.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import MAX_LEGS
from kernels.waves.program import (
    FACTOR,
    LEADING_KINDS,
    LEGS,
    REQUIRED,
    RULE,
    RULE_AT,
    RULE_COLUMNS,
    SETUP,
    Int32Array2D,
    Program,
    program,
)

LESSER, GREATER, STRICT, FINAL, CLASSES = range(5)
"""Columns of `SharedRules.rule`."""


class SharedRules(NamedTuple):
    """The distinct hard rules, by the last pivot that they need, and who has them.

    Attributes:
        at: int32 [MAX_LEGS + 2]; the rules that pivot k decides are `at[k] .. at[k + 1] - 1`.
        rule: int32 [rules, 5]: quantity of the lesser side; of the greater; 1 if equality breaks it; 1 if a longer last
            wave breaks it too, once one does; the classes that have it.
        factor: float64 [rules, 2], the factors of the lesser and the greater side.
        finished: int32 [MAX_LEGS + 1], the classes with so many legs.
        unfinished: int32 [MAX_LEGS + 1], the classes with more legs.
        required: int32 [MAX_LEGS + 1], the classes that aren't there unless that leg is resolved.
        leading: the classes that have leading patterns.
        setups: int32 [MAX_LEGS + 1], the classes that have a setup of so many legs.
    """

    at: Int32Array1D
    rule: Int32Array2D
    factor: Float64Array2D
    finished: Int32Array1D
    unfinished: Int32Array1D
    required: Int32Array1D
    leading: int
    setups: Int32Array1D


def bits(classes: list[int]) -> int:
    """Bit set of classes."""
    return sum(1 << wave_class for wave_class in classes)


def share_rules(declared: Program) -> SharedRules:
    """Collect the rules of a class table."""
    table, number = declared
    holders: dict[tuple[int, ...], list[int]] = {}
    for wave_class, row in enumerate(table):
        for pivot in range(1, MAX_LEGS + 1):
            for index in range(row[RULE_AT + pivot], row[RULE_AT + pivot + 1]):
                entry = row[RULE + RULE_COLUMNS * index :][:4]
                factors = number[wave_class, FACTOR + 2 * index :][:2]
                holders.setdefault((pivot, *entry.tolist(), *factors.tolist()), []).append(wave_class)
    keys = sorted(holders)
    pivots = [key[0] for key in keys]
    legs = table[:, LEGS]
    counts = range(MAX_LEGS + 1)
    return SharedRules(
        at=np.searchsorted(pivots, range(MAX_LEGS + 2)).astype(np.int32),
        rule=np.array([(*key[1:5], bits(holders[key])) for key in keys], np.int32),
        factor=np.array([key[5:] for key in keys], np.float64),
        finished=np.array([bits(np.flatnonzero(legs == count).tolist()) for count in counts], np.int32),
        unfinished=np.array([bits(np.flatnonzero(legs > count).tolist()) for count in counts], np.int32),
        required=np.array(
            [bits(np.flatnonzero(table[:, REQUIRED] << 1 >> leg & 1).tolist()) for leg in counts], np.int32
        ),
        leading=bits(np.flatnonzero(table[:, LEADING_KINDS : LEADING_KINDS + MAX_LEGS].any(axis=1)).tolist()),
        setups=np.array([bits(np.flatnonzero(table[:, SETUP + count] >= 0).tolist()) for count in counts], np.int32),
    )


@cache
def shared_rules() -> SharedRules:
    """The rules of the declared classes."""
    return share_rules(program())


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def classes_left(
    at: Int32Array1D,
    rule: Int32Array2D,
    factor: Float64Array2D,
    pivot: int,
    quantity: Float64Array1D,
    classes: int,
) -> tuple[int, int]:
    """Those of some classes whose rules hold that a new pivot decides, and those that no longer last wave can mend.

    Args:
        at: as in `SharedRules`, and so are the next two.
        rule: int32 [rules, 5].
        factor: float64 [rules, 2].
        pivot: the pivot.
        quantity: float64 [QUANTITIES], read up to `pivot`.
        classes: bit set of the classes.

    Returns:
        Two bit sets; of a class that one rule has broken, the further rules needn't be looked at.
    """
    left = classes
    for_good = 0
    for index in range(at[pivot], at[pivot + 1]):
        having = rule[index, CLASSES]
        if left & having == 0:
            continue
        lesser = factor[index, 0] * quantity[rule[index, LESSER]]
        greater = factor[index, 1] * quantity[rule[index, GREATER]]
        if not (lesser < greater or (lesser == greater and rule[index, STRICT] == 0)):
            left &= ~having
            if rule[index, FINAL] == 1:
                for_good |= having
    return left, for_good
