"""What is profiled: a GPU, as torch and as the kernels see it, or the CPU of this machine, and why."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernels.device import gpu_support

LOAD = "load_of_a_core_before"
"""Fact of a target: programs that wanted each core in the minute before."""


@dataclass(frozen=True)
class Target:
    """What is profiled.

    Attributes:
        name: of the device, as its driver gives it; or of the CPU.
        reason: why this one.
        torch_device: "cuda" or "cpu": where torch computes.
        backends: the backends of the kernels that are measured: "cpu", and "gpu" where they can use one.
        simulated: whether the kernels run in CUDA's simulator, whose times say nothing.
        facts: of the device: memory in bytes, multiprocessors, versions.
    """

    name: str
    reason: str
    torch_device: str = "cpu"
    backends: tuple[str, ...] = ("cpu",)
    simulated: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def on_gpu(self) -> bool:
        """Whether anything is measured on a GPU."""
        return self.torch_device == "cuda" or ("gpu" in self.backends and not self.simulated)

    @property
    def headline(self) -> str:
        """What was measured, in one sentence; the first of every report."""
        if self.simulated:
            return f"A rehearsal in CUDA's simulator: no time here says anything about a GPU ({self.reason})."
        if self.on_gpu:
            return f"Measured on {self.name}, and on the CPU beside it."
        return f"No GPU was measured: these are the CPU paths on {self.name} ({self.reason})."

    def synchronise(self) -> None:
        """Wait until the device has done what it was told."""
        if self.torch_device == "cuda":
            import torch

            torch.cuda.synchronize()
        elif "gpu" in self.backends and not self.simulated:
            from numba import cuda

            cuda.synchronize()

    def synchroniser(self, backend: str) -> Callable[[], None]:
        """What to call before the clock is read for work on a backend."""
        return self.synchronise if backend == "gpu" else _nothing


def find_target() -> Target:
    """Look for a GPU, by the kernels' means and by torch's; without one it is the CPU."""
    support, reason = gpu_support(), _torch_without_cuda()
    backends = ("cpu", "gpu") if support.ok else ("cpu",)
    if support.ok and support.simulated:
        return Target(cpu_name(), support.reason, "cpu", backends, simulated=True, facts=_cpu_facts())
    if not reason:
        import torch

        found = torch.cuda.get_device_properties(0)
        told = f"torch {torch.__version__} sees it; the kernels: {support.reason}"
        return Target(found.name, told, "cuda", backends, facts=_gpu_facts(found) | _cpu_facts())
    if support.ok:
        name = support.reason.removeprefix("CUDA device ")
        return Target(name, f"{support.reason}; {reason}", "cpu", backends, facts=_cpu_facts())
    return Target(cpu_name(), f"{support.reason}; {reason}", facts=_cpu_facts())


def cpu_name() -> str:
    """The model of this machine's CPU."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _torch_without_cuda() -> str:
    try:
        import torch
    except ImportError as error:
        return f"torch can't be imported ({error})"
    return "" if torch.cuda.is_available() else f"torch {torch.__version__} has no usable CUDA device"


def _gpu_facts(found: Any) -> dict[str, Any]:
    import torch

    return {
        "gpu": found.name,
        "gpus_visible": torch.cuda.device_count(),
        "compute_capability": f"{found.major}.{found.minor}",
        "multiprocessors": found.multi_processor_count,
        "memory_bytes": found.total_memory,
        "l2_bytes": getattr(found, "L2_cache_size", None),
        "cuda_of_torch": torch.version.cuda,
    }


def _cpu_facts() -> dict[str, Any]:
    import numba

    cores = os.cpu_count() or 1
    return {
        "cpu": cpu_name(),
        "cores": cores,
        "numba_threads": numba.get_num_threads(),
        LOAD: round(os.getloadavg()[0] / cores, 2),
    }


def _nothing() -> None:
    """The CPU has done what it was told when a call returns."""
