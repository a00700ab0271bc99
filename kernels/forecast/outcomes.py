"""Outcomes: the log returns that forecasts are judged by."""

from __future__ import annotations

import numpy as np

from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.volatility.forecasts import require_horizons


def outcomes_of(
    close: Float64Array2D, row: Int32Array1D, end: Int32Array1D, horizons: tuple[int, ...]
) -> Float64Array2D:
    """The log return of close from each origin over each horizon.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close it stands.
        horizons: in sessions, strictly rising, each at least 1.

    Returns:
        float64 [E, H]; NaN where a bar is missing or still to come.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, an origin outside the prices,
            or horizons out of range.
    """
    require_prices("close", close, close.shape)
    require_origins(row, end, (close.shape[0], close.shape[1]))
    require_horizons(horizons)
    log_close = np.log(close)
    outcomes = np.full((len(row), len(horizons)), np.nan)
    for index, horizon in enumerate(horizons):
        over = end + horizon < close.shape[1]
        outcomes[over, index] = log_close[row[over], end[over] + horizon] - log_close[row[over], end[over]]
    return outcomes
