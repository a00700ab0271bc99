"""The q-values with NumPy: one sort of the tests, then a running minimum from the largest level down."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D


def q_values(p_value: Float64Array1D, test: npt.NDArray[np.int64], tests: int) -> Float64Array1D:
    """Same as `kernels.discovery.q_values`, without its checks."""
    known = ~np.isnan(p_value)
    levels = p_value[known]
    listed, owner = np.unique(test[known], return_inverse=True)
    least = np.ones(len(listed))
    np.minimum.at(least, owner, levels)
    least.sort()

    def rate(level: Float64Array1D) -> Float64Array1D:
        return tests * level / np.searchsorted(least, level, side="right")

    # From each test on, the lowest rate of it and all behind it; 1 behind the last, where every test counts.
    lowest_from = np.minimum.accumulate(np.append(rate(least), 1.0)[::-1])[::-1]
    found = np.full(len(p_value), np.nan)
    found[known] = np.minimum(rate(levels), lowest_from[np.searchsorted(least, levels)])
    return found
