"""The oracle: one path after another, one bar after another, in the order of the README."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D
from kernels.trading.model import (
    COST_KINDS,
    OPEN,
    RUIN,
    SUMMARY,
    Bars,
    Costs,
    Fill,
    Orders,
    Paths,
    Simulation,
    Trades,
)
from kernels.trading.naive_account import Account, Bar, Decision, Leg, Trade


def simulate(
    bars: Bars, paths: Paths, orders: Orders, fill: Fill, costs: Costs, max_leverage: float, record: bool
) -> Simulation:
    """Same as `kernels.trading.simulate`, without its checks."""
    count = len(paths.series)
    decided: list[dict[int, int]] = [{} for _ in range(count)]
    for index, (path, bar) in enumerate(zip(orders.path.tolist(), orders.bar.tolist(), strict=True)):
        decided[path][bar] = index
    length = max((paths.last - paths.first + 1).tolist(), default=0)
    summary = np.zeros((count, len(SUMMARY)))
    exposure = np.zeros(count, dtype=np.int32)
    reason, exit_bar, held = (np.zeros((count, 2), dtype=np.int32) for _ in range(3))
    equity = np.full((count, length), np.nan)
    rows: list[tuple[int, Trade]] = []
    for index in range(count):
        walk = Walk(bars, paths, index, costs, max_leverage)
        walk.run(orders, decided[index], fill)
        account = walk.account
        summary[index] = _summary(account, walk.equity)
        exposure[index] = walk.exposure
        for leg in account.legs:
            reason[index, leg.number] = leg.reason
            exit_bar[index, leg.number] = leg.exit_bar
            held[index, leg.number] = leg.held
        equity[index, : len(walk.equity)] = walk.equity
        # The sort is stable: two trades of a leg that end on one bar stay in the order of time.
        rows += [(index, trade) for trade in sorted(account.trades, key=lambda trade: (trade.exit_bar, trade.leg))]
    return Simulation(
        summary=summary,
        exposure=exposure,
        reason=reason,
        exit_bar=exit_bar,
        held=held,
        equity=equity if record else None,
        trades=_table(rows) if record else None,
        backend="naive",
        reason_of_backend="",
    )


class Walk:
    """One path."""

    def __init__(self, bars: Bars, paths: Paths, index: int, costs: Costs, max_leverage: float) -> None:
        self.bars = bars
        self.series = int(paths.series[index])
        self.first, self.last = int(paths.first[index]), int(paths.last[index])
        self.account = Account(float(paths.cash[index]), costs, max_leverage)
        self.last_close = float(bars.close[self.series, self.first])
        for leg in self.account.legs:
            place = (index, leg.number)
            leg.shares = float(paths.shares[place])
            if leg.shares > 0.0:
                self._bring_in(leg, paths, place)
        self.equity = [self.account.equity(self.last_close)]
        # Equity now: a fill at the close of `first` changes it, but not the mark that the path begins with.
        self.mark = self.equity[0]
        self.waiting: Decision | None = None
        self.ruined = False
        self.exposure = 0

    def _bring_in(self, leg: Leg, paths: Paths, place: tuple[int, int]) -> None:
        leg.entry = float(paths.entry[place])
        leg.stop, leg.target = float(paths.stop[place]), float(paths.target[place])
        leg.trail, leg.peak = float(paths.trail[place]), float(paths.peak[place])
        excursion = leg.sign * (self.last_close / leg.entry - 1.0)
        leg.trade = Trade(leg.number, self.first - int(paths.age[place]), excursion, excursion, leg.shares)
        value = leg.shares * self.last_close
        if leg.sign > 0.0:
            leg.trade.bought = value
        else:
            leg.trade.sold = value

    def run(self, orders: Orders, decided: dict[int, int], fill: Fill) -> None:
        """Walk from `first` to `last`, and close the books."""
        for number in range(self.first, self.last + 1):
            bar = self._bar(number)
            if number > self.first:
                self._count_held(before=True)
                if bar is not None:
                    self._step(bar, fill)
                self._count_held(before=False)
            if not self.ruined:
                self._decide(orders, decided.get(number), bar, fill)
            if number > self.first:
                self.equity.append(self.mark)
        for leg in self.account.legs:
            if leg.trade is not None:
                leg.trade.entry_price, leg.trade.exit_price = leg.entry, self.last_close
                leg.trade.exit_bar, leg.trade.reason = self.last, OPEN
                value = leg.shares * self.last_close
                if leg.sign > 0.0:
                    leg.trade.sold += value
                else:
                    leg.trade.bought += value
                leg.reason, leg.exit_bar = OPEN, -1
                self.account.trades.append(leg.trade)

    def _bar(self, number: int) -> Bar | None:
        place = (self.series, number)
        names = ("open", "high", "low", "close", "dividend")
        values = {name: float(getattr(self.bars, name)[place]) for name in names}
        if any(math.isnan(value) for value in values.values()):
            return None
        return Bar(number, **values)

    def _count_held(self, *, before: bool) -> None:
        """Note which legs are held at the start of a bar, and at its end count those that were held in it."""
        for leg in self.account.legs:
            if before:
                leg.held_now = leg.held_from_open = leg.shares > 0.0
                leg.inside = False
                leg.certain = []
            else:
                leg.held += leg.held_now
        if not before:
            self.exposure += any(leg.held_now for leg in self.account.legs)

    def _step(self, bar: Bar, fill: Fill) -> None:
        """Steps 1 to 7."""
        account = self.account
        account.night(self.last_close)
        account.dividend(bar.dividend)
        for leg in account.legs:
            if leg.shares > 0.0:
                leg.certain.append(bar.open)
        reducing: list[tuple[Decision, Leg, float]] = []
        if self.waiting is not None and fill == "next_open":
            ordered = [leg for leg in account.legs if self.waiting.shares[leg.number] is not None]
            self._fill_in_bar(self.waiting, bar.open, bar, ordered)
            self.waiting = None
        elif self.waiting is not None and fill == "limit":
            reducing = self._fill_limits(self.waiting, bar)
            self.waiting = None
        for leg in account.legs:
            account.exit(leg, bar)
        for decision, leg, price in reducing:
            if leg.shares > 0.0:
                leg.inside = account.fill(decision, price, bar.number, [leg])
        for leg in account.legs:
            self._see_bar(leg, bar)
        self.last_close = bar.close
        self.mark = account.equity(bar.close)
        if self.mark <= 0.0:
            self.ruined = True
            for leg in account.legs:
                account.hold(leg, 0.0, bar.close, bar.number, RUIN)
            self.mark = account.equity(bar.close)

    def _fill_in_bar(self, decision: Decision, price: float, bar: Bar, ordered: list[Leg]) -> None:
        """Step 3 at one price."""
        if not self.account.fill(decision, price, bar.number, ordered):
            return
        for leg in ordered:
            if leg.shares > 0.0:
                leg.held_now = True
                leg.held_from_open = leg.held_from_open or price == bar.open
                leg.inside = price != bar.open
                leg.certain.append(price)

    def _fill_limits(self, decision: Decision, bar: Bar) -> list[tuple[Decision, Leg, float]]:
        """Step 3 with limits; returns what reduces inside the bar, with its price, for after step 4."""
        reducing = []
        for leg in self.account.legs:
            asked, limit = decision.shares[leg.number], decision.limit[leg.number]
            if asked is None or asked == leg.shares:
                continue
            adds = asked > leg.shares
            buys = adds == (leg.sign > 0.0)
            if not (bar.low <= limit if buys else bar.high >= limit):
                continue
            price = min(bar.open, limit) if buys else max(bar.open, limit)
            if adds or price == bar.open:
                self._fill_in_bar(decision, price, bar, [leg])
            else:
                reducing.append((decision, leg, price))
        return reducing

    def _see_bar(self, leg: Leg, bar: Bar) -> None:
        """Step 5, and the excursions of a leg that is held at the close."""
        if leg.trade is None:
            return
        if not leg.inside:
            extreme = max if leg.sign > 0.0 else min
            leg.peak = extreme(leg.peak, bar.high if leg.sign > 0.0 else bar.low)
        for price in (bar.low, bar.high) if leg.held_from_open else leg.certain:
            leg.see(price)
        # What happens at the close comes after the whole bar has been counted.
        leg.certain = []

    def _decide(self, orders: Orders, order: int | None, bar: Bar | None, fill: Fill) -> None:
        """Step 8."""
        if order is not None:
            self.waiting = None
            if self.mark > 0.0:
                self.waiting = _decision(orders, order, self.mark, self.last_close)
        if fill == "same_close" and bar is not None and self.waiting is not None:
            ordered = [leg for leg in self.account.legs if self.waiting.shares[leg.number] is not None]
            self.account.fill(self.waiting, bar.close, bar.number, ordered)
            self.waiting = None
            self.mark = self.account.equity(bar.close)


def _decision(orders: Orders, order: int, equity: float, close: float) -> Decision:
    def both(values: npt.NDArray[np.float64]) -> tuple[float, float]:
        return float(values[order, 0]), float(values[order, 1])

    def asked(weight: float) -> float | None:
        return None if math.isnan(weight) else weight * equity / close

    long_weight, short_weight = both(orders.weight)
    return Decision(
        shares=(asked(long_weight), asked(short_weight)),
        stop=both(orders.stop),
        target=both(orders.target),
        trail=both(orders.trail),
        limit=both(orders.limit),
    )


def _summary(account: Account, equity: list[float]) -> Float64Array1D:
    """The columns of `SUMMARY`."""
    returns = [now / before - 1.0 if before > 0.0 else 0.0 for before, now in pairwise(equity)]
    highest, drawdown = equity[0], 0.0
    for value in equity:
        highest = max(highest, value)
        drawdown = max(drawdown, (highest - value) / highest)
    columns = {
        "first_equity": equity[0],
        "last_equity": equity[-1],
        "last_cash": account.cash,
        **{kind: account.paid[kind] for kind in COST_KINDS},
        "dividends": account.dividends,
        "traded": account.traded,
        "return_sum": sum(returns),
        "return_squares": sum(r * r for r in returns),
        "downside_squares": sum(r * r for r in returns if r < 0.0),
        "max_drawdown": drawdown,
    }
    return np.array([columns[name] for name in SUMMARY])


def _table(rows: list[tuple[int, Trade]]) -> Trades:
    """The trades of all paths as columns."""

    def integers(values: list[int]) -> npt.NDArray[np.int32]:
        return np.array(values, dtype=np.int32)

    def dollars(values: list[float]) -> Float64Array1D:
        return np.array(values, dtype=np.float64)

    trades = [trade for _, trade in rows]
    return Trades(
        path=integers([path for path, _ in rows]),
        leg=integers([trade.leg for trade in trades]),
        entry_bar=integers([trade.entry_bar for trade in trades]),
        exit_bar=integers([trade.exit_bar for trade in trades]),
        reason=integers([trade.reason for trade in trades]),
        bars=integers([trade.exit_bar - trade.entry_bar for trade in trades]),
        entry_price=dollars([trade.entry_price for trade in trades]),
        exit_price=dollars([trade.exit_price for trade in trades]),
        shares=dollars([trade.shares for trade in trades]),
        gross=dollars([trade.sold - trade.bought for trade in trades]),
        dividends=dollars([trade.dividends for trade in trades]),
        costs=dollars([trade.costs for trade in trades]),
        worst=dollars([trade.worst for trade in trades]),
        best=dollars([trade.best for trade in trades]),
    )
