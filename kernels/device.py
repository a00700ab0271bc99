"""Which backend a kernel runs on, and why.

"auto" takes the GPU when the kernel has a GPU version and a device is usable, else the CPU, and says which and why. It
never takes the simulator, which is for tests. An explicit choice that can't be met raises. Nothing here touches CUDA
before `gpu_support` is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from kernels.errors import BackendUnavailableError, InvalidInputError

Backend = Literal["auto", "naive", "cpu", "gpu"]


@dataclass(frozen=True)
class Support:
    """Whether something can be used here (`ok`), the reason in words, and whether it is only simulated."""

    ok: bool
    reason: str
    simulated: bool = False


@dataclass(frozen=True)
class Choice:
    """The backend a kernel runs on (`backend`: "naive", "cpu" or "gpu") and the reason in words."""

    backend: str
    reason: str


@cache
def gpu_support() -> Support:
    """Look once per process for a CUDA device that numba-cuda and CuPy can use, or for numba's simulator of one."""
    try:
        from numba import config, cuda
    except ImportError as error:
        return Support(False, f"numba-cuda can't be imported ({error})")
    if getattr(config, "ENABLE_CUDASIM", False):
        return Support(True, "the CUDA simulator, which NUMBA_ENABLE_CUDASIM asks for", simulated=True)
    try:
        if not cuda.is_available():
            return Support(False, "no usable CUDA device was found")
        name = cuda.get_current_device().name
        # Imported only where there is a device: it takes seconds.
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except ImportError as error:
        return Support(False, f"CuPy can't be imported ({error})")
    except Exception as error:
        # Drivers fail in their own ways (version mismatch, device lost); each means "not usable", with its reason.
        return Support(False, f"the CUDA driver can't be used ({type(error).__name__}: {error})")
    return Support(True, f"CUDA device {name.decode() if isinstance(name, bytes) else name}")


def choose(kernel: str, backend: Backend, available: Sequence[str]) -> Choice:
    """Choose the backend for one kernel.

    Args:
        kernel: the kernel's name, for the message.
        backend: "auto", or the one that must be used.
        available: the backends this kernel is written for, out of "naive", "cpu", "gpu".

    Returns:
        The backend and the reason.

    Raises:
        InvalidInputError: `backend` is no backend name.
        BackendUnavailableError: an explicit backend isn't written for this kernel or isn't usable on this machine.
    """
    if backend not in get_args(Backend):
        raise InvalidInputError(
            f"backend of {kernel}",
            expected=f"one of {', '.join(get_args(Backend))}",
            got=repr(backend),
            mend="set WAVEMILL_BACKEND or the `backend` option to one of these",
        )
    if backend == "auto":
        if "gpu" not in available:
            return Choice("cpu", f"{kernel} has no GPU version yet")
        support = gpu_support()
        if support.simulated:
            return Choice("cpu", f"{support.reason}, is only for an explicit choice")
        return Choice("gpu" if support.ok else "cpu", support.reason)
    if backend not in available:
        raise BackendUnavailableError(
            f"backend of {kernel}",
            expected=f"one of auto, {', '.join(available)}",
            got=backend,
            mend='use backend "auto" or one that this kernel has',
        )
    if backend == "gpu":
        support = gpu_support()
        if not support.ok:
            raise BackendUnavailableError(
                f"backend of {kernel}",
                expected="a usable CUDA device",
                got=support.reason,
                mend='use backend "auto" or "cpu", or install the extra `gpu` on a machine with an NVIDIA GPU',
            )
        return Choice("gpu", support.reason)
    return Choice(backend, "chosen explicitly")
