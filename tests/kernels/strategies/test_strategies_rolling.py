"""What becomes of an account: worked out by hand, equal in both backends, and measured as the metrics say."""

from __future__ import annotations

import math
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.metrics import deflated_sharpe, measure_equity
from kernels.strategies import OK, STRATEGIES, Strategy, simulate_rolling
from kernels.trading import FREE, Costs
from tests.kernels.strategies.rolling_market import (
    COLUMNS,
    FLOATS,
    bars_of,
    constant_forecast,
    random_case,
    rows_of,
    same_bytes,
    with_gaps,
)

HOLD = Strategy("hold", 5, "long", None, 100.0, 1.0, None, None)
EITHER = Strategy("either", 5, "both", 0.0, 100.0, 1.0, None, None)
BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])


def play(bars, quantiles, volatility, strategy, *, first=0, **options):
    """One symbol and strategy from `first` to the last bar."""
    origins = np.arange(first, bars.close.shape[1] - 1, dtype=np.int32)
    return simulate_rolling(bars, origins, quantiles, volatility, [strategy], seed=1, **options)


@BACKENDS
def test_holding_without_costs_earns_what_the_price_does(backend) -> None:
    # Each bar opens at the close before it.
    bars = bars_of([100, (100, 111, 99, 110), (110, 111, 98, 99), (99, 130, 99, 120)])
    found = play(bars, *constant_forecast(1, 3, 0.0), HOLD, costs=FREE, backend=backend)
    np.testing.assert_allclose(found.returns[0, 0], [0.1, -0.1, 120 / 99 - 1], rtol=1e-12)
    assert found.total_return[0, 0] == pytest.approx(0.2, rel=1e-12)
    assert found.max_drawdown[0, 0] == pytest.approx(0.1, rel=1e-12)
    assert (found.trades[0, 0], found.hit_rate[0, 0], found.exposure[0, 0], found.costs[0, 0]) == (1, 1.0, 1.0, 0.0)


@BACKENDS
def test_a_falling_price_is_earned_short(backend) -> None:
    bars = bars_of([100, (100, 100, 80, 80), (80, 80, 60, 60)])
    found = play(bars, *constant_forecast(1, 2, -0.1), EITHER, costs=FREE, backend=backend)
    # Sold at 100 and again, with the whole equity of 120, at 80.
    np.testing.assert_allclose(found.returns[0, 0], [0.2, 0.25], rtol=1e-12)


@BACKENDS
def test_the_night_before_the_fill_is_missed(backend) -> None:
    bars = bars_of([100, (110, 121, 110, 121)])
    found = play(bars, *constant_forecast(1, 1, 0.0), HOLD, costs=FREE, backend=backend)
    # One share per 100 of equity was asked for; at 110 the account can pay for 1 / 110.
    assert found.total_return[0, 0] == pytest.approx(0.1, rel=1e-12)


@BACKENDS
def test_a_stop_at_a_quantile_limits_the_loss_from_the_fill(backend) -> None:
    bars = bars_of([100, (200, 200, 100, 150)])
    strategy = replace(HOLD, stop_level=0.05)
    quantiles, volatility = constant_forecast(1, 1, math.log(0.9))
    found = play(bars, quantiles, volatility, strategy, costs=FREE, backend=backend)
    assert found.total_return[0, 0] == pytest.approx(-0.1, rel=1e-12)
    assert found.exposure[0, 0] == 1.0


@BACKENDS
def test_a_target_at_a_quantile_takes_the_profit(backend) -> None:
    bars = bars_of([100, (100, 130, 100, 90)])
    strategy = replace(HOLD, target_level=0.95)
    found = play(bars, *constant_forecast(1, 1, math.log(1.2)), strategy, costs=FREE, backend=backend)
    assert found.total_return[0, 0] == pytest.approx(0.2, rel=1e-12)


@BACKENDS
def test_costs_are_a_share_of_the_first_equity_and_lower_the_return_by_as_much(backend) -> None:
    bars = bars_of([100, 100, 100, 100])
    strategy = replace(HOLD, largest_weight=0.5)
    costs = Costs(fee_bp=10.0, half_spread_bp=2.0, slippage_bp=3.0, borrow_bp_per_year=0.0, overnight_bp=4.0)
    found = play(bars, *constant_forecast(1, 3, 0.0), strategy, costs=costs, backend=backend)
    assert found.costs[0, 0] == pytest.approx(-found.total_return[0, 0], rel=1e-9)
    # Half of the equity bought, held over two nights; a little is sold as the equity falls.
    assert found.costs[0, 0] == pytest.approx(0.5 * (15 + 2 * 4) / 10_000, rel=2e-3)
    assert found.hit_rate[0, 0] == 0.0


@BACKENDS
def test_an_account_stands_still_until_there_is_a_bar(backend) -> None:
    bars = bars_of([math.nan, math.nan, 100, 110, 121])
    found = play(bars, *constant_forecast(1, 4, 0.0), HOLD, costs=FREE, backend=backend)
    # Filled at the open of 110, which is its close.
    np.testing.assert_allclose(found.returns[0, 0], [0.0, 0.0, 0.0, 0.1], atol=1e-12)
    assert (found.origins[0, 0], found.exposure[0, 0]) == (2, 0.5)


@BACKENDS
def test_a_position_is_kept_while_trading_is_halted(backend) -> None:
    bars = bars_of([100, 100, math.nan, math.nan, (150, 150, 150, 150)])
    found = play(bars, *constant_forecast(1, 4, 0.0), HOLD, costs=FREE, backend=backend)
    np.testing.assert_allclose(found.returns[0, 0], [0.0, 0.0, 0.0, 0.5], atol=1e-12)
    assert found.status[0, 0] == OK


@BACKENDS
def test_a_lost_forecast_closes_the_position_at_the_next_open(backend) -> None:
    bars = bars_of([100, 100, 110, 200, 300])
    quantiles, volatility = constant_forecast(1, 4, 0.0)
    quantiles[0, 1:] = np.nan
    found = play(bars, quantiles, volatility, HOLD, costs=FREE, backend=backend)
    np.testing.assert_allclose(found.returns[0, 0], [0.0, 0.1, 0.0, 0.0], atol=1e-12)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_backends_agree(seed: int) -> None:
    case = with_gaps(random_case(seed, symbols=3), seed)
    slow, fast = (simulate_rolling(*case, seed=seed, resamples=6, backend=backend) for backend in ("naive", "cpu"))
    for name in COLUMNS:
        if name in FLOATS:
            np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-8, atol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)


def test_the_metrics_are_those_of_the_equity() -> None:
    found = simulate_rolling(*random_case(3), seed=1)
    equity = np.cumprod(np.concatenate([np.ones((6 * 4, 1)), 1.0 + found.returns.reshape(24, -1)], axis=1), axis=1)
    measured = measure_equity(equity)
    for name in ("total_return", "sharpe_252", "max_drawdown"):
        np.testing.assert_allclose(getattr(found, name).ravel(), getattr(measured, name), rtol=1e-9)
    assert (found.total_return_low < found.total_return)[found.trades > 0].all()
    assert (found.total_return < found.total_return_high)[found.trades > 0].all()
    assert (found.trials == 4).all()
    for path in range(24):
        chance = deflated_sharpe(
            measured.sharpe_252[path] / math.sqrt(252),
            measured.skewness[path],
            measured.kurtosis[path],
            24,
            1 / math.sqrt(23),
            4,
        )
        np.testing.assert_allclose(found.deflated_sharpe.ravel()[path], chance, rtol=1e-8)


def test_a_strategy_that_never_trades_has_returns_of_zero_and_no_deflated_ratio() -> None:
    bars, origins, quantiles, volatility = random_case(3)
    found = simulate_rolling(bars, origins, np.zeros_like(quantiles), volatility, seed=1)
    assert [each.hurdle is None for each in STRATEGIES] == [False, False, False, True]
    assert (found.returns[:, :3] == 0.0).all()
    assert (found.trades[:, :3] == 0).all()
    assert (found.sharpe_low[:, :3] == 0.0).all()
    assert np.isnan(found.deflated_sharpe[:, :3]).all()
    assert np.isfinite(found.deflated_sharpe[:, 3]).all()


def test_a_symbol_has_the_same_bytes_alone_in_another_order_and_on_one_thread() -> None:
    case = with_gaps(random_case(5), 5)
    together = simulate_rolling(*case, seed=2)
    for symbol in range(6):
        assert same_bytes(simulate_rolling(*rows_of(case, [symbol]), seed=2), together, [0], [symbol])
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        turned = simulate_rolling(*rows_of(case, [5, 4, 3, 2, 1, 0]), seed=2)
    finally:
        numba.set_num_threads(threads)
    assert same_bytes(turned, together, [5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5])


def test_a_strategy_alone_differs_in_its_trials_only() -> None:
    case = random_case(5)
    together = simulate_rolling(*case, seed=2)
    for number, strategy in enumerate(STRATEGIES):
        alone = simulate_rolling(*case, [strategy], seed=2)
        assert (alone.trials == 1).all()
        for name in set(COLUMNS) - {"trials", "deflated_sharpe"}:
            assert (
                getattr(alone, name)[:, 0].tobytes()
                == np.ascontiguousarray(getattr(together, name)[:, number]).tobytes()
            )
        known = ~np.isnan(alone.deflated_sharpe[:, 0])
        assert (alone.deflated_sharpe[known, 0] > together.deflated_sharpe[known, number]).all()


def test_the_seed_moves_the_intervals_only() -> None:
    case = random_case(5)
    one, other = (simulate_rolling(*case, seed=seed) for seed in (1, 2))
    for name in COLUMNS:
        same = getattr(one, name).tobytes() == getattr(other, name).tobytes()
        assert same != name.endswith(("_low", "_high")), name
