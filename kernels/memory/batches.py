"""Work in batches of a size that was found before; one that no longer fits is halved, and the smaller is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory.batch_size import BatchKey, BatchStore, FoundBatch
from kernels.memory.halving import Worker, in_chunks
from kernels.memory.usage import memory_usage

Result = TypeVar("Result")


def in_batches(
    worker: Worker,
    rows: int,
    work: Callable[[int, int], Result],
    no_room: Callable[[int, str], BackendUnavailableError],
    *,
    batch: int,
    key: BatchKey,
    store: BatchStore,
) -> list[Result]:
    """Run `work` over rows in batches, halved by `in_chunks` where they don't fit; later ones are then as small.

    Args:
        worker: as for `in_chunks`.
        rows: how many there are, at least 0.
        work: from the first row and the one after the last; as for `in_chunks`.
        no_room: as for `in_chunks`.
        batch: rows of a batch, at least 1, from `largest_batch`.
        key: of what `work` runs.
        store: where the smaller batch is remembered, if there is one.

    Returns:
        The results, in the order of the rows; their number depends on the batches.

    Raises:
        InvalidInputError: no such number of rows or batch.
        BackendUnavailableError: one row alone doesn't fit.
        Exception: what `work` raises, if it isn't for memory, and what `store` raises.
    """
    if batch < 1 or rows < 0:
        raise InvalidInputError(
            "batches", expected="rows >= 0 and a batch >= 1", got=f"rows {rows}, batch {batch}", mend="correct them"
        )
    results: list[Result] = []
    fits = batch
    first = 0
    while first < rows:
        stop, done = min(first + fits, rows), len(worker.chunks)
        results += in_chunks(worker, [(first, stop)], work, no_room)
        parts = worker.chunks[done:]
        if len(parts) > 1:
            fits = max(parts)
        first = stop
    if fits < batch:
        now = memory_usage()
        store.write(key, FoundBatch(fits, batch, ((batch, False), (fits, True)), now.free, now.total, now.of))
    return results
