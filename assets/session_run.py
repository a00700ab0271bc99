"""What every asset over sessions does alike: skip what is current, write as it goes, log progress, report."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dagster as dg
import pyarrow as pa

from assets.declared import declared_asset
from assets.partitions import SESSIONS
from assets.progress import Progress
from resources.contracts import Contract
from resources.lineage import LOOKBACK
from resources.parquet_lake import ParquetLake, PartitionInfo

PREVIEW_ROWS = 10
_WRITERS = 2

Metadata = dict[str, Any]


class Followed(NamedTuple):
    """The numbers of a session that are worth following over sessions; Dagster draws them over the partitions.

    Attributes:
        columns: of the table, which they are read from.
        numbers: from a table with these columns to the numbers by name; what isn't known is left out.
    """

    columns: tuple[str, ...]
    numbers: Callable[[pa.Table], Mapping[str, int | float]]


@dataclass
class SessionRun:
    """One asset's work over the sessions of one run.

    Attributes:
        context: Dagster's context of the asset.
        lake: where the partitions go.
        contract: of the asset's table.
        code_version: of the asset; a partition made by another version is made again.
        made_from: session -> fingerprint of everything its partition is made from.
        followed: the numbers that every session has, also one that is kept.
        metadata: of the run, shown with the newest session.
        by_session: session -> metadata of its own; of the sessions that this run made.
    """

    context: dg.AssetExecutionContext
    lake: ParquetLake
    contract: Contract
    code_version: str
    made_from: Mapping[str, str]
    followed: Followed | None = None
    metadata: Metadata = field(default_factory=dict)
    by_session: dict[str, Metadata] = field(default_factory=dict)
    _infos: dict[str, PartitionInfo] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)
    _numbers: dict[str, Mapping[str, int | float]] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)

    def pending(self) -> list[str]:
        """The sessions whose partition is absent, or was made from something else. The others are kept as they are."""
        for key, info in self.lake.infos(self.contract.name, self.made_from).items():
            wanted = (self.made_from[key], self.code_version, str(self.contract.version))
            if (info.made_from, info.code_version, info.schema_version) == wanted:
                self._infos[key] = info
        pending = [key for key in self.made_from if key not in self._infos]
        if self._infos:
            kept, count = len(self._infos), len(self.made_from)
            self.context.log.info(f"{self.contract.name}: {kept} of {count} sessions are up to date and kept")
        return pending

    def write(self, tables: Iterable[tuple[str, pa.Table]], total: int) -> None:
        """Write each partition as it comes, each whole; what is written stays, whatever happens later."""
        progress = Progress(self.context.log.info, self.contract.name, total)
        try:
            # Encoding and syncing release the interpreter lock, while the next table is built.
            with ThreadPoolExecutor(_WRITERS) as pool:
                waiting: deque[Future[None]] = deque()
                for key, table in tables:
                    waiting.append(pool.submit(self._write_one, key, table))
                    while len(waiting) > _WRITERS:
                        waiting.popleft().result()
                        progress.add()
                for each in waiting:
                    each.result()
                    progress.add()
        finally:
            self.lake.settle(self.contract.name)

    def _write_one(self, key: str, table: pa.Table) -> None:
        self._infos[key] = self.lake.write(
            self.contract.name, key, table, made_from=self.made_from[key], code_version=self.code_version
        )
        self._made.add(key)
        if self.followed is not None:
            self._numbers[key] = self.followed.numbers(table.select(self.followed.columns))

    def result(self, shown: Callable[[str], Metadata] | None = None) -> dg.MaterializeResult:
        """The materialisation, with its metadata: of the one session, or of each session of a range.

        Args:
            shown: what is shown of the newest session beside the numbers, such as pictures.
        """
        keys = list(self.made_from)
        seconds = time.monotonic() - self._started
        own = {key: self._own(key, seconds) for key in keys}
        newest = keys[-1]
        # Dagster stores the metadata of each session as an event: the full set goes to the newest one.
        full = {} if shown is None else shown(newest)
        full |= {**own[newest], **self.metadata, "seconds": round(seconds, 3), **self._details(newest)}
        if len(keys) == 1:
            return dg.MaterializeResult(metadata=full)
        for key in keys[:-1]:
            self.context.add_asset_metadata(own[key], partition_key=key)
        rows = sum(self._infos[key].rows for key in keys)
        self.context.add_asset_metadata({**full, "sessions": len(keys), "rows_in_range": rows}, partition_key=newest)
        return dg.MaterializeResult()

    def _own(self, key: str, seconds: float) -> Metadata:
        """What every session of a range has, so that it can be followed over sessions."""
        own: Metadata = {"dagster/partition_row_count": self._infos[key].rows}
        if self.followed is not None:
            if key not in self._numbers:
                kept = self.lake.read(self.contract.name, key, self.followed.columns)
                self._numbers[key] = self.followed.numbers(kept)
            own |= self._numbers[key]
        if key in self._made:
            own["seconds_per_session"] = round(seconds / len(self._made), 4)
        return own | self.by_session.get(key, {})

    def _details(self, key: str) -> Metadata:
        info = self._infos[key]
        return {
            "dagster/uri": self.lake.uri(self.contract.name, key),
            "fingerprint": info.fingerprint,
            "bytes": info.size,
            "preview": preview(self.lake.read(self.contract.name, key)),
        }


def session_asset(
    contract: Contract, code_version: str, *, group: str, kinds: Iterable[str], deps: Iterable[Any] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset with a partition for each session, named after the function it decorates."""
    return declared_asset(SESSIONS, contract, code_version, group=group, kinds=kinds, deps=deps)


def over_lookback(asset: dg.AssetsDefinition, sessions: int = LOOKBACK) -> dg.AssetDep:
    """A dependency on the session's whole look-back of another asset, not on the one session alone."""
    return dg.AssetDep(asset, partition_mapping=dg.TimeWindowPartitionMapping(start_offset=1 - sessions))


def preview(table: pa.Table, columns: Iterable[str] | None = None) -> dg.TableMetadataValue | str:
    """The first rows as a table; nested and date values as text."""
    names = list(columns or table.column_names)
    rows = table.select(names).slice(0, PREVIEW_ROWS).to_pylist()
    if not rows:
        return "no rows"
    records = [{name: _cell(value) for name, value in row.items()} for row in rows]
    schema = dg.TableSchema([dg.TableColumn(name, str(table.schema.field(name).type)) for name in names])
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records], schema=schema)


def table_of(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> dg.TableMetadataValue | str:
    """Rows as a table with these columns; numbers stay numbers."""
    names = list(columns)
    listed = [dg.TableRecord({name: _cell(value) for name, value in zip(names, row, strict=True)}) for row in rows]
    return dg.MetadataValue.table(listed) if listed else "none"


def _cell(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return ", ".join(str(_cell(each)) for each in value)
    if isinstance(value, dict):
        return " ".join(str(_cell(each)) for each in value.values())
    return str(value)
