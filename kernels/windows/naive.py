"""The oracle: window features and ranks straight from their definitions, one window and one pair at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.windows.rules import FEATURES, FLAT_RANGE, MIN_COVERAGE, PRE_SCORE_DECIMALS, REASONS
from kernels.windows.settings import WindowSettings


def window_features(
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    lengths: tuple[int, ...],
) -> npt.NDArray[np.float64]:
    """Same as `kernels.windows.window_features`, without its checks."""
    features = np.full((len(row), len(lengths), len(FEATURES)), np.nan)
    for origin, (series, last) in enumerate(zip(row, end, strict=True)):
        for index, length in enumerate(lengths):
            start = last - length + 1
            if start >= 0:
                window = slice(start, last + 1)
                features[origin, index] = _features(high[series, window], low[series, window], close[series, window])
    return features


def _features(high: Float64Array1D, low: Float64Array1D, close: Float64Array1D) -> tuple[float, ...]:
    """The four features of one window, all its bars given."""
    length = len(close)
    has_bar = ~(np.isnan(high) | np.isnan(low) | np.isnan(close))
    bars = int(has_bar.sum())
    if not has_bar[-1] or bars / length < MIN_COVERAGE:
        return (math.nan,) * len(FEATURES)
    log_close = np.log(close)
    returns = [log_close[t] - log_close[t - 1] for t in range(1, length) if has_bar[t - 1] and has_bar[t]]
    swings = 0
    for t in range(1, length - 1):
        if has_bar[t - 1] and has_bar[t] and has_bar[t + 1]:
            swings += bool(high[t] > high[t - 1] and high[t] >= high[t + 1])
            swings += bool(low[t] < low[t - 1] and low[t] <= low[t + 1])
    time = np.flatnonzero(has_bar).astype(float)
    time -= time.mean()
    level = log_close[has_bar] - log_close[has_bar].mean()
    slope = (time * level).sum() / (time * time).sum()
    return (
        float(np.std(returns, ddof=1)),
        math.log(high[has_bar].max() / low[has_bar].min()),
        swings / bars,
        abs(slope) * length,
    )


def rank_windows(
    features: Float64Array2D, length_index: npt.NDArray[np.integer], settings: WindowSettings
) -> tuple[Float64Array2D, Float64Array1D, Int32Array1D, list[str]]:
    """Feature ranks, pre-scores, ranks and reasons (as words) of `kernels.windows.rank_windows`."""
    count = len(features)
    incomplete = [bool(np.isnan(features[i]).any()) for i in range(count)]
    flat = [settings.skip_flat and bool(features[i, FEATURES.index("range")] < FLAT_RANGE) for i in range(count)]
    ranked = [i for i in range(count) if not incomplete[i] and not flat[i]]
    feature_ranks = np.full((count, len(FEATURES)), np.nan)
    pre_score = np.full(count, np.nan)
    for i in ranked:
        peers = [j for j in ranked if length_index[j] == length_index[i]]
        for f in range(len(FEATURES)):
            below = sum(bool(features[j, f] < features[i, f]) for j in peers)
            equal = sum(bool(features[j, f] == features[i, f]) for j in peers)
            place = below + (equal + 1) / 2
            feature_ranks[i, f] = 0.5 if len(peers) == 1 else (place - 1) / (len(peers) - 1)
        weighted = sum(weight * rank for weight, rank in zip(settings.weights, feature_ranks[i], strict=True))
        pre_score[i] = np.round(weighted / sum(settings.weights), PRE_SCORE_DECIMALS)
    rank = np.zeros(count, dtype=np.int32)
    for place, i in enumerate(sorted(ranked, key=lambda i: (-pre_score[i], i)), start=1):
        rank[i] = place
    reasons = []
    for i in range(count):
        if incomplete[i]:
            reasons.append(REASONS[1])
        elif flat[i]:
            reasons.append(REASONS[2])
        elif pre_score[i] < settings.threshold:
            reasons.append(REASONS[3])
        elif rank[i] > settings.top_k:
            reasons.append(REASONS[4])
        else:
            reasons.append(REASONS[0])
    return feature_ranks, pre_score, rank, reasons
