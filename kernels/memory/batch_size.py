"""The largest batch that fits the memory: found once for each device, model and type, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory.halving import empty_frames
from kernels.memory.out_of_memory import is_out_of_memory
from kernels.memory.pool import release
from kernels.memory.usage import memory_usage

__all__ = ["BatchKey", "BatchStore", "FoundBatch", "is_out_of_memory", "largest_batch"]

TOLERANCE = 10
"""The search ends where the smallest batch that is too large is at most a tenth larger than the one that fits."""


class BatchKey(NamedTuple):
    """What a batch's size was found for.

    Attributes:
        device: name of the device, as `kernels.memory.device_name` tells it.
        model: name of the model or the kernel, with whatever changes what a row takes.
        dtype: what it computes in.
    """

    device: str
    model: str
    dtype: str


class FoundBatch(NamedTuple):
    """A batch that fits, and what it was found from.

    Attributes:
        batch: rows, at least 1.
        at_most: the most rows that were asked for.
        tried: the batches that were run, in order, and whether each fitted.
        free_bytes: of the memory before the search.
        total_bytes: of the memory.
        memory: whose, as `MemoryUsage.of` says.
    """

    batch: int
    at_most: int
    tried: tuple[tuple[int, bool], ...]
    free_bytes: int
    total_bytes: int
    memory: str


class BatchStore(Protocol):
    """Where found batches are remembered; `resources.batch_sizes.BatchSizeFiles` is one."""

    def read(self, key: BatchKey) -> FoundBatch | None:
        """What was found for a key; None = nothing yet."""

    def write(self, key: BatchKey, found: FoundBatch) -> None:
        """Remember what was found."""


def largest_batch(run: Callable[[int], object], *, at_most: int, key: BatchKey, store: BatchStore) -> int:
    """The largest batch that fits, to within a tenth: the stored one, else found by running batches.

    Batches are doubled until one doesn't fit, and the gap is halved until it is a tenth. What was found with a smaller
    `at_most`, and was all of it, is searched on from there. Results must not depend on the batch that is returned.

    A host that promises more memory than it has, as Linux does, may end the process at too large a batch: choose
    `at_most` with care where there is no device.

    Args:
        run: runs one batch of so many rows and keeps nothing; raises where it doesn't fit (`is_out_of_memory`).
        at_most: the most rows that are of use, at least 1.
        key: of what `run` runs.
        store: where the result is remembered.

    Returns:
        Rows, 1 to `at_most`.

    Raises:
        InvalidInputError: `at_most` is no such number.
        BackendUnavailableError: not even one row fits.
        Exception: what `run` raises, if it isn't for memory, and what `store` raises.
    """
    if not isinstance(at_most, int) or isinstance(at_most, bool) or at_most < 1:
        raise InvalidInputError(
            "largest batch, at_most",
            expected="a whole number, at least 1",
            got=repr(at_most),
            mend="pass the rows there are",
        )
    stored = store.read(key)
    if stored is not None and (at_most <= stored.batch or stored.batch < stored.at_most):
        return min(stored.batch, at_most)
    fits = 0 if stored is None else stored.batch
    before = memory_usage()
    tried: list[tuple[int, bool]] = []
    too_large = at_most + 1
    while too_large - fits > 1 and (too_large > at_most or (too_large - fits) * TOLERANCE > fits):
        batch = min(max(2 * fits, 1), at_most) if too_large > at_most else (fits + too_large) // 2
        done = _fits(run, batch)
        tried.append((batch, done))
        if done:
            fits = batch
        else:
            too_large = batch
    if not fits:
        raise BackendUnavailableError(
            f"largest batch of {key.model} in {key.dtype} on {key.device}",
            expected="memory for one row",
            got=f"{before.free:,} free bytes of {before.total:,} ({before.of})",
            mend="end what else uses the memory, or take a smaller model or shorter windows",
        )
    store.write(key, FoundBatch(fits, at_most, tuple(tried), before.free, before.total, before.of))
    return fits


def _fits(run: Callable[[int], object], batch: int) -> bool:
    try:
        run(batch)
        fitted = True
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        empty_frames(error)
        fitted = False
    release()
    return fitted
