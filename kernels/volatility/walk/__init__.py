"""A random walk without drift: the forecast that knows no volatility clusters and no fat tails."""

from __future__ import annotations

from kernels.device import Backend, choose
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility.forecasts import (
    DEFAULT_HORIZONS,
    DEFAULT_LEVELS,
    Forecasts,
    require_horizons,
    require_levels,
)
from kernels.volatility.walk import cpu, naive
from kernels.volatility.walk.rules import MIN_WALK_RETURNS, WALK_RETURNS

__all__ = ["MIN_WALK_RETURNS", "WALK_RETURNS", "random_walk"]

_BACKENDS = {"naive": naive.random_walk, "cpu": cpu.random_walk}


def random_walk(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    *,
    horizons: tuple[int, ...] = DEFAULT_HORIZONS,
    levels: tuple[float, ...] = DEFAULT_LEVELS,
    backend: Backend = "auto",
) -> Forecasts:
    """Forecast the log return over each horizon as normal, of mean 0, with the variance of past daily returns.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close each origin stands; the forecast knows it and nothing later.
        horizons: in sessions, strictly rising, each at least 1.
        levels: quantile levels, strictly rising, above 0 and below 1.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Forecasts`; `residuals` counts the daily returns that the variance rests on, at least `MIN_WALK_RETURNS`.
        All horizons of an origin are known, or none. A forecast depends on the bars `end - WALK_RETURNS` to `end` of
        its row only; the definition is in the README.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, an origin outside the prices,
            or horizons or levels out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("random_walk", backend, tuple(_BACKENDS))
    require_prices("close", close, close.shape)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    require_horizons(horizons)
    require_levels(levels)
    return _BACKENDS[choice.backend](close, row, end, horizons, levels)
