"""The GPU's check of the network, with the CPU in the GPU's place."""

import pytest

from benchmarks import gpu_forecast
from benchmarks.gpu_forecast import compare
from resources.package_errors import CompilerError
from tests.compiled_network import compiled_folder


def test_the_check_of_the_network_trains_compares_and_times():
    checked = compare(compiled_folder(), "cpu", rows=500, training_rows=1000)
    assert checked["differs"] == []
    assert checked["loss_difference"] == 0.0
    assert set(checked["seconds"]) == {"eager", "package", "eager on the CPU"}
    assert checked["times_as_fast_as_the_cpu"] > 0.0


def test_without_a_package_everything_else_is_checked():
    checked = compare(None, "cpu", rows=100, training_rows=1000)
    assert checked["differs"] == []
    assert set(checked["largest_difference"]) == {"eager"}


def test_what_is_known_before_a_package_is_built_is_saved_first(monkeypatch):
    def no_compiler(*_: object) -> None:
        raise CompilerError("package", expected="g++", got="none", mend="install g++")

    monkeypatch.setattr(gpu_forecast, "build_compiled", no_compiler)
    saved: list[dict[str, object]] = []
    with pytest.raises(CompilerError):
        gpu_forecast.check_forecast(gpu_forecast.ForecastSizes(100, 1000), "cpu", saved.append)
    assert [each["differs"] for each in saved] == [[]]
