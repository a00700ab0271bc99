from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError
from kernels.memory import is_out_of_memory


def _error(module: str, name: str, **attributes: object) -> BaseException:
    error: Any = type(name, (RuntimeError,), {"__module__": module})("words")
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    made: BaseException = error
    return made


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no room"),
        type("OutOfMemoryError", (MemoryError,), {"__module__": "cupy.cuda.memory"})(),
        _error("torch", "OutOfMemoryError"),
        type("Own", (type(_error("torch", "OutOfMemoryError")),), {})(),
        _error("torch", "AcceleratorError", error_code=2),
        _error("numba.cuda.cudadrv.driver", "CudaAPIError", code=2),
        _error("numba_cuda.numba.cuda.cudadrv.driver", "CudaAPIError", code=2),
        _error("cupy_backends.cuda.api.runtime", "CUDARuntimeError", status=2),
        _error("cupy_backends.cuda.api.driver", "CUDADriverError", status=2),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=lambda error: f"{type(error).__module__}.{type(error).__name__}",
)
def test_an_error_for_memory_is_known_by_its_name(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        ValueError("DefaultCPUAllocator: can't allocate memory"),
        _error("elsewhere", "OutOfMemoryError"),
        _error("torch", "AcceleratorError", error_code=700),
        _error("torch", "AcceleratorError"),
        _error("numba.cuda.cudadrv.driver", "CudaAPIError", code=1),
        _error("cupy_backends.cuda.api.runtime", "CUDARuntimeError", status=35),
        KeyboardInterrupt(),
    ],
    ids=lambda error: f"{type(error).__module__}.{type(error).__name__}",
)
def test_another_error_is_none(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_an_error_that_one_for_memory_caused_is_none() -> None:
    error = BackendUnavailableError("waves", expected="room", got="none", mend="less")
    error.__cause__ = MemoryError("no room")
    assert not is_out_of_memory(error)


def test_the_error_that_numpy_raises_is_known() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, dtype=np.uint8)
    assert is_out_of_memory(caught.value)


def test_the_errors_that_torch_raises_on_this_machine_are_known() -> None:
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
