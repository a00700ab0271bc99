"""Models as files: the same bytes back, nothing executable, and every kind of damage named."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from kernels.errors import LakeError
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS, FittedModel
from kernels.forecast.network import network_shapes
from kernels.forecast.train import TrainingState
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, HarParameters, PooledQuantiles
from resources.model_store import ModelStore, StoredModel

CONFIG = NetworkConfig(hidden=4, seeds=(5, 6))
NOTE = {"symbols": 3, "held_out_loss": [0.5, float("nan")]}


def model(weights: bool = True) -> FittedModel:
    rng = np.random.default_rng(2)
    pooled = np.sort(rng.normal(size=(5, 11)), axis=1)
    arrays = {
        name: np.abs(rng.normal(size=shape)).astype(np.float32) + np.float32(0.1)
        for name, shape in network_shapes(CONFIG, len(INPUTS)).items()
    }
    return FittedModel(
        HarParameters(rng.normal(size=(5, 5)), DEFAULT_HORIZONS),
        PooledQuantiles(pooled, np.ones(5), (300, 299, 298, 297, 296), DEFAULT_HORIZONS, DEFAULT_LEVELS),
        CONFIG,
        arrays if weights else None,
    )


def write(store: ModelStore, year: int = 2016, serves: str | None = "ensemble", **changed) -> StoredModel:
    fields = {"reason": "it won", "made_from": "abc", "note": NOTE, **changed}
    made = fields.pop("model", model())
    return store.write(year, made, trained_through=date(year, 12, 30), serves=serves, **fields)


@pytest.fixture
def store(lake) -> ModelStore:
    return ModelStore(lake.files)


@pytest.mark.parametrize("weights", [True, False])
def test_a_model_comes_back_as_it_was(store, lake, weights):
    before = model(weights)
    write(store, model=before)
    stored = ModelStore(lake.files).read(2016)
    after = stored.model
    assert after.har.coefficients.tobytes() == before.har.coefficients.tobytes()
    assert after.pooled.quantiles.tobytes() == before.pooled.quantiles.tobytes()
    assert after.pooled.residuals == before.pooled.residuals
    assert (after.config, after.pooled.levels) == (CONFIG, DEFAULT_LEVELS)
    assert (after.weights is None) == (not weights)
    for name, values in (before.weights or {}).items():
        assert after.weights[name].tobytes() == values.tobytes()
    assert (stored.trained_through, stored.serves, stored.reason) == (date(2016, 12, 30), "ensemble", "it won")
    assert stored.note == {"symbols": 3, "held_out_loss": [0.5, None]}
    assert stored.model_id == f"ensemble-2016-{stored.sha256[:8]}"


def test_equal_models_are_equal_bytes_without_a_time_and_other_weights_another_name(store, lake):
    first = write(store)
    data = lake.files.read("forecast_model", "2016.safetensors")
    again = write(store)
    assert lake.files.read("forecast_model", "2016.safetensors") == data
    assert first.model_id == again.model_id
    other = model()
    other.weights["w1"][0, 0, 0] += 1
    assert write(store, model=other).model_id != first.model_id
    assert write(store, serves=None).model_id.startswith("none-2016-")
    size = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["note"])
    assert header["trained_through"] == "2016-12-30"


def test_the_years_are_listed_and_a_year_without_a_model_is_none(store):
    assert store.years() == []
    assert store.read(2016) is None
    write(store, 2017)
    write(store, 2015)
    assert store.years() == [2015, 2017]
    assert store.read(2016) is None
    assert store.uri(2015).endswith("/forecast_model/2015.safetensors")


def test_a_replaced_file_is_read_again(store, lake):
    write(store)
    assert store.read(2016).serves == "ensemble"
    write(ModelStore(lake.files), serves="har")
    assert store.read(2016).serves == "har"
    assert store.read(2016) is store.read(2016)


def damage(lake, change) -> None:
    data = bytearray(lake.files.read("forecast_model", "2016.safetensors"))
    lake.files.write("forecast_model", "2016.safetensors", bytes(change(data)))


def flipped(data: bytearray) -> bytearray:
    data[-20] ^= 1
    return data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[: len(data) // 2], "ValueError"),
        (lambda data: data[:0], "header too small"),
        (lambda data: data.replace(data, b"not a model at all, but some text"), "ValueError"),
        (flipped, "aren't those that were written"),
        (lambda data: data.replace(b'\\"format\\": 1', b'\\"format\\": 9'), "format 9"),
        (lambda data: data.replace(b'\\"month_end\\"', b'\\"other_end\\"'), "other_end"),
        (lambda data: data.replace(b'\\"hidden\\": 4', b'\\"hidden\\": 5'), "InvalidInputError"),
        (lambda data: data.replace(b'\\"serves\\"', b'\\"servex\\"'), "KeyError"),
    ],
)
def test_a_damaged_file_is_named_with_the_command_that_mends_it(lake, change, words):
    write(ModelStore(lake.files))
    before = lake.files.read("forecast_model", "2016.safetensors")
    damage(lake, change)
    assert lake.files.read("forecast_model", "2016.safetensors") != before
    with pytest.raises(LakeError, match=r"2016\.safetensors") as raised:
        ModelStore(lake.files).read(2016)
    assert words in raised.value.got
    assert 'train_forecast_model --tags \'{"dagster/partition": "2016"}\'' in raised.value.mend


STATE = TrainingState(2, {"weights.w1": np.ones((2, 3), np.float32), "moments": np.zeros(4)}, ((0.5, 0.6), (0.4, 0.5)))


def test_the_state_of_a_training_is_kept_for_the_same_data_and_settings_only(store):
    assert store.read_state(2016, "abc") is None
    store.write_state(2016, "abc", STATE)
    back = store.read_state(2016, "abc")
    assert (back.epoch, back.losses) == (2, STATE.losses)
    assert {name: values.tobytes() for name, values in back.arrays.items()} == {
        name: values.tobytes() for name, values in STATE.arrays.items()
    }
    assert store.read_state(2016, "other data") is None
    assert store.years() == []
    store.write_state(2016, "abc", replace(STATE, epoch=3))
    assert store.read_state(2016, "abc").epoch == 3
    store.drop_state(2016)
    store.drop_state(2016)
    assert store.read_state(2016, "abc") is None


def test_a_damaged_state_is_as_good_as_none(store, lake):
    store.write_state(2016, "abc", STATE)
    data = lake.files.read("forecast_model", "2016.training")
    lake.files.write("forecast_model", "2016.training", data[:-9])
    assert store.read_state(2016, "abc") is None
