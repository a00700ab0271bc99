"""The simulator on the CPU: one path at a time on each thread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array2D, Int32Array1D
from kernels.trading.layout import (
    COUNTS,
    EXPOSURE,
    LEG_EXIT_BAR,
    LEG_HELD,
    LEG_REASON,
    Terms,
    states_of,
    terms_of,
    wishes_of,
)
from kernels.trading.model import FILLS, NONE, SUMMARY, Bars, Costs, Fill, Orders, Paths, Simulation, Trades
from kernels.trading.path import simulate_path
from kernels.trading.records import (
    BEST,
    COSTS,
    DIVIDENDS,
    ENTRY_BAR,
    ENTRY_PRICE,
    EXIT_BAR,
    EXIT_PRICE,
    GROSS,
    LEG,
    NUMBERS,
    REASON,
    SHARES,
    VALUES,
    WORST,
)

Int32Array2D = npt.NDArray[np.int32]
Int64Array1D = npt.NDArray[np.int64]


class Results(NamedTuple):
    """What the paths write; a path owns its rows.

    Attributes:
        summary: float64 [P, len(SUMMARY)].
        counts: int32 [P, COUNTS].
        equities: float64 [P, L]; None unless recorded.
        numbers: int32 [2 * (N + P), NUMBERS], zero, and values: float64 [2 * (N + P), VALUES]: rows of trades, those of
            path p from `2 * (order_at[p] + p)` on; None unless recorded.
    """

    summary: Float64Array2D
    counts: Int32Array2D
    equities: Float64Array2D | None
    numbers: Int32Array2D | None
    values: Float64Array2D | None


def simulate(
    bars: Bars,
    paths: Paths,
    orders: Orders,
    fill: Fill,
    costs: Costs,
    max_leverage: float,
    record: bool,
) -> Simulation:
    """Same as `kernels.trading.simulate`, without its checks."""
    order_at = orders_before(paths, orders)
    results = room_for(paths, orders, record)
    simulate_paths(
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.dividend,
        paths.series,
        paths.first,
        paths.last,
        states_of(paths),
        orders.bar,
        wishes_of(orders),
        order_at,
        terms_of(costs, max_leverage),
        FILLS.index(fill),
        *results,
    )
    return simulation_of(results, order_at, "cpu")


def orders_before(paths: Paths, orders: Orders) -> Int64Array1D:
    """The number of orders before each path and of all, int64 [P + 1]."""
    return np.searchsorted(orders.path, np.arange(len(paths.series) + 1)).astype(np.int64)


def room_for(paths: Paths, orders: Orders, record: bool) -> Results:
    """Room for the results."""
    count, rows = len(paths.series), 2 * (len(orders.path) + len(paths.series))
    longest = int((paths.last - paths.first).max(initial=-1)) + 1
    return Results(
        np.empty((count, len(SUMMARY))),
        np.empty((count, COUNTS), np.int32),
        np.empty((count, longest)) if record else None,
        np.zeros((rows, NUMBERS), np.int32) if record else None,
        np.empty((rows, VALUES)) if record else None,
    )


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def simulate_paths(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    dividend: Float64Array2D,
    series: Int32Array1D,
    first: Int32Array1D,
    last: Int32Array1D,
    states: Float64Array2D,
    order_bars: Int32Array1D,
    wishes: Float64Array2D,
    order_at: Int64Array1D,
    terms: Terms,
    fill: int,
    summary: Float64Array2D,
    counts: Int32Array2D,
    equities: Float64Array2D | None,
    numbers: Int32Array2D | None,
    values: Float64Array2D | None,
) -> None:
    """Simulate every path; a path writes its own rows only."""
    for p in prange(len(series)):
        begin, end = order_at[p], order_at[p + 1]
        if equities is None or numbers is None or values is None:
            simulate_path(
                open_, high, low, close, dividend, series[p], first[p], last[p], states[p], order_bars, wishes,
                begin, end, terms, fill, summary[p], counts[p], None, None, None,
            )  # fmt: skip
        else:
            rows, stop = 2 * (begin + p), 2 * (end + p + 1)
            equities[p, last[p] - first[p] + 1 :] = np.nan
            simulate_path(
                open_, high, low, close, dividend, series[p], first[p], last[p], states[p], order_bars, wishes,
                begin, end, terms, fill, summary[p], counts[p], equities[p], numbers[rows:stop], values[rows:stop],
            )  # fmt: skip


def simulation_of(results: Results, order_at: Int64Array1D, backend: str) -> Simulation:
    """The results as they are given out; the caller knows why the backend was chosen."""
    counts = results.counts
    trades = None
    if results.numbers is not None and results.values is not None:
        trades = trades_of(results.numbers, results.values, order_at)
    return Simulation(
        results.summary,
        np.ascontiguousarray(counts[:, EXPOSURE]),
        np.ascontiguousarray(counts[:, LEG_REASON : LEG_REASON + 2]),
        np.ascontiguousarray(counts[:, LEG_EXIT_BAR : LEG_EXIT_BAR + 2]),
        np.ascontiguousarray(counts[:, LEG_HELD : LEG_HELD + 2]),
        results.equities,
        trades,
        backend,
        "",
    )


def trades_of(numbers: Int32Array2D, values: Float64Array2D, order_at: Int64Array1D) -> Trades:
    """The rows that hold a trade, in order."""
    used = np.flatnonzero(numbers[:, REASON] != NONE)
    path = np.repeat(np.arange(len(order_at) - 1, dtype=np.int32), 2 * (np.diff(order_at) + 1))[used]
    ends = 2 * numbers[used, EXIT_BAR].astype(np.int64) + numbers[used, LEG]
    # Stable: two trades of one leg that end in one bar stay in the order in which they began.
    order = np.argsort((path.astype(np.int64) << 33) + ends, kind="stable")
    rows = used[order]
    integers = {name: numbers[rows, column] for name, column in (("leg", LEG), ("reason", REASON))}
    entry, exit_bar = numbers[rows, ENTRY_BAR], numbers[rows, EXIT_BAR]
    amounts = {
        "entry_price": ENTRY_PRICE,
        "exit_price": EXIT_PRICE,
        "shares": SHARES,
        "gross": GROSS,
        "dividends": DIVIDENDS,
        "costs": COSTS,
        "worst": WORST,
        "best": BEST,
    }
    return Trades(
        path=path[order],
        entry_bar=entry,
        exit_bar=exit_bar,
        bars=exit_bar - entry,
        **integers,
        **{name: values[rows, column] for name, column in amounts.items()},
    )
