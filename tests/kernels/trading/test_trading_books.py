"""The books: what equity gains is what the trades made, on random bars, accounts and orders."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.trading import Costs, simulate
from kernels.trading.model import COST_KINDS, FILLS, FREE, OPEN, RUIN
from tests.kernels.trading.market import random_case

pytestmark = pytest.mark.parametrize("backend", ["naive", "cpu"])
FEW = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)
fills = st.sampled_from(FILLS)


def per_path(trades, column, count):
    return np.bincount(trades.path, weights=getattr(trades, column), minlength=count)


@FEW
@given(seed=seeds, fill=fills, cap=st.sampled_from([0.7, 1.0, 2.0]))
def test_the_gain_is_the_sum_of_the_trades(backend, seed, fill, cap):
    bars, paths, orders = random_case(seed, fill, paths=8)
    found = simulate(bars, paths, orders, fill=fill, max_leverage=cap, record=True, backend=backend)
    count = len(paths.series)
    gross, dividends, costs = (per_path(found.trades, name, count) for name in ("gross", "dividends", "costs"))
    gain = found.column("last_equity") - found.column("first_equity")
    scale = found.column("first_equity") + found.column("traded")
    np.testing.assert_array_less(np.abs(gain - (gross + dividends - costs)) / scale, 1e-12)
    paid = sum(found.column(kind) for kind in COST_KINDS)
    np.testing.assert_array_less(np.abs(paid - costs) / scale, 1e-12)
    np.testing.assert_array_less(np.abs(found.column("dividends") - dividends) / scale, 1e-12)


@FEW
@given(seed=seeds, fill=fills)
def test_the_record_and_the_summary_tell_the_same(backend, seed, fill):
    bars, paths, orders = random_case(seed, fill, paths=8)
    found = simulate(bars, paths, orders, fill=fill, record=True, backend=backend)
    for path, (first, last) in enumerate(zip(paths.first, paths.last, strict=True)):
        equity = found.equity[path]
        assert np.isnan(equity[last - first + 1 :]).all()
        equity = equity[: last - first + 1]
        assert equity[0] == found.column("first_equity")[path]
        assert equity[-1] == pytest.approx(found.column("last_equity")[path], rel=1e-12)
        returns = np.where(equity[:-1] > 0.0, equity[1:] / equity[:-1] - 1.0, 0.0)
        assert found.column("return_sum")[path] == pytest.approx(returns.sum(), abs=1e-10)
        assert found.column("return_squares")[path] == pytest.approx((returns**2).sum(), abs=1e-10)
        assert found.column("downside_squares")[path] == pytest.approx((np.minimum(returns, 0.0) ** 2).sum(), abs=1e-10)
        highest = np.maximum.accumulate(equity)
        assert found.column("max_drawdown")[path] == pytest.approx(((highest - equity) / highest).max(), abs=1e-12)


@FEW
@given(seed=seeds, fill=fills)
def test_trades_are_in_order_and_within_their_path(backend, seed, fill):
    bars, paths, orders = random_case(seed, fill, paths=8)
    found = simulate(bars, paths, orders, fill=fill, record=True, backend=backend)
    trades = found.trades
    keys = np.stack([trades.path, trades.exit_bar, trades.leg, trades.entry_bar], axis=1).tolist()
    assert keys == sorted(keys)
    assert (trades.bars == trades.exit_bar - trades.entry_bar).all()
    assert (trades.bars >= 0).all()
    assert (trades.exit_bar[trades.reason == OPEN] == paths.last[trades.path[trades.reason == OPEN]]).all()
    assert (trades.worst <= trades.best).all()
    assert (trades.shares > 0.0).all()
    assert (found.held.max(axis=1, initial=0) <= found.exposure).all()
    assert (found.exposure <= found.held.sum(axis=1)).all()
    for path in range(len(paths.series)):
        for leg in (0, 1):
            mine = (trades.path == path) & (trades.leg == leg)
            assert found.reason[path, leg] == (trades.reason[mine][-1] if mine.any() else 0)
            ended = mine.any() and trades.reason[mine][-1] != OPEN
            assert found.exit_bar[path, leg] == (trades.exit_bar[mine][-1] if ended else -1)


@FEW
@given(seed=seeds, fill=fills)
def test_dollars_scale_with_the_account(backend, seed, fill):
    # A power of two scales every float exactly.
    bars, paths, orders = random_case(seed, fill, paths=8)
    large = dataclasses.replace(paths, cash=paths.cash * 4.0, shares=paths.shares * 4.0)
    one, four = (simulate(bars, each, orders, fill=fill, record=True, backend=backend) for each in (paths, large))
    np.testing.assert_array_equal(one.equity * 4.0, four.equity)
    np.testing.assert_array_equal(one.reason, four.reason)
    np.testing.assert_array_equal(one.trades.best, four.trades.best)


@FEW
@given(seed=seeds, fill=fills, cap=st.sampled_from([0.5, 1.0, 1.5]))
def test_costs_are_never_a_gain_without_orders(backend, seed, fill, cap):
    bars, paths, orders = random_case(seed, fill, paths=8)
    none = dataclasses.replace(
        orders, **{field.name: getattr(orders, field.name)[:0] for field in dataclasses.fields(orders)}
    )
    dear, free = (
        simulate(bars, paths, none, fill=fill, costs=costs, max_leverage=cap, record=True, backend=backend)
        for costs in (Costs(), FREE)
    )
    solvent = ~((dear.reason == RUIN).any(axis=1) | (free.reason == RUIN).any(axis=1))
    assert (dear.column("last_equity") <= free.column("last_equity") + 1e-9)[solvent].all()
    assert (free.column("fee") == 0.0).all()


@FEW
@given(seed=seeds, cap=st.sampled_from([0.5, 1.0, 1.5]))
def test_no_fill_exceeds_the_leverage(backend, seed, cap):
    # A fill at the close is followed by its mark: the value after it is equity less cash, at one price.
    bars, paths, orders = random_case(seed, "same_close", paths=8)
    both = dataclasses.replace(orders, weight=np.nan_to_num(orders.weight))
    found = simulate(bars, paths, both, fill="same_close", max_leverage=cap, record=True, backend=backend)
    last = np.zeros(len(paths.series), dtype=bool)
    last[both.path[both.bar == paths.last[both.path]]] = True
    last &= ~np.isnan(bars.close[paths.series, paths.last]) & ~(found.reason == RUIN).any(axis=1)
    value = np.zeros(len(paths.series))
    open_now = found.trades.reason == OPEN
    # The greatest number of shares bounds what is held only from above; a leg opened at the last bar holds just that.
    fresh = open_now & (found.trades.entry_bar == found.trades.exit_bar)
    np.add.at(value, found.trades.path[fresh], (found.trades.shares * found.trades.exit_price)[fresh])
    assert (value <= cap * found.column("last_equity") * (1.0 + 1e-12))[last].all()
