"""What `kernels.memory` uses of torch and CuPy on a device, as small modules: a pool that can be full, and streams."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class TorchOutOfMemoryError(RuntimeError):
    """torch's, which is no MemoryError."""


TorchOutOfMemoryError.__module__, TorchOutOfMemoryError.__qualname__ = "torch", "OutOfMemoryError"
TorchOutOfMemoryError.__name__ = "OutOfMemoryError"


class FakeTorch:
    """A module torch with one CUDA device of `total` bytes, whose pool keeps what is freed."""

    def __init__(self, total: int = 1000) -> None:
        self.total, self.reserved, self.most = total, 0, 0
        self.taken: dict[int, tuple[int, int, int]] = {}
        self.emptied = 0
        self.stream = 0
        self.OutOfMemoryError = TorchOutOfMemoryError
        self.__version__ = "9.9"
        self.cuda = SimpleNamespace(
            is_available=lambda: True,
            get_device_name=lambda: "Fake GPU",
            current_stream=lambda: SimpleNamespace(cuda_stream=self.stream),
            caching_allocator_alloc=self._take,
            caching_allocator_delete=self._give,
            memory_allocated=self.allocated,
            memory_reserved=lambda: self.reserved,
            max_memory_allocated=lambda: self.most,
            reset_peak_memory_stats=self._reset,
            mem_get_info=lambda: (self.total - self.reserved, self.total),
            empty_cache=self._empty,
        )

    def allocated(self) -> int:
        return sum(size for size, _, _ in self.taken.values())

    def _take(self, size: int, device: int, stream: int) -> int:
        if self.allocated() + size > self.total:
            raise TorchOutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes")
        pointer = 512 * (1 + max(self.taken, default=0))
        self.taken[pointer] = size, device, stream
        self.most = max(self.most, self.allocated())
        self.reserved = max(self.reserved, self.allocated())
        return pointer

    def _give(self, pointer: int) -> None:
        del self.taken[pointer]

    def _reset(self) -> None:
        self.most = self.allocated()

    def _empty(self) -> None:
        self.emptied += 1
        self.reserved = self.allocated()


class FakeCupy:
    """A module CuPy that allocates by whatever allocator is set."""

    def __init__(self, *, from_external: bool = True) -> None:
        self.current, self.followed = 0, [0]
        self.allocate: Any = None
        self.own_freed = 0
        self.own = SimpleNamespace(
            free_all_blocks=self._free_own, free_bytes=lambda: 30, used_bytes=lambda: 70, total_bytes=lambda: 100
        )
        stream = SimpleNamespace(null=SimpleNamespace(use=lambda: self._use(0)))
        if from_external:
            stream.from_external = lambda other: SimpleNamespace(use=lambda: self._use(other.cuda_stream))
        self.cuda = SimpleNamespace(
            set_allocator=self._set,
            PythonFunctionAllocator=lambda take, give: SimpleNamespace(malloc=(take, give)),
            get_current_stream=lambda: SimpleNamespace(ptr=self.current),
            Stream=stream,
            ExternalStream=lambda pointer: SimpleNamespace(use=lambda: self._use(pointer)),
            runtime=SimpleNamespace(memGetInfo=lambda: (200, 1000)),
        )

    def get_default_memory_pool(self) -> SimpleNamespace:
        return self.own

    def _set(self, malloc: Any) -> None:
        self.allocate, self.free = malloc

    def _use(self, pointer: int) -> None:
        self.current = pointer
        self.followed.append(pointer)

    def _free_own(self) -> None:
        self.own_freed += 1
