"""What is kept of many surrogates: histograms of their best scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64Array5D = npt.NDArray[np.int64]

DEFAULT_BINS = 1000
"""Bins of scores from 0 to 1."""


@dataclass(frozen=True)
class NullHistograms:
    """How the best scores of surrogates are spread, for each cell of R rows.

    A cell is a stage, a direction and a bucket of spans, as in `kernels.waves.BestScores`. Histograms of the same rows,
    arguments and bins over other surrogates may be added, and so may those of other rows (`pooled`): counts are whole
    numbers.

    Attributes:
        counts: int64 [R, stages, 2, buckets, bins + 1]. Bin b < bins counts the surrogates whose best score s has
            floor(s x bins) = b; a score of 1 is in bin bins - 1. The last bin counts those without such a pattern or
            setup. So the bins of a cell sum to the number of surrogates; to 0 where the cell wasn't asked for.
        buckets: rising upper edges of the spans, inclusive, in sessions.
        backend: "naive", "cpu" or "gpu".
        reason: why that backend.
    """

    counts: Int64Array5D
    buckets: tuple[int, ...]
    backend: str
    reason: str
