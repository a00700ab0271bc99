from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from kernels.device import Support, gpu_support
from kernels.errors import BackendUnavailableError
from kernels.memory import free_bytes, pool, pool_reason, release, use_torch_pool
from kernels.memory.pool import TorchPool
from tests.kernels.memory.fake_cuda import FakeCupy, FakeTorch


@pytest.fixture(autouse=True)
def _no_torch_pool() -> Iterator[None]:
    made = pool._made[:]
    pool._made.clear()
    yield
    pool._made[:] = made


def _installed(total: int = 1000, *, from_external: bool = True) -> tuple[FakeTorch, FakeCupy, TorchPool]:
    torch, cupy = FakeTorch(total), FakeCupy(from_external=from_external)
    shared = TorchPool(torch, cupy)
    shared.install()
    return torch, cupy, shared


def test_what_cupy_takes_is_taken_from_torch_and_given_back_to_it() -> None:
    torch, cupy, _ = _installed()
    cupy.current = 77
    first, second = cupy.allocate(300, 0), cupy.allocate(200, 1)
    assert torch.taken == {first: (300, 0, 77), second: (200, 1, 77)}
    cupy.free(first, 0)
    assert torch.allocated() == 200
    assert cupy.own_freed == 1  # what its own pool kept unused


def test_a_full_pool_is_a_memory_error_that_keeps_the_words_of_torch() -> None:
    torch, cupy, _ = _installed(total=100)
    with pytest.raises(MemoryError, match="Tried to allocate 101 bytes") as caught:
        cupy.allocate(101, 0)
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)
    assert torch.taken == {}


def test_another_fault_of_torch_stays_what_it_is() -> None:
    torch, cupy, _ = _installed()

    def fail(*_: int) -> int:
        raise RuntimeError("device lost")

    torch.cuda.caching_allocator_alloc = fail
    with pytest.raises(RuntimeError, match="device lost"):
        cupy.allocate(1, 0)


@pytest.mark.parametrize("from_external", [True, False], ids=["cupy 14", "cupy 13"])
def test_cupy_follows_the_stream_of_torch_there_and_back(from_external: bool) -> None:
    torch, cupy, shared = _installed(from_external=from_external)
    for stream in (0, 5, 5, 9, 0):
        torch.stream = stream
        shared.follow_stream()
        assert cupy.current == stream
    assert cupy.followed == [0, 5, 9, 0]


def test_the_memory_is_switched_once_and_the_stream_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, cupy = FakeTorch(), FakeCupy()
    monkeypatch.setattr(pool, "gpu_support", lambda: Support(True, "CUDA device Fake GPU"))
    monkeypatch.setattr(pool, "torch_with_cuda", lambda: torch)
    monkeypatch.setitem(sys.modules, "cupy", cupy)  # type: ignore[arg-type]
    assert "as soon as" in pool_reason()
    assert use_torch_pool()
    torch.stream = 6
    assert use_torch_pool()
    assert (cupy.own_freed, cupy.current) == (1, 6)
    assert pool_reason() == "torch's pool, CuPy's arrays too"


def test_free_bytes_are_those_of_the_device_and_what_the_pool_keeps_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, cupy, _ = _installed(total=1000)
    monkeypatch.setattr(pool, "torch_with_cuda", lambda: torch)
    cupy.free(cupy.allocate(400, 0), 0)
    cupy.allocate(100, 0)
    assert (torch.reserved, torch.allocated()) == (400, 100)
    assert free_bytes() == 900


def test_release_empties_the_pool_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, cupy, _ = _installed()
    monkeypatch.setattr(pool, "gpu_support", lambda: Support(True, "CUDA device Fake GPU"))
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "cupy", cupy)  # type: ignore[arg-type]
    cupy.free(cupy.allocate(400, 0), 0)
    release()
    assert torch.reserved == 0
    assert (torch.emptied, cupy.own_freed) == (1, 2)


def test_where_torch_has_no_cuda_cupy_keeps_its_own_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False), __version__="9.9+cpu")
    cupy = FakeCupy()
    monkeypatch.setattr(pool, "gpu_support", lambda: Support(True, "CUDA device Fake GPU"))
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "cupy", cupy)  # type: ignore[arg-type]
    assert use_torch_pool() is False
    assert pool_reason() == "CuPy's own pool: torch 9.9+cpu can't use CUDA here"
    assert cupy.allocate is None
    assert free_bytes() == 230


def test_where_torch_is_not_installed_cupy_keeps_its_own_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "gpu_support", lambda: Support(True, "CUDA device Fake GPU"))
    monkeypatch.setitem(sys.modules, "torch", None)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "cupy", FakeCupy())  # type: ignore[arg-type]
    assert use_torch_pool() is False
    assert pool_reason() == "CuPy's own pool: torch isn't installed"
    release()


@pytest.mark.parametrize(
    "support", [Support(False, "no usable CUDA device was found"), Support(True, "the CUDA simulator", simulated=True)]
)
def test_without_a_device_there_is_no_pool_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, support: Support
) -> None:
    monkeypatch.setattr(pool, "gpu_support", lambda: support)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    # Imported, as CuPy can be without a driver: its pool then raises.
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())  # type: ignore[arg-type]
    assert use_torch_pool() is False
    assert pool_reason() == f"no pool on a device: {support.reason}"
    with pytest.raises(BackendUnavailableError, match=f"{support.reason}.*memory_usage"):
        free_bytes()
    release()
    assert "torch" not in sys.modules  # looking costs no import


@pytest.mark.skipif(gpu_support().ok, reason=gpu_support().reason)
def test_this_machine_has_no_pool() -> None:
    assert use_torch_pool() is False
    assert gpu_support().reason in pool_reason()
