"""Accounts walked over sessions: a policy decides at closes, `kernels.trading` says what comes of it, and so on.

At each decision the accounts are simulated again from their first bar, with the orders so far. What they hold is read
from there; nothing of a walk is kept but its orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.panel import Int32Array1D
from kernels.policies import naive
from kernels.policies.candidates import candidates, states_of
from kernels.policies.model import HOLD, UNDECIDED, Decision, Policy, PolicyMarket, Rules, Walked
from kernels.samples.windows import gather_windows
from kernels.trading import COST_KINDS, Bars, Orders, Paths, simulate
from kernels.trading.holdings import Holdings, holdings

AVAILABLE = ("naive", "cpu")
"""The backends this kernel is written for."""

_PRICES = ("open", "high", "low", "close")


def walk(
    market: PolicyMarket,
    series: Int32Array1D,
    first: int,
    last: int,
    decisions: Sequence[int],
    policy: Policy,
    rules: Rules,
    *,
    backend: Backend = "auto",
) -> Walked:
    """Let a policy decide over some sessions, for P accounts that don't know of each other.

    An account decides where its window is whole and its equity is above 0; elsewhere it goes on as it is. Its order is
    filled at the next open that is there. What a decision rests on lies at its close or before.

    Args:
        market: S series over T sessions.
        series: int32 [P], the row of each account; several may share one.
        first: the session that accounts begin at, at least lookback - 1.
        last: the session that they end at, after `first`.
        decisions: D sessions, rising, from `first` to before `last`.
        policy: chooses the candidates.
        rules: what accounts begin with, and what trading costs.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Walked`.

    Raises:
        InvalidInputError: sessions outside the market or out of order, an unknown series, a choice that is no
            candidate, or bars that can't be simulated.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    chosen = choose("walk", backend, AVAILABLE)
    _require_walk(market, series, first, last, decisions, rules.lookback)
    if chosen.backend == "naive":
        return naive.walk(market, series, first, last, decisions, policy, rules)
    bars = Bars(*(np.ascontiguousarray(getattr(market.bars, n)[:, first : last + 1]) for n in (*_PRICES, "dividend")))
    begin = _begin_bars(bars)[series]
    whole = _whole_windows(market.windows, rules.lookback, decisions)
    choice = np.full((len(series), len(decisions)), UNDECIDED, dtype=np.int32)
    given = _Given(len(series))
    for place, bar in enumerate(decisions):
        at = bar - first
        ready = np.flatnonzero(whole[series, place] & (begin <= at)).astype(np.int32)
        held = _held(bars, series, begin, ready, at, given, rules)
        solvent = held.equity > 0.0
        ready, held = ready[solvent], _some(held, solvent)
        if len(ready) == 0:
            continue
        states = states_of(held, bars.close[series[ready], at], rules.lookback)
        actions = candidates(states, rules.grid, rules.max_leverage)
        ends = np.full(len(ready), bar, dtype=np.int32)
        windows = gather_windows(market.windows, series[ready], ends, rules.lookback)
        picked = policy.choose(Decision(ready, int(market.days[bar]), windows, states, actions))
        _require_choice(picked, len(ready), actions.shape[1])
        choice[ready, place] = picked
        given.add(ready, at, picked, states, actions)
    return _played(bars, series, begin, given.orders(), rules, choice)


def buy_and_hold(
    market: PolicyMarket, series: Int32Array1D, first: int, last: int, rules: Rules, *, share: float = 1.0
) -> Walked:
    """Put `share` of the equity into each account's series at its first bar, and keep it; same costs as `walk`.

    Args and errors as for `walk`; `choice` has no columns. With a share of 0 nothing is ever traded.
    """
    _require_walk(market, series, first, last, (), rules.lookback)
    bars = Bars(*(np.ascontiguousarray(getattr(market.bars, n)[:, first : last + 1]) for n in (*_PRICES, "dividend")))
    begin = _begin_bars(bars)[series]
    account = np.flatnonzero(begin < last - first).astype(np.int32) if share > 0.0 else np.empty(0, dtype=np.int32)
    orders = Orders.of_weights(account, begin[account], np.tile([share, np.nan], (len(account), 1)))
    return _played(bars, series, begin, orders, rules, np.empty((len(series), 0), dtype=np.int32))


class _Given:
    """The orders given so far, by decision."""

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts
        self._parts: list[tuple[npt.NDArray[Any], ...]] = []

    def add(
        self,
        account: Int32Array1D,
        bar: int,
        picked: Int32Array1D,
        states: npt.NDArray[np.float32],
        actions: npt.NDArray[np.float32],
    ) -> None:
        """The orders of one decision; a hold is none. The weights are those that the labels of samples have."""
        ordered = np.flatnonzero(picked != HOLD)
        action = actions[ordered, picked[ordered]].astype(np.float64)
        weight = action[:, 1:3] / states[ordered, 0].astype(np.float64)[:, None]
        self._parts.append((account[ordered], np.full(len(ordered), bar), weight, action[:, 3::2], action[:, 4::2]))

    def orders(self) -> Orders:
        """All of them, by account and then bar."""
        if not self._parts:
            return Orders.of_weights([], [], np.empty((0, 2)))
        account, bar, weight, stop, target = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.lexsort((bar, account))
        return Orders.of_weights(account[order], bar[order], weight[order], stop=stop[order], target=target[order])


def _held(
    bars: Bars,
    series: Int32Array1D,
    begin: Int32Array1D,
    ready: Int32Array1D,
    at: int,
    given: _Given,
    rules: Rules,
) -> Holdings:
    """What the accounts `ready` hold at bar `at`; one that begins there holds its money."""
    count = len(ready)
    none = np.full((count, 2), np.nan)
    held = Holdings(
        equity=np.full(count, rules.cash),
        cash=np.full(count, rules.cash),
        shares=np.zeros((count, 2)),
        age=np.zeros((count, 2), dtype=np.int32),
        **{name: none.copy() for name in ("entry", "stop", "target", "trail", "peak")},
    )
    older = np.flatnonzero(begin[ready] < at)
    if len(older) == 0:
        return held
    account = ready[older]
    orders = given.orders()
    number = np.full(len(series), -1, dtype=np.int32)
    number[account] = np.arange(len(account), dtype=np.int32)
    mine = number[orders.path] >= 0
    found = holdings(
        bars,
        Paths.flat(series[account], begin[account], at, rules.cash),
        Orders(number[orders.path[mine]], *(getattr(orders, name)[mine] for name in _ORDER_FIELDS)),
        fill="next_open",
        costs=rules.costs,
        max_leverage=rules.max_leverage,
        backend="cpu",
    )
    for name in vars(held):
        getattr(held, name)[older] = getattr(found, name)
    return held


_ORDER_FIELDS = ("bar", "weight", "stop", "target", "trail", "limit")


def _some(held: Holdings, chosen: npt.NDArray[np.bool_]) -> Holdings:
    return Holdings(**{name: values[chosen] for name, values in vars(held).items()})


def _played(
    bars: Bars,
    series: Int32Array1D,
    begin: Int32Array1D,
    orders: Orders,
    rules: Rules,
    choice: npt.NDArray[np.int32],
) -> Walked:
    """The accounts simulated to the end with all orders."""
    last = bars.close.shape[1] - 1
    equity = np.full((len(series), last + 1), rules.cash)
    traded, paid = np.zeros(len(series)), np.zeros(len(series))
    exposure = np.zeros(len(series), dtype=np.int32)
    alive = np.flatnonzero(begin < last)
    if len(alive):
        number = np.full(len(series), -1, dtype=np.int32)
        number[alive] = np.arange(len(alive), dtype=np.int32)
        run = simulate(
            bars,
            Paths.flat(series[alive], begin[alive], last, rules.cash),
            Orders(number[orders.path], *(getattr(orders, name) for name in _ORDER_FIELDS)),
            fill="next_open",
            costs=rules.costs,
            max_leverage=rules.max_leverage,
            record=True,
            backend="cpu",
        )
        bar = np.arange(last + 1)
        late = np.asarray(run.equity)[np.arange(len(alive))[:, None], np.maximum(bar - begin[alive][:, None], 0)]
        equity[alive] = late
        traded[alive], exposure[alive] = run.column("traded"), run.exposure
        for kind in COST_KINDS:
            paid[alive] += run.column(kind)
    return Walked(equity, choice, traded, paid, exposure)


def _begin_bars(bars: Bars) -> Int32Array1D:
    """The first bar of each series that is there, int32 [S]; the number of bars where there is none."""
    there = ~np.isnan(bars.open + bars.high + bars.low + bars.close)
    begin: Int32Array1D = np.where(there.any(axis=1), there.argmax(axis=1), there.shape[1]).astype(np.int32)
    return begin


def _whole_windows(windows: npt.NDArray[np.float32], lookback: int, decisions: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Whether the window that ends at each decision has no hole, bool [S, D]."""
    whole = np.empty((len(windows), len(decisions)), dtype=np.bool_)
    for place, bar in enumerate(decisions):
        whole[:, place] = ~np.isnan(windows[:, bar - lookback + 1 : bar + 1]).any(axis=(1, 2))
    return whole


def _require_walk(
    market: PolicyMarket, series: Int32Array1D, first: int, last: int, decisions: Sequence[int], lookback: int
) -> None:
    symbols, sessions = market.bars.close.shape
    if not lookback - 1 <= first < last < sessions:
        raise InvalidInputError(
            "walk, first and last",
            expected=f"{lookback - 1} <= first < last < {sessions}: a window before, and a session after",
            got=f"first {first}, last {last}",
            mend="walk over sessions that the market has, with a whole window before the first",
        )
    if any(not first <= bar < last for bar in decisions) or list(decisions) != sorted(set(decisions)):
        raise InvalidInputError(
            "walk, decisions",
            expected=f"rising sessions from {first} to {last - 1}",
            got=repr(list(decisions)),
            mend="use kernels.policies.decision_bars",
        )
    if series.dtype != np.int32 or series.ndim != 1 or ((series < 0) | (series >= symbols)).any():
        raise InvalidInputError(
            "walk, series",
            expected=f"int32 [P], rows 0 to {symbols - 1} of the market",
            got=f"{series.dtype} of shape {series.shape}",
            mend="pass np.arange(symbols, dtype=np.int32)",
        )


def _require_choice(picked: Int32Array1D, count: int, width: int) -> None:
    if picked.shape != (count,) or ((picked < 0) | (picked >= width)).any():
        raise InvalidInputError(
            "choice of a policy",
            expected=f"int32 [{count}], candidates 0 to {width - 1}",
            got=f"{picked.dtype} of shape {picked.shape}",
            mend="correct the policy",
        )
