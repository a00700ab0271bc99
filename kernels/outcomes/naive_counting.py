"""The oracle of counting and shares, straight from the README: one entry, one lag, one value at a time."""

from __future__ import annotations

import math

import numpy as np

from kernels.outcomes.model import BoolArray1D, Int8Array1D, Shares
from kernels.panel import Float64Array1D, Int32Array1D


def counted_once(
    row: Int32Array1D,
    group: Int32Array1D,
    side: Int8Array1D,
    known: Int32Array1D,
    priority: Float64Array1D,
    sessions: int,
) -> BoolArray1D:
    """Same as `kernels.outcomes.counted_once`, without its checks."""

    def turn(entry: int) -> tuple[int, bool, float, int]:
        value = float(priority[entry])
        unknown = math.isnan(value)
        return int(known[entry]), unknown, 0.0 if unknown else -value, entry

    counted = np.zeros(len(row), dtype=np.bool_)
    last: dict[tuple[int, int, int], int] = {}
    for entry in sorted(range(len(row)), key=turn):
        kind = (int(row[entry]), int(group[entry]), int(side[entry]))
        if kind not in last or int(known[entry]) - last[kind] >= sessions:
            counted[entry] = True
            last[kind] = int(known[entry])
    return counted


def shares(
    session: Int32Array1D, group: Int32Array1D, groups: int, hit: Float64Array1D, lags: int, confidence: float
) -> Shares:
    """Same as `kernels.outcomes.shares`, without its checks."""
    # scipy takes long to import, and nothing else here needs it.
    from scipy.special import stdtrit

    found = []
    for index in range(groups):
        values: dict[int, list[float]] = {}
        for entry in range(len(session)):
            if group[entry] == index and not math.isnan(hit[entry]):
                values.setdefault(int(session[entry]), []).append(float(hit[entry]))
        count, clusters = sum(len(each) for each in values.values()), len(values)
        if not count:
            found.append((0, 0, math.nan, math.nan, math.nan))
            continue
        totals = {when: added(sorted(values[when])) for when in sorted(values)}
        mean = added(list(totals.values())) / count
        start, span = min(totals), max(totals) - min(totals) + 1
        residuals = [0.0] * span
        for when, total in totals.items():
            residuals[when - start] = total - mean * len(values[when])
        variance = added([residual * residual for residual in residuals])
        for lag in range(1, min(lags, span - 1) + 1):
            products = [residuals[place] * residuals[place - lag] for place in range(lag, span)]
            variance += 2.0 * (1.0 - lag / (lags + 1.0)) * added(products)
        low = high = math.nan
        share = max((lags + 1.0) / span, 1.0 / clusters)
        greatest = max(abs(value) for each in values.values() for value in each)
        if clusters >= 2 and span >= lags + 1 and variance > 0.0:
            error = math.sqrt(variance / (1.0 - share + share * share / 3.0)) / count
            if error > 1e-12 * greatest:
                freedom = min(clusters - 1.0, 1.5 / share)
                reach = float(stdtrit(freedom, (1.0 + confidence) / 2.0)) * error
                low, high = mean - reach, mean + reach
        found.append((count, clusters, mean, low, high))
    columns = np.array(found, dtype=np.float64).reshape(-1, 5).T.copy()
    return Shares(columns[0].astype(np.int64), columns[1].astype(np.int64), *columns[2:])


def added(values: list[float]) -> float:
    """The sum from first to last, each step rounded; `sum` of newer Pythons rounds once."""
    total = 0.0
    for value in values:
        total += value
    return total
