"""The oracle's portfolio: cash and positions, and what fills under caps, nights, dividends and exits do to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kernels.trading.model import (
    COST_KINDS,
    LONG,
    NONE,
    ORDER,
    SESSIONS_PER_YEAR,
    SHORT,
    STOP,
    TARGET,
    TRAILING_STOP,
    Costs,
)
from kernels.trading.portfolio_model import LEAST_ROOM, Caps

_NAN = math.nan


@dataclass
class Bar:
    """One bar that is there."""

    open: float
    high: float
    low: float
    close: float
    dividend: float


@dataclass
class Trade:
    """A position from flat to flat; the columns of `Trades`."""

    symbol: int
    leg: int
    entry_bar: int
    worst: float = 0.0
    best: float = 0.0
    shares: float = 0.0
    gross: float = 0.0
    dividends: float = 0.0
    costs: float = 0.0
    entry_price: float = _NAN
    exit_price: float = _NAN
    exit_bar: int = -1
    reason: int = NONE


@dataclass
class Wish:
    """What is asked for: signed shares, the sign of the weight, and the levels as multiples."""

    side: float
    shares: float
    stop: float
    target: float
    trail: float


@dataclass
class Position:
    """What is held of one symbol, in signed shares, its levels in dollars, its trade, and what waits for it."""

    symbol: int
    sector: int
    shares: float = 0.0
    mark: float = _NAN
    entry: float = _NAN
    stop: float = _NAN
    target: float = _NAN
    trail: float = _NAN
    peak: float = _NAN
    trade: Trade | None = None
    wish: Wish | None = None
    # Prices of the bar at which the position was certainly held.
    certain: list[float] = field(default_factory=list)

    def value(self) -> float:
        """Signed dollars at the last close; 0 without shares, whatever the price."""
        return self.shares * self.mark if self.shares != 0.0 else 0.0

    def the_trade(self) -> Trade:
        """The trade of a position that is held."""
        if self.trade is None:
            raise RuntimeError(f"symbol {self.symbol} holds {self.shares} shares without a trade")
        return self.trade

    def see(self, price: float) -> None:
        """Count a price for the excursions, relative to the average entry price."""
        trade = self.the_trade()
        excursion = math.copysign(1.0, self.shares) * (price / self.entry - 1.0)
        trade.worst, trade.best = min(trade.worst, excursion), max(trade.best, excursion)

    def follow(self, bar: Bar) -> None:
        """Step 5, and the excursions of a position that is held to the close."""
        self.peak = max(self.peak, bar.high) if self.shares > 0.0 else min(self.peak, bar.low)
        self.see(bar.low)
        self.see(bar.high)


class Account:
    """Cash and positions, worked on bar by bar."""

    def __init__(self, cash: float, costs: Costs, caps: Caps, sectors: list[int]) -> None:
        self.cash = cash
        self.costs = costs
        self.caps = caps
        self.positions = [Position(symbol, sector) for symbol, sector in enumerate(sectors)]
        self.paid = dict.fromkeys(COST_KINDS, 0.0)
        self.dividends = 0.0
        self.traded = 0.0
        self.trades: list[Trade] = []

    def equity(self) -> float:
        """Cash and every position at its last close."""
        return self.cash + sum(position.value() for position in self.positions)

    def pay(self, position: Position, kind: str, dollars: float) -> None:
        """Pay a cost for a position."""
        self.cash -= dollars
        self.paid[kind] += dollars
        position.the_trade().costs += dollars

    def night(self, position: Position) -> None:
        """Step 1."""
        value = abs(position.value())
        self.pay(position, "overnight", value * self.costs.overnight_bp / 10_000)
        if position.shares < 0.0:
            self.pay(position, "borrow", value * self.costs.borrow_bp_per_year / 10_000 / SESSIONS_PER_YEAR)

    def receive(self, position: Position, dividend: float) -> None:
        """Step 2; a short position pays."""
        dollars = position.shares * dividend
        self.cash += dollars
        self.dividends += dollars
        position.the_trade().dividends += dollars

    def hold(self, position: Position, shares: float, price: float, bar: int, reason: int) -> None:
        """Trade the difference to what is held, at the market's price, and pay for it."""
        before = position.shares
        if shares == before:
            return
        if before * shares < 0.0:
            self.hold(position, 0.0, price, bar, reason)
            self.hold(position, shares, price, bar, reason)
            return
        if position.trade is None:
            position.trade = Trade(position.symbol, LONG if shares > 0.0 else SHORT, bar)
        trade = position.trade
        change = shares - before
        value = abs(change) * price
        self.cash -= change * price
        trade.gross -= change * price
        self.traded += value
        self.pay(position, "fee", value * self.costs.fee_bp / 10_000)
        self.pay(position, "spread", value * self.costs.half_spread_bp / 10_000)
        self.pay(position, "slippage", value * self.costs.slippage_bp / 10_000)
        if shares == 0.0:
            for seen in (*position.certain, price):
                position.see(seen)
            self.finish(position, price, bar, reason)
            position.shares = 0.0
            position.certain = []
            return
        if before == 0.0:
            position.entry = price
        elif abs(shares) > abs(before):
            position.entry = (position.entry * abs(before) + price * abs(change)) / abs(shares)
        position.shares = shares
        trade.shares = max(trade.shares, abs(shares))

    def finish(self, position: Position, price: float, bar: int, reason: int) -> None:
        """End the trade of a position."""
        trade = position.the_trade()
        trade.entry_price, trade.exit_price = position.entry, price
        trade.exit_bar, trade.reason = bar, reason
        self.trades.append(trade)
        position.trade = None
        position.entry = position.stop = position.target = position.trail = position.peak = _NAN

    def fill(self, prices: list[float | None], bar: int) -> None:
        """Fill together everything that waits and has a price here, as far as the caps allow."""
        filled: dict[int, float] = {}
        wishes: dict[int, Wish] = {}
        for position, price in zip(self.positions, prices, strict=True):
            if position.wish is not None and price is not None:
                filled[position.symbol] = price
                wishes[position.symbol] = position.wish
                position.wish = None
        if not filled:
            return
        values = []
        for position, price in zip(self.positions, prices, strict=True):
            values.append(position.value() if price is None else position.shares * price)
        equity = self.cash + sum(values)
        if equity <= 0.0:
            return
        shares = self._within_caps(wishes, filled, values, equity)
        for symbol, price in filled.items():
            position, wish = self.positions[symbol], wishes[symbol]
            self.hold(position, shares[symbol], price, bar, ORDER)
            if position.shares * wish.side > 0.0:
                position.stop, position.target = wish.stop * price, wish.target * price
                position.trail, position.peak = wish.trail, price
            if position.shares != 0.0:
                position.certain.append(price)

    def _within_caps(
        self, wishes: dict[int, Wish], filled: dict[int, float], values: list[float], equity: float
    ) -> dict[int, float]:
        """Shares to hold after a fill at the prices `filled`, with `values` of all positions there before it."""
        held = {symbol: self.positions[symbol].shares * price for symbol, price in filled.items()}
        asked = {symbol: wishes[symbol].shares * price for symbol, price in filled.items()}
        rate = (self.costs.fee_bp + self.costs.half_spread_bp + self.costs.slippage_bp) / 10_000
        largest = sum(max(abs(asked[symbol] - held[symbol]), abs(held[symbol])) for symbol in filled)
        left = max(0.0, equity - rate * largest)
        others = {symbol: value for symbol, value in enumerate(values) if symbol not in filled}
        # What every symbol's shares asked for are multiplied by, so that what isn't scaled stays exact.
        factor = dict.fromkeys(filled, 1.0)

        def now(symbol: int) -> float:
            return factor[symbol] * asked[symbol]

        def fit(symbols: list[int], cap: float, rest: float) -> None:
            """Scale the gross of some symbols, beside a rest, into a cap."""
            gross = sum(abs(now(symbol)) for symbol in symbols)
            if gross > 0.0 and gross + rest > cap * left:
                room = cap * left - rest
                scale = room / gross if room > LEAST_ROOM * left else 0.0
                for symbol in symbols:
                    factor[symbol] *= scale

        caps = self.caps
        if math.isfinite(caps.name):
            for symbol in filled:
                fit([symbol], caps.name, 0.0)
        if math.isfinite(caps.sector):
            for sector in sorted({position.sector for position in self.positions}):
                members = [symbol for symbol in filled if self.positions[symbol].sector == sector]
                inside = [abs(value) for symbol, value in others.items() if self.positions[symbol].sector == sector]
                fit(members, caps.sector, sum(inside))
        if math.isfinite(caps.net):
            longs = [symbol for symbol in filled if now(symbol) > 0.0]
            shorts = [symbol for symbol in filled if now(symbol) < 0.0]
            long, short = (sum(abs(now(symbol)) for symbol in side) for side in (longs, shorts))
            rest = sum(others.values())
            # The rest is summed up without the side that is scaled: what must be 0 becomes exactly 0.
            if long - short + rest > 0.0:
                fit(longs, caps.net, rest - short)
            else:
                fit(shorts, caps.net, -rest - long)
        if math.isfinite(caps.gross):
            fit(list(filled), caps.gross, sum(abs(value) for value in others.values()))
        shares = {symbol: factor[symbol] * wishes[symbol].shares for symbol in filled}
        change = sum(abs(now(symbol) - held[symbol]) for symbol in filled)
        if math.isfinite(caps.turnover) and change > caps.turnover * left:
            part = max(0.0, caps.turnover * left / change)
            for symbol in filled:
                before = self.positions[symbol].shares
                shares[symbol] = before + part * (shares[symbol] - before)
        return shares

    def exit(self, position: Position, bar: Bar, number: int) -> None:
        """Step 4. Prices times the side turn a short position into a long one's mirror image."""
        side = math.copysign(1.0, position.shares)
        stop, trailing, target = side * position.stop, side * (position.trail * position.peak), side * position.target
        by_trail = trailing > stop or (math.isnan(stop) and not math.isnan(trailing))
        level, reason = (trailing, TRAILING_STOP) if by_trail else (stop, STOP)
        worst, best = (bar.low, bar.high) if side > 0.0 else (-bar.high, -bar.low)
        # No comparison with NaN holds: a level that isn't there is never reached.
        if side * bar.open <= level:
            self.hold(position, 0.0, bar.open, number, reason)
        elif side * bar.open >= target:
            self.hold(position, 0.0, bar.open, number, TARGET)
        elif worst <= level:
            self.hold(position, 0.0, side * level, number, reason)
        elif best >= target:
            self.hold(position, 0.0, side * target, number, TARGET)
