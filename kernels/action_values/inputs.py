"""What the network is told of a window, an account's state and an action, free of any scale, and the analytic anchor.

Everything is float64 and torch, and comes from the row itself: no mean or deviation of a dataset, and no bar after the
decision. The formulas are in the README; `naive.py` is their oracle.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from kernels.action_values.config import Terms

if TYPE_CHECKING:
    import torch

STATE_COLUMNS, ACTION_COLUMNS, CHANNEL_COUNT = 15, 7, 5
"""Widths of the raw columns of `kernels.samples`, and of a window's bars."""

LEAST_VOLATILITY = 1e-4
"""A window that moves less a session counts as moving this much."""

LEAST_SCALE = 1e-3
"""Added to the anchor's scale in squares: 10 basis points of the equity, so that an account without a leg has one."""

LEAST_DISTANCE, NO_LEVEL = 1e-3, 8.0
"""Log distances of stops and targets from the price: the least, and that of a level that isn't there."""

SMALL_ACTIVITY = 0.05
"""Added to relative variances before their logarithm: a still bar has no logarithm."""

VOLATILITY_UNIT = -4.0
"""ln of a session's volatility is counted from here, 1.8 %."""

PATCH_FEATURES = {"volatility": 0, "activity": 1, "full": 5}
FURTHER_WINDOW_FEATURES = 2
"""Features of a window: for each patch, by what the network is told, and of the whole."""


class WindowInputs(NamedTuple):
    """Of B windows: `features` [B, F] for the encoder, and `volatility` and `gap` [B], deviations a session.

    `volatility` is the root mean square of the log returns of close, `gap` that of open over the close before.
    """

    features: torch.Tensor
    volatility: torch.Tensor
    gap: torch.Tensor


class PairInputs(NamedTuple):
    """Of P pairs of state and action: `features` [P, G], and the anchor's `location` and `scale` [P], in log return."""

    features: torch.Tensor
    location: torch.Tensor
    scale: torch.Tensor


class _Leg(NamedTuple):
    """One leg after the action: weight, log distances down and up, and what the first passage makes of them."""

    weight: torch.Tensor
    down: torch.Tensor
    up: torch.Tensor
    variance: torch.Tensor
    exit_share: torch.Tensor


def patch_sizes(lookback: int) -> tuple[int, ...]:
    """How many returns each patch of a window has, the newest first: 1, 2, 4, 8 .. and the rest."""
    sizes: list[int] = []
    left = lookback - 1
    while left > 0:
        sizes.append(min(2 ** len(sizes), left))
        left -= sizes[-1]
    return tuple(sizes)


def window_feature_count(lookback: int, kind: str) -> int:
    """F of `window_inputs`."""
    return PATCH_FEATURES[kind] * len(patch_sizes(lookback)) + FURTHER_WINDOW_FEATURES


PAIR_FEATURES = (
    "state_long_weight",
    "state_short_weight",
    "state_has_long",
    "state_has_short",
    "state_long_entry",
    "state_short_entry",
    "state_long_age",
    "state_short_age",
    "state_long_profit",
    "state_short_profit",
    "hold",
    "long_weight",
    "short_weight",
    "has_long",
    "has_short",
    "net",
    "gross",
    "long_down",
    "long_up",
    "short_down",
    "short_up",
    "long_exit_share",
    "short_exit_share",
    "long_balance",
    "short_balance",
    "long_stop_loss",
    "long_target_gain",
    "short_target_gain",
    "short_stop_loss",
    "long_part",
    "short_part",
    "gap_part",
    "turnover",
    "cost",
    "log_scale",
    "log_reach",
)
"""Names of the features of a pair, in order; the README says what each is."""


def window_inputs(windows: torch.Tensor, terms: Terms, kind: str) -> WindowInputs:
    """Make the features of windows.

    Args:
        windows: float32 [B, lookback, 5], as `kernels.samples.gather_windows` gives them; any unit of price will do.
        terms: of the dataset.
        kind: one of `WINDOW_KINDS`.

    Returns:
        See `WindowInputs`; float64. A window with a NaN is NaN all over and changes no other.
    """
    import torch

    values = windows.double()
    opened, high, low, close = values[..., :4].log().unbind(-1)
    returns = close[:, 1:] - close[:, :-1]
    gaps = opened[:, 1:] - close[:, :-1]
    opened, high, low, close = (each[:, 1:] for each in (opened, high, low, close))
    ranges = (high - close) * (high - opened) + (low - close) * (low - opened)
    volumes = values[:, 1:, 4] - values[:, 1:, 4].mean(dim=1, keepdim=True)
    volatility = (returns * returns).mean(dim=1).sqrt().clamp(min=LEAST_VOLATILITY)
    gap = (gaps * gaps).mean(dim=1).sqrt()
    variance = volatility * volatility
    features, last = [], terms.lookback - 1
    for size in patch_sizes(terms.lookback):
        part = slice(last - size, last)
        last -= size
        told = [returns[:, part].square(), ranges[:, part], gaps[:, part].square()]
        for squares in {"volatility": [], "activity": told[:1], "full": told}[kind]:
            features.append(0.5 * (SMALL_ACTIVITY + squares.mean(dim=1).clamp(min=0.0) / variance).log())
        if kind == "full":
            features.append((returns[:, part].sum(dim=1) / (volatility * math.sqrt(size))).clamp(-6.0, 6.0))
            features.append(volumes[:, part].mean(dim=1).clamp(-3.0, 3.0))
    features.append(volatility.log() - VOLATILITY_UNIT)
    features.append((gap / volatility).clamp(max=3.0))
    return WindowInputs(torch.stack(features, dim=1), volatility, gap)


def pair_inputs(
    states: torch.Tensor, actions: torch.Tensor, volatility: torch.Tensor, gap: torch.Tensor, terms: Terms
) -> PairInputs:
    """Make the features of pairs of state and action, and their anchors.

    Args:
        states: float32 [P, 15], raw columns; NaN = no such leg.
        actions: float32 [P, 7], raw columns; NaN = no such leg. Of a hold only the first column is looked at.
        volatility: float64 [P], of each pair's window.
        gap: float64 [P], likewise.
        terms: of the dataset.

    Returns:
        See `PairInputs`; float64. A pair without an equity above 0 is NaN.
    """
    import torch

    states, actions = states.double(), actions.double()
    equity = torch.where(states[:, 0] > 0.0, states[:, 0], torch.nan)
    hold = actions[:, 0] > 0.5
    before_long, before_short = states[:, 2] / equity, states[:, 3] / equity
    # A hold leaves the legs and their levels as they are.
    after = torch.where(hold[:, None], states[:, [2, 3, 11, 12, 13, 14]], actions[:, 1:])
    reach = volatility * math.sqrt(terms.forward)
    long = _leg(after[:, 0] / equity, -after[:, 2].log(), after[:, 3].log(), reach)
    short = _leg(after[:, 1] / equity, -after[:, 5].log(), after[:, 4].log(), reach)
    both, _ = _first_passage(torch.minimum(long.down, short.down), torch.minimum(long.up, short.up), reach)
    legs = long.weight.square() * long.variance + short.weight.square() * short.variance
    legs = (legs - 2.0 * long.weight * short.weight * both).clamp(min=0.0)
    # Until the order is filled at the next open, the account holds what it held.
    night = torch.where(hold, 0.0, (before_long - before_short) * gap)
    scale = (legs + night.square() + LEAST_SCALE**2).sqrt()
    turnover = torch.where(hold, 0.0, (long.weight - before_long).abs() + (short.weight - before_short).abs())
    cost = _cost(long, short, turnover, volatility, terms)
    location = -cost - 0.5 * scale.square()

    columns = [
        before_long,
        before_short,
        states[:, 2] > 0.0,
        states[:, 3] > 0.0,
        (states[:, 5].log() / reach).clamp(-4.0, 4.0).nan_to_num(0.0),
        (states[:, 6].log() / reach).clamp(-4.0, 4.0).nan_to_num(0.0),
        states[:, 7] / terms.lookback,
        states[:, 8] / terms.lookback,
        (states[:, 9] / equity / reach).clamp(-4.0, 4.0),
        (states[:, 10] / equity / reach).clamp(-4.0, 4.0),
        hold,
        long.weight,
        short.weight,
        long.weight > 0.0,
        short.weight > 0.0,
        long.weight - short.weight,
        long.weight + short.weight,
    ]
    for leg in (long, short):
        columns += [_if_held(leg, (each / reach).log().clamp(-3.0, 3.0)) for each in (leg.down, leg.up)]
    columns += [_if_held(leg, leg.exit_share) for leg in (long, short)]
    columns += [_if_held(leg, leg.down / (leg.down + leg.up) - 0.5) for leg in (long, short)]
    for leg in (long, short):
        columns += [(leg.weight * each / scale).clamp(max=4.0) for each in (leg.down, leg.up)]
    columns += [leg.weight * leg.variance.sqrt() / scale for leg in (long, short)]
    columns += [
        night / scale,
        turnover,
        (cost / scale).clamp(max=4.0),
        (scale.log() - VOLATILITY_UNIT) / 2.0,
        reach.log() + 2.0,
    ]
    return PairInputs(torch.stack([each.double() for each in columns], dim=1), location, scale)


def _leg(weight: torch.Tensor, down: torch.Tensor, up: torch.Tensor, reach: torch.Tensor) -> _Leg:
    down, up = (each.nan_to_num(NO_LEVEL).clamp(LEAST_DISTANCE, NO_LEVEL) for each in (down, up))
    return _Leg(weight, down, up, *_first_passage(down, up, reach))


def _first_passage(down: torch.Tensor, up: torch.Tensor, reach: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Variance of a log price stopped at either level or at the end, and the share of it that levels take."""
    import torch

    room = down * up
    exit_share = -torch.expm1(-reach.square() / room)
    return room * exit_share, exit_share


def _cost(long: _Leg, short: _Leg, turnover: torch.Tensor, volatility: torch.Tensor, terms: Terms) -> torch.Tensor:
    """What the legs will cost, as a share of the equity: the fill, the exits, and the nights until then."""
    costs = terms.costs
    fill = (costs.fee_bp + costs.half_spread_bp + costs.slippage_bp) / 1e4
    nightly = costs.overnight_bp / 1e4, (costs.overnight_bp + costs.borrow_bp_per_year / 252.0) / 1e4
    total = fill * turnover
    for leg, night in zip((long, short), nightly, strict=True):
        total = total + leg.weight * (fill * leg.exit_share + night * leg.variance / volatility.square())
    return total


def _if_held(leg: _Leg, values: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.where(leg.weight > 0.0, values, 0.0)
