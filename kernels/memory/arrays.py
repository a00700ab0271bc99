"""Arrays on the device: CuPy's, or NumPy's where the simulator runs the kernels.

The passes use what CuPy and NumPy have in common: `zeros`, `cumsum`, `flatnonzero`, `argsort`, `lexsort`,
`searchsorted`, `where`, `unique`, `stack`, `isnan`, indexing. CuPy works on the default stream, in order with Numba's
kernels.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from kernels.device import gpu_support
from kernels.memory import pool
from kernels.memory.resident import Residents

Arrays = TypeVar("Arrays", bound=NamedTuple)
HostArray = npt.NDArray[Any]

SHARE_OF_FREE_MEMORY = 0.8
"""What of the free memory is planned with; the rest is for the sorts' buffers and for fragments."""

SIMULATED_MEMORY = 2**30
"""Bytes of memory in the simulator."""


@dataclass
class Transfers:
    """What a device has copied: how many arrays from the host (`uploads`) and to it (`downloads`), and their bytes."""

    uploads: int = 0
    uploaded_bytes: int = 0
    downloads: int = 0
    downloaded_bytes: int = 0


class Device:
    """The device as one computation, or all those of one run, see it.

    A run that keeps one device uploads the arrays that it holds (`hold`) once, whoever asks for them. For one thread.

    Attributes:
        xp: CuPy or NumPy.
        memory: bytes that the arrays of a chunk may take; what `plan` found last.
        transfers: what was copied since the device was made.
        seconds: by stage, if `measuring`; what is spent in transfers counts as "upload" and "download" only.
        chunks: how many series, or paths, were in each chunk that was finished.
        records: what was made in finished chunks, as the computation counts it: patterns and setups that were scored.
    """

    def __init__(self, memory: int | None = None, measuring: bool = False) -> None:
        """Look for the device; `memory` is a limit of the bytes that it has, None for what is free at each `plan`."""
        self.simulated = gpu_support().simulated
        self.measuring = measuring
        self.transfers = Transfers()
        self.seconds: dict[str, float] = defaultdict(float)
        self.chunks: list[int] = []
        self.records = 0
        self._peak_bytes = 0
        self.memory = 0
        self._limit = memory
        self._residents = Residents()
        self.xp: Any
        if self.simulated:
            self.xp = np
        else:
            import cupy

            self.xp = cupy
            pool.use_torch_pool()
        self.plan()

    def plan(self, taken: int = 0) -> None:
        """Set `memory`, at the beginning of a computation.

        Args:
            taken: bytes that the computation itself has put on the device, for all its chunks. They count against a
                limit; where there is none, they are no longer free anyway.
        """
        if self._limit is not None:
            self.memory = self._limit - taken
        elif self.simulated:
            self.memory = SIMULATED_MEMORY - taken
        else:
            self.memory = int(SHARE_OF_FREE_MEMORY * pool.free_bytes())

    def require(self, needed: int) -> None:
        """Raise `MemoryError` where a chunk needs more than there is; a failed allocation in CuPy raises one too."""
        if needed > self.memory:
            raise MemoryError(f"{needed:,} bytes of {self.memory:,}")

    @property
    def peak_bytes(self) -> int:
        """The most that the pool has held, seen now and before each release; 0 in the simulator."""
        if not self.simulated:
            torch = pool.torch_with_cuda()
            held = self.xp.get_default_memory_pool().total_bytes() if torch is None else torch.cuda.memory_reserved()
            self._peak_bytes = max(self._peak_bytes, int(held))
        return self._peak_bytes

    def release(self) -> None:
        """Give back to the device what no array uses."""
        if not self.simulated:
            self._peak_bytes = self.peak_bytes
            pool.release()

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

    def hold(self, *arrays: HostArray) -> None:
        """Keep these arrays on the device from their first upload on, until nobody refers to them on the host any more.

        They become read-only, so that what lies on the device stays what they are. An array that is made writable again
        is held no more. Writes through another view of the same memory aren't seen: hold arrays that own theirs, or
        whose owner nobody writes to.

        Raises:
            InvalidInputError: no array, or one that isn't C-contiguous.
        """
        for values in arrays:
            self._residents.hold(values)

    def holds(self, values: object) -> bool:
        """Whether this very array is held."""
        return self._residents.copies(values) is not None

    def held_if_same(self, given: object, checked: HostArray) -> HostArray:
        """The array that a caller gave, if it is held and checks changed nothing in it; else what they made of it."""
        if isinstance(given, np.ndarray) and self.holds(given) and np.array_equal(given, checked, equal_nan=True):
            return given
        return checked

    def upload(self, values: HostArray) -> Any:
        """An array of the host, on the device. Of one that is held, the copy that is there: it must not be written."""
        return self.upload_made(values, "itself", lambda own: own)

    def upload_made(self, values: HostArray, name: str, make: Callable[[HostArray], HostArray]) -> Any:
        """What is made on the host out of an array, on the device; made and uploaded once for an array that is held.

        Args:
            values: what it is made of.
            name: of what is made.
            make: makes it of `values`.
        """
        copies = self._residents.copies(values)
        if copies is None:
            return self._copied(make(values))
        if name not in copies:
            copies[name] = self._copied(make(values))
        return copies[name]

    def upload_all(self, arrays: Arrays) -> Arrays:
        """A NamedTuple of arrays of the host, on the device."""
        return type(arrays)(*(self.upload(values) for values in arrays))

    def _copied(self, values: HostArray) -> Any:
        with self.stage("upload"):
            copy = self.xp.array(values)
        self.transfers.uploads += 1
        self.transfers.uploaded_bytes += values.nbytes
        return copy

    def download(self, values: Any) -> HostArray:
        """An array of the device, on the host."""
        with self.stage("download"):
            copy: HostArray = values if self.simulated else np.asarray(values.get())
        self.transfers.downloads += 1
        self.transfers.downloaded_bytes += copy.nbytes
        return copy

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
