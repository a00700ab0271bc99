"""What every partitioned asset with a table declares alike."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg

from resources.contracts import Contract

Metadata = dict[str, Any]


def declared_asset(
    partitions_def: dg.PartitionsDefinition[Any],
    contract: Contract | None,
    code_version: str,
    *,
    group: str,
    kinds: Iterable[str],
    deps: Iterable[Any] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset that makes a range of its partitions in one run, named after the function it decorates."""

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            # Dagster calls backfill policies a beta; every import would say so for every asset.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.asset(
                partitions_def=partitions_def,
                backfill_policy=dg.BackfillPolicy.single_run(),
                deps=list(deps),
                group_name=group,
                kinds=set(kinds),
                owners=["team:research"],
                code_version=code_version,
                metadata=None if contract is None else definition_metadata(contract),
            )(function)

    return declare


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
