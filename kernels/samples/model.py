"""The numbers of the draws: streams and blocks of the generator, and the distributions."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

CHANNELS = ("open", "high", "low", "close", "log_volume")
"""The channels of a window."""

SAMPLE_STREAM, SCALER_STREAM = 0, 1
STREAMS = (SAMPLE_STREAM, SCALER_STREAM)

START_BLOCK, VALUE_BLOCK, AGE_BLOCK, STATE_LEVEL_BLOCK, ACTION_LEVEL_BLOCK, ACTION_VALUE_BLOCK = range(6)
BLOCKS = 6

FLAT, LONG_ONLY, SHORT_ONLY, BOTH = range(4)

LOWEST_EQUITY, EQUITY_RANGE = 1e4, 9e4
MEDIAN_VALUE, LARGEST_VALUE = 1e4, 5e4

CAP_MARGIN = 1.0 - 2.0**-22
"""Room for rounding to float32 below the leverage cap: two values, each rounded up by at most 2**-24 of itself."""

LEVEL_DEVIATION = 0.03


class Level(NamedTuple):
    """A truncated normal of deviation `LEVEL_DEVIATION`: the multiple of a price at which a leg is closed.

    Attributes:
        mean: before the truncation.
        low, high: the ends of the range.
    """

    mean: float
    low: float
    high: float

    @property
    def ends(self) -> tuple[float, float]:
        """The normal distribution function at both ends of the range."""
        normal = NormalDist(self.mean, LEVEL_DEVIATION)
        return normal.cdf(self.low), normal.cdf(self.high)


LEVELS = (
    Level(0.95, 0.50, 0.99),
    Level(1.05, 1.01, 21.0),
    Level(1.05, 1.01, 1.50),
    Level(0.95, 0.50, 0.99),
)
"""Long stop, long target, short stop, short target: position 2 * leg + (0 for the stop, 1 for the target)."""
