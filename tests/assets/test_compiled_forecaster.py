"""The asset `compiled_forecaster`: built, kept, built again, and what happens without a compiler."""

import shutil
from pathlib import Path

import dagster as dg
import torch
from torch._inductor import config as inductor

from assets.compiled_forecaster import CompiledForecasterConfig, compiled_forecaster
from kernels.forecast.config import NetworkConfig
from resources.compiled_package import NOTE, PACKAGE, TOLERANCE, package_key
from resources.forecaster import Forecaster
from resources.wiring import ForecasterResource
from tests.compiled_network import CONFIG, FEATURES, compiled_folder, random_inputs, random_weights

OPTIONS = {"ops": {"compiled_forecaster": {"config": {"hidden": 3, "seeds": [7]}}}}


def materialize(folder: Path, *, fails: bool = False, **options) -> dg.ExecuteInProcessResult:
    result = dg.materialize(
        [compiled_forecaster],
        resources={"forecaster": ForecasterResource(folder=str(folder))},
        raise_on_error=False,
        **options,
    )
    assert result.success != fails
    return result


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_defaults_are_those_of_the_network():
    config = CompiledForecasterConfig()
    assert NetworkConfig(hidden=config.hidden, seeds=tuple(config.seeds)) == NetworkConfig()


def test_a_current_package_is_kept_and_described(tmp_path):
    folder = Path(shutil.copytree(compiled_folder(), tmp_path / "compiled"))
    before, key = contents(folder), package_key(CONFIG, FEATURES)
    described = metadata(materialize(folder))
    assert contents(folder) == before
    assert described["kept"] is True
    assert "build_seconds" not in described
    assert described["key"] == key.digest
    assert described["made_for"] == key.parts
    assert described["dagster/uri"] == str(folder / key.digest)
    assert described["bytes"] == len(before[f"{key.digest}/{PACKAGE}"])
    assert described["self_test_error"] <= described["self_test_tolerance"] == TOLERANCE
    assert 0.0 < described["load_and_first_batch_seconds"] < 10.0
    assert described["cpu_instructions"]


def test_a_missing_or_damaged_package_is_built_beside_the_others(tmp_path):
    folder = Path(shutil.copytree(compiled_folder(), tmp_path / "compiled"))
    small = package_key(NetworkConfig(hidden=3, seeds=(7,)), FEATURES)
    (folder / small.digest).mkdir()
    (folder / small.digest / NOTE).write_text("half of a no")
    before = contents(folder)
    described = metadata(materialize(folder, run_config=OPTIONS))
    assert described["kept"] is False
    assert described["build_seconds"] > 0.0
    assert described["key"] == small.digest
    after = contents(folder)
    assert after.keys() == before.keys() | {f"{small.digest}/{PACKAGE}"}
    assert {name for name in before if after[name] != before[name]} == {f"{small.digest}/{NOTE}"}
    assert metadata(materialize(folder, run_config=OPTIONS))["kept"] is True
    assert contents(folder) == after


def test_without_a_compiler_the_asset_fails_and_forecasts_go_on(tmp_path):
    with inductor.patch({"cpp.cxx": (None, "no-such-compiler")}):
        result = materialize(tmp_path, fails=True)
    [failure] = result.get_step_failure_events()
    error = failure.step_failure_data.error.cause
    assert error.cls_name == "CompilerError"
    assert "To mend: install g++" in error.message
    assert contents(tmp_path) == {}
    told: list[str] = []
    forecaster = Forecaster(tmp_path, warn=told.append)
    found = forecaster.run(CONFIG, random_weights(1), random_inputs(3))
    assert torch.isfinite(torch.from_numpy(found)).all()
    assert (forecaster.state, len(told)) == ("degraded", 1)
