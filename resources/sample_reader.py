"""Reads the units of a dataset into arrays, and refuses a shard whose bytes are not those that its note describes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kernels.errors import LakeError
from kernels.samples import CHANNELS, COLUMNS, SPLITS
from resources.sample_store import SampleStore, ShardNote, shard_name
from resources.sample_units import Order, Unit, row_order

Arrays = dict[str, npt.NDArray[np.generic]]
Float32Array2D = npt.NDArray[np.float32]

GROUPS = {
    group: tuple(name for name, column in COLUMNS.items() if column.group == group)
    for group in ("state", "action", "label")
}
"""The columns of the three matrices of a batch, in order."""

_KEYS = ("instrument", "session", "split")


@dataclass
class UnitReader:
    """Reads units. It can be pickled, so that worker processes read too.

    Attributes:
        store: where the files are.
        notes: of each shard, by number.
        split: whose rows are read.
        first_day: first session of the dataset, in days since 1970-01-01.
        columns: int32, day - `first_day` -> position in the dataset's sessions, -1 if it is none.
        lookback: bars of a window; 0 = the windows aren't read from the files.
        verify: whether the SHA-256 of a shard is compared with its note before its first unit.
        threads: whether Arrow may use its threads.
        verified: shards whose bytes are known to be right.
    """

    store: SampleStore
    notes: Mapping[int, ShardNote]
    split: str
    first_day: int
    columns: npt.NDArray[np.int32]
    lookback: int
    verify: bool
    threads: bool = True
    verified: set[int] = field(default_factory=set)

    def read(self, unit: Unit, order: Order) -> Arrays:
        """The rows of a unit in their order: new arrays that share no memory with others.

        Returns:
            instrument, session: int32 [rows], positions in the dataset's symbols and sessions.
            state, action, label: float32 [rows, columns of `GROUPS`]; NaN where the file has null.
            window: float32 [rows, lookback, 5], only if `lookback` isn't 0.

        Raises:
            LakeError: the shard isn't there, can't be read, or isn't what its note describes.
        """
        if self.verify and unit.shard not in self.verified:
            self.store.verify_shard(unit.shard, self.notes[unit.shard])
            self.verified.add(unit.shard)
        table = self._read_group(unit)
        stored = np.flatnonzero(_values(table, "split") == SPLITS.index(self.split))
        if len(stored) != unit.rows:
            raise self._damaged(unit, f"{len(stored)} rows of the split {self.split} in row group {unit.group}")
        places = stored[row_order(unit, order)]
        arrays: Arrays = {
            "instrument": _values(table, "instrument")[places].astype(np.int32),
            "session": self._columns_of(unit, _values(table, "session")[places]),
        }
        for group, names in GROUPS.items():
            arrays[group] = _matrix(table, names)[places]
        if self.lookback:
            arrays["window"] = _windows(table, self.lookback)[places]
        return arrays

    def outline(self, rows: int) -> Arrays:
        """Arrays of the names, types and shapes that `read` gives for a unit of `rows` rows; they take no memory."""
        zero = np.float32(0)
        arrays: Arrays = {name: np.broadcast_to(np.int32(0), rows) for name in ("instrument", "session")}
        arrays |= {group: np.broadcast_to(zero, (rows, len(names))) for group, names in GROUPS.items()}
        if self.lookback:
            arrays["window"] = np.broadcast_to(zero, (rows, self.lookback, len(CHANNELS)))
        return arrays

    def _read_group(self, unit: Unit) -> pa.Table:
        names = [*_KEYS, *(name for names in GROUPS.values() for name in names), *(["window"] if self.lookback else [])]
        try:
            with self.store.open_shard(unit.shard) as file, pq.ParquetFile(file) as parquet:
                return parquet.read_row_group(unit.group, columns=names, use_threads=self.threads)
        except FileNotFoundError as error:
            raise self._damaged(unit, "no such file") from error
        except (pa.ArrowException, IndexError, OSError) as error:
            if isinstance(error, LakeError):
                raise
            raise self._damaged(unit, f"{type(error).__name__}: {error}") from error

    def _columns_of(self, unit: Unit, days: npt.NDArray[np.generic]) -> npt.NDArray[np.int32]:
        offsets = days.astype(np.int32) - self.first_day
        inside = (offsets >= 0) & (offsets < len(self.columns))
        columns = self.columns[np.where(inside, offsets, 0)]
        if not inside.all() or (columns < 0).any():
            raise self._damaged(unit, "a session that the manifest doesn't have")
        return columns

    def _damaged(self, unit: Unit, got: str) -> LakeError:
        return LakeError(
            self.store.shard_uri(unit.shard),
            expected=f"the Parquet file that the note of {shard_name(unit.shard)} describes",
            got=got,
            mend=f"draw {shard_name(unit.shard)} again",
        )


def _values(table: pa.Table, name: str) -> npt.NDArray[np.generic]:
    column = table[name]
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    values: npt.NDArray[np.generic] = column.to_numpy()
    return values


def _matrix(table: pa.Table, names: tuple[str, ...]) -> Float32Array2D:
    """The columns side by side, float32 [rows, columns]; null is NaN."""
    matrix = np.empty((table.num_rows, len(names)), dtype=np.float32)
    for place, name in enumerate(names):
        matrix[:, place] = _values(table, name)
    return matrix


def _windows(table: pa.Table, lookback: int) -> npt.NDArray[np.float32]:
    """The binary column as float32 [rows, lookback, 5], a view of Arrow's memory where it lies in one piece."""
    column = table["window"].combine_chunks()
    chunk = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    floats = np.frombuffer(chunk.buffers()[1], dtype="<f4")
    size = chunk.type.byte_width // floats.itemsize
    return floats[chunk.offset * size :][: len(chunk) * size].reshape(len(chunk), lookback, -1)
