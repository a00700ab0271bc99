"""What only a real device can show: one pool, the same addresses, copies that run beside kernels, a batch that fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from kernels.device import gpu_support
from kernels.errors import InvalidInputError
from kernels.memory import (
    BatchKey,
    Device,
    FoundBatch,
    MemoryTimeline,
    StagingRing,
    as_rows,
    bytes_needed,
    device_name,
    free_bytes,
    is_out_of_memory,
    largest_batch,
    memory_usage,
    pool_reason,
    release,
    to_cupy,
    to_torch,
    track,
    unfold_windows,
    use_torch_pool,
)

MIB = 2**20
SUPPORT = gpu_support()
USABLE = SUPPORT.ok and not SUPPORT.simulated and torch.cuda.is_available()
REASON = SUPPORT.reason if not SUPPORT.ok or SUPPORT.simulated else f"torch {torch.__version__} can't use CUDA here"
pytestmark = pytest.mark.skipif(not USABLE, reason=REASON)


@pytest.fixture
def cupy() -> Any:
    module = pytest.importorskip("cupy")
    assert use_torch_pool()
    return module


def test_cupy_takes_its_memory_from_torch_and_gives_it_back(cupy: Any) -> None:
    before, own = torch.cuda.memory_allocated(), cupy.get_default_memory_pool().total_bytes()
    array = cupy.zeros(8 * MIB, cupy.uint8)
    assert torch.cuda.memory_allocated() == before + 8 * MIB
    assert cupy.get_default_memory_pool().total_bytes() == own
    del array
    assert torch.cuda.memory_allocated() == before
    assert pool_reason() == "torch's pool, CuPy's arrays too"


def test_what_torch_has_freed_is_what_cupy_gets(cupy: Any) -> None:
    release()
    tensor = torch.empty(64 * MIB, dtype=torch.uint8, device="cuda")
    address, reserved = tensor.data_ptr(), torch.cuda.memory_reserved()
    del tensor
    array = cupy.empty(64 * MIB, cupy.uint8)
    assert array.data.ptr == address
    assert torch.cuda.memory_reserved() == reserved


def test_a_full_device_is_a_memory_error_of_cupy_and_leaves_it_usable(cupy: Any) -> None:
    with pytest.raises(MemoryError) as caught:
        cupy.empty(2 * torch.cuda.mem_get_info()[1], cupy.uint8)
    assert is_out_of_memory(caught.value)
    with pytest.raises(torch.OutOfMemoryError) as of_torch:
        torch.empty(2 * torch.cuda.mem_get_info()[1], dtype=torch.uint8, device="cuda")
    assert is_out_of_memory(of_torch.value)
    assert float(cupy.arange(10.0).sum()) == 45.0


def test_numba_s_error_for_memory_is_known() -> None:
    from numba import cuda

    with pytest.raises(Exception, match=r"(?i)memory") as caught:
        cuda.device_array(2 * torch.cuda.mem_get_info()[1], np.uint8)
    assert is_out_of_memory(caught.value)


def test_free_bytes_count_what_the_pool_keeps_and_release_gives_it_back(cupy: Any) -> None:
    array = cupy.zeros(256 * MIB, cupy.uint8)
    with_it = free_bytes()
    del array
    assert free_bytes() >= with_it + 256 * MIB
    reserved = torch.cuda.memory_reserved()
    release()
    assert torch.cuda.memory_reserved() <= reserved - 256 * MIB


def test_cupy_is_on_the_stream_of_torch(cupy: Any) -> None:
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        assert use_torch_pool()
        assert cupy.cuda.get_current_stream().ptr == stream.cuda_stream
        assert float(to_torch(cupy.arange(1000.0)).sum()) == 499_500.0
    assert use_torch_pool()
    assert cupy.cuda.get_current_stream().ptr == torch.cuda.current_stream().cuda_stream


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint8", "float16", "float32", "float64"])
def test_both_sides_have_the_same_address(cupy: Any, dtype: str) -> None:
    array = cupy.arange(24).reshape(2, 3, 4).astype(dtype)
    tensor = to_torch(array)
    assert (tensor.device.type, tensor.data_ptr(), str(tensor.dtype)) == ("cuda", array.data.ptr, f"torch.{dtype}")
    back = to_cupy(tensor)
    assert (back.data.ptr, back.dtype) == (array.data.ptr, array.dtype)
    cut = to_torch(array[:, 1:, ::2])
    np.testing.assert_array_equal(cut.cpu().numpy(), array[:, 1:, ::2].get())


def test_work_of_both_sides_runs_in_order_without_waiting(cupy: Any) -> None:
    array = cupy.zeros(16 * MIB, cupy.float32)
    tensor = to_torch(array)
    for _ in range(50):
        tensor.add_(1.0)
        array += 1.0
    assert float(tensor.min()) == float(array.max()) == 100.0


def test_what_would_need_a_copy_is_refused(cupy: Any) -> None:
    for wrong in (cupy.arange(4.0)[::-1], cupy.zeros((2, 4))[:, ::-2], np.zeros(3)):
        with pytest.raises(InvalidInputError):
            to_torch(wrong)
    for tensor in (torch.zeros(3), torch.zeros(3, device="cuda", requires_grad=True)):
        with pytest.raises(InvalidInputError):
            to_cupy(tensor)


def test_windows_of_cupy_are_views(cupy: Any) -> None:
    panel = cupy.arange(3 * 7 * 5, dtype=cupy.float32).reshape(3, 7, 5)
    windows = unfold_windows(panel, 4)
    assert windows.data.ptr == panel.data.ptr
    np.testing.assert_array_equal(windows.get(), unfold_windows(panel.get(), 4))
    assert as_rows(panel).data.ptr == panel.data.ptr
    with pytest.raises(InvalidInputError):
        as_rows(windows)


def test_a_device_of_the_kernels_uses_the_pool() -> None:
    before = torch.cuda.memory_allocated()
    array = Device().upload(np.zeros(4 * MIB, np.uint8))
    assert torch.cuda.memory_allocated() == before + 4 * MIB
    del array


def test_batches_arrive_with_their_bits_whatever_the_slots() -> None:
    rng = np.random.default_rng(1)
    batches = [{"x": rng.normal(size=(rng.integers(1, 5000), 7)), "n": rng.integers(0, 9, 11)} for _ in range(30)]
    size = max(bytes_needed(batch) for batch in batches)
    for slots in (1, 2, 5):
        ring = StagingRing("cuda", slots, size)
        kept = []
        for batch in ring.stream(batches):
            kept.append({name: values * 1 for name, values in batch.items()})
        for got, sent in zip(kept, batches, strict=True):
            for name, values in sent.items():
                assert got[name].device.type == "cuda"
                np.testing.assert_array_equal(got[name].cpu().numpy(), values)


def test_a_pinned_tensor_and_one_on_the_device_are_refused() -> None:
    ring = StagingRing("cuda", 2, 1024)
    for tensor in (torch.zeros(3).pin_memory(), torch.zeros(3, device="cuda")):
        with pytest.raises(InvalidInputError, match="staging ring, x"):
            list(ring.stream([{"x": tensor}]))


def test_copies_run_while_the_device_computes() -> None:
    batch = {"x": torch.ones(16 * MIB, dtype=torch.float32)}
    ring = StagingRing("cuda", 2, bytes_needed(batch))
    left = torch.randn(4096, 4096, device="cuda")

    def compute() -> None:
        for _ in range(20):
            torch.mm(left, left)

    for warm in ring.stream([batch] * 3):
        compute()
        del warm
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in ring.stream([batch] * 6):
            compute()
        torch.cuda.synchronize()
    events = [each for each in profile.events() if each.device_type == torch.autograd.DeviceType.CUDA]
    copies = [each.time_range for each in events if "HtoD" in each.name]
    kernels = [each.time_range for each in events if "Memcpy" not in each.name and "Memset" not in each.name]
    assert len(copies) >= 6
    beside = [c for c in copies if any(k.start < c.end and c.start < k.end for k in kernels)]
    assert len(beside) >= 3


def test_memory_of_the_device_is_told_by_phase(cupy: Any) -> None:
    assert memory_usage().of == f"{device_name()}: torch's pool"
    with MemoryTimeline() as timeline:
        with track("large"):
            array = cupy.zeros(512 * MIB, cupy.uint8)
            del array
        with track("small"):
            tensor = torch.zeros(MIB, dtype=torch.uint8, device="cuda")
    large, small = timeline.phases
    assert large.peak >= large.before + 512 * MIB
    assert large.allocated == large.before
    assert small.peak <= small.before + 2 * MIB
    assert small.allocated == small.before + MIB
    del tensor


def test_the_largest_batch_is_found_on_the_device_and_fits_again() -> None:
    class Store:
        def __init__(self) -> None:
            self.found: dict[BatchKey, FoundBatch] = {}

        def read(self, key: BatchKey) -> FoundBatch | None:
            return self.found.get(key)

        def write(self, key: BatchKey, found: FoundBatch) -> None:
            self.found[key] = found

    release()
    row, store = free_bytes() // 37, Store()

    def run(batch: int) -> None:
        torch.empty(batch * row, dtype=torch.uint8, device="cuda")

    key = BatchKey(device_name(), "empty rows", "uint8")
    batch = largest_batch(run, at_most=10_000, key=key, store=store)
    assert 30 <= batch <= 37
    run(batch)
    release()
    assert largest_batch(run, at_most=10_000, key=key, store=store) == batch
