"""What one CUDA thread does in each pass, as scalars that also run on the CPU.

Whatever decides a pattern is called from `legs.py`, `rules.py`, `search.py`, `subdivide.py` and `select.py`; here is
only which series, start, record or origin a thread takes, and where it writes. A thread writes its own cells only,
except through the atomics in `gpu_kernels.py`.
"""

from __future__ import annotations

import math

from numba import njit

from kernels.panel import Float64Array1D, Int32Array1D
from kernels.waves.gpu_layout import (
    Charts,
    Chosen,
    ChunkLegs,
    ChunkOrigins,
    Cuts,
    KeptRoom,
    LegCounts,
    Prices,
    RankedChunk,
    Tasks,
)
from kernels.waves.legs import AllLegs, Bars, is_swing_high, is_swing_low, leg_between, legs_from
from kernels.waves.patterns import NO_LEG
from kernels.waves.program import Program
from kernels.waves.rules import SCORE_STEPS, set_price, set_slopes, write_components
from kernels.waves.search import MAX_RECORDS, MAX_VISITS, Records, Tally, search_start
from kernels.waves.select import overlaps_any
from kernels.waves.subdivide import Children, Subdivision, is_of_class, resolve_legs

RECORD_BITS = MAX_RECORDS.bit_length()
"""Bits of a record's number within its series; a key holds 41 bits of score before them and fits in 63."""

LAST_RECORD = (1 << RECORD_BITS) - 1
"""A number that no record has."""


@njit(cache=True, nogil=True, error_model="numpy")
def next_beyond(values: Float64Array1D, t: int, sign: float) -> int:
    """First later bar that is lower (sign 1) or higher (-1), or missing, as `legs.first_lower_after` finds it."""
    if math.isnan(values[t]):
        return t
    later = t + 1
    while later < len(values) and sign * values[later] >= sign * values[t]:
        later += 1
    return later


@njit(cache=True, nogil=True, error_model="numpy")
def write_log(prices: Prices, row: int, t: int) -> None:
    """Write the logarithms of one bar."""
    prices.log_low[row, t] = math.log(prices.low[row, t])
    prices.log_high[row, t] = math.log(prices.high[row, t])


@njit(cache=True, nogil=True, error_model="numpy")
def write_bar(prices: Prices, cuts: Cuts, series: int, t: int, charts: Charts) -> None:
    """Write what the charts say of one bar, as `legs.view_bars` and `series.next_origins` do.

    In `swings` its own are written, into the next column.
    """
    begin, n = charts.column[series], charts.column[series + 1] - 1 - charts.column[series]
    row, offset = cuts.row[series], cuts.offset[series]
    low, high = prices.low[row, offset : offset + n], prices.high[row, offset : offset + n]
    at = begin + t
    charts.low[0, at], charts.high[0, at] = low[t], high[t]
    charts.low[1, at], charts.high[1, at] = -high[t], -low[t]
    log_low, log_high = prices.log_low[row, offset + t], prices.log_high[row, offset + t]
    charts.log_low[0, at], charts.log_high[0, at] = log_low, log_high
    charts.log_low[1, at], charts.log_high[1, at] = -log_high, -log_low
    lower, higher = next_beyond(low, t, 1.0), next_beyond(high, t, -1.0)
    charts.lower_after[0, at], charts.higher_after[0, at] = lower, higher
    charts.lower_after[1, at], charts.higher_after[1, at] = higher, lower
    charts.swings[at + 1] = int(is_swing_low(low, t)) + int(is_swing_high(high, t))
    charts.next_origin[at] = first_from(cuts.end, cuts.origin_at[series], cuts.origin_at[series + 1], t, n)


@njit(cache=True, nogil=True)
def first_from(end: Int32Array1D, begin: int, stop: int, t: int, n: int) -> int:
    """The first of the rising bars `end[begin:stop]` that isn't before t; n where there is none."""
    beyond = stop
    while begin < stop:
        middle = (begin + stop) // 2
        if end[middle] < t:
            begin = middle + 1
        else:
            stop = middle
    return end[begin] if begin < beyond else n


@njit(cache=True, nogil=True, error_model="numpy")
def bars_of(charts: Charts, series: int, side: int) -> Bars:
    """A series as it is (side 0) or mirrored (1)."""
    begin, stop = charts.column[series], charts.column[series + 1] - 1
    return Bars(
        charts.low[side, begin:stop],
        charts.high[side, begin:stop],
        charts.log_low[side, begin:stop],
        charts.log_high[side, begin:stop],
        charts.lower_after[side, begin:stop],
        charts.higher_after[side, begin:stop],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def legs_of(charts: Charts, chunk: int, one: int, legs: ChunkLegs) -> AllLegs:
    """The legs of series `one` of a chunk that begins with series `chunk`."""
    begin = charts.column[chunk + one] - charts.column[chunk]
    stop = charts.column[chunk + one + 1] - charts.column[chunk]
    own = slice(legs.begin[one], legs.begin[one + 1])
    return AllLegs(legs.at[:, begin:stop], legs.end[own], legs.log_length[own])


@njit(cache=True, nogil=True, error_model="numpy")
def count_start(charts: Charts, chunk: int, one: int, place: int, counts: LegCounts, none: ChunkLegs) -> None:
    """Count the legs from one place of a series; `none` has no room."""
    series = chunk + one
    columns = charts.column[series + 1] - charts.column[series]
    side, s = place // columns, place % columns
    count = 0
    if s < columns - 1:
        bars = bars_of(charts, series, side)
        count = legs_from(bars, s, charts.max_span[series], charts.max_skip[series], 1, none.end, none.log_length)
    at = 2 * (charts.column[series] - charts.column[chunk]) + place
    counts.legs[at] = count
    counts.is_start[at] = count > 0 and s >= charts.first[series]


@njit(cache=True, nogil=True, error_model="numpy")
def write_start(charts: Charts, chunk: int, one: int, place: int, legs: ChunkLegs) -> None:
    """Write the legs from one place of a series."""
    series = chunk + one
    columns = charts.column[series + 1] - charts.column[series]
    side, s = place // columns, place % columns
    begin = charts.column[series] - charts.column[chunk]
    before = legs.before[2 * begin + place]
    legs.at[side, begin + s] = before - legs.begin[one]
    if s < columns - 1:
        bars = bars_of(charts, series, side)
        legs_from(bars, s, charts.max_span[series], charts.max_skip[series], before, legs.end, legs.log_length)


@njit(cache=True, nogil=True, error_model="numpy")
def search_task(
    program: Program,
    charts: Charts,
    chunk: int,
    one: int,
    legs: ChunkLegs,
    tasks: Tasks,
    index: int,
    pivots: Int32Array1D,
    quantity: Float64Array1D,
    next_leg: Int32Array1D,
    records: Records,
) -> None:
    """Search from one start for one class, and write the records that there is room for.

    Args:
        program: the class table.
        charts: the series.
        chunk: the first series of the chunk.
        one: the series, counted within the chunk.
        legs: the legs of the chunk.
        tasks: its searches.
        index: the search, counted within the series.
        pivots: int32 [MAX_LEGS + 1], scratch.
        quantity: float64 [QUANTITIES], scratch.
        next_leg: int32 [MAX_LEGS + 1], scratch.
        records: by series, patterns before setups, each in the order of the tasks.
    """
    series = chunk + one
    classes = len(program.table)
    starts = tasks.start_at[one + 1] - tasks.start_at[one]
    wave_class = index // starts
    columns = charts.column[series + 1] - charts.column[series]
    place = tasks.start[tasks.start_at[one] + index % starts] - 2 * (charts.column[series] - charts.column[chunk])
    side, p0 = place // columns, place % columns
    task = classes * tasks.start_at[one] + index
    found = Tally(0, 0, 0)
    if tasks.with_patterns[wave_class, side] or tasks.with_setups[wave_class, side]:
        found = search_start(
            program.table[wave_class],
            program.number[wave_class],
            wave_class,
            1 - 2 * side,
            bars_of(charts, series, side),
            legs_of(charts, chunk, one, legs),
            p0,
            charts.max_span[series],
            charts.longest[series],
            charts.next_origin[charts.column[series] : charts.column[series + 1]],
            tasks.with_patterns[wave_class, side],
            tasks.with_setups[wave_class, side],
            MAX_VISITS,
            pivots,
            quantity,
            next_leg,
            records,
            tasks.patterns_before[task] + tasks.setups_before[classes * tasks.start_at[one]],
            records,
            tasks.patterns_before[classes * tasks.start_at[one + 1]] + tasks.setups_before[task],
        )
    tasks.patterns[task] = found.patterns
    tasks.setups[task] = found.setups
    tasks.visits[task] = found.visits


@njit(cache=True, nogil=True, error_model="numpy")
def part_of(records: Records, begin: int, stop: int) -> Records:
    """The records `begin .. stop - 1`."""
    return Records(
        records.wave_class[begin:stop],
        records.direction[begin:stop],
        records.legs[begin:stop],
        records.pivots[begin:stop],
        records.leg[begin:stop],
        records.until[begin:stop],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def score_record(
    program: Program,
    bars: Bars,
    legs: AllLegs,
    swings: Int32Array1D,
    records: Records,
    index: int,
    children: Children,
    result: Subdivision,
    quantity: Float64Array1D,
    log_length: Float64Array1D,
    component: Float64Array1D,
) -> int:
    """Score one record of a series, when all shorter patterns are scored.

    Args:
        program: the class table.
        bars: the series as it is.
        legs: its legs.
        swings: int32 [n + 1], swings before each bar.
        records: its records.
        index: the record.
        children: the patterns that span a leg, as far as they are shorter.
        result: of the series; the record's cells are written.
        quantity: float64 [QUANTITIES], scratch.
        log_length: float64 [MAX_LEGS + 1], scratch.
        component: float64 [7], scratch.

    Returns:
        `leg * kinds + kind` of the leg that it spans, -1 where it spans none.
    """
    classes = len(program.table)
    wave_class = records.wave_class[index]
    table = program.table[wave_class]
    own_legs = records.legs[index]
    bar = records.pivots[index]
    leg = records.leg[index]
    rising = records.direction[index] == 1
    for pivot in range(own_legs + 1):
        is_low = (pivot % 2 == 0) == rising
        x = bars.log_low[bar[pivot]] if is_low else bars.log_high[bar[pivot]]
        set_price(quantity, pivot, x if rising else -x)
        set_slopes(quantity, bar, pivot)
    result.degree[index] = 0
    if not is_of_class(program, table, leg, quantity, children):
        result.score[index] = math.nan
        for wave in range(len(leg)):
            result.resolution[index, wave] = NO_LEG
            result.child[index, wave] = -1
        return -1
    resolved, unresolved, leading = resolve_legs(
        table, own_legs, leg, bar, swings, children, result.score, result.resolution[index], result.child[index]
    )
    for wave in range(own_legs):
        log_length[wave + 1] = legs.log_length[leg[wave]]
        if result.child[index, wave] >= 0:
            result.degree[index] = max(result.degree[index], result.degree[result.child[index, wave]] + 1)
    result.score[index] = write_components(
        table, program.number[wave_class], own_legs, quantity, bar, log_length, resolved, unresolved, component
    )
    own = leg_between(legs, 0 if rising else 1, bar[0], bar[own_legs])
    if own < 0:
        return -1
    kind: int = wave_class + classes if leading else wave_class
    return 2 * classes * own + kind


@njit(cache=True, nogil=True, error_model="numpy")
def key_of(score: float, index: int) -> int:
    """A number above 0 that is greater for a better score, and for the earlier of two records with equal scores."""
    steps = int(score * SCORE_STEPS)
    return (steps << RECORD_BITS) | (LAST_RECORD - index)


@njit(cache=True, nogil=True, error_model="numpy")
def stands(ranked: RankedChunk, at: int, start: int, end: int) -> bool:
    """Whether a pattern starts in the window and is known, and still stands, as of an origin's bar."""
    return bool(ranked.first[at] >= start and ranked.last[at] < end and ranked.until[at] > end)


@njit(cache=True, nogil=True, error_model="numpy")
def count_standing(ranked: RankedChunk, series: int, place: int, origins: ChunkOrigins) -> None:
    """Count what an origin may select from."""
    origin, group = place // 2, 2 * series + place % 2
    count = 0
    for at in range(ranked.at[group], ranked.at[group + 1]):
        if stands(ranked, at, origins.start[origin], origins.end[origin]):
            count += 1
    origins.standing[place] = count


@njit(cache=True, nogil=True, error_model="numpy")
def select_place(
    ranked: RankedChunk,
    series: int,
    place: int,
    origins: ChunkOrigins,
    max_overlap: float,
    newest: Int32Array1D,
    room: KeptRoom,
) -> None:
    """Select for one origin, as `keep_confirmed` and `keep_standing` do.

    Args:
        ranked: what is selected from.
        series: the origin's series, within the chunk.
        place: `2 * origin`, plus 1 for its setups.
        origins: the origins; `room_at` says how many may be kept.
        max_overlap: as in `ScanSettings`.
        newest: int32 [sides], scratch: the last one kept of each side.
        room: where the selection is written.
    """
    origin, group = place // 2, 2 * series + place % 2
    begin = ranked.at[group]
    base = origins.room_at[place]
    limit = origins.room_at[place + 1] - base
    for side in range(len(newest)):
        newest[side] = -1
    count = 0
    at = begin
    while count < limit and at < ranked.at[group + 1]:
        if stands(ranked, at, origins.start[origin], origins.end[origin]):
            side = ranked.side[at]
            rival = newest[side]
            while rival >= 0:
                better = begin + room.position[base + rival]
                if overlaps_any(
                    ranked.first[better:], ranked.last[better:], 1, ranked.first[at], ranked.last[at], max_overlap
                ):
                    break
                rival = room.previous[base + rival]
            if rival < 0:
                room.position[base + count] = at - begin
                room.previous[base + count] = newest[side]
                newest[side] = count
                count += 1
        at += 1
    origins.kept[place] = count


@njit(cache=True, nogil=True, error_model="numpy")
def write_chosen(
    ranked: RankedChunk,
    series: int,
    first_record: int,
    place: int,
    origins: ChunkOrigins,
    room: KeptRoom,
    chosen: Chosen,
) -> None:
    """List what an origin keeps, without the gaps of its room."""
    origin, group = place // 2, 2 * series + place % 2
    for index in range(origins.kept[place]):
        at = origins.kept_at[place] + index
        position = room.position[origins.room_at[place] + index]
        chosen.record[at] = first_record + ranked.record[ranked.at[group] + position]
        chosen.origin[at] = origin - origins.at[series]
        chosen.rank[at] = index + 1
