"""Filtered historical simulation: from the scales of any volatility model to quantiles.

The residuals that an origin looks back on lie sorted in the first `count` cells of an array that slides along the
origins of a row. The same residuals give the same cells whichever way they came and went, so a set that slides is
bitwise the set that is sorted anew at each origin.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.forecasts import (
    CONSTANT_PRICES,
    MIN_RESIDUALS,
    NO_BAR,
    OK,
    TOO_LITTLE_HISTORY,
    Forecasts,
    empty_forecasts,
)

Float64Array3D = npt.NDArray[np.float64]
Int64Array1D = npt.NDArray[np.int64]


def forecast_from_scales(
    log_close: Float64Array2D,
    scale: Float64Array3D,
    row: Int32Array1D,
    end: Int32Array1D,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
    lookback: int,
    burn: int,
) -> Forecasts:
    """Forecast from the scale at each origin and the residuals of its look-back. Checks nothing: the models do.

    The residual of bar t and horizon h is `(log_close[t + h] - log_close[t]) / scale[t, h]`, where both bars are there
    and the scale is above 0. A quantile is the scale at the origin times the empirical quantile of the residuals that
    begin at bars `end - lookback + 1 + burn` to `end - h`.

    Args:
        log_close: float64 [R, T], log of the close; NaN where there is no bar.
        scale: float64 [R, T, H], C-contiguous: standard deviation of the log return from t to t + h as known at the
            close of t; NaN where unknown, 0 where prices are constant. Only the bars named above and `end` are read.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close each origin stands.
        horizons: H horizons in sessions, rising.
        levels: quantile levels, rising.
        lookback: sessions that an origin may look at, its own included.
        burn: how many bars before its own a scale reaches back, so that residuals stay within the look-back.

    Returns:
        See `Forecasts`; `volatility` is the scale at the origin. The same floats for an origin alone and in any batch.
    """
    forecasts = empty_forecasts(len(row), len(horizons), len(levels))
    order = np.lexsort((end, row))
    new_row = np.diff(row[order], prepend=-1) != 0
    _all_rows(
        log_close,
        scale,
        row,
        end,
        order,
        np.append(np.flatnonzero(new_row), len(row)),
        np.array(horizons, dtype=np.int64),
        np.array(levels, dtype=np.float64),
        lookback,
        burn,
        forecasts.quantiles,
        forecasts.volatility,
        forecasts.residuals,
        forecasts.status,
    )
    return forecasts


def needed_bars(
    row: Int32Array1D, end: Int32Array1D, lookback: int
) -> tuple[Int64Array1D, slice, Int32Array1D, Int32Array1D]:
    """The rows and columns that at least one origin depends on, and the origins `row` and `end` within them."""
    rows, row_within = np.unique(row, return_inverse=True)
    first = max(0, int(end.min()) - lookback + 1) if len(end) else 0
    columns = slice(first, int(end.max(initial=-1)) + 1)
    return rows.astype(np.int64), columns, row_within.astype(np.int32), (end - first).astype(np.int32)


@njit(cache=True, parallel=True)
def _all_rows(
    log_close: Float64Array2D,
    scale: Float64Array3D,
    row: Int32Array1D,
    end: Int32Array1D,
    order: Int64Array1D,
    starts: Int64Array1D,
    horizons: Int64Array1D,
    levels: Float64Array1D,
    lookback: int,
    burn: int,
    quantiles: Float64Array3D,
    volatility: Float64Array2D,
    residuals: npt.NDArray[np.int32],
    status: npt.NDArray[np.int8],
) -> None:
    """`order[starts[i] : starts[i + 1]]` are the origins of one row, by rising end."""
    for group in prange(len(starts) - 1):
        origins = order[starts[group] : starts[group + 1]]
        series = row[origins[0]]
        for origin in origins:
            status[origin] = _status_before_residuals(log_close[series, end[origin]], scale[series, end[origin]])
        for index in range(len(horizons)):
            _one_horizon(
                log_close[series],
                scale[series, :, index],
                origins,
                end,
                horizons[index],
                levels,
                lookback,
                burn,
                quantiles[:, index],
                volatility[:, index],
                residuals[:, index],
                status,
            )


@njit(cache=True)
def _one_horizon(
    log_close: Float64Array1D,
    scale: Float64Array1D,
    origins: Int64Array1D,
    end: Int32Array1D,
    horizon: int,
    levels: Float64Array1D,
    lookback: int,
    burn: int,
    quantiles: Float64Array2D,
    volatility: Float64Array1D,
    residuals: npt.NDArray[np.int32],
    status: npt.NDArray[np.int8],
) -> None:
    """Write the forecasts over one horizon for the origins of one row, which come by rising end."""
    first = max(0, end[origins[0]] - lookback + 1 + burn)
    scaled = _residuals(log_close, scale, first, end[origins[-1]], horizon)
    window = np.empty(lookback)
    # The window holds the residuals that begin at bars held_from, ..., held_to - 1.
    held_from, held_to, count = first, first, 0
    for origin in origins:
        want_from = max(first, end[origin] - lookback + 1 + burn)
        want_to = max(want_from, end[origin] - horizon + 1)
        for t in range(held_from, min(want_from, held_to)):
            count = remove_sorted(window, count, scaled[t - first])
        for t in range(max(want_from, held_to), want_to):
            count = insert_sorted(window, count, scaled[t - first])
        held_from, held_to = want_from, want_to
        at_origin = scale[end[origin]]
        if status[origin] == NO_BAR or not at_origin > 0.0:
            continue
        volatility[origin] = at_origin
        residuals[origin] = count
        if count >= MIN_RESIDUALS:
            status[origin] = OK
            for level in range(len(levels)):
                quantiles[origin, level] = at_origin * sorted_quantile(window, count, levels[level])


@njit(cache=True)
def _status_before_residuals(log_close: float, scale: Float64Array1D) -> int:
    """The status of an origin as long as no horizon with enough residuals is found."""
    if math.isnan(log_close):
        return NO_BAR
    constant = False
    for value in scale:
        if value > 0.0:
            return TOO_LITTLE_HISTORY
        constant = constant or value == 0.0
    return CONSTANT_PRICES if constant else TOO_LITTLE_HISTORY


@njit(cache=True)
def _residuals(log_close: Float64Array1D, scale: Float64Array1D, first: int, last: int, horizon: int) -> Float64Array1D:
    """The residual that begins at each bar from `first` on and ends by `last`; NaN where there is none."""
    residuals = np.full(max(0, last + 1 - first - horizon), math.nan)
    for i in range(len(residuals)):
        if scale[first + i] > 0.0:
            residuals[i] = (log_close[first + i + horizon] - log_close[first + i]) / scale[first + i]
    return residuals


@njit(cache=True)
def insert_sorted(values: Float64Array1D, count: int, value: float) -> int:
    """Insert `value` into the sorted `values[:count]`; a NaN is left out. Returns the new count."""
    if math.isnan(value):
        return count
    place = np.searchsorted(values[:count], value)
    for i in range(count, place, -1):
        values[i] = values[i - 1]
    values[place] = value
    return count + 1


@njit(cache=True)
def remove_sorted(values: Float64Array1D, count: int, value: float) -> int:
    """Remove one `value` from the sorted `values[:count]`, which must hold it unless NaN. Returns the new count."""
    if math.isnan(value):
        return count
    place = np.searchsorted(values[:count], value)
    for i in range(place, count - 1):
        values[i] = values[i + 1]
    return count - 1


@njit(cache=True)
def sorted_quantile(values: Float64Array1D, count: int, level: float) -> float:
    """Empirical quantile of the sorted `values[:count]`, count >= 1, by linear interpolation between order statistics.

    Definition 7 of Hyndman & Fan (1996), NumPy's default. Interpolated from the nearer neighbour, so it never falls as
    `level` rises.
    """
    place = (count - 1) * level
    below = math.floor(place)
    left = float(values[below])
    right = float(values[min(below + 1, count - 1)])
    share = place - below
    if share >= 0.5:
        return right - (right - left) * (1.0 - share)
    return left + (right - left) * share
