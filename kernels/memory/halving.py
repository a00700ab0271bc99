"""Work on a device in chunks: one that doesn't fit the device's memory is halved."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from kernels.errors import BackendUnavailableError
from kernels.memory.out_of_memory import is_out_of_memory

Result = TypeVar("Result")


class Worker(Protocol):
    """What does the work: `kernels.memory.Device`, or what stands for one where there are no CuPy arrays.

    Attributes:
        chunks: the sizes of the finished chunks, added to.
        records: what was counted in finished chunks.
    """

    chunks: list[int]
    records: int

    def release(self) -> None:
        """Give back to the device what nobody uses."""


class Room(Protocol):
    """What has memory.

    Attributes:
        memory: bytes.
    """

    memory: int


def in_chunks(
    device: Worker,
    chunks: Iterable[tuple[int, int]],
    work: Callable[[int, int], Result],
    no_room: Callable[[int, str], BackendUnavailableError],
) -> list[Result]:
    """Run `work` over runs of pieces, in order, and halve each that doesn't fit.

    Before a run is tried again, all memory of the failed attempt is free: the error's frames are emptied, and `device`
    gives back what nobody uses.

    Args:
        device: the sizes of the finished chunks are added to `device.chunks`; what a failed attempt added to
            `device.records` is taken back.
        chunks: runs of pieces, the first one and the one after the last.
        work: what is done with a run. Where it runs out of memory, it must have changed nothing that a second attempt
            wouldn't write again.
        no_room: the error to raise where one piece alone is too much, from that piece and what didn't fit.

    Returns:
        The results, in the order of the pieces.

    Raises:
        BackendUnavailableError: one piece alone doesn't fit.
        Exception: what `work` raises, if it isn't about memory.
    """
    results = []
    waiting = list(chunks)
    while waiting:
        begin, stop = waiting.pop(0)
        records = device.records
        fits = False
        try:
            results.append(work(begin, stop))
            fits = True
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            device.records = records
            empty_frames(error)
            if stop - begin == 1:
                device.release()
                raise no_room(begin, str(error)) from error
        if fits:
            device.chunks.append(stop - begin)
        else:
            # Only now, after the handler has let go of the error. Not after a success: the next chunk takes the memory.
            device.release()
            middle = (begin + stop) // 2
            waiting[:0] = [(begin, middle), (middle, stop)]
    return results


@contextmanager
def whole(device: Worker, no_room: Callable[[str], BackendUnavailableError]) -> Iterator[None]:
    """Around what all chunks share and can't be halved: where it doesn't fit, an error that names it.

    Args:
        device: told to release what a failed attempt leaves.
        no_room: the error to raise, from what didn't fit.

    Raises:
        BackendUnavailableError: it doesn't fit.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        empty_frames(error)
        device.release()
        raise no_room(str(error)) from error


def no_room(device: Room, what: str, got: str, mend: str) -> BackendUnavailableError:
    """Say that the least there can be is too much.

    Args:
        device: that has too little memory.
        what: there is no room for.
        got: what didn't fit.
        mend: what may help.
    """
    return BackendUnavailableError(
        "memory of the GPU", expected=f"room for {what} in {device.memory:,} bytes", got=got, mend=mend
    )


def empty_frames(error: BaseException) -> None:
    """Let go of what the ended functions of an error, and of those behind it, still refer to: their arrays."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        waiting += [each.__cause__, each.__context__]
