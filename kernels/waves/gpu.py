"""Wave search, scoring and selection on an NVIDIA GPU, for many series at once.

The bars and their logarithms are computed on the host as `cpu.py` does, so that every hard rule is decided on the same
floats, and uploaded once. Series are worked on in chunks that fit the device's memory; a chunk that doesn't is halved.
Only what is kept comes back, and is described by `cpu.assemble`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import BackendUnavailableError
from kernels.memory import Device, in_chunks
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import CLASS_NAMES
from kernels.waves.cpu import Part, assemble, wanted_sides
from kernels.waves.gpu_layout import Charts, Int64Array1D
from kernels.waves.gpu_search import Asked, patterns_of_class, search_chunk
from kernels.waves.gpu_select import Wish, fetch_selections, nothing_selected, select_for_origins
from kernels.waves.legs import count_swings, view_bars
from kernels.waves.patterns import Scan, ScanSettings
from kernels.waves.program import LEGS, REQUIRED, Int32Array2D, program
from kernels.waves.series import Selection, next_origins

BYTES_PER_BAR = 20_000
"""Bytes that a chunk is planned with, for about a hundred records a bar."""

MOST_SERIES = 32_768
"""Series of a chunk at most: a grid has no more rows than 65,535."""


class Cut(NamedTuple):
    """One series as it is searched.

    Attributes:
        row: its row.
        origins: int64 [k], its origins.
        offset: the bar that its bars count from.
        stop: the first bar after them.
        first: the first bar on which p0 may lie, of the whole series.
        longest: bars in the longest window.
    """

    row: int
    origins: npt.NDArray[np.int64]
    offset: int
    stop: int
    first: int
    longest: int


def cuts_of(row: Int32Array1D, end: Int32Array1D, start: Int32Array1D) -> list[Cut]:
    """The series that an origin asks for; arguments as in `scan`."""
    asked = np.flatnonzero(start <= end)
    rows, begins = np.unique(row[asked], return_index=True)
    cuts = []
    for one, origins in zip(rows, np.split(asked, begins)[1:], strict=True):
        first = int(start[origins].min())
        # One bar before the earliest window is the left neighbour of a p0 on the window's first bar.
        offset, stop = max(first - 1, 0), int(end[origins].max()) + 1
        longest = int((end[origins] - start[origins]).max()) + 1
        cuts.append(Cut(int(one), origins, offset, stop, first, longest))
    return cuts


def charts_of(
    low: Float64Array2D, high: Float64Array2D, cuts: list[Cut], end: Int32Array1D, settings: ScanSettings
) -> Charts:
    """The series, on the host."""
    column = np.zeros(len(cuts) + 1, np.int64)
    column[1:] = np.cumsum([cut.stop - cut.offset + 1 for cut in cuts])
    prices = [np.full((2, int(column[-1])), np.nan) for _ in range(4)]
    following = [np.zeros((2, int(column[-1])), np.int32) for _ in range(2)]
    swings, next_origin = (np.zeros(int(column[-1]), np.int32) for _ in range(2))
    for cut, begin in zip(cuts, column.tolist(), strict=False):
        n = cut.stop - cut.offset
        own = low[cut.row, cut.offset : cut.stop], high[cut.row, cut.offset : cut.stop]
        for side, bars in enumerate(view_bars(*own)):
            for target, values in zip((*prices, *following), bars, strict=True):
                target[side, begin : begin + n] = values
        swings[begin : begin + n + 1] = count_swings(*own)
        next_origin[begin : begin + n] = next_origins(end[cut.origins] - np.int32(cut.offset), n)
    lengths = np.diff(column) - 1
    longest = np.array([cut.longest for cut in cuts], np.int32)
    skips = lengths if settings.max_skip is None else np.minimum(lengths, settings.max_skip)
    return Charts(
        column,
        low=prices[0],
        high=prices[1],
        log_low=prices[2],
        log_high=prices[3],
        lower_after=following[0],
        higher_after=following[1],
        swings=swings,
        next_origin=next_origin,
        first=np.array([cut.first - cut.offset for cut in cuts], np.int32),
        longest=longest,
        max_span=np.minimum(longest, settings.max_span).astype(np.int32),
        max_skip=skips.astype(np.int32),
    )


def asked_of(
    device: Device,
    charts: Charts,
    names: tuple[str, ...],
    patterns: npt.NDArray[np.bool_],
    setups: npt.NDArray[np.bool_],
) -> Asked:
    """Upload what a scan asks."""
    return Asked(
        device.upload_all(program()),
        device.upload_all(charts),
        charts.column,
        int(charts.max_span.max()),
        device.upload(patterns),
        device.upload(setups),
        names,
    )


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
    with device.stage("prepare"):
        charts = charts_of(low, high, cuts, end, settings)
        wanted = wanted_sides(settings)
        # Patterns are found whether asked for or not, because they resolve the legs of others.
        every = np.ones(wanted.shape, np.bool_)
        asked = asked_of(device, charts, tuple(f"row {cut.row}" for cut in cuts), every, wanted)
        setup_top_n = np.iinfo(np.int32).max if settings.setup_top_n is None else settings.setup_top_n
        wish = Wish(device.upload(wanted.ravel()), settings.top_n, setup_top_n, float(settings.max_overlap))

    def work(chunk: int, stop: int) -> list[Selection]:
        own = cuts[chunk:stop]
        found = search_chunk(device, asked, chunk, stop - chunk)
        if found is None:
            return [nothing_selected(len(cut.origins)) for cut in own]
        origin_at = np.cumsum([0, *(len(cut.origins) for cut in own)])
        bars = (np.concatenate([values[cut.origins] - np.int32(cut.offset) for cut in own]) for values in (end, start))
        origins, chosen = select_for_origins(device, found, wish, origin_at, *bars)
        return fetch_selections(device, found, origin_at, origins, chosen)

    chunks = planned_chunks(charts.column, device.memory)
    parts = in_chunks(device, chunks, work, lambda series, got: no_room(cuts[series].row, device, got))
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


def no_room(row: int, device: Device, got: str) -> BackendUnavailableError:
    """Say that one series alone is too much."""
    return BackendUnavailableError(
        "memory of the GPU",
        expected=f"room for the patterns of row {row} in {device.memory:,} bytes",
        got=got,
        mend='use backend "cpu", lower max_span, or set max_skip',
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
    n = len(low)
    index = CLASS_NAMES.index(name)
    cut = Cut(0, np.zeros(0, np.int64), 0, n, 0, n)
    settings = ScanSettings(max_skip=max_skip, max_span=max_span)
    charts = charts_of(low[None], high[None], [cut], np.zeros(0, np.int32), settings)
    wanted = np.zeros((len(CLASS_NAMES), 2), np.bool_)
    wanted[index, (1 - direction) // 2] = True
    if program().table[index, REQUIRED] != 0:
        wanted[:] = True
    asked = asked_of(device, charts, ("the series",), wanted, np.zeros_like(wanted))
    try:
        found = search_chunk(device, asked, 0, 1)
    except MemoryError as error:
        raise no_room(0, device, str(error)) from error
    columns = program().table[index, LEGS] + 1
    if found is None:
        return np.empty((0, columns), np.int32)
    return np.ascontiguousarray(patterns_of_class(device, found, index, direction)[:, :columns])
