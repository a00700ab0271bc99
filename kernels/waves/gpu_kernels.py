"""The CUDA kernels: which threads there are, their scratch memory, and the atomics; the work is in `gpu_threads.py`.

Row y of a grid takes series y of the chunk; its threads share the pieces of that series' work. Arrays come in
NamedTuples, which the simulator hands on as they are. CUDA is imported by the first call of `kernels`, not before.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from kernels.waves.classes import CLASS_NAMES, COMPONENTS, MAX_LEGS
from kernels.waves.gpu_cells import CellTerms, ChunkCells, cell_of, key_of_score
from kernels.waves.gpu_layout import (
    Charts,
    Chosen,
    ChunkLegs,
    ChunkOrigins,
    Contest,
    Cuts,
    Grouped,
    KeptRoom,
    LegCounts,
    Prices,
    RankedChunk,
    Tasks,
)
from kernels.waves.gpu_threads import (
    bars_of,
    count_standing,
    count_start,
    key_of,
    legs_of,
    part_of,
    score_record,
    search_task,
    select_place,
    write_bar,
    write_chosen,
    write_log,
    write_start,
)
from kernels.waves.program import QUANTITIES, Program
from kernels.waves.search import Records
from kernels.waves.subdivide import Children, Subdivision

cuda: Any = None
"""`numba.cuda` from the first call of `kernels` on."""

PIVOTS = MAX_LEGS + 1
COMPONENT_COUNT = len(COMPONENTS)
SIDES = 2 * len(CLASS_NAMES)
"""Sizes of scratch arrays, which the compiler must know."""

THREADS, MOST_BLOCKS = 128, 4096
"""Threads of a block, and blocks of a row of the grid at most."""

SIMULATED_THREADS, SIMULATED_BLOCKS = 4, 2
"""The same in the simulator, where a thread is a thread of the host."""


def write_logs(prices: Prices) -> None:
    """Write the logarithms of prices that were made on the device."""
    row = cuda.blockIdx.y
    for t in range(cuda.grid(1), prices.low.shape[1], cuda.gridsize(1)):
        write_log(prices, row, t)


def write_bars(prices: Prices, cuts: Cuts, charts: Charts) -> None:
    """Write the charts of series whose prices are on the device, bar by bar."""
    one = cuda.blockIdx.y
    for t in range(cuda.grid(1), charts.column[one + 1] - charts.column[one] - 1, cuda.gridsize(1)):
        write_bar(prices, cuts, one, t, charts)


def count_legs(charts: Charts, chunk: int, counts: LegCounts, none: ChunkLegs) -> None:
    """Count the legs from each place."""
    one = cuda.blockIdx.y
    places = 2 * (charts.column[chunk + one + 1] - charts.column[chunk + one])
    for place in range(cuda.grid(1), places, cuda.gridsize(1)):
        count_start(charts, chunk, one, place, counts, none)


def write_legs(charts: Charts, chunk: int, legs: ChunkLegs) -> None:
    """Write the legs from each place."""
    one = cuda.blockIdx.y
    places = 2 * (charts.column[chunk + one + 1] - charts.column[chunk + one])
    for place in range(cuda.grid(1), places, cuda.gridsize(1)):
        write_start(charts, chunk, one, place, legs)


def search(program: Program, charts: Charts, chunk: int, legs: ChunkLegs, tasks: Tasks, records: Records) -> None:
    """Search from each start for each class; records are written as long as there is room."""
    one = cuda.blockIdx.y
    pivots = cuda.local.array(PIVOTS, np.int32)
    quantity = cuda.local.array(QUANTITIES, np.float64)
    next_leg = cuda.local.array(PIVOTS, np.int32)
    count = len(program.table) * (tasks.start_at[one + 1] - tasks.start_at[one])
    for index in range(cuda.grid(1), count, cuda.gridsize(1)):
        search_task(program, charts, chunk, one, legs, tasks, index, pivots, quantity, next_leg, records)


def score(
    program: Program,
    charts: Charts,
    chunk: int,
    legs: ChunkLegs,
    records: Records,
    grouped: Grouped,
    groups: int,
    contest: Contest,
    result: Subdivision,
) -> None:
    """Score the records of each series, short spans first: one block a series, a barrier after each span.

    The best record of a leg and kind is found by an atomic maximum over keys, so the order of threads changes nothing.
    """
    one = cuda.blockIdx.x
    quantity = cuda.local.array(QUANTITIES, np.float64)
    log_length = cuda.local.array(PIVOTS, np.float64)
    component = cuda.local.array(COMPONENT_COUNT, np.float64)
    begin, stop = grouped.record_at[one], grouped.record_at[one + 1]
    first_leg, last_leg = legs.begin[one], legs.begin[one + 1]
    kinds = 2 * len(program.table)
    bars = bars_of(charts, chunk + one, 0)
    own_legs = legs_of(charts, chunk, one, legs)
    swings = charts.swings[charts.column[chunk + one] : charts.column[chunk + one + 1]]
    own_records = part_of(records, begin, stop)
    children = Children(contest.kinds[first_leg:last_leg], contest.best[first_leg:last_leg])
    own = Subdivision(
        result.score[begin:stop], result.degree[begin:stop], result.resolution[begin:stop], result.child[begin:stop]
    )
    for group in range(groups):
        group_begin = grouped.group_at[one * groups + group]
        group_stop = grouped.group_at[one * groups + group + 1]
        if group_begin == group_stop:
            continue
        for at in range(group_begin + cuda.threadIdx.x, group_stop, cuda.blockDim.x):
            index = grouped.order[at] - begin
            slot = score_record(
                program, bars, own_legs, swings, own_records, index, children, own, quantity, log_length, component
            )
            # The last group are setups, which resolve nothing.
            if group == groups - 1:
                slot = -1
            contest.slot[begin + index] = slot
            if slot >= 0:
                cuda.atomic.max(contest.key, first_leg * kinds + slot, key_of(own.score[index], index))
        cuda.syncthreads()
        for at in range(group_begin + cuda.threadIdx.x, group_stop, cuda.blockDim.x):
            index = grouped.order[at] - begin
            slot = contest.slot[begin + index]
            if slot >= 0 and contest.key[first_leg * kinds + slot] == key_of(own.score[index], index):
                leg = first_leg + slot // kinds
                contest.best[leg, slot % kinds] = index
                cuda.atomic.or_(contest.kinds, leg, np.int32(1 << slot % kinds))
        cuda.syncthreads()


def keep_best(records: Records, result: Subdivision, terms: CellTerms, cells: ChunkCells) -> None:
    """Find the best score of each cell that is asked for, and count its records.

    Maxima and counts of whole numbers are the same in any order of threads.
    """
    one = cuda.blockIdx.y
    for index in range(cells.record_at[one] + cuda.grid(1), cells.record_at[one + 1], cuda.gridsize(1)):
        stage, side, bucket = cell_of(terms, records, index)
        # A combination that isn't one has no score.
        if terms.wanted[stage, side] and not math.isnan(result.score[index]):
            cuda.atomic.max(cells.key, (one, stage, side, bucket), key_of_score(result.score[index]))
            cuda.atomic.add(cells.counts, (one, stage, side, bucket), 1)


def count_places(ranked: RankedChunk, origins: ChunkOrigins) -> None:
    """Count what each origin may select from."""
    one = cuda.blockIdx.y
    for place in range(2 * origins.at[one] + cuda.grid(1), 2 * origins.at[one + 1], cuda.gridsize(1)):
        count_standing(ranked, one, place, origins)


def select_places(ranked: RankedChunk, origins: ChunkOrigins, max_overlap: float, room: KeptRoom) -> None:
    """Select for each origin."""
    one = cuda.blockIdx.y
    newest = cuda.local.array(SIDES, np.int32)
    for place in range(2 * origins.at[one] + cuda.grid(1), 2 * origins.at[one + 1], cuda.gridsize(1)):
        select_place(ranked, one, place, origins, max_overlap, newest, room)


def write_places(ranked: RankedChunk, grouped: Grouped, origins: ChunkOrigins, room: KeptRoom, chosen: Chosen) -> None:
    """List what each origin keeps."""
    one = cuda.blockIdx.y
    for place in range(2 * origins.at[one] + cuda.grid(1), 2 * origins.at[one + 1], cuda.gridsize(1)):
        write_chosen(ranked, one, grouped.record_at[one], place, origins, room, chosen)


class Kernels(NamedTuple):
    """The compiled kernels; `simulated` where the simulator runs them."""

    write_logs: Any
    write_bars: Any
    count_legs: Any
    write_legs: Any
    search: Any
    score: Any
    keep_best: Any
    count_places: Any
    select_places: Any
    write_places: Any
    simulated: bool


@cache
def kernels() -> Kernels:
    """The kernels; each is compiled by its first launch."""
    from numba import config
    from numba import cuda as numba_cuda

    # The functions above look the name up when they are compiled, or simulated.
    globals()["cuda"] = numba_cuda
    functions: tuple[Callable[..., None], ...] = (
        write_logs,
        write_bars,
        count_legs,
        write_legs,
        search,
        score,
        keep_best,
        count_places,
        select_places,
        write_places,
    )
    compiled = {function.__name__: numba_cuda.jit(cache=True)(function) for function in functions}
    return Kernels(**compiled, simulated=bool(getattr(config, "ENABLE_CUDASIM", False)))


def launch(kernel: Any, series: int, pieces: int, *arguments: object) -> None:
    """Run a kernel with a row of blocks for each series.

    Args:
        kernel: one of `kernels()`.
        series: how many series there are.
        pieces: pieces of work of the series with the most; 0 for one block a series.
        arguments: what the kernel takes; arrays in NamedTuples, on the device.
    """
    simulated = kernels().simulated
    threads, most = (SIMULATED_THREADS, SIMULATED_BLOCKS) if simulated else (THREADS, MOST_BLOCKS)
    grid = (min(-(-pieces // threads), most), series) if pieces else (series, 1)
    with warnings.catch_warnings():
        # A scan of few series can't fill the device, and needn't.
        warnings.filterwarnings("ignore", message=".*under-utilization")
        kernel[grid, threads](*arguments)
