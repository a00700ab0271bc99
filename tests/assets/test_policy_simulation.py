"""The asset `policy_simulation`, by its job: a tiny network of a small market, and what acting on it brought."""

import base64
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from assets.policy_simulation import PolicySimulationConfig
from definitions import build_defs
from kernels.errors import InvalidInputError, LakeError, MissingHistoryError
from kernels.policies import ALL_OFFSETS
from resources.action_model_store import ActionModelStore, StoredActionModel
from resources.parquet_lake import ParquetLake
from resources.policy_play import PlayOptions
from resources.sample_store import SampleStore
from resources.wiring import LakeResource
from tests.market_lake import fill_lake
from tests.policy_lake import DATASET, FIRST, LAST, SETTINGS, Momentum

SMALL = {name: value for name, value in vars(SETTINGS).items() if name != "costs"}
SAMPLES = {"dataset": DATASET, "rows_per_shard": 3000, "n_jobs": 1, **SMALL}
NETWORK = {"dataset": DATASET, "hidden": 8, "seeds": [0], "epochs": 1, "batch_rows": 512, "judged_rows": 500}
PLAYED = {
    "dataset": DATASET,
    "offsets": 2,
    "random_policies": 3,
    "risk_aversions": [0.0, 0.5],
    "stops": [0.05],
    "resamples": 100,
}


def execute(lake: Path, job: str, tags=None, **config) -> dg.ExecuteInProcessResult:
    defs = build_defs(resource_overrides={"lake": LakeResource(root=str(lake))})
    ops = {"ops": {name: {"config": options} for name, options in config.items()}}
    return defs.resolve_job_def(job).execute_in_process(tags=tags, run_config=ops)


def simulate(lake: Path, **config) -> dict[str, object]:
    """Materialise the asset alone; its metadata."""
    defs = build_defs(resource_overrides={"lake": LakeResource(root=str(lake))})
    job = dg.define_asset_job("alone", selection=["policy_simulation"], executor_def=dg.in_process_executor)
    job_def = dg.Definitions(assets=defs.assets, jobs=[job], resources=defs.resources).resolve_job_def("alone")
    result = job_def.execute_in_process(run_config={"ops": {"policy_simulation": {"config": {**PLAYED, **config}}}})
    return metadata_of(result)


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = result.asset_materializations_for_node("policy_simulation")
    return {name: value.value for name, value in event.metadata.items()}


def deflated(lake: Path) -> dict[tuple[str, str, int], float]:
    rows = ParquetLake(str(lake)).read("policy_simulation", DATASET).to_pylist()
    return {(row["policy"], row["group"], row["offset"]): row["deflated_sharpe"] for row in rows if row["trials"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, dict[str, object]]:
    """A lake with a dataset and its model, and what the job told of the simulation."""
    lake = tmp_path_factory.mktemp("lake")
    fill_lake(lake, 12, FIRST, LAST)
    execute(lake, "synthetic_dataset", {"dagster/partition": "shard-000"}, synthetic_samples=SAMPLES)
    result = execute(lake, "train_action_model", action_model=NETWORK, policy_simulation=PLAYED)
    return lake, metadata_of(result)


def test_the_job_trains_and_then_trades(trained):
    lake, told = trained
    store = ParquetLake(str(lake))
    compared, equity = store.read("policy_simulation", DATASET), store.read("policy_equity", DATASET)
    assert told["dagster/partition_row_count"] == compared.num_rows == 2 * (2 * 3 + 3 + 2)
    stored = ActionModelStore(store.files).read(DATASET)
    assert set(compared["model"].to_pylist()) == {stored.model_id} == {told["model"]}
    blocks = SampleStore(store.files, DATASET).read_manifest()["blocks"]
    assert told["first_session"] == blocks["test"][0] == str(compared["first_session"][0].as_py())
    assert stored.trained_through < compared["first_session"][0].as_py()
    assert (told["accounts"], told["symbols_left_out"], told["trials"]) == (12, 0, 2)
    assert len(set(equity["session"].to_pylist())) == told["sessions"] + 1
    assert np.isfinite(equity["equity"].to_numpy()).all()


def test_the_metadata_shows_numbers_a_table_charts_and_words(trained):
    lake, told = trained
    [greedy] = [
        row
        for row in ParquetLake(str(lake)).read("policy_simulation", DATASET).to_pylist()
        if (row["policy"], row["group"], row["offset"]) == ("greedy", "held_out", ALL_OFFSETS)
    ]
    assert told["return_ahead_held_out"] == pytest.approx(greedy["return_ahead"])
    assert len(told["policies"].records) == 2 * 4
    assert told["charts"].count("data:image/png;base64,") == 2
    first = told["charts"].split("base64,")[1].split(")")[0]
    assert base64.b64decode(first).startswith(b"\x89PNG")
    assert "buy-and-hold" in told["words"]
    assert any(word in told["words"] for word in ("no better than", "better than", "worse than"))
    assert "companies that failed" in told["words"]
    assert "nan" not in told["words"]


def test_it_gives_the_same_bytes_again(trained):
    lake, _ = trained
    files = [lake / name / f"{DATASET}.parquet" for name in ("policy_simulation", "policy_equity")]
    before = [path.read_bytes() for path in files]
    simulate(lake)
    assert [path.read_bytes() for path in files] == before


def test_settings_that_were_tried_and_dropped_lower_the_deflated_sharpe(trained, tmp_path, monkeypatch):
    # The tiny network sees nothing worth its costs; this one always does.
    monkeypatch.setattr(StoredActionModel, "values", lambda _: Momentum())
    lake = shutil.copytree(trained[0], tmp_path / "lake")
    two = simulate(lake)
    before = deflated(lake)
    told = simulate(lake, further_trials=["a network of 128 units", "decisions every session"])
    now = deflated(lake)
    assert (two["trials"], told["trials"]) == (2, 4)
    assert now.keys() == before.keys()
    assert all(now[key] < before[key] for key in before)


def test_sessions_that_were_seen_are_refused(trained):
    lake, _ = trained
    blocks = SampleStore(ParquetLake(str(lake)).files, DATASET).read_manifest()["blocks"]
    with pytest.raises(InvalidInputError, match="the test block"):
        simulate(lake, start=blocks["train"][1])


def test_a_part_of_the_block_can_be_chosen(trained, tmp_path):
    lake = shutil.copytree(trained[0], tmp_path / "lake")
    told = simulate(lake, start="2017-12-01", end="2018-01-31", every=2)
    assert (told["first_session"], told["last_session"], told["sessions"]) == ("2017-12-01", "2018-01-31", 40)


def test_without_a_model_the_command_is_named(trained, tmp_path):
    lake = shutil.copytree(trained[0], tmp_path / "lake", ignore=shutil.ignore_patterns("action_model"))
    with pytest.raises(MissingHistoryError, match="-j train_action_model"):
        simulate(lake)


def test_a_dataset_that_was_drawn_anew_needs_a_new_model(trained, tmp_path):
    lake = shutil.copytree(trained[0], tmp_path / "lake")
    again = {**SAMPLES, "seed": 8, "overwrite": True}
    execute(lake, "synthetic_dataset", {"dagster/partition": "shard-000"}, synthetic_samples=again)
    with pytest.raises(InvalidInputError, match="trained on the dataset as it is now"):
        simulate(lake)


def test_a_damaged_model_is_refused(trained, tmp_path):
    lake = shutil.copytree(trained[0], tmp_path / "lake")
    path = lake / "action_model" / f"{DATASET}.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(LakeError, match=r"small\.safetensors"):
        simulate(lake)


def test_the_defaults_of_the_run_config_are_those_of_the_options():
    assert PolicySimulationConfig().options() == PlayOptions()


@pytest.mark.parametrize(
    "config", [{"stops": [0.9]}, {"risk_aversions": [-1.0]}, {"offsets": 0}, {"cash": 0.0}, {"legs": ["sideways"]}]
)
def test_bad_options_are_refused_by_name(trained, config):
    with pytest.raises(InvalidInputError, match=next(iter(config)).rstrip("s")):
        simulate(trained[0], **config)
