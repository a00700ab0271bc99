"""Where the time of a shard goes, step by step, and how far that is from memory and disk; for `benchmarks.samples`."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kernels.samples import draw_samples, gather_windows
from kernels.samples.draw import label_samples
from resources.contracts import SYNTHETIC_SAMPLES
from resources.lake_files import LakeFiles
from resources.sample_build import arrays_of, as_binary, build_shard, schema_of, window_field
from resources.sample_plan import SamplePlan
from resources.sample_store import SampleStore
from resources.sample_writer import ShardWriter

REPEATS = 3
BLOCKS = {"index": 8, "windowed": 24}
GIB = 2**30


def stages(plan: SamplePlan, folder: str) -> dict[str, dict[str, float]]:
    """CPU-seconds a million rows of each step, alone on one thread over blocks as a shard has them, and their share.

    `whole` is a shard made by one worker; `rest` what it takes beyond its steps (negative where steps measured alone
    take longer). `fsync_wall_s` is waiting, not work.
    """
    settings, size = plan.options.settings, plan.row_group_rows
    blocks = BLOCKS[plan.options.layout]
    days = arrays_of(plan)["days"]
    spent: dict[str, float] = {}

    def timed(name: str, call: Callable[[int], Any]) -> list[Any]:
        best, found = np.inf, []
        for _ in range(REPEATS):
            start = time.process_time()
            found = [call(block) for block in range(blocks)]
            best = min(best, time.process_time() - start)
        spent[name] = best
        return found

    drawn = timed(
        "draws",
        lambda block: draw_samples(plan.bars, plan.starts, settings, 0, block * size, size, labels=False),
    )
    labels = timed("labels", lambda block: label_samples(plan.bars, drawn[block], settings))
    ready = [
        columns | more | {"session": days[columns["session"]]} for columns, more in zip(drawn, labels, strict=True)
    ]
    tables = timed("arrow_conversion", lambda block: SYNTHETIC_SAMPLES.table(ready[block]))
    timed("contract", lambda block: SYNTHETIC_SAMPLES.enforce(tables[block], "shard-000"))
    if plan.windowed:
        lookback = settings.lookback
        windows = timed(
            "windows",
            lambda block: gather_windows(
                plan.panel, drawn[block]["instrument"].astype(np.int32), drawn[block]["session"], lookback
            ),
        )
        tables = [
            table.append_column(window_field(lookback), as_binary(each))
            for table, each in zip(tables, windows, strict=True)
        ]
    _written(_encoded(plan, tables, spent), folder, spent)
    spent["whole"] = _whole(plan, blocks * size, folder)
    spent["rest"] = spent["whole"] - sum(value for name, value in spent.items() if name not in ("whole", "fsync_wall"))
    per_million = 1e6 / (blocks * size)
    return {
        name if name != "fsync_wall" else "fsync_wall_s": {
            "per_million_rows": round(value * per_million, 3),
            "share_of_whole": round(value / spent["whole"], 3),
        }
        for name, value in spent.items()
    }


def limits(folder: str) -> dict[str, float]:
    """What the machine does at most: copies in memory, and a GiB written to the folder and synced."""
    source, target = np.ones(GIB // 4, np.uint8), np.zeros(GIB // 4, np.uint8)
    one = min(_wall(lambda: np.copyto(target, source)) for _ in range(5))
    half = len(source) // 2
    halves = [(target[:half], source[:half]), (target[half:], source[half:])]

    def both() -> None:
        threads = [threading.Thread(target=np.copyto, args=each) for each in halves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    two = min(_wall(both) for _ in range(5))
    random = np.random.default_rng(7).bytes(GIB // 16)
    written = min(_wall(lambda: _write_and_sync(Path(folder) / "disk", random)) for _ in range(2))
    return {
        "memcpy_one_thread_gb_per_s": round(len(source) / one / 1e9, 2),
        "memcpy_two_threads_gb_per_s": round(len(source) / two / 1e9, 2),
        "disk_write_and_sync_of_1_gib_mb_per_s": round(GIB / written / 1e6, 1),
    }


def _wall(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _write_and_sync(path: Path, piece: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        for _ in range(GIB // len(piece)):
            file.write(piece)
        os.fsync(file.fileno())
    path.unlink()


class _Kept:
    """A file that keeps what the shards before were made of, and counts only."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.keeping = True

    def write(self, data: memoryview) -> int:
        """Take a piece."""
        if self.keeping:
            self.pieces.append(bytes(data))
        return data.nbytes


class _Nowhere(SampleStore):
    """A store without a disk."""

    kept: _Kept

    @contextmanager
    def stream_shard(self, number: int) -> Iterator[_Kept]:
        """Shard 0."""
        assert number == 0
        yield self.kept


def _encoded(plan: SamplePlan, tables: list[pa.Table], spent: dict[str, float]) -> list[bytes]:
    store = _Nowhere(LakeFiles("memory://nowhere"), "nowhere")
    store.kept = _Kept()
    writing, hashing = [], []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        with ShardWriter(store, 0, schema_of(plan), compression=plan.options.compression) as writer:
            for table in tables:
                writer.write(table)
        writing.append(time.process_time() - start)
        store.kept.keeping = False
    for _ in range(REPEATS):
        start = time.process_time()
        digest = hashlib.sha256()
        for piece in store.kept.pieces:
            digest.update(piece)
        hashing.append(time.process_time() - start)
    assert digest.hexdigest() == writer.sha256
    spent["parquet_encoding"] = min(writing[1:]) - min(hashing)
    spent["sha256"] = min(hashing)
    return store.kept.pieces


def _written(pieces: list[bytes], folder: str, spent: dict[str, float]) -> None:
    """The bytes again, through the same file as a shard's; CPU until the end of the sync, and the wall time of that."""
    files = LakeFiles(folder)
    working, waiting = [], []
    for _ in range(REPEATS):
        start = time.process_time()
        with files.stream("stages", "file") as file:
            for piece in pieces:
                file.write(piece)
            synced = time.perf_counter()
        waiting.append(time.perf_counter() - synced)
        working.append(time.process_time() - start)
    spent["file_writing"] = min(working)
    spent["fsync_wall"] = min(waiting)


def _whole(plan: SamplePlan, rows: int, folder: str) -> float:
    short = replace(plan, options=replace(plan.options, rows_per_shard=rows))
    store = SampleStore(LakeFiles(folder), "whole")
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        build_shard(short, store, 0, jobs=1)
        times.append(time.process_time() - start)
    return min(times)
