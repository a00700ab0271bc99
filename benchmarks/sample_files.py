"""Measure how sample files are best written: windows and index columns, encodings and compressions, per CPU-second.

Run from the project root: `python -m benchmarks.sample_files`. Writes `benchmarks/results/sample_files.json`.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import RESULTS, machine, report
from resources.lake_files import LakeFiles
from resources.sample_store import SampleStore
from resources.sample_writer import COMPRESSIONS, ShardWriter

Float32Array2D = npt.NDArray[np.float32]

LOOKBACK, CHANNELS = 64, 5
FLOATS = LOOKBACK * CHANNELS
SYMBOLS, SESSIONS = 500, 756
WINDOW_BYTES = 256 * 2**20
WINDOW_ROWS = WINDOW_BYTES // (4 * FLOATS)
WINDOW_GROUP = 8_192
INDEX_GROUP, INDEX_GROUPS = 65_536, 16
FLOAT_COLUMNS, INT8_COLUMNS, INT16_COLUMNS, DATE_COLUMNS = 26, 4, 4, 1
REPEATS = 3
SEED = 7

Write = Callable[[Path], None]
Read = Callable[[Path], object]


def main() -> None:
    """Check that each file gives back what went in, time it, print and write."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        windows = _windows()
        found_windows = list(_measure_windows(path, windows))
        data = windows[:50_000].tobytes()
        hashing = _cpu_seconds(lambda: hashlib.sha256(data).digest())
        store = SampleStore(LakeFiles(folder), "benchmark")
        whole = [_measured_writer(store, "windows", "none", _required({"window": _binary(windows)}), WINDOW_GROUP)]
        del windows
        table = _index_table()
        found_index = list(_measure_index(path, table))
        whole += [_measured_writer(store, "index", each, table, INDEX_GROUP) for each in COMPRESSIONS]
    result: dict[str, object] = {
        "machine": machine() | {"pyarrow": version("pyarrow")},
        "unit": "MB (1e6 bytes of content) per CPU-second, best of 3; ratio = file bytes / content bytes",
        "sha256": round(len(data) / hashing / 1e6),
        "windows": {"rows": WINDOW_ROWS, "row_group_rows": WINDOW_GROUP, "files": found_windows},
        "shard_writer, hash and fsync": whole,
        "index": {"rows": INDEX_GROUP * INDEX_GROUPS, "row_group_rows": INDEX_GROUP, "files": found_index},
    }
    report(result, RESULTS / "sample_files.json")


def _windows() -> Float32Array2D:
    """Windows of a random-walk panel in the order of random draws: prices / last close, log volume - the last."""
    rng = np.random.default_rng(SEED)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (SYMBOLS, SESSIONS)), axis=1))
    opened = close * np.exp(rng.normal(0.0, 0.01, close.shape))
    spread = np.exp(np.abs(rng.normal(0.0, 0.01, close.shape)))
    high, low = np.maximum(opened, close) * spread, np.minimum(opened, close) / spread
    # As quoted: in cents.
    prices = [np.round(each, 2) for each in (opened, high, low, close)]
    volume = np.log1p(np.round(np.exp(rng.normal(14.0, 0.5, close.shape))))
    panel = np.stack([*prices, volume], axis=2).astype(np.float32)
    rows = rng.integers(0, SYMBOLS, WINDOW_ROWS)
    ends = rng.integers(LOOKBACK - 1, SESSIONS, WINDOW_ROWS)
    windows = panel[rows[:, None], ends[:, None] + np.arange(1 - LOOKBACK, 1)]
    last = windows[:, -1].copy()
    windows[..., :4] /= last[:, None, 3:4]
    windows[..., 4] -= last[:, None, 4]
    return windows.reshape(WINDOW_ROWS, FLOATS)


def _measure_windows(path: Path, windows: Float32Array2D) -> Iterator[dict[str, object]]:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(windows.reshape(-1)), FLOATS)
    binary = _binary(windows)
    plain = {"use_dictionary": False, "write_statistics": False}
    runs: list[tuple[str, str, Write, Read]] = []
    for name, column in (("fixed_size_list", lists), ("fixed_size_binary", binary)):
        table = _required({"window": column})
        for compression in ("none", "snappy", "zstd"):
            runs.append((name, compression, _parquet(table, WINDOW_GROUP, compression, **plain), _read_window))
        split = _parquet(table, WINDOW_GROUP, "zstd", use_byte_stream_split=True, **plain)
        runs.append((f"{name}, byte_stream_split", "zstd", split, _read_window))
        for option in ("use_dictionary", "write_statistics", "write_page_checksum"):
            write = _parquet(table, WINDOW_GROUP, "none", **{**plain, option: True})
            runs.append((f"{name}, {option}", "none", write, _read_window))
    batches = _required({"window": binary})
    for compression in ("none", "lz4", "zstd"):
        runs.append(("arrow_ipc, fixed_size_binary", compression, _ipc(batches, compression), _read_ipc_window))
    for encoding, compression, write, read in runs:
        write(path)
        assert np.array_equal(read(path), windows)
        yield _measured(path, encoding, compression, windows.nbytes, write, read)


def _binary(windows: Float32Array2D) -> pa.FixedSizeBinaryArray:
    return pa.Array.from_buffers(pa.binary(4 * FLOATS), len(windows), [None, pa.py_buffer(windows)])


def _measured_writer(store: SampleStore, name: str, compression: str, table: pa.Table, group: int) -> dict[str, object]:
    def write(_: Path) -> None:
        with ShardWriter(store, 0, table.schema, compression=compression) as writer:
            for first in range(0, table.num_rows, group):
                writer.write(table.slice(first, group))

    path = Path(store.shard_uri(0))
    write(path)
    assert pq.read_table(path).equals(table)
    return _measured(path, name, compression, table.nbytes, write, lambda path: pq.read_table(path, use_threads=False))


def _measure_index(path: Path, table: pa.Table) -> Iterator[dict[str, object]]:
    for compression, dictionary in product(("none", "snappy", "zstd"), (False, True)):
        yield _measured_index(path, table, compression, use_dictionary=dictionary)
    for option in ("write_statistics", "write_page_checksum"):
        for compression in ("none", "zstd"):
            yield _measured_index(path, table, compression, **{option: True})
    packed = {name: "DELTA_BINARY_PACKED" for name in table.column_names if not name.startswith("float")}
    split = {name: "BYTE_STREAM_SPLIT" for name in table.column_names if name.startswith("float")}
    for encodings in (packed, split, packed | split):
        for compression in ("none", "snappy", "zstd"):
            yield _measured_index(path, table, compression, column_encoding=encodings)


def _measured_index(path: Path, table: pa.Table, compression: str, **options: Any) -> dict[str, object]:
    settings = {"use_dictionary": False, "write_statistics": False} | options
    write = _parquet(table, INDEX_GROUP, compression, **settings)
    write(path)
    assert pq.read_table(path).equals(table)
    encodings = sorted({encoding.lower() for encoding in settings.get("column_encoding", {}).values()})
    names = encodings or [name for name, value in settings.items() if value] or ["plain"]
    named = ", ".join(names)
    return _measured(path, named, compression, table.nbytes, write, lambda path: pq.read_table(path, use_threads=False))


def _index_table() -> pa.Table:
    """Columns like those of a sample: drawn values, of which a third is zero or absent, codes, counts, sessions."""
    rng = np.random.default_rng(SEED)
    rows = INDEX_GROUP * INDEX_GROUPS
    columns: dict[str, pa.Array] = {}
    for number in range(FLOAT_COLUMNS):
        values = rng.lognormal(0.0, 1.0, rows).astype(np.float32)
        values[rng.random(rows) < 1 / 3] = 0.0
        columns[f"float_{number}"] = pa.array(values)
    for number in range(INT8_COLUMNS):
        columns[f"int8_{number}"] = pa.array(rng.integers(0, 4, rows, dtype=np.int8))
    for number in range(INT16_COLUMNS):
        columns[f"int16_{number}"] = pa.array(rng.integers(0, SYMBOLS, rows, dtype=np.int16))
    for number in range(DATE_COLUMNS):
        columns[f"date_{number}"] = pa.array(rng.integers(18_000, 18_000 + SESSIONS, rows, dtype=np.int32), pa.date32())
    return _required(columns)


def _required(columns: dict[str, pa.Array]) -> pa.Table:
    """A table without nulls, and declared so: Parquet then writes no levels."""
    schema = pa.schema([pa.field(name, column.type, False) for name, column in columns.items()])
    return pa.Table.from_arrays(list(columns.values()), schema=schema)


def _parquet(table: pa.Table, group: int, compression: str, **options: Any) -> Write:
    def write(path: Path) -> None:
        with pq.ParquetWriter(path, table.schema, compression=compression, **options) as writer:
            for first in range(0, table.num_rows, group):
                writer.write_table(table.slice(first, group), row_group_size=group)

    return write


def _ipc(table: pa.Table, compression: str) -> Write:
    def write(path: Path) -> None:
        options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=WINDOW_GROUP)

    return write


def _read_window(path: Path) -> Float32Array2D:
    return _floats(pq.read_table(path, use_threads=False)["window"])


def _read_ipc_window(path: Path) -> Float32Array2D:
    with pa.OSFile(str(path)) as file:
        return _floats(pa.ipc.open_file(file).read_all()["window"])


def _floats(column: pa.ChunkedArray) -> Float32Array2D:
    """The windows of a column, copied chunk by chunk into one array, as a loader would into its batch."""
    out = np.empty((len(column), FLOATS), np.float32)
    first = 0
    for chunk in column.chunks:
        values = chunk.flatten() if pa.types.is_fixed_size_list(chunk.type) else chunk
        floats = np.frombuffer(values.buffers()[1], np.float32)
        skipped = chunk.offset * FLOATS if values is chunk else values.offset
        out[first : first + len(chunk)] = floats[skipped : skipped + len(chunk) * FLOATS].reshape(-1, FLOATS)
        first += len(chunk)
    return out


def _measured(path: Path, encoding: str, compression: str, size: int, write: Write, read: Read) -> dict[str, object]:
    wrote = _cpu_seconds(lambda: write(path))
    was_read = _cpu_seconds(lambda: read(path))
    return {
        "encoding": encoding,
        "compression": compression,
        "write": round(size / wrote / 1e6),
        "read": round(size / was_read / 1e6),
        "ratio": round(path.stat().st_size / size, 3),
    }


def _cpu_seconds(call: Callable[[], object]) -> float:
    """The least CPU time of some calls, over all threads: other work on the machine counts little."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
