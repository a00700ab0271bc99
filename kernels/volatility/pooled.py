"""Residuals of all symbols together: quantiles for symbols with few residuals of their own, and means of forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility.forecasts import (
    CONSTANT_PRICES,
    DEFAULT_HORIZONS,
    DEFAULT_LEVELS,
    NO_BAR,
    OK,
    TOO_LITTLE_HISTORY,
    Forecasts,
    empty_forecasts,
    require_horizons,
    require_levels,
)

MIN_POOLED = 250
"""The fewest residuals of all symbols that pooled quantiles may rest on."""


@dataclass(frozen=True)
class PooledQuantiles:
    """Quantiles of the residuals of all symbols over a span.

    Attributes:
        quantiles: float64 [H, Q], in units of the scale, not falling along Q.
        deviation: float64 [H], root mean square of the residuals: what the scale must be multiplied with to be the
            standard deviation of the log return.
        residuals: how many each horizon rests on; those of neighbouring bars and symbols aren't independent.
        horizons: in sessions.
        levels: of the quantiles.
    """

    quantiles: Float64Array2D
    deviation: Float64Array1D
    residuals: tuple[int, ...]
    horizons: tuple[int, ...]
    levels: tuple[float, ...]


def fit_pooled_quantiles(
    close: Float64Array2D,
    scales: npt.NDArray[np.float64],
    first: int,
    last: int,
    *,
    horizons: tuple[int, ...] = DEFAULT_HORIZONS,
    levels: tuple[float, ...] = DEFAULT_LEVELS,
) -> PooledQuantiles:
    """Pool the residuals that begin and end within the bars `first` to `last`, and take their quantiles.

    A residual is the log return over h sessions divided by its scale, where the scale is above 0 and both bars are
    there. Quantiles are interpolated linearly (definition 7 of Hyndman & Fan 1996).

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar. Bars outside are not looked at.
        scales: float64 [R, T, H], of any volatility model, as known at each bar; NaN or 0 = no residual.
        first: the first bar.
        last: the last bar, included.
        horizons: in sessions, strictly rising.
        levels: quantile levels, strictly rising.

    Raises:
        InvalidInputError: a wrong shape or value, or a horizon with fewer than `MIN_POOLED` residuals.
    """
    require_prices("close", close, close.shape)
    require_horizons(horizons)
    require_levels(levels)
    _require_scales(scales, (*close.shape, len(horizons)))
    if not 0 <= first < last < close.shape[1]:
        raise InvalidInputError(
            "span of the pooled residuals",
            expected=f"0 <= first < last < {close.shape[1]}",
            got=f"first={first}, last={last}",
            mend="pass bars that the prices have",
        )
    log_close = np.log(close[:, first : last + 1])
    quantiles, deviation, counts = np.empty((len(horizons), len(levels))), np.empty(len(horizons)), []
    for index, horizon in enumerate(horizons):
        scale = scales[:, first : max(first, last + 1 - horizon), index]
        known = scale > 0.0
        move = log_close[:, horizon:] - log_close[:, : log_close.shape[1] - horizon]
        residuals = move[known] / scale[known]
        # Sorted, so that neither the quantiles nor the sum of squares depends on the order of the rows.
        residuals = np.sort(residuals[~np.isnan(residuals)])
        if len(residuals) < MIN_POOLED:
            raise InvalidInputError(
                f"pooled residuals over {horizon} sessions",
                expected=f"at least {MIN_POOLED}",
                got=f"{len(residuals)} in the bars {first} to {last}",
                mend="pool over a longer span or more symbols, or leave this horizon out",
            )
        quantiles[index] = np.quantile(residuals, levels)
        deviation[index] = np.sqrt(np.mean(residuals**2))
        counts.append(len(residuals))
    return PooledQuantiles(quantiles, deviation, tuple(counts), tuple(horizons), tuple(levels))


def forecast_from_pool(
    close: Float64Array2D,
    scales: npt.NDArray[np.float64],
    row: Int32Array1D,
    end: Int32Array1D,
    pooled: PooledQuantiles,
) -> Forecasts:
    """Forecast each origin's log return as its scale times the pooled quantiles; its volatility likewise.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar. Looked at for the bar at the origin.
        scales: float64 [R, T, H], in the horizons of `pooled`.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close it stands.
        pooled: from `fit_pooled_quantiles`, over bars no later than the first origin.

    Raises:
        InvalidInputError: a wrong shape, dtype or value.
    """
    require_prices("close", close, close.shape)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    _require_scales(scales, (*close.shape, len(pooled.horizons)))
    forecasts = empty_forecasts(len(row), len(pooled.horizons), len(pooled.levels))
    there = ~np.isnan(close[row, end])
    scale = scales[row, end]
    known = there[:, np.newaxis] & (scale > 0.0)
    forecasts.volatility[:] = np.where(known, scale, np.nan) * pooled.deviation
    forecasts.quantiles[:] = np.where(known, scale, np.nan)[:, :, np.newaxis] * pooled.quantiles
    forecasts.residuals[:] = np.where(known, np.array(pooled.residuals, dtype=np.int32), 0)
    constant = there & (scale == 0.0).any(axis=1)
    forecasts.status[:] = np.select(
        [~there, known.any(axis=1), constant], [NO_BAR, OK, CONSTANT_PRICES], TOO_LITTLE_HISTORY
    )
    return forecasts


def mean_forecast(forecasts: Sequence[Forecasts]) -> Forecasts:
    """The mean of the quantiles, and of the volatilities, of several forecasts of the same origins.

    Where some know a horizon of an origin, the mean is theirs; so one that needs a longer history joins later.
    Residuals are the fewest of these. The status is "ok" where one is, else that of the first.

    Raises:
        InvalidInputError: no forecast, or forecasts of different shapes.
    """
    shapes = {each.quantiles.shape for each in forecasts}
    if len(shapes) != 1:
        raise InvalidInputError(
            "mean_forecast",
            expected="at least one forecast, all of the same origins, horizons and levels",
            got=f"shapes {sorted(shapes)}",
            mend="forecast the same origins with each model",
        )
    quantiles = np.stack([each.quantiles for each in forecasts])
    known = ~np.isnan(quantiles[..., 0])
    count = known.sum(axis=0)
    total = np.where(known[..., np.newaxis], quantiles, 0.0).sum(axis=0)
    volatility = np.stack([each.volatility for each in forecasts])
    scaled = ~np.isnan(volatility)
    fewest = np.where(known, np.stack([each.residuals for each in forecasts]), np.iinfo(np.int32).max).min(axis=0)
    statuses = np.stack([each.status for each in forecasts])
    with np.errstate(invalid="ignore"):
        mean = total / count[..., np.newaxis]
        mean_volatility = np.where(scaled, volatility, 0.0).sum(axis=0) / scaled.sum(axis=0)
    return Forecasts(
        quantiles=mean,
        volatility=mean_volatility,
        residuals=np.where(count > 0, fewest, 0).astype(np.int32),
        status=np.where((statuses == OK).any(axis=0), OK, statuses[0]).astype(np.int8),
    )


def _require_scales(scales: npt.NDArray[np.float64], shape: tuple[int, ...]) -> None:
    if scales.dtype != np.float64 or scales.shape != shape:
        raise InvalidInputError(
            "scales",
            expected=f"float64 of shape {shape}: a scale for each bar and horizon",
            got=f"{scales.dtype} of shape {scales.shape}",
            mend="pass what gjr_scales or har_scales returned for the same prices and horizons",
        )
    if (scales < 0.0).any() or np.isinf(scales).any():
        raise InvalidInputError(
            "scales",
            expected="standard deviations of at least 0, or NaN",
            got=f"{float(scales[(scales < 0.0) | np.isinf(scales)][0])}",
            mend="correct the volatility model",
        )
