"""The graph as a whole: what exists, how it hangs together, and that every table has a contract, words and a check."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.partitions import SESSIONS
from assets.quarters import QUARTERS
from assets.synthetic_samples import SHARDS
from assets.years import YEARS
from definitions import build_defs, defs
from resources.contracts import CONTRACTS
from resources.lineage import LOOKBACK
from resources.wiring import LakeResource, ScanSettingsResource

ASSETS = {
    "universe": ("market", set()),
    "prices": ("market", {"universe"}),
    "quarantine": ("market", {"prices"}),
    "windows": ("waves", {"universe", "quarantine"}),
    "null_distributions": ("waves", {"universe", "prices", "quarantine"}),
    "patterns": ("waves", {"windows", "quarantine", "null_distributions"}),
    "pattern_outcomes": ("waves", {"patterns", "universe", "prices", "quarantine", "null_distributions"}),
    "forecast_model": ("forecasts", {"universe", "prices", "quarantine"}),
    "forecasts": ("forecasts", {"universe", "quarantine", "forecast_model"}),
    "forecast_skill": ("forecasts", {"universe", "prices", "quarantine", "forecast_model"}),
    "compiled_forecaster": ("forecasts", set()),
    "simulations": ("forecasts", {"universe", "quarantine", "forecast_model"}),
    "picks": ("forecasts", {"universe", "patterns", "forecasts", "simulations"}),
    "daily_report": (
        "report",
        {
            "universe",
            "prices",
            "quarantine",
            "windows",
            "null_distributions",
            "patterns",
            "pattern_outcomes",
            "forecasts",
            "forecast_skill",
            "simulations",
            "picks",
        },
    ),
    "synthetic_samples": ("samples", {"prices", "quarantine"}),
    "action_model": ("samples", {"synthetic_samples"}),
    "policy_simulation": ("samples", {"action_model", "prices", "quarantine"}),
    "gpu_profile": ("operations", set()),
}
CHECKS = {
    "prices": {"coverage"},
    "quarantine": {
        "missing_symbols",
        "quarantine_complete",
        "ohlc_order",
        "positive_prices",
        "stale_or_repeated_bars",
        "unexplained_moves",
    },
    "windows": {"kept_windows"},
    "patterns": {"score_range", "null_before"},
    "forecasts": {"quantile_order", "trained_before"},
}
BLOCKING = {"coverage", "quarantine_complete", "score_range", "quantile_order", "trained_before", "null_before"}
YEARLY = {"forecast_model", "forecast_skill", "pattern_outcomes"}
# What is no table, and tables that belong to an asset of another name.
NO_TABLE = {"action_model", "forecast_model", "compiled_forecaster", "daily_report", "gpu_profile"}
FURTHER_TABLES = {"scan_symbols", "forecast_scores", "pattern_outcome_rates", "policy_equity"}
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


def test_the_assets_their_groups_and_what_they_are_made_from(graph):
    found = {
        key.to_user_string(): (
            graph.get(key).group_name,
            {parent.to_user_string() for parent in graph.get(key).parent_keys},
        )
        for key in graph.get_all_asset_keys()
    }
    assert found == ASSETS


def partitions_of(name):
    if name in ("action_model", "compiled_forecaster", "gpu_profile", "policy_simulation"):
        return None
    if name == "null_distributions":
        return QUARTERS
    return SHARDS if name == "synthetic_samples" else YEARS if name in YEARLY else SESSIONS


def test_every_asset_says_what_it_is(graph):
    for key in graph.get_all_asset_keys():
        node, name = graph.get(key), key.to_user_string()
        assert node.partitions_def == partitions_of(name)
        sharded = name == "synthetic_samples"
        runs = dg.BackfillPolicy.multi_run(max_partitions_per_run=16) if sharded else dg.BackfillPolicy.single_run()
        assert node.partitions_def is None or node.backfill_policy == runs
        assert len(node.description) > 80
        assert node.owners == ["team:research"]
        assert node.kinds
        assert node.code_version
        if name not in NO_TABLE:
            columns = [column.name for column in node.metadata["dagster/column_schema"].columns]
            assert columns == CONTRACTS[name].schema.names


def test_every_table_has_a_contract_whose_columns_say_what_they_mean():
    assert set(CONTRACTS) == set(ASSETS) - NO_TABLE | FURTHER_TABLES
    for contract in CONTRACTS.values():
        assert all(column.description for column in contract.columns)
        assert set(contract.key) <= set(contract.schema.names)


def test_the_checks_and_which_of_them_block(graph):
    found: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert found == CHECKS
    assert {key.name for key in graph.asset_check_keys if graph.get(key).blocking} == BLOCKING


def test_the_look_back_is_the_longest_window_and_the_bar_before_it():
    assert max(ScanSettingsResource().windows().lengths) + 1 == LOOKBACK


def test_the_jobs():
    assert {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")} == {
        "price_history",
        "daily_sp500",
        "calibrate_null",
        "judge_patterns",
        "scan_symbols",
        "synthetic_dataset",
        "train_action_model",
        "train_forecast_model",
        "compile_forecaster",
        "profile_gpu",
    }


def test_the_sensors():
    assert [sensor.name for sensor in defs.sensors] == ["alerts_sensor"]


def test_resources_can_be_replaced():
    replaced = build_defs(resource_overrides={"lake": LakeResource(root="memory://elsewhere")})
    assert replaced.resources["lake"].root == "memory://elsewhere"
    assert set(replaced.resources) == {
        "lake",
        "price_source",
        "scan_settings",
        "wave_scorer",
        "shared_panel",
        "served_model",
        "forecaster",
    }


@pytest.mark.parametrize("job", ["daily_sp500", "scan_symbols"])
@pytest.mark.parametrize("profile", ["high_accuracy", "fast"])
def test_every_profile_fits_both_jobs_and_sets_sensible_values(job, profile):
    config = yaml.safe_load((ROOT / "jobs" / "profiles" / f"{profile}.yaml").read_text())
    assert dg.validate_run_config(defs.resolve_job_def(job), config)
    settings = ScanSettingsResource(**config["resources"]["scan_settings"]["config"])
    assert settings.windows().lengths
    assert settings.scan().top_n > 0


def test_an_unknown_config_key_is_an_error():
    config = {"resources": {"scan_settings": {"config": {"treshold": 0.5}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="treshold"):
        dg.validate_run_config(defs.resolve_job_def("daily_sp500"), config)


def test_a_sample_of_less_than_nothing_is_refused():
    with pytest.raises(ValueError, match="recall_sample"):
        ScanSettingsResource(recall_sample=-1)


def test_definitions_stay_short():
    assert len((ROOT / "definitions.py").read_text().splitlines()) < 60
