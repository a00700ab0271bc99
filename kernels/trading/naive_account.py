"""The oracle's account: two legs, the cash, and what fills, nights, dividends and exits do to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kernels.trading.model import (
    COST_KINDS,
    LEAST_FACTOR,
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

_NAN = math.nan


@dataclass
class Bar:
    """One bar that is there."""

    number: int
    open: float
    high: float
    low: float
    close: float
    dividend: float


@dataclass
class Trade:
    """A leg from flat to flat; the columns of `Trades`."""

    leg: int
    entry_bar: int
    worst: float = 0.0
    best: float = 0.0
    shares: float = 0.0
    bought: float = 0.0
    sold: float = 0.0
    dividends: float = 0.0
    costs: float = 0.0
    entry_price: float = _NAN
    exit_price: float = _NAN
    exit_bar: int = -1
    reason: int = NONE


@dataclass
class Leg:
    """One leg: what is held, its levels, and its trade. `sign` is 1 for the long leg and -1 for the short leg."""

    number: int
    sign: float
    shares: float = 0.0
    entry: float = _NAN
    stop: float = _NAN
    target: float = _NAN
    trail: float = _NAN
    peak: float = _NAN
    trade: Trade | None = None
    reason: int = NONE
    exit_bar: int = -1
    held: int = 0
    # The bar that is being worked on: was the leg held in it, was it from the open on, at which prices for certain.
    held_now: bool = False
    held_from_open: bool = False
    inside: bool = False
    certain: list[float] = field(default_factory=list)

    def see(self, price: float) -> None:
        """Count a price for the excursions, relative to the average entry price."""
        assert self.trade is not None  # noqa: S101 - a leg that is held has a trade
        excursion = self.sign * (price / self.entry - 1.0)
        self.trade.worst = min(self.trade.worst, excursion)
        self.trade.best = max(self.trade.best, excursion)


@dataclass
class Decision:
    """An order with its shares asked for; None = leave the leg. Levels and limits as in `Orders`, long and short."""

    shares: tuple[float | None, float | None]
    stop: tuple[float, float]
    target: tuple[float, float]
    trail: tuple[float, float]
    limit: tuple[float, float]


class Account:
    """Cash and two legs, worked on bar by bar."""

    def __init__(self, cash: float, costs: Costs, max_leverage: float) -> None:
        self.cash = cash
        self.costs = costs
        self.max_leverage = max_leverage
        self.legs = [Leg(LONG, 1.0), Leg(SHORT, -1.0)]
        self.paid = dict.fromkeys(COST_KINDS, 0.0)
        self.dividends = 0.0
        self.traded = 0.0
        self.trades: list[Trade] = []

    def equity(self, price: float) -> float:
        """Cash + long value - short value."""
        return self.cash + (self.legs[LONG].shares - self.legs[SHORT].shares) * price

    def pay(self, leg: Leg, kind: str, dollars: float) -> None:
        """Pay a cost for a leg."""
        self.cash -= dollars
        self.paid[kind] += dollars
        assert leg.trade is not None  # noqa: S101 - only a leg that is held costs
        leg.trade.costs += dollars

    def night(self, last_close: float) -> None:
        """Step 1."""
        for leg in self.legs:
            if leg.shares > 0.0:
                value = leg.shares * last_close
                self.pay(leg, "overnight", value * self.costs.overnight_bp / 10_000)
                if leg.number == SHORT:
                    self.pay(leg, "borrow", value * self.costs.borrow_bp_per_year / 10_000 / SESSIONS_PER_YEAR)

    def dividend(self, dollars: float) -> None:
        """Step 2."""
        for leg in self.legs:
            if leg.trade is not None:
                received = leg.sign * leg.shares * dollars
                self.cash += received
                self.dividends += received
                leg.trade.dividends += received

    def hold(self, leg: Leg, shares: float, price: float, bar: int, reason: int) -> None:
        """Trade the difference to what is held, at the market's price, and pay for it."""
        change = shares - leg.shares
        if change == 0.0:
            return
        value = abs(change) * price
        if leg.trade is None:
            leg.trade = Trade(leg.number, bar)
        buys = (change > 0.0) == (leg.number == LONG)
        if buys:
            self.cash -= value
            leg.trade.bought += value
        else:
            self.cash += value
            leg.trade.sold += value
        self.traded += value
        self.pay(leg, "fee", value * self.costs.fee_bp / 10_000)
        self.pay(leg, "spread", value * self.costs.half_spread_bp / 10_000)
        self.pay(leg, "slippage", value * self.costs.slippage_bp / 10_000)
        if leg.shares == 0.0:
            leg.entry = price
        elif change > 0.0:
            leg.entry = (leg.entry * leg.shares + price * change) / shares
        leg.shares = shares
        leg.trade.shares = max(leg.trade.shares, shares)
        if shares == 0.0:
            self.finish(leg, price, bar, reason)

    def finish(self, leg: Leg, price: float, bar: int, reason: int) -> None:
        """End the trade of a leg that has become flat."""
        for seen in (*leg.certain, price):
            leg.see(seen)
        assert leg.trade is not None  # noqa: S101 - it was held until now
        leg.trade.entry_price, leg.trade.exit_price = leg.entry, price
        leg.trade.exit_bar, leg.trade.reason = bar, reason
        self.trades.append(leg.trade)
        leg.trade = None
        leg.reason, leg.exit_bar = reason, bar
        leg.entry = leg.stop = leg.target = leg.trail = leg.peak = _NAN

    def fill(self, decision: Decision, price: float, bar: int, ordered: list[Leg]) -> bool:
        """Fill an order for some legs at one price, as far as leverage allows; False if it is dropped."""
        equity = self.equity(price)
        if equity <= 0.0:
            return False
        asked = [decision.shares[leg.number] or 0.0 for leg in ordered]
        rate = (self.costs.fee_bp + self.costs.half_spread_bp + self.costs.slippage_bp) / 10_000
        gross = price * sum(asked)
        rest = price * sum(leg.shares for leg in self.legs if leg not in ordered)
        cost = rate * price * sum(abs(q - leg.shares) for q, leg in zip(asked, ordered, strict=True))
        factor = 1.0
        if gross > 0.0 and not gross + rest <= self.max_leverage * (equity - cost):
            largest = sum(max(abs(q - leg.shares), leg.shares) for q, leg in zip(asked, ordered, strict=True))
            room = self.max_leverage * (equity - rate * price * largest) - rest
            factor = min(1.0, room / gross) if room / gross > LEAST_FACTOR else 0.0
        for q, leg in zip(asked, ordered, strict=True):
            self.hold(leg, factor * q, price, bar, ORDER)
            if leg.shares > 0.0:
                leg.stop = decision.stop[leg.number] * price
                leg.target = decision.target[leg.number] * price
                leg.trail = decision.trail[leg.number]
                leg.peak = price
        return True

    def exit(self, leg: Leg, bar: Bar) -> None:
        """Step 4 for one leg. Prices times the leg's sign turn the short leg into the long leg's mirror image."""
        if leg.shares == 0.0:
            return
        sign = leg.sign
        stop, trailing, target = sign * leg.stop, sign * (leg.trail * leg.peak), sign * leg.target
        by_trail = trailing > stop or (math.isnan(stop) and not math.isnan(trailing))
        level, reason = (trailing, TRAILING_STOP) if by_trail else (stop, STOP)
        worst, best = (bar.low, bar.high) if leg.number == LONG else (-bar.high, -bar.low)
        # No comparison with NaN holds: a level that isn't there is never reached.
        if not leg.inside and sign * bar.open <= level:
            self.hold(leg, 0.0, bar.open, bar.number, reason)
        elif not leg.inside and sign * bar.open >= target:
            self.hold(leg, 0.0, bar.open, bar.number, TARGET)
        elif worst <= level:
            self.hold(leg, 0.0, sign * level, bar.number, reason)
        elif not leg.inside and best >= target:
            self.hold(leg, 0.0, sign * target, bar.number, TARGET)
