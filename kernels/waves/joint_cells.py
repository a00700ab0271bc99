"""What a search for best scores looks for (`CellSearch`), and the cells that it fills (`Cells`)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.program import Int32Array2D, Program
from kernels.waves.shared_rules import SharedRules

Int64Array3D = npt.NDArray[np.int64]
Float64Array3D = npt.NDArray[np.float64]


class CellSearch(NamedTuple):
    """What is looked for in series of one length.

    Attributes:
        program: the class table.
        shared: its rules.
        stage: int32 [classes, MAX_LEGS + 1], the stage of each class with so many legs; -1 where that is none.
        rest: float64 [stages], `most_of_the_rest`.
        wanted: bool [stages, 2], which stages are asked for, upward (0) and downward (1).
        bucket: int32 [max_span], the bucket of each span; the number of buckets beyond the last edge.
        max_skip: legs used per start at most.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        max_visits: prefixes after which a search gives up.
    """

    program: Program
    shared: SharedRules
    stage: Int32Array2D
    rest: Float64Array1D
    wanted: npt.NDArray[np.bool_]
    bucket: Int32Array1D
    max_skip: int
    max_span: int
    max_visits: int


class Cells(NamedTuple):
    """The cells of one series.

    Attributes:
        best: float64 [stages, 2, buckets + 1], the best score. While it grows: -infinity before the first, infinity
            where none is asked for. In the end: NaN for both.
        counts: int64 of the same shape, how many there are. The last bucket holds the spans beyond all edges.
    """

    best: Float64Array3D
    counts: Int64Array3D


@njit(cache=True, nogil=True)
def open_cells(wanted: npt.NDArray[np.bool_], cells: Cells) -> None:
    """Make the cells ready for a series; the last bucket is counted, never scored."""
    cells.counts[:] = 0
    cells.best[:] = math.inf
    for stage in range(len(wanted)):
        for side in range(2):
            if wanted[stage, side]:
                cells.best[stage, side, :-1] = -math.inf


@njit(cache=True, nogil=True)
def close_cells(wanted: npt.NDArray[np.bool_], cells: Cells) -> None:
    """Clear what isn't asked for, and mark the cells without a pattern."""
    for stage in range(len(wanted)):
        for side in range(2):
            if not wanted[stage, side]:
                cells.counts[stage, side] = 0
            for bucket in range(cells.best.shape[2]):
                if math.isinf(cells.best[stage, side, bucket]):
                    cells.best[stage, side, bucket] = math.nan
