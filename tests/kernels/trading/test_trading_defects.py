"""The defects of the generator that this simulator replaces: each test shows the opposite."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.trading import Costs, simulate
from kernels.trading.model import FREE, OPEN, STOP
from tests.kernels.trading.market import NAN, account, bars_of, orders_of

pytestmark = pytest.mark.parametrize("backend", ["naive", "cpu"])


def run(rows, backend, orders=(), fill="next_open", costs=FREE, max_leverage=1.0, **legs):
    return simulate(
        bars_of(rows),
        account(len(rows), **legs),
        orders_of(list(orders)),
        fill=fill,
        costs=costs,
        max_leverage=max_leverage,
        record=True,
        backend=backend,
    )


def test_the_loss_of_the_exit_bar_is_kept(backend):
    # Buying $10,000 costs $16 and selling $9,500 costs $15.20; the stop itself costs $500.
    found = run(
        [100, 100, (100, 100, 90, 92)],
        backend,
        [(0, (0.5, NAN), {"stop": (0.95, NAN)})],
        cash=20_000.0,
        costs=Costs(borrow_bp_per_year=0.0, overnight_bp=0.0),
    )
    assert found.column("last_equity")[0] - 20_000 == pytest.approx(-531.20, abs=1e-9)
    # With the default night of half a basis point on $10,000: 50 cents, once.
    found = run(
        [100, 100, (100, 100, 90, 92)], backend, [(0, (0.5, NAN), {"stop": (0.95, NAN)})], cash=20_000.0, costs=Costs()
    )
    assert found.column("last_equity")[0] - 20_000 == pytest.approx(-531.70, abs=1e-9)


def test_the_night_before_an_exit_is_charged_once(backend):
    night = Costs(0.0, 0.0, 0.0, 0.0, 1.0)
    found = run([100, 100, (100, 100, 90, 92)], backend, costs=night, cash=0.0, shares=(100.0, 0.0), stop=(95.0, NAN))
    assert found.column("overnight")[0] == pytest.approx(2.0, abs=1e-12)


def test_the_first_exit_leaves_the_other_leg(backend):
    found = run([100, (100, 100, 94, 95), 90, 80], backend, cash=10_000.0, shares=(50.0, 50.0), stop=(95.0, NAN))
    assert found.reason[0].tolist() == [STOP, OPEN]
    np.testing.assert_allclose(found.equity[0], [10_000, 10_000, 10_250, 10_750])


def test_equity_is_marked_at_every_close(backend):
    closes = [100, 103, 97, 110, 104]
    found = run(closes, backend, cash=0.0, shares=(100.0, 0.0))
    np.testing.assert_allclose(found.equity[0], [100.0 * close for close in closes])
    returns = np.diff(closes) / closes[:-1]
    assert found.column("return_sum")[0] == pytest.approx(returns.sum(), rel=1e-12)
    assert found.column("return_squares")[0] == pytest.approx((returns**2).sum(), rel=1e-12)
    assert found.column("downside_squares")[0] == pytest.approx((returns[returns < 0] ** 2).sum(), rel=1e-12)
    assert found.column("max_drawdown")[0] == pytest.approx(6 / 103, rel=1e-12)


@pytest.mark.parametrize("cap", [0.25, 0.5, 1.0, 2.0])
def test_the_leverage_cap_works(backend, cap):
    found = run([100, 100], backend, [(0, (3.0, NAN))], max_leverage=cap)
    assert found.column("traded")[0] == pytest.approx(cap * 10_000)


def test_stops_and_targets_count(backend):
    rows = [100, 100, (100, 112, 88, 100), 100]
    plain, stopped, taken = (
        run(rows, backend, [(0, (1.0, NAN), levels)]).column("last_equity")[0]
        for levels in ({}, {"stop": (0.9, NAN)}, {"target": (1.1, NAN)})
    )
    assert (plain, stopped, taken) == pytest.approx((10_000, 9_000, 11_000))


def test_the_state_that_a_path_begins_with_counts(backend):
    rows = [100, (100, 104, 93, 98)]
    states = [
        {"cash": 10_000.0},
        {"cash": 0.0, "shares": (100.0, 0.0)},
        {"cash": 20_000.0, "shares": (0.0, 100.0)},
        {"cash": 0.0, "shares": (100.0, 0.0), "stop": (94.0, NAN)},
        {"cash": 0.0, "shares": (100.0, 0.0), "trail": (0.9, NAN), "peak": (110.0, NAN)},
        {"cash": 0.0, "shares": (100.0, 0.0), "target": (103.0, NAN)},
    ]
    ends = [run(rows, backend, **state).column("last_equity")[0] for state in states]
    assert ends == pytest.approx([10_000, 9_800, 10_200, 9_400, 9_900, 10_300])


def test_one_leg_alone_is_a_state(backend):
    for shares in ((100.0, 0.0), (0.0, 100.0)):
        found = run([100, 100, 100], backend, cash=10_000.0 - 100 * (shares[0] - shares[1]), shares=shares)
        assert found.held[0].tolist() == [2 * (side > 0) for side in shares]


def test_a_fill_comes_at_the_next_open_and_not_a_bar_later(backend):
    found = run([100, (101, 120, 100, 119), (130, 131, 129, 130)], backend, [(0, (0.5, NAN))])
    assert found.trades.entry_bar[0] == 1
    assert found.trades.entry_price[0] == 101
    assert found.equity[0, 1] == pytest.approx(10_000 + 50 * 18)


def test_entry_price_and_age_come_through(backend):
    found = run([100, 100], backend, cash=0.0, shares=(100.0, 0.0), entry=(80.0, NAN), age=(7, 0))
    assert (found.trades.entry_price[0], found.trades.entry_bar[0], found.trades.bars[0]) == (80, -7, 8)
