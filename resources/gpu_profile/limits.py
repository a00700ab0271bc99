"""What the device itself can do: bandwidth of its memory, rate of its arithmetic, and what a launch costs.

Datasheets promise; these are measured, on random numbers, since zeros are faster. A kernel is judged beside them.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from resources.gpu_profile.clock import median_seconds
from resources.gpu_profile.target import Target

BYTES, OPERATIONS, SECONDS = "bytes/s", "operations/s", "seconds"
SECONDS_EACH = 0.2
SHARE = 12


class Limit(NamedTuple):
    """A limit of the device.

    Attributes:
        name: what was done.
        value: in `unit`; a copy counts the bytes read and the bytes written, a multiplication with its addition two
            operations.
        unit: `BYTES`, `OPERATIONS` or `SECONDS`.
        size: bytes of each array, or rows and columns of each matrix.
        repeats: of which `value` is the median.
    """

    name: str
    value: float
    unit: str
    size: int
    repeats: int


def device_limits(target: Target, array_bytes: int, matrix: int) -> list[Limit]:
    """Measure the limits of where torch computes, and of the kernels' own arithmetic where they have a GPU.

    Args:
        target: what is measured.
        array_bytes: of each array that is copied; several times the device's cache, or the cache is measured.
        matrix: rows and columns of the matrices that are multiplied.
    """
    import torch

    device = target.torch_device
    made = _memory(target, min(array_bytes, _room(device)))
    types = [torch.float32, torch.float64] + ([torch.bfloat16] if device == "cuda" else [])
    for dtype in types:
        left, right = (torch.randn(matrix, matrix, device=device, dtype=dtype) for _ in range(2))
        multiply, name = _product(left, right, torch.empty_like(left)), str(dtype).removeprefix("torch.")
        made.append(_limit(target, f"matmul {name}", multiply, 2.0 * matrix**3, OPERATIONS, matrix))
    small = torch.zeros(1, device=device)
    launch = median_seconds(lambda: small.add_(1.0), target.synchronise, seconds=0.05, most=500)
    made.append(Limit("launch and wait", launch.seconds, SECONDS, 4, launch.repeats))
    if "gpu" in target.backends:
        made.append(_multiply_add(target))
    return made


def _memory(target: Target, array_bytes: int) -> list[Limit]:
    import torch

    count = max(array_bytes // 8, 1)
    source, other, into = (torch.rand(count, dtype=torch.float64, device=target.torch_device) for _ in range(3))

    def triad() -> object:
        return torch.add(source, other, alpha=3.0, out=into)

    return [
        _limit(target, "copy", lambda: into.copy_(source), 16.0 * count, BYTES, 8 * count),
        _limit(target, "triad float64", triad, 24.0 * count, BYTES, 8 * count),
    ]


def _room(device: str) -> int:
    """Bytes of an array so that three of them leave most of the device's memory free; no limit on the host."""
    if device != "cuda":
        return sys.maxsize
    from kernels.memory import free_bytes

    return free_bytes() // SHARE


def _limit(target: Target, name: str, call: Callable[[], object], work: float, unit: str, size: int) -> Limit:
    taken = median_seconds(call, target.synchronise, seconds=SECONDS_EACH)
    return Limit(name, work / taken.seconds, unit, size, taken.repeats)


def _product(left: Any, right: Any, product: Any) -> Callable[[], object]:
    import torch

    return lambda: torch.mm(left, right, out=product)


def _multiply_add(target: Target) -> Limit:
    """float64 multiplications with additions, as the kernels' own threads do them, off the matrix units."""
    from resources.gpu_profile.multiply_add import CHAINS, multiply_add

    run = multiply_add(simulated=target.simulated)
    taken = median_seconds(run.call, target.synchronise, seconds=SECONDS_EACH)
    operations = 2.0 * CHAINS * run.steps * run.threads
    return Limit("multiply-add float64", operations / taken.seconds, OPERATIONS, run.threads, taken.repeats)


def limit_of(limits: list[Limit], name: str) -> float | None:
    """The value of a limit; None if it wasn't measured."""
    return next((each.value for each in limits if each.name == name), None)
