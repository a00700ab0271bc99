"""The constants of the truncated EWMA that both backends share."""

from __future__ import annotations

EWMA_RETURNS = 100
"""K: how many returns the volatility at a bar looks back on; at a decay of 0.94 the weights beyond sum to 0.2 %."""

MIN_RETURNS = 20
"""How many of the K returns must be there."""
