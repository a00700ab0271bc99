"""A small dataset of samples on disk whose rows are known, and what batches of it are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kernels.samples import CHANNELS, COLUMNS, SPLITS, gather_windows
from resources.lake_files import LakeFiles
from resources.sample_store import SampleStore, ShardNote, shard_name

SYMBOLS, SESSIONS, LOOKBACK = 6, 40, 8
ROW_GROUPS = ((37, 50, 11), (1, 64), (20, 20, 20, 20))
"""Rows of each row group of each shard."""
DAYS = np.busday_offset(np.datetime64("2020-01-02"), np.arange(SESSIONS))

Arrays = dict[str, npt.NDArray[Any]]


class SmallDataset:
    """A dataset on disk whose rows are known: `state_equity` numbers the rows."""

    def __init__(self, root: str, layout: str = "index") -> None:
        self.files = LakeFiles(root)
        self.folder = f"{root}/synthetic_samples/small"
        self.store = SampleStore(self.files, "small")
        rng = np.random.default_rng(11)
        self.panel = (1.0 + rng.random((SYMBOLS, SESSIONS, len(CHANNELS)))).astype(np.float32)
        self.manifest = {
            "format_version": 1,
            "code_version": "1",
            "dataset": "small",
            "layout": layout,
            "made_from": "these prices",
            "symbols": [f"S{number}" for number in range(SYMBOLS)],
            "sessions": [str(day) for day in DAYS],
            "settings": {"lookback": LOOKBACK},
            "columns": {name: {"group": c.group, "unit": c.unit, "text": c.text} for name, c in COLUMNS.items()},
            "window_channels": list(CHANNELS),
            "scalers": {
                name: [3.0, 1.7]
                for name in (*COLUMNS, *(f"window_{channel}" for channel in CHANNELS))
                if name not in COLUMNS or COLUMNS[name].dtype == "float32"
            },
        }
        self.store.begin(self.manifest, self.panel)
        self.rows = {shard: self._columns(rng, shard) for shard in range(len(ROW_GROUPS))}
        for shard in self.rows:
            self.write(shard)

    def _columns(self, rng: np.random.Generator, shard: int) -> Arrays:
        rows = sum(ROW_GROUPS[shard])
        columns: Arrays = {}
        for name, column in COLUMNS.items():
            if column.dtype == "float32":
                columns[name] = rng.normal(size=rows).astype(np.float32)
                columns[name][rng.random(rows) < 0.2] = np.nan
            else:
                columns[name] = rng.integers(0, 2, rows).astype(column.dtype)
        columns["instrument"] = rng.integers(0, SYMBOLS, rows).astype(np.int16)
        columns["session"] = rng.integers(LOOKBACK - 1, SESSIONS, rows).astype(np.int32)
        columns["split"] = rng.choice(3, rows, p=(0.7, 0.2, 0.1)).astype(np.int8)
        columns["state_equity"] = (1000 * shard + np.arange(rows)).astype(np.float32)
        return columns

    def table(self, shard: int) -> pa.Table:
        columns = self.rows[shard]
        arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
        arrays["session"] = pa.array(DAYS[columns["session"]])
        if self.manifest["layout"] == "windowed":
            data = pa.py_buffer(np.ascontiguousarray(self.windows(shard)))
            width = LOOKBACK * len(CHANNELS) * 4
            arrays["window"] = pa.Array.from_buffers(pa.binary(width), len(columns["session"]), [None, data])
        return pa.table(arrays)

    def windows(self, shard: int) -> npt.NDArray[np.float32]:
        columns = self.rows[shard]
        return gather_windows(self.panel, columns["instrument"].astype(np.int32), columns["session"], LOOKBACK)

    def write(self, shard: int, made_from: str = "these prices") -> None:
        table, sink, first, counts = self.table(shard), pa.BufferOutputStream(), 0, []
        with pq.ParquetWriter(sink, table.schema, use_dictionary=False) as writer:
            for rows in ROW_GROUPS[shard]:
                group = table.slice(first, rows)
                writer.write_table(group)
                counts.append(np.bincount(group["split"].to_numpy(), minlength=len(SPLITS)).tolist())
                first += rows
        data = sink.getvalue().to_pybytes()
        self.files.write("synthetic_samples/small/shards", f"{shard_name(shard)}.parquet", data)
        self.store.write_note(
            shard,
            ShardNote(
                rows=first,
                bytes=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                made_from=made_from,
                row_groups=counts,
            ),
        )

    def path(self, name: str) -> Path:
        return Path(self.folder) / name

    def of_split(self, split: str) -> Arrays:
        """What the batches of a split hold together, in the order of the files."""
        place = SPLITS.index(split)
        parts: dict[str, list[npt.NDArray[Any]]] = {}
        for shard, columns in self.rows.items():
            taken = columns["split"] == place
            parts.setdefault("window", []).append(self.windows(shard)[taken])
            for key in ("instrument", "session"):
                parts.setdefault(key, []).append(columns[key][taken].astype(np.int32))
            for group in ("state", "action", "label"):
                names = [name for name, column in COLUMNS.items() if column.group == group]
                matrix = np.stack([columns[name][taken].astype(np.float32) for name in names], axis=1)
                parts.setdefault(group, []).append(matrix)
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def numbers(batches: Iterable[Any]) -> list[list[float]]:
    """The rows of each batch by their number."""
    return [batch["state"][:, 0].tolist() for batch in batches]


def flat(batches: Iterable[Any]) -> list[float]:
    return [number for batch in numbers(batches) for number in batch]


def assert_equal(ours: Iterable[Any], theirs: Iterable[Any]) -> None:
    """The same batches bit for bit, whether arrays or tensors."""
    for mine, other in zip(ours, theirs, strict=True):
        assert list(mine) == list(other)
        for name, values in mine.items():
            np.testing.assert_array_equal(np.asarray(values), np.asarray(other[name]), strict=True)
