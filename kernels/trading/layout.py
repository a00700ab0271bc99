"""How accounts, orders and results lie in memory for the fast simulators, and the terms in shares of a dollar."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from kernels.panel import Float64Array2D
from kernels.trading.model import SESSIONS_PER_YEAR, SUMMARY, Costs, Orders, Paths

CASH = 0
SHARES, STOP_PRICE, TARGET_PRICE, TRAIL_MULTIPLE, PEAK, ENTRY, AGE = range(1, 15, 2)
STATE = 15
"""An account as a row of numbers: cash, then each of these for the long leg and then for the short one."""

WEIGHT, STOP_MULTIPLE, TARGET_MULTIPLE, TRAIL, LIMIT = range(0, 10, 2)
WISH = 10
"""An order as a row of numbers: each of these for the long leg and then for the short one."""

NEXT_OPEN, SAME_CLOSE, AT_LIMIT = range(3)
"""Positions in `model.FILLS`."""

EXPOSURE, LEG_REASON, LEG_EXIT_BAR, LEG_HELD = 0, 1, 3, 5
COUNTS = 7
"""The integers of a path: exposure, then each of the others for the long leg and then for the short one."""

(
    FIRST_EQUITY,
    LAST_EQUITY,
    LAST_CASH,
    FEE,
    SPREAD,
    SLIPPAGE,
    BORROW,
    OVERNIGHT,
    DIVIDENDS,
    TRADED,
    RETURN_SUM,
    RETURN_SQUARES,
    DOWNSIDE_SQUARES,
    MAX_DRAWDOWN,
) = range(len(SUMMARY))


class Terms(NamedTuple):
    """What trading costs, as shares of a dollar, and the cap: fee, half-spread and slippage of the value traded, borrow
    of the short value and overnight of both, each night.
    """

    fee: float
    half_spread: float
    slippage: float
    borrow: float
    overnight: float
    max_leverage: float


def terms_of(costs: Costs, max_leverage: float) -> Terms:
    """The terms from costs in basis points."""
    return Terms(
        costs.fee_bp / 10_000.0,
        costs.half_spread_bp / 10_000.0,
        costs.slippage_bp / 10_000.0,
        costs.borrow_bp_per_year / 10_000.0 / SESSIONS_PER_YEAR,
        costs.overnight_bp / 10_000.0,
        float(max_leverage),
    )


def states_of(paths: Paths) -> Float64Array2D:
    """The accounts, float64 [P, STATE]."""
    legs = (paths.shares, paths.stop, paths.target, paths.trail, paths.peak, paths.entry, paths.age)
    return np.concatenate((paths.cash[:, None], *legs), axis=1)


def wishes_of(orders: Orders) -> Float64Array2D:
    """The orders, float64 [N, WISH]."""
    wishes = np.empty((len(orders.weight), WISH))
    _join(orders.weight, orders.stop, orders.target, orders.trail, orders.limit, wishes)
    return wishes


@njit(cache=True, nogil=True, error_model="numpy")
def _join(
    weight: Float64Array2D,
    stop: Float64Array2D,
    target: Float64Array2D,
    trail: Float64Array2D,
    limit: Float64Array2D,
    wishes: Float64Array2D,
) -> None:
    """Write the pairs of each order side by side; NumPy takes twenty times as long for rows this short."""
    for row in range(len(wishes)):
        for leg in range(2):
            wishes[row, WEIGHT + leg] = weight[row, leg]
            wishes[row, STOP_MULTIPLE + leg] = stop[row, leg]
            wishes[row, TARGET_MULTIPLE + leg] = target[row, leg]
            wishes[row, TRAIL + leg] = trail[row, leg]
            wishes[row, LIMIT + leg] = limit[row, leg]
