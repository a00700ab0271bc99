"""Histograms of null scores on an NVIDIA GPU: surrogates are made, searched and counted there, and only counts return.

The rows are prepared once. Surrogates are worked on in chunks of pairs of row and number that fit the
device's memory; a chunk that doesn't is halved, before it has counted anything. A surrogate's own bars, not its
neighbours, decide its scores, and counts are added up, so chunks change nothing.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.memory import Device, in_chunks, no_room, whole
from kernels.nulls.gpu_kernels import Histograms, count_bins
from kernels.nulls.model import NullHistograms
from kernels.panel import Float64Array2D
from kernels.surrogates.gpu import bytes_of_rows, make_pairs, upload_rows
from kernels.surrogates.model import FIELDS, Int64Array1D, Null, Part
from kernels.volatility.gjr import GjrParameters
from kernels.waves.cells import CLASS_OF_STAGE, STAGES
from kernels.waves.cpu import wanted_sides
from kernels.waves.gpu import BYTES_PER_BAR, MOST_SERIES, declare
from kernels.waves.gpu_best_scores import best_of_chunk, cell_terms
from kernels.waves.gpu_charts import charts_of_prices
from kernels.waves.gpu_kernels import launch
from kernels.waves.gpu_search import Asked
from kernels.waves.patterns import ScanSettings

MEND = 'use backend "cpu", fewer rows at a time, or fewer bars'
"""What helps where there is no room."""

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
    device: Device | None = None,
    part: Part | None = None,
) -> NullHistograms:
    """Histograms; arguments as in `cpu.null_histograms`, the device, and where the bars lie in arrays it may hold.

    Raises:
        InvalidInputError: a surrogate with too many patterns.
        BackendUnavailableError: the histograms, or one surrogate, don't fit the device's memory.
    """
    device = Device() if device is None else device
    device.plan()
    count, bars, surrogates = *close.shape, len(numbers)
    wanted = wanted_sides(settings)
    shape = count, len(STAGES), 2, len(buckets), bins + 1
    needed = bytes_of_rows(count, bars) + 8 * math.prod(shape)
    what = f"the histograms of {count} rows"
    with device.stage("prepare"), whole(device, lambda got: no_room(device, what, got, MEND)):
        device.require(needed)
        rows, terms = upload_rows(device, open_, high, low, close, keys, null, seed, block, parameters, part)
        histograms = Histograms(device.upload(wanted[CLASS_OF_STAGE]), device.xp.zeros(shape, np.int64))
        own_numbers = device.upload(np.arange(numbers.start, numbers.stop, dtype=np.int32))
        # Patterns are found whether asked for or not, because they resolve the legs of others.
        declared = declare(device, np.ones_like(wanted), wanted)
        cell = cell_terms(device, settings, buckets, bars)
    device.plan(needed)
    max_span = min(settings.max_span, bars)
    max_skip = bars if settings.max_skip is None else min(settings.max_skip, bars)

    def work(first: int, stop: int) -> None:
        series = stop - first
        with device.stage("surrogates"):
            made = make_pairs(device, rows, terms, own_numbers, first, stop, bars)
            lows, highs = (device.xp.ascontiguousarray(made[:, field]) for field in (LOW, HIGH))
            del made
        with device.stage("charts"):
            charts = charts_of_prices(device, lows, highs, max_span, max_skip)
            del lows, highs
        column = np.arange(series + 1, dtype=np.int64) * (bars + 1)
        names = tuple(
            f"surrogate {numbers[pair % surrogates]} of row {pair // surrogates}" for pair in range(first, stop)
        )
        asked = Asked(declared.program, charts, column, max_span, declared.with_patterns, declared.with_setups, names)
        cells = best_of_chunk(device, asked, cell, 0, series, len(buckets))
        # Last, so that a chunk that doesn't fit has counted nothing.
        with device.stage("count"):
            arguments = device.argument(cells), device.argument(histograms), first, surrogates
            launch(count_bins(), series, len(STAGES) * 2 * len(buckets), *arguments)

    most = min(max(device.memory // (BYTES_PER_BAR * (bars + 1)), 1), MOST_SERIES)
    pairs = count * surrogates
    chunks = [(first, min(first + most, pairs)) for first in range(0, pairs, most)]
    in_chunks(device, chunks, work, lambda _, got: no_room(device, "one surrogate", got, MEND))
    return NullHistograms(device.download(histograms.counts), buckets, "gpu", reason)
