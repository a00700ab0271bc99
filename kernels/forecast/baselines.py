"""The baselines that every model is judged beside, fitted and forecast in one call."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral

import numpy as np

from kernels.errors import InvalidInputError
from kernels.forecast.bars import ForecastBars
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array1D, Int32Array1D, PricePanel
from kernels.volatility import (
    Forecasts,
    HarParameters,
    ewma_fhs,
    fit_gjr,
    fit_har,
    fit_pooled_quantiles,
    gjr_fhs,
    har_fhs,
    har_scales,
    historical_quantile,
    random_walk,
)


def baseline_forecasts(
    bars: PricePanel | ForecastBars, train_first: int, train_last: int, row: Int32Array1D, end: Int32Array1D
) -> tuple[dict[str, Forecasts], dict[str, str]]:
    """Forecast every origin with every baseline, over the default horizons and levels.

    "random-walk", "historical-quantile" and "ewma-fhs" need no fit. "garch-fhs", "gjr-fhs" and "har-fhs" are fitted on
    the bars `train_first` to `train_last` of all rows; one whose fit is impossible is left out. All use the look-backs
    that `kernels.volatility` has by default. The volatility of HAR is multiplied by the root mean square of the
    residuals of the training bars, which takes out the bias of its logarithm.

    Args:
        bars: of R rows over T sessions. All rows count in the fits.
        train_first: the first bar to fit on.
        train_last: the last bar to fit on, included; before the first origin.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close it stands.

    Returns:
        The forecasts by model, in the order above, and the reason for each model that is left out.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, an origin outside the prices,
            or training bars that lie outside them or aren't all before the first origin.
    """
    close = bars.close
    for name in ("open", "high", "low", "close"):
        require_prices(name, getattr(bars, name), close.shape)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    _require_training_bars(train_first, train_last, close.shape[1], end)

    made = {
        "random-walk": random_walk(close, row, end),
        "historical-quantile": historical_quantile(close, row, end),
        "ewma-fhs": ewma_fhs(close, row, end),
    }
    reasons = {}
    for name, symmetric in (("garch-fhs", True), ("gjr-fhs", False)):
        try:
            parameters, _ = fit_gjr(close, train_first, train_last, symmetric=symmetric)
        except InvalidInputError as error:
            reasons[name] = str(error)
        else:
            made[name] = gjr_fhs(close, row, end, parameters)
    try:
        har, deviation = _fit_har(bars, train_first, train_last)
    except InvalidInputError as error:
        reasons["har-fhs"] = str(error)
    else:
        forecasts = har_fhs(bars.open, bars.high, bars.low, close, row, end, har)
        made["har-fhs"] = replace(forecasts, volatility=forecasts.volatility * deviation)
    return made, reasons


def _fit_har(bars: PricePanel | ForecastBars, first: int, last: int) -> tuple[HarParameters, Float64Array1D]:
    """The parameters, and the root mean square of the residuals of each horizon over the bars fitted on."""
    span = slice(first, last + 1)
    training = [np.ascontiguousarray(values[:, span]) for values in (bars.open, bars.high, bars.low, bars.close)]
    open_, high, low, close = training
    parameters, _ = fit_har(open_, high, low, close, 0, last - first)
    scales = har_scales(open_, high, low, close, parameters)
    return parameters, fit_pooled_quantiles(close, scales, 0, last - first).deviation


def _require_training_bars(first: int, last: int, bars: int, end: Int32Array1D) -> None:
    whole = all(isinstance(bar, Integral) and not isinstance(bar, bool) for bar in (first, last))
    before = min(bars, int(end.min(initial=bars)))
    if not whole or not 0 <= first <= last < before:
        raise InvalidInputError(
            "training bars of the baselines",
            expected=f"integers 0 <= train_first <= train_last < {before}, the first origin or the end of the prices",
            got=f"train_first {first!r}, train_last {last!r}",
            mend="fit on sessions before the first origin only",
        )
