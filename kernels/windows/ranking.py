"""The filter: cross-sectional ranks of the features, the pre-score, and which windows of a session are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.windows.rules import (
    BELOW_THRESHOLD,
    BEYOND_TOP_K,
    FEATURES,
    FLAT,
    FLAT_RANGE,
    INCOMPLETE,
    KEPT,
    PRE_SCORE_DECIMALS,
)
from kernels.windows.settings import WindowSettings


@dataclass(frozen=True)
class RankedWindows:
    """The windows of one session, ranked; n in the order they came.

    Attributes:
        feature_ranks: float64 [n, F] in [0, 1], in the order of `FEATURES`; NaN where a window isn't ranked.
        pre_score: float64 [n] in [0, 1]; NaN where a window isn't ranked.
        rank: int32 [n], 1 = the best pre-score of the session over all lengths; 0 where there is no pre-score.
        kept: bool [n].
        reason: int8 [n], index into `REASONS`.
    """

    feature_ranks: Float64Array2D
    pre_score: Float64Array1D
    rank: Int32Array1D
    kept: npt.NDArray[np.bool_]
    reason: npt.NDArray[np.int8]


_DEFAULT_SETTINGS = WindowSettings()


def rank_windows(
    features: Float64Array2D, length_index: npt.NDArray[np.integer], *, settings: WindowSettings = _DEFAULT_SETTINGS
) -> RankedWindows:
    """Rank the windows of ONE session and choose those that are kept.

    Args:
        features: float64 [n, F] from `window_features`, of one session: n = symbols x lengths, in any order.
        length_index: integers [n], index of the window's length in `settings.lengths`.
        settings: see `WindowSettings`.

    Returns:
        See `RankedWindows`. A window with a NaN feature is "incomplete"; with `skip_flat` a window whose range lies
        below `FLAT_RANGE` is "flat". Neither takes part in the ranking. Among the m others of the same length each
        feature becomes (rank - 1) / (m - 1), ties sharing their average rank; 0.5 where m = 1. The pre-score is the
        weighted mean of the four, rounded to `PRE_SCORE_DECIMALS`. Windows with `pre_score >= threshold` and
        `rank <= top_k` are kept; equal pre-scores rank by position.

    Raises:
        InvalidInputError: a wrong shape or dtype, an infinite feature, or a length index out of range.
    """
    _require_windows(features, length_index, settings)
    incomplete = np.isnan(features).any(axis=1)
    flat = ~incomplete & (features[:, FEATURES.index("range")] < FLAT_RANGE) & settings.skip_flat
    ranked = ~incomplete & ~flat
    feature_ranks = np.full(features.shape, np.nan)
    for index in range(len(settings.lengths)):
        peers = np.flatnonzero(ranked & (length_index == index))
        for feature in range(len(FEATURES)):
            feature_ranks[peers, feature] = _unit_ranks(features[peers, feature])
    pre_score = _weighted_mean(feature_ranks, settings.weights)
    best_first = np.argsort(-pre_score, kind="stable")[: int(ranked.sum())]
    rank = np.zeros(len(features), dtype=np.int32)
    rank[best_first] = np.arange(1, len(best_first) + 1)
    reason = np.full(len(features), KEPT, dtype=np.int8)
    reason[rank > settings.top_k] = BEYOND_TOP_K
    reason[ranked & (pre_score < settings.threshold)] = BELOW_THRESHOLD
    reason[incomplete] = INCOMPLETE
    reason[flat] = FLAT
    return RankedWindows(feature_ranks, pre_score, rank, reason == KEPT, reason)


def _unit_ranks(values: Float64Array1D) -> Float64Array1D:
    """Average ranks of `values`, scaled to [0, 1]; 0.5 for a single value."""
    if len(values) == 1:
        return np.array([0.5])
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    average_rank = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray((average_rank[inverse] - 1) / (len(values) - 1))


def _weighted_mean(feature_ranks: Float64Array2D, weights: tuple[float, ...]) -> Float64Array1D:
    """The weighted mean over features, rounded: ranks are fractions, so equal means are common and must tie."""
    weighted = np.zeros(len(feature_ranks))
    total = 0.0
    for feature, weight in enumerate(weights):
        weighted += weight * feature_ranks[:, feature]
        total += weight
    return np.round(weighted / total, PRE_SCORE_DECIMALS)


def _require_windows(features: Float64Array2D, length_index: npt.NDArray[np.integer], settings: WindowSettings) -> None:
    if features.dtype != np.float64 or features.ndim != 2 or features.shape[1] != len(FEATURES):
        raise InvalidInputError(
            "features of rank_windows",
            expected=f"float64 of shape (n, {len(FEATURES)})",
            got=f"{features.dtype} of shape {features.shape}",
            mend="pass window_features(...)[origins of one session].reshape(-1, len(FEATURES))",
        )
    if np.isinf(features).any():
        raise InvalidInputError(
            "features of rank_windows",
            expected="finite values, or NaN where a window has no features",
            got=f"an infinite value in window {int(np.argmax(np.isinf(features).any(axis=1)))}",
            mend="pass features as window_features gives them",
        )
    count = len(settings.lengths)
    if (
        not np.issubdtype(length_index.dtype, np.integer)
        or length_index.shape != (len(features),)
        or bool(((length_index < 0) | (length_index >= count)).any())
    ):
        raise InvalidInputError(
            "length_index of rank_windows",
            expected=f"{len(features)} integers from 0 to {count - 1}, one for each window",
            got=f"{length_index.dtype} of shape {length_index.shape}",
            mend="pass the index of each window's length in settings.lengths",
        )
