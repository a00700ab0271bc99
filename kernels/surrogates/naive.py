"""The oracle, straight from the README: one surrogate of one row at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from kernels.market.naive import philox4x32
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.surrogates.model import NULLS, STILL, Int64Array1D, Null, Surrogates
from kernels.volatility.gjr import GjrParameters

Bar = tuple[float, float, float, float]


def surrogates(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    numbers: Int32Array1D,
    null: Null,
    seed: int,
    block: float,
    parameters: GjrParameters | None,
) -> Surrogates:
    """Same as `kernels.surrogates.surrogates`, without its checks."""
    made = np.full((4, len(close), len(numbers), close.shape[1]), np.nan)
    for row, key in enumerate(keys.tolist()):
        there = np.flatnonzero(~np.isnan(close[row])).tolist()
        bars = [bar_of(float(prices[row, t]) for prices in (open_, high, low, close)) for t in there]
        for index, number in enumerate(numbers.tolist()):
            draws = [draw(place, null, number, key, seed) for place in range(len(bars))]
            if null == "block":
                surrogate = blocks(bars, draws, block)
            elif null == "sign":
                surrogate = signs(bars, draws)
            else:
                assert parameters is not None  # noqa: S101 - the public function asks for them
                surrogate = filtered(bars, draws, parameters)
            for t, bar in zip(there, surrogate, strict=True):
                made[:, row, index, t] = bar
    return Surrogates(*made)


def draw(place: int, null: Null, number: int, key: int, seed: int) -> tuple[int, int]:
    """The first two words of the block that belongs to one bar of one surrogate."""
    counter = (place + 2**30 * NULLS.index(null), number, key % 2**32, key // 2**32 % 2**32)
    return philox4x32(counter, (seed % 2**32, seed // 2**32))[:2]


def blocks(bars: list[Bar], draws: list[tuple[int, int]], block: float) -> list[Bar]:
    """The stationary block bootstrap."""
    ratios = relative(bars)
    surrogate = bars[:1]
    source = 0
    for place in range(1, len(bars)):
        begins, where = draws[place]
        if place == 1 or (begins + 0.5) / 2**32 < 1 / block:
            source = where * len(ratios) // 2**32
        else:
            source = (source + 1) % len(ratios)
        level = surrogate[-1][3]
        surrogate.append(bar_of(held(level * ratio) for ratio in ratios[source]))
    return surrogate


def signs(bars: list[Bar], draws: list[tuple[int, int]]) -> list[Bar]:
    """Each bar in its place, mirrored or not."""
    surrogate = bars[:1]
    for (opened, highest, lowest, closed), (heads, _) in zip(relative(bars), draws[1:], strict=True):
        level = surrogate[-1][3]
        if heads < 2**31:
            mirrored = (level / opened, level / lowest, level / highest, level / closed)
            surrogate.append(bar_of(held(price) for price in mirrored))
        else:
            surrogate.append(bar_of(held(level * ratio) for ratio in (opened, highest, lowest, closed)))
    return surrogate


def filtered(bars: list[Bar], draws: list[tuple[int, int]], parameters: GjrParameters) -> list[Bar]:
    """Residual bars drawn one by one, and rescaled by the surrogate's own volatility."""
    moves = [[math.log(ratio) for ratio in bar] for bar in relative(bars)]
    mean, variance = moments([move[3] for move in moves])
    alpha, gamma, beta = parameters.alpha, parameters.gamma, parameters.beta
    calm = (1 - (alpha + gamma / 2 + beta)) * variance
    if math.sqrt(variance) <= STILL:
        residuals, mean, variance, calm = moves, 0.0, 1.0, 1.0
        alpha = gamma = beta = 0.0
    else:
        residuals = standardised(moves, mean, variance, calm, alpha, gamma, beta)
        falls = sum(residual[3] ** 2 for residual in residuals if residual[3] < 0) / len(residuals)
        news = alpha + gamma * falls
        if news > 0:
            balance = (alpha + gamma / 2) / news
            alpha, gamma = balance * alpha, balance * gamma
    surrogate = bars[:1]
    for place in range(1, len(bars)):
        residual = residuals[draws[place][1] * len(residuals) // 2**32]
        level, scale = surrogate[-1][3], math.sqrt(variance)
        prices = [held(level * math.exp(min(max(mean + scale * part, -461.0), 461.0))) for part in residual]
        surrogate.append((prices[0], max(prices), min(prices), prices[3]))
        weight = alpha + gamma * (residual[3] < 0)
        variance = min(calm + weight * variance * residual[3] ** 2 + beta * variance, 1e6)
    return surrogate


def standardised(
    moves: list[list[float]], mean: float, variance: float, calm: float, alpha: float, gamma: float, beta: float
) -> list[list[float]]:
    """Each bar's log moves over the volatility known before it; those of the closes have mean 0 and mean square 1."""
    residuals = []
    for move in moves:
        residuals.append([(part - mean) / math.sqrt(variance) for part in move])
        weight = alpha + gamma * (residuals[-1][3] < 0)
        variance = calm + weight * variance * residuals[-1][3] ** 2 + beta * variance
    centre, square = moments([residual[3] for residual in residuals])
    return [[(part - centre) / math.sqrt(square) for part in residual] for residual in residuals]


def relative(bars: list[Bar]) -> list[Bar]:
    """Each bar but the first, over the close before it."""
    return [bar_of(price / bars[place][3] for price in bar) for place, bar in enumerate(bars[1:])]


def moments(values: list[float]) -> tuple[float, float]:
    """The mean and the mean squared deviation from it; 0 and 0 where there are no values."""
    if not values:
        return 0.0, 0.0
    mean = sum(values) / len(values)
    return mean, sum((value - mean) ** 2 for value in values) / len(values)


def bar_of(prices: Iterable[float]) -> Bar:
    """Four prices as a bar."""
    opened, highest, lowest, closed = prices
    return opened, highest, lowest, closed


def held(price: float) -> float:
    """The price, held between 1e-100 and 1e100 dollars."""
    return min(max(price, 1e-100), 1e100)
