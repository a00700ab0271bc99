from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kernels.device import Support, gpu_support
from kernels.memory import device_name, memory_usage, usage
from kernels.memory.usage import CupyMeter, HostMeter, TorchMeter
from tests.kernels.memory.fake_cuda import FakeCupy, FakeTorch

MIB = 2**20


def test_on_a_device_the_pool_of_torch_is_told() -> None:
    torch = FakeTorch(total=1000)
    first = torch.cuda.caching_allocator_alloc(400, 0, 0)
    torch.cuda.caching_allocator_alloc(100, 0, 0)
    torch.cuda.caching_allocator_delete(first)
    meter = TorchMeter(torch)
    assert meter.read() == (100, 500, 500, 900, 1000, "Fake GPU: torch's pool")
    meter.reset_peak()
    assert meter.read().peak == 100


def test_where_torch_has_no_cuda_the_pool_of_cupy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cupy = FakeCupy()
    for module in ("kernels.memory.usage", "kernels.memory.pool"):
        monkeypatch.setattr(sys.modules[module], "gpu_support", lambda: Support(True, "CUDA device Fake GPU"))
        monkeypatch.setattr(sys.modules[module], "torch_with_cuda", lambda: None)
    monkeypatch.setitem(sys.modules, "cupy", cupy)  # type: ignore[arg-type]
    assert memory_usage() == (70, 100, 100, 230, 1000, "Fake GPU: CuPy's pool")
    CupyMeter(cupy).reset_peak()
    assert cupy.own_freed == 1


def test_the_device_is_looked_for_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "torch_with_cuda", lambda: FakeTorch())
    assert memory_usage().of == "Fake GPU: torch's pool"
    assert device_name() == "Fake GPU"
    monkeypatch.setattr(usage, "torch_with_cuda", lambda: None)
    monkeypatch.setattr(usage, "gpu_support", lambda: Support(True, "the CUDA simulator", simulated=True))
    assert memory_usage().of == "host: this process"
    assert device_name() == "cpu"


@pytest.mark.skipif(gpu_support().ok, reason=gpu_support().reason)
def test_without_a_device_the_process_is_told() -> None:
    held = np.ones(40 * MIB, np.uint8)
    with_it = memory_usage()
    assert with_it.of == "host: this process"
    assert device_name() == "cpu"
    assert 40 * MIB < with_it.allocated == with_it.reserved <= with_it.peak + MIB
    assert with_it.peak < with_it.total
    assert 0 < with_it.free < with_it.total
    del held
    assert memory_usage().allocated < with_it.allocated - 30 * MIB


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system can't reset a peak")
def test_the_peak_of_the_process_can_be_reset() -> None:
    meter = HostMeter()
    np.ones(60 * MIB, np.uint8)
    before = meter.read()
    assert before.peak > before.allocated + 50 * MIB
    meter.reset_peak()
    assert meter.read().peak < before.peak - 50 * MIB


def test_where_a_system_has_no_tables_only_the_peak_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "Path", lambda _: SimpleNamespace(exists=lambda: False))
    known = HostMeter().read()
    assert known.peak == known.allocated > MIB
    assert (known.free, known.total) == (0, 0)
    HostMeter().reset_peak()
