"""What accounts hold at the end of their paths: equal in both versions, and enough to go on from."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.trading import Costs, Orders, Paths, simulate
from kernels.trading.holdings import Holdings, holdings
from kernels.trading.model import FILLS
from tests.kernels.trading.market import (
    NAN,
    account,
    bars_of,
    orders_of,
    random_bars,
    random_case,
    random_orders,
)

seeds = st.integers(0, 2**32 - 1)
NUMBERS = [field.name for field in dataclasses.fields(Holdings) if field.name != "age"]


@settings(max_examples=40)
@given(seed=seeds, fill=st.sampled_from(FILLS), cap=st.sampled_from([0.5, 1.0, 3.0]))
def test_the_fast_version_equals_the_oracle(seed, fill, cap):
    case = random_case(seed, fill)
    fast, slow = (holdings(*case, fill=fill, max_leverage=cap, backend=backend) for backend in ("cpu", "naive"))
    np.testing.assert_array_equal(fast.age, slow.age)
    assert fast.age.dtype == slow.age.dtype == np.int32
    traded = simulate(*case, fill=fill, max_leverage=cap).column("traded")
    for name in NUMBERS:
        ours, theirs = getattr(fast, name), getattr(slow, name)
        scale = (1.0 + traded + np.abs(slow.equity)).reshape(-1, *[1] * (theirs.ndim - 1))
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=name)
        np.testing.assert_array_less(np.nan_to_num(np.abs(ours - theirs) / scale), 1e-12, err_msg=name)


@settings(max_examples=30)
@given(seed=seeds, backend=st.sampled_from(["cpu", "naive"]))
def test_the_equity_is_that_of_the_simulation_at_that_bar_however_far_it_goes(seed, backend):
    bars, paths, orders = random_case(seed, "next_open")
    whole = simulate(bars, paths, orders, fill="next_open", record=True, backend=backend)
    for bar in range(1, 40, 7):
        there = np.flatnonzero((paths.first < bar) & (paths.last >= bar))
        cut = Paths(**{name: getattr(paths, name)[there] for name in _fields(Paths)})
        cut = dataclasses.replace(cut, last=np.full(len(there), bar, dtype=np.int32))
        number = np.full(len(paths.series), -1)
        number[there] = np.arange(len(there))
        kept = (number[orders.path] >= 0) & (orders.bar <= bar)
        chosen = {name: getattr(orders, name)[kept] for name in _fields(Orders)}
        chosen["path"] = number[chosen["path"]].astype(np.int32)
        found = holdings(bars, cut, Orders(**chosen), fill="next_open", backend=backend)
        expected = whole.equity[there, bar - paths.first[there]]
        assert found.equity.tobytes() == expected.tobytes()


@settings(max_examples=30)
@given(seed=seeds)
def test_an_account_can_go_on_from_what_it_holds(seed):
    generator = np.random.default_rng(seed)
    bars = random_bars(generator, 3, 40, missing=0.0)
    paths = Paths.flat(generator.integers(0, 3, 20), 0, 39, 10_000.0)
    orders = random_orders(generator, bars, paths, "next_open")
    # The high of the last bar may lift a trailing stop above its close, where no account may begin.
    orders = dataclasses.replace(orders, trail=np.full_like(orders.trail, NAN))
    whole = simulate(bars, paths, orders, fill="next_open", record=True, backend="cpu")
    early, late = (_some(orders, kept) for kept in (orders.bar < 20, orders.bar >= 20))
    half = dataclasses.replace(paths, last=np.full(20, 20, np.int32))
    held = holdings(bars, half, early, fill="next_open", backend="cpu")
    assert (held.equity > 0.0).all()
    names = ("cash", "shares", "entry", "stop", "target", "trail", "peak", "age")
    rest = dataclasses.replace(paths, first=np.full(20, 20, np.int32), **{name: getattr(held, name) for name in names})
    second = simulate(bars, rest, late, fill="next_open", record=True, backend="cpu")
    np.testing.assert_allclose(second.equity, whole.equity[:, 20:], rtol=1e-12)


def test_every_field_of_a_known_account():
    rows = [100, (100, 104, 99, 102), (110, 112, 108, 111), 120]
    orders = orders_of([(0, (0.5, NAN), {"stop": (0.9, NAN), "target": (1.5, NAN)}), (1, (0.9, NAN), {})])
    free = Costs(0.0, 0.0, 0.0, 0.0, 0.0)
    found = holdings(bars_of(rows), account(4), orders, fill="next_open", costs=free)
    # 50 shares at 100; at 102 the equity is 10,100, so 90 % of it are 89.12 shares, bought at 110.
    shares = 0.9 * 10_100 / 102
    entry = (50 * 100 + (shares - 50) * 110) / shares
    np.testing.assert_allclose(found.shares, [[shares, 0.0]])
    np.testing.assert_allclose(found.entry, [[entry, NAN]])
    np.testing.assert_allclose(found.cash, [10_000 - 50 * 100 - (shares - 50) * 110])
    np.testing.assert_allclose(found.equity, found.cash + shares * 120)
    # The second order set no levels.
    assert np.isnan([found.stop, found.target, found.trail, found.peak]).all()
    assert found.age.tolist() == [[2, 0]]


def test_levels_are_dollars_of_the_last_fill_and_vanish_with_the_leg():
    orders = orders_of([(0, (NAN, 0.5), {"stop": (NAN, 1.2), "target": (NAN, 0.5), "trail": (NAN, 1.3)})])
    rows = [100, (100, 101, 80, 90), 90, (119, 125, 118, 121)]
    held = holdings(bars_of(rows[:3]), account(3), orders, fill="next_open")
    np.testing.assert_array_equal(held.stop, [[NAN, 120.0]])
    np.testing.assert_array_equal(held.target, [[NAN, 50.0]])
    np.testing.assert_array_equal(held.trail, [[NAN, 1.3]])
    np.testing.assert_array_equal(held.peak, [[NAN, 80.0]])
    gone = holdings(bars_of(rows), account(4), orders, fill="next_open")
    assert gone.shares.tolist() == [[0.0, 0.0]]
    assert gone.cash.tolist() == gone.equity.tolist()
    assert np.isnan([gone.entry, gone.stop, gone.target, gone.trail, gone.peak]).all()
    assert gone.age.tolist() == [[0, 0]]


def test_bad_input_and_backends_are_refused():
    bars, paths, orders = random_case(1, "next_open")
    with pytest.raises(InvalidInputError, match="fill"):
        holdings(bars, paths, orders, fill="tomorrow")
    with pytest.raises(BackendUnavailableError, match="holdings"):
        holdings(bars, paths, orders, fill="next_open", backend="gpu")


def _fields(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _some(orders: Orders, kept: np.ndarray) -> Orders:
    return Orders(**{name: getattr(orders, name)[kept] for name in _fields(Orders)})
