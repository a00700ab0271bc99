"""The oracle of the matched entries, straight from the README: one copy at a time."""

from __future__ import annotations

import math

import numpy as np

from kernels.market.naive import philox4x32
from kernels.outcomes.model import BoolArray2D, Entries, Int64Array1D
from kernels.panel import Float64Array2D


def matched_entries(
    entries: Entries,
    close: Float64Array2D,
    volatility: Float64Array2D,
    members: BoolArray2D,
    keys: Int64Array1D,
    session_number: Int64Array1D,
    copies: int,
    seed: int,
) -> Entries:
    """Same as `kernels.outcomes.matched_entries`, without its checks."""
    by_key = sorted(range(len(keys)), key=lambda row: int(keys[row]))
    before: dict[tuple[int, int, int, float, float], int] = {}
    matched = []
    for place in range(len(entries.row)):
        row, known, side = int(entries.row[place]), int(entries.known[place]), int(entries.side[place])
        target, invalidation = float(entries.target[place]), float(entries.invalidation[place])
        same = (row, known, side, target, invalidation)
        number = before.get(same, 0)
        before[same] = number + 1
        drawable = [r for r in by_key if members[r, known] and close[r, known] > 0 and volatility[r, known] > 0]
        geometry = (target, invalidation, float(close[row, known]), float(volatility[row, known]))
        for copy in range(copies):
            if not drawable or any(math.isnan(value) for value in geometry) or geometry[3] == 0:
                matched.append((row, known, side, math.nan, math.nan))
                continue
            key, session = int(keys[row]) % 2**64, int(session_number[known]) % 2**32
            counter = (key % 2**32, key // 2**32, session, number % 2**16 * 2**16 + copy)
            word = philox4x32(counter, (seed % 2**32, seed // 2**32))[0]
            drawn = drawable[word * len(drawable) // 2**32]
            there = (float(close[drawn, known]), float(volatility[drawn, known]))
            levels = [moved_level(level, *geometry[2:], *there) for level in (target, invalidation)]
            matched.append((drawn, known, side, levels[0], levels[1]))
    columns = np.array(matched, dtype=np.float64).reshape(-1, 5).T
    return Entries(
        row=columns[0].astype(np.int32),
        known=columns[1].astype(np.int32),
        side=columns[2].astype(np.int8),
        target=columns[3].copy(),
        invalidation=columns[4].copy(),
    )


def moved_level(level: float, close: float, volatility: float, other_close: float, other_volatility: float) -> float:
    """The level as far from another close, in units of the other's volatility."""
    distance = (math.log(level) - math.log(close)) * other_volatility / volatility
    return other_close * math.exp(min(max(distance, -461.0), 461.0))
