"""The passes over the series of a chunk: count and write the legs, count and write the patterns, score them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.memory import Device
from kernels.waves.classes import CLASS_NAMES, MAX_LEGS
from kernels.waves.cpu import too_many_patterns
from kernels.waves.gpu_kernels import kernels, launch
from kernels.waves.gpu_layout import Charts, ChunkLegs, Contest, Grouped, Int64Array1D, LegCounts, Tasks
from kernels.waves.program import Program
from kernels.waves.search import MAX_RECORDS, MAX_VISITS, Records
from kernels.waves.subdivide import Subdivision

CLASS_COUNT = len(CLASS_NAMES)
KIND_COUNT = 2 * CLASS_COUNT

BYTES_PER_RECORD = 220
"""Bytes of a record while it is found, sorted, scored and ranked."""

BYTES_PER_LEG = 16 + 12 * KIND_COUNT
"""Bytes of a leg and of the contest for it."""

BYTES_PER_TASK = 40
"""Bytes of a search from one start for one class."""


class Asked(NamedTuple):
    """What a scan asks of every series.

    Attributes:
        program: the class table, on the device.
        charts: the series, on the device.
        column: int64 [S + 1], `Charts.column` on the host.
        most_span: the largest `Charts.max_span`.
        with_patterns, with_setups: bool [classes, 2], on the device.
        names: what each series is called in errors.
    """

    program: Program
    charts: Charts
    column: Int64Array1D
    most_span: int
    with_patterns: Any
    with_setups: Any
    names: tuple[str, ...]


class Found(NamedTuple):
    """The scored records of a chunk, on the device.

    Attributes:
        record_at: int64 [s + 1], the first record of each series, on the host; its patterns come before its setups.
        setup_at: int64 [s], its first setup, on the host.
        records: as in `Records`; legs and children counted within the series.
        result: as in `Subdivision`.
    """

    record_at: Int64Array1D
    setup_at: Int64Array1D
    records: Records
    result: Subdivision


def empty_records(xp: Any, count: int) -> Records:
    """Room for `count` records."""
    return Records(
        xp.empty(count, np.int8),
        xp.empty(count, np.int8),
        xp.empty(count, np.int8),
        xp.empty((count, MAX_LEGS + 1), np.int32),
        xp.empty((count, MAX_LEGS), np.int32),
        xp.empty(count, np.int32),
    )


def find_legs(device: Device, asked: Asked, chunk: int, series: int) -> tuple[ChunkLegs, Any]:
    """Find the legs of a chunk; them, and the places on which a search starts, in order."""
    xp = device.xp
    column = asked.column[chunk : chunk + series + 1] - asked.column[chunk]
    columns, places = int(column[-1]), int(2 * np.diff(column).max())
    counts = LegCounts(xp.zeros(2 * columns, np.int32), xp.zeros(2 * columns, np.bool_))
    one, at = xp.zeros(1, np.int64), xp.zeros((2, columns), np.int32)
    none = ChunkLegs(one, one, at, xp.zeros(1, np.int32), xp.zeros(1))
    charts = device.argument(asked.charts)
    launch(kernels().count_legs, series, places, charts, chunk, device.argument(counts), device.argument(none))
    before = device.before(counts.legs)
    begin = before[device.upload(2 * column)]
    total = int(device.download(begin[-1:])[0])
    device.require(BYTES_PER_LEG * total)
    legs = ChunkLegs(begin, before, at, xp.zeros(max(total, 1), np.int32), xp.zeros(max(total, 1)))
    launch(kernels().write_legs, series, places, charts, chunk, device.argument(legs))
    return legs, xp.flatnonzero(counts.is_start)


def find_records(
    device: Device, asked: Asked, chunk: int, series: int, legs: ChunkLegs, start: Any
) -> tuple[Int64Array1D, Int64Array1D, Records]:
    """Find the patterns and setups of a chunk: count, then write.

    Returns:
        `record_at`, `setup_at` and `records` as in `Found`.

    Raises:
        InvalidInputError: a series with too many.
        MemoryError: a chunk with too many.
    """
    xp = device.xp
    column = asked.column[chunk : chunk + series + 1] - asked.column[chunk]
    start_at = xp.searchsorted(start, device.upload(2 * column))
    first_task = CLASS_COUNT * device.download(start_at)
    count = int(first_task[-1])
    device.require(BYTES_PER_TASK * count)
    # Places after the room, so that the first pass only counts.
    beyond = xp.ones(count + 1, np.int64)
    tasks = Tasks(
        start,
        start_at,
        beyond,
        beyond,
        xp.zeros(count, np.int32),
        xp.zeros(count, np.int32),
        xp.zeros(count, np.int64),
        asked.with_patterns,
        asked.with_setups,
    )
    most = int(np.diff(first_task).max())

    program, charts, legs_there = (device.argument(arrays) for arrays in (asked.program, asked.charts, legs))

    def search(these: Tasks, records: Records) -> None:
        written = (device.argument(these), device.argument(records))
        launch(kernels().search, series, most, program, charts, chunk, legs_there, *written)

    with device.stage("count patterns"):
        search(tasks, empty_records(xp, 1))
        tallies = tuple(device.before(counts) for counts in (tasks.patterns, tasks.setups, tasks.visits))
        bounds = device.upload(first_task)
        patterns, setups, visits = (device.download(tally[bounds]) for tally in tallies)
    refused = (np.diff(patterns + setups) > MAX_RECORDS) | (np.diff(visits) > MAX_VISITS)
    if refused.any():
        raise too_many_patterns(asked.names[chunk + int(np.argmax(refused))])
    record_at = patterns + setups
    device.require(BYTES_PER_RECORD * int(record_at[-1]) + BYTES_PER_LEG * len(legs.end))
    records = empty_records(xp, max(int(record_at[-1]), 1))
    with device.stage("write patterns"):
        search(tasks._replace(patterns_before=tallies[0], setups_before=tallies[1]), records)
    return record_at, patterns[1:] + setups[:-1], records


def series_of(device: Device, record_at: Any, record: Any) -> Any:
    """The series of each record of a chunk; all on the device."""
    return device.xp.searchsorted(record_at[1:], record, side="right")


def score_records(
    device: Device,
    asked: Asked,
    chunk: int,
    series: int,
    legs: ChunkLegs,
    found: tuple[Int64Array1D, Int64Array1D, Records],
) -> Found:
    """Score the records of a chunk."""
    xp = device.xp
    record_at, setup_at, records = found
    count = len(records.until)
    groups = asked.most_span + 1
    on_device = device.upload(record_at)
    index = xp.arange(count)
    own = series_of(device, on_device, index)
    last = xp.take_along_axis(records.pivots, records.legs.astype(np.int64)[:, None], axis=1)[:, 0]
    group = xp.where(index < device.upload(setup_at)[own], last - records.pivots[:, 0], asked.most_span)
    group = group + groups * own
    order = xp.argsort(group)
    group_at = xp.searchsorted(group[order], xp.arange(series * groups + 1))
    del index, own, last, group
    grouped = Grouped(on_device, order, group_at)
    contest = Contest(
        xp.empty(count, np.int32),
        xp.zeros(KIND_COUNT * len(legs.end), np.int64),
        xp.zeros(len(legs.end), np.int32),
        xp.zeros((len(legs.end), KIND_COUNT), np.int32),
    )
    result = Subdivision(
        xp.empty(count),
        xp.empty(count, np.int8),
        xp.empty((count, MAX_LEGS), np.int8),
        xp.empty((count, MAX_LEGS), np.int32),
    )
    launch(
        kernels().score,
        series,
        0,
        device.argument(asked.program),
        device.argument(asked.charts),
        chunk,
        device.argument(legs),
        device.argument(records),
        device.argument(grouped),
        groups,
        device.argument(contest),
        device.argument(result),
    )
    return Found(record_at, setup_at, records, result)


def search_chunk(device: Device, asked: Asked, chunk: int, series: int) -> Found | None:
    """Find and score every pattern and setup of a chunk; None where there is none.

    Args:
        device: the device.
        asked: what is looked for.
        chunk: the first series of the chunk.
        series: how many there are.

    Raises:
        InvalidInputError: a series with too many patterns.
        MemoryError: the chunk doesn't fit.
    """
    with device.stage("legs"):
        legs, start = find_legs(device, asked, chunk, series)
    if len(start) == 0:
        return None
    found = find_records(device, asked, chunk, series, legs, start)
    if found[0][-1] == 0:
        return None
    device.records += int(found[0][-1])
    with device.stage("score"):
        return score_records(device, asked, chunk, series, legs, found)


def patterns_of_class(device: Device, found: Found, wave_class: int, direction: int) -> npt.NDArray[np.int32]:
    """Pivots of the finished patterns of one class and direction of a chunk of one series, sorted."""
    records = found.records
    is_own = (records.wave_class == wave_class) & (records.direction == direction)
    own = device.xp.flatnonzero(is_own & ~device.xp.isnan(found.result.score))
    return device.download(records.pivots[own])
