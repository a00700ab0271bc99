"""CuPy's arrays as torch's tensors and back: the same memory by DLPack, on one stream, or an error; never a copy.

Where there is no device, or Numba's simulator plays it, NumPy stands for CuPy and the host for the device, as in
`Device.xp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory.pool import pool_reason, use_torch_pool

if TYPE_CHECKING:
    import torch

Place = Literal["cpu", "cuda"]

DTYPES = frozenset(np.dtype(code).name for code in "?bhiqBHIQefdFD")
"""Names of the types that NumPy, CuPy and torch have in common: bool, integers, floats, complex numbers."""


def to_torch(array: Any, *, on: Place | None = None) -> torch.Tensor:
    """The tensor of an array's memory. Both see what is written through either.

    Args:
        array: CuPy's, where there is a device; else NumPy's, writeable. Any shape, one of `DTYPES` in the machine's
            byte order, strides in whole elements and not negative.
        on: where the array must be; None = on the device where there is one.

    Raises:
        InvalidInputError: it couldn't be done without a copy; the error names the reason and the call that mends it.
        BackendUnavailableError: torch can't use the device that the array is on.
    """
    place = _place(on)
    name = "CuPy array" if place == "cuda" else "NumPy array"
    package = type(array).__module__.split(".")[0]
    if place == "cuda" and isinstance(array, np.ndarray):
        raise _refused(name, "a NumPy array, in the host's memory", "upload it: kernels.memory.Device.upload(array)")
    if place == "cpu" and package == "cupy":
        raise _refused(
            name, "a CuPy array, in the device's memory", "download it: kernels.memory.Device.download(array)"
        )
    if not (package == "cupy" if place == "cuda" else isinstance(array, np.ndarray)):
        raise _refused(name, f"a {type(array).__module__}.{type(array).__name__}", "pass the array itself")
    _require_plain(array, name, "np" if place == "cpu" else "cupy")
    if place == "cuda":
        _share_stream(name)
    from torch.utils.dlpack import from_dlpack

    try:
        tensor = from_dlpack(array)
    except (BufferError, RuntimeError, TypeError) as error:
        raise _refused(name, f"one that DLPack refuses ({error})", "pass a copy: array.copy()") from error
    _require_same(name, _address(array), tensor.data_ptr(), array.size, "pass a copy: array.copy()")
    return tensor


def to_cupy(tensor: torch.Tensor, *, on: Place | None = None) -> Any:
    """The array of a tensor's memory: CuPy's, or NumPy's where the host stands for the device. As `to_torch`.

    Args:
        tensor: any shape, one of `DTYPES`, dense, and without a gradient to keep.
        on: where the tensor must be; None = on the device where there is one.

    Raises:
        InvalidInputError: it couldn't be done without a copy; the error names the reason and the call that mends it.
        BackendUnavailableError: torch can't use the device.
    """
    import torch

    place = _place(on)
    name = f"tensor on {place}"
    if not isinstance(tensor, torch.Tensor):
        raise _refused(name, f"a {type(tensor).__module__}.{type(tensor).__name__}", "pass the tensor itself")
    if tensor.device.type != place:
        raise _refused(name, f"one on {tensor.device}", f'move it first: tensor.to("{place}")')
    if tensor.requires_grad:
        raise _refused(name, "one that requires a gradient, which would be lost", "cut it off: tensor.detach()")
    if tensor.layout != torch.strided:
        raise _refused(name, f"one of layout {tensor.layout}", "make it dense: tensor.to_dense()")
    if tensor.is_conj() or tensor.is_neg():
        mend = "compute them: tensor.resolve_conj().resolve_neg()"
        raise _refused(name, "one whose numbers are still to be conjugated or negated", mend)
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise _refused(name, f"one of {dtype}, which the other side doesn't have", "convert it: tensor.float()")
    if place == "cuda":
        _share_stream(name)
        import cupy as xp
    else:
        xp = np
    try:
        array = xp.from_dlpack(tensor)
    except (BufferError, RuntimeError, TypeError) as error:
        raise _refused(name, f"one that DLPack refuses ({error})", "pass a copy: tensor.clone()") from error
    _require_same(name, tensor.data_ptr(), _address(array), array.size, "pass a copy: tensor.clone()")
    return array


def _place(on: Place | None) -> Place:
    if on is None:
        support = gpu_support()
        return "cuda" if support.ok and not support.simulated else "cpu"
    if on not in get_args(Place):
        raise InvalidInputError(
            "bridge, on",
            expected="cpu, cuda, or None for the device where there is one",
            got=repr(on),
            mend="say which",
        )
    return on


def _share_stream(name: str) -> None:
    if not use_torch_pool():
        raise BackendUnavailableError(
            name,
            expected="a torch that can use the device",
            got=pool_reason(),
            mend="install a torch with CUDA, or work with CuPy alone",
        )


def _require_plain(array: Any, name: str, package: str) -> None:
    # Before DLPack: of negative strides torch makes the end of the process, of what is read-only a writeable tensor.
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        got = f"one of {array.dtype.str!r}, which torch doesn't have"
        raise _refused(name, got, "convert it: array.astype(np.float64), or np.int64 for dates")
    if any(stride % array.itemsize for stride in array.strides):
        got = f"a field of records: strides of {array.strides} bytes"
        raise _refused(name, got, f"put it in order: {package}.ascontiguousarray(array)")
    if any(stride < 0 for stride in array.strides):
        got = f"one that runs backwards: strides of {array.strides} bytes"
        raise _refused(name, got, f"put it in order: {package}.ascontiguousarray(array)")
    if not getattr(array.flags, "writeable", True):
        raise _refused(name, "a read-only one, which torch would write to", "pass a copy: array.copy()")


def _address(array: Any) -> int:
    return int(array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr)


def _require_same(name: str, given: int, made: int, size: int, mend: str) -> None:
    if size and given != made:
        raise _refused(name, f"a copy: DLPack made memory at {made:#x} out of that at {given:#x}", mend)


def _refused(name: str, got: str, mend: str) -> InvalidInputError:
    return InvalidInputError("bridge", expected=f"a {name} whose memory can be shared", got=got, mend=mend)
