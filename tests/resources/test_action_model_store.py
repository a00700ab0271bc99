"""`ActionModelStore`: networks and training states come back as they were; damaged ones are named."""

import dataclasses
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from kernels.action_values import ActionValueConfig, Baselines, Check, Terms, TrainingState, starting_weights
from kernels.errors import LakeError
from kernels.trading import Costs
from resources.action_model_store import FOLDER, ActionModelStore
from resources.lake_files import LakeFiles

CONFIG = ActionValueConfig(encoder=3, hidden=4, seeds=(2,))
TERMS = Terms(16, 10, Costs(fee_bp=3.0))
POOLED = np.linspace(-2.0, 2.0, 11)
BASELINES = Baselines(0.1 * POOLED, POOLED, np.stack([POOLED] * 4))
STATE = TrainingState(
    4,
    {"w2": np.arange(6, dtype=np.float32).reshape(2, 3), "best.w2": np.ones((2, 3), dtype=np.float32)},
    (Check(0, float("nan"), 0.2), Check(4, 0.3, 0.1)),
    {"position": [0, 1, 2], "files": "abc", "shuffle": True},
)


@pytest.fixture
def store(tmp_path) -> ActionModelStore:
    return ActionModelStore(LakeFiles(str(tmp_path)))


def written(store: ActionModelStore, dataset: str = "default"):
    return store.write(
        dataset,
        CONFIG,
        TERMS,
        starting_weights(CONFIG, 16, POOLED),
        BASELINES,
        trained_through=date(2017, 1, 24),
        made_from="these samples",
        note={"steps": 7, "checks": [{"step": 0, "training": float("nan")}]},
    )


def path(store: ActionModelStore, name: str = "default.safetensors") -> Path:
    return Path(store.uri("default")).parent / name


def test_a_model_comes_back_as_it_was(store):
    made = written(store)
    read = store.read("default")
    assert (read.config, read.terms, read.trained_through) == (CONFIG, TERMS, date(2017, 1, 24))
    assert (read.made_from, read.sha256, read.dataset) == ("these samples", made.sha256, "default")
    assert read.note == {"steps": 7, "checks": [{"step": 0, "training": None}]}
    for name, values in starting_weights(CONFIG, 16, POOLED).items():
        np.testing.assert_array_equal(read.weights[name], values)
    np.testing.assert_array_equal(read.baselines.by_bucket, BASELINES.by_bucket)
    values = read.values()
    assert (values.levels, values.forward, values.lookback) == (CONFIG.levels, 10, 16)
    assert read.model_id == f"action-values-default-{made.sha256[:8]}"


def test_the_same_model_is_the_same_bytes(store, tmp_path):
    written(store)
    other = ActionModelStore(LakeFiles(str(tmp_path / "other")))
    written(other)
    assert path(store).read_bytes() == path(other).read_bytes()


def test_there_is_nothing_where_nothing_was_written(store):
    assert store.read("default") is None
    assert store.read_state("default", "these samples") is None
    store.drop_state("default")


@pytest.mark.parametrize("place", [0.0, 0.3, 0.97])
def test_a_cut_or_changed_file_is_refused_by_name(store, place):
    written(store)
    whole = path(store).read_bytes()
    path(store).write_bytes(whole[: int(len(whole) * place)])
    with pytest.raises(LakeError, match=r"default\.safetensors.*train_action_model"):
        store.read("default")
    changed = bytearray(whole)
    changed[-5] ^= 1
    path(store).write_bytes(bytes(changed))
    with pytest.raises(LakeError, match="aren't those that were written"):
        store.read("default")


def test_a_file_of_another_dataset_or_format_is_refused(store, monkeypatch):
    written(store)
    path(store, "other.safetensors").write_bytes(path(store).read_bytes())
    with pytest.raises(LakeError, match="dataset default"):
        store.read("other")
    monkeypatch.setattr("resources.action_model_store.FORMAT", 2)
    with pytest.raises(LakeError, match="format 1"):
        store.read("default")


def test_a_state_comes_back_for_the_same_samples_only(store):
    store.write_state("default", "these samples", STATE)
    read = store.read_state("default", "these samples")
    assert (read.step, read.position) == (4, STATE.position)
    np.testing.assert_array_equal(read.checks, STATE.checks)
    assert set(read.arrays) == set(STATE.arrays)
    for name, values in STATE.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], values)
    assert store.read_state("default", "others") is None
    store.drop_state("default")
    assert store.read_state("default", "these samples") is None


def test_a_damaged_state_counts_as_none(store):
    store.write_state("default", "these samples", STATE)
    whole = path(store, "default.training").read_bytes()
    for broken in (whole[:40], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        path(store, "default.training").write_bytes(broken)
        assert store.read_state("default", "these samples") is None


def test_a_failed_write_leaves_the_old_model(store, monkeypatch):
    made = written(store)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(LakeError, match="No space left"):
        written(store)
    assert store.read("default").sha256 == made.sha256
    assert [each.name for each in Path(store.uri("x")).parent.iterdir()] == ["default.safetensors"]
    assert FOLDER in store.uri("default")


def test_nothing_executable_is_read(store):
    import pickle

    path(store).parent.mkdir(parents=True)
    path(store).write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(LakeError):
        store.read("default")
    assert dataclasses.is_dataclass(written(store))
