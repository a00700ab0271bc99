"""`ShardWriter`: one Parquet file of samples, written row group by row group and hashed on the way.

Encodings as measured (`benchmarks/sample_files.py`). A window is one binary value of a fixed width: a list would cost
four times the CPU for its levels. Whole numbers are bit-packed: codes and counts are a fraction of the four bytes that
Parquet gives them. Floats are split into byte streams where they are compressed. No dictionaries (drawn values hardly
repeat), no statistics (every row group spans every range), no page checksums (they nearly halve the speed of windows,
and the note of a shard has the SHA-256 of the whole file).
"""

import hashlib
from contextlib import ExitStack
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from kernels.errors import InvalidInputError
from resources.sample_store import SampleStore

COMPRESSIONS = ("none", "snappy", "zstd")


class ShardWriter:
    """Writes a shard, which appears as a whole when the `with` block ends without an error, and not at all otherwise.

    Equal blocks give equal bytes, whoever writes them and when. In memory are one block and its encoded pages.

    Attributes:
        rows: written so far.
    """

    def __init__(self, store: SampleStore, number: int, schema: pa.Schema, *, compression: str = "none") -> None:
        """Nothing is opened before the `with` block.

        Args:
            store: the dataset.
            number: of the shard.
            schema: of every block: numbers, truth values, dates, binary values of a fixed width.
            compression: "none", "snappy" or "zstd".

        Raises:
            InvalidInputError: no such compression, or a type that has no fixed width.
        """
        if compression not in COMPRESSIONS:
            raise _refused("compression", f"one of {', '.join(COMPRESSIONS)}", repr(compression))
        row_bytes(schema)
        self.rows = 0
        self._store, self._number, self._schema, self._compression = store, number, schema, compression
        self._sink = _HashingSink(None)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._sink = _HashingSink(opening.enter_context(self._store.stream_shard(self._number)))
            self._writer = pq.ParquetWriter(
                self._sink,
                self._schema,
                compression=self._compression,
                use_dictionary=False,
                column_encoding={field.name: _encoding(field.type, self._compression) for field in self._schema},
                write_statistics=False,
                write_page_checksum=False,
                # The types come back from Parquet's own.
                store_schema=False,
            )
            opening.push(self._finish)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, traceback)

    def write(self, block: pa.Table) -> None:
        """Append one row group; a block without rows appends none.

        Raises:
            InvalidInputError: other columns than the schema's, or a null where it has none.
            LakeError: the storage refuses, or is full.
        """
        if not block.schema.equals(self._schema):
            raise _refused("block", f"the columns {self._schema}", str(block.schema))
        for field in self._schema:
            if not field.nullable and block[field.name].null_count:
                raise _refused(f"block, column {field.name}", "no null", f"{block[field.name].null_count} of them")
        if block.num_rows:
            self._writer.write_table(block, row_group_size=block.num_rows)
            self.rows += block.num_rows

    @property
    def bytes(self) -> int:
        """Of the file so far; all after the block."""
        return self._sink.size

    @property
    def sha256(self) -> str:
        """Of the file so far, hexadecimal; of the whole after the block."""
        return self._sink.digest.hexdigest()

    def _finish(self, *raised: object) -> None:
        if any(raised):
            # Arrow writes the footer even so, when the writer is collected; it leads nowhere then.
            self._sink.drop()
        self._writer.close()


class _HashingSink:
    """What Arrow writes to: passes every byte on, and hashes it."""

    closed = False

    def __init__(self, file: BinaryIO | None) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._file = file

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self._file is not None:
            self._file.write(view)
            self.digest.update(view)
            self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing: `LakeFiles.stream` flushes at the end."""

    def close(self) -> None:
        """Nothing: `LakeFiles.stream` closes the file."""

    def drop(self) -> None:
        """Pass nothing on any more."""
        self._file = None


def row_bytes(schema: pa.Schema) -> float:
    """Bytes of a row in a file without compression, at most; footers aside.

    Raises:
        InvalidInputError: a type that has no fixed width.
    """
    bits = 0
    for field in schema:
        try:
            bits += field.type.bit_width + field.nullable
        except ValueError as error:
            raise _refused(f"column {field.name}", "a type of a fixed width", str(field.type)) from error
    return bits / 8


def _encoding(kind: pa.DataType, compression: str) -> str:
    if pa.types.is_integer(kind) or pa.types.is_date32(kind):
        return "DELTA_BINARY_PACKED"
    if pa.types.is_floating(kind) and compression != "none":
        return "BYTE_STREAM_SPLIT"
    return "PLAIN"


def _refused(where: str, expected: str, got: str) -> InvalidInputError:
    return InvalidInputError(f"shard, {where}", expected=expected, got=got, mend="correct what is written")
