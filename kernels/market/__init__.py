"""The simulated market: 500 instruments in 11 sectors, daily bars, splits and dividends, the same for a seed anywhere.

Definitions, formulas, parameter values and sources: README.md in this folder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.market import cpu, naive
from kernels.market.names import MAX_COUNT
from kernels.market.universe import PARAMETERS, Instruments, draw_instruments
from kernels.panel import Float64Array2D, Int32Array1D

__all__ = ["MAX_COUNT", "PARAMETERS", "Instruments", "MarketBars", "instruments", "simulate"]

MAX_SESSIONS = 1_000_000
CENTS = 100.0


@dataclass(frozen=True)
class MarketBars:
    """As-traded bars of R instruments over T sessions. No value is NaN.

    Attributes:
        open, high, low, close: float64 [R, T], dollars, whole cents; low <= open, close <= high, and 2 < close < 5000.
        volume: float64 [R, T], whole shares, above 0.
        split_ratio: float64 [R, T], new shares for one old, effective that session (post-split bar); 1.0 where none.
        dividend: float64 [R, T], dollars per post-split share that go ex that session, whole cents; 0.0 where none.
    """

    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    volume: Float64Array2D
    split_ratio: Float64Array2D
    dividend: Float64Array2D


def instruments(seed: int, count: int = 500) -> Instruments:
    """Draw the instruments of the market of `seed`.

    Args:
        seed: 0..2**64-1.
        count: 1..MAX_COUNT. Fewer instruments are the head of more: row i is the same for any count.

    Returns:
        The instruments, sorted by symbol.

    Raises:
        InvalidInputError: `seed` or `count` is no whole number in its range.
    """
    require_whole("seed", seed, 0, 2**64 - 1)
    require_whole("count", count, 1, MAX_COUNT)
    return draw_instruments(seed, count)


def simulate(
    instruments: Instruments,
    session_count: int,
    *,
    seed: int,
    first: int = 0,
    symbols: Int32Array1D | None = None,
    backend: Backend = "auto",
) -> MarketBars:
    """Simulate the bars of the sessions numbered `first` to `session_count - 1`.

    A session number is the index into the array of all exchange sessions from 2000-01-03 on, which the caller keeps.
    The bar of one instrument and one session depends on `seed`, the instrument's row and the session number alone: not
    on the range, the other rows, or the number of threads. The walk always starts at session 0, so the time grows with
    `session_count`; the memory grows with what is asked for, and 200 bytes a session for the factors.

    Args:
        instruments: from `instruments`.
        session_count: 1..1,000,000; one more than the last session number asked for.
        seed: 0..2**64-1; as a rule the seed of `instruments`.
        first: 0..session_count-1, the first session number asked for.
        symbols: int32 [R], the rows of `instruments` asked for, in the order of the result; None for all rows.
        backend: "auto", "cpu" or "naive" (plain Python, for small sizes).

    Returns:
        The bars, each array [R, session_count - first].

    Raises:
        InvalidInputError: an argument outside the ranges above.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    require_whole("session_count", session_count, 1, MAX_SESSIONS)
    require_whole("seed", seed, 0, 2**64 - 1)
    require_whole("first", first, 0, session_count - 1)
    rows = np.arange(len(instruments.symbols), dtype=np.int32) if symbols is None else symbols
    require_rows(rows, len(instruments.symbols))
    chosen = choose("market", backend, ("naive", "cpu")).backend
    module = naive if chosen == "naive" else cpu
    bars = module.simulate_bars(instruments.parameters, rows, first, session_count, seed)
    prices, volume = bars[:4], bars[4]
    np.multiply(prices, CENTS, out=prices)
    np.rint(prices, out=prices)
    np.divide(prices, CENTS, out=prices)
    np.rint(volume, out=volume)
    return MarketBars(*bars)


def require_whole(name: str, value: int, low: int, high: int) -> None:
    """Raise `InvalidInputError` unless `value` is a whole number in low..high."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise InvalidInputError(
            f"{name} of the simulated market",
            expected=f"a whole number in {low}..{high}",
            got=repr(value),
            mend=f"pass an int in this range as `{name}`",
        )


def require_rows(rows: Int32Array1D, count: int) -> None:
    """Raise `InvalidInputError` unless `rows` is an int32 vector of numbers in 0..count-1."""
    if not isinstance(rows, np.ndarray) or rows.dtype != np.int32 or rows.ndim != 1:
        raise InvalidInputError(
            "symbols of the simulated market",
            expected="a one-dimensional int32 array of instrument rows",
            got=f"{type(rows).__name__} {getattr(rows, 'dtype', '')} of shape {getattr(rows, 'shape', None)}",
            mend="pass np.array(rows, dtype=np.int32)",
        )
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        raise InvalidInputError(
            "symbols of the simulated market",
            expected=f"rows in 0..{count - 1}",
            got=f"rows from {rows.min()} to {rows.max()}",
            mend="take the rows from the positions in Instruments.symbols",
        )
