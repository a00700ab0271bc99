from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernels.metrics import measure_equity, measure_sums
from kernels.trading import simulate
from kernels.trading.model import SUMMARY, Bars, Costs, Orders, Paths
from kernels.trading.portfolio import PORTFOLIO_FILLS, PortfolioOrders, simulate_portfolio
from kernels.trading.portfolio_model import LEVELS
from tests.kernels.trading.portfolios import (
    COURSE,
    WIDE,
    assert_same,
    dollars_of,
    random_case,
    random_market,
    random_orders,
)

SEEDS = st.integers(0, 1_000_000)
PRICES = ("open", "high", "low", "close")


def column(found, name):
    return found.summary[SUMMARY.index(name)]


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_the_oracle_and_the_fast_version_agree(seed):
    bars, orders, options = random_case(seed)
    naive = simulate_portfolio(bars, orders, backend="naive", **options)
    assert_same(simulate_portfolio(bars, orders, backend="cpu", **options), naive)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, backend=st.sampled_from(["naive", "cpu"]))
def test_the_books_balance_to_the_cent(seed, backend):
    bars, orders, options = random_case(seed)
    found = simulate_portfolio(bars, orders, backend=backend, **options)
    trades, cent = found.trades, max(0.01, 1e-11 * dollars_of(found))
    made = np.sum(trades.gross + trades.dividends - trades.costs)
    assert abs(found.equity[-1] - found.equity[0] - made) < cent
    assert abs(trades.costs.sum() - found.costs.sum()) < cent
    assert abs(trades.dividends.sum() - found.dividends) < cent
    assert abs(found.traded.sum() - column(found, "traded")) < cent
    np.testing.assert_allclose(found.equity, found.cash + found.net, rtol=0.0, atol=cent)
    assert np.all(found.gross >= np.abs(found.net) - cent)
    rates = np.array([getattr(Costs(), f"{name}_bp") for name in ("fee", "half_spread", "slippage")]) / 10_000.0
    np.testing.assert_allclose(found.costs[:3], rates * found.traded.sum(), rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, side=st.sampled_from([1.0, -1.0]), fill=st.sampled_from(PORTFOLIO_FILLS))
def test_one_symbol_is_one_path_of_the_simulator(seed, side, fill):
    generator = np.random.default_rng(seed)
    bars = random_market(generator, 1, 40, missing=0.15)
    for name in PRICES:
        getattr(bars, name)[0, 0] = 50.0
    orders = random_orders(generator, bars, size=float(generator.choice([0.4, 4.0])))
    # An order that leaves both legs alone replaces one that waits; in a portfolio NaN leaves what waits too.
    asks = ~np.isnan(orders.weight[:, 0])
    orders = PortfolioOrders(**{name: getattr(orders, name)[asks] for name in ("bar", "weight", *LEVELS)})
    # The same orders, all of them long or all of them short: the levels move to the other side with the weight.
    flipped = np.sign(orders.weight) * side < 0.0
    levels = {name: np.where(flipped, np.nan, getattr(orders, name)) for name in LEVELS}
    weight = side * np.abs(orders.weight)
    portfolio = PortfolioOrders.of_weights(orders.bar, weight, **levels)
    leg = 0 if side > 0.0 else 1

    def of_leg(values):
        both = np.full((len(values), 2), np.nan)
        both[:, leg] = values[:, 0]
        return both

    alone = Orders.of_weights(
        np.zeros(len(orders.bar)), orders.bar, of_leg(np.abs(weight)), **{name: of_leg(levels[name]) for name in levels}
    )
    path = simulate(
        bars, Paths.flat(0, 0, 39, 10_000.0), alone, fill=fill, max_leverage=1e9, record=True, backend="naive"
    )
    # A path always caps its leverage by the equity left after costs; here no cap is meant to bind.
    assume(not np.any((path.equity > 0.0) & (path.equity < 1_000.0)))
    found = simulate_portfolio(bars, portfolio, fill=fill, cash=10_000.0, caps=WIDE, backend="cpu")
    size = dollars_of(found)
    np.testing.assert_allclose(found.equity, path.equity[0], rtol=1e-11, atol=1e-11 * size)
    np.testing.assert_allclose(found.summary, path.summary[0], rtol=1e-11, atol=1e-11 * size)
    assert found.exposure == path.exposure[0]
    for field in dataclasses.fields(found.trades):
        value, wanted = getattr(found.trades, field.name), getattr(path.trades, field.name)
        np.testing.assert_allclose(value, wanted, rtol=1e-11, atol=1e-11 * size, err_msg=field.name)


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_the_symbols_changes_only_the_rounding(seed):
    bars, orders, options = random_case(seed)
    symbols = len(bars.close)
    moved = np.random.default_rng(seed).permutation(symbols)
    found = simulate_portfolio(bars, orders, backend="cpu", **options)

    def columns(values):
        return np.ascontiguousarray(values[:, moved])

    levels = {name: columns(getattr(orders, name)) for name in ("weight", *LEVELS)}
    names = (field.name for field in dataclasses.fields(Bars))
    other = simulate_portfolio(
        Bars(**{name: np.ascontiguousarray(getattr(bars, name)[moved]) for name in names}),
        PortfolioOrders(bar=orders.bar, **levels),
        backend="cpu",
        **{**options, "sector": options["sector"][moved]},
    )
    size = dollars_of(found)
    for name in (*COURSE, "costs", "dividends"):
        value, wanted = getattr(other, name), getattr(found, name)
        np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-10 * size, err_msg=name)
    np.testing.assert_allclose(other.shares, found.shares[moved], rtol=1e-10, atol=1e-10 * size)
    assert other.exposure == found.exposure


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, backend=st.sampled_from(["naive", "cpu"]))
def test_later_bars_and_orders_leave_everything_earlier_unchanged_bit_for_bit(seed, backend):
    bars, orders, options = random_case(seed)
    generator = np.random.default_rng(seed)
    count = bars.close.shape[1]
    cut = int(generator.integers(1, count))
    later = random_market(generator, len(bars.close), count, missing=0.3)
    names = [field.name for field in dataclasses.fields(Bars)]
    mixed = Bars(
        **{name: np.concatenate((getattr(bars, name)[:, :cut], getattr(later, name)[:, cut:]), 1) for name in names}
    )
    keep = orders.bar < cut
    kept = PortfolioOrders(**{field.name: getattr(orders, field.name)[keep] for field in dataclasses.fields(orders)})
    found = simulate_portfolio(bars, orders, backend=backend, **options)
    other = simulate_portfolio(mixed, kept, backend=backend, **options)
    for name in COURSE:
        np.testing.assert_array_equal(getattr(other, name)[:cut], getattr(found, name)[:cut], err_msg=name)
    ended = [one.trades.exit_bar < cut for one in (found, other)]
    for field in dataclasses.fields(found.trades):
        value, wanted = getattr(other.trades, field.name)[ended[1]], getattr(found.trades, field.name)[ended[0]]
        np.testing.assert_array_equal(value, wanted, err_msg=field.name)
    if cut > 1:
        short = simulate_portfolio(bars, kept, last=cut - 1, backend=backend, **options)
        for name in COURSE:
            np.testing.assert_array_equal(getattr(short, name), getattr(found, name)[:cut], err_msg=name)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_a_symbol_that_is_never_ordered_changes_no_bit(seed):
    bars, orders, options = random_case(seed)
    idle = random_market(np.random.default_rng(seed), 1, bars.close.shape[1])
    names = [field.name for field in dataclasses.fields(Bars)]
    wider = Bars(**{name: np.concatenate((getattr(bars, name), getattr(idle, name))) for name in names})
    none = np.full((len(orders.bar), 1), np.nan)
    levels = {name: np.hstack((getattr(orders, name), none)) for name in ("weight", *LEVELS)}
    found = simulate_portfolio(bars, orders, backend="cpu", **options)
    sector = np.append(options["sector"], np.int32(0))
    other = simulate_portfolio(
        wider, PortfolioOrders(bar=orders.bar, **levels), backend="cpu", **{**options, "sector": sector}
    )
    np.testing.assert_array_equal(other.summary, found.summary)
    np.testing.assert_array_equal(other.shares[:-1], found.shares)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_an_account_without_orders_keeps_its_cash(backend):
    bars = random_market(np.random.default_rng(1), 3, 10)
    orders = PortfolioOrders.of_weights([], np.empty((0, 3)))
    found = simulate_portfolio(bars, orders, fill="next_open", cash=500.0, backend=backend)
    assert found.equity.tolist() == [500.0] * 10
    assert len(found.trades.path) == 0
    assert (found.exposure, found.dividends, found.costs.tolist()) == (0, 0.0, [0.0] * 5)
    assert found.backend == backend


def test_the_summary_gives_the_metrics_of_the_equity():
    bars, orders, options = random_case(7)
    found = simulate_portfolio(bars, orders, backend="cpu", **options)
    assert len(found.trades.path) > 0
    names = ("first_equity", "last_equity", "return_sum", "return_squares", "downside_squares", "max_drawdown")
    sums = measure_sums(*([column(found, name)] for name in names), returns=[len(found.equity) - 1])
    course = measure_equity(found.equity[np.newaxis, :])
    for name in sums._fields:
        np.testing.assert_allclose(getattr(sums, name), getattr(course, name), rtol=1e-9, err_msg=name)
