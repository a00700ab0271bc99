"""The best scores of each cell in plain Python: every pattern of the oracle, cell by cell."""

from __future__ import annotations

import numpy as np

from kernels.panel import Float64Array2D
from kernels.waves.cells import BestScores
from kernels.waves.classes import CLASS_NAMES
from kernels.waves.naive_series import DIRECTIONS, Series
from kernels.waves.patterns import ScanSettings


def best_scores(
    low: Float64Array2D, high: Float64Array2D, settings: ScanSettings, buckets: tuple[int, ...], reason: str
) -> BestScores:
    """Best scores; arguments as the public function has checked them."""
    shape = len(low), len(CLASS_NAMES), len(DIRECTIONS), len(buckets)
    score, counts = np.full(shape, np.nan), np.zeros(shape, np.int64)
    candidates = np.zeros(len(low), np.int64)
    for row in range(len(low)):
        for found in Series(low[row], high[row], settings.max_skip, settings.max_span).patterns():
            if found.name not in settings.classes or found.direction not in settings.directions:
                continue
            candidates[row] += 1
            span = found.pivots[-1] - found.pivots[0]
            fitting = [bucket for bucket, edge in enumerate(buckets) if span <= edge]
            if fitting:
                cell = row, CLASS_NAMES.index(found.name), DIRECTIONS.index(found.direction), fitting[0]
                counts[cell] += 1
                score[cell] = np.fmax(score[cell], found.score)
    return BestScores(score, counts, candidates, "naive", reason)
