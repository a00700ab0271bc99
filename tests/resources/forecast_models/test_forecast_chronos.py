import json
import pickle
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from kernels.errors import InvalidInputError, SettingsError
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, MIN_RESIDUALS, STATUSES
from resources.forecast_models import ChronosModel, require_forecasts
from tests.chronos_checkpoints import save_chronos_2, save_chronos_bolt
from tests.forecast_panel import all_origins, forecast_bars, random_closes

needs_chronos = pytest.mark.skipif(
    find_spec("chronos") is None, reason='the extra isn\'t installed: pip install -c constraints.txt -e ".[chronos]"'
)
CONTEXT = 80
KINDS = ("Chronos2", "ChronosBolt")
ARRAYS = ("quantiles", "volatility", "residuals", "status")


def one_forecast(path: Path, context: int = CONTEXT) -> None:
    close = random_closes(1, 100, seed=8)
    close[0, -1] = 50.0
    ChronosModel(path, context=context).forecast(forecast_bars(close), *all_origins(1, range(99, 100)))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """A tiny checkpoint of each kind, with random weights."""
    import torch

    folders = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    for kind, save in zip(KINDS, (save_chronos_2, save_chronos_bolt), strict=True):
        torch.manual_seed(3)
        save(folders[kind])
    return folders


@pytest.fixture(params=KINDS)
def checkpoint(request, checkpoints) -> Path:
    return checkpoints[request.param]


@pytest.fixture
def two_threads() -> Iterator[None]:
    """PyTorch may use two threads, as it does outside the tests."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def copied(checkpoints, tmp_path) -> Path:
    """A checkpoint that a test may spoil."""
    return Path(shutil.copytree(checkpoints["ChronosBolt"], tmp_path / "checkpoint"))


@pytest.fixture
def files(tmp_path) -> Path:
    """A folder with files of the right names and nothing of use in them."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


@needs_chronos
def test_forecasts_keep_the_promises_and_say_why_there_are_none(checkpoint):
    close = random_closes(6, 120, seed=1)
    close[0] = 20.0
    close[1] = np.nan
    close[2, -1] = np.nan
    close[3, :-1], close[4, :-1] = np.nan, np.nan
    close[3, -MIN_RESIDUALS:] = np.linspace(40, 44, MIN_RESIDUALS)
    close[4, -MIN_RESIDUALS - 1 :] = np.linspace(40, 44, MIN_RESIDUALS + 1)
    close[5, [-40, -1]] = 50.0, 51.0
    row, end = all_origins(6, range(119, 120))
    made = ChronosModel(checkpoint, context=CONTEXT).forecast(forecast_bars(close), row, end)
    require_forecasts("chronos", made, 6)
    assert [STATUSES[status] for status in made.status] == [
        "constant prices",
        "no bar at the origin",
        "no bar at the origin",
        "too little history",
        "ok",
        "ok",
    ]
    assert made.residuals[4].tolist() == [MIN_RESIDUALS] * 5
    assert made.residuals[5].tolist() == [np.isfinite(close[5, -CONTEXT:-1]).sum()] * 5
    assert np.isnan(made.quantiles[:4]).all()
    assert np.isfinite(made.quantiles[4:]).all()
    assert made.residuals[:4].sum() == 0


@needs_chronos
@pytest.mark.usefixtures("two_threads")
def test_an_origin_gets_the_same_floats_alone_in_a_batch_and_in_any_order(checkpoint):
    bars = forecast_bars(random_closes(5, 130, seed=2))
    row, end = all_origins(5, range(95, 130))
    model = ChronosModel(checkpoint, context=CONTEXT)
    together = model.forecast(bars, row, end)
    assert (together.status == 0).sum() > 2 * 64
    order = np.random.default_rng(0).permutation(len(row))
    shuffled = model.forecast(bars, row[order], end[order])
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(together, name)[order])
    for origin in (0, 7, 100, 174):
        alone = model.forecast(bars, row[[origin]], end[[origin]])
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[origin])


@needs_chronos
def test_only_the_closes_of_the_context_matter(checkpoint):
    close = random_closes(3, 140, seed=3)
    close[:, 110] = 30.0
    row, end = all_origins(3, range(110, 111))
    model = ChronosModel(checkpoint, context=CONTEXT)
    made = model.forecast(forecast_bars(close), row, end)
    other = close.copy()
    other[:, 111:] = 5.0
    other[:, : 111 - CONTEXT] = np.nan
    other[2, 111 - CONTEXT] *= 1.5
    changed = model.forecast(forecast_bars(other), row, end)
    np.testing.assert_array_equal(changed.quantiles[:2], made.quantiles[:2])
    assert (changed.quantiles[2] != made.quantiles[2]).all()


@needs_chronos
def test_a_row_that_begins_within_the_context_is_one_without_bars_before(checkpoint):
    close = random_closes(2, 75, seed=9)
    close[:, 0], close[:, -1] = 45.0, 50.0
    model = ChronosModel(checkpoint, context=CONTEXT)
    short = model.forecast(forecast_bars(close), *all_origins(2, range(74, 75)))
    padded = np.concatenate([np.full((2, 10), np.nan), close], axis=1)
    long = model.forecast(forecast_bars(padded), *all_origins(2, range(84, 85)))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name))
    assert np.isfinite(short.quantiles).all()


@needs_chronos
def test_the_unit_of_the_price_does_not_matter(checkpoint):
    close = random_closes(4, 100, seed=4)
    close[:, -1] = 40.0
    row, end = all_origins(4, range(99, 100))
    model = ChronosModel(checkpoint, context=CONTEXT)
    made, halved = (model.forecast(forecast_bars(close / divisor), row, end) for divisor in (1.0, 3.0))
    np.testing.assert_allclose(halved.quantiles, made.quantiles, rtol=1e-4, atol=1e-6)


@needs_chronos
def test_quantiles_are_those_of_the_step_sorted_and_flat_outside_the_own_levels(checkpoint):
    import torch
    from chronos import BaseChronosPipeline

    close = random_closes(1, 100, seed=5)
    close[0, -1] = 40.0
    made = ChronosModel(checkpoint, context=CONTEXT).forecast(forecast_bars(close), *all_origins(1, range(99, 100)))
    pipeline = BaseChronosPipeline.from_pretrained(checkpoint, local_files_only=True)
    context = torch.tensor(np.log(close[0, -CONTEXT:] / close[0, -1]), dtype=torch.float32)
    levels = list(pipeline.quantiles)
    steps, _ = pipeline.predict_quantiles([context], prediction_length=21, quantile_levels=levels)
    own = np.sort(steps[0].reshape(21, -1).numpy(), axis=1)[np.array(DEFAULT_HORIZONS) - 1]
    for index, level in enumerate(DEFAULT_LEVELS):
        expected = [np.interp(level, levels, values) for values in own]
        np.testing.assert_allclose(made.quantiles[0, :, index], expected, rtol=1e-4, atol=1e-5)
    lowest, highest = (DEFAULT_LEVELS.index(level) for level in (0.1, 0.9))
    if pipeline.quantiles[0] == 0.1:
        assert (made.quantiles[0, :, :lowest] == made.quantiles[0, :, lowest : lowest + 1]).all()
        assert (made.quantiles[0, :, highest:] == made.quantiles[0, :, highest : highest + 1]).all()
    else:
        assert (made.quantiles[0, :, 0] < made.quantiles[0, :, lowest]).all()
    width = made.quantiles[0, :, highest] - made.quantiles[0, :, lowest]
    np.testing.assert_allclose(made.volatility[0], width / 2.5631, rtol=1e-4)


@needs_chronos
def test_the_model_says_what_it_is(checkpoints):
    models = {kind: ChronosModel(folder) for kind, folder in checkpoints.items()}
    assert len({model.name for model in models.values()}) == 2
    assert ChronosModel(checkpoints["Chronos2"], context=90).name != models["Chronos2"].name
    assert [models[kind].details["checkpoint"] for kind in KINDS] == ["Chronos2Pipeline", "ChronosBoltPipeline"]
    assert [models[kind].details["levels"].split(";")[0] for kind in KINDS] == ["0.01 to 0.99", "0.1 to 0.9"]
    assert models["Chronos2"].trained_through is None
    assert models["Chronos2"].lookback == 256


@needs_chronos
def test_loading_and_forecasting_reaches_for_no_network(checkpoint, monkeypatch):
    def refuse(*_args: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    one_forecast(checkpoint)


@needs_chronos
@pytest.mark.usefixtures("two_threads")
def test_it_computes_on_one_thread_and_leaves_the_others(checkpoints, monkeypatch):
    import torch
    from chronos import ChronosBoltPipeline

    seen = []

    def spy(*args, **options):
        seen.append(torch.get_num_threads())
        return predict(*args, **options)

    predict = ChronosBoltPipeline.predict
    monkeypatch.setattr(ChronosBoltPipeline, "predict", spy)
    one_forecast(checkpoints["ChronosBolt"])
    assert seen == [1]
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    "config", ["{", "[]", "{}", '{"chronos_pipeline_class": "A", "chronos_config": {"quantiles": []}}']
)
def test_details_of_another_config_are_refused(files, config):
    (files / "config.json").write_text(config)
    with pytest.raises(SettingsError, match=r"a checkpoint of Chronos-2 or Chronos-Bolt; got config\.json"):
        _ = ChronosModel(files).details


def test_hopeless_origins_need_no_checkpoint(files):
    close = np.full((2, 100), np.nan)
    close[1, -5:] = 10.0
    made = ChronosModel(files).forecast(forecast_bars(close), *all_origins(2, range(99, 100)))
    assert [STATUSES[status] for status in made.status] == ["no bar at the origin", "too little history"]
    empty = np.empty(0, dtype=np.int32)
    assert ChronosModel(files).forecast(forecast_bars(close), empty, empty).quantiles.shape == (0, 5, 11)


def test_without_the_package_the_error_names_the_extra(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "chronos", None)
    with pytest.raises(SettingsError, match=r"chronos-forecasting.*\[chronos\]"):
        one_forecast(files)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_one_of_the_files_is_refused(files, missing):
    (files / missing).unlink()
    with pytest.raises(SettingsError, match=f"no {missing}"):
        ChronosModel(files)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused(files, name):
    (files / "model.safetensors").rename(files / name)
    with pytest.raises(SettingsError, match=f"{name} can hold code and is never opened"):
        ChronosModel(files)


def test_what_is_no_folder_is_refused(tmp_path):
    for path in (tmp_path / "absent", "amazon/chronos-2", "s3://bucket/chronos"):
        with pytest.raises(SettingsError, match="which is no folder"):
            ChronosModel(path)


def test_an_adapter_is_refused(files):
    (files / "adapter_config.json").write_text("{}")
    with pytest.raises(SettingsError, match="merge the adapter"):
        ChronosModel(files)


@pytest.mark.parametrize("context", [MIN_RESIDUALS, 506])
def test_a_context_out_of_range_is_refused(files, context):
    with pytest.raises(SettingsError, match="61 to 505 closes"):
        ChronosModel(files, context=context)


@needs_chronos
def test_a_context_or_horizon_beyond_the_checkpoint_is_refused(checkpoint, tmp_path):
    with pytest.raises(SettingsError, match="takes 96 closes"):
        one_forecast(checkpoint, context=97)
    save_chronos_bolt(tmp_path, prediction_length=20)
    with pytest.raises(SettingsError, match="forecasts 20 sessions"):
        one_forecast(tmp_path)


@needs_chronos
@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", b"{"), ("config.json", b'{"model_type": "t5"}'), ("model.safetensors", b"\0" * 100)],
    ids=["broken config", "another model", "broken weights"],
)
def test_a_damaged_checkpoint_is_refused(copied, name, content):
    (copied / name).write_bytes(content)
    with pytest.raises(SettingsError, match="a checkpoint of Chronos-2 or Chronos-Bolt"):
        one_forecast(copied)


@needs_chronos
def test_a_checkpoint_that_draws_samples_is_refused(copied):
    from transformers import T5Config, T5ForConditionalGeneration

    settings = {
        "tokenizer_class": "MeanScaleUniformBins",
        "tokenizer_kwargs": {"low_limit": -15.0, "high_limit": 15.0},
        "context_length": 96,
        "prediction_length": 24,
        "n_tokens": 64,
        "n_special_tokens": 2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "use_eos_token": True,
        "model_type": "seq2seq",
        "num_samples": 2,
        "temperature": 1.0,
        "top_k": 5,
        "top_p": 1.0,
    }
    config = T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, vocab_size=64, chronos_config=settings)
    T5ForConditionalGeneration(config).save_pretrained(copied)
    with pytest.raises(SettingsError, match="draws samples"):
        one_forecast(copied)


@needs_chronos
def test_code_and_pickles_beside_a_checkpoint_are_not_run(copied, tmp_path):
    marker = tmp_path / "ran"
    (copied / "planted.py").write_text(f"open({str(marker)!r}, 'w')\nclass Config:\n    pass\n")
    config = json.loads((copied / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "planted.Config", "AutoModel": "planted.Config"}
    (copied / "config.json").write_text(json.dumps(config))

    class Planted:
        def __reduce__(self):
            return open, (str(marker), "w")

    (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Planted()))
    one_forecast(copied)
    assert not marker.exists()


@needs_chronos
def test_numbers_that_are_not_finite_are_no_forecast(copied):
    from safetensors.numpy import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    for values in weights.values():
        values[:] = np.nan
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InvalidInputError, match="NaN or infinity, from finite prices"):
        one_forecast(copied)
