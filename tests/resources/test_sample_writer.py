"""Shards written row group by row group: whole or not at all, the same bytes every time, in little memory."""

import gc
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kernels.errors import InvalidInputError, LakeError
from resources.lake_files import LakeFiles
from resources.sample_store import SampleStore
from resources.sample_writer import COMPRESSIONS, ShardWriter, row_bytes

ROOT = Path(__file__).resolve().parents[2]
LOOKBACK = 4
SCHEMA = pa.schema(
    [
        pa.field("instrument", pa.int16(), False),
        pa.field("session", pa.date32(), False),
        pa.field("split", pa.int8(), False),
        pa.field("equity", pa.float32(), False),
        pa.field("entry", pa.float32(), True),
        pa.field("hold", pa.bool_(), False),
        pa.field("rows", pa.int32(), False),
        pa.field("window", pa.binary(4 * 5 * LOOKBACK), False),
    ]
)


def _block(seed: int, rows: int = 500) -> pa.Table:
    rng = np.random.default_rng(seed)
    entry = rng.normal(size=rows).astype(np.float32)
    windows = rng.normal(size=(rows, LOOKBACK, 5)).astype("<f4")
    return pa.Table.from_arrays(
        [
            pa.array(rng.integers(-30_000, 30_000, rows, dtype=np.int16)),
            pa.array(rng.integers(-(2**31), 2**31, rows, dtype=np.int32), pa.date32()),
            pa.array(rng.integers(-128, 128, rows, dtype=np.int8)),
            pa.array(rng.lognormal(size=rows).astype(np.float32)),
            pa.array(entry, mask=entry < 0.0),
            pa.array(rng.random(rows) < 0.2),
            pa.array(rng.integers(-(2**31), 2**31, rows, dtype=np.int32)),
            pa.Array.from_buffers(SCHEMA.field("window").type, rows, [None, pa.py_buffer(windows)]),
        ],
        schema=SCHEMA,
    )


@pytest.fixture
def store(tmp_path: Path) -> SampleStore:
    return SampleStore(LakeFiles(str(tmp_path / "lake")), "default")


def _write(store: SampleStore, blocks: list[pa.Table], error: BaseException | None = None, **options: Any) -> str:
    with ShardWriter(store, 3, SCHEMA, **options) as writer:
        for block in blocks:
            writer.write(block)
        if error is not None:
            raise error
    return writer.sha256


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_blocks_are_row_groups_and_come_back_with_their_types(store: SampleStore, compression: str) -> None:
    blocks = [_block(1), _block(2, 77), _block(3, 1)]
    with ShardWriter(store, 3, SCHEMA, compression=compression) as writer:
        for block in blocks:
            writer.write(block)
    path = Path(store.shard_uri(3))
    found = pq.ParquetFile(path)
    assert found.schema_arrow.equals(SCHEMA)
    assert found.metadata.num_row_groups == 3
    for number, block in enumerate(blocks):
        assert found.read_row_group(number).equals(block)
    assert writer.rows == 578
    assert writer.bytes == path.stat().st_size
    assert writer.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    column = found.metadata.row_group(0).column(3)
    assert column.compression == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())
    assert not column.is_stats_set
    assert not column.has_dictionary_page


def test_windows_come_back_as_the_floats_that_went_in(store: SampleStore) -> None:
    windows = np.random.default_rng(4).normal(size=(500, LOOKBACK, 5)).astype(np.float32)
    column = pa.Array.from_buffers(SCHEMA.field("window").type, 500, [None, pa.py_buffer(windows)])
    _write(store, [_block(4).set_column(7, SCHEMA.field("window"), column)])
    read = pq.read_table(store.shard_uri(3))["window"].combine_chunks()
    np.testing.assert_array_equal(np.frombuffer(read.buffers()[1], "<f4").reshape(500, LOOKBACK, 5), windows)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_equal_blocks_are_equal_bytes_in_another_process_too(store: SampleStore, compression: str) -> None:
    first = _write(store, [_block(1), _block(2)], compression=compression)
    data = Path(store.shard_uri(3)).read_bytes()
    # Slices of one table, and columns in several pieces: other memory, the same rows.
    whole = pa.concat_tables([_block(1), _block(2)])
    pieces = pa.concat_tables([_block(2).slice(0, 200), _block(2).slice(200)])
    assert _write(store, [whole.slice(0, 500), pieces], compression=compression) == first
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('writes', sys.argv[1])\n"
        "writes = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(writes)\n"
        "store = writes.SampleStore(writes.LakeFiles(sys.argv[2]), 'default')\n"
        "print(writes._write(store, [writes._block(1), writes._block(2)], compression=sys.argv[3]))\n"
    )
    command = [sys.executable, "-c", code, __file__, store.files.root, compression]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == first
    assert Path(store.shard_uri(3)).read_bytes() == data


def test_the_file_says_nothing_of_when_or_who(store: SampleStore) -> None:
    _write(store, [_block(1)])
    footer = pq.read_metadata(store.shard_uri(3))
    assert footer.metadata is None
    assert footer.created_by == f"parquet-cpp-arrow version {pa.cpp_version}"


def test_a_shard_without_rows_is_a_file_too(store: SampleStore) -> None:
    _write(store, [])
    assert pq.read_table(store.shard_uri(3)).equals(SCHEMA.empty_table())
    _write(store, [SCHEMA.empty_table(), _block(1), SCHEMA.empty_table()])
    assert pq.read_metadata(store.shard_uri(3)).num_row_groups == 1


@pytest.mark.parametrize("error", [ValueError("a bad block"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_shard_and_no_other_file(store: SampleStore, error: BaseException) -> None:
    old = _write(store, [_block(1)])
    with pytest.raises(type(error)) as caught:
        _write(store, [_block(2)], error)
    assert caught.value is error
    gc.collect()
    assert hashlib.sha256(Path(store.shard_uri(3)).read_bytes()).hexdigest() == old
    assert _files(Path(store.files.root)) == ["shard-003.parquet"]


@pytest.mark.parametrize(("blocks", "rows"), [(40, 500), (2, 40_000)])
def test_a_full_disk_is_named_and_leaves_nothing(small_disk: Path, blocks: int, rows: int) -> None:
    store = SampleStore(LakeFiles(str(small_disk)), "default")
    with pytest.raises(LakeError, match="No space left") as caught:
        _write(store, [_block(seed, rows) for seed in range(blocks)])
    assert caught.value.where.endswith("/synthetic_samples/default/shards/shard-003.parquet")
    del caught
    gc.collect()
    assert _files(small_disk) == []


def test_other_columns_are_refused(store: SampleStore) -> None:
    block = _block(1)
    for other in (
        block.drop_columns(["hold"]),
        block.select(block.column_names[::-1]),
        block.append_column("x", block[0]),
    ):
        with pytest.raises(InvalidInputError, match="shard, block"):
            _write(store, [other])
    assert _files(Path(store.files.root)) == []


def test_a_null_where_the_schema_has_none_is_refused(store: SampleStore) -> None:
    equity = pa.array([None] * 500, pa.float32())
    with pytest.raises(InvalidInputError, match="column equity: expected no null; got 500"):
        _write(store, [_block(1).set_column(3, SCHEMA.field("equity"), equity)])


def test_wrong_options_are_refused_before_a_file_is_opened(store: SampleStore) -> None:
    with pytest.raises(InvalidInputError, match="compression"):
        ShardWriter(store, 3, SCHEMA, compression="gzip")
    with pytest.raises(InvalidInputError, match="column name"):
        ShardWriter(store, 3, pa.schema([pa.field("name", pa.string(), False)]))
    with pytest.raises(InvalidInputError, match="number of a shard"):
        _ = ShardWriter(store, -1, SCHEMA).__enter__()
    assert not Path(store.files.root).exists()


def test_row_bytes_bound_the_size_of_the_file(store: SampleStore) -> None:
    assert row_bytes(SCHEMA) == 2 + 4 + 1 + 4 + 4 + 1 / 8 + 1 / 8 + 4 + 4 * 5 * LOOKBACK
    _write(store, [_block(seed, 20_000) for seed in range(3)])
    assert Path(store.shard_uri(3)).stat().st_size <= 1.02 * 60_000 * row_bytes(SCHEMA)


MEMORY = """
import json, resource, sys
import numpy as np
import pyarrow as pa
from resources.lake_files import LakeFiles
from resources.sample_store import SampleStore
from resources.sample_writer import ShardWriter
names = [f"column_{number}" for number in range(35)]
schema = pa.schema([pa.field(name, pa.float32(), False) for name in names])
values = np.random.default_rng(1).normal(size=(35, 8_192)).astype(np.float32)
peaks = []
with ShardWriter(SampleStore(LakeFiles(sys.argv[1]), "default"), 0, schema, compression=sys.argv[2]) as writer:
    for number in range(200):
        writer.write(pa.Table.from_arrays([pa.array(column + number) for column in values], schema=schema))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
print(json.dumps([writer.bytes, peaks[19], peaks[-1]]))
"""


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_memory_doesn_t_grow_with_the_row_groups(tmp_path: Path, compression: str) -> None:
    command = [sys.executable, "-c", MEMORY, str(tmp_path), compression]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    size, early, late = json.loads(done.stdout)
    assert size > 150_000_000
    # What stays is the footer, some hundred bytes for each column of a row group.
    assert late - early < 12_000_000
