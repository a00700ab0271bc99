"""Checks of what callers pass to the simulator: vectorised, for they run before a fast kernel over a million paths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D
from kernels.trading.model import FILLS, LEGS, LONG, SHORT, Bars, Fill, Orders, Paths

_PRICES = ("open", "high", "low", "close")
_BELOW = {"stop": LONG, "target": SHORT, "trail": LONG}
"""The leg whose level lies below the price: the long leg's stop and trailing stop, the short leg's target."""


def require_bars(bars: Bars) -> None:
    """Check the bars.

    Raises:
        InvalidInputError: a wrong shape, dtype or layout, a price that isn't finite and above 0 (NaN = no bar), a high
            below its low, or a dividend that isn't finite and at least 0; series and bar are named. An open or close
            outside low..high is left alone: adjustment rounds.
    """
    _require_axes("bars.close", bars.close, 2)
    shape = bars.close.shape
    for name in (*_PRICES, "dividend"):
        require_array(f"bars.{name}", getattr(bars, name), np.float64, shape)
    for name in _PRICES:
        prices = getattr(bars, name)
        _refuse_bar(
            name,
            np.isinf(prices) | (prices <= 0.0),
            prices,
            "a finite price above 0, or NaN",
            "set all four prices to NaN",
        )
    crossed = bars.high < bars.low
    _refuse_bar(
        "high", crossed, bars.high, "a high at or above the low", "set all four prices to NaN to leave the bar out"
    )
    wrong = ~(np.isfinite(bars.dividend) & (bars.dividend >= 0.0))
    _refuse_bar(
        "dividend", wrong, bars.dividend, "finite dollars a share, at least 0", "set it to 0 where there is none"
    )


def require_paths(paths: Paths, bars: Bars) -> None:
    """Check the paths against bars that `require_bars` has let pass.

    Raises:
        InvalidInputError: a wrong shape, dtype or layout; a series or bar that isn't there; first >= last; no bar at
            `first`; equity there not above 0; a leg whose shares, entry, levels or age contradict each other or the
            close of bar `first`; path and leg are named.
    """
    _require_path_arrays(paths)
    series_count, bar_count = bars.close.shape
    for name, bound in (("series", series_count), ("first", bar_count), ("last", bar_count)):
        numbers = getattr(paths, name)
        outside = (numbers < 0) | (numbers >= bound)
        _refuse_path(name, outside, numbers, f"0 to {bound - 1}", "name a series and bars that the arrays hold")
    _refuse_path(
        "last", paths.last <= paths.first, paths.last, "a bar after `first`", "give each path two bars or more"
    )
    close = bars.close[paths.series, paths.first]
    there = np.ones(len(close), dtype=np.bool_)
    for name in _PRICES:
        there &= ~np.isnan(getattr(bars, name)[paths.series, paths.first])
    _refuse_path("first", ~there, paths.first, "a bar with all four prices", "begin the path at a bar that is there")
    _refuse_path("cash", ~np.isfinite(paths.cash), paths.cash, "finite dollars", "correct the cash")
    _require_legs(paths, close)
    equity = paths.cash + (paths.shares[:, LONG] - paths.shares[:, SHORT]) * close
    expected = "cash + long value - short value above 0 at the close of bar `first`"
    _refuse_path("equity", ~(equity > 0.0), equity, expected, "put the money of short sales into cash")


def require_orders(orders: Orders, paths: Paths, fill: Fill) -> None:
    """Check the orders against paths that `require_paths` has let pass, and the name of the fill.

    Raises:
        InvalidInputError: an unknown fill; a wrong shape, dtype or layout; a path that isn't there; a bar outside the
            path; orders out of order; a weight that is negative or infinite; a level on the wrong side; a limit that is
            missing, not above 0, or given where none belongs; order and leg are named.
    """
    if fill not in FILLS:
        raise InvalidInputError(
            "fill", expected=f"one of {', '.join(FILLS)}", got=repr(fill), mend="choose when orders fill"
        )
    _require_axes("orders.path", orders.path, 1)
    count = len(orders.path)
    for name in ("path", "bar"):
        require_array(f"orders.{name}", getattr(orders, name), np.int32, (count,))
    for name in ("weight", "stop", "target", "trail", "limit"):
        require_array(f"orders.{name}", getattr(orders, name), np.float64, (count, 2))
    path, bar = orders.path, orders.bar
    outside = (path < 0) | (path >= len(paths.series))
    _refuse_order(orders, "path", outside, path, f"0 to {len(paths.series) - 1}", "name a path that is there")
    first, last = paths.first[path], paths.last[path]
    outside = (bar < first) | (bar > last)
    _refuse_order(orders, "bar", outside, bar, "from first to last of its path", "drop orders outside their path")
    unsorted = np.zeros(count, dtype=np.bool_)
    unsorted[1:] = (path[1:] < path[:-1]) | ((path[1:] == path[:-1]) & (bar[1:] <= bar[:-1]))
    mend = "sort with np.lexsort((bar, path)), one order for a path and bar"
    _refuse_order(orders, "place", unsorted, np.arange(count), "orders sorted by path, then bar, each once", mend)
    weight = orders.weight
    faulty = np.isinf(weight) | (weight < 0.0)
    _refuse_order(
        orders, "weight", faulty, weight, "a finite share of the equity, at least 0, or NaN", "cap the weights"
    )
    for name, below in _BELOW.items():
        _require_multiples(orders, name, below)
    _require_limits(orders, fill)


def require_leverage(max_leverage: float) -> None:
    """Raise `InvalidInputError` unless `max_leverage` is a finite number above 0."""
    if not (math.isfinite(max_leverage) and max_leverage > 0.0):
        raise InvalidInputError(
            "max_leverage",
            expected="a finite number above 0",
            got=repr(max_leverage),
            mend="use 1.0 for an account that borrows nothing",
        )


def _require_path_arrays(paths: Paths) -> None:
    _require_axes("paths.series", paths.series, 1)
    count = len(paths.series)
    for name in ("series", "first", "last"):
        require_array(f"paths.{name}", getattr(paths, name), np.int32, (count,))
    require_array("paths.cash", paths.cash, np.float64, (count,))
    for name in ("shares", "entry", "stop", "target", "trail", "peak"):
        require_array(f"paths.{name}", getattr(paths, name), np.float64, (count, 2))
    require_array("paths.age", paths.age, np.int32, (count, 2))


def _require_legs(paths: Paths, close: npt.NDArray[np.float64]) -> None:
    shares = paths.shares
    faulty = ~(np.isfinite(shares) & (shares >= 0.0))
    _refuse_path("shares", faulty, shares, "a finite number, at least 0", "give the shares of a short leg as above 0")
    held = shares > 0.0
    for name in ("entry", "stop", "target", "trail", "peak"):
        values = getattr(paths, name)
        faulty = np.isinf(values) | (values <= 0.0)
        _refuse_path(name, faulty, values, "finite and above 0, or NaN", "use NaN where there is none")
        _refuse_path(name, ~held & ~np.isnan(values), values, "NaN where there are no shares", "set it to NaN")
    missing = held & np.isnan(paths.entry)
    _refuse_path("entry", missing, paths.entry, "an entry price where there are shares", "give the average entry price")
    _refuse_path("age", paths.age < 0, paths.age, "bars, at least 0", "count the bars since the leg was opened")
    _refuse_path("age", ~held & (paths.age != 0), paths.age, "0 where there are no shares", "set it to 0")
    lonely = np.isnan(paths.trail) != np.isnan(paths.peak)
    expected = "a price where there is a trail, else NaN"
    _refuse_path("peak", lonely, paths.peak, expected, "give trail and peak together")
    _require_side("trail", paths.trail, np.ones_like(close), LONG, "1")
    trailing = paths.trail * paths.peak
    for name, levels in (("stop", paths.stop), ("target", paths.target), ("trail", trailing)):
        _require_side(name, levels, close, _BELOW[name], "the close of bar `first`")


def _require_side(name: str, levels: Float64Array2D, price: npt.NDArray[np.float64], below: int, where: str) -> None:
    for leg in (LONG, SHORT):
        level = levels[:, leg]
        faulty = np.zeros(levels.shape, dtype=np.bool_)
        faulty[:, leg] = level >= price if leg == below else level <= price
        side = "below" if leg == below else "above"
        expected = f"a {name} {side} {where} for a {LEGS[leg]} leg"
        _refuse_path(name, faulty, levels, expected, "close the leg, or give a level that isn't reached yet")


def _require_multiples(orders: Orders, name: str, below: int) -> None:
    multiples = getattr(orders, name)
    for leg in (LONG, SHORT):
        level = multiples[:, leg]
        faulty = np.zeros(multiples.shape, dtype=np.bool_)
        within = (level > 0.0) & (level < 1.0) if leg == below else (level > 1.0) & (level < np.inf)
        faulty[:, leg] = ~(within | np.isnan(level))
        against = "peak" if name == "trail" else "entry"
        side = f"below the {against}: 0 to 1" if leg == below else f"above the {against}: more than 1"
        expected = f"a {name} of a {LEGS[leg]} leg {side}, both excluded, or NaN"
        _refuse_order(orders, name, faulty, multiples, expected, "give levels as multiples of the fill price")


def _require_limits(orders: Orders, fill: Fill) -> None:
    limit = orders.limit
    faulty = np.isinf(limit) | (limit <= 0.0)
    _refuse_order(orders, "limit", faulty, limit, "finite dollars above 0, or NaN", "give the limit in dollars")
    if fill != "limit":
        given = ~np.isnan(limit)
        _refuse_order(
            orders, "limit", given, limit, f"NaN with the fill {fill!r}", 'leave it out, or use the fill "limit"'
        )
        return
    ordered = ~np.isnan(orders.weight)
    missing = ordered & np.isnan(limit)
    _refuse_order(orders, "limit", missing, limit, "a limit for every ordered leg", "give one, or leave the leg alone")
    idle = ~ordered & ~np.isnan(limit)
    _refuse_order(orders, "limit", idle, limit, "NaN for a leg that is left alone", "set it to NaN, or give a weight")


def _require_axes(name: str, values: npt.NDArray[Any], axes: int) -> None:
    if values.ndim != axes:
        raise InvalidInputError(
            name,
            expected=f"an array of {axes} {'axis' if axes == 1 else 'axes'}",
            got=f"shape {values.shape}",
            mend="see the shapes in kernels/trading/model.py",
        )


def require_array(name: str, values: npt.NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    """Raise `InvalidInputError` unless `values` is C-contiguous, of this dtype and shape."""
    if values.dtype != dtype or values.shape != shape or not values.flags.c_contiguous:
        raise InvalidInputError(
            name,
            expected=f"C-contiguous {np.dtype(dtype)} of shape {shape}",
            got=f"{values.dtype} of shape {values.shape}, C-contiguous: {values.flags.c_contiguous}",
            mend=f"pass np.ascontiguousarray(values, dtype=np.{np.dtype(dtype)})",
        )


def _refuse_bar(name: str, faulty: npt.NDArray[np.bool_], values: Float64Array2D, expected: str, mend: str) -> None:
    if faulty.any():
        series, bar = (int(axis[0]) for axis in np.nonzero(faulty))
        where = f"{name} of series {series}, bar {bar}"
        raise InvalidInputError(where, expected=expected, got=str(values[series, bar]), mend=mend)


def _refuse_path(name: str, faulty: npt.NDArray[np.bool_], values: npt.NDArray[Any], expected: str, mend: str) -> None:
    if faulty.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(faulty))
        where = f"{name} of path {place[0]}" + (f", {LEGS[place[1]]} leg" if len(place) == 2 else "")
        raise InvalidInputError(where, expected=expected, got=str(values[place]), mend=mend)


def _refuse_order(
    orders: Orders, name: str, faulty: npt.NDArray[np.bool_], values: npt.NDArray[Any], expected: str, mend: str
) -> None:
    if faulty.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(faulty))
        order = f"order {place[0]} (path {orders.path[place[0]]}, bar {orders.bar[place[0]]})"
        where = f"{name} of {order}" + (f", {LEGS[place[1]]} leg" if len(place) == 2 else "")
        raise InvalidInputError(where, expected=expected, got=str(values[place]), mend=mend)
