"""The oracle of the portfolio form: one bar after another, one symbol after another, in the order of PORTFOLIO.md."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.trading.model import COST_KINDS, OPEN, RUIN, SUMMARY, Bars, Costs, Fill, Trades
from kernels.trading.portfolio_model import Caps, PortfolioOrders, PortfolioSimulation
from kernels.trading.portfolio_naive_account import Account, Bar, Trade, Wish

_FIELDS = ("open", "high", "low", "close", "dividend")


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
    walk = _Walk(bars, Account(cash, costs, caps, sector.tolist()), first)
    decided = {int(bar): index for index, bar in enumerate(orders.bar)}
    for bar in range(first, last + 1):
        walk.step(bar, fill)
        if not walk.ruined:
            walk.decide(orders, decided.get(bar), bar, fill)
        walk.note(bar)
    return walk.result(last)


class _Walk:
    """The account over its bars, and what is noted at each."""

    def __init__(self, bars: Bars, account: Account, first: int) -> None:
        self.bars, self.account, self.first = bars, account, first
        self.ruined = False
        self.exposure = 0
        self.start, self.traded = account.cash, 0.0
        self.course: dict[str, list[float]] = {name: [] for name in ("equity", "cash", "gross", "net", "traded")}
        for position in account.positions:
            for bar in range(first + 1):
                there = self._bar(position.symbol, bar)
                if there is not None:
                    position.mark = there.close
        # Equity now: a fill at the close of `first` changes it, but not what is noted there.
        self.mark = account.cash
        self.here: list[Bar | None] = []

    def _bar(self, symbol: int, number: int) -> Bar | None:
        values = [float(getattr(self.bars, name)[symbol, number]) for name in _FIELDS]
        return None if any(math.isnan(value) for value in values) else Bar(*values)

    def step(self, number: int, fill: Fill) -> None:
        """Steps 1 to 7; at bar `first` nothing but the bars themselves."""
        account = self.account
        self.here = here = [self._bar(position.symbol, number) for position in account.positions]
        if number == self.first:
            return
        held = any(position.shares != 0.0 for position in account.positions)
        for position, bar in zip(account.positions, here, strict=True):
            position.certain = []
            if bar is not None and position.shares != 0.0:
                account.night(position)
                account.receive(position, bar.dividend)
                position.certain = [bar.open]
        if fill == "next_open":
            account.fill([None if bar is None else bar.open for bar in here], number)
        self.exposure += held or any(position.shares != 0.0 for position in account.positions)
        for position, bar in zip(account.positions, here, strict=True):
            if bar is not None:
                if position.shares != 0.0:
                    account.exit(position, bar, number)
                if position.shares != 0.0:
                    position.follow(bar)
                position.mark = bar.close
            position.certain = []
        self.mark = account.equity()
        if self.mark <= 0.0 and any(bar is not None for bar in here):
            self.ruined = True
            for position in account.positions:
                position.wish = None
                account.hold(position, 0.0, position.mark, number, RUIN)
            self.mark = account.equity()

    def decide(self, orders: PortfolioOrders, order: int | None, number: int, fill: Fill) -> None:
        """Step 8."""
        account = self.account
        if order is not None:
            for position in account.positions:
                place = (order, position.symbol)
                weight = float(orders.weight[place])
                if not math.isnan(weight):
                    position.wish = None
                    if self.mark > 0.0:
                        position.wish = Wish(
                            side=float(np.sign(weight)),
                            shares=weight * self.mark / position.mark if weight != 0.0 else 0.0,
                            stop=float(orders.stop[place]),
                            target=float(orders.target[place]),
                            trail=float(orders.trail[place]),
                        )
        if fill == "same_close":
            account.fill([None if bar is None else bar.close for bar in self.here], number)
            self.mark = account.equity()

    def note(self, number: int) -> None:
        """What stands at the close of a bar; at bar `first`, what stood before anything was filled."""
        account = self.account
        values = [position.value() for position in account.positions]
        gross, net = sum(abs(value) for value in values), sum(values)
        cash, equity = account.cash, self.mark
        if number == self.first:
            cash = equity = self.start
            gross = net = 0.0
        now = {"equity": equity, "cash": cash, "gross": gross, "net": net, "traded": account.traded - self.traded}
        for name, value in now.items():
            self.course[name].append(value)
        self.traded = account.traded

    def result(self, last: int) -> PortfolioSimulation:
        """The positions that are left count as sold at their last close."""
        account = self.account
        for position in account.positions:
            if position.trade is not None:
                position.trade.gross += position.value()
                account.finish(position, position.mark, last, OPEN)
        course = {name: np.array(values) for name, values in self.course.items()}
        paid = [account.paid[kind] for kind in COST_KINDS]
        return PortfolioSimulation(
            **course,
            costs=np.array(paid),
            dividends=account.dividends,
            exposure=self.exposure,
            shares=np.array([position.shares for position in account.positions]),
            trades=_table(account.trades),
            summary=_summary(account, self.course["equity"]),
            backend="naive",
            reason_of_backend="",
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
        **account.paid,
        "dividends": account.dividends,
        "traded": account.traded,
        "return_sum": sum(returns),
        "return_squares": sum(r * r for r in returns),
        "downside_squares": sum(r * r for r in returns if r < 0.0),
        "max_drawdown": drawdown,
    }
    return np.array([columns[name] for name in SUMMARY])


def _table(trades: list[Trade]) -> Trades:
    """The trades as columns, in the order of symbol, exit bar, leg."""
    trades = sorted(trades, key=lambda trade: (trade.symbol, trade.exit_bar, trade.leg))

    def integers(values: list[int]) -> npt.NDArray[np.int32]:
        return np.array(values, dtype=np.int32)

    def dollars(values: list[float]) -> Float64Array1D:
        return np.array(values, dtype=np.float64)

    return Trades(
        path=integers([trade.symbol for trade in trades]),
        leg=integers([trade.leg for trade in trades]),
        entry_bar=integers([trade.entry_bar for trade in trades]),
        exit_bar=integers([trade.exit_bar for trade in trades]),
        reason=integers([trade.reason for trade in trades]),
        bars=integers([trade.exit_bar - trade.entry_bar for trade in trades]),
        entry_price=dollars([trade.entry_price for trade in trades]),
        exit_price=dollars([trade.exit_price for trade in trades]),
        shares=dollars([trade.shares for trade in trades]),
        gross=dollars([trade.gross for trade in trades]),
        dividends=dollars([trade.dividends for trade in trades]),
        costs=dollars([trade.costs for trade in trades]),
        worst=dollars([trade.worst for trade in trades]),
        best=dollars([trade.best for trade in trades]),
    )
