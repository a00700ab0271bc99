"""The loop over one path as other compiled loops call it: state as a tuple, one order, nothing recorded."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit, prange

from kernels.trading import FILLS, SUMMARY, Costs, Orders, simulate
from kernels.trading.layout import COUNTS, STATE, states_of, terms_of, wishes_of
from kernels.trading.path import simulate_path
from tests.kernels.trading.market import random_case


@njit(parallel=True, error_model="numpy")
def summaries(bars, series, first, last, state, wishes, has_order, terms, fill, summary, counts):
    for p in prange(len(series)):
        row = state[p]
        same = (
            row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7],
            row[8], row[9], row[10], row[11], row[12], row[13], row[14],
        )  # fmt: skip
        simulate_path(
            bars[0], bars[1], bars[2], bars[3], bars[4], series[p], first[p], last[p], same, None, wishes,
            p, p + has_order[p], terms, fill, summary[p], counts[p], None, None, None,
        )  # fmt: skip


@pytest.mark.parametrize("fill", FILLS)
def test_a_loop_of_ones_own_gives_the_bytes_of_simulate(fill):
    bars, paths, drawn = random_case(3, fill, paths=200)
    generator = np.random.default_rng(0)
    # One order of the case for each path, whosever it was, and a hold for some.
    pick = generator.integers(0, len(drawn.path), 200)
    has_order = generator.integers(0, 2, 200)
    levels = {name: getattr(drawn, name)[pick] for name in ("stop", "target", "trail", "limit")}
    wishes = Orders.of_weights(np.arange(200), paths.first, drawn.weight[pick], **levels)
    chosen = has_order == 1
    kept = {name: values[chosen] for name, values in levels.items()}
    orders = Orders.of_weights(np.flatnonzero(chosen), paths.first[chosen], wishes.weight[chosen], **kept)
    expected = simulate(bars, paths, orders, fill=fill, costs=Costs(), max_leverage=2.0, backend="cpu")
    summary = np.full((200, len(SUMMARY)), np.nan)
    counts = np.full((200, COUNTS), -9, np.int32)
    prices = np.stack([bars.open, bars.high, bars.low, bars.close, bars.dividend])
    state = states_of(paths)
    assert state.shape[1] == STATE
    places = paths.series, paths.first, paths.last
    terms = terms_of(Costs(), 2.0)
    summaries(prices, *places, state, wishes_of(wishes), has_order, terms, FILLS.index(fill), summary, counts)
    assert summary.tobytes() == expected.summary.tobytes()
    found = np.concatenate([expected.exposure[:, None], expected.reason, expected.exit_bar, expected.held], axis=1)
    np.testing.assert_array_equal(counts, found)
    assert len(np.unique(counts[:, 1])) >= 4
