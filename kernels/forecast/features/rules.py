"""The names, windows and limits of the features that both backends share."""

from __future__ import annotations

import math

FEATURES = (
    "log_variance_1",
    "log_variance_5",
    "log_variance_22",
    "log_variance_66",
    "log_ewma_94",
    "log_ewma_97",
    "down_share_5",
    "down_share_22",
    "return_1",
    "gap",
    "return_5",
    "volume",
    "market_return",
    "market_log_square",
    "sector_return",
    "sector_log_square",
    "month_end",
)
"""The features' names, in their order along the last axis."""

DECAYS = (0.94, 0.97)
"""Decays of the two EWMA volatilities."""

DOWN_WINDOWS = (5, 22)
"""Sessions over which the down-semivariance share is taken."""

LONG_RETURN = 5
"""Sessions of the longer return."""

VOLUME_SESSIONS = 66
"""Sessions that the volume of a bar is compared with, its own included."""

MIN_SECTOR_SYMBOLS = 5
"""How many symbols of a sector need a return; with fewer, the market stands in."""

MONTH_SESSIONS = 21
"""Sessions of a usual month."""

RETURN_LIMIT = 8.0
"""Returns over their scale are clipped to plus and minus this."""

VOLUME_LIMIT = 5.0
"""Standard deviations of volume are clipped to plus and minus this."""

SQUARE_FLOOR = 1e-4
"""The least ratio of a variance to the squared scale that is told apart from 0."""

LOG_VARIANCE_LIMIT = -math.log(SQUARE_FLOOR)
"""Logarithms of variance over squared scale are clipped to plus and minus this, those of volatility to half of it."""
