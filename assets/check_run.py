"""How the checks of an asset run: over one session or a range, each partition read once, one result for each check."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import dagster as dg
import pyarrow as pa

from assets.partitions import SESSIONS
from resources.parquet_lake import ParquetLake
from resources.wiring import LakeResource

_LISTED = 20
_SESSIONS_LISTED = 100
_RECORDED_EACH = 20


@dataclass(frozen=True)
class Finding:
    """What a check found on one session: whether it passed, one line of words, and numbers to follow over time."""

    passed: bool
    words: str
    numbers: Mapping[str, int | float]


class SessionTables:
    """The tables of one session, each read once however many checks look at it."""

    def __init__(self, lake: ParquetLake, key: str) -> None:
        self._lake, self._key = lake, key
        self._tables: dict[str, pa.Table] = {}

    def __getitem__(self, table: str) -> pa.Table:
        """The whole table."""
        if table not in self._tables:
            self._tables[table] = self._lake.read(table, self._key)
        return self._tables[table]

    def column(self, table: str, name: str) -> pa.ChunkedArray:
        """One column, without reading the others."""
        return self._lake.read(table, self._key, [name])[name]


@dataclass(frozen=True)
class SessionCheck:
    """One check of a session. Blocking ones are errors that stop the next assets; the others are warnings."""

    name: str
    description: str
    blocking: bool
    find: Callable[[SessionTables], Finding]


def listed(names: Iterable[str]) -> str:
    """The first names in order, and how many more there are."""
    names = sorted(names)
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _result(
    asset: dg.AssetsDefinition, check: SessionCheck, keys: list[str], findings: list[Finding]
) -> dg.AssetCheckResult:
    failed = [(key, finding) for key, finding in zip(keys, findings, strict=True) if not finding.passed]
    metadata: dict[str, object] = dict(findings[0].numbers) if len(keys) == 1 else {"sessions": len(keys)}
    if failed:
        metadata["sessions_not_passed"] = len(failed)
        metadata["findings"] = dg.MetadataValue.table(
            [dg.TableRecord({"session": key, "finding": finding.words}) for key, finding in failed[:_SESSIONS_LISTED]]
        )
    words = findings[0].words if len(keys) == 1 else f"{len(failed)} of {len(keys)} sessions didn't pass"
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=asset.key,
        check_name=check.name,
        severity=_severity(check),
        metadata=metadata,
        description=words,
    )


def _record_each(
    context: dg.AssetCheckExecutionContext,
    asset: dg.AssetsDefinition,
    check: SessionCheck,
    keys: list[str],
    findings: list[Finding],
) -> None:
    """Record the sessions of a range one by one, as Dagster does only for a run of one session.

    Of a long range those that didn't pass and the newest: each record costs Dagster more time than the check itself.
    """
    for key, finding in zip(keys, findings, strict=True):
        if len(keys) <= _RECORDED_EACH or not finding.passed or key == keys[-1]:
            context.op_execution_context.log_event(
                dg.AssetCheckEvaluation(
                    asset_key=asset.key,
                    check_name=check.name,
                    passed=finding.passed,
                    severity=_severity(check),
                    metadata=dict(finding.numbers),
                    description=finding.words,
                    blocking=check.blocking,
                    partition=key,
                )
            )


def _severity(check: SessionCheck) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN


def checks_of(asset: dg.AssetsDefinition, checks: list[SessionCheck]) -> dg.AssetChecksDefinition:
    """All checks of one asset as one step, so that each partition is read once."""
    with warnings.catch_warnings():
        # Dagster calls partitioned checks a preview; every import would say so for every check.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        specs = [
            dg.AssetCheckSpec(
                each.name, asset=asset, description=each.description, blocking=each.blocking, partitions_def=SESSIONS
            )
            for each in checks
        ]

    @dg.multi_asset_check(name=f"check_{asset.key.to_python_identifier()}", specs=specs)
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        keys = list(context.op_execution_context.partition_keys)
        found: list[list[Finding]] = []
        for key in keys:
            tables = SessionTables(lake.open(), key)
            found.append([each.find(tables) for each in checks])
        for each, findings in zip(checks, zip(*found, strict=True), strict=True):
            if len(keys) > 1:
                _record_each(context, asset, each, keys, list(findings))
            yield _result(asset, each, keys, list(findings))

    return check
