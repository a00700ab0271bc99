"""The numbers of the market model: sectors, factor and own volatility, jumps, bar shape, volume.

Volatilities and drifts are annual fractions, probabilities are per session, log returns are natural. The README gives
the formulas in which each of them stands.
"""

from __future__ import annotations

from typing import NamedTuple

SESSIONS_PER_YEAR = 252
SESSIONS_PER_QUARTER = 63


class Gjr(NamedTuple):
    """Coefficients of a GJR(1,1): `alpha` on squares, `gamma` on squares of losses, `beta` on the variance."""

    alpha: float
    gamma: float
    beta: float


class Sector(NamedTuple):
    """One GICS sector.

    Attributes:
        name: the GICS name.
        weight: relative count of instruments.
        factor_volatility: annual volatility of the sector factor.
        own_volatility: annual; the middle of the sector's own volatilities.
        market_beta: mean loading on the market factor.
        dividend_yield: annual; the middle of its payers' yields.
    """

    name: str
    weight: int
    factor_volatility: float
    own_volatility: float
    market_beta: float
    dividend_yield: float


SECTORS = (
    Sector("Communication Services", 22, 0.09, 0.23, 0.95, 0.020),
    Sector("Consumer Discretionary", 52, 0.08, 0.25, 1.10, 0.015),
    Sector("Consumer Staples", 38, 0.09, 0.17, 0.70, 0.027),
    Sector("Energy", 23, 0.20, 0.23, 1.10, 0.030),
    Sector("Financials", 72, 0.10, 0.19, 1.15, 0.024),
    Sector("Health Care", 63, 0.09, 0.22, 0.90, 0.014),
    Sector("Industrials", 78, 0.07, 0.20, 1.05, 0.018),
    Sector("Information Technology", 65, 0.09, 0.25, 1.20, 0.010),
    Sector("Materials", 28, 0.10, 0.21, 1.10, 0.022),
    Sector("Real Estate", 31, 0.12, 0.17, 0.85, 0.036),
    Sector("Utilities", 30, 0.14, 0.14, 0.60, 0.034),
)

MARKET_VOLATILITY = 0.16
MARKET_GJR = Gjr(alpha=0.0, gamma=0.15, beta=0.89)
SECTOR_GJR = Gjr(alpha=0.04, gamma=0.03, beta=0.92)
OWN_GJR = Gjr(alpha=0.06, gamma=0.02, beta=0.91)
# Even: the chi-squared is a product of half as many uniforms, three.
DEGREES_OF_FREEDOM = 6

MARKET_JUMP_PROBABILITY = 0.004
MARKET_JUMP_MEAN = -0.015
MARKET_JUMP_DEVIATION = 0.025
OWN_JUMP_PROBABILITY = 0.012
# In units of the instrument's own daily volatility.
OWN_JUMP_DEVIATION = 4.0

# A session's log return, jumps included, stays within this bound; with the split levels it keeps every price sane.
RETURN_LIMIT = 0.7
REVERSE_SPLIT_LEVEL = 5.0
REVERSE_SPLIT_RATIO = 0.125

OVERNIGHT_SHARE = 0.22
VOLUME_NOISE = 0.30
VOLUME_ACTIVITY = 0.30
