"""The GPU's check of the network, with the CPU in the GPU's place."""

from benchmarks.gpu_forecast import compare
from tests.compiled_network import compiled_folder


def test_the_check_of_the_network_trains_compares_and_times():
    checked = compare(compiled_folder(), "cpu", rows=500, training_rows=1000)
    assert checked["differs"] == []
    assert checked["loss_difference"] == 0.0
    assert set(checked["seconds"]) == {"eager", "package"}
