"""How the data of many series lie in flat arrays on the device.

A chunk is a run of series that are worked on together. What a scan uploads is there once for all chunks; the rest
belongs to one chunk. Records, origins and legs are listed series after series.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.program import Int32Array2D

Int64Array1D = npt.NDArray[np.int64]


class Charts(NamedTuple):
    """Every series of a scan. A series of n bars has n + 1 columns; the last holds no bar.

    Attributes:
        column: int64 [S + 1], the first column of each series.
        low, high, log_low, log_high: float64 [2, C], as in `Bars`: the series as it is (0) and mirrored (1).
        lower_after, higher_after: int32 [2, C], as in `Bars`, bars counted within the series.
        swings: int32 [C], swings before each bar.
        next_origin: int32 [C], as in `search_start`.
        first, longest, max_span, max_skip: int32 [S], what is looked for in each series, as in `Search`.
    """

    column: Int64Array1D
    low: Float64Array2D
    high: Float64Array2D
    log_low: Float64Array2D
    log_high: Float64Array2D
    lower_after: Int32Array2D
    higher_after: Int32Array2D
    swings: Int32Array1D
    next_origin: Int32Array1D
    first: Int32Array1D
    longest: Int32Array1D
    max_span: Int32Array1D
    max_skip: Int32Array1D


class Prices(NamedTuple):
    """Rows of prices on the device, out of which series are cut.

    Attributes:
        low, high: float64 [R, T], dollars; NaN where there is no bar.
        log_low, log_high: float64 [R, T], their natural logarithms.
    """

    low: Float64Array2D
    high: Float64Array2D
    log_low: Float64Array2D
    log_high: Float64Array2D


class Cuts(NamedTuple):
    """Where the series of a chunk lie in `Prices`, and their origins.

    Attributes:
        row: int64 [s], the row of each series.
        offset: int64 [s], the bar of the row that its bars count from.
        origin_at: int64 [s + 1], its first origin.
        end: int32 [e + 1], the bar of each origin within its series, rising within a series; the last place is unused.
    """

    row: Int64Array1D
    offset: Int64Array1D
    origin_at: Int64Array1D
    end: Int32Array1D


class LegCounts(NamedTuple):
    """Legs per start. The places of a series are its rising starts by bar, then its falling starts, 2 (n + 1) in all.

    Attributes:
        legs: int32 [places], legs from each start.
        is_start: bool [places], whether p0 of a pattern may lie there.
    """

    legs: Int32Array1D
    is_start: npt.NDArray[np.bool_]


class ChunkLegs(NamedTuple):
    """The legs of the series of a chunk.

    Attributes:
        begin: int64 [s + 1], the first leg of each series.
        before: int64 [places + 1], legs of the chunk before each place.
        at: int32 [2, columns], as in `AllLegs`, counted within the series.
        end: int32 [k], as in `AllLegs`.
        log_length: float64 [k], as in `AllLegs`.
    """

    begin: Int64Array1D
    before: Int64Array1D
    at: Int32Array2D
    end: Int32Array1D
    log_length: Float64Array1D


class Tasks(NamedTuple):
    """Searches from one start for one class. Those of a series: class after class, starts by side, then bar.

    Attributes:
        start: int64 [starts], places on which a search starts.
        start_at: int64 [s + 1], the first start of each series.
        patterns_before, setups_before: int64 [tasks + 1], records of the tasks before each.
        patterns, setups: int32 [tasks], written: how many each task found.
        visits: int64 [tasks], written: how many prefixes it looked at.
        with_patterns, with_setups: bool [classes, 2], as in `Search`.
    """

    start: Int64Array1D
    start_at: Int64Array1D
    patterns_before: Int64Array1D
    setups_before: Int64Array1D
    patterns: Int32Array1D
    setups: Int32Array1D
    visits: Int64Array1D
    with_patterns: npt.NDArray[np.bool_]
    with_setups: npt.NDArray[np.bool_]


class Grouped(NamedTuple):
    """The records of a chunk in the order in which they are scored.

    Attributes:
        record_at: int64 [s + 1], the first record of each series.
        order: int64 [m], records by series, then group; any order within a group.
        group_at: int64 [s * groups + 1], where each group begins: the patterns of one span, or all setups, the last.
    """

    record_at: Int64Array1D
    order: Int64Array1D
    group_at: Int64Array1D


class Contest(NamedTuple):
    """Which record spans a leg best. A slot is `leg * kinds + kind`.

    Attributes:
        slot: int32 [m], the slot of each record within its series, -1 for one that spans no leg.
        key: int64 [slots], the key of the best record of each slot, 0 for none.
        kinds: int32 [legs], as in `Children`.
        best: int32 [legs, kinds], as in `Children`.
    """

    slot: Int32Array1D
    key: Int64Array1D
    kinds: Int32Array1D
    best: Int32Array2D


class RankedChunk(NamedTuple):
    """The patterns and the setups of each series of a chunk that are asked for, best score first.

    Attributes:
        at: int64 [2 s + 1], where those of each series begin, patterns before setups.
        record, side, first, last, until: int32 [k], as in `Ranked`.
    """

    at: Int64Array1D
    record: Int32Array1D
    side: Int32Array1D
    first: Int32Array1D
    last: Int32Array1D
    until: Int32Array1D


class ChunkOrigins(NamedTuple):
    """The origins of a chunk. A place is `2 * origin`, plus 1 for its setups.

    Attributes:
        at: int64 [s + 1], the first origin of each series.
        end, start: int32 [e], the origin's bar, and the first bar on which p0 may lie, within the series.
        standing: int64 [2 e], patterns of each place before the selection.
        room_at: int64 [2 e + 1], where the kept patterns of each place begin, while they are selected.
        kept: int64 [2 e], how many are kept.
        kept_at: int64 [2 e + 1], where they begin in `Chosen`.
    """

    at: Int64Array1D
    end: Int32Array1D
    start: Int32Array1D
    standing: Int64Array1D
    room_at: Int64Array1D
    kept: Int64Array1D
    kept_at: Int64Array1D


class KeptRoom(NamedTuple):
    """Room for the selection of every origin.

    Attributes:
        position: int32 [room], positions among the ranked ones of the series, best first.
        previous: int32 [room], the one kept before of the same side, counted within the place; -1 for none.
    """

    position: Int32Array1D
    previous: Int32Array1D


class Chosen(NamedTuple):
    """What the origins of a chunk keep: by origin, then patterns before setups, then rank.

    Attributes:
        record: int64 [k], records of the chunk.
        origin: int32 [k], origins, counted within their series.
        rank: int16 [k], from 1.
    """

    record: Int64Array1D
    origin: Int32Array1D
    rank: npt.NDArray[np.int16]
