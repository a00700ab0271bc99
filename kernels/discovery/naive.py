"""The oracle of the q-values, straight from the README: every level is tried for every row."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D


def q_values(p_value: Float64Array1D, test: npt.NDArray[np.int64], tests: int) -> Float64Array1D:
    """Same as `kernels.discovery.q_values`, without its checks."""
    least: dict[int, float] = {}
    for level, owner in zip(p_value.tolist(), test.tolist(), strict=True):
        if not math.isnan(level):
            least[owner] = min(level, least.get(owner, level))
    found = []
    for level in p_value.tolist():
        if math.isnan(level):
            found.append(math.nan)
            continue
        levels = [level, *(other for other in least.values() if other >= level)]
        rates = [tests * other / sum(head <= other for head in least.values()) for other in levels]
        found.append(min(1.0, *rates))
    return np.array(found, dtype=np.float64)
