"""What accounts hold where their paths end: what the next decision has to start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.device import Backend, choose
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.trading.cpu import Int64Array1D, orders_before
from kernels.trading.layout import (
    AGE,
    CASH,
    COUNTS,
    ENTRY,
    LAST_EQUITY,
    PEAK,
    SHARES,
    STATE,
    STOP_PRICE,
    TARGET_PRICE,
    TRAIL_MULTIPLE,
    Terms,
    states_of,
    terms_of,
    wishes_of,
)
from kernels.trading.model import FILLS, SUMMARY, Bars, Costs, Fill, Orders, Paths
from kernels.trading.naive import Walk
from kernels.trading.path import simulate_path
from kernels.trading.records import NUMBERS, VALUES
from kernels.trading.validate import require_bars, require_leverage, require_orders, require_paths

AVAILABLE = ("naive", "cpu")
"""The backends this kernel is written for."""

_DEFAULT_COSTS = Costs()


@dataclass(frozen=True)
class Holdings:
    """P accounts at the close of the last bar of their paths, before anything decided at that bar is filled.

    Attributes:
        equity: float64 [P], dollars, legs marked at the last close; zero or less after ruin.
        cash: float64 [P], dollars.
        shares: float64 [P, 2], long and short, at least 0.
        entry, stop, target, trail, peak: float64 [P, 2], as in `Paths`; NaN where there is no leg or no such level.
        age: int32 [P, 2], bars since the bar of the fill that opened the leg, 0 in that bar itself; 0 where there is
            none.
    """

    equity: Float64Array1D
    cash: Float64Array1D
    shares: Float64Array2D
    entry: Float64Array2D
    stop: Float64Array2D
    target: Float64Array2D
    trail: Float64Array2D
    peak: Float64Array2D
    age: npt.NDArray[np.int32]


def holdings(
    bars: Bars,
    paths: Paths,
    orders: Orders,
    *,
    fill: Fill,
    costs: Costs = _DEFAULT_COSTS,
    max_leverage: float = 1.0,
    backend: Backend = "auto",
) -> Holdings:
    """What each account holds at the close of its path's last bar.

    Args:
        bars: as for `kernels.trading.simulate`; so are the others.
        paths: P accounts.
        orders: what is decided at the closes of bars.
        fill: when orders are filled. With "same_close" an order of the last bar is filled.
        costs: of trading and holding.
        max_leverage: after a fill.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Holdings`. The equity is that which `simulate` gives for the bar, bit for bit, however far its path goes.

    Raises:
        InvalidInputError: as `simulate` raises it.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    require_bars(bars)
    require_paths(paths, bars)
    require_orders(orders, paths, fill)
    require_leverage(max_leverage)
    chosen = choose("holdings", backend, AVAILABLE)
    find = _naive_endings if chosen.backend == "naive" else _cpu_endings
    equity, endings = find(bars, paths, orders, fill, costs, max_leverage)

    def both(place: int) -> Float64Array2D:
        return np.ascontiguousarray(endings[:, place : place + 2])

    return Holdings(
        equity,
        endings[:, CASH].copy(),
        both(SHARES),
        both(ENTRY),
        both(STOP_PRICE),
        both(TARGET_PRICE),
        both(TRAIL_MULTIPLE),
        both(PEAK),
        both(AGE).astype(np.int32),
    )


def _cpu_endings(
    bars: Bars, paths: Paths, orders: Orders, fill: Fill, costs: Costs, max_leverage: float
) -> tuple[Float64Array1D, Float64Array2D]:
    """Equity [P] and accounts [P, STATE]."""
    count, rows = len(paths.series), 2 * (len(orders.path) + len(paths.series))
    summary, endings = np.empty((count, len(SUMMARY))), np.full((count, STATE), np.nan)
    _run(
        bars.open, bars.high, bars.low, bars.close, bars.dividend, paths.series, paths.first, paths.last,
        states_of(paths), orders.bar, wishes_of(orders), orders_before(paths, orders), terms_of(costs, max_leverage),
        FILLS.index(fill), summary, np.empty((count, COUNTS), np.int32), np.zeros((rows, NUMBERS), np.int32),
        np.empty((rows, VALUES)), endings,
    )  # fmt: skip
    return summary[:, LAST_EQUITY].copy(), endings


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def _run(
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
    counts: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int32],
    values: Float64Array2D,
    endings: Float64Array2D,
) -> None:
    """Simulate every path and write how it ends; a path writes its own rows only."""
    for p in prange(len(series)):
        begin, end = order_at[p], order_at[p + 1]
        rows, stop = 2 * (begin + p), 2 * (end + p + 1)
        simulate_path(
            open_, high, low, close, dividend, series[p], first[p], last[p], states[p], order_bars, wishes,
            begin, end, terms, fill, summary[p], counts[p], None, numbers[rows:stop], values[rows:stop], endings[p],
        )  # fmt: skip


def _naive_endings(
    bars: Bars, paths: Paths, orders: Orders, fill: Fill, costs: Costs, max_leverage: float
) -> tuple[Float64Array1D, Float64Array2D]:
    """The same through the oracle's accounts, one path at a time."""
    equity = np.empty(len(paths.series))
    endings = np.full((len(paths.series), STATE), np.nan)
    for path in range(len(paths.series)):
        own = np.flatnonzero(orders.path == path)
        walk = Walk(bars, paths, path, costs, max_leverage)
        walk.run(orders, {int(orders.bar[order]): int(order) for order in own}, fill)
        equity[path] = walk.equity[-1]
        endings[path, CASH] = walk.account.cash
        for leg in walk.account.legs:
            endings[path, SHARES + leg.number] = leg.shares
            endings[path, AGE + leg.number] = 0
            if leg.shares > 0.0 and leg.trade is not None:
                endings[path, ENTRY + leg.number] = leg.entry
                endings[path, STOP_PRICE + leg.number] = leg.stop
                endings[path, TARGET_PRICE + leg.number] = leg.target
                endings[path, TRAIL_MULTIPLE + leg.number] = leg.trail
                endings[path, PEAK + leg.number] = leg.peak if leg.trail == leg.trail else np.nan
                endings[path, AGE + leg.number] = paths.last[path] - leg.trade.entry_bar
    return equity, endings
