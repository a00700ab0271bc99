"""The passes over the origins of a chunk: rank the records, select for each origin, and fetch what is kept."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.memory import Device
from kernels.waves.classes import MAX_LEGS
from kernels.waves.gpu_kernels import kernels, launch
from kernels.waves.gpu_layout import Chosen, ChunkOrigins, Grouped, Int64Array1D, KeptRoom, RankedChunk
from kernels.waves.gpu_search import Found, empty_records, series_of
from kernels.waves.gpu_threads import RECORD_BITS
from kernels.waves.rules import SCORE_STEPS
from kernels.waves.search import Records
from kernels.waves.series import Selection

BYTES_PER_KEPT = 8
"""Bytes of a place in the room of the selection."""


class Wish(NamedTuple):
    """What the origins keep.

    Attributes:
        wanted: bool [sides] on the device, the classes and directions asked for; `2 * class`, plus 1 for downward.
        top_n: confirmed patterns kept per origin at most.
        setup_top_n: setups kept per origin at most.
        max_overlap: as in `ScanSettings`.
    """

    wanted: Any
    top_n: int
    setup_top_n: int
    max_overlap: float


def by_falling_score(device: Device, group: Any, score: Any, record: Any) -> Any:
    """The order by group, then falling score, then record: indices into the three."""
    falling = (int(SCORE_STEPS) - (score * SCORE_STEPS).astype(np.int64)) << RECORD_BITS
    return device.xp.lexsort(device.xp.stack((falling | record, group)))


def status_groups(device: Device, found: Found, record: Any) -> tuple[Any, Any]:
    """`2 * series`, plus 1 for setups, of each record of a chunk; and its number within the series."""
    record_at = device.upload(found.record_at)
    own = series_of(device, record_at, record)
    return 2 * own + (record >= device.upload(found.setup_at)[own]), record - record_at[own]


def rank_chunk(device: Device, found: Found, wish: Wish) -> RankedChunk:
    """Rank the records that are asked for, as `rank` does."""
    xp, records = device.xp, found.records
    side = 2 * records.wave_class.astype(np.int32) + (records.direction < 0)
    record = xp.flatnonzero(wish.wanted[side] & ~xp.isnan(found.result.score))
    group, local = status_groups(device, found, record)
    order = by_falling_score(device, group, found.result.score[record], local)
    record = record[order]
    at = xp.searchsorted(group[order], xp.arange(2 * len(found.setup_at) + 1))
    pivots = records.pivots[record]
    return RankedChunk(
        at,
        local[order].astype(np.int32),
        side[record].astype(np.int32),
        xp.ascontiguousarray(pivots[:, 0]),
        xp.take_along_axis(pivots, records.legs[record].astype(np.int64)[:, None], axis=1)[:, 0],
        records.until[record],
    )


def select_for_origins(
    device: Device,
    found: Found,
    wish: Wish,
    origin_at: Int64Array1D,
    end: npt.NDArray[np.int32],
    start: npt.NDArray[np.int32],
) -> tuple[ChunkOrigins, Chosen]:
    """Select for every origin of a chunk, as `keep_confirmed` and `keep_standing` do.

    Args:
        device: the device.
        found: the records of the chunk.
        wish: what is kept.
        origin_at: int64 [s + 1], the first origin of each series.
        end: int32 [e], the bar of each origin, within its series.
        start: int32 [e], the first bar on which p0 may lie, within the series.
    """
    xp = device.xp
    series, places = len(origin_at) - 1, 2 * len(end)
    most = int(2 * np.diff(origin_at).max())
    with device.stage("rank"):
        ranked = rank_chunk(device, found, wish)
    record_at = device.upload(found.record_at)
    grouped = Grouped(record_at, record_at, record_at)
    counts = (xp.zeros(places, np.int64) for _ in range(2))
    nowhere = xp.zeros(places + 1, np.int64)
    origins = ChunkOrigins(
        device.upload(origin_at), device.upload(end), device.upload(start), next(counts), nowhere, next(counts), nowhere
    )
    with device.stage("select"):
        launch(kernels().count_places, series, most, device.argument(ranked), device.argument(origins))
        limit = xp.empty(places, np.int64)
        limit[0::2], limit[1::2] = wish.top_n, wish.setup_top_n
        room_at = device.before(xp.minimum(limit, origins.standing))
        total = int(device.download(room_at[-1:])[0])
        device.require(BYTES_PER_KEPT * total)
        room = KeptRoom(*(xp.empty(max(total, 1), np.int32) for _ in range(2)))
        origins = origins._replace(room_at=room_at)
        launch(
            kernels().select_places,
            series,
            most,
            device.argument(ranked),
            device.argument(origins),
            wish.max_overlap,
            device.argument(room),
        )
        kept_at = device.before(origins.kept)
        total = int(device.download(kept_at[-1:])[0])
        chosen = empty_chosen(xp, max(total, 1))
        origins = origins._replace(kept_at=kept_at)
        arguments = (ranked, grouped, origins, room, chosen)
        launch(kernels().write_places, series, most, *(device.argument(arrays) for arrays in arguments))
    return origins, Chosen(chosen.record[:total], chosen.origin[:total], chosen.rank[:total])


def empty_chosen(xp: Any, count: int) -> Chosen:
    """Room for what the origins keep, on the device."""
    return Chosen(xp.empty(count, np.int64), xp.empty(count, np.int32), xp.empty(count, np.int16))


def with_descendants(device: Device, found: Found, chosen: Any) -> Any:
    """The chosen records and all their descendants, rising."""
    xp = device.xp
    is_kept = xp.zeros(len(found.records.until), np.bool_)
    record_at = device.upload(found.record_at)
    newest = xp.unique(chosen)
    while len(newest):
        is_kept[newest] = True
        children = found.result.child[newest]
        children = (children + record_at[series_of(device, record_at, newest)][:, None])[children >= 0]
        newest = xp.unique(children[~is_kept[children]])
    return xp.flatnonzero(is_kept)


def fetch_selections(
    device: Device, found: Found, origin_at: Int64Array1D, origins: ChunkOrigins, chosen: Chosen
) -> list[Selection]:
    """Fetch what the origins keep, and nothing else, series by series, as `distinct` lists it."""
    xp = device.xp
    with device.stage("collect"):
        kept = with_descendants(device, found, chosen.record)
        group, local = status_groups(device, found, kept)
        order = by_falling_score(device, group, found.result.score[kept], local)
        kept, group = kept[order], group[order]
        own = group // 2
        series = len(origin_at) - 1
        kept_at = xp.searchsorted(own, xp.arange(series + 1))
        place = xp.full(len(found.records.until), -1, np.int32)
        place[kept] = xp.arange(len(kept)) - kept_at[own]
        child = found.result.child[kept]
        record_at = device.upload(found.record_at)
        child = xp.where(child >= 0, place[xp.where(child >= 0, child + record_at[own][:, None], 0)], np.int32(-1))
        result = found.result
        listed = Records._make(device.download(values[kept]) for values in found.records)
        score, degree, resolution = (device.download(values[kept]) for values in result[:3])
        child = device.download(child)
        origin, pattern, rank = map(device.download, (chosen.origin, place[chosen.record], chosen.rank))
        part_at = device.download(kept_at)
        chosen_at = device.download(origins.kept_at)[2 * origin_at]
        standing = device.download(origins.standing).reshape(-1, 2)
    selections = []
    for one in range(series):
        part = slice(part_at[one], part_at[one + 1])
        choice = slice(chosen_at[one], chosen_at[one + 1])
        counts = standing[origin_at[one] : origin_at[one + 1]]
        selections.append(
            Selection(
                origin[choice],
                pattern[choice],
                rank[choice],
                Records._make(values[part] for values in listed),
                score[part],
                degree[part],
                resolution[part],
                child[part],
                counts[:, 0],
                counts[:, 1],
                complete=True,
            )
        )
    return selections


def nothing_selected(origins: int) -> Selection:
    """The selection of a series without patterns."""
    counts = np.zeros((2, origins), np.int64)
    return Selection(
        np.empty(0, np.int32),
        np.empty(0, np.int32),
        np.empty(0, np.int16),
        empty_records(np, 0),
        np.empty(0),
        np.empty(0, np.int8),
        np.empty((0, MAX_LEGS), np.int8),
        np.empty((0, MAX_LEGS), np.int32),
        counts[0],
        counts[1],
        complete=True,
    )
