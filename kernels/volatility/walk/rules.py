"""The constants of the random walk that both backends share."""

from __future__ import annotations

from statistics import NormalDist

WALK_RETURNS = 500
"""How many daily returns the standard deviation looks back on."""

MIN_WALK_RETURNS = 250
"""How many of these returns must be there."""


def normal_quantiles(levels: tuple[float, ...]) -> list[float]:
    """Quantiles of the standard normal distribution."""
    return [NormalDist().inv_cdf(float(level)) for level in levels]
