"""From values to pixels and back to round numbers: `Scale`."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D
from resources.charts.checks import finite

FLAT = 1e-9
"""A range below this share of its values is drawn as flat."""

LEAST = 1e-12
"""No difference below this is drawn, and no smaller value has a logarithmic scale."""

_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0)
_LOG_STEPS = (1.0, 2.0, 5.0)
_WIDE_LOG_RANGE = math.log(6.0)


@dataclass(frozen=True)
class Scale:
    """A straight scale, linear or logarithmic.

    Attributes:
        low, high: the values at its ends, low < high; above 0 if logarithmic.
        start, end: the pixels of `low` and `high`; downward pixels make `end` the smaller one.
        logarithmic: whether equal ratios, not equal differences, are equally long.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, values: npt.ArrayLike) -> Float64Array1D:
        """Pixels of values; NaN stays NaN, what lies beyond an end is put on it."""
        given = np.asarray(values, np.float64)
        low, high = self.low, self.high
        if self.logarithmic:
            given = np.log(np.where(given > 0.0, given, np.where(np.isnan(given), np.nan, low)))
            low, high = math.log(low), math.log(high)
        share = np.clip((given - low) / (high - low), 0.0, 1.0)
        pixels: Float64Array1D = self.start + share * (self.end - self.start)
        return pixels

    def one(self, value: float) -> float:
        """The pixel of one value."""
        return float(self.at(value))

    def contains(self, value: float) -> bool:
        """Whether a value lies between the ends."""
        return self.low <= value <= self.high

    def ticks(self, gap: float) -> list[float]:
        """Round values inside, rising, whose pixels are at least `gap` apart."""
        most = max(2, int(abs(self.end - self.start) / gap))
        if self.logarithmic and math.log(self.high / self.low) > _WIDE_LOG_RANGE:
            values = self._powers()
        else:
            values = self._multiples(round_step((self.high - self.low) / most))
        chosen: list[float] = []
        last = math.inf
        for value in values:
            pixel = self.one(value)
            if not chosen or abs(pixel - last) >= gap:
                chosen.append(value)
                last = pixel
        return chosen

    def _multiples(self, step: float) -> list[float]:
        first, last = math.ceil(self.low / step - FLAT), math.floor(self.high / step + FLAT)
        return [min(max(multiple * step, self.low), self.high) + 0.0 for multiple in range(first, last + 1)]

    def _powers(self) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = (multiple * 10.0**power for power in powers for multiple in _LOG_STEPS)
        return [value for value in values if self.contains(value)]


def round_step(least: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten, at least `least` > 0."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((step * power for step in _ROUND_STEPS if step * power >= least), 10.0 * power)


def decimals_of(ticks: list[float]) -> int:
    """Decimals with which round values are told apart."""
    steps = [abs(b - a) for a, b in pairwise(ticks)]
    smallest = min(steps, default=1.0)
    for decimals in range(7):
        scaled = smallest * 10.0**decimals
        if abs(scaled - round(scaled)) < 1e-6 * scaled:
            return decimals
    return 6


def scale_of(
    values: npt.ArrayLike, start: float, end: float, *, logarithmic: bool = False, margin: float = 0.0
) -> Scale:
    """The scale that holds all finite values, a little of it free at both ends.

    Args:
        values: any shape; without a finite one the scale runs from 0 to 1.
        start: pixel of its low end.
        end: pixel of its high end.
        logarithmic: wanted; a value below `LEAST` makes it linear.
        margin: pixels between the outermost values and the ends.
    """
    known = finite(values)
    if not len(known):
        return Scale(0.0, 1.0, start, end)
    low, high = float(known.min()), float(known.max())
    logarithmic = logarithmic and low >= LEAST
    if high - low <= max(FLAT * max(abs(low), abs(high)), LEAST):
        around = 0.01 * abs(low) if logarithmic or abs(low) > FLAT else 1.0
        low, high = low - around, high + around
    share = margin / max(abs(end - start) - 2.0 * margin, 1.0)
    if logarithmic:
        factor = (high / low) ** share
        return Scale(low / factor, high * factor, start, end, logarithmic=True)
    free = share * (high - low)
    return Scale(low - free, high + free, start, end)


def positions(start: float, step: float, count: int) -> Float64Array1D:
    """`count` pixels from `start` on, `step` apart."""
    return start + step * np.arange(count, dtype=np.float64)
