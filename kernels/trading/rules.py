"""The scalar rules of the simulator, used by `cpu.py` and by the CUDA kernels alike.

A leg is kept in its own *view*: prices as they are for the long leg, negated for the short leg. In its view every leg
gains when the price rises, so each rule is written once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

from kernels.trading.model import LEAST_FACTOR, NONE, OPEN, ORDER, STOP, TARGET, TRAILING_STOP

NOT_FILLED, AT_OPEN, INSIDE = range(3)
"""What becomes of a limit in a bar."""


class Leg(NamedTuple):
    """One leg of an account; prices in the leg's view.

    Attributes:
        shares: 0 or more.
        stop: -inf = none. target, trail: NaN = none; trail is a multiple of the peak.
        peak: what the trailing stop rests on.
        since: the bar at whose close the leg was first held, or the bar before the one in which it was opened.
        reason, exit_bar: of the last exit; NONE and -1 before it.
        held: bars of the exits so far.
        row: where its trade is recorded, if it is.
    """

    shares: float
    stop: float
    target: float
    trail: float
    peak: float
    since: int
    reason: int
    exit_bar: int
    held: int
    row: int


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def leg_brought(
    shares: float, stop: float, target: float, trail: float, peak: float, sign: float, first: int, row: int
) -> Leg:
    """The leg that an account begins with; prices in dollars, NaN = none; sign 1.0 for the long leg, -1.0 for short."""
    level = -math.inf if math.isnan(stop) else sign * stop
    return Leg(shares, level, sign * target, trail, sign * peak, first, NONE, -1, 0, row)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def leg_filled(
    leg: Leg, shares: float, stop: float, target: float, trail: float, price: float, bar: int, since: int, row: int
) -> Leg:
    """The leg after an order is filled: its levels are set anew, also where nothing was traded.

    Args:
        leg: before.
        shares: after.
        stop: multiple, as ordered; NaN = none.
        target: likewise.
        trail: likewise.
        price: of the fill, in the leg's view.
        bar: of the fill.
        since: of the leg if the fill opens it.
        row: where a trade is recorded that the fill opens.
    """
    level = -math.inf if math.isnan(stop) else stop * price
    reason, exit_bar, held = leg.reason, leg.exit_bar, leg.held
    begun, place = leg.since, leg.row
    if leg.shares == 0.0:
        if shares > 0.0:
            begun, place = since, row
    elif shares == 0.0:
        reason, exit_bar, held = ORDER, bar, leg.held + bar - leg.since
    return Leg(shares, level, target * price, trail, price, begun, reason, exit_bar, held, place)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def leg_closed(leg: Leg, reason: int, bar: int) -> Leg:
    """The leg after an exit."""
    return Leg(
        0.0, leg.stop, leg.target, leg.trail, leg.peak, leg.since, reason, bar, leg.held + bar - leg.since, leg.row
    )


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def left_open(leg: Leg, last: int) -> Leg:
    """A leg that is held where its path ends."""
    return Leg(
        leg.shares, leg.stop, leg.target, leg.trail, leg.peak, leg.since, OPEN, -1, leg.held + last - leg.since, leg.row
    )


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def leg_trailed(leg: Leg, high: float) -> Leg:
    """The leg after a bar that left it open: the peak follows the high, in the leg's view."""
    peak = high if high > leg.peak else leg.peak
    return Leg(
        leg.shares, leg.stop, leg.target, leg.trail, peak, leg.since, leg.reason, leg.exit_bar, leg.held, leg.row
    )


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def exit_of(leg: Leg, open_: float, high: float, low: float, inside: bool) -> tuple[int, float]:
    """The reason (NONE = no exit) and the price of a leg's exit in a bar.

    Args:
        leg: a leg that is held.
        open_: of the bar, in the leg's view.
        high: in the leg's view: of a short leg the negated low.
        low: in the leg's view.
        inside: whether shares were added inside the bar, so that only the level can close it.

    Returns:
        Reason, and price in the leg's view.
    """
    trailing = leg.trail * leg.peak
    is_trailing = trailing > leg.stop
    level = trailing if is_trailing else leg.stop
    stopped = TRAILING_STOP if is_trailing else STOP
    if inside:
        return (stopped, level) if low <= level else (NONE, 0.0)
    if open_ <= level:
        return stopped, open_
    if open_ >= leg.target:
        return TARGET, open_
    if low <= level:
        return stopped, level
    if high >= leg.target:
        return TARGET, leg.target
    return NONE, 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def limit_fill(
    asked: float, shares: float, limit: float, open_: float, high: float, low: float, is_short: bool
) -> tuple[int, float]:
    """Whether and at what price a limit is filled in a bar.

    Args:
        asked: shares asked for; NaN = the leg has no order.
        shares: held.
        limit: dollars.
        open_: of the bar, dollars.
        high: dollars.
        low: dollars.
        is_short: which leg; the short one buys to reduce.

    Returns:
        NOT_FILLED, AT_OPEN or INSIDE, and the price in dollars.
    """
    if math.isnan(asked) or asked == shares:
        return NOT_FILLED, 0.0
    if (asked > shares) != is_short:
        if not low <= limit:
            return NOT_FILLED, 0.0
        return (AT_OPEN, open_) if open_ <= limit else (INSIDE, limit)
    if not high >= limit:
        return NOT_FILLED, 0.0
    return (AT_OPEN, open_) if open_ >= limit else (INSIDE, limit)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def shares_within_leverage(
    asked_long: float,
    asked_short: float,
    held_long: float,
    held_short: float,
    price: float,
    equity: float,
    cost: float,
    max_leverage: float,
) -> tuple[float, float]:
    """Shares of both legs after a fill; the formula is in the README.

    Args:
        asked_long: NaN = the leg has no order and stays.
        asked_short: likewise.
        held_long: before the fill.
        held_short: likewise.
        price: dollars.
        equity: dollars at that price, above 0.
        cost: of a dollar traded.
        max_leverage: of long and short value together.
    """
    wanted = rest = change = bound = 0.0
    if math.isnan(asked_long):
        rest += held_long
    else:
        step = abs(asked_long - held_long)
        wanted += asked_long
        change += step
        bound += max(step, held_long)
    if math.isnan(asked_short):
        rest += held_short
    else:
        step = abs(asked_short - held_short)
        wanted += asked_short
        change += step
        bound += max(step, held_short)
    wanted *= price
    rest *= price
    factor = 1.0
    if wanted > 0.0 and wanted + rest > max_leverage * (equity - cost * price * change):
        room = (max_leverage * (equity - cost * price * bound) - rest) / wanted
        factor = min(1.0, room) if room > LEAST_FACTOR else 0.0
    new_long = held_long if math.isnan(asked_long) else factor * asked_long
    new_short = held_short if math.isnan(asked_short) else factor * asked_short
    return new_long, new_short
