"""The record of trades: a row for each, written while the path runs and settled when the leg is flat or the path ends.

Every function does nothing where no record is asked for (`values` is None), and compiles to nothing there.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array2D
from kernels.trading.rules import Leg

Int32Array2D = npt.NDArray[np.int32]

LEG, ENTRY_BAR, EXIT_BAR, REASON = range(4)
NUMBERS = 4
"""Columns of the int32 rows; the reason of a row that holds no trade is NONE."""

ENTRY_PRICE, EXIT_PRICE, SHARES, GROSS, DIVIDENDS, COSTS, WORST, BEST, LOWEST, HIGHEST = range(10)
VALUES = 10
"""Columns of the float64 rows; lowest and highest are the prices since the average entry price last changed."""


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def begin_trade(
    numbers: Int32Array2D | None,
    values: Float64Array2D | None,
    row: int,
    sign: float,
    entry_bar: int,
    entry_price: float,
    price: float,
    shares: float,
) -> None:
    """Open a row for a leg whose shares count as bought (long, sign 1.0) or sold (short, -1.0) at `price` dollars."""
    if numbers is not None and values is not None:
        numbers[row, LEG] = 0 if sign > 0.0 else 1
        numbers[row, ENTRY_BAR] = entry_bar
        values[row, ENTRY_PRICE] = entry_price
        values[row, SHARES] = shares
        values[row, GROSS] = -sign * shares * price
        values[row, DIVIDENDS] = 0.0
        values[row, COSTS] = 0.0
        values[row, WORST] = math.inf
        values[row, BEST] = -math.inf
        values[row, LOWEST] = price
        values[row, HIGHEST] = price


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def see_prices(values: Float64Array2D | None, row: int, low: float, high: float) -> None:
    """Count prices at which the leg was held."""
    if values is not None:
        values[row, LOWEST] = min(values[row, LOWEST], low)
        values[row, HIGHEST] = max(values[row, HIGHEST], high)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def settle_excursion(values: Float64Array2D | None, row: int, sign: float) -> None:
    """Relate the prices seen to the average entry price, before that changes."""
    if values is not None:
        entry = values[row, ENTRY_PRICE]
        one = sign * (values[row, LOWEST] / entry - 1.0)
        other = sign * (values[row, HIGHEST] / entry - 1.0)
        if values[row, LOWEST] <= values[row, HIGHEST]:
            values[row, WORST] = min(values[row, WORST], one, other)
            values[row, BEST] = max(values[row, BEST], one, other)
        values[row, LOWEST] = math.inf
        values[row, HIGHEST] = -math.inf


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def charge_trade(values: Float64Array2D | None, row: int, costs: float, dividends: float) -> None:
    """Add costs and dividends, in dollars."""
    if values is not None:
        values[row, COSTS] += costs
        values[row, DIVIDENDS] += dividends


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def end_trade(
    numbers: Int32Array2D | None,
    values: Float64Array2D | None,
    row: int,
    sign: float,
    shares: float,
    price: float,
    bar: int,
    reason: int,
) -> None:
    """Settle a row: the shares left count as sold (long) or bought (short) at `price` dollars."""
    if numbers is not None and values is not None:
        numbers[row, EXIT_BAR] = bar
        numbers[row, REASON] = reason
        values[row, EXIT_PRICE] = price
        values[row, GROSS] += sign * shares * price
        settle_excursion(values, row, sign)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def record_exit(
    numbers: Int32Array2D | None,
    values: Float64Array2D | None,
    leg: Leg,
    sign: float,
    price: float,
    open_: float,
    bar: int,
    reason: int,
    cost: float,
) -> None:
    """An exit of the whole leg, `leg` as before it; `open_` is the open, or `price` if the leg wasn't held then."""
    if numbers is not None and values is not None:
        see_prices(values, leg.row, min(open_, price), max(open_, price))
        charge_trade(values, leg.row, cost * leg.shares * price, 0.0)
        end_trade(numbers, values, leg.row, sign, leg.shares, price, bar, reason)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def record_fill(
    numbers: Int32Array2D | None,
    values: Float64Array2D | None,
    before: Leg,
    after: Leg,
    sign: float,
    price: float,
    open_: float,
    bar: int,
    cost: float,
) -> None:
    """A fill of an order at `price` dollars, in a bar with that open; `cost` is that of a dollar traded."""
    if numbers is not None and values is not None:
        row = after.row
        if before.shares == 0.0:
            if after.shares > 0.0:
                begin_trade(numbers, values, row, sign, bar, price, price, after.shares)
                charge_trade(values, row, cost * after.shares * price, 0.0)
        elif after.shares == 0.0:
            record_exit(numbers, values, before, sign, price, open_, bar, after.reason, cost)
        else:
            change = after.shares - before.shares
            if change > 0.0:
                settle_excursion(values, row, sign)
                cost_of_entry = before.shares * values[row, ENTRY_PRICE] + change * price
                values[row, ENTRY_PRICE] = cost_of_entry / after.shares
            values[row, GROSS] -= sign * change * price
            values[row, SHARES] = max(values[row, SHARES], after.shares)
            charge_trade(values, row, cost * abs(change) * price, 0.0)
