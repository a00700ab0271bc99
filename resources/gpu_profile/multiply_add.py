"""A CUDA kernel that only multiplies and adds: the rate of arithmetic that a thread of the kernels can reach.

CUDA is imported by the first call of `kernel`, not before.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

cuda: Any = None
"""`numba.cuda` from the first call of `kernel` on."""

CHAINS = 8
"""Products in flight in each thread: one would wait for itself."""

FACTOR, TERM = 0.999, 1e-3
BLOCKS, THREADS, STEPS = 4096, 256, 4096
SIMULATED = 1, 2, 3
"""Blocks, threads and steps in the simulator."""


class MultiplyAdd(NamedTuple):
    """`call` runs it: in each of `threads` threads `CHAINS` chains of `steps` steps. `values` float64 [threads]."""

    call: Callable[[], None]
    threads: int
    steps: int
    values: Any


def run_chains(values: Any, steps: int) -> None:
    """In each thread eight chains of `x * FACTOR + TERM` from its value and the seven numbers after; their sum."""
    place = cuda.grid(1)
    if place < values.size:
        a = values[place]
        b, c, d, e, f, g, h = a + 1.0, a + 2.0, a + 3.0, a + 4.0, a + 5.0, a + 6.0, a + 7.0
        for _ in range(steps):
            a = a * FACTOR + TERM
            b = b * FACTOR + TERM
            c = c * FACTOR + TERM
            d = d * FACTOR + TERM
            e = e * FACTOR + TERM
            f = f * FACTOR + TERM
            g = g * FACTOR + TERM
            h = h * FACTOR + TERM
        # The sum is used, so that no compiler leaves the chains out.
        values[place] = a + b + c + d + e + f + g + h


@cache
def kernel() -> Any:
    """The kernel; its first launch compiles it."""
    from numba import cuda as numba_cuda

    # The function above looks the name up when it is compiled, or simulated.
    globals()["cuda"] = numba_cuda
    return numba_cuda.jit(cache=True)(run_chains)


def multiply_add(*, simulated: bool) -> MultiplyAdd:
    """Make the work: enough threads to fill a device, or a few in the simulator."""
    run = kernel()
    blocks, threads, steps = SIMULATED if simulated else (BLOCKS, THREADS, STEPS)
    values = cuda.to_device(np.random.default_rng(1).random(blocks * threads))

    def call() -> None:
        with warnings.catch_warnings():
            # A few threads can't fill a device, and needn't.
            warnings.filterwarnings("ignore", message=".*under-utilization")
            run[blocks, threads](values, steps)

    return MultiplyAdd(call, blocks * threads, steps, values)
