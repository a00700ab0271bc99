"""The fault rules for one symbol's bars, as `@njit` scalars. Indexes are columns; `known` is the as-of session."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.quality.faults import NONPOSITIVE_PRICE, NULL_PRICE, OHLC_ORDER, QualitySettings

NONE = -1
MAD_TO_SIGMA = 1.4826  # 1 / the 0.75 quantile of the standard normal


class Row(NamedTuple):
    """One symbol's bars over T columns, with what is known of each by itself and by its copies.

    Attributes:
        open, high, low, close, volume, split_ratio, dividend: float64 [T].
        sound: bool [T], a bar is there and has no fault in its own prices.
        copied_on: int32 [T], the later session whose bar this one turned out to be a copy of, T where there is none.
    """

    open: Float64Array1D
    high: Float64Array1D
    low: Float64Array1D
    close: Float64Array1D
    volume: Float64Array1D
    split_ratio: Float64Array1D
    dividend: Float64Array1D
    sound: npt.NDArray[np.bool_]
    copied_on: Int32Array1D


@njit(cache=True)
def own_fault(open_: float, high: float, low: float, close: float, tolerance: float) -> tuple[int, float]:
    """Kind and value of the first fault in a bar's own prices, (NONE, NaN) if there is none."""
    prices = (open_, high, low, close)
    for price in prices:
        if math.isnan(price):
            return NULL_PRICE, np.nan
    for price in prices:
        if price <= 0 or math.isinf(price):
            return NONPOSITIVE_PRICE, price
    excess = max(low / min(open_, close), max(open_, close) / high, low / high) - 1
    if excess > tolerance:
        return OHLC_ORDER, excess
    return NONE, np.nan


@njit(cache=True)
def log_move(start: float, end: float) -> float:
    """Natural log of end / start, finite for any two positive prices."""
    return math.log(end) - math.log(start)


@njit(cache=True)
def find_partners(
    open_: Float64Array1D,
    high: Float64Array1D,
    low: Float64Array1D,
    sound: npt.NDArray[np.bool_],
    lookback: int,
    partner: Int32Array1D,
) -> None:
    """Write to `partner` the latest earlier sound bar with the same open, high and low, NONE without one in reach."""
    order = np.argsort(np.where(sound, open_, np.inf), kind="mergesort")
    partner[:] = NONE
    for place in range(len(order)):
        later = order[place]
        for back in range(place - 1, -1, -1):
            earlier = order[back]
            if not sound[later] or open_[earlier] != open_[later] or later - earlier > lookback:
                break
            if high[earlier] == high[later] and low[earlier] == low[later]:
                partner[later] = earlier
                break


@njit(cache=True)
def is_copy(row: Row, earlier: int, later: int, settings: QualitySettings) -> bool:
    """Whether a repeated bar is a copy of the later one, and no chance meeting of two bars."""
    spread = log_move(row.low[later], row.high[later])
    if not (spread > 0 and row.volume[earlier] > 0 and row.volume[later] > 0):
        return False
    ratio = row.volume[later] / row.volume[earlier]
    close_move = abs(log_move(row.close[earlier], row.close[later]))
    return close_move <= settings.copy_close * spread and settings.copy_volume_low <= ratio <= settings.copy_volume_high


@njit(cache=True)
def usable(row: Row, session: int, known: int) -> bool:
    """Whether a bar is sound and not known to be a copy."""
    return bool(row.sound[session] and row.copied_on[session] > known)


@njit(cache=True)
def carried(row: Row, start: int, end: int) -> tuple[float, float]:
    """What one share held at the close of `start` is at the open of `end`: shares, and dividends in dollars."""
    shares = 1.0
    cash = 0.0
    for session in range(start + 1, end + 1):
        shares *= row.split_ratio[session]
        cash += shares * row.dividend[session]
    return shares, cash


@njit(cache=True)
def middle(values: Float64Array1D) -> float:
    """Median of at least one number."""
    ordered = np.sort(values)
    half = len(ordered) // 2
    return float(ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half]))


@njit(cache=True)
def usual(row: Row, session: int, known: int, settings: QualitySettings) -> tuple[float, float]:
    """Robust sigma of the log returns before a session, and its volume over the median one.

    NaN sigma with too few returns or without any movement; volume multiple 1 where the volume can't be compared.
    """
    returns = np.empty(settings.scale_window)
    volumes = np.empty(settings.scale_window)
    n_returns = n_volumes = 0
    before = NONE
    for at in range(max(0, session - settings.scale_window), session):
        if not usable(row, at, known):
            continue
        if before != NONE:
            shares, cash = carried(row, before, at)
            returns[n_returns] = log_move(row.close[before], row.close[at] * shares + cash)
            n_returns += 1
        before = at
        if 0 < row.volume[at] < np.inf:
            volumes[n_volumes] = row.volume[at]
            n_volumes += 1
    multiple = 1.0
    if n_volumes and 0 < row.volume[session] < np.inf:
        multiple = row.volume[session] / middle(volumes[:n_volumes])
    if n_returns < settings.scale_least:
        return np.nan, multiple
    returns = returns[:n_returns]
    sigma = MAD_TO_SIGMA * middle(np.abs(returns - middle(returns)))
    return (sigma if sigma > 0 else np.nan), multiple


@njit(cache=True)
def suspect_move(row: Row, session: int, following: int, settings: QualitySettings) -> float:
    """Log move into a bar that the next sound bar, `following`, proves wrong; NaN if it doesn't.

    The bar's whole range lies beyond the ranges of both neighbours, and both moves are large for its volume.
    """
    if following - session > settings.recent or not usable(row, session, following):
        return np.nan
    before = session - 1
    while before >= max(0, session - settings.recent) and not usable(row, before, following):
        before -= 1
    if before < max(0, session - settings.recent):
        return np.nan
    shares, cash = carried(row, before, session)
    later_shares, later_cash = carried(row, session, following)
    high, low = row.high[session] * shares + cash, row.low[session] * shares + cash
    next_high = row.high[following] * later_shares + later_cash
    next_low = row.low[following] * later_shares + later_cash
    if low > row.high[before] and row.low[session] > next_high:
        apart = min(log_move(row.high[before], low), log_move(next_high, row.low[session]))
    elif high < row.low[before] and row.high[session] < next_low:
        apart = min(log_move(high, row.low[before]), log_move(row.high[session], next_low))
    else:
        return np.nan
    sigma, multiple = usual(row, session, following, settings)
    move = log_move(row.close[before], row.close[session] * shares + cash)
    reversal = log_move(row.close[session], row.close[following] * later_shares + later_cash)
    enough = settings.reversal_sigmas * max(1.0, multiple) * sigma
    if apart >= settings.island_sigmas * sigma and min(abs(move), abs(reversal)) >= enough:
        return move
    return np.nan


@njit(cache=True)
def unexplained_move(row: Row, session: int, settings: QualitySettings) -> float:
    """Log move from the last good close that no recorded action and no volume explains; NaN if there is none."""
    before = NONE
    following = session
    for at in range(session - 1, max(0, session - settings.recent) - 1, -1):
        if row.sound[at]:
            if usable(row, at, session) and math.isnan(suspect_move(row, at, following, settings)):
                before = at
                break
            following = at
    if before == NONE:
        return np.nan
    shares, cash = carried(row, before, session)
    gap = log_move(row.close[before], row.open[session] * shares + cash)
    move = log_move(row.close[before], row.close[session] * shares + cash)
    spread = log_move(row.low[session], row.high[session])
    if gap * move <= 0 or abs(gap) <= settings.gap_ranges * spread:
        return np.nan
    sigma, multiple = usual(row, session, session, settings)
    if abs(move) >= max(settings.move_sigmas, settings.volume_sigmas * multiple) * sigma:
        return move
    return np.nan
