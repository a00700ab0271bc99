"""The oracle, straight from the README: every surrogate is made, and its best scores looked up, one after the other."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.nulls.model import NullHistograms
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.surrogates import naive as naive_surrogates
from kernels.surrogates.model import Int64Array1D, Null
from kernels.volatility.gjr import GjrParameters
from kernels.waves import naive_best_scores
from kernels.waves.cells import STAGES
from kernels.waves.patterns import ScanSettings


def null_histograms(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    numbers: range,
    null: Null,
    seed: int,
    block: float,
    parameters: GjrParameters | None,
    settings: ScanSettings,
    buckets: tuple[int, ...],
    bins: int,
    reason: str,
) -> NullHistograms:
    """Histograms; arguments as the public function has checked them."""
    counts = np.zeros((len(close), len(STAGES), 2, len(buckets), bins + 1), np.int64)
    for number in numbers:
        one = np.array([number], np.int32)
        made = naive_surrogates.surrogates(open_, high, low, close, keys, one, null, seed, block, parameters)
        best = naive_best_scores.best_scores(made.low[:, 0], made.high[:, 0], settings, buckets, reason).score
        for row, stage, side, bucket in np.ndindex(best.shape):
            if STAGES[stage].name in settings.classes and (1, -1)[side] in settings.directions:
                place = bin_of(float(best[row, stage, side, bucket]), bins)
                counts[row, stage, side, bucket, place] += 1
    return NullHistograms(counts, buckets, "naive", reason)


def bin_of(score: float, bins: int) -> int:
    """The bin of a score; the one after the last where there is none."""
    return bins if math.isnan(score) else min(math.floor(score * bins), bins - 1)


def p_values(
    histograms: NullHistograms,
    row: npt.NDArray[np.int64],
    stage: npt.NDArray[np.int64],
    direction: npt.NDArray[np.int64],
    span: npt.NDArray[np.int64],
    score: Float64Array1D,
) -> Float64Array1D:
    """p-values; arguments as the public function has checked them."""
    bins = histograms.counts.shape[-1] - 1
    found = []
    for pattern in range(len(score)):
        fitting = [bucket for bucket, edge in enumerate(histograms.buckets) if span[pattern] <= edge]
        p_value = math.nan
        if fitting and not math.isnan(score[pattern]):
            side = 0 if direction[pattern] == 1 else 1
            cell = histograms.counts[row[pattern], stage[pattern], side, fitting[0]].tolist()
            as_good = sum(cell[bin_of(float(score[pattern]), bins) : bins])
            if sum(cell) > 0:
                p_value = (1 + as_good) / (1 + sum(cell))
        found.append(p_value)
    return np.array(found, np.float64)
