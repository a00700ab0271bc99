"""Rank information coefficient: does the score order the symbols of a day as the outcome does?"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.forecast.validate import require_known_or_nan, require_same_shape
from kernels.panel import Float64Array1D, Float64Array2D

MIN_SYMBOLS = 3
"""With fewer symbols a rank correlation is always +1, -1 or nothing."""


def rank_information_coefficient(score: Float64Array2D, outcome: Float64Array2D) -> Float64Array1D:
    """Spearman rank correlation of score and outcome across the symbols of each day.

    Pearson correlation of the ranks; equal values share the average of their ranks. Symbols unknown in either are left
    out before ranking. Test the mean over days with `mean_test`.

    Args:
        score: float64 [D, S], any unit.
        outcome: float64 [D, S], any unit.

    Returns:
        float64 [D], from -1 to 1; NaN on days with fewer than `MIN_SYMBOLS` known symbols, or where all scores or all
        outcomes are equal.

    Raises:
        InvalidInputError: a wrong shape or dtype, or an infinite value.
    """
    require_known_or_nan("rank_information_coefficient, score", score, dimensions=2)
    require_known_or_nan("rank_information_coefficient, outcome", outcome, dimensions=2)
    require_same_shape("rank_information_coefficient, outcome", outcome, score.shape, "the score")
    known = ~(np.isnan(score) | np.isnan(outcome))
    return np.array([_spearman(score[day, known[day]], outcome[day, known[day]]) for day in range(len(score))])


def _spearman(left: Float64Array1D, right: Float64Array1D) -> float:
    if len(left) < MIN_SYMBOLS:
        return math.nan
    # Ranks less their mean are multiples of a half: these sums are exact, whatever the order of the symbols.
    middle = (len(left) + 1) / 2.0
    one, other = _average_ranks(left) - middle, _average_ranks(right) - middle
    spread = float(np.sum(one * one)) * float(np.sum(other * other))
    return float(np.sum(one * other)) / math.sqrt(spread) if spread > 0.0 else math.nan


def _average_ranks(values: Float64Array1D) -> npt.NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: npt.NDArray[np.float64] = (last - (count - 1) / 2.0)[place]
    return ranks
