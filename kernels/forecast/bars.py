"""`ForecastBars`: what a forecast model may look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import BAR_FIELDS, Float64Array2D, Int32Array1D, require_matrix


@dataclass(frozen=True)
class ForecastBars:
    """Bars of R rows over T sessions, with what a model may know beside them.

    Attributes:
        open, high, low, close: float64 [R, T], C-contiguous, dollars. A bar is there as a whole or NaN as a whole.
        volume: float64 [R, T], C-contiguous, shares; NaN where there is no bar.
        sector: int32 [R], the code of each row's sector; negative for none.
        days_to_month_end: int32 [T], sessions left in the month after each bar, from the calendar.
        counted: bool [R, T], C-contiguous: which rows count in the cross-section of each session (its market and its
            sectors). Several rows may hold the same symbol, as known at different times; at most one of them counts.

    Raises:
        InvalidInputError: a wrong shape, dtype or layout, named by field. Prices themselves are not judged here.
    """

    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    volume: Float64Array2D
    sector: Int32Array1D
    days_to_month_end: Int32Array1D
    counted: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        require_forecast_bars(self)


def require_forecast_bars(bars: ForecastBars) -> None:
    """Raise `InvalidInputError` unless every array of `bars` has the shape, dtype and layout that it promises."""
    shape = bars.close.shape
    if len(shape) != 2:
        raise InvalidInputError(
            "ForecastBars.close",
            expected="an array [R, T]: one series a row, one session a column",
            got=f"an array of shape {shape}",
            mend="pass close[np.newaxis, :] for a single series",
        )
    for name in BAR_FIELDS:
        require_matrix(f"ForecastBars.{name}", getattr(bars, name), (shape[0], shape[1]))
    _require_vector("sector", bars.sector, shape[0], "row")
    _require_vector("days_to_month_end", bars.days_to_month_end, shape[1], "session")
    counted = bars.counted
    if counted.dtype != np.bool_ or counted.shape != shape or not counted.flags.c_contiguous:
        raise InvalidInputError(
            "ForecastBars.counted",
            expected=f"C-contiguous bool of shape {shape}",
            got=f"{counted.dtype} of shape {counted.shape}, C-contiguous: {counted.flags.c_contiguous}",
            mend="pass np.ones(close.shape, dtype=bool) if every row counts in every session",
        )


def _require_vector(name: str, values: Int32Array1D, length: int, one: str) -> None:
    if values.dtype != np.int32 or values.shape != (length,):
        raise InvalidInputError(
            f"ForecastBars.{name}",
            expected=f"int32 of shape ({length},), one for each {one}",
            got=f"{values.dtype} of shape {values.shape}",
            mend="pass np.asarray(values, dtype=np.int32)",
        )
