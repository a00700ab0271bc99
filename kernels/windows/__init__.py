"""Trailing windows: scale-free features of the recent past, and the pre-score that says which are worth scanning."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.windows import cpu, naive
from kernels.windows.ranking import RankedWindows, rank_windows
from kernels.windows.rules import DEFAULT_LENGTHS, FEATURES, FLAT_RANGE, MIN_COVERAGE, REASONS
from kernels.windows.settings import WindowSettings, require_lengths, window_ends

__all__ = [
    "DEFAULT_LENGTHS",
    "FEATURES",
    "FLAT_RANGE",
    "MIN_COVERAGE",
    "REASONS",
    "RankedWindows",
    "WindowSettings",
    "rank_windows",
    "window_ends",
    "window_features",
]

_BACKENDS = {"naive": naive.window_features, "cpu": cpu.window_features}


def window_features(
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    *,
    lengths: tuple[int, ...] = DEFAULT_LENGTHS,
    backend: Backend = "auto",
) -> npt.NDArray[np.float64]:
    """Compute the features of the windows that end at each origin.

    Args:
        high: float64 [R, T], C-contiguous, dollars; NaN where there is no bar.
        low: as `high`.
        close: as `high`. A bar with a NaN among the three counts as missing.
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close each origin stands, the last of its windows.
        lengths: window lengths in sessions, strictly rising, each at least 3.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [E, L, F] in the order of `lengths` and `FEATURES`: volatility (log price per session), range (log
        price), extrema (swings per bar, 0 to 2) and slope (log price per window), all at least 0. The four of a window
        are NaN when it would begin before the first column, when the bar at `end` is missing, or when fewer than
        `MIN_COVERAGE` of its sessions have a bar. A window's values depend on its own bars only; the definitions are in
        the README.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price that isn't positive and finite, a high below its low, an
            origin outside the prices, or lengths out of order.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("window_features", backend, tuple(_BACKENDS))
    for name, values in (("high", high), ("low", low), ("close", close)):
        require_prices(name, values, close.shape)
    crossed = high < low
    if crossed.any():
        series, session = np.argwhere(crossed)[0].tolist()
        raise InvalidInputError(
            "high and low",
            expected="low <= high in every bar",
            got=f"low {low[series, session]} above high {high[series, session]} in row {series}, column {session}",
            mend="quarantine the faulty bar: all its prices NaN",
        )
    require_origins(row, end, (close.shape[0], close.shape[1]))
    require_lengths(lengths)
    return _BACKENDS[choice.backend](high, low, close, row, end, lengths)
