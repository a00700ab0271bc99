"""Histograms of null scores on the CPU: one row is one piece of work, and its surrogates come and go one by one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.errors import InvalidInputError
from kernels.nulls.model import Int64Array5D, NullHistograms
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.surrogates import cpu as cpu_surrogates
from kernels.surrogates.model import FIELDS, Int64Array1D, Null, Rows, Terms
from kernels.surrogates.rules import write_surrogate
from kernels.volatility.gjr import GjrParameters
from kernels.waves.cells import STAGES
from kernels.waves.cpu import in_threads
from kernels.waves.cpu_best_scores import cell_search, too_many_prefixes
from kernels.waves.joint_cells import Cells, CellSearch
from kernels.waves.joint_search import best_of_bars
from kernels.waves.patterns import ScanSettings

Int64Array4D = npt.NDArray[np.int64]

HIGH, LOW = FIELDS.index("high"), FIELDS.index("low")


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
    rows, terms = cpu_surrogates.prepare(open_, high, low, close, keys, null, seed, block, parameters)
    search = cell_search(settings, buckets, close.shape[1])
    counts = np.zeros((len(close), len(STAGES), 2, len(buckets), bins + 1), np.int64)

    def work(row: int) -> None:
        failed = count_row(search, rows, terms, row, numbers.start, numbers.stop, counts[row])
        if failed >= 0:
            raise too_many(row, failed)

    in_threads(work, list(range(len(close))))
    return NullHistograms(counts, buckets, "cpu", reason)


def too_many(row: int, number: int) -> InvalidInputError:
    """Say in which surrogate of which row a search gave up."""
    return too_many_prefixes(f"surrogate {number} of row {row}")


@njit(cache=True, nogil=True)
def count_row(
    search: CellSearch, rows: Rows, terms: Terms, row: int, first: int, stop: int, counts: Int64Array4D
) -> int:
    """Add the surrogates `first .. stop - 1` of one row to its histograms.

    Args:
        search: what is looked for.
        rows: the originals.
        terms: what all surrogates have in common.
        row: which of `rows`.
        first: number of the first surrogate.
        stop: the first number after them.
        counts: int64 [stages, 2, buckets, bins + 1], added to.

    Returns:
        -1, or the number of the first surrogate whose search gave up.
    """
    made = np.empty((len(FIELDS), rows.there.shape[1]))
    shape = counts.shape[0], counts.shape[1], counts.shape[2] + 1
    cells = Cells(np.empty(shape), np.empty(shape, np.int64))
    for number in range(first, stop):
        write_surrogate(rows, terms, row, number, made[0], made[1], made[2], made[3])
        if not best_of_bars(search, made[LOW], made[HIGH], cells):
            return number
        count_cells(cells, search.wanted, counts)
    return -1


@njit(cache=True, nogil=True)
def count_cells(cells: Cells, wanted: npt.NDArray[np.bool_], counts: Int64Array4D) -> None:
    """Add the best score of each cell that is asked for to its histogram."""
    bins = counts.shape[3] - 1
    for stage in range(counts.shape[0]):
        for side in range(counts.shape[1]):
            if not wanted[stage, side]:
                continue
            for bucket in range(counts.shape[2]):
                counts[stage, side, bucket, bin_of(cells.best[stage, side, bucket], bins)] += 1


@njit(cache=True, nogil=True)
def bin_of(score: float, bins: int) -> int:
    """The bin of a score in [0, 1]; `bins` for NaN."""
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
    bucket = np.searchsorted(np.array(histograms.buckets, np.int64), span)
    found = np.empty(len(score))
    write_p_values(histograms.counts, row, stage, (1 - direction) // 2, bucket, score, found)
    return found


@njit(cache=True, nogil=True)
def write_p_values(
    counts: Int64Array5D,
    row: npt.NDArray[np.int64],
    stage: npt.NDArray[np.int64],
    side: npt.NDArray[np.int64],
    bucket: npt.NDArray[np.int64],
    score: Float64Array1D,
    p_value: Float64Array1D,
) -> None:
    """Write the p-value of each pattern; arguments [P], `bucket` beyond the last where there is none."""
    bins = counts.shape[4] - 1
    for pattern in range(len(score)):
        p_value[pattern] = math.nan
        if bucket[pattern] >= counts.shape[3] or math.isnan(score[pattern]):
            continue
        cell = counts[row[pattern], stage[pattern], side[pattern], bucket[pattern]]
        surrogates = 0
        as_good = 0
        own = bin_of(score[pattern], bins)
        for place in range(bins + 1):
            surrogates += cell[place]
            if own <= place < bins:
                as_good += cell[place]
        if surrogates > 0:
            p_value[pattern] = (1 + as_good) / (1 + surrogates)
