"""One account over the bars of one series: the loop that backtests, summaries, labels and the CUDA kernels share.

What isn't wanted is passed as None, which Numba compiles away: a path without records costs nothing for them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.trading.ending import write_leg
from kernels.trading.fills import fill_legs
from kernels.trading.layout import (
    AGE,
    BORROW,
    CASH,
    DIVIDENDS,
    DOWNSIDE_SQUARES,
    ENTRY,
    EXPOSURE,
    FEE,
    FIRST_EQUITY,
    LAST_CASH,
    LAST_EQUITY,
    LEG_EXIT_BAR,
    LEG_HELD,
    LEG_REASON,
    LIMIT,
    MAX_DRAWDOWN,
    NEXT_OPEN,
    OVERNIGHT,
    PEAK,
    RETURN_SQUARES,
    RETURN_SUM,
    SAME_CLOSE,
    SHARES,
    SLIPPAGE,
    SPREAD,
    STOP_PRICE,
    TARGET_PRICE,
    TRADED,
    TRAIL_MULTIPLE,
    WEIGHT,
    Terms,
)
from kernels.trading.model import NONE, OPEN, RUIN
from kernels.trading.records import begin_trade, charge_trade, end_trade, record_exit, see_prices
from kernels.trading.rules import (
    INSIDE,
    NOT_FILLED,
    exit_of,
    left_open,
    leg_brought,
    leg_closed,
    leg_trailed,
    limit_fill,
)

Int32Array2D = npt.NDArray[np.int32]

int64: Any = np.int64
uint64: Any = np.uint64
"""What an int is in compiled code; an unsigned index needs no check for being negative."""


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def next_order_bar(order_bars: Int32Array1D | None, order: int, order_end: int, first: int, never: int) -> int:
    """The bar of an order; without bars, the only one is of bar `first`; `never` where there is none."""
    if order >= order_end:
        return never
    if order_bars is None:
        return first
    bar: int = int64(order_bars[order])
    return bar


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def last_close(
    opens: Float64Array1D, highs: Float64Array1D, lows: Float64Array1D, closes: Float64Array1D, bar: int
) -> float:
    """The close of a bar, or of the last one before it that is there."""
    while math.isnan(opens[bar] + highs[bar] + lows[bar] + closes[bar]):
        bar -= 1
    return float(closes[bar])


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def simulate_path(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    dividend: Float64Array2D,
    series: int,
    first: int,
    last: int,
    state: Float64Array1D,
    order_bars: Int32Array1D | None,
    orders: Float64Array2D,
    order: int,
    order_end: int,
    terms: Terms,
    fill: int,
    summary: Float64Array1D,
    counts: Int32Array1D,
    equities: Float64Array1D | None,
    numbers: Int32Array2D | None,
    values: Float64Array2D | None,
    ending: Float64Array1D | None = None,
) -> None:
    """Simulate one path and write what became of it.

    For labels, call it in a `prange` loop of your own: `state` may be a tuple, `order_bars` None, `orders` the array of
    actions with `order` its row, and the last three None. It allocates nothing. A loop that takes the paths in
    the order of series and first bar is faster than one in random order: it finds the bars in the cache.

    Args:
        open_: float64 [S, T], as in `Bars`, contiguous or not; so are the next four.
        high: see `open_`.
        low: see `open_`.
        close: see `open_`.
        dividend: dollars a share.
        series: row of the path.
        first: its first bar, which is there.
        last: its last bar.
        state: STATE numbers, an array's row or a tuple; entry and age (the last four) are read for trades only.
        order_bars: int32 [N], rising within the path; None = there is one order at most, of bar `first`.
        orders: float64 [N, WISH].
        order: the path's first order.
        order_end: one more than its last; `order` = it has none.
        terms: costs and cap.
        fill: NEXT_OPEN, SAME_CLOSE or AT_LIMIT.
        summary: float64 [len(SUMMARY)], written.
        counts: int32 [COUNTS], written.
        equities: float64 [last - first + 1 or more], written up to `last`; or None.
        numbers: int32 [2 * (orders + 1), records.NUMBERS], zero; or None.
        values: float64 [2 * (orders + 1), records.VALUES], if and only if there are `numbers`.
        ending: float64 [STATE], written: the account at the close of `last`, NaN for what isn't there; it needs
            `numbers` and `values`. Or None.
    """
    first, last, order, order_end = int64(first), int64(last), int64(order), int64(order_end)
    opens, highs, lows, closes, dividends = open_[series], high[series], low[series], close[series], dividend[series]
    cost = terms.fee + terms.half_spread + terms.slippage
    overnight, borrow = terms.overnight, terms.borrow
    never = last + 1
    mark = opened = closes[first]
    cash = state[CASH]
    rows = 0
    long = leg_brought(
        state[SHARES], state[STOP_PRICE], state[TARGET_PRICE], state[TRAIL_MULTIPLE], state[PEAK], 1.0, first, rows
    )
    if long.shares > 0.0:
        if values is not None:
            opened_at = first - int64(state[AGE])
            begin_trade(numbers, values, rows, 1.0, opened_at, state[ENTRY], mark, long.shares)
        rows += 1
    short = leg_brought(
        state[SHARES + 1],
        state[STOP_PRICE + 1],
        state[TARGET_PRICE + 1],
        state[TRAIL_MULTIPLE + 1],
        state[PEAK + 1],
        -1.0,
        first,
        rows,
    )
    if short.shares > 0.0:
        if values is not None:
            begin_trade(
                numbers, values, rows, -1.0, first - int64(state[AGE + 1]), state[ENTRY + 1], mark, short.shares
            )
        rows += 1
    exposed_since = first if long.shares + short.shares > 0.0 else -1
    exposure = 0
    long_value, short_value = long.shares * mark, short.shares * mark
    equity = cash + long_value - short_value
    first_equity = before = top = fallen_from = fallen_to = equity
    traded = value_nights = short_nights = dividend_sum = 0.0
    return_sum = return_squares = downside_squares = 0.0
    asked_long = asked_short = math.nan
    waiting = -1
    order_bar = next_order_bar(order_bars, order, order_end, first, never)
    long_later = short_later = 0.0
    is_there = True
    bar = first
    while True:
        # Step 8 of a bar, and for a bar after `first` its return.
        if bar == order_bar:
            asked_long = orders[order, WEIGHT] * equity / mark
            asked_short = orders[order, WEIGHT + 1] * equity / mark
            waiting = order if equity > 0.0 else -1
            order += 1
            order_bar = next_order_bar(order_bars, order, order_end, first, never)
        marked = equity
        if waiting >= 0 and fill == SAME_CLOSE and is_there:
            long, short, cash, value, rows = fill_legs(
                long, short, asked_long, asked_short, cash, mark, mark, bar, bar, terms,
                orders, waiting, rows, numbers, values,
            )  # fmt: skip
            waiting = -1
            traded += value
            long_value, short_value = long.shares * mark, short.shares * mark
            equity = cash + long_value - short_value
            # The equity of `first` is that before its fill.
            if bar > first:
                marked = equity
            if exposed_since < 0:
                exposed_since = bar
        if equities is not None:
            equities[bar - first] = marked
        change = marked / before - 1.0 if before > 0.0 else 0.0
        return_sum += change
        return_squares += change * change
        loss = min(change, 0.0)
        downside_squares += loss * loss
        top = max(top, marked)
        # The greatest fall as a pair of equities, compared without a division.
        if marked * fallen_from < fallen_to * top:
            fallen_to, fallen_from = marked, top
        before = marked
        if long.shares + short.shares == 0.0:
            if exposed_since >= 0:
                exposure += bar - exposed_since
                exposed_since = -1
            if waiting < 0 and marked == cash:
                resume = order_bar - 1
                if equities is not None:
                    for quiet in range(bar + 1, resume + 1):
                        equities[quiet - first] = equity
                if resume >= last:
                    break
                if resume > bar:
                    bar = resume
                    mark = last_close(opens, highs, lows, closes, bar)
        if bar == last:
            break

        bar += 1
        place = uint64(bar)
        opened_here, highest, lowest, closed = opens[place], highs[place], lows[place], closes[place]
        is_there = not math.isnan(opened_here + highest + lowest + closed)
        if not is_there:
            continue
        opened, mark = opened_here, closed
        # Steps 1 and 2.
        paid = dividends[place]
        value = long_value + short_value
        value_nights += value
        short_nights += short_value
        received = (long.shares - short.shares) * paid
        dividend_sum += received
        cash += received - overnight * value - borrow * short_value
        if values is not None:
            if long.shares > 0.0:
                charge_trade(values, long.row, overnight * long_value, long.shares * paid)
            if short.shares > 0.0:
                charge_trade(values, short.row, (overnight + borrow) * short_value, -short.shares * paid)
        # Step 3.
        long_inside = short_inside = long_opened_inside = short_opened_inside = False
        filled = -1
        if waiting >= 0 and fill != SAME_CLOSE:
            filled, waiting = waiting, -1
            if fill == NEXT_OPEN:
                long, short, cash, value, rows = fill_legs(
                    long, short, asked_long, asked_short, cash, opened, opened, bar, bar - 1, terms,
                    orders, filled, rows, numbers, values,
                )  # fmt: skip
                traded += value
            else:
                limit = orders[filled, LIMIT]
                when, limit = limit_fill(asked_long, long.shares, limit, opened, highest, lowest, False)
                if when == INSIDE and asked_long < long.shares:
                    long_later = limit
                elif when != NOT_FILLED:
                    long_inside = when == INSIDE
                    long_opened_inside = long_inside and long.shares == 0.0
                    long, short, cash, value, rows = fill_legs(
                        long, short, asked_long, math.nan, cash, limit, opened, bar, bar - 1, terms,
                        orders, filled, rows, numbers, values,
                    )  # fmt: skip
                    traded += value
                limit = orders[filled, LIMIT + 1]
                when, limit = limit_fill(asked_short, short.shares, limit, opened, highest, lowest, True)
                if when == INSIDE and asked_short < short.shares:
                    short_later = limit
                elif when != NOT_FILLED:
                    short_inside = when == INSIDE
                    short_opened_inside = short_inside and short.shares == 0.0
                    long, short, cash, value, rows = fill_legs(
                        long, short, math.nan, asked_short, cash, limit, opened, bar, bar - 1, terms,
                        orders, filled, rows, numbers, values,
                    )  # fmt: skip
                    traded += value
            if exposed_since < 0 and long.shares + short.shares > 0.0:
                exposed_since = bar - 1
        # Steps 4 and 5.
        if long.shares > 0.0:
            reason, price = exit_of(long, opened, highest, lowest, long_inside)
            if reason != NONE:
                value = long.shares * price
                traded += value
                cash += value - cost * value
                if values is not None:
                    held_from = price if long_opened_inside else opened
                    record_exit(numbers, values, long, 1.0, price, held_from, bar, reason, cost)
                long = leg_closed(long, reason, bar)
            elif not long_inside:
                long = leg_trailed(long, highest)
        if short.shares > 0.0:
            reason, price = exit_of(short, -opened, -lowest, -highest, short_inside)
            if reason != NONE:
                price = -price
                value = short.shares * price
                traded += value
                cash -= value + cost * value
                if values is not None:
                    held_from = price if short_opened_inside else opened
                    record_exit(numbers, values, short, -1.0, price, held_from, bar, reason, cost)
                short = leg_closed(short, reason, bar)
            elif not short_inside:
                short = leg_trailed(short, -lowest)
        # What reduces a leg inside the bar.
        if long_later > 0.0:
            if long.shares > 0.0:
                long, short, cash, value, rows = fill_legs(
                    long, short, asked_long, math.nan, cash, long_later, opened, bar, bar - 1, terms,
                    orders, filled, rows, numbers, values,
                )  # fmt: skip
                traded += value
            long_later = 0.0
        if short_later > 0.0:
            if short.shares > 0.0:
                long, short, cash, value, rows = fill_legs(
                    long, short, math.nan, asked_short, cash, short_later, opened, bar, bar - 1, terms,
                    orders, filled, rows, numbers, values,
                )  # fmt: skip
                traded += value
            short_later = 0.0
        if values is not None:
            if long.shares > 0.0 and not long_opened_inside:
                see_prices(values, long.row, lowest, highest)
            if short.shares > 0.0 and not short_opened_inside:
                see_prices(values, short.row, lowest, highest)
        # Steps 6 and 7.
        long_value, short_value = long.shares * mark, short.shares * mark
        equity = cash + long_value - short_value
        if equity <= 0.0:
            value = long_value + short_value
            traded += value
            cash = equity - cost * value
            equity = cash
            if long.shares > 0.0:
                record_exit(numbers, values, long, 1.0, mark, mark, bar, RUIN, cost)
                long = leg_closed(long, RUIN, bar)
            if short.shares > 0.0:
                record_exit(numbers, values, short, -1.0, mark, mark, bar, RUIN, cost)
                short = leg_closed(short, RUIN, bar)
            long_value = short_value = 0.0
            order_bar, waiting = never, -1

    if exposed_since >= 0:
        exposure += last - exposed_since
    counts[EXPOSURE] = exposure
    if long.shares > 0.0:
        if values is not None:
            end_trade(numbers, values, long.row, 1.0, long.shares, mark, last, OPEN)
        long = left_open(long, last)
    if short.shares > 0.0:
        if values is not None:
            end_trade(numbers, values, short.row, -1.0, short.shares, mark, last, OPEN)
        short = left_open(short, last)
    if ending is not None and numbers is not None and values is not None:
        ending[CASH] = cash
        write_leg(ending, 0, long, 1.0, last, numbers, values)
        write_leg(ending, 1, short, -1.0, last, numbers, values)
    counts[LEG_REASON], counts[LEG_REASON + 1] = long.reason, short.reason
    counts[LEG_EXIT_BAR], counts[LEG_EXIT_BAR + 1] = long.exit_bar, short.exit_bar
    counts[LEG_HELD], counts[LEG_HELD + 1] = long.held, short.held
    summary[FIRST_EQUITY], summary[LAST_EQUITY], summary[LAST_CASH] = first_equity, equity, cash
    summary[FEE], summary[SPREAD], summary[SLIPPAGE] = (
        terms.fee * traded,
        terms.half_spread * traded,
        terms.slippage * traded,
    )
    summary[BORROW], summary[OVERNIGHT] = borrow * short_nights, overnight * value_nights
    summary[DIVIDENDS], summary[TRADED] = dividend_sum, traded
    summary[RETURN_SUM], summary[RETURN_SQUARES] = return_sum, return_squares
    summary[DOWNSIDE_SQUARES], summary[MAX_DRAWDOWN] = downside_squares, 1.0 - fallen_to / fallen_from
