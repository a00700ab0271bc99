"""`ParquetLake`: where the tables live. A partition is one Parquet file, `<root>/<table>/<partition>.parquet`.

What belongs here: writing and reading partitions, and their fingerprints. What doesn't: how a table is made, and which
bars were known when (`resources/price_history.py`, `kernels/as_of.py`).
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from kernels.as_of import Adjust, PriceHistory, as_of_panel
from kernels.errors import LakeError
from kernels.panel import PricePanel
from resources.contracts import CONTRACTS
from resources.lake_files import LakeFiles, Stamp
from resources.price_history import PriceHistoryReader, lookback_start

_SUFFIX = ".parquet"
_METADATA_PREFIX = "wavemill."


@dataclass(frozen=True)
class PartitionInfo:
    """What a partition says of itself, without its rows.

    Attributes:
        rows: how many rows it has.
        size: bytes of the file.
        fingerprint: SHA-256 of the rows; equal rows, equal fingerprint.
        made_from: fingerprint of everything it was made from: inputs, settings, code.
        schema_version: version of the contract it was written under.
        code_version: version of the code that made it.
    """

    rows: int
    size: int
    fingerprint: str
    made_from: str
    schema_version: str
    code_version: str


class ParquetLake:
    """Tables as Parquet partitions below one root, a local folder or any fsspec URL.

    Partitions appear whole or not at all, keep the contract of their table, and contain no time stamp: the same rows
    from the same inputs are the same bytes.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.files = LakeFiles(root)
        self._info: dict[tuple[str, str], tuple[Stamp, PartitionInfo]] = {}
        self._prices = PriceHistoryReader(self)

    def uri(self, table: str, partition: str) -> str:
        """The address of a partition's file."""
        return self.files.uri(table, partition + _SUFFIX)

    def write(self, table: str, partition: str, rows: pa.Table, *, made_from: str, code_version: str) -> PartitionInfo:
        """Write a partition, or leave the file alone if the very same bytes are there.

        Raises:
            ContractError: the rows break the table's contract; nothing is written.
            LakeError: the storage refuses; the old partition is untouched.
        """
        contract = CONTRACTS[table]
        contract.enforce(rows, partition)
        described = {
            "fingerprint": _content_fingerprint(rows),
            "made_from": made_from,
            "schema_version": str(contract.version),
            "code_version": code_version,
        }
        sink = pa.BufferOutputStream()
        # Without Arrow's own schema, a kilobyte in each small file: `read` casts to the contract's.
        # Dictionaries would make these small files larger, and slower to write. The checksums let `read` notice a
        # page that the disk has changed.
        with pq.ParquetWriter(
            sink, rows.schema, compression="zstd", use_dictionary=False, store_schema=False, write_page_checksum=True
        ) as writer:
            writer.write_table(rows)
            writer.add_key_value_metadata({_METADATA_PREFIX + key: value for key, value in described.items()})
        data = sink.getvalue().to_pybytes()
        info = PartitionInfo(rows=rows.num_rows, size=len(data), **described)
        name = partition + _SUFFIX
        if self.info(table, partition) != info or self.files.read(table, name) != data:
            self.files.write(table, name, data)
        return info

    def settle(self, table: str) -> None:
        """Make what was written durable, and sweep what killed runs left. Call once after the last write."""
        self.files.settle(table)

    def read(self, table: str, partition: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a partition, in the types of its contract; of all `columns` if None.

        Raises:
            FileNotFoundError: the partition doesn't exist.
            LakeError: the file is damaged, or was written under another version of the contract.
        """
        contract = CONTRACTS[table]
        schema = contract.schema
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        try:
            with self.files.open(table, partition + _SUFFIX) as file:
                parquet = pq.ParquetFile(file, page_checksum_verification=True)
                version = _described(parquet.metadata).get("schema_version")
                if version != str(contract.version):
                    raise ValueError(f"its schema version is {version}")
                # One row group, read by one thread: the caller reads many partitions, or works in several threads.
                rows = parquet.read(columns=columns, use_threads=False)
            return rows.replace_schema_metadata(None).cast(schema)
        except (FileNotFoundError, LakeError):
            raise
        except (pa.ArrowException, ValueError, OSError) as error:
            raise self._damaged(table, partition, error) from error

    def info(self, table: str, partition: str) -> PartitionInfo | None:
        """What a partition says of itself; None if it doesn't exist or isn't a Parquet file of this lake.

        Raises:
            LakeError: the storage refuses to open the file.
        """
        return self._stamped_info(table, partition, self.files.stamp(table, partition + _SUFFIX))

    def infos(self, table: str, partitions: Iterable[str]) -> dict[str, PartitionInfo]:
        """The same for many partitions with one listing. Absent and damaged partitions are left out."""
        stamps = self.files.stamps(table)
        found = {
            partition: self._stamped_info(table, partition, stamps.get(partition + _SUFFIX)) for partition in partitions
        }
        return {partition: info for partition, info in found.items() if info is not None}

    def fingerprints(self, table: str, partitions: Iterable[str]) -> dict[str, str]:
        """The fingerprints of the partitions that exist."""
        return {partition: info.fingerprint for partition, info in self.infos(table, partitions).items()}

    def _stamped_info(self, table: str, partition: str, stamp: Stamp | None) -> PartitionInfo | None:
        if stamp is None:
            return None
        cached = self._info.get((table, partition))
        if cached is not None and cached[0] == stamp:
            return cached[1]
        info = self._describe(table, partition)
        if info is not None:
            self._info[table, partition] = (stamp, info)
        return info

    def partitions(self, table: str) -> list[str]:
        """The partitions that exist, sorted."""
        return sorted(name.removesuffix(_SUFFIX) for name in self.files.stamps(table) if name.endswith(_SUFFIX))

    def stamps(self, table: str) -> dict[str, Stamp]:
        """Partition -> a stamp that changes whenever its file is replaced."""
        stamps = self.files.stamps(table)
        return {name.removesuffix(_SUFFIX): stamp for name, stamp in stamps.items() if name.endswith(_SUFFIX)}

    def history(
        self, first: date, last: date, symbols: Iterable[str] | None = None, *, quarantine: bool = True
    ) -> PriceHistory:
        """As-traded bars of the sessions `first` to `last`, both included, and the quarantine unless it is left out.

        Sessions before the oldest `prices` partition are left out: history begins there.

        Raises:
            SessionError: `first` or `last` is no session.
            MissingHistoryError: a session in between has no `prices` or no `quarantine`.
        """
        return self._prices.history(first, last, symbols, quarantine)

    def panel(
        self, end: date, sessions: int = 504, symbols: Iterable[str] | None = None, adjust: Adjust = "splits"
    ) -> PricePanel:
        """The bars of the `sessions` sessions that end at `end`, as they were known at its close.

        Fewer if history begins later. Symbols that aren't in the lake have a row of NaN if asked for by name.

        Raises:
            SessionError: `end` is no session.
            MissingHistoryError: a session in between has no `prices` or no `quarantine`.
        """
        return as_of_panel(self.history(lookback_start(end, sessions), end, symbols), adjust=adjust)

    def _describe(self, table: str, partition: str) -> PartitionInfo | None:
        try:
            with self.files.open(table, partition + _SUFFIX) as file:
                footer = pq.read_metadata(file)
                size = file.seek(0, os.SEEK_END)
            stored = _described(footer)
        except LakeError:
            raise
        except (FileNotFoundError, pa.ArrowException, OSError, UnicodeDecodeError):
            # Gone since the listing, or not Parquet (Arrow calls a damaged footer an OSError): as good as absent, so
            # that it is made again.
            return None
        if len(stored) < len(_DESCRIBED):
            return None
        return PartitionInfo(rows=footer.num_rows, size=size, **stored)

    def _damaged(self, table: str, partition: str, error: Exception) -> LakeError:
        return LakeError(
            f"partition {self.uri(table, partition)}",
            expected=f"a Parquet file under version {CONTRACTS[table].version} of the contract of `{table}`",
            got=f"{type(error).__name__}: {error}",
            mend=f"delete the file and materialise `{table}` for {partition} again",
        )


_DESCRIBED = tuple(field.name for field in fields(PartitionInfo))[2:]


def _described(footer: pq.FileMetaData) -> dict[str, str]:
    """What `ParquetLake.write` put into the footer; other keys are left out."""
    stored = footer.metadata or {}
    keys = {name: (_METADATA_PREFIX + name).encode() for name in _DESCRIBED}
    return {name: stored[key].decode() for name, key in keys.items() if key in stored}


@cache
def open_lake(root: str) -> ParquetLake:
    """The lake at `root`; one for each root and process, so that what it has read stays warm between steps."""
    return ParquetLake(root)


def fingerprint(parts: Mapping[str, object]) -> str:
    """SHA-256 of named values (`repr` of each), whatever their order."""
    text = "\n".join(f"{name}={parts[name]!r}" for name in sorted(parts))
    return hashlib.sha256(text.encode()).hexdigest()


def _content_fingerprint(rows: pa.Table) -> str:
    """SHA-256 of the rows: each column's values as an Arrow IPC stream, and which of them are there if some aren't.

    What lies in memory under a null (which NaN it was), or beside a slice, is no part of the rows: filtering drops it.
    """
    sink = pa.BufferOutputStream()
    for name, column in zip(rows.column_names, rows.itercolumns(), strict=True):
        valid = column.is_valid()
        for part in (valid, column.filter(valid)) if column.null_count else (column,):
            batch = pa.record_batch([part.combine_chunks()], [name])
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
    return hashlib.sha256(sink.getvalue()).hexdigest()
