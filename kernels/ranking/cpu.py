"""The ranking with NumPy."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.ranking.model import SCORE_DECIMALS, UNKNOWN_COUNTS, Evidence, Picks, Setups

Value = TypeVar("Value", np.float64, np.int8)


def rank_picks(setups: Setups, forecast: Float64Array1D, evidence: Evidence) -> Picks:
    """Same as `kernels.ranking.rank_picks`, without its checks."""
    symbols = len(forecast)
    strength = _strength_of(setups)
    setup = _best_of(strength, setups.symbol, symbols)
    pointed = _at(setups.direction, setup, np.int8(0))
    sign = np.sign(np.nan_to_num(forecast)).astype(np.int8)
    direction = np.where(pointed != 0, pointed, sign)

    wanted = direction[evidence.symbol]
    fits = np.where(wanted > 0, evidence.long, evidence.short) & (wanted != 0)
    chosen = _best_of(np.where(fits, evidence.chance, np.nan), evidence.symbol, symbols)

    support = np.where(direction != 0, forecast * direction, np.nan)
    unknown = np.float64(np.nan)
    values = (_at(strength, setup, unknown), support, _at(evidence.chance, chosen, unknown))
    components = np.column_stack([_unit_ranks(each) for each in values])
    counted = np.where(np.isnan(components), UNKNOWN_COUNTS, components)
    mean = np.round((counted[:, 0] + counted[:, 1] + counted[:, 2]) / 3.0, SCORE_DECIMALS)
    score = np.where(direction != 0, mean, np.nan)
    best_first = np.argsort(-score, kind="stable")[: np.count_nonzero(direction)]
    rank = np.zeros(symbols, dtype=np.int32)
    rank[best_first] = np.arange(1, len(best_first) + 1)
    return Picks(rank, direction, pointed * sign, score, components, setup, chosen)


def _strength_of(setups: Setups) -> Float64Array1D:
    """How much each setup promises, NaN without a risk-reward ratio."""
    values = setups.score
    calibrated = ~np.isnan(setups.p_value)
    if calibrated.any():
        values = np.where(calibrated, 1.0 - setups.p_value, UNKNOWN_COUNTS)
    return np.asarray(values * (setups.risk_reward / (1.0 + setups.risk_reward)))


def _best_of(values: Float64Array1D, owner: Int32Array1D, owners: int) -> Int32Array1D:
    """For each owner the first place with its largest known value, -1 where none is known."""
    best = np.full(owners, -1, dtype=np.int32)
    worst_first = np.argsort(-values, kind="stable")[: np.count_nonzero(~np.isnan(values))][::-1]
    # Of several values for one place the last is kept.
    best[owner[worst_first]] = worst_first
    return best


def _at(values: npt.NDArray[Value], places: Int32Array1D, missing: Value) -> npt.NDArray[Value]:
    """The values at `places`, `missing` where a place is -1."""
    found = np.full(len(places), missing, dtype=values.dtype)
    found[places >= 0] = values[places[places >= 0]]
    return found


def _unit_ranks(values: Float64Array1D) -> Float64Array1D:
    """The average rank of each known value, scaled to 0..1; one half where only one is known."""
    ranks = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    _, inverse, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    first = np.cumsum(counts) - counts
    if len(inverse) == 1:
        ranks[known] = 0.5
    elif len(inverse) > 1:
        ranks[known] = (first + (counts - 1) / 2.0)[inverse] / (len(inverse) - 1)
    return ranks
