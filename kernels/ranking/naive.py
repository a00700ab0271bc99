"""The oracle of the ranking, straight from the README: one symbol at a time."""

from __future__ import annotations

import math

import numpy as np

from kernels.panel import Float64Array1D
from kernels.ranking.model import Evidence, Picks, Setups


def rank_picks(setups: Setups, forecast: Float64Array1D, evidence: Evidence) -> Picks:
    """Same as `kernels.ranking.rank_picks`, without its checks."""
    symbols = len(forecast)
    strengths = strengths_of(setups)
    setup = [best_of(strengths, [k for k in range(len(strengths)) if setups.symbol[k] == s]) for s in range(symbols)]
    direction, agreement, supports = [], [], []
    for symbol in range(symbols):
        expected = float(forecast[symbol])
        sign = 0 if math.isnan(expected) or expected == 0 else int(math.copysign(1, expected))
        pointed = 0 if setup[symbol] < 0 else int(setups.direction[setup[symbol]])
        direction.append(pointed or sign)
        agreement.append(pointed * sign)
        supports.append(expected * direction[symbol] if direction[symbol] else math.nan)

    chances = evidence.chance.tolist()
    chosen = []
    for symbol in range(symbols):
        holds = {1: evidence.long, -1: evidence.short}.get(direction[symbol])
        fitting = [] if holds is None else [m for m in range(len(chances)) if evidence.symbol[m] == symbol and holds[m]]
        chosen.append(best_of(chances, fitting))

    columns = [
        [math.nan if place < 0 else strengths[place] for place in setup],
        supports,
        [math.nan if place < 0 else chances[place] for place in chosen],
    ]
    components = [unit_ranks(column) for column in columns]
    score = []
    for symbol in range(symbols):
        known = [0.5 if math.isnan(column[symbol]) else column[symbol] for column in components]
        score.append(float(np.round((known[0] + known[1] + known[2]) / 3, 12)) if direction[symbol] else math.nan)
    order = sorted((symbol for symbol in range(symbols) if direction[symbol]), key=lambda symbol: -score[symbol])
    rank = [order.index(symbol) + 1 if direction[symbol] else 0 for symbol in range(symbols)]
    return Picks(
        rank=np.array(rank, dtype=np.int32),
        direction=np.array(direction, dtype=np.int8),
        agreement=np.array(agreement, dtype=np.int8),
        score=np.array(score, dtype=np.float64),
        components=np.array(components, dtype=np.float64).reshape(3, symbols).T.copy(),
        setup=np.array(setup, dtype=np.int32),
        evidence=np.array(chosen, dtype=np.int32),
    )


def strengths_of(setups: Setups) -> list[float]:
    """How much each setup promises, NaN without a risk-reward ratio."""
    values = setups.score.tolist()
    if not all(math.isnan(value) for value in setups.p_value.tolist()):
        values = [0.5 if math.isnan(value) else 1 - value for value in setups.p_value.tolist()]
    return [value * (worth / (1 + worth)) for value, worth in zip(values, setups.risk_reward.tolist(), strict=True)]


def best_of(values: list[float], places: list[int]) -> int:
    """The first place with the largest known value, -1 where none is known."""
    known = [place for place in places if not math.isnan(values[place])]
    return max(known, key=lambda place: values[place], default=-1)


def unit_ranks(values: list[float]) -> list[float]:
    """The average rank of each known value, scaled to 0..1; one half where only one is known."""
    known = [value for value in values if not math.isnan(value)]
    ranks = []
    for value in values:
        if math.isnan(value):
            ranks.append(math.nan)
        elif len(known) == 1:
            ranks.append(0.5)
        else:
            below = sum(other < value for other in known)
            others = sum(other == value for other in known) - 1
            ranks.append((below + others / 2) / (len(known) - 1))
    return ranks
