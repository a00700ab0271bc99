"""EWMA volatility with filtered historical simulation: the baseline that every other forecast is measured against."""

from __future__ import annotations

from kernels.device import Backend, choose
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility.ewma import cpu, naive
from kernels.volatility.ewma.rules import EWMA_RETURNS, MIN_RETURNS
from kernels.volatility.forecasts import (
    DEFAULT_HORIZONS,
    DEFAULT_LEVELS,
    MIN_RESIDUALS,
    Forecasts,
    require_decay,
    require_horizons,
    require_levels,
    require_lookback,
)

__all__ = ["EWMA_RETURNS", "MIN_RETURNS", "ewma_fhs"]

_BACKENDS = {"naive": naive.ewma_fhs, "cpu": cpu.ewma_fhs}


def ewma_fhs(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    *,
    horizons: tuple[int, ...] = DEFAULT_HORIZONS,
    levels: tuple[float, ...] = DEFAULT_LEVELS,
    lookback: int = 504,
    decay: float = 0.94,
    backend: Backend = "auto",
) -> Forecasts:
    """Forecast the log return over each horizon from EWMA volatility and the residuals of the look-back.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close each origin stands; the forecast knows it and nothing later.
        horizons: in sessions, strictly rising, each at least 1.
        levels: quantile levels, strictly rising, above 0 and below 1.
        lookback: sessions that an origin may look at, its own included; at least
            `EWMA_RETURNS + MIN_RESIDUALS + max(horizons)`.
        decay: weight of a squared return against the one a session later, above 0 and below 1.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Forecasts`. An origin's forecast depends on the bars `end - lookback + 1` to `end` of its row only; the
        definition and its sources are in the README.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, an origin outside the prices,
            or horizons, levels, lookback or decay out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("ewma_fhs", backend, tuple(_BACKENDS))
    require_prices("close", close, close.shape)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    require_horizons(horizons)
    require_levels(levels)
    require_lookback(lookback, EWMA_RETURNS + MIN_RESIDUALS + max(horizons))
    require_decay(decay)
    return _BACKENDS[choice.backend](close, row, end, horizons, levels, lookback, decay)
