"""Many symbols, one cash account; the definition is in PORTFOLIO.md."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.trading import portfolio_cpu, portfolio_naive
from kernels.trading.model import Bars, Costs, Fill
from kernels.trading.portfolio_model import LEVELS, Caps, PortfolioOrders, PortfolioSimulation
from kernels.trading.validate import require_array, require_bars

__all__ = ["PORTFOLIO_FILLS", "Caps", "PortfolioOrders", "PortfolioSimulation", "simulate_portfolio"]

PORTFOLIO_FILLS: tuple[Fill, ...] = ("next_open", "same_close")

_BACKENDS = {"naive": portfolio_naive.simulate, "cpu": portfolio_cpu.simulate}
_DEFAULT_COSTS, _DEFAULT_CAPS = Costs(), Caps()


def simulate_portfolio(
    bars: Bars,
    orders: PortfolioOrders,
    *,
    fill: Fill,
    cash: float,
    costs: Costs = _DEFAULT_COSTS,
    caps: Caps = _DEFAULT_CAPS,
    sector: Int32Array1D | None = None,
    first: int = 0,
    last: int | None = None,
    backend: Backend = "auto",
) -> PortfolioSimulation:
    """Simulate one account over S symbols.

    Args:
        bars: of S symbols over T sessions; bars after `last` are never read, nor is a bar before it is reached.
        orders: what is decided, at which closes.
        fill: "next_open" or "same_close"; "limit" is refused.
        cash: dollars at bar `first`, above 0; nothing is held there.
        costs: basis points of the value traded or held.
        caps: what fills may reach.
        sector: int32 [S], the sector of each symbol, any numbers; needed if `caps.sector` is finite.
        first: the bar at which the account begins; a symbol may be missing there.
        last: the bar at which it ends, after `first`; None = the last one.
        backend: "auto", "naive" or "cpu".

    Returns:
        The account's course over the bars from `first` to `last`, costs, trades and summary; no number is NaN.

    Raises:
        InvalidInputError: as `require_bars` says; first or last that isn't there, or first >= last; cash not above 0; a
            fill that isn't known; orders of a wrong shape, dtype or layout, out of order or outside first..last; an
            infinite weight, or one other than 0 and NaN for a symbol that hasn't had a bar yet; a level on the wrong
            side, or where no position is ordered; a sector cap without sectors. Order, bar and symbol are named.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("simulate_portfolio", backend, tuple(_BACKENDS))
    require_bars(bars)
    last = bars.close.shape[1] - 1 if last is None else last
    _require_span(bars, first, last)
    _require_fill(fill)
    if not (math.isfinite(cash) and cash > 0.0):
        raise InvalidInputError("cash", expected="finite dollars above 0", got=repr(cash), mend="begin with cash")
    _require_orders(orders, bars, first, last)
    sector = _sectors(sector, caps, len(bars.close))
    result = _BACKENDS[choice.backend](bars, orders, fill, float(cash), costs, caps, sector, first, last)
    return replace(result, backend=choice.backend, reason_of_backend=choice.reason)


def _require_span(bars: Bars, first: int, last: int) -> None:
    count = bars.close.shape[1]
    if not 0 <= first < last < count:
        raise InvalidInputError(
            "first and last",
            expected=f"bars with 0 <= first < last <= {count - 1}",
            got=f"first {first}, last {last}",
            mend="give the account two bars or more that the arrays hold",
        )


def _require_fill(fill: Fill) -> None:
    if fill not in PORTFOLIO_FILLS:
        why = "; which of many limits inside a bar fills first isn't known" if fill == "limit" else ""
        raise InvalidInputError(
            "fill of a portfolio",
            expected=f"one of {', '.join(PORTFOLIO_FILLS)}{why}",
            got=repr(fill),
            mend="choose one of these; `simulate` has limits for one symbol",
        )


def _require_orders(orders: PortfolioOrders, bars: Bars, first: int, last: int) -> None:
    symbols = len(bars.close)
    count = orders.bar.shape[0] if orders.bar.ndim == 1 else 0
    require_array("orders.bar", orders.bar, np.int32, (count,))
    for name in ("weight", *LEVELS):
        require_array(f"orders.{name}", getattr(orders, name), np.float64, (count, symbols))
    bar, weight = orders.bar, orders.weight
    unsorted = np.zeros(count, dtype=np.bool_)
    unsorted[1:] = bar[1:] <= bar[:-1]
    _refuse(orders, "bar", unsorted, bar, "bars that rise strictly", "sort the orders by bar, one order for a bar")
    outside = (bar < first) | (bar > last)
    _refuse(orders, "bar", outside, bar, f"{first} to {last}", "drop the orders outside first and last")
    expected = "a finite share of the equity, below 0 for a short position, or NaN"
    _refuse(orders, "weight", np.isinf(weight), weight, expected, "cap the weights")
    is_there = ~np.isnan(bars.open + bars.high + bars.low + bars.close)
    begins = np.where(is_there.any(axis=1), is_there.argmax(axis=1), is_there.shape[1])
    wanted = ~np.isnan(weight) & (weight != 0.0)
    unknown = wanted & (begins > bar[:, None])
    expected = "NaN or 0 for a symbol that hasn't had a bar yet"
    _refuse(orders, "weight", unknown, weight, expected, "order a symbol from its first bar on")
    for name in LEVELS:
        _require_level(orders, name, wanted)


def _require_level(orders: PortfolioOrders, name: str, wanted: npt.NDArray[np.bool_]) -> None:
    level, is_long = getattr(orders, name), orders.weight > 0.0
    given = ~np.isnan(level)
    expected, mend = "NaN where the weight is NaN or 0", "set it to NaN, or give a weight"
    _refuse(orders, name, given & ~wanted, level, expected, mend)
    below, above = (level > 0.0) & (level < 1.0), (level > 1.0) & (level < np.inf)
    sides = ((is_long, "long"), (wanted & ~is_long, "short"))
    for ordered, side in sides:
        lies_below = (side == "long") != (name == "target")
        where = "between 0 and 1, both excluded" if lies_below else "above 1, finite"
        faulty = ordered & given & ~(below if lies_below else above)
        expected = f"a {name} of a {side} position {where}, or NaN"
        _refuse(orders, name, faulty, level, expected, "give levels as multiples of the fill price")


def _sectors(sector: Int32Array1D | None, caps: Caps, symbols: int) -> Int32Array1D:
    """The sectors; one for all where none are given and none are needed."""
    if sector is not None:
        require_array("sector", sector, np.int32, (symbols,))
        return sector
    if math.isfinite(caps.sector):
        raise InvalidInputError(
            "sector",
            expected=f"a sector for each of the {symbols} symbols, for caps.sector is {caps.sector}",
            got="None",
            mend="pass `sector`, or leave caps.sector infinite",
        )
    return np.zeros(symbols, dtype=np.int32)


def _refuse(
    orders: PortfolioOrders,
    name: str,
    faulty: npt.NDArray[np.bool_],
    values: Float64Array2D | Int32Array1D,
    expected: str,
    mend: str,
) -> None:
    if faulty.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(faulty))
        where = f"{name} of order {place[0]} (bar {orders.bar[place[0]]}"
        where += f", symbol {place[1]})" if len(place) == 2 else ")"
        raise InvalidInputError(where, expected=expected, got=str(values[place]), mend=mend)
