"""Typed errors that tell the reader what was expected, what came, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial


class WavemillError(Exception):
    """Base of every error Wavemill raises on purpose.

    Args:
        where: the symbol, session, file, column or option that is at fault.
        expected: what a good value looks like.
        got: what came instead.
        mend: the command or the change that mends it.
    """

    def __init__(self, where: str, *, expected: str, got: str, mend: str) -> None:
        self.where = where
        self.expected = expected
        self.got = got
        self.mend = mend
        super().__init__(f"{where}: expected {expected}; got {got}. To mend: {mend}")

    def __reduce__(self) -> tuple[Callable[[str], WavemillError], tuple[str], dict[str, object]]:
        # Exceptions pickle their `args` alone; without the keywords no worker process could hand one over.
        make = partial(type(self), expected=self.expected, got=self.got, mend=self.mend)
        return make, (self.where,), self.__dict__


class InvalidInputError(WavemillError, ValueError):
    """An argument that a kernel can't work with: shape, dtype, range or order."""


class BackendUnavailableError(WavemillError, RuntimeError):
    """An explicitly chosen backend that this machine or this kernel doesn't have."""


class PriceDataError(WavemillError, ValueError):
    """A price file or a price source that can't be read as bars."""


class SessionError(WavemillError, ValueError):
    """A date that is no exchange session, lies in the future, or lies outside the calendar."""


class MissingHistoryError(WavemillError, LookupError):
    """Partitions of the lake that a computation needs and that aren't there."""


class ContractError(WavemillError, ValueError):
    """A table that breaks the contract of its asset."""


class LakeError(WavemillError, OSError):
    """The lake can't be read or written: missing rights, no space, a damaged file."""


class SettingsError(WavemillError, ValueError):
    """A `WAVEMILL_*` environment variable or a run-config value that makes no sense."""


class WorkerError(WavemillError, RuntimeError):
    """A worker process that ended in the middle of its work, killed or crashed."""


class SharedMemoryError(WavemillError, MemoryError):
    """Shared memory that isn't there any more, or too little of it."""
