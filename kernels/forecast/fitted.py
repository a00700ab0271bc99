"""`FittedModel`: the project's own forecast model, and what it forecasts.

A HAR scale says how far a price may move; residuals in units of it say how the moves are spread, those of the symbol
itself and those of all symbols pooled; a small network corrects the pooled quantiles by what is known of the bar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kernels.device import Backend
from kernels.forecast.bars import ForecastBars
from kernels.forecast.config import NetworkConfig
from kernels.forecast.features import FEATURES, bar_features
from kernels.panel import Int32Array1D
from kernels.volatility import (
    Forecasts,
    HarParameters,
    PooledQuantiles,
    forecast_from_pool,
    har_fhs,
    har_scales,
    mean_forecast,
)
from kernels.volatility.forecasts import OK, TOO_LITTLE_HISTORY

INPUTS = FEATURES
"""Names of what the network is told of a bar, in order."""

CANDIDATES = ("ensemble", "network", "har")
"""The forecasts that a model makes: the mean of the last two, the network's alone, and HAR's alone."""

LOOKBACK = 504
"""Bars that an origin looks back on, its own included."""

# A feature at bar t needs the bars t - 100 ... t, and the scales of t - 5 ... t.
_FEATURE_BARS = 106

Weights = Mapping[str, npt.NDArray[np.float32]]
RunNetwork = Callable[[NetworkConfig, Weights, npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Computes the quantiles float32 [N, H, Q] of a network from inputs float32 [N, F], in units of the HAR scale."""


@dataclass(frozen=True)
class FittedModel:
    """Everything that a model consists of.

    Attributes:
        har: of the scale.
        pooled: quantiles of the residuals of all symbols.
        config: of the network; its horizons and levels are those of `pooled`.
        weights: of the network; None where there was too little history to train one.
    """

    har: HarParameters
    pooled: PooledQuantiles
    config: NetworkConfig
    weights: Weights | None


def model_scales(bars: ForecastBars, har: HarParameters, backend: Backend = "auto") -> npt.NDArray[np.float64]:
    """The HAR scale of each bar and horizon, float64 [R, T, H]; see `har_scales`."""
    return har_scales(bars.open, bars.high, bars.low, bars.close, har, backend=backend)


def network_inputs(
    bars: ForecastBars, scales: npt.NDArray[np.float64], backend: Backend = "auto"
) -> npt.NDArray[np.float64]:
    """What the network is told of each bar, float64 [R, T, F]; a bar can be used only if all F are known."""
    return bar_features(bars, np.ascontiguousarray(scales[:, :, 0]), backend=backend)


def candidate_forecasts(
    model: FittedModel,
    bars: ForecastBars,
    row: Int32Array1D,
    end: Int32Array1D,
    run: RunNetwork,
    *,
    backend: Backend = "auto",
) -> dict[str, Forecasts]:
    """Forecast each origin's log return.

    Args:
        model: fitted on sessions before the first origin.
        bars: with at least the look-back of the origins; see `LOOKBACK`.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close it stands.
        run: computes the network.
        backend: "auto", "naive" or "cpu"; of everything but the network.

    Returns:
        By name, out of `CANDIDATES`; only "har" without a network. An origin of which the network knows an input too
        little is forecast by HAR alone. An origin depends on bars up to `end`: of its own row, and, through the inputs
        of market and sector, on those of the rows that count at `end`.

    Raises:
        InvalidInputError: bars or origins that can't be used; the fault is named.
    """
    four = bars.open, bars.high, bars.low, bars.close
    scales = model_scales(bars, model.har, backend)
    own = har_fhs(
        *four, row, end, model.har, levels=model.pooled.levels, lookback=LOOKBACK, scales=scales, backend=backend
    )
    own = replace(own, volatility=own.volatility * model.pooled.deviation)
    pooled = forecast_from_pool(bars.close, scales, row, end, model.pooled)
    har = mean_forecast([own, pooled])
    if model.weights is None:
        return {"har": har}
    network = _network_forecast(model, model.weights, bars, scales, row, end, pooled, run, backend)
    return {"ensemble": mean_forecast([har, network]), "network": network, "har": har}


def _network_forecast(
    model: FittedModel,
    weights: Weights,
    bars: ForecastBars,
    scales: npt.NDArray[np.float64],
    row: Int32Array1D,
    end: Int32Array1D,
    pooled: Forecasts,
    run: RunNetwork,
    backend: Backend,
) -> Forecasts:
    first = max(0, int(end.min(initial=bars.close.shape[1])) - _FEATURE_BARS)
    last = int(end.max(initial=first - 1)) + 1
    inputs = network_inputs(_columns(bars, first, last), np.ascontiguousarray(scales[:, first:last]), backend)
    told = inputs[row, end - first]
    unknown: npt.NDArray[np.intp] = np.isnan(told).sum(axis=1) + np.isnan(pooled.quantiles).sum(axis=(1, 2))
    known = unknown == 0
    scale = scales[row, end][known]
    relative = run(model.config, weights, np.ascontiguousarray(told[known], dtype=np.float32)).astype(np.float64)
    quantiles = np.full_like(pooled.quantiles, np.nan)
    quantiles[known] = scale[:, :, np.newaxis] * relative
    volatility = np.full_like(pooled.volatility, np.nan)
    # The network says nothing of the standard deviation: it widens with the distance of the outermost quantiles.
    reach = model.pooled.quantiles[:, -1] - model.pooled.quantiles[:, 0]
    volatility[known] = scale * model.pooled.deviation * (relative[:, :, -1] - relative[:, :, 0]) / reach
    return Forecasts(
        quantiles,
        volatility,
        np.where(known[:, np.newaxis], pooled.residuals, 0).astype(np.int32),
        # An origin that only the network doesn't know has too little history for it.
        np.where(known | (pooled.status != OK), pooled.status, TOO_LITTLE_HISTORY).astype(np.int8),
    )


def _columns(bars: ForecastBars, first: int, last: int) -> ForecastBars:
    cut = {
        name: np.ascontiguousarray(getattr(bars, name)[:, first:last])
        for name in ("open", "high", "low", "close", "volume", "counted")
    }
    return ForecastBars(**cut, sector=bars.sector, days_to_month_end=bars.days_to_month_end[first:last])
