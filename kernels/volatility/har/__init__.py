"""HAR on range features: the variance to come, regressed on past variance over a day, a week, a month, a quarter."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility import fhs, fhs_naive
from kernels.volatility.fhs import needed_bars
from kernels.volatility.forecasts import (
    DEFAULT_HORIZONS,
    DEFAULT_LEVELS,
    MIN_RESIDUALS,
    Forecasts,
    require_horizons,
    require_levels,
    require_lookback,
)
from kernels.volatility.har import cpu, fit, naive
from kernels.volatility.har.fit import HarReport
from kernels.volatility.har.parameters import HarParameters
from kernels.volatility.har.rules import HAR_BARS, VARIANCE_CEILING, VARIANCE_FLOOR, WINDOWS

__all__ = [
    "HAR_BARS",
    "VARIANCE_CEILING",
    "VARIANCE_FLOOR",
    "WINDOWS",
    "HarParameters",
    "HarReport",
    "fit_har",
    "har_fhs",
    "har_scales",
]

_BACKENDS = {"naive": naive.har_scales, "cpu": cpu.har_scales}
_DRIVERS = {"naive": fhs_naive.forecast_from_scales, "cpu": fhs.forecast_from_scales}


def har_scales(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    parameters: HarParameters,
    *,
    backend: Backend = "auto",
) -> npt.NDArray[np.float64]:
    """The scale of the log return of close from each bar to each horizon, as known at the close of the bar.

    Args:
        open: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        high: as `open`.
        low: as `open`.
        close: as `open`.
        parameters: what `fit_har` returned, for H horizons.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [R, T, H], finite: above 0, or 0 where the price stood still over the longest window, or NaN where a
        window has too few bars. The scale at bar t depends on the bars t - `HAR_BARS` to t of its row only; the
        definition and its sources are in the README.

    Raises:
        InvalidInputError: a wrong shape or dtype, or a price that isn't positive and finite.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("har_scales", backend, tuple(_BACKENDS))
    _require_bars(open, high, low, close)
    return _BACKENDS[choice.backend](open, high, low, close, parameters)


def har_fhs(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    parameters: HarParameters,
    *,
    levels: tuple[float, ...] = DEFAULT_LEVELS,
    lookback: int = 504,
    scales: npt.NDArray[np.float64] | None = None,
    backend: Backend = "auto",
) -> Forecasts:
    """Forecast the log return over each horizon of `parameters` from the HAR scale and the residuals of the look-back.

    Args:
        open: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        high: as `open`.
        low: as `open`.
        close: as `open`.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close each origin stands; the forecast knows it and nothing later.
        parameters: what `fit_har` returned, fitted on bars before the origins.
        levels: quantile levels, strictly rising, above 0 and below 1.
        lookback: sessions that an origin may look at, its own included; at least
            `HAR_BARS + MIN_RESIDUALS + max(parameters.horizons)`.
        scales: what `har_scales` returned for the same bars and parameters, where it is at hand; None = compute them.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Forecasts`. `volatility` is the scale; unlike the quantiles, it keeps the bias of the logarithm (see the
        README). An origin's forecast depends on `parameters` and on the bars `end - lookback + 1`
        to `end` of its row only.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, an origin outside the prices,
            or levels or lookback out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("har_fhs", backend, tuple(_BACKENDS))
    if scales is not None and (scales.dtype != np.float64 or scales.shape != (*close.shape, len(parameters.horizons))):
        raise InvalidInputError(
            "scales of har_fhs",
            expected=f"float64 of shape {(*close.shape, len(parameters.horizons))}: a scale for each bar and horizon",
            got=f"{scales.dtype} of shape {scales.shape}",
            mend="pass what har_scales returned for the same bars and parameters",
        )
    _require_bars(open, high, low, close)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    require_levels(levels)
    require_lookback(lookback, HAR_BARS + MIN_RESIDUALS + max(parameters.horizons))
    rows, columns, row_within, end_within = needed_bars(row, end, lookback)
    opens, highs, lows, closes = (np.ascontiguousarray(values[rows, columns]) for values in (open, high, low, close))
    if scales is None:
        needed = _BACKENDS[choice.backend](opens, highs, lows, closes, parameters)
    else:
        needed = np.ascontiguousarray(scales[rows, columns])
    forecast = _DRIVERS[choice.backend]
    log_close = np.log(closes)
    return forecast(log_close, needed, row_within, end_within, parameters.horizons, levels, lookback, HAR_BARS)


def fit_har(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    first: int,
    last: int,
    horizons: tuple[int, ...] = DEFAULT_HORIZONS,
) -> tuple[HarParameters, HarReport]:
    """Fit the model by ordinary least squares for each horizon, pooled over rows.

    Args:
        open: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        high: as `open`.
        low: as `open`.
        close: as `open`.
        first: first column of the training span, at least 0. Columns before it change nothing.
        last: last column of the training span, below T. Targets end by it; columns after it change nothing.
        horizons: in sessions, strictly rising, each at least 1.

    Returns:
        The parameters, and how many rows each regression used and explained. The same bars give the same floats.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, a span outside the prices,
            horizons out of range, or a span that leaves the coefficients undetermined.
    """
    _require_bars(open, high, low, close)
    _require_span(first, last, close.shape[1])
    require_horizons(horizons)
    span = slice(first, last + 1)
    return fit.fit_har(open[:, span], high[:, span], low[:, span], close[:, span], horizons)


def _require_bars(open_: Float64Array2D, high: Float64Array2D, low: Float64Array2D, close: Float64Array2D) -> None:
    for name, values in (("open", open_), ("high", high), ("low", low), ("close", close)):
        require_prices(name, values, close.shape)


def _require_span(first: int, last: int, bars: int) -> None:
    integers = all(isinstance(value, Integral) and not isinstance(value, bool) for value in (first, last))
    if not integers or not 0 <= first <= last < bars:
        raise InvalidInputError(
            "first, last",
            expected=f"integers with 0 <= first <= last < {bars}, the number of sessions",
            got=f"{first!r}, {last!r}",
            mend="pass the columns of the training span's first and last session",
        )
