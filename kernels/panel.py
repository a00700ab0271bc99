"""`PricePanel`: the bars of many symbols over the same sessions, as kernels want them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError

Float64Array1D = npt.NDArray[np.float64]
Float64Array2D = npt.NDArray[np.float64]
Int32Array1D = npt.NDArray[np.int32]
SessionArray1D = npt.NDArray[np.datetime64]

BAR_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class PricePanel:
    """Bars of S symbols over T sessions, as known at the close of the last session.

    Attributes:
        symbols: S unique names, sorted.
        sessions: `datetime64[D]` [T], strictly rising exchange sessions.
        open, high, low, close: float64 [S, T], dollars. A bar is there as a whole or NaN as a whole.
        volume: float64 [S, T], shares; NaN where there is no bar.

    Every array is C-contiguous.

    Raises:
        InvalidInputError: a wrong shape, dtype or order, named by field.
    """

    symbols: tuple[str, ...]
    sessions: SessionArray1D
    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    volume: Float64Array2D

    def __post_init__(self) -> None:
        if list(self.symbols) != sorted(set(self.symbols)):
            raise InvalidInputError(
                "PricePanel.symbols",
                expected="unique, sorted names",
                got=f"{len(self.symbols)} names that repeat or are out of order",
                mend="sort the symbols and drop the repeated ones before building the panel",
            )
        require_sessions("PricePanel.sessions", self.sessions)
        shape = (len(self.symbols), len(self.sessions))
        for field in fields(self)[2:]:
            require_matrix(f"PricePanel.{field.name}", getattr(self, field.name), shape)


def require_sessions(name: str, sessions: SessionArray1D) -> None:
    """Raise `InvalidInputError` unless `sessions` is a strictly rising `datetime64[D]` vector."""
    days = sessions.dtype == np.dtype("datetime64[D]") and sessions.ndim == 1
    # No comparison with NaT holds, so "all rise" refuses it; one alone has no neighbour.
    rising = days and bool(np.all(sessions[1:] > sessions[:-1])) and not bool(np.any(np.isnat(sessions[:1])))
    if not rising:
        raise InvalidInputError(
            name,
            expected="a strictly rising vector of datetime64[D]",
            got=f"{sessions.dtype} of shape {sessions.shape}" + (", not strictly rising" if days else ""),
            mend="pass np.array(dates, dtype='datetime64[D]'), sorted, each once",
        )


def require_matrix(name: str, values: Float64Array2D, shape: tuple[int, int]) -> None:
    """Raise `InvalidInputError` unless `values` is C-contiguous float64 of `shape`."""
    if values.dtype != np.float64 or values.shape != shape or not values.flags.c_contiguous:
        raise InvalidInputError(
            name,
            expected=f"C-contiguous float64 of shape {shape}",
            got=f"{values.dtype} of shape {values.shape}, C-contiguous: {values.flags.c_contiguous}",
            mend="pass np.ascontiguousarray(values, dtype=np.float64)",
        )
