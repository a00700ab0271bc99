"""How fast bytes get from where they are to where they are needed, by every method there is.

Each method first moves random bytes that are compared with the original; one that changes them is never timed.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from resources.gpu_profile.clock import Budget, median_seconds
from resources.gpu_profile.target import Target

KIB, MIB, GIB = 2**10, 2**20, 2**30
SIZES = tuple(4 * KIB * 4**step for step in range(10))
"""4 KiB to 1 GiB."""

SECONDS_EACH = 0.1
SLOTS, SLOT_BYTES = 3, 16 * MIB
"""Of the staging ring."""

Bytes = npt.NDArray[np.uint8]
Prepared = tuple[Callable[[], Any], Callable[[Any], Bytes]]
Place = Literal["cpu", "cuda"]

PAGEABLE_UP, PINNED_UP, STAGED_UP = "pageable to device", "pinned to device", "staging ring to device"
PAGEABLE_DOWN, PINNED_DOWN = "device to pageable", "device to pinned"
ON_DEVICE = "device to device"
TO_CUPY, TO_TORCH, ROUND_TRIP = "torch to CuPy, DLPack", "CuPy to torch, DLPack", "torch to CuPy, host round trip"
NEW_ARRAY, SAME_ARRAY = "copy into a new array", "copy into the same array"
TO_NUMPY, FROM_NUMPY = "torch to NumPy, DLPack", "NumPy to torch, DLPack"
HOST_ROUND_TRIP, STAGED_HOST = "torch to NumPy, copied", "staging ring on the host"


class Transfer(NamedTuple):
    """One method at one size.

    Attributes:
        method: how.
        bytes: that are made available at the other end.
        moved: whether they move; a method without copies only hands memory over.
        seconds: None where it wasn't timed.
        gigabytes_per_second: 10**9 bytes made available in a second.
        state: "measured", "differs" (what arrived isn't what was sent), "skipped" or "failed".
        reason: why it wasn't timed, or "".
    """

    method: str
    bytes: int
    moved: bool
    seconds: float | None
    gigabytes_per_second: float | None
    state: str
    reason: str = ""


class Method(NamedTuple):
    """A method.

    Attributes:
        name: of it.
        moved: as in `Transfer`.
        prepare: takes the bytes to be sent; gives the call that is timed, and what makes bytes of the host of what
            that call returned.
        missing: why it can't be used here, or "".
    """

    name: str
    moved: bool
    prepare: Callable[[Bytes], Prepared]
    missing: str = ""


def measure_transfers(
    target: Target, sizes: Sequence[int] = SIZES, budget: Budget | None = None, methods: Sequence[Method] | None = None
) -> list[Transfer]:
    """Measure every method at every size, from small to large; sizes for which no time is left are skipped.

    Args:
        target: what is measured.
        sizes: bytes.
        budget: time for all of it; None = as long as it takes.
        methods: what is measured; None = all that the target has.
    """
    ways = methods_of(target) if methods is None else methods
    return list(_measured(target, sizes, budget, ways))


def _measured(
    target: Target, sizes: Sequence[int], budget: Budget | None, methods: Sequence[Method]
) -> Iterator[Transfer]:
    for size in sizes:
        sent = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
        for method in methods:
            if method.missing:
                yield _not_timed(method, size, "skipped", method.missing)
            elif budget is not None and budget.left <= 0.0:
                yield _not_timed(method, size, "skipped", "no time was left")
            else:
                yield _one(target, method, sent)


def _one(target: Target, method: Method, sent: Bytes) -> Transfer:
    try:
        call, fetch = method.prepare(sent)
        arrived = call()
        target.synchronise()
        if not np.array_equal(fetch(arrived), sent):
            return _not_timed(method, len(sent), "differs", "what arrived isn't what was sent")
        del arrived
        taken = median_seconds(call, target.synchronise, seconds=SECONDS_EACH)
    except (MemoryError, RuntimeError) as error:
        # One size that doesn't fit, or one method that a driver refuses, is no reason to measure nothing.
        return _not_timed(method, len(sent), "failed", f"{type(error).__name__}: {error}")
    rate = len(sent) / taken.seconds / 1e9
    return Transfer(method.name, len(sent), method.moved, taken.seconds, rate, "measured")


def _not_timed(method: Method, size: int, state: str, reason: str) -> Transfer:
    return Transfer(method.name, size, method.moved, None, None, state, reason)


def methods_of(target: Target) -> list[Method]:
    """The methods of a target; on a CPU NumPy stands for CuPy, as in `kernels.memory`."""
    device = target.torch_device
    if device != "cuda":
        return [
            Method(NEW_ARRAY, True, _new_array),
            Method(SAME_ARRAY, True, partial(_uploads, device=device, pinned=False)),
            Method(STAGED_HOST, True, partial(_staged, device=device)),
            Method(TO_NUMPY, False, partial(_to_cupy, device=device)),
            Method(FROM_NUMPY, False, partial(_to_torch, device=device)),
            Method(HOST_ROUND_TRIP, True, partial(_round_trip, device=device)),
        ]
    no_cupy = "" if "gpu" in target.backends else target.reason
    return [
        Method(PAGEABLE_UP, True, partial(_uploads, device=device, pinned=False)),
        Method(PINNED_UP, True, partial(_uploads, device=device, pinned=True)),
        Method(STAGED_UP, True, partial(_staged, device=device)),
        Method(PAGEABLE_DOWN, True, partial(_downloads, device=device, pinned=False)),
        Method(PINNED_DOWN, True, partial(_downloads, device=device, pinned=True)),
        Method(ON_DEVICE, True, partial(_on_device, device=device)),
        Method(TO_CUPY, False, partial(_to_cupy, device=device), no_cupy),
        Method(TO_TORCH, False, partial(_to_torch, device=device), no_cupy),
        Method(ROUND_TRIP, True, partial(_round_trip, device=device), no_cupy),
    ]


def _new_array(sent: Bytes) -> Prepared:
    return sent.copy, np.asarray


def _uploads(sent: Bytes, *, device: str, pinned: bool) -> Prepared:
    import torch

    host = torch.from_numpy(sent)
    if pinned:
        host = host.pin_memory()
    into = torch.empty(len(sent), dtype=torch.uint8, device=device)
    return lambda: into.copy_(host, non_blocking=pinned), _fetched


def _downloads(sent: Bytes, *, device: str, pinned: bool) -> Prepared:
    import torch

    there = torch.from_numpy(sent).to(device)
    into = torch.empty(len(sent), dtype=torch.uint8, pin_memory=pinned)
    return lambda: into.copy_(there, non_blocking=pinned), _fetched


def _staged(sent: Bytes, *, device: str) -> Prepared:
    import torch

    from kernels.memory import StagingRing

    into = torch.empty(len(sent), dtype=torch.uint8, device=device)
    ring = StagingRing(device, SLOTS, min(SLOT_BYTES, len(sent)))
    parts = [{"part": sent[first : first + SLOT_BYTES]} for first in range(0, len(sent), SLOT_BYTES)]

    def call() -> Any:
        for place, batch in enumerate(ring.stream(parts)):
            into[place * SLOT_BYTES : (place + 1) * SLOT_BYTES].copy_(batch["part"])
        return into

    return call, _fetched


def _on_device(sent: Bytes, *, device: str) -> Prepared:
    import torch

    there = torch.from_numpy(sent).to(device)
    into = torch.empty_like(there)
    return lambda: into.copy_(there), _fetched


def _to_cupy(sent: Bytes, *, device: str) -> Prepared:
    import torch

    from kernels.memory import to_cupy

    there = torch.from_numpy(sent).to(device)
    place: Place = "cuda" if device == "cuda" else "cpu"
    return lambda: to_cupy(there, on=place), _fetched


def _to_torch(sent: Bytes, *, device: str) -> Prepared:
    from kernels.memory import to_torch

    place: Place = "cuda" if device == "cuda" else "cpu"
    there = _arrays(device).asarray(sent)
    return lambda: to_torch(there, on=place), _fetched


def _round_trip(sent: Bytes, *, device: str) -> Prepared:
    import torch

    there, arrays = torch.from_numpy(sent).to(device), _arrays(device)
    return lambda: arrays.array(there.cpu().numpy()), _fetched


def _arrays(device: str) -> Any:
    """CuPy, or NumPy in its place."""
    if device != "cuda":
        return np
    import cupy

    return cupy


def _fetched(arrived: Any) -> Bytes:
    """What arrived, as bytes of the host, whoever's array it is."""
    if isinstance(arrived, np.ndarray):
        return arrived
    made: Bytes = arrived.cpu().numpy() if hasattr(arrived, "cpu") else arrived.get()
    return made
