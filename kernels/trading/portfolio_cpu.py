"""The portfolio form on the CPU: bar by bar, symbol by symbol, on one thread."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.trading.layout import Terms, terms_of
from kernels.trading.model import NONE, OPEN, RUIN, SUMMARY, Bars, Costs, Fill, Trades
from kernels.trading.portfolio_fill import (
    HELD,
    MARK,
    PEAK_LEVEL,
    POSITION,
    STOP_LEVEL,
    TARGET_LEVEL,
    TRAIL_MULTIPLE,
    Book,
    Limits,
    Wishes,
    end_position,
    fill_waiting,
)
from kernels.trading.portfolio_model import Caps, PortfolioOrders, PortfolioSimulation
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
    charge_trade,
    see_prices,
)
from kernels.trading.rules import Leg, exit_of

Int64Array1D = npt.NDArray[np.int64]

EQUITY, CASH, GROSS_VALUE, NET_VALUE, TRADED = range(5)
COURSE = 5
"""What is noted at each bar."""


class Totals(NamedTuple):
    """Sums over the whole run: dollars held over nights, long and short and short alone, dividends; counts."""

    nights: float
    short_nights: float
    dividends: float
    exposure: int
    ended: int


def simulate(
    bars: Bars,
    orders: PortfolioOrders,
    fill: Fill,
    cash: float,
    costs: Costs,
    caps: Caps,
    sector: Int32Array1D,
    first: int,
    last: int,
) -> PortfolioSimulation:
    """Same as `kernels.trading.portfolio.simulate_portfolio`, without its checks; `sector` must be given."""
    symbols = len(bars.close)
    numbers_of_sectors, place = np.unique(sector, return_inverse=True)
    # A trade needs an order that asks for shares, so no more can end than such orders are given.
    most = int(np.count_nonzero(np.nan_to_num(orders.weight)))
    book = Book(
        positions=np.zeros((symbols, POSITION)),
        numbers=np.zeros((symbols, NUMBERS), dtype=np.int32),
        values=np.zeros((symbols, VALUES)),
        ended_symbol=np.empty(most, dtype=np.int64),
        ended_numbers=np.empty((most, NUMBERS), dtype=np.int32),
        ended_values=np.empty((most, VALUES)),
    )
    wishes = Wishes(
        asked=np.full(symbols, np.nan),
        order=np.zeros(symbols, dtype=np.int64),
        weight=orders.weight,
        stop=orders.stop,
        target=orders.target,
        trail=orders.trail,
    )
    terms = terms_of(costs, math.inf)
    course = np.empty((last - first + 1, COURSE))
    totals = _walk(
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.dividend,
        first,
        last,
        orders.bar,
        wishes,
        book,
        place.astype(np.int64),
        len(numbers_of_sectors),
        Limits(caps.gross, caps.net, caps.name, caps.sector, caps.turnover),
        terms,
        fill == "same_close",
        cash,
        course,
    )
    traded = float(np.sum(course[:, TRADED]))
    paid = np.array(
        [
            terms.fee * traded,
            terms.half_spread * traded,
            terms.slippage * traded,
            terms.borrow * totals.short_nights,
            terms.overnight * totals.nights,
        ]
    )
    equity = course[:, EQUITY].copy()
    return PortfolioSimulation(
        equity=equity,
        cash=course[:, CASH].copy(),
        gross=course[:, GROSS_VALUE].copy(),
        net=course[:, NET_VALUE].copy(),
        traded=course[:, TRADED].copy(),
        costs=paid,
        dividends=totals.dividends,
        exposure=totals.exposure,
        shares=book.positions[:, HELD].copy(),
        trades=_table(book, totals.ended),
        summary=_summary(equity, course[-1, CASH], paid, totals.dividends, traded),
        backend="cpu",
        reason_of_backend="",
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _walk(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    dividend: Float64Array2D,
    first: int,
    last: int,
    order_bar: Int32Array1D,
    wishes: Wishes,
    book: Book,
    sector: Int64Array1D,
    sectors: int,
    limits: Limits,
    terms: Terms,
    same_close: bool,
    cash: float,
    course: Float64Array2D,
) -> Totals:
    """Walk the account over its bars.

    Args:
        open_: float64 [S, T], as in `Bars`.
        high: likewise.
        low: likewise.
        close: likewise.
        dividend: likewise.
        first: the bar at which the account begins.
        last: the bar at which it ends.
        order_bar: int32 [N], strictly rising.
        wishes: what waits, changed.
        book: positions and trades, changed.
        sector: int64 [S], from 0 to `sectors` - 1.
        sectors: their number.
        limits: the caps.
        terms: costs; its leverage isn't read.
        same_close: whether orders fill at the close of their own bar.
        cash: dollars at the start.
        course: float64 [T', COURSE], written.
    """
    count = len(close)
    positions, values = book.positions, book.values
    asked = wishes.asked
    cost = terms.fee + terms.half_spread + terms.slippage
    prices = np.full(count, math.nan)
    for symbol in range(count):
        positions[symbol, MARK] = math.nan
        for bar in range(first, -1, -1):
            if not math.isnan(open_[symbol, bar] + high[symbol, bar] + low[symbol, bar] + close[symbol, bar]):
                positions[symbol, MARK] = close[symbol, bar]
                if bar == first:
                    prices[symbol] = close[symbol, bar]
                break
    equity = cash
    course[0] = (equity, cash, 0.0, 0.0, 0.0)
    nights = short_nights = dividend_sum = 0.0
    exposure = ended = waiting = next_order = 0
    ruined = False
    is_held = False
    bar = first
    while True:
        # Step 8.
        if next_order < len(order_bar) and order_bar[next_order] == bar:
            for symbol in range(count):
                weight = wishes.weight[next_order, symbol]
                if not math.isnan(weight) and not ruined:
                    waiting -= not math.isnan(asked[symbol])
                    asked[symbol] = math.nan
                    if equity > 0.0:
                        asked[symbol] = weight * equity / positions[symbol, MARK] if weight != 0.0 else 0.0
                        wishes.order[symbol] = next_order
                        waiting += 1
            next_order += 1
        if same_close and waiting > 0:
            cash, value, ended, filled = fill_waiting(
                book, wishes, prices, sector, sectors, limits, cost, cash, bar, ended
            )
            waiting -= filled
            gross = net = 0.0
            for symbol in range(count):
                if positions[symbol, HELD] != 0.0:
                    worth = positions[symbol, HELD] * positions[symbol, MARK]
                    gross, net = gross + abs(worth), net + worth
            equity, is_held = cash + net, gross > 0.0
            course[bar - first, TRADED] += value
            if bar > first:
                course[bar - first, :TRADED] = (equity, cash, gross, net)
        if bar == last:
            break
        bar += 1
        # Steps 1 and 2.
        there = 0
        for symbol in range(count):
            opened = open_[symbol, bar]
            is_there = not math.isnan(opened + high[symbol, bar] + low[symbol, bar] + close[symbol, bar])
            prices[symbol] = opened if is_there else math.nan
            there += is_there
            shares = positions[symbol, HELD]
            if is_there and shares != 0.0:
                worth = abs(shares) * positions[symbol, MARK]
                night = terms.overnight * worth
                nights += worth
                if shares < 0.0:
                    night += terms.borrow * worth
                    short_nights += worth
                received = shares * dividend[symbol, bar]
                dividend_sum += received
                cash += received - night
                charge_trade(values, symbol, night, received)
        # Step 3.
        traded = 0.0
        if waiting > 0 and not same_close:
            cash, traded, ended, filled = fill_waiting(
                book, wishes, prices, sector, sectors, limits, cost, cash, bar, ended
            )
            waiting -= filled
        # Steps 4 to 6.
        gross = net = 0.0
        for symbol in range(count):
            shares = positions[symbol, HELD]
            is_held = is_held or shares != 0.0
            opened = prices[symbol]
            if math.isnan(opened):
                if shares != 0.0:
                    worth = shares * positions[symbol, MARK]
                    gross, net = gross + abs(worth), net + worth
                continue
            closed = close[symbol, bar]
            positions[symbol, MARK] = closed
            prices[symbol] = closed
            if shares == 0.0:
                continue
            highest, lowest = high[symbol, bar], low[symbol, bar]
            leg = Leg(
                abs(shares),
                positions[symbol, STOP_LEVEL],
                positions[symbol, TARGET_LEVEL],
                positions[symbol, TRAIL_MULTIPLE],
                positions[symbol, PEAK_LEVEL],
                0,
                NONE,
                -1,
                0,
                symbol,
            )
            sign = 1.0 if shares > 0.0 else -1.0
            top, bottom = (highest, lowest) if shares > 0.0 else (-lowest, -highest)
            reason, price = exit_of(leg, sign * opened, top, bottom, False)
            if reason != NONE:
                price *= sign
                cash += shares * price - cost * abs(shares) * price
                traded += abs(shares) * price
                see_prices(values, symbol, min(opened, price), max(opened, price))
                end_position(book, symbol, price, bar, reason, cost, ended)
                ended += 1
                continue
            positions[symbol, PEAK_LEVEL] = max(positions[symbol, PEAK_LEVEL], top)
            see_prices(values, symbol, lowest, highest)
            worth = shares * closed
            gross, net = gross + abs(worth), net + worth
        exposure += is_held
        is_held = gross > 0.0
        equity = cash + net
        # Step 7.
        if equity <= 0.0 and there > 0:
            ruined, is_held = True, False
            waiting = 0
            asked[:] = math.nan
            for symbol in range(count):
                shares, price = positions[symbol, HELD], positions[symbol, MARK]
                if shares != 0.0:
                    cash += shares * price - cost * abs(shares) * price
                    traded += abs(shares) * price
                    see_prices(values, symbol, price, price)
                    end_position(book, symbol, price, bar, RUIN, cost, ended)
                    ended += 1
            gross = net = 0.0
            equity = cash
        course[bar - first] = (equity, cash, gross, net, traded)
    shares_left = positions[:, HELD].copy()
    for symbol in range(count):
        if shares_left[symbol] != 0.0:
            end_position(book, symbol, positions[symbol, MARK], last, OPEN, 0.0, ended)
            ended += 1
    positions[:, HELD] = shares_left
    return Totals(nights, short_nights, dividend_sum, exposure, ended)


def _summary(
    equity: Float64Array1D, cash: float, paid: Float64Array1D, dividends: float, traded: float
) -> Float64Array1D:
    """The columns of `SUMMARY`."""
    before, change = equity[:-1], np.zeros(len(equity) - 1)
    np.divide(equity[1:] - before, before, out=change, where=before > 0.0)
    loss = np.minimum(change, 0.0)
    highest = np.maximum.accumulate(equity)
    fall = float(np.max((highest - equity) / highest))
    sums = (np.sum(change), np.sum(change * change), np.sum(loss * loss))
    summary = np.array([equity[0], equity[-1], cash, *paid, dividends, traded, *sums, fall])
    if len(summary) != len(SUMMARY):
        raise RuntimeError(f"{len(summary)} numbers for the {len(SUMMARY)} columns of SUMMARY")
    return summary


def _table(book: Book, ended: int) -> Trades:
    """The trades that have ended, in the order of symbol, exit bar, leg."""
    symbol, numbers, values = book.ended_symbol[:ended], book.ended_numbers[:ended], book.ended_values[:ended]
    order = np.lexsort((numbers[:, LEG], numbers[:, EXIT_BAR], symbol))
    symbol, numbers, values = symbol[order], numbers[order], values[order]
    return Trades(
        path=symbol.astype(np.int32),
        leg=numbers[:, LEG].copy(),
        entry_bar=numbers[:, ENTRY_BAR].copy(),
        exit_bar=numbers[:, EXIT_BAR].copy(),
        reason=numbers[:, REASON].copy(),
        bars=numbers[:, EXIT_BAR] - numbers[:, ENTRY_BAR],
        entry_price=values[:, ENTRY_PRICE].copy(),
        exit_price=values[:, EXIT_PRICE].copy(),
        shares=values[:, SHARES].copy(),
        gross=values[:, GROSS].copy(),
        dividends=values[:, DIVIDENDS].copy(),
        costs=values[:, COSTS].copy(),
        worst=values[:, WORST].copy(),
        best=values[:, BEST].copy(),
    )
