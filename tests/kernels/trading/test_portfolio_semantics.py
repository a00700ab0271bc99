from __future__ import annotations

import numpy as np
import pytest

from kernels.trading.model import OPEN, ORDER, RUIN, STOP, TARGET, TRAILING_STOP, Costs
from kernels.trading.portfolio import Caps
from tests.kernels.trading.portfolios import NAN, market_of, run


@pytest.fixture(params=["naive", "cpu"])
def backend(request):
    return request.param


def trades_of(found, *columns):
    return list(zip(*(getattr(found.trades, column).tolist() for column in columns), strict=True))


def test_shares_are_fixed_at_the_decision_and_filled_at_the_next_open(backend):
    found = run(market_of([100, (110, 120, 110, 120)], [50, 50]), [(0, [0.5, -0.25])], backend)
    assert found.shares.tolist() == [50.0, -50.0]
    assert found.cash.tolist() == [10_000.0, 10_000.0 - 50 * 110 + 50 * 50]
    assert found.equity.tolist() == [10_000.0, 10_500.0]
    assert found.gross.tolist() == [0.0, 8_500.0]
    assert found.net.tolist() == [0.0, 3_500.0]
    assert found.traded.tolist() == [0.0, 8_000.0]


def test_same_close_fills_at_the_close_of_the_decision_and_charges_after_the_first_mark(backend):
    bars = market_of([(90, 101, 90, 100), 100])
    found = run(bars, [(0, [0.5])], backend, fill="same_close", costs=Costs(10.0, 0.0, 0.0, 0.0, 0.0))
    assert found.shares.tolist() == [50.0]
    assert found.equity.tolist() == [10_000.0, 9_995.0]
    assert found.cash.tolist() == [10_000.0, 4_995.0]
    assert found.gross.tolist() == [0.0, 5_000.0]
    assert found.traded.tolist() == [5_000.0, 0.0]
    assert found.summary[0] == 10_000.0


def test_an_order_of_the_last_bar_is_filled_only_at_its_close(backend):
    bars = market_of([100, 100])
    assert run(bars, [(1, [0.5])], backend).shares.tolist() == [0.0]
    assert run(bars, [(1, [0.5])], backend, fill="same_close").shares.tolist() == [50.0]


def test_a_nan_weight_leaves_the_position_and_its_levels_and_a_zero_closes(backend):
    bars = market_of([100, 100, 100, (100, 100, 90, 95)], [100, 100, 100, 100])
    rows = [(0, [0.4, 0.4], {"stop": [0.95, NAN]}), (1, [NAN, 0.0])]
    found = run(bars, rows, backend)
    assert trades_of(found, "path", "reason", "exit_bar", "exit_price") == [(0, STOP, 3, 95.0), (1, ORDER, 2, 100.0)]


def test_an_order_waits_for_the_symbol_whose_bar_is_missing(backend):
    found = run(market_of([100, None, None, 120], [100, 101, 102, 103]), [(0, [0.5, 0.5])], backend)
    assert trades_of(found, "path", "entry_bar", "entry_price") == [(0, 3, 120.0), (1, 1, 101.0)]
    assert found.shares.tolist() == [50.0, 50.0]


def test_same_close_waits_for_the_close_of_the_next_bar_that_is_there(backend):
    bars = market_of([100, None, (90, 120, 90, 120)], [100, 100, 100])
    found = run(bars, [(1, [0.5, 0.5])], backend, fill="same_close")
    assert trades_of(found, "path", "entry_bar", "entry_price") == [(0, 2, 120.0), (1, 1, 100.0)]


def test_a_newer_order_replaces_what_waits_only_where_its_weight_is_not_nan(backend):
    bars = market_of([100, None, None, 100], [100, None, None, 100], [100, None, None, 100])
    found = run(bars, [(0, [0.5, 0.2, 0.1]), (1, [0.3, NAN, 0.0])], backend)
    assert found.shares.tolist() == [30.0, 20.0, 0.0]


def test_a_missing_bar_pays_no_night_and_no_dividend_and_counts_at_the_last_close(backend):
    bars = market_of([100, 100, None, 110], [100, 100, 100, 100], dividend={(0, 2): 5.0, (0, 3): 1.0})
    found = run(bars, [(0, [0.5, NAN])], backend, costs=Costs(0.0, 0.0, 0.0, 0.0, 10.0))
    assert found.equity.tolist() == [10_000.0, 10_000.0, 10_000.0, 10_000.0 + 500.0 + 50.0 - 5.0]
    assert found.gross[2] == 5_000.0
    assert found.dividends == 50.0
    assert found.exposure == 3


def test_each_cost_is_charged_once_by_kind(backend):
    bars = market_of([100, 100, 100], [100, 100, 100])
    found = run(bars, [(0, [0.5, -0.5])], backend, costs=Costs(10.0, 1.0, 5.0, 252.0, 2.0))
    np.testing.assert_allclose(found.costs, [10.0, 1.0, 5.0, 0.5, 2.0], rtol=1e-12)
    np.testing.assert_allclose(found.equity, [10_000.0, 9_984.0, 9_981.5], rtol=1e-12)


def test_a_short_position_pays_the_dividend(backend):
    found = run(market_of([100, 100, 100], dividend={(0, 2): 2.0}), [(0, [-0.5])], backend)
    assert found.dividends == -100.0
    assert found.equity[-1] == 9_900.0


def test_crossing_zero_closes_a_trade_and_opens_another_at_the_same_price(backend):
    bars = market_of([100, 100, (110, 110, 100, 100)])
    found = run(bars, [(0, [0.5]), (1, [-0.5])], backend, costs=Costs(10.0, 0.0, 0.0, 0.0, 0.0))
    shares = -0.5 * 9_995.0 / 100.0
    assert trades_of(found, "leg", "reason", "entry_bar", "exit_bar", "entry_price", "exit_price") == [
        (0, ORDER, 1, 2, 100.0, 110.0),
        (1, OPEN, 2, 2, 110.0, 100.0),
    ]
    np.testing.assert_allclose(found.shares, [shares], rtol=1e-14)
    np.testing.assert_allclose(found.trades.gross, [500.0, -10.0 * shares], rtol=1e-12)
    np.testing.assert_allclose(found.trades.costs, [5.0 + 5.5, -shares * 0.11], rtol=1e-12)


@pytest.mark.parametrize(
    ("bar", "level", "reason", "price"),
    [
        ((90, 92, 85, 91), {"stop": 0.95}, STOP, 90.0),
        ((98, 120, 94, 100), {"stop": 0.95, "target": 1.1}, STOP, 95.0),
        ((115, 120, 90, 100), {"stop": 0.95, "target": 1.1}, TARGET, 115.0),
        ((100, 126, 99, 100), {"target": 1.25}, TARGET, 125.0),
        ((100, 100, 93, 100), {"trail": 0.95}, TRAILING_STOP, 95.0),
        ((100, 100, 93, 100), {"trail": 0.95, "stop": 0.95}, STOP, 95.0),
    ],
    ids=["gap through the stop", "stop before target", "gap over the target", "target", "trail", "equal levels"],
)
def test_exits_of_a_long_position(backend, bar, level, reason, price):
    found = run(market_of([100, 100, bar]), [(0, [0.5], {name: [value] for name, value in level.items()})], backend)
    assert trades_of(found, "reason", "exit_bar", "exit_price") == [(reason, 2, price)]
    assert found.shares.tolist() == [0.0]


@pytest.mark.parametrize(
    ("bar", "level", "reason", "price"),
    [
        ((110, 115, 100, 109), {"stop": 1.05}, STOP, 110.0),
        ((102, 106, 80, 100), {"stop": 1.05, "target": 0.9}, STOP, 105.0),
        ((85, 110, 80, 100), {"stop": 1.05, "target": 0.9}, TARGET, 85.0),
        ((100, 101, 89, 100), {"target": 0.9}, TARGET, 90.0),
        ((100, 107, 100, 100), {"trail": 1.05}, TRAILING_STOP, 105.0),
    ],
    ids=["gap through the stop", "stop before target", "gap over the target", "target", "trail"],
)
def test_exits_of_a_short_position_are_the_mirror_image(backend, bar, level, reason, price):
    found = run(market_of([100, 100, bar]), [(0, [-0.5], {name: [value] for name, value in level.items()})], backend)
    assert trades_of(found, "leg", "reason", "exit_bar", "exit_price") == [(1, reason, 2, price)]


def test_the_trailing_stop_rests_on_the_bars_before(backend):
    bars = market_of([100, (100, 120, 100, 119), (119, 130, 115, 120), (120, 120, 110, 112)])
    found = run(bars, [(0, [0.5], {"trail": [0.9]})], backend)
    assert trades_of(found, "reason", "exit_bar", "exit_price") == [(TRAILING_STOP, 3, 117.0)]


def test_orders_are_filled_before_the_stops_of_the_bar(backend):
    bars = market_of([100, 100, (100, 100, 90, 92)])
    found = run(bars, [(0, [0.5], {"stop": [0.95]}), (1, [0.0])], backend)
    assert trades_of(found, "reason", "exit_price") == [(ORDER, 100.0)]


def test_levels_are_set_anew_where_nothing_had_to_be_traded(backend):
    bars = market_of([100, 100, 100, (100, 100, 90, 92)])
    found = run(bars, [(0, [0.5], {"stop": [0.95]}), (1, [0.5], {"stop": [0.91]})], backend)
    assert trades_of(found, "reason", "exit_price") == [(STOP, 91.0)]
    assert found.traded.tolist() == [0.0, 5_000.0, 0.0, 4_550.0]


@pytest.mark.parametrize("weight", [0.0, -0.5])
def test_a_position_that_turnover_leaves_on_the_other_side_keeps_its_levels(backend, weight):
    bars = market_of([100, 100, 100, 100, (100, 100, 90, 92)])
    rows = [(0, [0.2], {"stop": [0.93]}), (1, [0.2], {"stop": [0.95]}), (2, [weight])]
    found = run(bars, rows, backend, caps=Caps(gross=9.0, turnover=0.1))
    assert trades_of(found, "reason", "exit_bar", "exit_price", "shares") == [(STOP, 4, 95.0, 20.0)]
    np.testing.assert_allclose(found.traded, [0.0, 1_000.0, 1_000.0, 1_000.0, 950.0])


def test_an_order_is_dropped_if_equity_at_the_open_is_not_above_zero(backend):
    bars = market_of([100, 100, (40, 100, 40, 100)], [100, 100, 100])
    found = run(bars, [(0, [2.0, 0.0]), (1, [0.0, 0.5])], backend)
    assert found.shares.tolist() == [200.0, 0.0]
    assert found.equity.tolist() == [10_000.0] * 3


def test_an_order_decided_at_an_equity_not_above_zero_is_dropped_but_replaces_what_waits(backend):
    bars = market_of([90, 100, None, 200], [100, None, None, 100])
    rows = [(1, [3.0, 0.5]), (2, [0.0, 0.5])]
    costs = Costs(5_000.0, 0.0, 0.0, 0.0, 0.0)
    found = run(bars, rows, backend, fill="same_close", costs=costs)
    assert found.shares.tolist() == [300.0, 0.0]
    assert found.equity.tolist() == [10_000.0, -5_000.0, -5_000.0, 25_000.0]
    assert run(bars, rows[:1], backend, fill="same_close", costs=costs).shares.tolist() == [300.0, 50.0]


def test_ruin_closes_every_position_at_its_last_close_and_ignores_later_orders(backend):
    bars = market_of([100, 100, (100, 100, 20, 20), 100], [100, 100, None, 100], [100, 100, None, 100])
    rows = [(0, [1.5, 0.5, 0.0]), (1, [NAN, NAN, 0.3]), (2, [0.5, 0.5, 0.5])]
    found = run(bars, rows, backend, costs=Costs(10.0, 0.0, 0.0, 0.0, 0.0))
    assert trades_of(found, "path", "reason", "exit_bar", "exit_price") == [(0, RUIN, 2, 20.0), (1, RUIN, 2, 100.0)]
    after = 10_000.0 - 20.0 - 150.0 * 80.0 - 8.0
    np.testing.assert_allclose(found.equity, [10_000.0, 9_980.0, after, after], rtol=1e-12)
    assert found.shares.tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(found.summary[10], 9_980.0 / 10_000.0 - 1.0 + after / 9_980.0 - 1.0, rtol=1e-12)


def test_a_symbol_may_be_missing_at_the_first_bar(backend):
    bars = market_of([100, 100, 100, 100], [None, None, 50, 60])
    found = run(bars, [(0, [0.5, NAN]), (2, [NAN, 0.5])], backend)
    assert found.shares.tolist() == [50.0, 100.0]
    assert found.cash[-1] == 10_000.0 - 5_000.0 - 6_000.0


def test_a_zero_weight_is_allowed_before_the_first_bar_of_a_symbol(backend):
    found = run(market_of([100, 100, 100], [None, None, 50]), [(0, [0.5, 0.0])], backend)
    assert found.shares.tolist() == [50.0, 0.0]
    assert found.equity.tolist() == [10_000.0] * 3


def test_the_last_close_of_a_symbol_may_lie_before_the_first_bar(backend):
    found = run(market_of([100, 100, 100, 100], [40, None, 60, 60]), [(1, [NAN, 0.5])], backend, first=1)
    assert found.shares.tolist() == [0.0, 125.0]
    assert trades_of(found, "entry_bar", "entry_price") == [(2, 60.0)]


def test_positions_left_at_the_end_are_marked_and_open(backend):
    found = run(market_of([100, 100, 110], [100, 100, 90]), [(0, [0.5, -0.5])], backend)
    assert trades_of(found, "leg", "reason", "exit_bar", "exit_price", "gross") == [
        (0, OPEN, 2, 110.0, 500.0),
        (1, OPEN, 2, 90.0, 500.0),
    ]
    np.testing.assert_allclose(found.trades.worst, [0.0, 0.0])
    np.testing.assert_allclose(found.trades.best, [0.1, 0.1])


def test_trades_are_in_the_order_of_symbol_then_exit_bar(backend):
    bars = market_of([100] * 6, [100] * 6)
    rows = [(0, [0.2, 0.2]), (1, [NAN, 0.0]), (2, [0.0, 0.2]), (3, [0.2, 0.0])]
    found = run(bars, rows, backend)
    assert trades_of(found, "path", "entry_bar", "exit_bar") == [(0, 1, 3), (0, 4, 5), (1, 1, 2), (1, 3, 4)]


def test_exposure_counts_the_bars_at_which_something_was_held(backend):
    bars = market_of([100, 100, 100, 100, 100], [100] * 5)
    assert run(bars, [(0, [0.2, NAN]), (2, [0.0, NAN])], backend).exposure == 3
    assert run(bars, [(0, [0.2, NAN]), (2, [0.0, NAN])], backend, fill="same_close").exposure == 2


def test_only_the_bars_from_first_to_last_are_simulated(backend):
    found = run(market_of([90, 100, 110, 120, 130]), [(1, [1.0])], backend, first=1, last=3)
    np.testing.assert_allclose(found.equity, [10_000.0, 10_000.0, 11_000.0])
    assert trades_of(found, "entry_bar", "exit_bar", "reason") == [(2, 3, OPEN)]
