"""The decisions on the CPU: symbols in parallel, each with its own cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.forecast.pinball import level_weights
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.strategies.model import Decisions, Strategy
from kernels.strategies.validate import level_place
from kernels.trading.model import LONG, SESSIONS_PER_YEAR, SHORT, Costs

LEAST_LONG, LEAST_SHORT, PER_YEAR, TARGET_VOLATILITY, LARGEST_WEIGHT = range(5)
"""Columns of a strategy's numbers. The expected return must exceed the first, minus it the second."""

HORIZON, STOP, TARGET = 0, 1, 3
"""Columns of a strategy's places: its horizon, then stop and target for the long leg and the short one; -1 = none."""


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
    """What P pairs of a symbol and a strategy decide at every origin, without checks.

    Args:
        there: bool [S, O], whether there is a bar.
        quantiles: float64 [S, O, H, Q], finite or NaN.
        volatility: float64 [S, O, H], above 0 or NaN.
        symbol: int [P], rows of the first three.
        strategy: int [P], indexes into `strategies`.
        strategies: N of them.
        costs: of trading and holding, for the hurdle.
        horizons: H sessions.
        levels: Q quantile levels.

    Returns:
        See `Decisions`; the formulas are in the README.
    """
    numbers = np.array([_numbers_of(each, costs) for each in strategies])
    places = np.array([_places_of(each, horizons, levels) for each in strategies])
    decisions = Decisions(*(np.full((len(symbol), there.shape[1], 2), np.nan) for _ in range(3)))
    _decide(
        there,
        quantiles,
        volatility,
        level_weights(levels),
        symbol,
        strategy,
        numbers,
        places,
        decisions.weight,
        decisions.stop,
        decisions.target,
    )
    return decisions


def expected_returns(quantiles: Float64Array2D, levels: Sequence[float]) -> Float64Array1D:
    """Same as `kernels.strategies.expected_returns`, without its checks."""
    expected = np.empty(len(quantiles))
    _expected(quantiles, level_weights(levels), expected)
    return expected


def _numbers_of(strategy: Strategy, costs: Costs) -> tuple[float, ...]:
    least_long = least_short = -math.inf
    if strategy.hurdle is not None:
        traded = 2.0 * (costs.fee_bp + costs.half_spread_bp + costs.slippage_bp)
        held = costs.overnight_bp * strategy.horizon
        lent = costs.borrow_bp_per_year * strategy.horizon / SESSIONS_PER_YEAR
        least_long = strategy.hurdle * (traded + held) / 10_000.0
        least_short = strategy.hurdle * (traded + held + lent) / 10_000.0
    if strategy.sides == "short":
        least_long = math.inf
    if strategy.sides == "long":
        least_short = math.inf
    per_year = math.sqrt(SESSIONS_PER_YEAR / strategy.horizon)
    return least_long, least_short, per_year, strategy.target_volatility, strategy.largest_weight


def _places_of(strategy: Strategy, horizons: Sequence[int], levels: Sequence[float]) -> tuple[int, ...]:
    stops, targets = (
        (-1, -1)
        if level is None
        else (level_place(strategy, level, levels), level_place(strategy, 1.0 - level, levels))
        for level in (strategy.stop_level, strategy.target_level)
    )
    return list(horizons).index(strategy.horizon), *stops, *targets


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _decide(
    there: npt.NDArray[np.bool_],
    quantiles: npt.NDArray[np.float64],
    volatility: npt.NDArray[np.float64],
    level_weight: Float64Array1D,
    symbol: npt.NDArray[np.intp],
    strategy: npt.NDArray[np.intp],
    numbers: Float64Array2D,
    places: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    stop: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
) -> None:
    """Write the decisions of each pair."""
    for path in prange(len(symbol)):
        number, place = numbers[strategy[path]], places[strategy[path]]
        for origin in range(there.shape[1]):
            if not there[symbol[path], origin]:
                continue
            weight[path, origin] = 0.0
            curve = quantiles[symbol[path], origin, place[HORIZON]]
            deviation = volatility[symbol[path], origin, place[HORIZON]]
            expected = expected_return(curve, level_weight)
            if math.isnan(expected) or math.isnan(deviation):
                continue
            if expected > number[LEAST_LONG]:
                leg = LONG
            elif -expected > number[LEAST_SHORT]:
                leg = SHORT
            else:
                continue
            size = number[TARGET_VOLATILITY] / (deviation * number[PER_YEAR])
            weight[path, origin, leg] = min(number[LARGEST_WEIGHT], size)
            stop[path, origin, leg] = price_level(curve, place[STOP + leg], leg == SHORT)
            target[path, origin, leg] = price_level(curve, place[TARGET + leg], leg == LONG)


@njit(cache=True, nogil=True, error_model="numpy")
def expected_return(curve: Float64Array1D, level_weight: Float64Array1D) -> float:
    """The mean of exp(quantile) - 1, NaN if a quantile is NaN."""
    expected = 0.0
    for place in range(len(curve)):
        expected += level_weight[place] * math.expm1(curve[place])
    return expected


@njit(cache=True, nogil=True, error_model="numpy")
def price_level(curve: Float64Array1D, place: int, above: bool) -> float:
    """The price at a quantile as a multiple of the fill price; NaN where there is none or it lies on the wrong side."""
    if place < 0:
        return math.nan
    multiple = math.exp(curve[place])
    return multiple if (multiple > 1.0 if above else multiple < 1.0) else math.nan


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _expected(quantiles: Float64Array2D, level_weight: Float64Array1D, expected: Float64Array1D) -> None:
    """Write the expected return of each curve."""
    for row in prange(len(quantiles)):
        expected[row] = expected_return(quantiles[row], level_weight)
