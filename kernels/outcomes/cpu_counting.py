"""Counting once and shares on the CPU: sorted, then one pass."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from kernels.outcomes.model import BoolArray1D, Int8Array1D, Int64Array1D, Shares
from kernels.panel import Float64Array1D, Int32Array1D

NEGLIGIBLE = 1e-12
"""A standard error below this share of the greatest value is rounding, not spread."""


def counted_once(
    row: Int32Array1D,
    group: Int32Array1D,
    side: Int8Array1D,
    known: Int32Array1D,
    priority: Float64Array1D,
    sessions: int,
) -> BoolArray1D:
    """Same as `kernels.outcomes.counted_once`, without its checks."""
    # 31 bits each and one for the side: one word to sort by, not three.
    kind = (row.astype(np.int64) << 32) | (group.astype(np.int64) << 1) | (side > 0)
    order = np.lexsort((-priority, known, kind))
    counted = np.zeros(len(row), dtype=np.bool_)
    _count_once(kind, known, order, sessions, counted)
    return counted


@njit(cache=True, nogil=True)
def _count_once(
    kind: Int64Array1D, known: Int32Array1D, order: Int64Array1D, sessions: int, counted: BoolArray1D
) -> None:
    """Mark the entries that count, going through each kind by session."""
    last = 0
    for place in range(len(order)):
        entry = order[place]
        if place == 0 or kind[entry] != kind[order[place - 1]] or known[entry] - last >= sessions:
            counted[entry] = True
            last = int(known[entry])


def shares(
    session: Int32Array1D, group: Int32Array1D, groups: int, hit: Float64Array1D, lags: int, confidence: float
) -> Shares:
    """Same as `kernels.outcomes.shares`, without its checks."""
    # scipy takes long to import, and nothing else here needs it.
    from scipy.special import stdtrit

    known = np.flatnonzero(~np.isnan(hit))
    # Values of one session are added in their own order, so that the order of the entries can't matter.
    order = known[np.lexsort((hit[known], session[known], group[known]))]
    first = np.searchsorted(group[order], np.arange(groups + 1))
    count = np.diff(first)
    clusters, span = np.zeros(groups, dtype=np.int64), np.zeros(groups, dtype=np.int64)
    mean, variance, greatest = np.full(groups, np.nan), np.full(groups, np.nan), np.full(groups, np.nan)
    _all_groups(session[order], hit[order], first, lags, clusters, span, mean, variance, greatest)

    sure = (clusters >= 2) & (span >= lags + 1) & (variance > 0.0)
    share = np.maximum((lags + 1.0) / span[sure], 1.0 / clusters[sure])
    error = np.full(groups, np.nan)
    error[sure] = np.sqrt(variance[sure] / (1.0 - share + share * share / 3.0)) / count[sure]
    reach = np.full(groups, np.nan)
    reach[sure] = stdtrit(np.minimum(clusters[sure] - 1.0, 1.5 / share), (1.0 + confidence) / 2.0) * error[sure]
    reach[error <= NEGLIGIBLE * greatest] = np.nan
    return Shares(count, clusters, mean, mean - reach, mean + reach)


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _all_groups(
    session: Int32Array1D,
    hit: Float64Array1D,
    first: Int64Array1D,
    lags: int,
    clusters: Int64Array1D,
    span: Int64Array1D,
    mean: Float64Array1D,
    variance: Float64Array1D,
    greatest: Float64Array1D,
) -> None:
    """Write the moments of each group; a group without entries is left as it is."""
    for group in prange(len(mean)):
        if first[group + 1] > first[group]:
            begin, end = first[group], first[group + 1]
            clusters[group], mean[group], variance[group] = _moments(session[begin:end], hit[begin:end], lags)
            span[group] = session[end - 1] - session[begin] + 1
            greatest[group] = np.max(np.abs(hit[begin:end]))


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(session: Int32Array1D, values: Float64Array1D, lags: int) -> tuple[int, float, float]:
    """The different sessions, the mean and the long-run variance of the sum, from values sorted by session."""
    start = session[0]
    totals, counts = np.zeros(session[-1] - start + 1), np.zeros(session[-1] - start + 1)
    for place in range(len(session)):
        totals[session[place] - start] += values[place]
        counts[session[place] - start] += 1.0
    clusters, total = 0, 0.0
    for step in range(len(totals)):
        clusters += counts[step] > 0.0
        total += totals[step]
    mean = total / len(values)
    residuals = totals - mean * counts
    variance = 0.0
    for step in range(len(residuals)):
        variance += residuals[step] * residuals[step]
    for lag in range(1, min(lags, len(residuals) - 1) + 1):
        products = 0.0
        for step in range(lag, len(residuals)):
            products += residuals[step] * residuals[step - lag]
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * products
    return clusters, mean, variance
