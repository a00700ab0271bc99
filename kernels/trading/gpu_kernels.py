"""The CUDA kernels: one thread for each path, which runs the loop of `path.py`.

There are two, because what isn't recorded is compiled away. CUDA is imported by the first call of `kernels`, not
before.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from kernels.panel import Float64Array2D, Int32Array1D
from kernels.trading.cpu import Int32Array2D, Int64Array1D
from kernels.trading.layout import Terms
from kernels.trading.path import simulate_path

cuda: Any = None
"""`numba.cuda` from the first call of `kernels` on."""

THREADS = 128
"""Threads of a block."""


class Market(NamedTuple):
    """The bars on the device, float64 [S, T], as in `Bars`."""

    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    dividend: Float64Array2D


class Accounts(NamedTuple):
    """The paths of a chunk and their orders.

    Attributes:
        series, first, last: int32 [P].
        states: float64 [P, STATE].
        order_bars: int32 [N].
        wishes: float64 [N, WISH].
        order_at: int64 [P + 1], orders before each path.
    """

    series: Int32Array1D
    first: Int32Array1D
    last: Int32Array1D
    states: Float64Array2D
    order_bars: Int32Array1D
    wishes: Float64Array2D
    order_at: Int64Array1D


class Summaries(NamedTuple):
    """Summary and counts of the paths of a chunk, as in `cpu.Results`."""

    summary: Float64Array2D
    counts: Int32Array2D


class Records(NamedTuple):
    """Equities and rows of trades of the paths of a chunk, as in `cpu.Results`."""

    equities: Float64Array2D
    numbers: Int32Array2D
    values: Float64Array2D


def summarise(market: Market, accounts: Accounts, terms: Terms, fill: int, out: Summaries) -> None:
    """Simulate a path on each thread."""
    for p in range(cuda.grid(1), len(accounts.series), cuda.gridsize(1)):
        simulate_path(
            market.open, market.high, market.low, market.close, market.dividend,
            accounts.series[p], accounts.first[p], accounts.last[p], accounts.states[p],
            accounts.order_bars, accounts.wishes, accounts.order_at[p], accounts.order_at[p + 1],
            terms, fill, out.summary[p], out.counts[p], None, None, None,
        )  # fmt: skip


def record(market: Market, accounts: Accounts, terms: Terms, fill: int, out: Summaries, records: Records) -> None:
    """Simulate a path on each thread, with equity and trades."""
    for p in range(cuda.grid(1), len(accounts.series), cuda.gridsize(1)):
        begin, end = accounts.order_at[p], accounts.order_at[p + 1]
        rows, stop = 2 * (begin + p), 2 * (end + p + 1)
        simulate_path(
            market.open, market.high, market.low, market.close, market.dividend,
            accounts.series[p], accounts.first[p], accounts.last[p], accounts.states[p],
            accounts.order_bars, accounts.wishes, begin, end, terms, fill, out.summary[p], out.counts[p],
            records.equities[p], records.numbers[rows:stop], records.values[rows:stop],
        )  # fmt: skip


class Kernels(NamedTuple):
    """The compiled kernels; `simulated` where the simulator runs them."""

    summarise: Any
    record: Any
    simulated: bool


@cache
def kernels() -> Kernels:
    """The kernels; each is compiled by its first launch."""
    from numba import config
    from numba import cuda as numba_cuda

    # The functions above look the name up when they are compiled, or simulated.
    globals()["cuda"] = numba_cuda
    compiled = [numba_cuda.jit(cache=True)(function) for function in (summarise, record)]
    return Kernels(compiled[0], compiled[1], bool(getattr(config, "ENABLE_CUDASIM", False)))
