"""Tells the errors that mean "not enough memory" from all others. Imports nothing of what raises them."""

from __future__ import annotations

CODES = {
    ("numba", "CudaAPIError"): "code",
    ("cupy_backends", "CUDARuntimeError"): "status",
    ("cupy_backends", "CUDADriverError"): "status",
    ("torch", "AcceleratorError"): "error_code",
}
"""Errors of CUDA by package and class, and the attribute that holds CUDA's number of the fault."""

OUT_OF_MEMORY = 2
"""`cudaErrorMemoryAllocation` and `CUDA_ERROR_OUT_OF_MEMORY`."""

WORDS = ("DefaultCPUAllocator: can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What torch says in a plain `RuntimeError` where the memory of the host, or of a library, isn't enough."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is too little memory, so that less work at a time may fit.

    True for `MemoryError` (NumPy's and CuPy's derive from it), `torch.OutOfMemoryError`, Numba's `CudaAPIError`, CuPy's
    `CUDARuntimeError` and `CUDADriverError` and `torch.AcceleratorError` with CUDA's number 2, and torch's
    `RuntimeError` where the host, cuBLAS or cuDNN is out of memory. An error that one of these only caused isn't meant.
    """
    if isinstance(error, MemoryError):
        return True
    for kind in type(error).__mro__:
        package = kind.__module__.split(".")[0].replace("numba_cuda", "numba")
        if (package, kind.__name__) == ("torch", "OutOfMemoryError"):
            return True
        if (package, kind.__name__) in CODES:
            return int(getattr(error, CODES[package, kind.__name__], -1)) == OUT_OF_MEMORY
    return type(error) is RuntimeError and any(words in str(error) for words in WORDS)
