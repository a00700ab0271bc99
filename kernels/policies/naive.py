"""The oracle of a walk: one account, one session after another, in plain Python, deciding from the live account.

Nothing is simulated twice here; that the fast version does so must not be seen in what it gives.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from kernels.market.naive import philox4x32
from kernels.panel import Int32Array1D
from kernels.policies.model import (
    ACTION_COLUMNS,
    STATE_COLUMNS,
    UNDECIDED,
    CandidateGrid,
    Decision,
    Policy,
    PolicyMarket,
    Rules,
    Walked,
)
from kernels.samples.model import CAP_MARGIN
from kernels.trading.model import COST_KINDS, Orders, Paths
from kernels.trading.naive import Walk

LEGS = ("long", "short")


def walk(
    market: PolicyMarket,
    series: Int32Array1D,
    first: int,
    last: int,
    decisions: Sequence[int],
    policy: Policy,
    rules: Rules,
) -> Walked:
    """Same as `kernels.policies.walk`, without its checks."""
    equity = np.full((len(series), last - first + 1), rules.cash)
    choice = np.full((len(series), len(decisions)), UNDECIDED, dtype=np.int32)
    traded, paid = np.zeros(len(series)), np.zeros(len(series))
    exposure = np.zeros(len(series), dtype=np.int32)
    for account, row in enumerate(series.tolist()):
        prices = [getattr(market.bars, name)[row] for name in ("open", "high", "low", "close")]
        begin = next((b for b in range(first, last) if not any(math.isnan(price[b]) for price in prices)), None)
        if begin is None:
            continue
        path = Paths.flat(row, begin, last, rules.cash)
        steps = Walk(market.bars, path, 0, rules.costs, rules.max_leverage)
        for bar in range(begin, last + 1):
            here = steps._bar(bar)
            if bar > begin:
                steps._count_held(before=True)
                if here is not None:
                    steps._step(here, "next_open")
                steps._count_held(before=False)
            equity[account, bar - first] = steps.mark
            if bar in decisions and steps.mark > 0.0 and _is_whole(market, row, bar, rules.lookback):
                place = list(decisions).index(bar)
                order = _decide(market, account, row, bar, steps, policy, rules, choice, place)
                if order is not None:
                    steps._decide(order, 0, here, "next_open")
        equity[account, : begin - first] = rules.cash
        traded[account], exposure[account] = steps.account.traded, steps.exposure
        paid[account] = sum(steps.account.paid[kind] for kind in COST_KINDS)
    return Walked(equity, choice, traded, paid, exposure)


def _decide(
    market: PolicyMarket,
    account: int,
    row: int,
    bar: int,
    steps: Walk,
    policy: Policy,
    rules: Rules,
    choice: np.ndarray[tuple[int, int], np.dtype[np.int32]],
    place: int,
) -> Orders | None:
    """The order of one decision, None for a hold; notes the choice."""
    window = market.windows[row, bar - rules.lookback + 1 : bar + 1].copy()
    window[:, :4] /= window[-1, 3]
    window[:, 4] -= window[-1, 4]
    state = state_of(steps, bar, rules.lookback)
    actions = candidates_of(state, rules.grid, rules.max_leverage)
    decision = Decision(
        np.array([account], dtype=np.int32),
        int(market.days[bar]),
        window[None],
        np.array([[state[name] for name in STATE_COLUMNS]], dtype=np.float32),
        np.array([[[action[name] for name in ACTION_COLUMNS] for action in actions]], dtype=np.float32),
    )
    picked = int(policy.choose(decision)[0])
    choice[account, place] = picked
    action = actions[picked]
    if action["action_hold"]:
        return None
    weight, stop, target = (
        [[float(np.float32(action[f"action_{leg}_{name}"])) for leg in LEGS]] for name in ("value", "stop", "target")
    )
    return Orders.of_weights([0], [bar], np.array(weight) / state["state_equity"], stop=stop, target=target)


def _is_whole(market: PolicyMarket, row: int, bar: int, lookback: int) -> bool:
    window = market.windows[row, bar - lookback + 1 : bar + 1]
    return not any(math.isnan(value) for value in window.ravel().tolist())


def state_of(steps: Walk, bar: int, lookback: int) -> dict[str, float]:
    """The state columns of a live account."""
    close = steps.last_close
    equity = float(np.float32(steps.mark))
    state = {"state_equity": equity}
    for leg, held in zip(LEGS, steps.account.legs, strict=True):
        value = float(np.float32(held.shares * close))
        entry, age, profit, stop, target = math.nan, 0, 0.0, math.nan, math.nan
        if held.trade is not None:
            entry = float(np.float32(held.entry / close))
            age = min(max(bar - held.trade.entry_bar, 1), lookback - 1)
            profit = value * (1 - entry if leg == "long" else entry - 1)
            stop, target = held.stop / close, held.target / close
        state |= {
            f"state_{leg}_value": value,
            f"state_{leg}_entry": entry,
            f"state_{leg}_age": age,
            f"state_{leg}_profit": profit,
            f"state_{leg}_stop": stop,
            f"state_{leg}_target": target,
        }
    long, short = state["state_long_value"], state["state_short_value"]
    return state | {"state_cash": equity - long + short, "state_leverage": (long + short) / equity}


def candidates_of(state: dict[str, float], grid: CandidateGrid, max_leverage: float) -> list[dict[str, float]]:
    """The action columns of each candidate."""
    hold = {name: state.get(name.replace("action", "state"), 1.0) for name in ACTION_COLUMNS}
    flat = {name: 0.0 if name == "action_hold" or name.endswith("_value") else math.nan for name in ACTION_COLUMNS}
    found = [hold, flat]
    for leg in grid.legs:
        for share in grid.shares:
            for stop in grid.stops:
                for target in grid.targets:
                    up = 1 if leg == "long" else -1
                    found.append(
                        flat
                        | {
                            f"action_{leg}_value": min(share, max_leverage * CAP_MARGIN) * state["state_equity"],
                            f"action_{leg}_stop": 1 - up * stop,
                            f"action_{leg}_target": 1 + up * target,
                        }
                    )
    return found


def criterion(curve: Sequence[float], levels: Sequence[float], risk_aversion: float) -> float:
    """The mean of one candidate's quantiles, less the aversion times their deviation."""
    edges = [0.0, *((low + high) / 2 for low, high in pairwise(levels)), 1.0]
    weights = [high - low for low, high in pairwise(edges)]
    mean = sum(weight * quantile for weight, quantile in zip(weights, curve, strict=True))
    variance = sum(weight * (quantile - mean) ** 2 for weight, quantile in zip(weights, curve, strict=True))
    return mean - risk_aversion * math.sqrt(variance)


def random_choice(seed: int, symbol: str, day: int, offset: int, width: int) -> int:
    """The candidate that the random policy takes."""
    identity = int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "little")
    words = philox4x32((identity % 2**32, identity >> 32, day, offset), (seed % 2**32, seed >> 32))
    return words[0] * width // 2**32
