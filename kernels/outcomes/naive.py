"""The oracle of the outcomes, straight from the README: one entry and one bar at a time."""

from __future__ import annotations

import math

import numpy as np

from kernels.outcomes.model import (
    INVALIDATION,
    MISSED,
    NEITHER,
    TARGET,
    UNENTERED,
    UNKNOWN,
    BoolArray2D,
    Entries,
    Int64Array1D,
    Outcomes,
)
from kernels.panel import Float64Array2D

NAN = math.nan


def outcomes(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    entries: Entries,
    universe: BoolArray2D,
    horizons: Int64Array1D,
) -> Outcomes:
    """Same as `kernels.outcomes.outcomes`, without its checks."""
    session_count = close.shape[1]
    means: dict[tuple[int, int], float] = {}
    prices, rows = [], []
    for place in range(len(entries.row)):
        row, known, side = int(entries.row[place]), int(entries.known[place]), int(entries.side[place])
        target, invalidation = float(entries.target[place]), float(entries.invalidation[place])
        price = float(open_[row, known + 1]) if known + 1 < session_count else NAN
        if math.isnan(target) or math.isnan(invalidation):
            price = NAN
        prices.append(price)
        for horizon in horizons.tolist():
            seen = range(known + 1, min(known + horizon, session_count - 1) + 1)
            result, sessions = NEITHER, 0
            if math.isnan(price):
                result = UNENTERED
            elif not (invalidation < price < target if side == 1 else target < price < invalidation):
                result = MISSED
            else:
                for session in seen:
                    if low[row, session] <= invalidation if side == 1 else high[row, session] >= invalidation:
                        result, sessions = INVALIDATION, session - known
                        break
                    if high[row, session] >= target if side == 1 else low[row, session] <= target:
                        result, sessions = TARGET, session - known
                        break
                else:
                    if known + horizon >= session_count:
                        result = UNKNOWN
            simple = float(close[row, known + horizon]) / price - 1 if known + horizon < session_count else NAN
            if (known, horizon) not in means:
                means[known, horizon] = mean_return(open_, close, universe, known, horizon)
            rows.append((result, sessions, side * simple, side * (simple - means[known, horizon])))
    shape = (len(prices), len(horizons))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Outcomes(
        entry_price=np.array(prices, dtype=np.float64),
        result=columns[0].astype(np.int8).reshape(shape),
        sessions=columns[1].astype(np.int16).reshape(shape),
        forward=columns[2].reshape(shape).copy(),
        relative=columns[3].reshape(shape).copy(),
    )


def mean_return(open_: Float64Array2D, close: Float64Array2D, universe: BoolArray2D, known: int, horizon: int) -> float:
    """The mean simple return of the rows of the universe that have both bars, NaN where none has."""
    if known + horizon >= close.shape[1]:
        return NAN
    total, count = 0.0, 0
    for row in range(len(close)):
        simple = float(close[row, known + horizon]) / float(open_[row, known + 1]) - 1
        if universe[row, known] and not math.isnan(simple):
            total += simple
            count += 1
    return total / count if count else NAN
