"""Features of a bar: what the quantile network is told, known at the close of the bar."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.forecast.features import cpu, naive
from kernels.forecast.features.rules import FEATURES
from kernels.origins import require_prices
from kernels.panel import Float64Array2D, Int32Array1D, require_matrix

__all__ = ["FEATURES", "bar_features"]

_BACKENDS = {"naive": naive.bar_features, "cpu": cpu.bar_features}


def bar_features(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    volume: Float64Array2D,
    scale: Float64Array2D,
    sector: Int32Array1D,
    days_to_month_end: Int32Array1D,
    *,
    backend: Backend = "auto",
) -> npt.NDArray[np.float64]:
    """Compute the `FEATURES` of every bar from the bars up to it.

    Args:
        open: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        high: as `open`.
        low: as `open`.
        close: as `open`.
        volume: float64 [R, T], C-contiguous, shares, 0 and up; NaN where there is no bar.
        scale: float64 [R, T], C-contiguous: the standard deviation of the next session's log return as known at the
            close of each bar; 0 or NaN where there is none.
        sector: int32 [R], the code of each row's sector; negative for none.
        days_to_month_end: int32 [T], sessions left in the month after each bar, from the calendar; 0 to 31.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [R, T, F], finite or NaN; definitions, ranges and the NaN rule are in the README. A bar can be used only
        if all F are known. Later bars change nothing. The market's and the sector's features depend on which rows
        there are, so pass the whole universe; the rest depends on the row alone, and nothing on the order of rows.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, a volume or scale below 0 or
            infinite, or days to month end out of range.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("bar_features", backend, tuple(_BACKENDS))
    for name, values in (("open", open), ("high", high), ("low", low), ("close", close)):
        require_prices(name, values, close.shape)
    _require_not_negative("volume", volume, close.shape, "quarantine the faulty bar: all its values NaN")
    _require_not_negative("scale", scale, close.shape, "pass one horizon of `gjr_scales` or `har_scales`, contiguous")
    _require_int32("sector", sector, close.shape[0], "row")
    _require_int32("days_to_month_end", days_to_month_end, close.shape[1], "session")
    _require_month(days_to_month_end)
    return _BACKENDS[choice.backend](open, high, low, close, volume, scale, sector, days_to_month_end)


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


def _require_int32(name: str, values: Int32Array1D, length: int, one: str) -> None:
    if values.dtype != np.int32 or values.shape != (length,):
        raise InvalidInputError(
            name,
            expected=f"int32 of shape ({length},), one for each {one}",
            got=f"{values.dtype} of shape {values.shape}",
            mend="pass np.asarray(values, dtype=np.int32)",
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
