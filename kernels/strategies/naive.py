"""The oracle of the decisions, straight from the README: one symbol, strategy and origin at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D
from kernels.strategies.model import Decisions, Strategy
from kernels.trading.model import Costs

LONG, SHORT = 0, 1


def decide(
    there: npt.NDArray[np.bool_],
    quantiles: npt.NDArray[np.float64],
    volatility: npt.NDArray[np.float64],
    symbol: npt.NDArray[np.intp],
    strategy: npt.NDArray[np.intp],
    strategies: Sequence[Strategy],
    costs: Costs,
    horizons: Sequence[int],
    levels: Sequence[float],
) -> Decisions:
    """Same as `kernels.strategies.cpu.decide`."""
    origins = there.shape[1]
    decisions = Decisions(*(np.full((len(symbol), origins, 2), math.nan) for _ in range(3)))
    for path, (row, number) in enumerate(zip(symbol.tolist(), strategy.tolist(), strict=True)):
        chosen = strategies[number]
        horizon = list(horizons).index(chosen.horizon)
        for origin in range(origins):
            if not there[row, origin]:
                continue
            place = path, origin
            decisions.weight[place] = 0.0
            curve = quantiles[row, origin, horizon].tolist()
            deviation = float(volatility[row, origin, horizon])
            if math.isnan(deviation) or any(math.isnan(quantile) for quantile in curve):
                continue
            leg = leg_of(chosen, expected_return(curve, levels), costs)
            if leg is None:
                continue
            per_year = deviation * math.sqrt(252 / chosen.horizon)
            decisions.weight[place][leg] = min(chosen.largest_weight, chosen.target_volatility / per_year)
            prices = {round(level, 9): math.exp(quantile) for level, quantile in zip(levels, curve, strict=True)}
            decisions.stop[place][leg] = price_at(prices, chosen.stop_level, leg, above=leg == SHORT)
            decisions.target[place][leg] = price_at(prices, chosen.target_level, leg, above=leg == LONG)
    return decisions


def expected_returns(quantiles: npt.NDArray[np.float64], levels: Sequence[float]) -> Float64Array1D:
    """Same as `kernels.strategies.expected_returns`, without its checks."""
    return np.array([expected_return(curve, levels) for curve in quantiles.tolist()], dtype=np.float64)


def expected_return(curve: list[float], levels: Sequence[float]) -> float:
    """The mean of exp(quantile) - 1; every quantile stands for the levels that are nearer to it than to another."""
    expected = 0.0
    for place, quantile in enumerate(curve):
        begin = 0.0 if place == 0 else (levels[place - 1] + levels[place]) / 2
        end = 1.0 if place == len(curve) - 1 else (levels[place] + levels[place + 1]) / 2
        expected += (end - begin) * math.expm1(quantile)
    return expected


def leg_of(strategy: Strategy, expected: float, costs: Costs) -> int | None:
    """The leg that the strategy takes, None if it stays out."""
    if strategy.hurdle is None:
        return LONG if strategy.sides == "long" else SHORT
    traded = 2 * (costs.fee_bp + costs.half_spread_bp + costs.slippage_bp)
    held = costs.overnight_bp * strategy.horizon
    lent = costs.borrow_bp_per_year * strategy.horizon / 252
    if strategy.sides != "short" and expected > strategy.hurdle * (traded + held) / 10_000:
        return LONG
    if strategy.sides != "long" and -expected > strategy.hurdle * (traded + held + lent) / 10_000:
        return SHORT
    return None


def price_at(prices: dict[float, float], level: float | None, leg: int, *, above: bool) -> float:
    """The price at a level, for a short leg at its mirror image; NaN if it doesn't lie above (below) 1."""
    if level is None:
        return math.nan
    price = prices[round(level if leg == LONG else 1 - level, 9)]
    return price if (price > 1 if above else price < 1) else math.nan
