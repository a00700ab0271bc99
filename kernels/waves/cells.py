"""Cells of patterns, by stage, direction and span, and the best score of each (`BestScores`)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Int32Array1D
from kernels.waves.classes import CLASS_NAMES, CLASSES, MAX_LEGS
from kernels.waves.patterns import require_count

Float64Array4D = npt.NDArray[np.float64]
Int64Array4D = npt.NDArray[np.int64]

SPAN_BUCKETS = (21, 63, 126, 252, 504)
"""Upper edges of the spans of each bucket, in sessions, inclusive: a month, a quarter, half a year, a year, two."""


class Stage(NamedTuple):
    """How far a count has come: a class with all its legs, confirmed, or one of its setups, with fewer."""

    name: str
    legs: int


STAGES = (
    *(Stage(each.name, len(each.legs)) for each in CLASSES.values()),
    *(Stage(each.name, setup.legs) for each in CLASSES.values() for setup in each.setups),
)
"""The confirmed classes, in the order of `CLASS_NAMES`, so that their stage is their class index; then the setups."""

CLASS_OF_STAGE = np.array([CLASS_NAMES.index(stage.name) for stage in STAGES], np.int32)
"""Index into `CLASS_NAMES` of each stage: int32 [stages]."""


@dataclass(frozen=True)
class BestScores:
    """The best confirmed pattern, and the best setup that stands as of the last bar, of each cell of R series.

    A cell is a stage, in the order of `STAGES`, a direction, upward (0) or downward (1), and a bucket of spans. A
    pattern or setup is in the first bucket whose edge is the span of its pivots, the last one's bar less p0, or more;
    one longer than the last edge is in no cell.

    Attributes:
        score: float64 [R, stages, 2, buckets], in [0, 1]; NaN where there is none, or none is asked for.
        counts: int64 [R, stages, 2, buckets], how many there are; 0 where none is asked for.
        candidates: int64 [R], the confirmed patterns that are asked for, those beyond the last edge included.
        backend: "naive", "cpu" or "gpu".
        reason: why that backend.
    """

    score: Float64Array4D
    counts: Int64Array4D
    candidates: npt.NDArray[np.int64]
    backend: str
    reason: str


def stages_by_legs() -> npt.NDArray[np.int32]:
    """The stage of each class with so many legs, int32 [classes, MAX_LEGS + 1]; -1 where that is no stage."""
    stages = np.full((len(CLASSES), MAX_LEGS + 1), -1, np.int32)
    stages[CLASS_OF_STAGE, [stage.legs for stage in STAGES]] = np.arange(len(STAGES))
    return stages


def stage_index(class_index: npt.ArrayLike, legs: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Look up the stages of patterns and setups.

    Args:
        class_index: integers of any shape, index into `CLASS_NAMES`, as `Patterns.class_index`.
        legs: integers of the same shape, the legs that are there, as `Patterns.legs`.

    Returns:
        int64 of that shape, index into `STAGES`.

    Raises:
        InvalidInputError: another dtype or shape, or a class with so many legs that is no stage, named.
    """
    classes, counts = np.asarray(class_index), np.asarray(legs)
    whole = all(values.dtype.kind in "iu" or values.size == 0 for values in (classes, counts))
    if classes.shape != counts.shape or not whole:
        raise InvalidInputError(
            "class_index and legs of stage_index",
            expected="whole numbers, as many legs as classes",
            got=f"{classes.dtype} of shape {classes.shape} and {counts.dtype} of shape {counts.shape}",
            mend="pass the class_index and the legs of the same patterns",
        )
    classes, counts = classes.astype(np.int64), counts.astype(np.int64)
    inside = (classes >= 0) & (classes < len(CLASSES)) & (counts >= 0) & (counts <= MAX_LEGS)
    stages = np.full(classes.shape, -1)
    stages[inside] = stages_by_legs()[classes[inside], counts[inside]]
    wrong = np.flatnonzero(stages < 0)
    if wrong.size:
        place = wrong[0]
        raise InvalidInputError(
            f"class_index and legs of pattern {place}",
            expected=f"a stage: {', '.join(f'{each.name} with {each.legs} legs' for each in STAGES)}",
            got=f"class {classes.flat[place]} with {counts.flat[place]} legs",
            mend="pass the class_index and the legs of confirmed patterns and setups",
        )
    return stages


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
