"""What every asset over sessions does alike: skip what is current, write as it goes, log progress, report."""

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.partitions import SESSIONS
from assets.progress import Progress
from resources.contracts import Contract
from resources.lineage import LOOKBACK
from resources.parquet_lake import ParquetLake, PartitionInfo

PREVIEW_ROWS = 10
_WRITERS = 2

Metadata = dict[str, Any]


@dataclass
class SessionRun:
    """One asset's work over the sessions of one run.

    Attributes:
        context: Dagster's context of the asset.
        lake: where the partitions go.
        contract: of the asset's table.
        code_version: of the asset; a partition made by another version is made again.
        made_from: session -> fingerprint of everything its partition is made from.
        metadata: of the run, shown with the newest session.
        by_session: session -> metadata of its own; of the sessions that this run made.
    """

    context: dg.AssetExecutionContext
    lake: ParquetLake
    contract: Contract
    code_version: str
    made_from: Mapping[str, str]
    metadata: Metadata = field(default_factory=dict)
    by_session: dict[str, Metadata] = field(default_factory=dict)
    _infos: dict[str, PartitionInfo] = field(default_factory=dict)
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

    def result(self) -> dg.MaterializeResult:
        """The materialisation, with its metadata: of the one session, or of each session of a range."""
        keys = list(self.made_from)
        rows = {key: self._infos[key].rows for key in keys}
        common = {**self.metadata, "seconds": round(time.monotonic() - self._started, 3)}
        if len(keys) == 1:
            return dg.MaterializeResult(metadata=common | self._details(keys[0]))
        for key in keys[:-1]:
            own = {"dagster/partition_row_count": rows[key], **self.by_session.get(key, {})}
            self.context.add_asset_metadata(own, partition_key=key)
        # Dagster stores the metadata of each session as an event: the full set goes to the newest one.
        self.context.add_asset_metadata(
            {**common, **self._details(keys[-1]), "sessions": len(keys), "rows_in_range": sum(rows.values())},
            partition_key=keys[-1],
        )
        return dg.MaterializeResult()

    def _details(self, key: str) -> Metadata:
        info = self._infos[key]
        return {
            "dagster/partition_row_count": info.rows,
            "dagster/uri": self.lake.uri(self.contract.name, key),
            "fingerprint": info.fingerprint,
            "bytes": info.size,
            "preview": preview(self.lake.read(self.contract.name, key)),
            **self.by_session.get(key, {}),
        }


def session_asset(
    contract: Contract, code_version: str, *, group: str, kinds: Iterable[str], deps: Iterable[Any] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset with a partition for each session, named after the function it decorates."""

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # Dagster calls backfill policies a beta; every import would say so for every asset.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.asset(
                partitions_def=SESSIONS,
                backfill_policy=dg.BackfillPolicy.single_run(),
                deps=list(deps),
                group_name=group,
                kinds=set(kinds),
                owners=["team:research"],
                code_version=code_version,
                metadata=definition_metadata(contract),
            )(function)

    return declare


def over_lookback(asset: dg.AssetsDefinition, sessions: int = LOOKBACK) -> dg.AssetDep:
    """A dependency on the session's whole look-back of another asset, not on the one session alone."""
    return dg.AssetDep(asset, partition_mapping=dg.TimeWindowPartitionMapping(start_offset=1 - sessions))


def definition_metadata(contract: Contract) -> Metadata:
    """What the UI shows of an asset before any run: its columns, and the version of its contract."""
    columns = [
        dg.TableColumn(
            column.name,
            str(column.type),
            description=column.description,
            constraints=dg.TableColumnConstraints(
                nullable=column.nullable,
                other=[
                    f"{sign} {bound}" for sign, bound in ((">=", column.low), ("<=", column.high)) if bound is not None
                ],
            ),
        )
        for column in contract.columns
    ]
    return {"dagster/column_schema": dg.TableSchema(columns), "contract_version": contract.version}


def preview(table: pa.Table, columns: Iterable[str] | None = None) -> dg.TableMetadataValue | str:
    """The first rows as a table; nested and date values as text."""
    names = list(columns or table.column_names)
    rows = table.select(names).slice(0, PREVIEW_ROWS).to_pylist()
    if not rows:
        return "no rows"
    records = [{name: _cell(value) for name, value in row.items()} for row in rows]
    schema = dg.TableSchema([dg.TableColumn(name, str(table.schema.field(name).type)) for name in names])
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records], schema=schema)


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
