"""Where words go so that none lies on another."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float


class Boxes:
    """Rectangles that are taken."""

    _CELL = 32.0

    def __init__(self) -> None:
        self._columns: dict[int, list[Box]] = {}

    def _cells(self, box: Box) -> range:
        return range(int(box.left // self._CELL), int(box.right // self._CELL) + 1)

    def blocking(self, box: Box) -> Box | None:
        """The first taken rectangle that a rectangle overlaps; None if it is free."""
        for cell in self._cells(box):
            for other in self._columns.get(cell, ()):
                if (
                    box.left < other.right
                    and other.left < box.right
                    and box.top < other.bottom
                    and other.top < box.bottom
                ):
                    return other
        return None

    def take(self, box: Box) -> None:
        """Take a rectangle."""
        for cell in self._cells(box):
            self._columns.setdefault(cell, []).append(box)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places as near to the wanted ones as is possible with `gap` between neighbours, within low .. high.

    The order stays. Where there isn't room for all, the places are evenly spread over all of it.

    Args:
        wanted: one for each label, in pixels, in any order.
        gap: least distance of two places.
        low: the lowest place.
        high: the highest place.
    """
    if not wanted:
        return []
    order = np.argsort(np.asarray(wanted), kind="stable")
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    # Places less their rank times the gap need only rise: neighbours that don't are moved to their mean.
    pools: list[tuple[float, int]] = []
    for rank, index in enumerate(order.tolist()):
        place, size = min(max(wanted[index], low), high) - rank * gap, 1
        while pools and pools[-1][0] > place:
            before, others = pools.pop()
            place, size = (before * others + place * size) / (others + size), size + others
        pools.append((place, size))
    slack = [place for place, size in pools for _ in range(size)]
    last = high - (len(wanted) - 1) * gap
    result = [0.0] * len(wanted)
    for rank, index in enumerate(order.tolist()):
        result[index] = min(max(slack[rank], low), last) + rank * gap
    return result
