"""The asset `action_model`: trained on a small dataset, kept, resumed and judged; and what the UI is told of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from assets import action_model as asset_module
from assets.action_model import ActionModelConfig, words_of
from definitions import build_defs
from kernels.action_values import ActionValueConfig, Skill, Verdict
from kernels.errors import InvalidInputError, LakeError, MissingHistoryError
from resources.action_model_store import ActionModelStore
from resources.lake_files import LakeFiles
from resources.sample_dataset import open_samples
from resources.wiring import LakeResource
from tests.daily_chain import DAYS, run
from tests.small_market import small_bars, with_faults, write_prices

SAMPLES = {"rows_per_shard": 3000, "lookback": 16, "forward": 10, "n_jobs": 1}
SMALL = {"encoder": 4, "hidden": 8, "seeds": [0, 1], "epochs": 2, "batch_rows": 256, "check_steps": 2}


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """With prices, and datasets of samples: one as by default, one without validation, test and held-out rows."""
    here = tmp_path_factory.mktemp("lake")
    run("price_history", here, write_prices(with_faults(small_bars()), tmp_path_factory.mktemp("p")), DAYS[0], DAYS[-1])
    draw(here, "default")
    draw(here, "bare", validation_share=0.0, test_share=0.0, held_out_share=0.0)
    draw(here, "windowed", layout="windowed")
    return here


def draw(lake: Path, dataset: str, **config) -> None:
    defs = build_defs(resource_overrides={"lake": LakeResource(root=str(lake))})
    options = {**SAMPLES, "dataset": dataset, **config}
    done = defs.resolve_job_def("synthetic_dataset").execute_in_process(
        tags={"dagster/partition": "shard-000"}, run_config={"ops": {"synthetic_samples": {"config": options}}}
    )
    assert done.success


def materialize(lake: Path, dataset: str = "default", **config) -> dict[str, object]:
    """Run the asset; its metadata."""
    defs = build_defs(resource_overrides={"lake": LakeResource(root=str(lake))})
    result = defs.resolve_job_def("train_action_model").execute_in_process(
        op_selection=["action_model"],
        run_config={"ops": {"action_model": {"config": {**SMALL, "dataset": dataset, **config}}}},
    )
    [event] = result.get_asset_materialization_events()
    found = event.step_materialization_data.materialization.metadata
    return {name: [row.data for row in getattr(value, "records", [])] or value.value for name, value in found.items()}


def store_of(lake: Path) -> ActionModelStore:
    return ActionModelStore(LakeFiles(str(lake)))


@pytest.fixture(scope="module")
def trained(lake) -> dict[str, object]:
    return materialize(lake)


def test_the_defaults_of_the_run_config_are_those_of_the_kernel():
    assert ActionModelConfig().network() == ActionValueConfig()


def test_a_network_is_trained_and_can_be_asked(lake, trained):
    assert not trained["kept"]
    stored = store_of(lake).read("default")
    assert trained["model"] == stored.model_id
    assert trained["sha256"] == stored.sha256
    values = stored.values()
    assert (values.lookback, values.forward) == (16, 10)
    batch = next(iter(open_samples(f"{lake}/synthetic_samples/default", split="test", batch_rows=50)))
    made = values.quantiles(batch["window"], batch["state"], batch["action"][:, None])
    assert np.isfinite(made).all()


def test_trained_through_is_the_last_session_that_a_label_saw(lake, trained):
    manifest = json.loads((lake / "synthetic_samples/default/manifest.json").read_text())
    last = manifest["sessions"].index(manifest["blocks"]["validation"][1]) + 10
    assert trained["trained_through"] == manifest["sessions"][last]
    assert trained["trained_through"] < manifest["blocks"]["test"][0]


def test_the_ui_is_told_losses_skill_and_coverage(trained):
    assert [row["step"] for row in trained["losses"]] == [*range(0, trained["steps"], 2), trained["steps"]]
    assert all(row["held_out"] > 0.0 for row in trained["losses"])
    [skill] = [
        row
        for row in trained["verdicts"]
        if (row["split"], row["group"], row["baseline"]) == ("test", "all", "anchor by exposure")
    ]
    assert skill["rows"] == trained["rows_test"]
    assert skill["low %"] <= skill["skill %"] <= skill["high %"]
    assert 0.0 < skill["inside 50 %"] < skill["inside 90 %"] <= 1.0
    assert "data:image/png;base64," in trained["loss_chart"]
    assert "Losses of the action values, default" in trained["loss_chart"]
    for split in ("validation", "test", "held_out"):
        assert f"{split}: " in trained["result"]
        assert trained[f"rows_{split}"] > 0
    assert trained["steps"] > 0
    assert len(trained["loss_chart"]) < 200_000


@pytest.mark.usefixtures("trained")
def test_the_verdicts_are_those_of_splits_exposures_and_phases(lake):
    note = store_of(lake).read("default").note
    assert set(note["verdicts"]) == {"validation", "test", "held_out"}
    groups = [each["group"] for each in note["verdicts"]["held_out"]]
    assert groups[0] == "all"
    assert {"flat", "long", "short", "both", "all, sessions of the test block"} < set(groups)
    assert any(group.startswith("phase ") for group in groups)
    for found in note["verdicts"].values():
        whole, *parts = found
        assert sum(each["rows"] for each in parts if each["group"].startswith("phase ")) == whole["rows"]
        exposures = [each["rows"] for each in parts if each["group"] in ("flat", "long", "short", "both")]
        assert sum(exposures) == whole["rows"]
        assert set(whole["skill"]) == {"unconditional", "anchor", "anchor by exposure"}


def test_what_is_up_to_date_is_kept_and_other_settings_train_anew(lake, trained):
    before = Path(store_of(lake).uri("default")).read_bytes()
    again = materialize(lake)
    assert again["kept"]
    assert again["verdicts"] == trained["verdicts"]
    assert Path(store_of(lake).uri("default")).read_bytes() == before
    other = materialize(lake, epochs=1)
    assert not other["kept"]
    assert other["made_from"] != trained["made_from"]
    back = materialize(lake)
    assert not back["kept"]
    assert Path(store_of(lake).uri("default")).read_bytes() == before


@pytest.mark.usefixtures("trained")
def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_bytes(lake, monkeypatch):
    before = Path(store_of(lake).uri("default")).read_bytes()
    Path(store_of(lake).uri("default")).unlink()
    whole_write = ActionModelStore.write_state
    written = []

    def stopped(self, dataset, made_from, state):
        whole_write(self, dataset, made_from, state)
        written.append(state.step)
        if len(written) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ActionModelStore, "write_state", stopped)
        with pytest.raises(KeyboardInterrupt):
            materialize(lake)
    assert store_of(lake).read("default") is None
    resumed = []
    whole_train = asset_module.train_on

    def noted(*arguments, **options):
        resumed.append(options["resume"].step)
        return whole_train(*arguments, **options)

    monkeypatch.setattr(asset_module, "train_on", noted)
    materialize(lake)
    assert resumed == [written[-1]]
    assert Path(store_of(lake).uri("default")).read_bytes() == before
    assert not Path(store_of(lake).uri("default").replace("safetensors", "training")).exists()


def test_a_dataset_of_train_rows_alone_is_trained_on_and_not_judged(lake):
    found = materialize(lake, "bare")
    assert found["result"] == "Nothing to judge it on: no such rows."
    assert found["weights_after_step"] == found["steps"]


@pytest.mark.usefixtures("trained")
def test_the_layout_does_not_matter(lake):
    materialize(lake, "windowed")
    ours, theirs = store_of(lake).read("windowed"), store_of(lake).read("default")
    for name, values in ours.weights.items():
        np.testing.assert_array_equal(values, theirs.weights[name])
    assert ours.note["verdicts"] == theirs.note["verdicts"]


def test_no_dataset_names_the_command_that_draws_it(lake):
    with pytest.raises(
        MissingHistoryError, match=r"dagster job execute -m definitions -j synthetic_dataset.*none-such"
    ):
        materialize(lake, "none-such")


def test_bad_options_and_damaged_shards_are_refused_by_name(lake):
    with pytest.raises(InvalidInputError, match=r"ActionValueConfig\.hidden"):
        materialize(lake, hidden=0)
    with pytest.raises(InvalidInputError, match="held_out_rows"):
        materialize(lake, held_out_rows=0)
    draw(lake, "torn")
    shard = lake / "synthetic_samples/torn/shards/shard-000.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(LakeError, match="shard-000"):
        materialize(lake, "torn")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.03, "better than"), (-0.01, 0.02, "no better than"), (-0.03, -0.01, "worse than")],
)
def test_the_words_follow_the_interval_over_the_hardest_baseline(low, high, said):
    skills = Skill("unconditional", 0.5, 0.4, 0.6), Skill("anchor", 0.5 * (low + high), low, high)
    verdict = Verdict("all", 1000, 131, 2.08, 0.01, skills, (0.5, 0.8, 0.9))
    words = words_of("test", verdict)
    assert f"test: {said} its hardest baseline, anchor" in words
    assert "at most 2 don't overlap" in words
