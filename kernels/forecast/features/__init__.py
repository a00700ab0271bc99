"""Features of a bar: what the quantile network is told, known at the close of the bar."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.forecast.bars import ForecastBars
from kernels.forecast.features import cpu, naive
from kernels.forecast.features.rules import FEATURES
from kernels.origins import require_prices
from kernels.panel import Float64Array2D, Int32Array1D, require_matrix

__all__ = ["FEATURES", "bar_features"]

_BACKENDS = {"naive": naive.bar_features, "cpu": cpu.bar_features}


def bar_features(bars: ForecastBars, scale: Float64Array2D, *, backend: Backend = "auto") -> npt.NDArray[np.float64]:
    """Compute the `FEATURES` of every bar from the bars up to it.

    Args:
        bars: of R rows over T sessions.
        scale: float64 [R, T], C-contiguous: the standard deviation of the next session's log return as known at the
            close of each bar; 0 or NaN where there is none.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [R, T, F], finite or NaN; definitions, ranges and the NaN rule are in the README. A bar can be used only
        if all F are known. Later bars change nothing. The market's and the sector's features depend on which rows
        count, so count the whole universe; the rest depends on the row alone, and nothing on the order of rows.

    Raises:
        InvalidInputError: a price that isn't positive and finite, a volume or scale below 0 or infinite, a scale of a
            wrong shape or dtype, or days to month end out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("bar_features", backend, tuple(_BACKENDS))
    shape = bars.close.shape
    for name in ("open", "high", "low", "close"):
        require_prices(name, getattr(bars, name), shape)
    _require_not_negative("volume", bars.volume, shape, "quarantine the faulty bar: all its values NaN")
    _require_not_negative("scale", scale, shape, "pass one horizon of `gjr_scales` or `har_scales`, contiguous")
    _require_month(bars.days_to_month_end)
    return _BACKENDS[choice.backend](bars, scale)


def _require_not_negative(name: str, values: Float64Array2D, shape: tuple[int, ...], mend: str) -> None:
    require_matrix(name, values, (shape[0], shape[1]))
    bad = (values < 0.0) | np.isinf(values)
    if bad.any():
        series, session = np.argwhere(bad)[0].tolist()
        raise InvalidInputError(
            name,
            expected="numbers from 0, finite, or NaN where there is none",
            got=f"{values[series, session]} in row {series}, column {session}",
            mend=mend,
        )


def _require_month(days_to_month_end: Int32Array1D) -> None:
    outside = (days_to_month_end < 0) | (days_to_month_end > 31)
    if outside.any():
        session = int(np.argmax(outside))
        raise InvalidInputError(
            "days_to_month_end",
            expected="sessions from 0 to 31",
            got=f"{days_to_month_end[session]} at column {session}",
            mend="count the sessions of the month after each bar",
        )
