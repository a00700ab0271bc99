from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.trading.portfolio import Caps, PortfolioOrders, simulate_portfolio
from tests.kernels.trading.portfolios import INF, NAN, market_of

BARS = market_of([100] * 5, [None, None, 100, 100, 100])
GOOD = PortfolioOrders.of_weights(
    [1, 3], [[0.5, NAN], [-0.5, 0.5]], stop=[[0.9, NAN], [1.1, 0.9]], target=[[1.1, NAN], [0.9, 1.1]]
)


def call(orders=GOOD, bars=BARS, **options):
    return simulate_portfolio(bars, orders, **{"fill": "next_open", "cash": 1_000.0, **options})


def changed(name, place, value):
    values = getattr(GOOD, name).copy()
    values[place] = value
    return dataclasses.replace(GOOD, **{name: values})


def test_what_every_case_changes_is_good():
    assert call().backend == "cpu"


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (changed("bar", 1, 1), r"bar of order 1 \(bar 1\): expected bars that rise strictly"),
        (changed("bar", 0, -1), r"bar of order 0 \(bar -1\): expected 0 to 4"),
        (changed("bar", 1, 5), r"bar of order 1 \(bar 5\): expected 0 to 4"),
        (changed("weight", (1, 1), INF), r"weight of order 1 \(bar 3, symbol 1\): expected a finite share"),
        (changed("weight", (0, 1), 0.5), r"weight of order 0 \(bar 1, symbol 1\): .*hasn't had a bar yet"),
        (changed("stop", (0, 0), 1.1), r"stop of order 0 \(bar 1, symbol 0\): .*long position between 0 and 1"),
        (changed("stop", (0, 0), 0.0), r"stop of order 0 .*long position between 0 and 1"),
        (changed("stop", (1, 0), 0.9), r"stop of order 1 \(bar 3, symbol 0\): .*short position above 1"),
        (changed("stop", (1, 0), INF), r"stop of order 1 .*short position above 1, finite"),
        (changed("target", (1, 1), 1.0), r"target of order 1 \(bar 3, symbol 1\): .*long position above 1"),
        (changed("target", (1, 0), 1.2), r"target of order 1 .*short position between 0 and 1"),
        (changed("trail", (1, 1), 1.2), r"trail of order 1 .*long position between 0 and 1"),
        (changed("trail", (1, 0), 0.9), r"trail of order 1 .*short position above 1"),
        (
            changed("stop", (0, 1), 0.9),
            r"stop of order 0 \(bar 1, symbol 1\): expected NaN where the weight is NaN or 0",
        ),
        (
            changed("weight", (1, 1), 0.0),
            r"stop of order 1 \(bar 3, symbol 1\): expected NaN where the weight is NaN or 0",
        ),
        (dataclasses.replace(GOOD, bar=GOOD.bar.astype(np.int64)), r"orders.bar: .*int32 of shape \(2,\)"),
        (dataclasses.replace(GOOD, weight=GOOD.weight[:, :1].copy()), r"orders.weight: .*float64 of shape \(2, 2\)"),
        (dataclasses.replace(GOOD, trail=np.asfortranarray(GOOD.trail)), "orders.trail: .*C-contiguous: False"),
        (dataclasses.replace(GOOD, stop=GOOD.stop[:1]), r"orders.stop: .*shape \(2, 2\)"),
    ],
)
def test_bad_orders_are_named(orders, message):
    with pytest.raises(InvalidInputError, match=message):
        call(orders)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill": "limit"}, "fill of a portfolio: .*which of many limits inside a bar"),
        ({"fill": "now"}, "fill of a portfolio: expected one of next_open, same_close; got 'now'"),
        ({"cash": 0.0}, "cash: expected finite dollars above 0; got 0.0"),
        ({"cash": NAN}, "cash: "),
        ({"cash": INF}, "cash: "),
        ({"first": -1}, "first and last: .*got first -1, last 4"),
        ({"last": 5}, "first and last: .*got first 0, last 5"),
        ({"first": 3, "last": 3}, "first and last: .*got first 3, last 3"),
        ({"first": 2}, r"bar of order 0 \(bar 1\): expected 2 to 4"),
        ({"last": 2}, r"bar of order 1 \(bar 3\): expected 0 to 2"),
        ({"caps": Caps(sector=0.5)}, "sector: expected a sector for each of the 2 symbols"),
        ({"sector": np.zeros(3, dtype=np.int32)}, r"sector: .*shape \(2,\)"),
        ({"sector": np.zeros(2)}, "sector: .*int32"),
        ({"backend": "fast"}, "backend of simulate_portfolio"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(InvalidInputError, match=message):
        call(**options)


def test_a_backend_that_does_not_exist_is_refused():
    with pytest.raises(BackendUnavailableError, match="backend of simulate_portfolio"):
        call(backend="gpu")


@pytest.mark.parametrize("name", ["gross", "net", "name", "sector", "turnover"])
@pytest.mark.parametrize("value", [-0.1, NAN, -INF])
def test_a_bad_cap_is_named(name, value):
    with pytest.raises(InvalidInputError, match=f"caps, {name}: expected a share of the equity"):
        Caps(**{name: value})


@pytest.mark.parametrize("name", ["gross", "name", "sector", "turnover"])
def test_a_cap_of_zero_is_refused(name):
    with pytest.raises(InvalidInputError, match=f"caps, {name}: expected a share of the equity, above 0"):
        Caps(**{name: 0.0})


def test_a_net_cap_of_zero_is_allowed():
    assert Caps(net=0.0).net == 0.0


def test_bad_bars_are_named():
    bars = market_of([100, 100, -1, 100, 100], [100] * 5)
    with pytest.raises(InvalidInputError, match="open of series 0, bar 2"):
        call(bars=bars)


def test_an_unknown_level_is_refused():
    with pytest.raises(TypeError, match="'limit'"):
        PortfolioOrders.of_weights([0], [[0.5]], limit=1.0)


def test_weights_of_one_order_and_levels_are_broadcast_and_left_out_where_nothing_is_ordered():
    orders = PortfolioOrders.of_weights(3, [0.5, 0.0, NAN], stop=0.9)
    assert (orders.bar.tolist(), orders.weight.shape) == ([3], (1, 3))
    np.testing.assert_array_equal(orders.stop, [[0.9, NAN, NAN]])
    assert np.isnan(orders.trail).all()


def test_the_input_is_left_unchanged():
    before = [getattr(GOOD, field.name).copy() for field in dataclasses.fields(GOOD)]
    call()
    for field, values in zip(dataclasses.fields(GOOD), before, strict=True):
        np.testing.assert_array_equal(getattr(GOOD, field.name), values)
