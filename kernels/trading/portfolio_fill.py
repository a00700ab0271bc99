"""The fill of a portfolio at one bar: the caps, cash, levels, and the record of trades; used by `portfolio_cpu.py`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D
from kernels.trading.model import ORDER
from kernels.trading.portfolio_model import LEAST_ROOM
from kernels.trading.records import (
    ENTRY_PRICE,
    GROSS,
    SHARES,
    begin_trade,
    charge_trade,
    end_trade,
    see_prices,
    settle_excursion,
)

Int32Array2D = npt.NDArray[np.int32]
Int64Array1D = npt.NDArray[np.int64]

HELD, STOP_LEVEL, TARGET_LEVEL, TRAIL_MULTIPLE, PEAK_LEVEL, MARK = range(6)
POSITION = 6
"""A position as a row of numbers: signed shares; stop, target, trail, peak as in `rules.Leg`; last close."""


class Book(NamedTuple):
    """The positions of S symbols and their trades.

    Attributes:
        positions: float64 [S, POSITION].
        numbers: int32 [S, records.NUMBERS], the trades that run.
        values: float64 [S, records.VALUES], likewise.
        ended_symbol: int64 [K], of the trades that have ended; K bounds their number.
        ended_numbers: int32 [K, records.NUMBERS].
        ended_values: float64 [K, records.VALUES].
    """

    positions: Float64Array2D
    numbers: Int32Array2D
    values: Float64Array2D
    ended_symbol: Int64Array1D
    ended_numbers: Int32Array2D
    ended_values: Float64Array2D


class Wishes(NamedTuple):
    """What waits for S symbols, and the levels of the N orders.

    Attributes:
        asked: float64 [S], signed shares; NaN = nothing waits.
        order: int64 [S], the order that asked.
        weight, stop, target, trail: float64 [N, S], as in `PortfolioOrders`.
    """

    asked: Float64Array1D
    order: Int64Array1D
    weight: Float64Array2D
    stop: Float64Array2D
    target: Float64Array2D
    trail: Float64Array2D


class Limits(NamedTuple):
    """The caps, as in `Caps`."""

    gross: float
    net: float
    name: float
    sector: float
    turnover: float


@njit(cache=True, nogil=True, error_model="numpy")
def end_position(book: Book, symbol: int, price: float, bar: int, reason: int, cost: float, ended: int) -> None:
    """Close a position at `price` dollars and write its trade to row `ended`; `cost` is that of a dollar traded."""
    shares = book.positions[symbol, HELD]
    charge_trade(book.values, symbol, cost * abs(shares) * price, 0.0)
    sign = 1.0 if shares > 0.0 else -1.0
    end_trade(book.numbers, book.values, symbol, sign, abs(shares), price, bar, reason)
    book.ended_symbol[ended] = symbol
    book.ended_numbers[ended] = book.numbers[symbol]
    book.ended_values[ended] = book.values[symbol]
    book.positions[symbol, HELD] = 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def scale_into(cap: float, left: float, rest: float, gross: float) -> float:
    """The factor, 0 to 1, by which something of `gross` dollars fits beside a rest into a cap, a share of `left`."""
    if gross > 0.0 and gross + rest > cap * left:
        room = cap * left - rest
        return room / gross if room > LEAST_ROOM * left else 0.0
    return 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def factors_within_caps(
    held: Float64Array1D,
    asked: Float64Array1D,
    sector: Int64Array1D,
    sectors: int,
    limits: Limits,
    left: float,
) -> Float64Array1D:
    """What each value asked for is multiplied by, for all caps but turnover.

    Args:
        held: float64 [S], signed dollars before the fill.
        asked: float64 [S], signed dollars asked for; NaN = isn't filled.
        sector: int64 [S], from 0 to `sectors` - 1.
        sectors: their number.
        limits: the caps.
        left: equity that is certainly left.

    Returns:
        float64 [S]; 1 where nothing is filled.
    """
    count = len(held)
    factor = np.ones(count)
    if limits.name < math.inf:
        for symbol in range(count):
            factor[symbol] = scale_into(limits.name, left, 0.0, abs(asked[symbol]))
    if limits.sector < math.inf:
        wanted, rest = np.zeros(sectors), np.zeros(sectors)
        for symbol in range(count):
            if math.isnan(asked[symbol]):
                rest[sector[symbol]] += abs(held[symbol])
            else:
                wanted[sector[symbol]] += abs(factor[symbol] * asked[symbol])
        for symbol in range(count):
            place = sector[symbol]
            factor[symbol] *= scale_into(limits.sector, left, rest[place], wanted[place])
    if limits.net < math.inf:
        longs = shorts = others = 0.0
        for symbol in range(count):
            value = factor[symbol] * asked[symbol]
            if math.isnan(value):
                others += held[symbol]
            elif value > 0.0:
                longs += value
            else:
                shorts -= value
        # The rest is summed up without the side that is scaled: what must be 0 becomes exactly 0.
        if longs - shorts + others > 0.0:
            side, scale = 1.0, scale_into(limits.net, left, others - shorts, longs)
        else:
            side, scale = -1.0, scale_into(limits.net, left, -others - longs, shorts)
        for symbol in range(count):
            if side * asked[symbol] > 0.0:
                factor[symbol] *= scale
    if limits.gross < math.inf:
        wanted_gross = others_gross = 0.0
        for symbol in range(count):
            if math.isnan(asked[symbol]):
                others_gross += abs(held[symbol])
            else:
                wanted_gross += abs(factor[symbol] * asked[symbol])
        scale = scale_into(limits.gross, left, others_gross, wanted_gross)
        for symbol in range(count):
            factor[symbol] *= scale
    return factor


@njit(cache=True, nogil=True, error_model="numpy")
def fill_waiting(
    book: Book,
    wishes: Wishes,
    prices: Float64Array1D,
    sector: Int64Array1D,
    sectors: int,
    limits: Limits,
    cost: float,
    cash: float,
    bar: int,
    ended: int,
) -> tuple[float, float, int, int]:
    """Fill together what waits and has a price.

    Args:
        book: positions and trades, changed.
        wishes: what waits; what is filled or dropped waits no more.
        prices: float64 [S], dollars; NaN = no bar.
        sector: int64 [S], from 0 to `sectors` - 1.
        sectors: their number.
        limits: the caps.
        cost: of a dollar traded.
        cash: dollars before.
        bar: of the fill.
        ended: trades that have ended before.

    Returns:
        Cash, value traded, trades ended, and how many symbols were filled or dropped.
    """
    positions, values = book.positions, book.values
    count = len(prices)
    held, asked = np.zeros(count), np.full(count, math.nan)
    filled = 0
    net = change = largest = 0.0
    for symbol in range(count):
        price, shares = prices[symbol], positions[symbol, HELD]
        if shares != 0.0:
            held[symbol] = shares * (positions[symbol, MARK] if math.isnan(price) else price)
        net += held[symbol]
        if not math.isnan(wishes.asked[symbol]) and not math.isnan(price):
            filled += 1
            asked[symbol] = wishes.asked[symbol] * price
            largest += max(abs(asked[symbol] - held[symbol]), abs(held[symbol]))
    if filled == 0:
        return cash, 0.0, ended, filled
    equity = cash + net
    if not equity > 0.0:
        for symbol in range(count):
            if not math.isnan(asked[symbol]):
                wishes.asked[symbol] = math.nan
        return cash, 0.0, ended, filled
    left = max(0.0, equity - cost * largest)
    factor = factors_within_caps(held, asked, sector, sectors, limits, left)
    for symbol in range(count):
        if not math.isnan(asked[symbol]):
            change += abs(factor[symbol] * asked[symbol] - held[symbol])
    part = 1.0
    if limits.turnover < math.inf and change > limits.turnover * left:
        part = limits.turnover * left / change
    traded = 0.0
    for symbol in range(count):
        if math.isnan(asked[symbol]):
            continue
        price, before = prices[symbol], positions[symbol, HELD]
        after = factor[symbol] * wishes.asked[symbol]
        if part < 1.0:
            after = before + part * (after - before)
        order = wishes.order[symbol]
        wishes.asked[symbol] = math.nan
        moved = abs(after - before) * price
        traded += moved
        cash -= (after - before) * price + cost * moved
        if before != 0.0 and before * after <= 0.0:
            see_prices(values, symbol, price, price)
            end_position(book, symbol, price, bar, ORDER, cost, ended)
            ended += 1
            before = 0.0
        if after == 0.0:
            continue
        sign = 1.0 if after > 0.0 else -1.0
        if before == 0.0:
            begin_trade(book.numbers, values, symbol, sign, bar, price, price, abs(after))
        else:
            grown = abs(after) - abs(before)
            if grown > 0.0:
                settle_excursion(values, symbol, sign)
                paid = values[symbol, ENTRY_PRICE] * abs(before) + price * grown
                values[symbol, ENTRY_PRICE] = paid / abs(after)
                values[symbol, SHARES] = max(values[symbol, SHARES], abs(after))
            values[symbol, GROSS] -= sign * grown * price
        charge_trade(values, symbol, cost * abs(after - before) * price, 0.0)
        positions[symbol, HELD] = after
        if sign * wishes.weight[order, symbol] > 0.0:
            stop = wishes.stop[order, symbol]
            positions[symbol, STOP_LEVEL] = -math.inf if math.isnan(stop) else sign * stop * price
            positions[symbol, TARGET_LEVEL] = sign * wishes.target[order, symbol] * price
            positions[symbol, TRAIL_MULTIPLE] = wishes.trail[order, symbol]
            positions[symbol, PEAK_LEVEL] = sign * price
    return cash, traded, ended, filled
