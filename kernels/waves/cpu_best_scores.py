"""Best scores on the CPU: one series is one piece of work."""

from __future__ import annotations

import numpy as np

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D
from kernels.waves.cells import CLASS_OF_STAGE, STAGES, BestScores, bucket_of_spans, stages_by_legs
from kernels.waves.classes import CLASSES
from kernels.waves.cpu import in_threads, wanted_sides
from kernels.waves.joint_cells import Cells, CellSearch
from kernels.waves.joint_search import best_of_bars
from kernels.waves.patterns import ScanSettings
from kernels.waves.program import program
from kernels.waves.score_bound import most_of_the_rest
from kernels.waves.search import MAX_VISITS
from kernels.waves.shared_rules import shared_rules


def cell_search(settings: ScanSettings, buckets: tuple[int, ...], bars: int) -> CellSearch:
    """What settings and buckets ask of series of so many bars."""
    max_span = min(settings.max_span, bars)
    return CellSearch(
        program(),
        shared_rules(),
        stages_by_legs(),
        most_of_the_rest(),
        wanted_sides(settings)[CLASS_OF_STAGE],
        bucket_of_spans(buckets, max_span),
        bars if settings.max_skip is None else settings.max_skip,
        max_span,
        MAX_VISITS,
    )


def too_many_prefixes(where: str) -> InvalidInputError:
    """Say that a search gave up."""
    return InvalidInputError(
        where,
        expected=f"at most {MAX_VISITS:,} prefixes of patterns to look at",
        got="more, as a steady sawtooth has",
        mend="lower max_span, or set max_skip",
    )


def best_scores(
    low: Float64Array2D, high: Float64Array2D, settings: ScanSettings, buckets: tuple[int, ...], reason: str
) -> BestScores:
    """Best scores; arguments as the public function has checked them."""
    search = cell_search(settings, buckets, low.shape[1])
    shape = len(low), len(STAGES), 2, len(buckets) + 1
    cells = Cells(np.empty(shape), np.empty(shape, np.int64))

    def work(row: int) -> None:
        if not best_of_bars(search, low[row], high[row], Cells(cells.best[row], cells.counts[row])):
            raise too_many_prefixes(f"row {row}")

    in_threads(work, list(range(len(low))))
    score, counts = np.ascontiguousarray(cells.best[..., :-1]), np.ascontiguousarray(cells.counts[..., :-1])
    return BestScores(score, counts, cells.counts[:, : len(CLASSES)].sum(axis=(1, 2, 3)), "cpu", reason)
