"""The oracle of the scores: plain Python, one row at a time, written from the definitions. It checks no input."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D


def crps_of_quantiles(
    quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: Float64Array2D
) -> Float64Array2D:
    """See `kernels.forecast.crps_of_quantiles`: the integral, trapezoid by trapezoid."""
    score = np.empty(outcomes.shape)
    for row in np.ndindex(outcomes.shape):
        outcome = float(outcomes[row])
        losses = []
        for quantile, level in zip(quantiles[row].tolist(), levels, strict=True):
            losses.append((outcome - quantile) * (level - (1.0 if outcome < quantile else 0.0)))
        area = losses[0] * levels[0] + losses[-1] * (1.0 - levels[-1])
        for place in range(1, len(levels)):
            area += (losses[place - 1] + losses[place]) / 2.0 * (levels[place] - levels[place - 1])
        score[row] = 2.0 * area
    return score


def coverage(
    quantiles: npt.NDArray[np.float64],
    levels: Sequence[float],
    outcomes: Float64Array2D,
    intervals: Sequence[float],
) -> Float64Array2D:
    """See `kernels.forecast.coverage`: counted one by one."""
    origins, horizons = outcomes.shape
    shares = np.full((horizons, len(intervals)), np.nan)
    rounded = [round(level, 9) for level in levels]
    for horizon in range(horizons):
        for place, interval in enumerate(intervals):
            low, high = rounded.index(round((1 - interval) / 2, 9)), rounded.index(round((1 + interval) / 2, 9))
            inside, known = 0, 0
            for origin in range(origins):
                bottom, top = float(quantiles[origin, horizon, low]), float(quantiles[origin, horizon, high])
                outcome = float(outcomes[origin, horizon])
                if not (math.isnan(bottom) or math.isnan(top) or math.isnan(outcome)):
                    known += 1
                    inside += bottom <= outcome <= top
            if known:
                shares[horizon, place] = inside / known
    return shares


def pit(quantiles: npt.NDArray[np.float64], levels: Sequence[float], outcomes: Float64Array2D) -> Float64Array2D:
    """See `kernels.forecast.pit`: the neighbours looked for one by one."""
    transformed = np.full(outcomes.shape, np.nan)
    for row in np.ndindex(outcomes.shape):
        outcome, values = float(outcomes[row]), quantiles[row].tolist()
        if math.isnan(outcome) or any(math.isnan(value) for value in values):
            continue
        equal = [level for level, value in zip(levels, values, strict=True) if value == outcome]
        if equal:
            transformed[row] = (equal[0] + equal[-1]) / 2.0
        elif outcome < values[0]:
            transformed[row] = levels[0]
        elif outcome > values[-1]:
            transformed[row] = levels[-1]
        else:
            right = next(place for place, value in enumerate(values) if value > outcome)
            share = (outcome - values[right - 1]) / (values[right] - values[right - 1])
            transformed[row] = min(levels[right - 1] + (levels[right] - levels[right - 1]) * share, levels[right])
    return transformed


def rank_information_coefficient(score: Float64Array2D, outcome: Float64Array2D) -> Float64Array1D:
    """See `kernels.forecast.rank_information_coefficient`: each rank counted against every other symbol."""
    coefficients = np.full(len(score), np.nan)
    for day in range(len(score)):
        pairs = [pair for pair in zip(score[day].tolist(), outcome[day].tolist(), strict=True) if pair[0] == pair[0]]
        pairs = [pair for pair in pairs if pair[1] == pair[1]]
        if len(pairs) < 3:
            continue
        ranks = []
        for side in (0, 1):
            values = [pair[side] for pair in pairs]
            ranks.append([sum((b < a) + (b == a) / 2.0 for b in values) + 0.5 for a in values])
        middle = (len(pairs) + 1) / 2.0
        products = [sum((a - middle) * (b - middle) for a, b in zip(*two, strict=True)) for two in _pairings(ranks)]
        if products[0] * products[1] > 0.0:
            coefficients[day] = products[2] / math.sqrt(products[0] * products[1])
    return coefficients


def _pairings(ranks: list[list[float]]) -> list[tuple[list[float], list[float]]]:
    return [(ranks[0], ranks[0]), (ranks[1], ranks[1]), (ranks[0], ranks[1])]
