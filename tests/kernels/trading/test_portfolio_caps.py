from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.trading.model import FREE, Costs
from kernels.trading.portfolio import Caps, PortfolioOrders, simulate_portfolio
from tests.kernels.trading.portfolios import INF, NAN, market_of, random_case, random_market, run

DEAR = Costs(100.0, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture(params=["naive", "cpu"])
def backend(request):
    return request.param


def shares_after(weights, backend, caps, costs=FREE, before=None, sector=None):
    """Shares at prices of 100 after one order, or after a second one that follows `before`."""
    rows = [(0, weights)] if before is None else [(0, before), (1, weights)]
    sector = None if sector is None else np.array(sector, dtype=np.int32)
    bars = market_of(*([100, 100, 100] for _ in weights))
    if before is None:
        return run(bars, rows, backend, caps=caps, costs=costs, sector=sector).shares
    opened = run(bars, rows[:1], backend, caps=Caps(gross=INF), costs=costs, last=1).shares
    found = run(bars, rows, backend, caps=caps, costs=costs, sector=sector)
    first = run(bars, rows[:1], backend, caps=caps, costs=costs, sector=sector, last=1).shares
    np.testing.assert_allclose(first, opened, err_msg="the caps must leave the first order alone")
    return found.shares


def test_what_fits_is_filled_as_asked(backend):
    caps = Caps(gross=0.8, net=0.4, name=0.6, sector=0.8, turnover=0.8)
    assert shares_after([0.6, -0.2], backend, caps, sector=[0, 0]).tolist() == [60.0, -20.0]


def test_the_name_cap_cuts_each_position_alone(backend):
    assert shares_after([0.5, -0.6, 0.1], backend, Caps(gross=INF, name=0.25)).tolist() == [25.0, -25.0, 10.0]


def test_the_sector_cap_scales_the_gross_of_a_sector(backend):
    found = shares_after([0.6, -0.2, 0.5], backend, Caps(gross=INF, sector=0.4), sector=[7, 7, -3])
    np.testing.assert_allclose(found, [30.0, -10.0, 40.0])


def test_the_sector_cap_counts_the_others_of_the_sector(backend):
    caps = Caps(gross=INF, sector=0.4)
    found = shares_after([0.3, NAN, 0.3], backend, caps, before=[0.0, -0.3, 0.0], sector=[1, 1, 2])
    np.testing.assert_allclose(found, [10.0, -30.0, 30.0])


def test_the_net_cap_scales_the_heavier_side_only(backend):
    np.testing.assert_allclose(shares_after([0.6, 0.2, -0.3], backend, Caps(gross=INF, net=0.1)), [30.0, 10.0, -30.0])
    np.testing.assert_allclose(shares_after([-0.8, 0.3], backend, Caps(gross=INF, net=0.1)), [-40.0, 30.0])


def test_a_net_cap_of_zero_leaves_exactly_nothing_of_one_side_alone(backend):
    assert shares_after([0.3, 0.1], backend, Caps(gross=INF, net=0.0)).tolist() == [0.0, 0.0]


def test_rounding_opens_no_position_where_a_cap_leaves_no_room(backend):
    # In each of these the room of the net cap is what rounding leaves of equal sums.
    for seed in (61, 336, 940, 1471):
        bars, orders, options = random_case(seed)
        caps = Caps(gross=INF, net=0.0, sector=0.4)
        found = simulate_portfolio(bars, orders, backend=backend, **{**options, "caps": caps})
        assert len(found.trades.path) > 0
        assert np.all(found.trades.shares * found.trades.entry_price > 1e-3)


def test_the_net_cap_counts_the_others_and_scales_at_most_to_zero(backend):
    caps = Caps(gross=INF, net=0.5)
    found = shares_after([0.4, NAN, -0.1], backend, caps, before=[0.0, 0.5, 0.0])
    np.testing.assert_allclose(found, [10.0, 50.0, -10.0])


def test_the_gross_cap_scales_everything_that_is_filled(backend):
    np.testing.assert_allclose(shares_after([1.0, -0.6], backend, Caps(gross=0.8)), [50.0, -30.0])


def test_the_gross_cap_counts_the_others(backend):
    found = shares_after([0.8, NAN], backend, Caps(gross=1.0), before=[0.0, -0.6])
    np.testing.assert_allclose(found, [40.0, -60.0])


def test_positions_of_missing_bars_count_at_their_last_close(backend):
    bars = market_of([100, 100, None], [100, 100, 100])
    found = run(bars, [(0, [0.6, NAN]), (1, [NAN, 1.9])], backend, caps=Caps(gross=2.0))
    np.testing.assert_allclose(found.shares, [60.0, 140.0])


def test_caps_rest_on_equity_after_the_costs_at_most(backend):
    np.testing.assert_allclose(shares_after([2.0], backend, Caps(gross=1.0), costs=DEAR), [98.0])
    np.testing.assert_allclose(shares_after([2.0], backend, Caps(gross=INF, name=0.5), costs=DEAR), [49.0])


def test_the_turnover_cap_takes_a_part_of_every_change(backend):
    np.testing.assert_allclose(shares_after([0.6, -0.2], backend, Caps(gross=INF, turnover=0.4)), [30.0, -10.0])
    bars = market_of(*([100] * 5 for _ in range(2)))
    rows = [(bar, [0.6, -0.2]) for bar in range(3)]
    found = run(bars, rows, backend, caps=Caps(gross=INF, turnover=0.4))
    np.testing.assert_allclose(found.traded, [0.0, 4_000.0, 4_000.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(found.shares, [60.0, -20.0])


def test_turnover_comes_last_so_that_another_cap_is_reached_over_several_orders(backend):
    bars = market_of([100, 100, 1_000, 1_000, 1_000, 1_000])
    rows = [(0, [0.1]), (2, [0.1]), (3, [0.1]), (4, [0.1])]
    caps = Caps(gross=INF, name=0.1, turnover=0.2)
    found = run(bars, rows, backend, caps=caps)
    np.testing.assert_allclose(found.equity[2:], 19_000.0)
    np.testing.assert_allclose(found.gross, [0.0, 1_000.0, 10_000.0, 6_200.0, 2_400.0, 1_900.0])


def test_caps_come_in_the_order_name_sector_net_gross(backend):
    caps = Caps(gross=0.5, net=0.2, name=0.6, sector=0.8)
    # Name: .6 .4 -.2; sector of the first two: .48 .32; net .6 -> .2: longs halved to .24 .16; gross .6 -> .5.
    found = shares_after([0.9, 0.4, -0.2], backend, caps, sector=[0, 0, 1])
    np.testing.assert_allclose(found, np.array([24.0, 16.0, -20.0]) * 5.0 / 6.0)


def after_each_fill(bars, orders, caps, sector):
    """For each order: dollars held before and after its fill at the close, which were ordered, and equity after it."""
    options = {
        "fill": "same_close",
        "cash": 1e5,
        "caps": caps,
        "sector": sector,
        "costs": Costs(20.0, 5.0, 5.0, 0.0, 0.0),
    }
    for order, bar in enumerate(orders.bar.tolist()):
        found = simulate_portfolio(bars, orders_until(orders, order + 1), last=bar, **options)
        before = simulate_portfolio(bars, orders_until(orders, order), last=bar, **options)
        close = bars.close[:, bar]
        traded = found.traded[-1] - before.traded[-1]
        yield before.shares * close, found.shares * close, ~np.isnan(orders.weight[order]), found.equity[-1], traded


def orders_until(orders, count):
    names = ("bar", "weight", "stop", "target", "trail")
    return PortfolioOrders(**{name: getattr(orders, name)[:count] for name in names})


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), turnover=st.sampled_from([0.3, INF]))
def test_every_cap_holds_after_every_fill_with_the_equity_after_costs(seed, turnover):
    generator = np.random.default_rng(seed)
    symbols = int(generator.integers(1, 8))
    bars = random_market(generator, symbols, 8, missing=0.0, volatility=0.1)
    weight = generator.normal(0.0, generator.choice([0.2, 2.0]), (4, symbols))
    weight[generator.random(weight.shape) < generator.choice([0.0, 0.4])] = NAN
    orders = PortfolioOrders.of_weights([1, 3, 5, 6], weight)
    caps = Caps(gross=1.2, net=generator.choice([0.0, 0.3]), name=0.3, sector=0.5, turnover=turnover)
    sector = generator.integers(0, 3, symbols).astype(np.int32)
    for before, after, ordered, equity, traded in after_each_fill(bars, orders, caps, sector):
        assert equity > 0.0
        room = equity * (1.0 + 1e-12)
        assert traded <= caps.turnover * room
        was = before if np.isfinite(turnover) else np.zeros(symbols)
        others = np.where(ordered, 0.0, after)
        amounts = [(np.abs(x[ordered]).max(initial=0.0) for x in (after, was, others))]
        caps_of = [caps.name]
        for number in range(3):
            inside = sector == number
            amounts.append(np.abs(x[inside]).sum() for x in (after, was, others))
            caps_of.append(caps.sector)
        amounts.append(np.abs(x).sum() for x in (after, was, others))
        amounts.append(abs(x.sum()) for x in (after, was, others))
        caps_of += [caps.gross, caps.net]
        for (now, then, rest), cap in zip(amounts, caps_of, strict=True):
            # The slack covers the rounding of a net of 0.
            assert rest > cap * equity or now <= max(then * (1.0 + 1e-12), cap * room) + 1e-9 * equity


@pytest.mark.parametrize("weight", [0.5, -0.5])
def test_where_the_others_break_the_gross_cap_nothing_is_added(backend, weight):
    bars = market_of([100, 100, 300, 300], [100] * 4)
    found = run(bars, [(0, [-0.2, NAN]), (2, [NAN, weight])], backend, caps=Caps(gross=0.9))
    assert found.equity[-1] == 6_000.0
    assert found.shares.tolist() == [-20.0, 0.0]
