"""From one forecast to one order, worked out by hand; and the two backends agree."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.strategies import STRATEGIES, Strategy, cpu, expected_returns, naive
from kernels.trading import FREE, LONG, SHORT, Costs
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS
from tests.kernels.strategies.rolling_market import random_case, with_gaps

BACKENDS = pytest.mark.parametrize("module", [naive, cpu], ids=["naive", "cpu"])
LEVELS = (0.1, 0.5, 0.9)
BOTH = Strategy("both", 10, "both", 1.0, 0.2, 0.8, 0.1, 0.9)
COSTS = Costs(fee_bp=10.0, half_spread_bp=2.0, slippage_bp=3.0, borrow_bp_per_year=252.0, overnight_bp=1.0)


def decided(module, curve, strategy=BOTH, *, volatility=0.1, costs=COSTS, there=True):
    """Weight, stop and target [2] of one decision, on forecasts of 10 sessions at LEVELS."""
    one = np.zeros(1, dtype=np.intp)
    found = module.decide(
        np.array([[there]]),
        np.array(curve, dtype=np.float64).reshape(1, 1, 1, 3),
        np.full((1, 1, 1), volatility),
        one,
        one,
        [strategy],
        costs,
        (10,),
        LEVELS,
    )
    return found.weight[0, 0], found.stop[0, 0], found.target[0, 0]


@BACKENDS
def test_a_hopeful_forecast_is_bought_with_the_size_stop_and_target_of_the_formulas(module) -> None:
    weight, stop, target = decided(module, [-0.10, 0.02, 0.15])
    assert weight[LONG] == pytest.approx(0.2 / (0.1 * math.sqrt(252 / 10)), rel=1e-12)
    assert weight[SHORT] == 0.0
    assert stop[LONG] == pytest.approx(math.exp(-0.10), rel=1e-12)
    assert target[LONG] == pytest.approx(math.exp(0.15), rel=1e-12)
    assert np.isnan([stop[SHORT], target[SHORT]]).all()


@BACKENDS
def test_a_gloomy_forecast_is_sold_short_with_the_levels_mirrored(module) -> None:
    weight, stop, target = decided(module, [-0.15, -0.02, 0.10])
    assert weight[SHORT] > 0.0 == weight[LONG]
    assert stop[SHORT] == pytest.approx(math.exp(0.10), rel=1e-12)
    assert target[SHORT] == pytest.approx(math.exp(-0.15), rel=1e-12)
    assert np.isnan([stop[LONG], target[LONG]]).all()


@BACKENDS
def test_the_weight_is_capped(module) -> None:
    assert decided(module, [0.01, 0.02, 0.03], volatility=1e-4)[0][LONG] == 0.8


@BACKENDS
@pytest.mark.parametrize(("leg", "sign", "round_trip"), [(LONG, 1, 0.0040), (SHORT, -1, 0.0050)])
@pytest.mark.parametrize("hurdle", [0.5, 2.0])
def test_the_expected_return_must_exceed_the_hurdle_of_round_trips(module, leg, sign, round_trip, hurdle) -> None:
    # 2 (10 + 2 + 3) + 10 x 1 basis points, and 10 / 252 x 252 for the borrowed shares.
    strategy = replace(BOTH, hurdle=hurdle)
    for share, taken in ((0.999, False), (1.001, True)):
        certain = [math.log1p(sign * hurdle * round_trip * share)] * 3
        weight = decided(module, certain, strategy)[0]
        assert (weight[leg] > 0.0) == taken
        assert weight[1 - leg] == 0.0


@BACKENDS
def test_what_is_expected_is_the_mean_of_the_simple_return(module) -> None:
    # The log return is 0 on average, the simple return isn't.
    strategy = replace(BOTH, hurdle=0.0)
    assert decided(module, [-0.2, 0.0, 0.2], strategy)[0][LONG] > 0.0
    fall = math.log(2.0 - math.exp(0.2))
    for shift, leg in ((1e-9, LONG), (-1e-9, SHORT)):
        assert decided(module, [fall, shift, 0.2], strategy)[0][leg] > 0.0


@BACKENDS
@pytest.mark.parametrize("sides", ["long", "short"])
def test_a_strategy_keeps_to_its_side(module, sides) -> None:
    strategy = replace(BOTH, sides=sides)
    forbidden = [0.1, 0.2, 0.3] if sides == "short" else [-0.3, -0.2, -0.1]
    assert (decided(module, forbidden, strategy)[0] == 0.0).all()


@BACKENDS
@pytest.mark.parametrize(("sides", "leg"), [("long", LONG), ("short", SHORT)])
@pytest.mark.parametrize("middle", [-0.2, 0.0, 0.2])
def test_a_benchmark_is_in_the_market_whatever_is_expected(module, sides, leg, middle) -> None:
    strategy = replace(BOTH, sides=sides, hurdle=None)
    assert decided(module, [middle - 0.1, middle, middle + 0.1], strategy)[0][leg] > 0.0


@BACKENDS
def test_a_level_on_the_wrong_side_of_the_price_is_left_out(module) -> None:
    _, stop, target = decided(module, [0.01, 0.02, 0.03])
    assert np.isnan(stop[LONG])
    assert target[LONG] == pytest.approx(math.exp(0.03), rel=1e-12)
    _, stop, target = decided(module, [-0.03, -0.02, 0.0])
    assert np.isnan(stop[SHORT])
    assert target[SHORT] == pytest.approx(math.exp(-0.03), rel=1e-12)
    _, stop, target = decided(module, [-0.1, 0.1, 0.2], replace(BOTH, stop_level=None, target_level=None))
    assert np.isnan([stop[LONG], target[LONG]]).all()


@BACKENDS
@pytest.mark.parametrize("strategy", [BOTH, replace(BOTH, sides="long", hurdle=None)], ids=["both", "benchmark"])
def test_no_forecast_is_flat_and_no_bar_is_no_order(module, strategy) -> None:
    hopeful = [0.1, 0.2, 0.3]
    assert (decided(module, [0.1, 0.2, math.nan], strategy)[0] == 0.0).all()
    assert (decided(module, hopeful, strategy, volatility=math.nan)[0] == 0.0).all()
    assert np.isnan(decided(module, hopeful, strategy, there=False)).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), costs=st.sampled_from([FREE, Costs(), COSTS]))
def test_the_backends_decide_the_same(seed: int, costs: Costs) -> None:
    _, _, quantiles, volatility = with_gaps(random_case(seed, 4, 6), seed)
    rng = np.random.default_rng(seed)
    strategies = [*STRATEGIES, replace(BOTH, hurdle=0.3), replace(BOTH, sides="short", hurdle=None, target_level=None)]
    symbol, strategy = (each.ravel() for each in np.indices((4, len(strategies))))
    args = (rng.random((4, 6)) < 0.9, quantiles, volatility, symbol, strategy, strategies, costs)
    slow, fast = (module.decide(*args, DEFAULT_HORIZONS, DEFAULT_LEVELS) for module in (naive, cpu))
    for name in ("weight", "stop", "target"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-12)
    assert (slow.weight > 0.0).any(axis=(0, 1)).all()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_the_expected_return_of_a_certain_forecast_is_its_return(backend) -> None:
    curves = np.log([[1.1] * 11, [0.5] * 11, [1.0] * 11])
    np.testing.assert_allclose(expected_returns(curves, backend=backend), [0.1, -0.5, 0.0], atol=1e-15)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_the_expected_return_of_a_normal_is_near_that_of_the_lognormal(backend) -> None:
    from statistics import NormalDist

    levels = tuple((np.arange(400) + 0.5) / 400)
    curve = np.array([[NormalDist(0.01, 0.1).inv_cdf(level) for level in levels]])
    found = expected_returns(curve, levels=levels, backend=backend)[0]
    assert found == pytest.approx(math.expm1(0.01 + 0.1**2 / 2), abs=3e-5)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_the_expected_return_is_nan_where_a_quantile_is(backend) -> None:
    curves = np.zeros((2, 11))
    curves[1, 10] = np.nan
    np.testing.assert_array_equal(expected_returns(curves, backend=backend), [0.0, np.nan])
    assert expected_returns(np.empty((0, 11)), backend=backend).shape == (0,)


@pytest.mark.parametrize(
    "quantiles", [np.zeros(11), np.zeros((2, 10)), np.zeros((2, 11), np.float32), np.full((2, 11), np.inf)]
)
def test_quantiles_of_another_form_are_refused(quantiles) -> None:
    with pytest.raises(InvalidInputError, match="expected_returns, quantiles"):
        expected_returns(quantiles)
