"""Checks of what charts are given, by the name of the input."""

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, SessionArray1D, require_sessions

MOST = 1e12
"""Largest magnitude of a value; beyond it a pixel is no longer a difference."""

NARROWEST, WIDEST = 320, 4000
LOWEST, HIGHEST = 120, 4000


def require(holds: bool, where: str, *, expected: str, got: object, mend: str) -> None:
    """Raise `InvalidInputError` unless `holds`."""
    if not holds:
        raise InvalidInputError(where, expected=expected, got=str(got)[:200], mend=mend)


def require_vector(where: str, values: Float64Array1D, length: int) -> None:
    """Raise `InvalidInputError` unless `values` is float64 [length], each NaN or of at most `MOST`."""
    shaped = isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (length,)
    require(
        shaped,
        where,
        expected=f"float64 of shape ({length},)",
        got=f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__,
        mend=f"pass one float64 for each of the {length} places, NaN where there is none",
    )
    outside = np.abs(values) > MOST
    require(
        not outside.any(),
        where,
        expected=f"values of at most {MOST:g}, or NaN",
        got=values[outside][:1],
        mend="pass NaN for what isn't known, and choose a unit in which the values are smaller",
    )


def require_days(where: str, sessions: SessionArray1D) -> None:
    """Raise `InvalidInputError` unless `sessions` is a strictly rising `datetime64[D]` vector with a session."""
    require(
        isinstance(sessions, np.ndarray),
        where,
        expected="a vector of datetime64[D]",
        got=type(sessions).__name__,
        mend="pass np.array(dates, dtype='datetime64[D]')",
    )
    require_sessions(where, sessions)
    require(len(sessions) > 0, where, expected="at least one session", got="none", mend="draw nothing instead")


def require_value(where: str, value: float) -> None:
    """Raise `InvalidInputError` unless `value` is a number of at most `MOST`, or NaN."""
    require(
        not abs(value) > MOST,
        where,
        expected=f"a number of at most {MOST:g}, or NaN",
        got=value,
        mend="pass NaN for what isn't known",
    )


def require_size(where: str, width: int, height: int) -> None:
    """Raise `InvalidInputError` unless a chart can be drawn in so many pixels."""
    require(
        NARROWEST <= width <= WIDEST and LOWEST <= height <= HIGHEST,
        where,
        expected=f"a width of {NARROWEST} to {WIDEST} and a height of {LOWEST} to {HIGHEST}",
        got=f"{width} x {height}",
        mend="draw in such a size and let the page scale it",
    )


def finite(*values: npt.ArrayLike) -> Float64Array1D:
    """All finite values of some arrays, one after the other."""
    every = np.concatenate([np.atleast_1d(np.asarray(each, np.float64)).ravel() for each in values] or [np.empty(0)])
    known: Float64Array1D = every[np.isfinite(every)]
    return known
