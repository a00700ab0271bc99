"""Cells of patterns, by class, direction and span, and the best score of each (`BestScores`)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Int32Array1D
from kernels.waves.patterns import require_count

Float64Array4D = npt.NDArray[np.float64]
Int64Array4D = npt.NDArray[np.int64]

SPAN_BUCKETS = (21, 63, 126, 252, 504)
"""Upper edges of the spans of each bucket, in sessions, inclusive: a month, a quarter, half a year, a year, two."""


@dataclass(frozen=True)
class BestScores:
    """The best confirmed pattern of each cell of R series.

    A cell is a class, in the order of `CLASS_NAMES`, a direction, upward (0) or downward (1), and a bucket of spans. A
    pattern is in the first bucket whose edge is p_last - p0 or more; one longer than the last edge is in no cell.

    Attributes:
        score: float64 [R, classes, 2, buckets], in [0, 1]; NaN where there is no such pattern, or none is asked for.
        counts: int64 [R, classes, 2, buckets], how many there are; 0 where none is asked for.
        candidates: int64 [R], the patterns that are asked for, those beyond the last edge included.
        backend: "naive" or "cpu".
        reason: why that backend.
    """

    score: Float64Array4D
    counts: Int64Array4D
    candidates: npt.NDArray[np.int64]
    backend: str
    reason: str


def require_buckets(buckets: tuple[int, ...]) -> None:
    """Raise `InvalidInputError` unless `buckets` is a tuple of rising whole numbers from 1 on."""
    where = "buckets of spans"
    if not isinstance(buckets, tuple) or not buckets:
        raise InvalidInputError(
            where,
            expected="a tuple of one edge or more",
            got=repr(buckets),
            mend="pass the upper edges of the spans, in sessions, such as (21, 63, 126)",
        )
    for edge in buckets:
        require_count(where, edge, 1)
    if any(after <= before for before, after in pairwise(buckets)):
        raise InvalidInputError(
            where,
            expected="edges that rise",
            got=repr(buckets),
            mend="sort the edges and name each once",
        )


def bucket_of_spans(buckets: tuple[int, ...], max_span: int) -> Int32Array1D:
    """The bucket of each span below `max_span`; `len(buckets)` beyond the last edge."""
    return np.searchsorted(np.array(buckets, np.int64), np.arange(max_span)).astype(np.int32)
