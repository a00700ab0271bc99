"""`share`: arrays in one named block of shared memory, which worker processes read without a copy.

A block is named wavemill-<process>-<start time of the process>-<random>. It is unlinked when its lease ends, also by
an error. What a killed owner leaves behind, Python's resource tracker unlinks; what it can't (it was killed too), the
next lease sweeps. Processes that see one /dev/shm must see one another's process numbers too: containers that share
the first must share the second. Linux only; elsewhere `share` says so, and threads do the work.
"""

import mmap
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError, SharedMemoryError

Arrays = Mapping[str, npt.NDArray[Any]]

_FOLDER = Path("/dev/shm")  # noqa: S108 - where Linux shows shared memory
_PREFIX = "wavemill"
_CACHE_LINE = 64
_REFUSED_KINDS = "OV"


@dataclass(frozen=True)
class Place:
    """Where one array lies in a block: its name, dtype string, shape, and the offset of its first byte."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Token:
    """What a worker needs to find the arrays; small, and picklable.

    Attributes:
        block: name of the block.
        size: its bytes.
        places: of the arrays, in the order of the block.
    """

    block: str
    size: int
    places: tuple[Place, ...]


@dataclass(frozen=True)
class SharedPanel:
    """Arrays in shared memory, as their owner has them.

    Attributes:
        token: for `attach` in a worker.
        arrays: C-contiguous views of the block that the owner may write; they stay valid after the lease.
    """

    token: Token
    arrays: Arrays


@contextmanager
def share(arrays: Arrays) -> Iterator[SharedPanel]:
    """Lease a block and copy the arrays into it. Stale blocks of dead processes are swept first.

    Raises:
        InvalidInputError: an array of objects or records, which has no meaning in another process.
        SharedMemoryError: too little shared memory; the bytes needed and free are named.
    """
    sweep_stale()
    name = f"{_PREFIX}-{os.getpid()}-{_start_time(os.getpid()) or 0}-{secrets.token_hex(4)}"
    token = _laid_out(name, arrays)
    _require_space(token.size)
    # The name alone: `_views` makes it large, and maps it so that a view still used after the lease can't fault.
    block = SharedMemory(name, create=True, size=1)
    try:
        block.close()
        views = _views(token, writable=True)
        for each, values in arrays.items():
            views[each][...] = values
        yield SharedPanel(token, views)
    finally:
        block.unlink()


@lru_cache(maxsize=1)
def attach(token: Token) -> Arrays:
    """The arrays of a block, as read-only views without a copy; the newest block stays mapped in this process.

    Never unlinks, and isn't tracked: a worker may end, or be killed, and the block stays.

    Raises:
        SharedMemoryError: the lease has ended.
    """
    return _views(token, writable=False)


def sweep_stale() -> tuple[str, ...]:
    """Unlink the blocks of processes that are dead, and return their names.

    A process is known by its number and its start time, so a later one with the same number doesn't keep a block.
    """
    swept = []
    for path in sorted(_FOLDER.glob(f"{_PREFIX}-*-*-*")):
        process, _, started = path.name.removeprefix(f"{_PREFIX}-").rpartition("-")[0].partition("-")
        if not (process.isdecimal() and started.isdecimal()) or _start_time(int(process)) == int(started):
            continue
        # Another run may sweep it in this moment, or it belongs to another user.
        with suppress(FileNotFoundError, PermissionError):
            path.unlink()
            swept.append(path.name)
    return tuple(swept)


def _start_time(process: int) -> int | None:
    """Clock ticks from the boot to the start of a process; None if it is dead, or a zombie, or can't be told here."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in brackets, which may contain anything: count from its end.
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def _laid_out(block: str, arrays: Arrays) -> Token:
    places, end = [], 0
    for name, values in arrays.items():
        if values.dtype.kind in _REFUSED_KINDS:
            raise InvalidInputError(
                f"shared array {name}",
                expected="numbers, truth values, dates or text of a fixed width",
                got=f"dtype {values.dtype}",
                mend="convert it, for example with astype, before it is shared",
            )
        offset = -(-end // _CACHE_LINE) * _CACHE_LINE
        places.append(Place(name, values.dtype.str, values.shape, offset))
        end = offset + values.nbytes
    return Token(block, max(end, 1), tuple(places))


def _views(token: Token, *, writable: bool) -> Arrays:
    # Not SharedMemory: it maps for writing, and until Python 3.13 it has the tracker unlink what it only attached to.
    try:
        descriptor = os.open(_FOLDER / token.block, os.O_RDWR if writable else os.O_RDONLY)
    except FileNotFoundError as error:
        raise SharedMemoryError(
            f"shared memory {token.block}",
            expected="a block whose lease hasn't ended",
            got="no such block",
            mend="attach inside the `with` of `share`",
        ) from error
    try:
        if writable:
            # All pages now: one that can't be had later would end the process with SIGBUS at the first write.
            os.posix_fallocate(descriptor, 0, token.size)
        memory = mmap.mmap(descriptor, token.size, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
    except OSError as error:
        raise _too_little(token.size, f"{type(error).__name__}: {error.strerror or error}") from error
    finally:
        os.close(descriptor)
    views = {
        place.name: np.ndarray(place.shape, np.dtype(place.dtype), buffer=memory, offset=place.offset)
        if 0 not in place.shape
        else np.empty(place.shape, np.dtype(place.dtype))
        for place in token.places
    }
    if not writable:
        for view in views.values():
            view.flags.writeable = False
    return MappingProxyType(views)


def _require_space(size: int) -> None:
    if not _FOLDER.is_dir():
        raise _too_little(size, f"no folder {_FOLDER}, where Linux has it")
    space = os.statvfs(_FOLDER)
    free = space.f_bavail * space.f_frsize
    if free < size:
        raise _too_little(size, f"{free:,} bytes free in {_FOLDER}")


def _too_little(size: int, got: str) -> SharedMemoryError:
    return SharedMemoryError(
        "shared memory",
        expected=f"{size:,} bytes of it",
        got=got,
        mend=f"enlarge {_FOLDER} (docker run --shm-size), free what other programs hold there, or use threads, which "
        "need no shared memory",
    )
