"""The oracle of the action values: one pair at a time, in float64, straight from the README."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Row = Sequence[float]
Float64Array1D = npt.NDArray[np.float64]


def action_quantiles(
    weights: Mapping[str, npt.NDArray[np.float32]],
    median: int,
    terms: tuple[int, int, Mapping[str, float]],
    kind: str,
    windows: npt.NDArray[np.float32],
    states: npt.NDArray[np.float32],
    actions: npt.NDArray[np.float32],
) -> npt.NDArray[np.float64]:
    """Compute quantiles [N, A, Q] of windows [N, L, 5], states [N, 15] and actions [N, A, 7].

    `terms` are lookback, forward and the costs by name; `kind` is what is told of a window; `median` is the place of
    0.5 among the levels.
    """
    named = {name: values.astype(np.float64) for name, values in weights.items()}
    made = np.empty((*actions.shape[:2], named["gaps"].size + 1))
    for place, (window, state) in enumerate(zip(windows, states, strict=True)):
        features, volatility, gap = window_features(window.astype(np.float64), terms[0], kind)
        for number, action in enumerate(actions[place]):
            told, location, scale = pair_features(state.tolist(), action.tolist(), volatility, gap, terms)
            made[place, number] = location + scale * network_quantiles(named, median, features, told)
    return made


def window_features(window: npt.NDArray[np.float64], lookback: int, kind: str) -> tuple[Float64Array1D, float, float]:
    """The features of a window [L, 5], its volatility, and that of its gaps."""
    bars = window.tolist()
    logs = [[math.log(price) for price in bar[:4]] for bar in bars]
    returns = [logs[t][3] - logs[t - 1][3] for t in range(1, lookback)]
    gaps = [logs[t][0] - logs[t - 1][3] for t in range(1, lookback)]
    ranges = [(h - c) * (h - o) + (low - c) * (low - o) for o, h, low, c in logs[1:]]
    volumes = [bar[4] for bar in bars[1:]]
    volatility = max(math.sqrt(_mean([r * r for r in returns])), 1e-4)
    gap = math.sqrt(_mean([g * g for g in gaps]))
    features, last, size = [], lookback - 1, 1
    while last > 0:
        first = max(last - size, 0)
        part = slice(first, last)
        if kind != "volatility":
            features.append(_activity([r * r for r in returns[part]], volatility))
        if kind == "full":
            features.append(_activity(ranges[part], volatility))
            features.append(_activity([g * g for g in gaps[part]], volatility))
            features.append(_clip(sum(returns[part]) / (volatility * math.sqrt(last - first)), 6.0))
            features.append(_clip(_mean(volumes[part]) - _mean(volumes), 3.0))
        last, size = first, 2 * size
    features += [math.log(volatility) + 4.0, min(gap / volatility, 3.0)]
    return np.array(features), volatility, gap


def pair_features(
    state: Row, action: Row, volatility: float, gap: float, terms: tuple[int, int, Mapping[str, float]]
) -> tuple[Float64Array1D, float, float]:
    """The features of a state [15] and an action [7] after a window, and the location and scale of the anchor."""
    lookback, forward, costs = terms
    equity, hold = state[0], action[0] > 0.5
    old_long, old_short = state[2] / equity, state[3] / equity
    after = [state[each] for each in (2, 3, 11, 12, 13, 14)] if hold else list(action[1:])
    long, short = after[0] / equity, after[1] / equity
    reach = volatility * math.sqrt(forward)
    long_down, long_up = _distance(-1.0, after[2]), _distance(1.0, after[3])
    short_down, short_up = _distance(-1.0, after[5]), _distance(1.0, after[4])
    long_variance, long_exits = _first_passage(long_down, long_up, reach)
    short_variance, short_exits = _first_passage(short_down, short_up, reach)
    both, _ = _first_passage(min(long_down, short_down), min(long_up, short_up), reach)
    legs = long**2 * long_variance + short**2 * short_variance - 2.0 * long * short * both
    night = 0.0 if hold else (old_long - old_short) * gap
    scale = math.sqrt(max(legs, 0.0) + night**2 + 1e-3**2)
    turnover = 0.0 if hold else abs(long - old_long) + abs(short - old_short)
    fill = (costs["fee_bp"] + costs["half_spread_bp"] + costs["slippage_bp"]) / 1e4
    over = costs["overnight_bp"] / 1e4
    cost = fill * turnover
    cost += long * (fill * long_exits + over * long_variance / volatility**2)
    cost += short * (
        fill * short_exits + (over + costs["borrow_bp_per_year"] / 1e4 / 252.0) * short_variance / volatility**2
    )
    features = [
        old_long,
        old_short,
        float(state[2] > 0.0),
        float(state[3] > 0.0),
        _entry(state[5], reach),
        _entry(state[6], reach),
        state[7] / lookback,
        state[8] / lookback,
        _clip(state[9] / equity / reach, 4.0),
        _clip(state[10] / equity / reach, 4.0),
        float(hold),
        long,
        short,
        float(long > 0.0),
        float(short > 0.0),
        long - short,
        long + short,
        *(_clip(math.log(each / reach), 3.0) * (long > 0.0) for each in (long_down, long_up)),
        *(_clip(math.log(each / reach), 3.0) * (short > 0.0) for each in (short_down, short_up)),
        long_exits * (long > 0.0),
        short_exits * (short > 0.0),
        (long_down / (long_down + long_up) - 0.5) * (long > 0.0),
        (short_down / (short_down + short_up) - 0.5) * (short > 0.0),
        *(min(long * each / scale, 4.0) for each in (long_down, long_up)),
        *(min(short * each / scale, 4.0) for each in (short_down, short_up)),
        long * math.sqrt(long_variance) / scale,
        short * math.sqrt(short_variance) / scale,
        night / scale,
        turnover,
        min(cost / scale, 4.0),
        (math.log(scale) + 4.0) / 2.0,
        math.log(reach) + 2.0,
    ]
    return np.array(features), -cost - 0.5 * scale**2, scale


def network_quantiles(
    named: Mapping[str, Float64Array1D], median: int, window: Float64Array1D, pair: Float64Array1D
) -> Float64Array1D:
    """The mean over the seeds of the quantiles [Q] in units of the anchor's scale."""
    seeds, levels = named["w2"].shape[0], named["gaps"].size + 1
    quantiles = np.empty((seeds, levels))
    for seed in range(seeds):
        encoded = _gelu(window @ named["encoder"][seed] + named["encoder_bias"][seed, 0])
        first = encoded @ named["w1_window"][seed] + pair @ named["w1_pair"][seed] + named["b1"][seed, 0]
        second = _gelu(_gelu(first) @ named["w2"][seed] + named["b2"][seed, 0])
        out = second @ named["w3"][seed] + named["b3"][seed, 0]
        gaps = named["gaps"] * np.exp(3.0 * np.tanh(out[2:] / 3.0))
        for level in range(levels):
            distance = gaps[median:level].sum() - gaps[level:median].sum()
            quantiles[seed, level] = math.exp(_clip(out[1], 4.0)) * (named["middle"][0] + _clip(out[0], 4.0) + distance)
    mean: Float64Array1D = quantiles.mean(axis=0)
    return mean


def _activity(squares: Sequence[float], volatility: float) -> float:
    return 0.5 * math.log(0.05 + max(_mean(squares), 0.0) / volatility**2)


def _first_passage(down: float, up: float, reach: float) -> tuple[float, float]:
    exits = 1.0 - math.exp(-(reach**2) / (down * up))
    return down * up * exits, exits


def _distance(sign: float, level: float) -> float:
    return 8.0 if math.isnan(level) else min(max(sign * math.log(level), 1e-3), 8.0)


def _entry(multiple: float, reach: float) -> float:
    return 0.0 if math.isnan(multiple) else _clip(math.log(multiple) / reach, 4.0)


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _gelu(values: Float64Array1D) -> Float64Array1D:
    return np.array([value * 0.5 * (1.0 + math.erf(value / math.sqrt(2.0))) for value in values])
