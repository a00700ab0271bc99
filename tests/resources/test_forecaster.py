"""The forecaster gives a row the same bytes alone and in any batch, with a package and without, and says which."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.forecast.naive_network import network_quantiles
from resources import forecaster as forecaster_module
from resources.compiled_package import PACKAGE, largest_difference, package_key
from resources.forecaster import Forecaster
from resources.network_blocks import BLOCK_ROWS
from resources.wiring import ForecasterResource
from tests.compiled_network import CONFIG, FEATURES, compiled_folder, random_inputs, random_weights

ROWS = 35_000
FLOAT32 = 2e-6
"""What float32 may be off by, over the largest quantile of a row and horizon: inputs here reach the limits."""
SIZES = (1, 2, 63, BLOCK_ROWS, BLOCK_ROWS + 1)


def make(way: str) -> Forecaster:
    return Forecaster(compiled_folder()) if way == "ready" else Forecaster("nowhere", warmup=False)


@pytest.fixture(params=["ready", "switched off"])
def forecaster(request: pytest.FixtureRequest) -> Forecaster:
    return make(request.param)


@pytest.fixture
def threads():
    """Sets torch's threads; they go back to what they were."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def run(forecaster: Forecaster, inputs: np.ndarray, seed: int = 1) -> np.ndarray:
    return forecaster.run(CONFIG, random_weights(seed), inputs)


def test_it_computes_the_network(forecaster):
    weights, inputs = random_weights(1), random_inputs(100)
    found = forecaster.run(CONFIG, weights, inputs)
    assert (found.shape, found.dtype) == ((100, len(CONFIG.horizons), len(CONFIG.levels)), np.float32)
    expected = network_quantiles(weights, CONFIG.median, inputs.astype(np.float64))
    assert largest_difference(found, expected) <= FLOAT32
    assert (np.diff(found, axis=2) >= 0.0).all()


def test_the_package_and_the_module_agree():
    inputs = random_inputs(BLOCK_ROWS)
    for seed in range(5):
        assert largest_difference(run(make("ready"), inputs, seed), run(make("switched off"), inputs, seed)) <= FLOAT32


def test_a_row_is_the_same_bytes_alone_in_any_batch_and_in_any_order(forecaster, threads):
    inputs, random = random_inputs(ROWS), np.random.default_rng(3)
    whole = run(forecaster, inputs)
    for count in (1, 2):
        threads(count)
        assert run(forecaster, inputs).tobytes() == whole.tobytes()
        order = random.permutation(ROWS)
        assert run(forecaster, inputs[order]).tobytes() == whole[order].tobytes()
        for size in SIZES:
            for first in (0, 1, int(random.integers(ROWS - size)), ROWS - size):
                part = run(forecaster, inputs[first : first + size])
                assert part.tobytes() == whole[first : first + size].tobytes(), (count, size, first)


def test_a_row_is_the_same_bytes_at_every_place_of_a_block(forecaster, threads):
    for count in (1, 2):
        threads(count)
        for row in random_inputs(5):
            same = run(forecaster, np.tile(row, (BLOCK_ROWS, 1)))
            assert (same == same[0]).all()


def test_how_inputs_lie_in_memory_changes_nothing(forecaster):
    inputs = random_inputs(100)
    expected = run(forecaster, inputs).tobytes()
    shifted = np.empty(inputs.size + 1, dtype=np.float32)[1:].reshape(inputs.shape)
    shifted[:] = inputs
    frozen = inputs.copy()
    frozen.flags.writeable = False
    for other in (np.asfortranarray(inputs), np.repeat(inputs, 2, axis=0)[::2], shifted, frozen):
        assert run(forecaster, other).tobytes() == expected
    assert inputs.tobytes() == random_inputs(100).tobytes()


def test_no_rows_have_no_quantiles(forecaster):
    assert run(forecaster, random_inputs(0)).shape == (0, len(CONFIG.horizons), len(CONFIG.levels))


def test_the_threads_of_torch_are_left_as_they_were(forecaster, threads):
    for count in (1, 2):
        threads(count)
        run(forecaster, random_inputs(3))
        with pytest.raises(InvalidInputError):
            forecaster.run(CONFIG, random_weights(1) | {"w1": np.zeros(3, dtype=np.float32)}, random_inputs(3))
        assert torch.get_num_threads() == count


def test_other_weights_take_the_place_of_the_first(forecaster):
    inputs = random_inputs(70)
    way = "ready" if forecaster._warmup else "switched off"
    expected = {seed: run(make(way), inputs, seed) for seed in (1, 2)}
    assert not np.array_equal(expected[1], expected[2])
    for seed in (1, 2, 2, 1):
        assert run(forecaster, inputs, seed).tobytes() == expected[seed].tobytes()
    weights = random_weights(1)
    assert forecaster.run(CONFIG, weights, inputs).tobytes() == expected[1].tobytes()
    for name, values in random_weights(2).items():
        weights[name][:] = values
        weights[name].flags.writeable = False
    assert forecaster.run(CONFIG, weights, inputs).tobytes() == expected[2].tobytes()


def test_threads_with_different_weights_share_a_forecaster(forecaster):
    inputs = random_inputs(70)
    expected = [run(forecaster, inputs, seed).tobytes() for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: run(forecaster, inputs, number % 4).tobytes(), range(40)))
    assert found == expected * 10


def test_networks_of_other_shapes_live_side_by_side(forecaster):
    inputs, small = random_inputs(10), replace(CONFIG, hidden=3, seeds=(5,), horizons=(1, 2))
    expected = run(forecaster, inputs)
    weights = random_weights(1, small)
    found = forecaster.run(small, weights, inputs)
    assert largest_difference(found, network_quantiles(weights, small.median, inputs.astype(np.float64))) <= FLOAT32
    assert run(forecaster, inputs).tobytes() == expected.tobytes()
    assert forecaster.state == ("degraded" if forecaster._warmup else "switched off")


def test_a_module_is_built_only_when_weights_change(monkeypatch):
    built, build = [], forecaster_module.build_module
    monkeypatch.setattr(forecaster_module, "build_module", lambda *given: built.append(1) or build(*given))
    forecaster = make("switched off")
    for seed in (1, 1, 2, 2, 2, 1):
        run(forecaster, random_inputs(3), seed)
    assert len(built) == 3


def test_it_says_how_it_computes():
    forecaster = Forecaster(compiled_folder())
    cold = {"forecaster_state": "cold", "forecaster_reason": "", "forecaster_device": "cpu"}
    assert forecaster.report() == cold
    run(forecaster, random_inputs(1))
    report = forecaster.report()
    assert report == {
        **cold,
        "forecaster_state": "ready",
        "forecaster_package": package_key(CONFIG, FEATURES).digest,
        "forecaster_self_test_error": report["forecaster_self_test_error"],
        "forecaster_load_seconds": report["forecaster_load_seconds"],
    }
    assert 0.0 < report["forecaster_load_seconds"] < 10.0
    off = make("switched off")
    run(off, random_inputs(1))
    assert off.report()["forecaster_state"] == "switched off"
    assert "warmup" in off.report()["forecaster_reason"]


def missing(folder: Path) -> None:
    shutil.rmtree(folder)


def truncated(folder: Path) -> None:
    [path] = folder.glob(f"*/{PACKAGE}")
    path.write_bytes(path.read_bytes()[:1000])


def of_another_machine(folder: Path) -> None:
    [path] = folder.glob("*")
    note = (path / "note.json").read_text()
    (path / "note.json").write_text(note.replace('"torch": "', '"torch": "1.'))
    path.rename(folder / "other")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (missing, "MissingPackageError: folder"),
        (truncated, "DamagedPackageError: file"),
        (of_another_machine, r"OtherPackageError: folder .* nearest has torch '1\."),
    ],
)
def test_without_a_package_it_computes_eagerly_and_says_so_once(tmp_path, harm, reason):
    folder = Path(shutil.copytree(compiled_folder(), tmp_path / "compiled"))
    harm(folder)
    told: list[str] = []
    forecaster = Forecaster(folder, warn=told.append)
    inputs = random_inputs(70)
    for seed in (1, 2, 1):
        expected = run(make("switched off"), inputs, seed)
        assert run(forecaster, inputs, seed).tobytes() == expected.tobytes()
    assert forecaster.state == "degraded"
    [message] = told
    assert message.startswith("forecaster: ")
    assert message.endswith("It computes eagerly from then on")
    assert forecaster.report()["forecaster_reason"] in message
    assert re.search(reason, message)
    assert "-j compile_forecaster" in message


INPUTS = random_inputs(3)
HOLE = INPUTS.copy()
HOLE[1, 4] = np.nan
ENDLESS = INPUTS.copy()
ENDLESS[2] = np.inf


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (INPUTS.astype(np.float64), r"float32 array \[N, 17\]; got float64 of shape \(3, 17\)"),
        (INPUTS[0], r"got float32 of shape \(17,\)"),
        (INPUTS[None], r"got float32 of shape \(1, 3, 17\)"),
        (INPUTS[:, :-1], r"got float32 of shape \(3, 16\)"),
        (INPUTS.tolist(), "got list"),
        (HOLE, r"row 1, column 4: expected finite numbers.*got nan, and 1 such rows of 3.*leave these rows out"),
        (ENDLESS, r"row 2, column 0: .*got inf"),
    ],
    ids=["float64", "a row", "three axes", "a column less", "a list", "NaN", "infinite"],
)
def test_inputs_that_are_none_are_refused_with_what_came(forecaster, inputs, words):
    with pytest.raises(InvalidInputError, match=words):
        forecaster.run(CONFIG, random_weights(1), inputs)
    assert forecaster.state == "cold"


@pytest.mark.parametrize(
    "change",
    [
        {"w1": np.zeros((3, FEATURES, 25), dtype=np.float32)},
        {"w1": np.zeros((3, FEATURES, 24))},
        {"w4": np.zeros(1, dtype=np.float32)},
        {"input_deviation": np.zeros(FEATURES, dtype=np.float32)},
        {"middle": np.full((3, 5), np.nan, dtype=np.float32)},
    ],
    ids=["shape", "dtype", "name", "range", "NaN"],
)
def test_weights_that_are_none_are_refused_and_change_nothing(forecaster, change):
    inputs = random_inputs(3)
    expected = run(forecaster, inputs)
    with pytest.raises(InvalidInputError, match="weights of the network"):
        forecaster.run(CONFIG, random_weights(2) | change, inputs)
    without = random_weights(2)
    del without["input_mean"]
    with pytest.raises(InvalidInputError, match=r"missing: \['input_mean'\]"):
        forecaster.run(CONFIG, without, inputs)
    assert run(forecaster, inputs).tobytes() == expected.tobytes()


def test_only_cpu_and_cuda_are_devices():
    with pytest.raises(InvalidInputError, match="expected one of cpu, cuda; got 'gpu'"):
        run(Forecaster("nowhere", "gpu"), random_inputs(3))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("warmup", [True, False])
def test_a_gpu_that_is_not_there_is_named(warmup):
    with pytest.raises(BackendUnavailableError, match="expected a CUDA device that PyTorch can use; got none"):
        run(Forecaster("nowhere", "cuda", warmup), random_inputs(3))


def test_a_process_has_one_forecaster_for_each_set_of_options():
    folder = str(compiled_folder())
    forecaster = ForecasterResource(folder=folder).open()
    assert forecaster is ForecasterResource(folder=folder, device="cpu", warmup=True).open()
    assert forecaster is not ForecasterResource(folder=folder, warmup=False).open()
    assert run(forecaster, random_inputs(1)).shape == (1, 5, 11)
    assert forecaster.state == "ready"
