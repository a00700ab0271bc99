"""Wave search, scoring and selection on an NVIDIA GPU, for many series at once.

Prices go up with their logarithms, which the host computes as `cpu.py` does, so that every hard rule is decided on the
same floats; a device that holds the prices has both already. Series are cut out of them, and worked on, in chunks that
fit the device's memory; a chunk that doesn't is halved. Only what is kept comes back, and is described by
`cpu.assemble`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import BackendUnavailableError
from kernels.memory import Device, in_chunks, no_room, whole
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import CLASS_NAMES
from kernels.waves.cpu import Part, assemble, wanted_sides
from kernels.waves.gpu_charts import Cut, Panel, charts_of_cuts, columns_of, cuts_of, upload_panel
from kernels.waves.gpu_layout import Int64Array1D
from kernels.waves.gpu_search import Asked, patterns_of_class, search_chunk
from kernels.waves.gpu_select import Wish, fetch_selections, nothing_selected, select_for_origins
from kernels.waves.patterns import Scan, ScanSettings
from kernels.waves.program import LEGS, REQUIRED, Int32Array2D, Program, program
from kernels.waves.series import Selection

BYTES_PER_BAR = 20_000
"""Bytes that a chunk is planned with, for about a hundred records a bar."""

MOST_SERIES = 32_768
"""Series of a chunk at most: a grid has no more rows than 65,535."""


class Declared(NamedTuple):
    """What a scan asks of every series, on the device; as in `Asked`."""

    program: Program
    with_patterns: Any
    with_setups: Any


def declare(device: Device, patterns: npt.NDArray[np.bool_], setups: npt.NDArray[np.bool_]) -> Declared:
    """Upload what a scan asks: bool [classes, 2] each, classes and directions of patterns and of setups."""
    return Declared(device.upload_all(program()), device.upload(patterns), device.upload(setups))


def asked_of(
    device: Device, declared: Declared, panel: Panel, cuts: list[Cut], end: Int32Array1D, settings: ScanSettings
) -> Asked:
    """What is asked of a chunk of series, with their charts."""
    with device.stage("charts"):
        charts, column, most_span = charts_of_cuts(device, panel, cuts, end, settings)
    names = tuple(f"row {cut.row}" for cut in cuts)
    return Asked(declared.program, charts, column, most_span, declared.with_patterns, declared.with_setups, names)


def scan(
    low: Float64Array2D,
    high: Float64Array2D,
    row: Int32Array1D,
    end: Int32Array1D,
    start: Int32Array1D,
    settings: ScanSettings,
    reason: str,
    device: Device | None = None,
) -> Scan:
    """Scan; arguments as in `cpu.scan`, and the device, for a limit of its memory or for its times.

    Raises:
        InvalidInputError: a series with too many patterns.
        BackendUnavailableError: a series whose patterns don't fit the device's memory.
    """
    device = Device() if device is None else device
    cuts = cuts_of(row, end, start)
    parts: list[Part] = []
    if cuts:
        selections = select_in_chunks(device, low, high, cuts, end, start, settings)
        parts = [Part(cut.row, cut.origins, cut.offset, each) for cut, each in zip(cuts, selections, strict=True)]
    with device.stage("describe"):
        return assemble(low, high, row, end, parts, "gpu", reason)


def select_in_chunks(
    device: Device,
    low: Float64Array2D,
    high: Float64Array2D,
    cuts: list[Cut],
    end: Int32Array1D,
    start: Int32Array1D,
    settings: ScanSettings,
) -> list[Selection]:
    """What the origins of each series keep; arguments as in `scan`."""
    device.plan()
    with device.stage("prepare"), whole(device, lambda got: no_room_for_prices(low, device, got)):
        wanted = wanted_sides(settings)
        # Patterns are found whether asked for or not, because they resolve the legs of others.
        declared = declare(device, np.ones_like(wanted), wanted)
        panel = upload_panel(device, low, high, cuts)
        setup_top_n = np.iinfo(np.int32).max if settings.setup_top_n is None else settings.setup_top_n
        wish = Wish(device.upload(wanted.ravel()), settings.top_n, setup_top_n, float(settings.max_overlap))

    def work(chunk: int, stop: int) -> list[Selection]:
        own = cuts[chunk:stop]
        found = search_chunk(device, asked_of(device, declared, panel, own, end, settings), 0, stop - chunk)
        if found is None:
            return [nothing_selected(len(cut.origins)) for cut in own]
        origin_at = np.cumsum([0, *(len(cut.origins) for cut in own)])
        bars = (np.concatenate([values[cut.origins] - np.int32(cut.offset) for cut in own]) for values in (end, start))
        origins, chosen = select_for_origins(device, found, wish, origin_at, *bars)
        return fetch_selections(device, found, origin_at, origins, chosen)

    chunks = planned_chunks(columns_of(cuts), device.memory)
    parts = in_chunks(device, chunks, work, lambda series, got: no_room_for(cuts[series].row, device, got))
    return [selection for part in parts for selection in part]


def planned_chunks(column: Int64Array1D, memory: int) -> list[tuple[int, int]]:
    """Runs of series of about as many bars as the memory has room for, one series or more each."""
    bars = max(memory // BYTES_PER_BAR, 1)
    chunks = []
    chunk = 0
    while chunk < len(column) - 1:
        stop = int(np.searchsorted(column, column[chunk] + bars, side="right")) - 1
        stop = min(max(stop, chunk + 1), chunk + MOST_SERIES)
        chunks.append((chunk, stop))
        chunk = stop
    return chunks


def no_room_for(row: int, device: Device, got: str) -> BackendUnavailableError:
    """Say that one series alone is too much."""
    return no_room(device, f"the patterns of row {row}", got, 'use backend "cpu", lower max_span, or set max_skip')


def no_room_for_prices(low: Float64Array2D, device: Device, got: str) -> BackendUnavailableError:
    """Say that the prices are too much."""
    return no_room(
        device, f"{low.shape[0]} rows of {low.shape[1]} bars", got, 'use backend "cpu", or scan fewer rows at a time'
    )


def enumerate_class(
    low: Float64Array1D,
    high: Float64Array1D,
    name: str,
    direction: int,
    max_skip: int | None,
    max_span: int,
    device: Device | None = None,
) -> Int32Array2D:
    """Every pattern of a class; arguments as in `cpu.enumerate_class`, and the device.

    Raises:
        InvalidInputError: too many patterns.
        BackendUnavailableError: more than fit the device's memory.
    """
    device = Device() if device is None else device
    device.plan()
    n = len(low)
    index = CLASS_NAMES.index(name)
    columns = program().table[index, LEGS] + 1
    nothing = np.empty((0, columns), np.int32)
    if n == 0:
        return nothing
    cuts = [Cut(0, np.zeros(0, np.int64), 0, n, 0, n)]
    wanted = np.zeros((len(CLASS_NAMES), 2), np.bool_)
    wanted[index, (1 - direction) // 2] = True
    if program().table[index, REQUIRED] != 0:
        wanted[:] = True
    settings = ScanSettings(max_skip=max_skip, max_span=max_span)
    with whole(device, lambda got: no_room_for(0, device, got)):
        declared = declare(device, wanted, np.zeros_like(wanted))
        panel = upload_panel(device, low[None], high[None], cuts)
        asked = asked_of(device, declared, panel, cuts, np.zeros(0, np.int32), settings)
        found = search_chunk(device, asked._replace(names=("the series",)), 0, 1)
        if found is None:
            return nothing
        return np.ascontiguousarray(patterns_of_class(device, found, index, direction)[:, :columns])
