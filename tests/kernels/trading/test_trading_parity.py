"""The fast version equals the oracle, and no path depends on the others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.trading import Costs, simulate
from kernels.trading.model import FILLS, FREE
from tests.kernels.trading.market import assert_same, only, random_case

seeds = st.integers(0, 2**32 - 1)
pytestmark = pytest.mark.parametrize("fill", FILLS)


@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    cap=st.sampled_from([0.5, 1.0, 2.0, 10.0]),
    costs=st.sampled_from([Costs(), FREE, Costs(100, 50, 20, 800, 5)]),
)
def test_the_fast_version_equals_the_oracle(fill, seed, cap, costs):
    case = random_case(seed, fill)
    fast, slow = (
        simulate(*case, fill=fill, costs=costs, max_leverage=cap, record=True, backend=backend)
        for backend in ("cpu", "naive")
    )
    assert_same(fast, slow)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_recording_changes_nothing(fill, backend):
    for seed in range(5):
        case = random_case(seed, fill)
        plain, recorded = (simulate(*case, fill=fill, record=record, backend=backend) for record in (False, True))
        for name in ("summary", "exposure", "reason", "exit_bar", "held"):
            np.testing.assert_array_equal(getattr(plain, name), getattr(recorded, name))
        assert plain.equity is None
        assert plain.trades is None


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_path_alone_gives_the_bytes_that_it_gives_among_others(fill, backend):
    bars, paths, orders = random_case(7, fill, paths=60)
    many = simulate(bars, paths, orders, fill=fill, record=True, backend=backend)
    for path in range(60):
        one = simulate(bars, *only(paths, orders, path), fill=fill, record=True, backend=backend)
        for name in ("summary", "exposure", "reason", "exit_bar", "held"):
            assert getattr(one, name)[0].tobytes() == getattr(many, name)[path].tobytes()
        width = one.equity.shape[1]
        assert one.equity[0].tobytes() == many.equity[path, :width].tobytes()
        mine = many.trades.path == path
        for field in dataclasses.fields(one.trades)[1:]:
            assert getattr(one.trades, field.name).tobytes() == getattr(many.trades, field.name)[mine].tobytes()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_inputs_are_left_as_they_are(fill, backend):
    case = random_case(3, fill)
    before = [getattr(each, field.name).tobytes() for each in case for field in dataclasses.fields(each)]
    simulate(*case, fill=fill, record=True, backend=backend)
    assert before == [getattr(each, field.name).tobytes() for each in case for field in dataclasses.fields(each)]
