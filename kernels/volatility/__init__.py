"""Volatility models: each forecasts the quantiles of the log return from bars known at the origin."""

from __future__ import annotations

from kernels.volatility.ewma import ewma_fhs
from kernels.volatility.forecasts import DEFAULT_HORIZONS, DEFAULT_LEVELS, MIN_RESIDUALS, STATUSES, Forecasts

__all__ = ["DEFAULT_HORIZONS", "DEFAULT_LEVELS", "MIN_RESIDUALS", "STATUSES", "Forecasts", "ewma_fhs"]
