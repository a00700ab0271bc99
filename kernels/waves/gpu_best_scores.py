"""Best scores on an NVIDIA GPU: the records of a search, reduced to the best of each cell on the device."""

from __future__ import annotations

import numpy as np

from kernels.memory import Device, in_chunks, whole
from kernels.panel import Float64Array2D
from kernels.waves.cells import STAGES, BestScores
from kernels.waves.classes import CLASSES
from kernels.waves.cpu import wanted_sides
from kernels.waves.cpu_best_scores import cell_search
from kernels.waves.gpu import asked_of, declare, no_room_for, no_room_for_prices, planned_chunks
from kernels.waves.gpu_cells import CellTerms, ChunkCells
from kernels.waves.gpu_charts import Cut, columns_of, upload_panel
from kernels.waves.gpu_kernels import kernels, launch
from kernels.waves.gpu_search import Asked, search_chunk
from kernels.waves.patterns import ScanSettings
from kernels.waves.rules import SCORE_STEPS


def best_scores(
    low: Float64Array2D,
    high: Float64Array2D,
    settings: ScanSettings,
    buckets: tuple[int, ...],
    reason: str,
    device: Device | None = None,
) -> BestScores:
    """Best scores; arguments as in `cpu_best_scores.best_scores`, and the device, for a limit of its memory.

    Raises:
        InvalidInputError: a row with too many patterns.
        BackendUnavailableError: a row whose patterns don't fit the device's memory.
    """
    device = Device() if device is None else device
    rows, bars = low.shape
    shape = rows, len(STAGES), 2, len(buckets) + 1
    key, counts = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    if low.size:
        cuts = [Cut(row, np.array([row]), 0, bars, 0, bars) for row in range(rows)]
        end = np.full(rows, bars - 1, np.int32)
        device.plan()
        with device.stage("prepare"), whole(device, lambda got: no_room_for_prices(low, device, got)):
            wanted = wanted_sides(settings)
            # Patterns are found whether asked for or not, because they resolve the legs of others.
            declared = declare(device, np.ones_like(wanted), wanted)
            panel = upload_panel(device, low, high, cuts)
            terms = cell_terms(device, settings, buckets, bars)

        def work(chunk: int, stop: int) -> None:
            asked = asked_of(device, declared, panel, cuts[chunk:stop], end, settings)
            cells = best_of_chunk(device, asked, terms, 0, stop - chunk, len(buckets))
            key[chunk:stop], counts[chunk:stop] = device.download(cells.key), device.download(cells.counts)

        chunks = planned_chunks(columns_of(cuts), device.memory)
        in_chunks(device, chunks, work, lambda row, got: no_room_for(row, device, got))
    score = np.where(key > 0, (key - 1) / SCORE_STEPS, np.nan)
    candidates = counts[:, : len(CLASSES)].sum(axis=(1, 2, 3))
    within = (np.ascontiguousarray(values[..., :-1]) for values in (score, counts))
    return BestScores(next(within), next(within), candidates, "gpu", reason)


def cell_terms(device: Device, settings: ScanSettings, buckets: tuple[int, ...], bars: int) -> CellTerms:
    """Which cells there are in series of so many bars, on the device."""
    search = cell_search(settings, buckets, bars)
    return device.upload_all(CellTerms(search.stage, search.wanted, search.bucket))


def best_of_chunk(device: Device, asked: Asked, terms: CellTerms, chunk: int, series: int, buckets: int) -> ChunkCells:
    """Search the series of a chunk and keep the best of each cell; all stays on the device.

    Args:
        device: the device.
        asked: what is looked for.
        terms: the cells.
        chunk: the first series of the chunk.
        series: how many there are.
        buckets: buckets of spans.

    Raises:
        InvalidInputError: a series with too many patterns.
        MemoryError: the chunk doesn't fit.
    """
    xp = device.xp
    shape = series, len(STAGES), 2, buckets + 1
    cells = ChunkCells(xp.zeros(series + 1, np.int64), xp.zeros(shape, np.int64), xp.zeros(shape, np.int64))
    found = search_chunk(device, asked, chunk, series)
    if found is None:
        return cells
    cells = cells._replace(record_at=device.upload(found.record_at))
    most = int(np.diff(found.record_at).max())
    with device.stage("best"):
        arguments = (found.records, found.result, terms, cells)
        launch(kernels().keep_best, series, most, *(device.argument(arrays) for arrays in arguments))
    return cells
