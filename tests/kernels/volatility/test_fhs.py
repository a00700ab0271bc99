from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.volatility.fhs import insert_sorted, remove_sorted, sorted_quantile

RESIDUALS = st.lists(st.floats(-1e3, 1e3, width=16) | st.just(math.nan), max_size=60)


@given(values=RESIDUALS, width=st.integers(1, 20))
def test_a_set_that_slides_holds_the_sorted_residuals_at_every_step(values, width):
    window = np.full(width + 1, np.nan)
    count = 0
    for last, value in enumerate(values):
        count = insert_sorted(window, count, value)
        if last >= width:
            count = remove_sorted(window, count, values[last - width])
        held = np.array(values[max(0, last - width + 1) : last + 1])
        np.testing.assert_array_equal(window[:count], np.sort(held[~np.isnan(held)]))


@given(
    values=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80),
    levels=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20).map(sorted),
)
def test_quantiles_are_those_of_numpy_to_the_last_bit(values, levels):
    ordered = np.sort(values)
    quantiles = [sorted_quantile(ordered, len(ordered), level) for level in levels]
    np.testing.assert_array_equal(quantiles, np.quantile(ordered, levels))


def test_cells_beyond_the_count_are_never_read():
    window = np.array([1.0, 2.0, np.nan, np.nan])
    assert sorted_quantile(window, 2, 1.0) == 2.0
    assert sorted_quantile(window, 1, 0.7) == 1.0
