"""The constants of the HAR model that both backends and the fit share."""

from __future__ import annotations

WINDOWS = (1, 5, 22, 66)
"""Sessions over which the daily variance is averaged: a day, a week, a month, a quarter."""

HAR_BARS = WINDOWS[-1]
"""How many bars before bar t the scale at t looks back on: the oldest variance needs the close before its bar."""

VARIANCE_FLOOR = 1e-8
"""The least daily variance whose logarithm is taken, and the least that is predicted: 1 basis point a day, squared."""

VARIANCE_CEILING = 1.0
"""The greatest daily variance that is predicted: a volatility of 100 % a day."""
