"""Strategies that trade on forecasts, simulated over rolling origins; the rules are in README.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.strategies import cpu, naive
from kernels.strategies.model import (
    FAULTY_BAR,
    FAULTY_FORECAST,
    FILL,
    NO_BAR,
    NO_FORECAST,
    OK,
    SIDES,
    STATUSES,
    STRATEGIES,
    RollingResult,
    Strategy,
)
from kernels.strategies.rolling import AVAILABLE, simulate_rolling
from kernels.volatility.forecasts import DEFAULT_LEVELS, require_levels

__all__ = [
    "AVAILABLE",
    "FAULTY_BAR",
    "FAULTY_FORECAST",
    "FILL",
    "NO_BAR",
    "NO_FORECAST",
    "OK",
    "SIDES",
    "STATUSES",
    "STRATEGIES",
    "RollingResult",
    "Strategy",
    "expected_returns",
    "simulate_rolling",
]

_EXPECTED = {"naive": naive.expected_returns, "cpu": cpu.expected_returns}


def expected_returns(
    quantiles: Float64Array2D, *, levels: Sequence[float] = DEFAULT_LEVELS, backend: Backend = "auto"
) -> Float64Array1D:
    """The expected return of forecasts of the log return: the mean of exp(quantile) - 1 over the quantile function.

    Args:
        quantiles: float64 [N, Q], C-contiguous, log returns, finite or NaN.
        levels: Q strictly rising numbers above 0 and below 1.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [N], share of the price, above -1; NaN where a quantile is NaN. Formula and error: README.

    Raises:
        InvalidInputError: a wrong shape, dtype or level, or an infinite quantile.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("expected_returns", backend, AVAILABLE)
    require_levels(levels)
    shaped = quantiles.dtype == np.float64 and quantiles.shape == (len(quantiles), len(levels))
    if not shaped or not quantiles.flags.c_contiguous or np.isinf(quantiles).any():
        raise InvalidInputError(
            "expected_returns, quantiles",
            expected=f"C-contiguous float64 [N, {len(levels)}], finite or NaN",
            got=f"{quantiles.dtype} of shape {quantiles.shape}, {int(np.isinf(quantiles).sum())} infinite",
            mend="pass np.ascontiguousarray(quantiles, dtype=np.float64), one row for each forecast",
        )
    return _EXPECTED[choice.backend](quantiles, levels)
