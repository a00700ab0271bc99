"""Work on a device in chunks: one that doesn't fit the device's memory is halved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from kernels.errors import BackendUnavailableError
from kernels.memory.arrays import Device

Result = TypeVar("Result")


def in_chunks(
    device: Device,
    chunks: Iterable[tuple[int, int]],
    work: Callable[[int, int], Result],
    no_room: Callable[[int, str], BackendUnavailableError],
) -> list[Result]:
    """Run `work` over runs of pieces, in order, and halve each that doesn't fit.

    Args:
        device: the device; the sizes of the finished chunks are added to `device.chunks`.
        chunks: runs of pieces, the first one and the one after the last.
        work: what is done with a run; where it raises `MemoryError`, nothing has been changed.
        no_room: the error to raise where one piece alone is too much, from that piece and what didn't fit.

    Returns:
        The results, in the order of the pieces.

    Raises:
        BackendUnavailableError: one piece alone doesn't fit.
    """
    results = []
    waiting = list(chunks)
    while waiting:
        begin, stop = waiting.pop(0)
        fits = False
        try:
            results.append(work(begin, stop))
            fits = True
        except MemoryError as error:
            if stop - begin == 1:
                raise no_room(begin, str(error)) from error
        # Only here, after the error's frames are gone, is the memory of the failed chunk free.
        device.release()
        if fits:
            device.chunks.append(stop - begin)
        else:
            middle = (begin + stop) // 2
            waiting[:0] = [(begin, middle), (middle, stop)]
    return results
