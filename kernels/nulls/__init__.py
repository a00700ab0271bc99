"""p-values of wave scores: how often a null model of the same bars scores as well.

`null_histograms` counts the best scores of many surrogates, cell by cell; `pooled` adds up the rows; `p_values`
compares patterns and setups with them.
Definitions, formulas and sources are in this folder's README.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.memory import Device
from kernels.nulls import cpu, naive
from kernels.nulls.model import DEFAULT_BINS, NullHistograms
from kernels.nulls.part import checked_part, taken
from kernels.nulls.validate import (
    checked_directions,
    checked_indexes,
    checked_scores,
    require_bins,
    require_histograms,
    require_numbers,
)
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.surrogates import DEFAULT_BLOCK, Null
from kernels.surrogates.model import Int64Array1D
from kernels.surrogates.validate import require_bars, require_keys, require_options
from kernels.volatility.gjr import GjrParameters
from kernels.waves import SPAN_BUCKETS, STAGES, ScanSettings
from kernels.waves.cells import require_buckets

__all__ = ["AVAILABLE", "DEFAULT_BINS", "NullHistograms", "null_histograms", "p_values", "pooled"]

AVAILABLE = ("naive", "cpu", "gpu")
"""The backends that `null_histograms` is written for."""


def null_histograms(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    *,
    surrogates: int,
    first: int = 0,
    null: Null,
    seed: int,
    block: float = DEFAULT_BLOCK,
    parameters: GjrParameters | None = None,
    settings: ScanSettings | None = None,
    buckets: tuple[int, ...] = SPAN_BUCKETS,
    bins: int = DEFAULT_BINS,
    rows: Int64Array1D | None = None,
    window: int | None = None,
    backend: Backend = "auto",
    device: Device | None = None,
) -> NullHistograms:
    """Count the best scores of surrogates of each row, for each stage, direction and bucket of spans.

    Each surrogate is made, searched, counted and forgotten. The counts of a row depend on its bars, its key and these
    arguments, on nothing else, so rows may be asked for in parts; the counts of numbers 0..99 and of 100..199 add up to
    those of 0..199.

    Args:
        open: float64 [R, T], C-contiguous, dollars from 1e-100 to 1e100. A bar is there as a whole or NaN as a whole.
        high: float64 [R, T], the same; at least open and close.
        low: float64 [R, T], the same; at most open and close.
        close: float64 [R, T], the same.
        keys: int64 [R], C-contiguous, the identity of each row that is asked for, such as a hash of its symbol.
        surrogates: how many of each row, 1 or more.
        first: number of the first, 0 or more.
        null: "block", "gjr" or "sign".
        seed: 0..2**64-1.
        block: mean bars of a block, at least 1; counts for "block" only.
        parameters: for "gjr", which can't do without; counts for nothing else.
        settings: what to look for, as in `kernels.waves.best_scores`; the defaults of `ScanSettings` if None.
        buckets: rising upper edges of p_last - p0, inclusive, in sessions, 1 or more.
        bins: bins of scores from 0 to 1, from 1 to 100,000; with the default buckets each takes 1,760 bytes a row.
        rows: int64 [R], which rows of the bars are asked for, in the order of the answer; all of them if None. Nothing
            else of the bars is looked at, or has to be in order.
        window: how many of the last sessions are looked at, 0 or more; all of them if None.
        backend: "auto", "naive", "cpu" or "gpu".
        device: of the run, for a GPU: what it holds isn't uploaded again. One of its own if None.

    Returns:
        The histograms, in the order of the rows.

    Raises:
        InvalidInputError: a wrong shape or dtype, a faulty bar (named), or an option out of range. Or a surrogate with
            too many patterns.
        BackendUnavailableError: an explicit backend that isn't there, or a device too small for the histograms or for
            one surrogate.
    """
    prices = open, high, low, close
    part = checked_part(prices, rows, window)
    open, high, low, close = taken(part) if rows is not None or window is not None else prices  # noqa: A001
    require_bars(open, high, low, close)
    require_keys(keys, len(close))
    require_options(null, seed, block, parameters)
    require_numbers(first, surrogates)
    require_buckets(buckets)
    require_bins(bins)
    chosen = choose("null_histograms", backend, AVAILABLE)
    asked = (
        open,
        high,
        low,
        close,
        keys,
        range(int(first), int(first) + int(surrogates)),
        null,
        int(seed),
        float(block),
        parameters,
        ScanSettings() if settings is None else settings,
        buckets,
        int(bins),
        chosen.reason,
    )
    if chosen.backend == "gpu":
        from kernels.nulls import gpu

        return gpu.null_histograms(*asked, device, part)
    return naive.null_histograms(*asked) if chosen.backend == "naive" else cpu.null_histograms(*asked)


def pooled(histograms: NullHistograms) -> NullHistograms:
    """Add up the histograms of all rows.

    A p-value from the sum asks how often the surrogates of any row score as well, and may be as small as one in all of
    them. It holds on the average of the rows, not for each: see the README.

    Args:
        histograms: the surrogates of R rows.

    Returns:
        Histograms with one row: the sum over the rows; zeros where there is no row.

    Raises:
        InvalidInputError: counts of a wrong shape or dtype.
    """
    require_histograms(histograms)
    return replace(histograms, counts=histograms.counts.sum(axis=0, keepdims=True))


def p_values(
    histograms: NullHistograms,
    *,
    row: npt.ArrayLike,
    stage: npt.ArrayLike,
    direction: npt.ArrayLike,
    span: npt.ArrayLike,
    score: npt.ArrayLike,
    backend: Backend = "auto",
) -> Float64Array1D:
    """Compare scores with the best ones of surrogates of the same row.

    (1 + surrogates whose best one of the stage, direction and bucket scores as well) / (1 + surrogates), of Phipson &
    Smyth (2010). A surrogate in the bin of the score counts as as good, so rounding to bins never makes a p-value too
    small.

    Args:
        histograms: the surrogates.
        row: integers [P], the row of each pattern or setup, in [0, R); 0 for all where rows are `pooled`.
        stage: integers [P], index into `kernels.waves.STAGES`, as `kernels.waves.stage_index` looks it up.
        direction: integers [P], 1 or -1.
        span: integers [P], from p0 to the last pivot that is there, in sessions, 0 or more.
        score: real numbers [P], in [0, 1]; NaN where there is none.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [P], in [1 / (1 + surrogates), 1]; NaN where there is no score, the span is beyond the last edge, or no
        surrogate was asked for such a pattern or setup.

    Raises:
        InvalidInputError: a wrong shape, dtype or range, named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    require_histograms(histograms)
    scores = checked_scores(score)
    count = len(scores)
    rows = checked_indexes("row", row, count, 0, len(histograms.counts))
    stages = checked_indexes("stage", stage, count, 0, len(STAGES))
    directions = checked_directions(direction, count)
    spans = checked_indexes("span", span, count, 0, np.iinfo(np.int64).max)
    compute = naive.p_values if choose("p_values", backend, ("naive", "cpu")).backend == "naive" else cpu.p_values
    return compute(histograms, rows, stages, directions, spans, scores)
