"""How much memory is in use: of the device where there is one, else of this process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kernels.device import gpu_support
from kernels.memory.pool import free_bytes, torch_with_cuda


class MemoryUsage(NamedTuple):
    """Memory at one moment, in bytes.

    Attributes:
        allocated: that arrays take; on the host, that this process has in memory.
        reserved: that the pool holds, for arrays or for later; on the host, as `allocated`.
        peak: the most that was allocated since the peak was last reset.
        free: that can still be taken, with what the pool holds unused; on the host, what the system says is available.
        total: of the device, or of the host.
        of: whose memory it is: "NVIDIA H200: torch's pool", "NVIDIA H200: CuPy's pool" or "host: this process".
    """

    allocated: int
    reserved: int
    peak: int
    free: int
    total: int
    of: str


class Meter(Protocol):
    """What memory is measured with."""

    def read(self) -> MemoryUsage:
        """The memory at this moment."""

    def reset_peak(self) -> None:
        """Count the peak from now on."""


def memory_usage() -> MemoryUsage:
    """The memory of the current device where there is one, else of this process; the field `of` says which.

    Nothing is waited for: the pools count what was asked for, not what the device has come to.
    """
    return memory_meter().read()


def memory_meter() -> Meter:
    """What `memory_usage` reads."""
    torch = torch_with_cuda()
    if torch is not None:
        return TorchMeter(torch)
    support = gpu_support()
    if support.ok and not support.simulated:
        import cupy

        return CupyMeter(cupy)
    return HostMeter()


def device_name() -> str:
    """The name of the current device, "NVIDIA H200"; "cpu" where there is none or it is only simulated."""
    torch = torch_with_cuda()
    if torch is not None:
        return str(torch.cuda.get_device_name())
    support = gpu_support()
    return support.reason.removeprefix("CUDA device ") if support.ok and not support.simulated else "cpu"


class TorchMeter:
    """The pool that torch owns, with CuPy's arrays in it after `use_torch_pool`."""

    def __init__(self, torch: Any) -> None:
        self._cuda = torch.cuda
        self._of = f"{torch.cuda.get_device_name()}: torch's pool"

    def read(self) -> MemoryUsage:
        """As `Meter.read`."""
        cuda = self._cuda
        allocated, reserved = int(cuda.memory_allocated()), int(cuda.memory_reserved())
        free, total = cuda.mem_get_info()
        peak = int(cuda.max_memory_allocated())
        return MemoryUsage(allocated, reserved, peak, int(free) + reserved - allocated, int(total), self._of)

    def reset_peak(self) -> None:
        """As `Meter.reset_peak`."""
        self._cuda.reset_peak_memory_stats()


class CupyMeter:
    """CuPy's own pool. It keeps no peak: what it holds, the most since it last gave memory back, stands in."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def read(self) -> MemoryUsage:
        """As `Meter.read`."""
        pool = self._cupy.get_default_memory_pool()
        reserved = int(pool.total_bytes())
        total = int(self._cupy.cuda.runtime.memGetInfo()[1])
        of = f"{device_name()}: CuPy's pool"
        return MemoryUsage(int(pool.used_bytes()), reserved, reserved, free_bytes(), total, of)

    def reset_peak(self) -> None:
        """As `Meter.reset_peak`: gives back what no array uses."""
        self._cupy.get_default_memory_pool().free_all_blocks()


class HostMeter:
    """This process. Where the system can't reset a peak, it counts from the process's start."""

    def read(self) -> MemoryUsage:
        """As `Meter.read`."""
        own, host = _table("/proc/self/status"), _table("/proc/meminfo")
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        # Without /proc only the peak is known, and not what is free.
        peak = max(own.get("VmHWM", most), own.get("VmRSS", 0))
        resident = own.get("VmRSS", peak)
        return MemoryUsage(
            resident, resident, peak, host.get("MemAvailable", 0), host.get("MemTotal", 0), "host: this process"
        )

    def reset_peak(self) -> None:
        """As `Meter.reset_peak`."""
        resettable = Path("/proc/self/clear_refs")
        if resettable.exists():
            resettable.write_text("5")


def _table(path: str) -> dict[str, int]:
    """The sizes in a table of /proc, in bytes; empty where the system has none."""
    file = Path(path)
    if not file.exists():
        return {}
    rows = (line.split() for line in file.read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[-1:] == ["kB"]}
