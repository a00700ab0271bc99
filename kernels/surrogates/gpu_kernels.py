"""The CUDA kernel: one thread for each surrogate. CUDA is imported by the first call of `kernel`, not before."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from kernels.panel import Int32Array1D
from kernels.surrogates.model import Float64Array3D, Rows, Terms
from kernels.surrogates.rules import write_surrogate

cuda: Any = None
"""`numba.cuda` from the first call of `kernel` on."""

THREADS = 128
"""Threads of a block."""


class Chunk(NamedTuple):
    """What one launch makes.

    Attributes:
        numbers: int32 [B], all that are asked for of each row.
        made: float64 [pairs, 4, T], to write; the pairs of row and number, numbers within rows.
    """

    numbers: Int32Array1D
    made: Float64Array3D


def make_surrogates(rows: Rows, terms: Terms, chunk: Chunk, first: int) -> None:
    """Make a surrogate on each thread; `first` is the first pair of the chunk."""
    for index in range(cuda.grid(1), len(chunk.made), cuda.gridsize(1)):
        row, place = (first + index) // len(chunk.numbers), (first + index) % len(chunk.numbers)
        made = chunk.made[index]
        write_surrogate(rows, terms, row, chunk.numbers[place], made[0], made[1], made[2], made[3])


@cache
def kernel() -> Any:
    """The kernel; its first launch compiles it."""
    from numba import cuda as numba_cuda

    # The function above looks the name up when it is compiled, or simulated.
    globals()["cuda"] = numba_cuda
    return numba_cuda.jit(cache=True)(make_surrogates)
