"""One pool of device memory, owned by torch: CuPy takes its memory from it too, on torch's stream.

Two pools on one device starve each other: what one has freed and keeps, the other can't use. Where torch has no CUDA,
CuPy keeps its own pool.
"""

from __future__ import annotations

import sys
from threading import Lock
from typing import Any

from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError

_LOCK = Lock()
_made: list[TorchPool] = []


class TorchPool:
    """CuPy's memory from torch's caching allocator, in the order of one stream.

    Attributes:
        torch: the module torch, with CUDA.
        cupy: the module CuPy.
    """

    def __init__(self, torch: Any, cupy: Any) -> None:
        self.torch = torch
        self.cupy = cupy

    def install(self) -> None:
        """Let CuPy take memory from torch from now on, in all threads. Arrays that it has already stay where they are.

        Raises:
            RuntimeError: CuPy's, inside `cupy.cuda.using_allocator`.
        """
        cupy = self.cupy
        cupy.cuda.set_allocator(cupy.cuda.PythonFunctionAllocator(self._allocate, self._free).malloc)
        cupy.get_default_memory_pool().free_all_blocks()

    def follow_stream(self) -> None:
        """Make torch's current stream CuPy's current one, for this thread and the current device."""
        streams = self.cupy.cuda
        stream = self.torch.cuda.current_stream()
        if streams.get_current_stream().ptr == stream.cuda_stream:
            return
        if stream.cuda_stream == 0:
            streams.Stream.null.use()
        elif hasattr(streams.Stream, "from_external"):
            streams.Stream.from_external(stream).use()
        else:
            # CuPy before 14.
            streams.ExternalStream(stream.cuda_stream).use()

    def _allocate(self, size: int, device: int) -> int:
        stream = self.cupy.cuda.get_current_stream().ptr
        try:
            return int(self.torch.cuda.caching_allocator_alloc(size, device, stream))
        except self.torch.OutOfMemoryError as error:
            # As CuPy's own pool would: torch's error is a RuntimeError, which who works with CuPy doesn't expect.
            raise MemoryError(str(error)) from error

    def _free(self, pointer: int, device: int) -> None:  # noqa: ARG002 torch knows whose memory it is
        self.torch.cuda.caching_allocator_delete(pointer)


def use_torch_pool() -> bool:
    """Let CuPy use torch's memory and torch's current stream.

    The memory is switched once per process. The stream is set at every call, for the calling thread: call this again
    after entering `torch.cuda.stream(...)` or in a new thread. Numba's kernels run on the default stream, which is
    torch's current one unless somebody changes it.

    Returns:
        True where CuPy now uses torch's; False where it doesn't, and `pool_reason` says why.
    """
    torch = torch_with_cuda()
    support = gpu_support()
    if torch is None or not support.ok or support.simulated:
        return False
    with _LOCK:
        if not _made:
            import cupy

            pool = TorchPool(torch, cupy)
            pool.install()
            _made.append(pool)
    _made[0].follow_stream()
    return True


def pool_reason() -> str:
    """Whose pool the device's memory is in, and why, in words."""
    support = gpu_support()
    if not support.ok or support.simulated:
        return f"no pool on a device: {support.reason}"
    if torch_with_cuda() is None:
        return f"CuPy's own pool: {_why_no_torch()}"
    return "torch's pool, CuPy's arrays too" if _made else "torch's pool, CuPy's arrays as soon as there are any"


def free_bytes() -> int:
    """Bytes that can still be taken on the current device: the free ones, and those that the pool holds unused.

    The latter may be in pieces: one array of that size needn't fit.

    Raises:
        BackendUnavailableError: there is no device.
    """
    torch = torch_with_cuda()
    if torch is not None:
        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0] + unused)
    support = gpu_support()
    if not support.ok or support.simulated:
        raise BackendUnavailableError(
            "free memory of the device",
            expected="a usable CUDA device",
            got=support.reason,
            mend="ask kernels.memory.memory_usage().free, which tells the memory of the host where there is no device",
        )
    import cupy

    return int(cupy.cuda.runtime.memGetInfo()[0]) + int(cupy.get_default_memory_pool().free_bytes())


def release() -> None:
    """Give back to the device what the pools hold and nobody uses. Does nothing where there is no device.

    Imports neither torch nor CuPy: where they aren't imported, they hold no memory. What an error's frames still refer
    to is in use.
    """
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    if torch is not None:
        torch.cuda.empty_cache()
    # CuPy's pool raises where there is no driver.
    if cupy is not None and gpu_support().ok and not gpu_support().simulated:
        cupy.get_default_memory_pool().free_all_blocks()


def torch_with_cuda() -> Any | None:
    """The module torch where it can use a CUDA device; else None.

    It is imported where there is a device that CuPy can use, else only looked at if somebody has imported it. In the
    simulator there is no device.
    """
    support = gpu_support()
    if support.simulated:
        return None
    if not support.ok and "torch" not in sys.modules:
        return None
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def _why_no_torch() -> str:
    torch = sys.modules.get("torch")
    return "torch isn't installed" if torch is None else f"torch {torch.__version__} can't use CUDA here"
