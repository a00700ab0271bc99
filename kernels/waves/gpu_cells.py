"""Cells on the device: the one that a record belongs to, and scores as whole numbers that atomics can compare."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Int32Array1D
from kernels.waves.gpu_layout import Int64Array1D
from kernels.waves.program import Int32Array2D
from kernels.waves.rules import SCORE_STEPS
from kernels.waves.search import Records

Int64Array4D = npt.NDArray[np.int64]


class CellTerms(NamedTuple):
    """Which cell a record belongs to.

    Attributes:
        stage: int32 [classes, MAX_LEGS + 1], as in `CellSearch`, and so are the next two.
        wanted: bool [stages, 2].
        bucket: int32 [max_span].
    """

    stage: Int32Array2D
    wanted: npt.NDArray[np.bool_]
    bucket: Int32Array1D


class ChunkCells(NamedTuple):
    """The cells of the series of a chunk.

    Attributes:
        record_at: int64 [s + 1], the first record of each series.
        key: int64 [s, stages, 2, buckets + 1], `key_of_score` of the best one, 0 for none. The last bucket holds the
            spans beyond all edges.
        counts: int64 of the same shape, how many there are.
    """

    record_at: Int64Array1D
    key: Int64Array4D
    counts: Int64Array4D


@njit(cache=True, nogil=True, error_model="numpy")
def cell_of(terms: CellTerms, records: Records, index: int) -> tuple[int, int, int]:
    """Stage, side and bucket of one record."""
    legs = records.legs[index]
    span = records.pivots[index, legs] - records.pivots[index, 0]
    side = 0 if records.direction[index] == 1 else 1
    return terms.stage[records.wave_class[index], legs], side, terms.bucket[span]


@njit(cache=True, nogil=True, error_model="numpy")
def key_of_score(score: float) -> int:
    """A number above 0 that is greater for a better score; exact, because scores are multiples of 1 / SCORE_STEPS."""
    return int(score * SCORE_STEPS) + 1


@njit(cache=True, nogil=True, error_model="numpy")
def score_of_key(key: int) -> float:
    """The score of a key; NaN for 0."""
    return (key - 1) / SCORE_STEPS if key > 0 else math.nan
