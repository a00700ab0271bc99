"""What happens to an account, sentence by sentence of the README, in dollars worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.trading import FREE, NONE, OPEN, Bars, Orders, Paths, simulate
from kernels.trading.model import SUMMARY
from tests.kernels.trading.cases import CASES

BACKENDS = ("naive", "cpu")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_semantics(name, backend):
    case = CASES[name]
    found = case.run(simulate, backend)
    assert found.summary.shape == (1, len(SUMMARY))
    assert found.backend == backend
    assert np.isfinite(found.summary).all()
    case.check(found)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_leverage_that_leaves_no_room_leaves_no_dust(backend: str) -> None:
    # The short leg fills the cap to the last dollar, so the room for the long one is zero but for rounding.
    bars = Bars(*(np.full((1, 4), 30.1) for _ in range(4)), np.zeros((1, 4)))
    paths = Paths.flat(0, 0, 3, 0.3)
    orders = Orders.of_weights([0, 0], [0, 1], [[math.nan, 1.0], [0.7, math.nan]])
    found = simulate(bars, paths, orders, fill="next_open", costs=FREE, record=True, backend=backend)
    assert found.reason.tolist() == [[NONE, OPEN]]
    assert len(found.trades.leg) == 1
