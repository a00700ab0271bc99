"""Arrays on the device: CuPy's, or NumPy's where the simulator runs the kernels. CuPy is named in this file only.

The passes use what CuPy and NumPy have in common: `zeros`, `cumsum`, `flatnonzero`, `argsort`, `lexsort`,
`searchsorted`, `where`, `unique`, `stack`, `isnan`, indexing. CuPy works on the default stream, in order with Numba's
kernels.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from kernels.device import gpu_support

Arrays = TypeVar("Arrays", bound=NamedTuple)

SHARE_OF_FREE_MEMORY = 0.8
"""What of the free memory is planned with; the rest is for the sorts' buffers and for fragments."""

SIMULATED_MEMORY = 2**30
"""Bytes of memory in the simulator."""


class Device:
    """The device as one computation sees it.

    Attributes:
        xp: CuPy or NumPy.
        memory: bytes that the arrays of a chunk may take; what is free at the start unless a limit is set.
        seconds: by stage, if `measuring`; what is spent in transfers counts as "upload" and "download" only.
        chunks: how many series, or paths, were in each chunk that was finished.
        records: what was made, as the computation counts it: patterns and setups that were scored.
        peak_bytes: the most that CuPy's pool has held; 0 in the simulator.
    """

    def __init__(self, memory: int | None = None, measuring: bool = False) -> None:
        self.simulated = gpu_support().simulated
        self.measuring = measuring
        self.seconds: dict[str, float] = defaultdict(float)
        self.chunks: list[int] = []
        self.records = 0
        self.peak_bytes = 0
        self.xp: Any
        if self.simulated:
            self.xp = np
            self.memory = SIMULATED_MEMORY if memory is None else memory
        else:
            import cupy

            self.xp = cupy
            self.memory = int(SHARE_OF_FREE_MEMORY * self._free_bytes()) if memory is None else memory

    def _free_bytes(self) -> int:
        free, _ = self.xp.cuda.runtime.memGetInfo()
        return int(free) + int(self.xp.get_default_memory_pool().free_bytes())

    def require(self, needed: int) -> None:
        """Raise `MemoryError` where a chunk needs more than there is; a failed allocation in CuPy raises one too."""
        if needed > self.memory:
            raise MemoryError(f"{needed:,} bytes of {self.memory:,}")

    def release(self) -> None:
        """Note the peak, and give back to the device what no array uses."""
        if not self.simulated:
            pool = self.xp.get_default_memory_pool()
            self.peak_bytes = max(self.peak_bytes, int(pool.total_bytes()))
            pool.free_all_blocks()

    def synchronise(self) -> None:
        """Wait until the device has done what it was told."""
        if not self.simulated:
            self.xp.cuda.get_current_stream().synchronize()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage, if measuring."""
        if not self.measuring:
            yield
            return
        self.synchronise()
        transfers = self.seconds["upload"] + self.seconds["download"]
        began = time.perf_counter()
        yield
        self.synchronise()
        self.seconds[name] += time.perf_counter() - began
        if name not in ("upload", "download"):
            self.seconds[name] -= self.seconds["upload"] + self.seconds["download"] - transfers

    def upload(self, values: npt.NDArray[Any]) -> Any:
        """An array of the host, on the device."""
        with self.stage("upload"):
            return self.xp.asarray(values)

    def upload_all(self, arrays: Arrays) -> Arrays:
        """A NamedTuple of arrays of the host, on the device."""
        return type(arrays)(*(self.upload(values) for values in arrays))

    def download(self, values: Any) -> npt.NDArray[Any]:
        """An array of the device, on the host."""
        with self.stage("download"):
            return values if self.simulated else np.asarray(values.get())

    def argument(self, arrays: Arrays) -> Arrays:
        """A NamedTuple of arrays of the device, as a kernel takes it; the kernel writes into the same memory."""
        if self.simulated:
            return arrays
        from numba import cuda

        return type(arrays)(*(cuda.as_cuda_array(values, sync=False) for values in arrays))

    def before(self, counts: Any) -> Any:
        """The sum of the counts before each one, and of all: int64, one longer."""
        total = self.xp.zeros(len(counts) + 1, np.int64)
        total[1:] = self.xp.cumsum(counts, dtype=np.int64)
        return total
