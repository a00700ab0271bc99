"""Nothing depends on a later bar: the future is changed, and what was known stays."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.trading import simulate
from kernels.trading.model import FILLS, Bars
from tests.kernels.trading.market import NAN, account, bars_of, orders_of, random_bars, random_case

pytestmark = pytest.mark.parametrize("backend", ["naive", "cpu"])


def changed_after(bars, cut, seed):
    """The same bars up to `cut`, others after it."""
    other = random_bars(np.random.default_rng(seed), *bars.close.shape)
    names = [field.name for field in dataclasses.fields(Bars)]
    return Bars(
        **{
            name: np.concatenate([getattr(bars, name)[:, : cut + 1], getattr(other, name)[:, cut + 1 :]], axis=1)
            for name in names
        }
    )


@pytest.mark.parametrize("fill", FILLS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(2, 36))
def test_another_future_changes_nothing_before_it(backend, fill, seed, cut):
    bars, paths, orders = random_case(seed, fill, paths=8)
    early = paths.first <= cut
    other = changed_after(bars, cut, seed + 1)
    # A path that begins after the cut would begin at other bars.
    paths = dataclasses.replace(
        paths,
        **{field.name: np.ascontiguousarray(getattr(paths, field.name)[early]) for field in dataclasses.fields(paths)},
    )
    kept = early[orders.path]
    orders = dataclasses.replace(
        orders,
        **{field.name: np.ascontiguousarray(getattr(orders, field.name)[kept]) for field in dataclasses.fields(orders)},
    )
    renumbered = (np.cumsum(early) - 1)[orders.path].astype(np.int32)
    orders = dataclasses.replace(orders, path=renumbered)
    one, two = (simulate(each, paths, orders, fill=fill, record=True, backend=backend) for each in (bars, other))
    for path, first in enumerate(paths.first):
        known = cut - first + 1
        np.testing.assert_array_equal(one.equity[path, :known], two.equity[path, :known])
    past = [closed_by(found.trades, cut) for found in (one, two)]
    assert past[0] == past[1]


def closed_by(trades, cut):
    """All columns of the trades that ended up to `cut`, but those that a path's end closed."""
    done = (trades.exit_bar <= cut) & (trades.reason != 6)
    return [getattr(trades, field.name)[done].tolist() for field in dataclasses.fields(trades)]


@pytest.mark.parametrize("fill", FILLS)
def test_shares_asked_for_do_not_depend_on_the_bar_of_the_fill(backend, fill):
    limit = {"limit": (100.0, NAN)} if fill == "limit" else {}
    shares = []
    for following in ((80, 100, 79, 99), (90, 120, 60, 70), (100, 101, 99, 100)):
        rows = [100, following]
        found = simulate(
            bars_of(rows), account(2), orders_of([(0, (0.5, NAN), limit)]), fill=fill, record=True, backend=backend
        )
        shares.append(found.trades.shares[0])
    assert shares == [50.0, 50.0, 50.0]


def test_an_order_of_today_leaves_today_as_it_was(backend):
    rows = [100, (100, 120, 80, 110), 90]
    for fill in ("next_open", "limit"):
        limit = {"limit": (110.0, NAN)} if fill == "limit" else {}
        with_order = simulate(
            bars_of(rows), account(3), orders_of([(1, (1.0, NAN), limit)]), fill=fill, record=True, backend=backend
        )
        np.testing.assert_array_equal(with_order.equity[0, :2], [10_000, 10_000])
        assert with_order.trades.entry_bar.tolist() == [2]
