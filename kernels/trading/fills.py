"""The fill of an order: shares within the leverage, cash, levels, and the record of it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array2D
from kernels.trading.layout import STOP_MULTIPLE, TARGET_MULTIPLE, TRAIL, Terms
from kernels.trading.records import record_fill
from kernels.trading.rules import Leg, leg_filled, shares_within_leverage

Int32Array2D = npt.NDArray[np.int32]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def fill_legs(
    long: Leg,
    short: Leg,
    asked_long: float,
    asked_short: float,
    cash: float,
    price: float,
    open_: float,
    bar: int,
    since: int,
    terms: Terms,
    orders: Float64Array2D,
    order: int,
    rows: int,
    numbers: Int32Array2D | None,
    values: Float64Array2D | None,
) -> tuple[Leg, Leg, float, float, int]:
    """Fill an order at one price.

    Args:
        long: the long leg before.
        short: the short leg before.
        asked_long: shares asked for; NaN = the leg stays.
        asked_short: likewise.
        cash: dollars before.
        price: of the fill, dollars.
        open_: of the bar, dollars; the price of the fill where it is at the close.
        bar: of the fill.
        since: of legs that the fill opens.
        terms: costs and cap.
        orders: float64 [N, WISH].
        order: the row that holds the levels.
        rows: trades begun before.
        numbers: int32 rows of trades, or None.
        values: float64 rows of trades, or None.

    Returns:
        Both legs, cash, value traded, and trades begun.
    """
    equity = cash + long.shares * price - short.shares * price
    if not equity > 0.0:
        return long, short, cash, 0.0, rows
    cost = terms.fee + terms.half_spread + terms.slippage
    new_long, new_short = shares_within_leverage(
        asked_long, asked_short, long.shares, short.shares, price, equity, cost, terms.max_leverage
    )
    bought, sold = new_long - long.shares, new_short - short.shares
    value = (abs(bought) + abs(sold)) * price
    cash += (sold - bought) * price - cost * value
    if not math.isnan(asked_long):
        stop = orders[order, STOP_MULTIPLE]
        target = orders[order, TARGET_MULTIPLE]
        trail = orders[order, TRAIL]
        filled = leg_filled(long, new_long, stop, target, trail, price, bar, since, rows)
        record_fill(numbers, values, long, filled, 1.0, price, open_, bar, cost)
        if long.shares == 0.0 and filled.shares > 0.0:
            rows += 1
        long = filled
    if not math.isnan(asked_short):
        stop = orders[order, STOP_MULTIPLE + 1]
        target = orders[order, TARGET_MULTIPLE + 1]
        trail = orders[order, TRAIL + 1]
        filled = leg_filled(short, new_short, stop, target, trail, -price, bar, since, rows)
        record_fill(numbers, values, short, filled, -1.0, price, open_, bar, cost)
        if short.shares == 0.0 and filled.shares > 0.0:
            rows += 1
        short = filled
    return long, short, cash, value, rows
