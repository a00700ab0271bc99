"""Makes the shards of a dataset: blocks of rows are drawn side by side and written in order, one row group each.

Memory doesn't grow with the rows: no more blocks than workers and one are there at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.samples import CHANNELS, SPLITS, SampleSettings, Starts, draw_samples, gather_windows
from kernels.trading import Bars
from resources.contracts import SYNTHETIC_SAMPLES
from resources.sample_plan import SamplePlan
from resources.sample_store import SampleStore, ShardNote, shard_name
from resources.sample_writer import ShardWriter, row_bytes
from resources.shared_panel import Arrays, SharedPanel, Token, attach, share
from resources.worker_pool import Kind, ordered_map

_BARS = ("open", "high", "low", "close", "dividend")
_STARTS = ("instrument", "session", "split", "phase")


@dataclass(frozen=True)
class Block:
    """Rows `first` to `first + count` of a shard."""

    shard: int
    first: int
    count: int


@dataclass(frozen=True)
class BlockMaker:
    """Makes blocks out of arrays that are in this process, or in shared memory under `token`.

    Attributes:
        settings: how samples are drawn.
        windowed: whether the windows are a column of the file.
        starts: with empty arrays.
        source: the market and the starts, as `arrays_of` names them, or the token of the shared memory they are in.
    """

    settings: SampleSettings
    windowed: bool
    starts: Starts
    source: Arrays | Token

    def __call__(self, block: Block) -> pa.Table:
        """The rows of one block, under the contract of the table."""
        arrays = attach(self.source) if isinstance(self.source, Token) else self.source
        bars = Bars(*(arrays[name] for name in _BARS))
        starts = with_arrays(self.starts, arrays)
        columns = draw_samples(bars, starts, self.settings, block.shard, block.first, block.count)
        places = columns["session"]
        rows = SYNTHETIC_SAMPLES.table(columns | {"session": arrays["days"][places]})
        SYNTHETIC_SAMPLES.enforce(rows, shard_name(block.shard))
        if self.windowed:
            instruments = columns["instrument"].astype(np.int32)
            windows = gather_windows(arrays["panel"], instruments, places, self.settings.lookback)
            rows = rows.append_column(window_field(self.settings.lookback), as_binary(windows))
        return rows


def arrays_of(plan: SamplePlan) -> dict[str, npt.NDArray[Any]]:
    """What blocks are made from, by name."""
    bars = {name: getattr(plan.bars, name) for name in _BARS}
    starts = {name: getattr(plan.starts, name) for name in _STARTS}
    return bars | starts | {"panel": plan.panel, "days": plan.sessions.astype("datetime64[D]").astype(np.int32)}


def with_arrays(starts: Starts, arrays: Arrays) -> Starts:
    """The starts with these arrays instead of their own."""
    return replace(
        starts,
        instrument=arrays["instrument"],
        session=arrays["session"],
        split=arrays["split"],
        phase=arrays["phase"],
    )


def window_field(lookback: int) -> pa.Field:
    """The column of windows: float32 [lookback, 5] in row-major order, little-endian, as bytes."""
    return pa.field("window", pa.binary(lookback * len(CHANNELS) * 4), nullable=False)


def as_binary(windows: npt.NDArray[np.float32]) -> pa.FixedSizeBinaryArray:
    """Windows float32 [B, lookback, 5] as one binary value each, without a copy."""
    data = pa.py_buffer(np.ascontiguousarray(windows, dtype="<f4"))
    return pa.Array.from_buffers(window_field(windows.shape[1]).type, len(windows), [None, data])


def schema_of(plan: SamplePlan) -> pa.Schema:
    """The columns of a shard's file."""
    schema = SYNTHETIC_SAMPLES.schema
    return schema.append(window_field(plan.options.settings.lookback)) if plan.windowed else schema


def bytes_needed(plan: SamplePlan, shards: int) -> int:
    """Space for so many shards and the panel; compression isn't counted on."""
    return round(shards * plan.options.rows_per_shard * row_bytes(schema_of(plan)) * 1.01) + plan.panel.nbytes


def build_shard(
    plan: SamplePlan,
    store: SampleStore,
    number: int,
    *,
    jobs: int,
    workers: Kind = "threads",
    lease: Callable[[Arrays], AbstractContextManager[SharedPanel]] = share,
    progress: Callable[[int], None] | None = None,
) -> ShardNote:
    """Draw a shard and write it, whole or not at all, with its note.

    Args:
        plan: what the rows are drawn from.
        store: where they go; its manifest is there already.
        number: of the shard.
        jobs: blocks made side by side; doesn't change a byte.
        workers: "threads", or "processes" that read the market from shared memory.
        lease: puts arrays into shared memory for the processes.
        progress: called with the rows of each block when it is written.

    Raises:
        LakeError: the storage refuses, or is full; then the shard isn't there, and an older one is untouched.
        WorkerError: a worker died; likewise.
    """
    rows, size = plan.options.rows_per_shard, plan.row_group_rows
    blocks = [Block(number, first, min(size, rows - first)) for first in range(0, rows, size)]
    by_split = []
    with (
        ShardWriter(store, number, schema_of(plan), compression=plan.options.compression) as writer,
        _source(plan, jobs, workers, lease) as source,
    ):
        none = {name: getattr(plan.starts, name)[:0] for name in _STARTS}
        make = BlockMaker(plan.options.settings, plan.windowed, with_arrays(plan.starts, none), source)
        for table in ordered_map(make, blocks, jobs=jobs, kind=workers):
            writer.write(table)
            by_split.append(np.bincount(table["split"].to_numpy(), minlength=len(SPLITS)).tolist())
            if progress is not None:
                progress(table.num_rows)
    note = ShardNote(writer.rows, writer.bytes, writer.sha256, plan.made_from, by_split)
    store.write_note(number, note)
    return note


@contextmanager
def _source(
    plan: SamplePlan, jobs: int, workers: Kind, lease: Callable[[Arrays], AbstractContextManager[SharedPanel]]
) -> Iterator[Arrays | Token]:
    arrays = arrays_of(plan)
    if workers == "threads" or jobs == 1:
        yield arrays
        return
    with lease(arrays) as panel:
        yield panel.token
