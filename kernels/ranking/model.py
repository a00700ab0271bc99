"""What the ranking of picks takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D

COMPONENTS = ("pattern", "forecast", "simulation")
"""What a pick's score is made of, in the order of `Picks.components`; the score is their mean."""

UNKNOWN_COUNTS = 0.5
"""What a component that isn't known counts."""

SCORE_DECIMALS = 12
"""Scores are rounded: ranks are fractions, so equal scores are common and must tie."""


@dataclass(frozen=True)
class Setups:
    """K standing setups, in any order but for equal ones, of which the first is taken.

    Attributes:
        symbol: int32 [K], index of the symbol.
        direction: int8 [K], 1 where the next wave rises, -1 where it falls.
        score: float64 [K], from 0 to 1.
        risk_reward: float64 [K], above 0; NaN = unknown, and then the setup is left out.
        p_value: float64 [K], from 0 to 1; NaN = not calibrated.
    """

    symbol: Int32Array1D
    direction: npt.NDArray[np.int8]
    score: Float64Array1D
    risk_reward: Float64Array1D
    p_value: Float64Array1D


@dataclass(frozen=True)
class Evidence:
    """What the simulations of M symbols and strategies say, in any order but for equal ones.

    Attributes:
        symbol: int32 [M], index of the symbol.
        long, short: bool [M], whether the strategy may hold that leg.
        chance: float64 [M], from 0 to 1, probability that the strategy earns something; NaN = unknown.
    """

    symbol: Int32Array1D
    long: npt.NDArray[np.bool_]
    short: npt.NDArray[np.bool_]
    chance: Float64Array1D


@dataclass(frozen=True)
class Picks:
    """S symbols, ranked.

    Attributes:
        rank: int32 [S], 1 = the best score; 0 without a direction.
        direction: int8 [S], 1 = long, -1 = short, 0 = neither a setup nor a forecast tells.
        agreement: int8 [S], 1 where setup and forecast point the same way, -1 where they don't, 0 where one is missing.
        score: float64 [S], from 0 to 1; NaN without a direction.
        components: float64 [S, 3], from 0 to 1, in the order of `COMPONENTS`; NaN = unknown.
        setup: int32 [S], the setup that counts, index into `Setups`; -1 = none.
        evidence: int32 [S], the simulation that counts, index into `Evidence`; -1 = none.
    """

    rank: Int32Array1D
    direction: npt.NDArray[np.int8]
    agreement: npt.NDArray[np.int8]
    score: Float64Array1D
    components: Float64Array2D
    setup: Int32Array1D
    evidence: Int32Array1D
