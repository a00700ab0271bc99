"""Historical quantiles: the forecast that expects of the next sessions what the past ones gave."""

from __future__ import annotations

from kernels.device import Backend, choose
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
from kernels.volatility.historical import cpu, naive

__all__ = ["historical_quantile"]

_BACKENDS = {"naive": naive.historical_quantile, "cpu": cpu.historical_quantile}


def historical_quantile(
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    *,
    horizons: tuple[int, ...] = DEFAULT_HORIZONS,
    levels: tuple[float, ...] = DEFAULT_LEVELS,
    lookback: int = 500,
    backend: Backend = "auto",
) -> Forecasts:
    """Forecast the log return over each horizon by the quantiles of the row's own returns over as many sessions.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close each origin stands; the forecast knows it and nothing later.
        horizons: in sessions, strictly rising, each at least 1.
        levels: quantile levels, strictly rising, above 0 and below 1.
        lookback: sessions that an origin may look at, its own included; at least `MIN_RESIDUALS + max(horizons)`.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Forecasts`; `volatility` is the root mean square of these returns and `residuals` their number. A horizon
        with fewer than `MIN_RESIDUALS` of them, or with nothing but zeros, is unknown. A forecast depends on the bars
        `end - lookback + 1` to `end` of its row only; the definition is in the README.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, an origin outside the prices,
            or horizons, levels or lookback out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("historical_quantile", backend, tuple(_BACKENDS))
    require_prices("close", close, close.shape)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    require_horizons(horizons)
    require_levels(levels)
    require_lookback(lookback, MIN_RESIDUALS + max(horizons))
    return _BACKENDS[choice.backend](close, row, end, horizons, levels, lookback)
