"""Histograms of null scores on an NVIDIA GPU: surrogates are made, searched and counted there, and only counts return.

The rows are prepared and uploaded once. Surrogates are worked on in chunks of pairs of row and number that fit the
device's memory; a chunk that doesn't is halved, before it has counted anything. A surrogate's own bars, not its
neighbours, decide its scores, and counts are added up, so chunks change nothing.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.errors import BackendUnavailableError
from kernels.memory import Device, in_chunks
from kernels.nulls.gpu_kernels import Histograms, count_bins
from kernels.nulls.model import NullHistograms
from kernels.panel import Float64Array2D
from kernels.surrogates.cpu import prepare
from kernels.surrogates.gpu import make_pairs
from kernels.surrogates.model import FIELDS, Int64Array1D, Null, Rows
from kernels.volatility.gjr import GjrParameters
from kernels.waves.cells import CLASS_OF_STAGE, STAGES
from kernels.waves.cpu import wanted_sides
from kernels.waves.gpu import BYTES_PER_BAR, MOST_SERIES
from kernels.waves.gpu_best_scores import best_of_chunk, cell_terms
from kernels.waves.gpu_charts import charts_of_prices
from kernels.waves.gpu_kernels import launch
from kernels.waves.gpu_layout import Prices
from kernels.waves.gpu_search import Asked
from kernels.waves.patterns import ScanSettings
from kernels.waves.program import program

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
) -> NullHistograms:
    """Histograms; arguments as in `cpu.null_histograms`, and the device, for a limit of its memory or for its times.

    Raises:
        InvalidInputError: a surrogate with too many patterns.
        BackendUnavailableError: the histograms, or one surrogate, don't fit the device's memory.
    """
    device = Device() if device is None else device
    count, bars, surrogates = *close.shape, len(numbers)
    with device.stage("prepare"):
        rows, terms = prepare(open_, high, low, close, keys, null, seed, block, parameters)
        wanted = wanted_sides(settings)
    shape = count, len(STAGES), 2, len(buckets), bins + 1
    rows, histograms = upload_rows(device, rows, wanted[CLASS_OF_STAGE], shape)
    own_numbers = device.upload(np.arange(numbers.start, numbers.stop, dtype=np.int32))
    declared = device.upload_all(program())
    # Patterns are found whether asked for or not, because they resolve the legs of others.
    sides = device.upload(np.ones_like(wanted)), device.upload(wanted)
    cell = cell_terms(device, settings, buckets, bars)
    max_span = min(settings.max_span, bars)
    max_skip = bars if settings.max_skip is None else min(settings.max_skip, bars)

    def work(first: int, stop: int) -> None:
        series = stop - first
        with device.stage("surrogates"):
            made = make_pairs(device, rows, terms, own_numbers, first, stop, bars)
            prices = Prices(*(device.xp.ascontiguousarray(made[:, field]) for field in (LOW, HIGH)))
            del made
        with device.stage("charts"):
            charts = charts_of_prices(device, prices, max_span, max_skip)
            del prices
        column = np.arange(series + 1, dtype=np.int64) * (bars + 1)
        names = tuple(
            f"surrogate {numbers[pair % surrogates]} of row {pair // surrogates}" for pair in range(first, stop)
        )
        cells = best_of_chunk(
            device, Asked(declared, charts, column, max_span, *sides, names), cell, 0, series, len(buckets)
        )
        # Last, so that a chunk that doesn't fit has counted nothing.
        with device.stage("count"):
            arguments = device.argument(cells), device.argument(histograms), first, surrogates
            launch(count_bins(), series, len(STAGES) * 2 * len(buckets), *arguments)

    most = min(max(device.memory // (BYTES_PER_BAR * (bars + 1)), 1), MOST_SERIES)
    pairs = count * surrogates
    chunks = [(first, min(first + most, pairs)) for first in range(0, pairs, most)]
    in_chunks(device, chunks, work, lambda _, got: no_room("one surrogate", device, got))
    return NullHistograms(device.download(histograms.counts), buckets, "gpu", reason)


def upload_rows(
    device: Device, rows: Rows, wanted: npt.NDArray[np.bool_], shape: tuple[int, ...]
) -> tuple[Rows, Histograms]:
    """Upload the originals and make empty histograms of a shape; the device's memory is less by what they take.

    Raises:
        BackendUnavailableError: they don't fit.
    """
    needed = sum(values.nbytes for values in rows) + 8 * math.prod(shape)
    try:
        device.require(needed)
        uploaded = device.upload_all(rows), Histograms(device.upload(wanted), device.xp.zeros(shape, np.int64))
    except MemoryError as error:
        raise no_room(f"the histograms of {shape[0]} rows", device, str(error)) from error
    device.memory -= needed
    return uploaded


def no_room(what: str, device: Device, got: str) -> BackendUnavailableError:
    """Say that the least there can be is too much."""
    return BackendUnavailableError(
        "memory of the GPU",
        expected=f"room for {what} in {device.memory:,} bytes",
        got=got,
        mend='use backend "cpu", fewer rows at a time, or fewer bars',
    )
