"""The same assets, partitions, checks and jobs as Wavemill's, doing nothing: what is left is Dagster's own time."""

import warnings

import dagster as dg

import definitions

warnings.simplefilter("ignore")

_GRAPH = definitions.defs.resolve_asset_graph()


def _empty(key: dg.AssetKey) -> dg.AssetsDefinition:
    node = _GRAPH.get(key)

    @dg.asset(
        key=key,
        partitions_def=node.partitions_def,
        backfill_policy=node.backfill_policy,
        deps=[
            dg.AssetDep(parent, partition_mapping=node.partition_mappings.get(parent)) for parent in node.parent_keys
        ],
    )
    def empty() -> dg.MaterializeResult:
        return dg.MaterializeResult()

    return empty


def _empty_checks(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    keys = sorted(check for check in _GRAPH.asset_check_keys if check.asset_key == key)
    specs = [
        dg.AssetCheckSpec(
            check.name, asset=key, blocking=_GRAPH.get(check).blocking, partitions_def=_GRAPH.get(key).partitions_def
        )
        for check in keys
    ]

    @dg.multi_asset_check(name=f"check_{key.to_python_identifier()}", specs=specs)
    def empty():
        for check in keys:
            yield dg.AssetCheckResult(passed=True, asset_key=key, check_name=check.name)

    return empty


_ASSETS = [_empty(key) for key in sorted(_GRAPH.get_all_asset_keys())]
_CHECKED = sorted({check.asset_key for check in _GRAPH.asset_check_keys})
_CHECKS = [_empty_checks(key) for key in _CHECKED]

defs = dg.Definitions(
    assets=_ASSETS,
    asset_checks=_CHECKS,
    jobs=[
        dg.define_asset_job(
            name,
            selection=dg.AssetSelection.assets(*definitions.defs.resolve_job_def(name).asset_layer.selected_asset_keys),
            executor_def=dg.in_process_executor,
        )
        for name in ("price_history", "daily_sp500")
    ],
)
