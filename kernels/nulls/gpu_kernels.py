"""The CUDA kernel that counts best scores. CUDA is imported by the first call of `count_bins`, not before."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.nulls.cpu import bin_of
from kernels.nulls.model import Int64Array5D
from kernels.waves.gpu_cells import ChunkCells, score_of_key

cuda: Any = None
"""`numba.cuda` from the first call of `count_bins` on."""


class Histograms(NamedTuple):
    """What the best scores are counted into.

    Attributes:
        wanted: bool [stages, 2], which stages are asked for, upward (0) and downward (1).
        counts: int64 [R, stages, 2, buckets, bins + 1], added to.
    """

    wanted: npt.NDArray[np.bool_]
    counts: Int64Array5D


def add_scores(cells: ChunkCells, histograms: Histograms, first: int, surrogates: int) -> None:
    """Add the best score of each cell of the surrogates of a chunk to the histogram of its row.

    Args:
        cells: the cells of the chunk.
        histograms: added to.
        first: the first pair of row and surrogate of the chunk; surrogates within rows.
        surrogates: of each row.
    """
    one = cuda.blockIdx.y
    row = (first + one) // surrogates
    counts = histograms.counts
    buckets, bins = counts.shape[3], counts.shape[4] - 1
    for index in range(cuda.grid(1), counts.shape[1] * 2 * buckets, cuda.gridsize(1)):
        stage, side, bucket = index // (2 * buckets), index // buckets % 2, index % buckets
        if histograms.wanted[stage, side]:
            own = bin_of(score_of_key(cells.key[one, stage, side, bucket]), bins)
            cuda.atomic.add(counts, (row, stage, side, bucket, own), 1)


@cache
def count_bins() -> Any:
    """The kernel; its first launch compiles it."""
    from numba import cuda as numba_cuda

    # The function above looks the name up when it is compiled, or simulated.
    globals()["cuda"] = numba_cuda
    return numba_cuda.jit(cache=True)(add_scores)
