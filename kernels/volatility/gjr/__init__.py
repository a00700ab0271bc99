"""GJR volatility with filtered historical simulation: losses raise the variance more than gains do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility.forecasts import (
    DEFAULT_HORIZONS,
    DEFAULT_LEVELS,
    MIN_RESIDUALS,
    Forecasts,
    require_horizons,
    require_levels,
    require_lookback,
)
from kernels.volatility.gjr import cpu, naive
from kernels.volatility.gjr.fit import GjrFit, fit_gjr
from kernels.volatility.gjr.rules import GJR_RETURNS, MIN_TARGET_RETURNS, TARGET_RETURNS, GjrParameters

__all__ = [
    "GJR_RETURNS",
    "MIN_TARGET_RETURNS",
    "TARGET_RETURNS",
    "GjrFit",
    "GjrParameters",
    "fit_gjr",
    "gjr_fhs",
    "gjr_scales",
]

_SCALES = {"naive": naive.gjr_scales, "cpu": cpu.gjr_scales}
_FHS = {"naive": naive.gjr_fhs, "cpu": cpu.gjr_fhs}


def gjr_scales(
    close: Float64Array2D,
    parameters: GjrParameters,
    horizons: tuple[int, ...] = DEFAULT_HORIZONS,
    *,
    backend: Backend = "auto",
) -> npt.NDArray[np.float64]:
    """The standard deviation of the log return from each bar over each horizon, as known at the close of the bar.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        parameters: from `fit_gjr`.
        horizons: in sessions, strictly rising, each at least 1.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [R, T, H]: above 0; 0 where all returns of the last `TARGET_RETURNS` sessions are 0; NaN where there is
        no bar or fewer than `MIN_TARGET_RETURNS` of these returns. The scale of bar t depends on the bars
        `t - TARGET_RETURNS` to t of its row only; formulas and sources are in the README.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, parameters of another type,
            or horizons out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("gjr_scales", backend, tuple(_SCALES))
    require_prices("close", close, close.shape)
    _require_parameters(parameters)
    require_horizons(horizons)
    return _SCALES[choice.backend](close, parameters, horizons)


def gjr_fhs(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    parameters: GjrParameters,
    *,
    horizons: tuple[int, ...] = DEFAULT_HORIZONS,
    levels: tuple[float, ...] = DEFAULT_LEVELS,
    lookback: int = 904,
    backend: Backend = "auto",
) -> Forecasts:
    """Forecast the log return over each horizon from GJR scales and the residuals of the look-back.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close each origin stands; the forecast knows it and nothing later.
        parameters: from `fit_gjr`, on bars no later than the first origin.
        horizons: in sessions, strictly rising, each at least 1.
        levels: quantile levels, strictly rising, above 0 and below 1.
        lookback: sessions that an origin may look at, its own included; at least
            `TARGET_RETURNS + MIN_RESIDUALS + max(horizons)`. The default gives as many residuals as that of `ewma_fhs`.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Forecasts`; "too little history" where the scale is unknown at the origin or no horizon has enough
        residuals. An origin's forecast depends on the bars `end - lookback + 1` to `end` of its row only.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, an origin outside the prices,
            or parameters, horizons, levels or lookback out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("gjr_fhs", backend, tuple(_FHS))
    require_prices("close", close, close.shape)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    _require_parameters(parameters)
    require_horizons(horizons)
    require_levels(levels)
    require_lookback(lookback, TARGET_RETURNS + MIN_RESIDUALS + max(horizons))
    return _FHS[choice.backend](close, row, end, parameters, horizons, levels, lookback)


def _require_parameters(parameters: GjrParameters) -> None:
    if not isinstance(parameters, GjrParameters):
        raise InvalidInputError(
            "parameters of GJR",
            expected="GjrParameters",
            got=type(parameters).__name__,
            mend="pass what fit_gjr returned",
        )
