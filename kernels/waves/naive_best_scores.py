"""The best scores of each cell in plain Python: every pattern and setup of the oracle, cell by cell."""

from __future__ import annotations

import numpy as np

from kernels.panel import Float64Array2D
from kernels.waves.cells import STAGES, BestScores, Stage
from kernels.waves.naive_series import DIRECTIONS, Series
from kernels.waves.patterns import ScanSettings


def best_scores(
    low: Float64Array2D, high: Float64Array2D, settings: ScanSettings, buckets: tuple[int, ...], reason: str
) -> BestScores:
    """Best scores; arguments as the public function has checked them."""
    shape = len(low), len(STAGES), len(DIRECTIONS), len(buckets)
    score, counts = np.full(shape, np.nan), np.zeros(shape, np.int64)
    candidates = np.zeros(len(low), np.int64)
    for row in range(len(low)):
        series = Series(low[row], high[row], settings.max_skip, settings.max_span)
        confirmed = [
            found
            for found in series.patterns()
            if found.name in settings.classes and found.direction in settings.directions
        ]
        candidates[row] = len(confirmed)
        for found in (*confirmed, *series.setups(settings, low.shape[1] - 1)):
            span = found.pivots[-1] - found.pivots[0]
            fitting = [bucket for bucket, edge in enumerate(buckets) if span <= edge]
            if fitting:
                stage = STAGES.index(Stage(found.name, len(found.resolution)))
                cell = row, stage, DIRECTIONS.index(found.direction), fitting[0]
                counts[cell] += 1
                score[cell] = np.fmax(score[cell], found.score)
    return BestScores(score, counts, candidates, "naive", reason)
