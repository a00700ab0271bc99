"""Volatility models: each forecasts the quantiles of the log return from bars known at the origin."""

from __future__ import annotations

from kernels.volatility.ewma import ewma_fhs
from kernels.volatility.forecasts import DEFAULT_HORIZONS, DEFAULT_LEVELS, MIN_RESIDUALS, STATUSES, Forecasts
from kernels.volatility.gjr import GjrFit, GjrParameters, fit_gjr, gjr_fhs, gjr_scales
from kernels.volatility.har import HarParameters, HarReport, fit_har, har_fhs, har_scales
from kernels.volatility.historical import historical_quantile
from kernels.volatility.pooled import PooledQuantiles, fit_pooled_quantiles, forecast_from_pool, mean_forecast
from kernels.volatility.walk import random_walk

__all__ = [
    "DEFAULT_HORIZONS",
    "DEFAULT_LEVELS",
    "MIN_RESIDUALS",
    "STATUSES",
    "Forecasts",
    "GjrFit",
    "GjrParameters",
    "HarParameters",
    "HarReport",
    "PooledQuantiles",
    "ewma_fhs",
    "fit_gjr",
    "fit_har",
    "fit_pooled_quantiles",
    "forecast_from_pool",
    "gjr_fhs",
    "gjr_scales",
    "har_fhs",
    "har_scales",
    "historical_quantile",
    "mean_forecast",
    "random_walk",
]
