"""Memory by phase: what each phase of a program has at its peak and at its end.

    with MemoryTimeline() as timeline:
        with track("scan"):
            ...
    timeline.as_rows()

`track` costs nothing where no timeline is open, so library code may name its phases.
"""

from __future__ import annotations

import time
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import NamedTuple, Self

from kernels.errors import InvalidInputError
from kernels.memory.usage import MemoryUsage, Meter, memory_meter


class Phase(NamedTuple):
    """One run of a phase.

    Attributes:
        phase: its name, after those of the phases that it ran in: "scan/score".
        depth: how many those are.
        began: seconds after the timeline was opened, by the host's clock.
        seconds: that it took, by the host's clock; the device may not have finished.
        before: bytes allocated when it began.
        allocated: bytes allocated at its end.
        reserved: bytes that the pool held at its end.
        peak: the most bytes allocated during it, inner phases too.
        error: the class of the error that ended it; else empty.
    """

    phase: str
    depth: int
    began: float
    seconds: float
    before: int
    allocated: int
    reserved: int
    peak: int
    error: str


class MemoryTimeline:
    """Records the phases that `track` names, in the thread and context that opened it. It can be opened once.

    Peaks are reset at the borders of phases: torch's `max_memory_allocated`, or the process's, then counts from there.

    Attributes:
        phases: the finished ones, in the order in which they began.
        of: whose memory it is, as in `MemoryUsage`; empty before it is opened.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        """`meter`: what memory is measured with; None = as `memory_usage` does."""
        self.of = ""
        self._given = meter
        self._phases: list[Phase | None] = []
        self._running: list[_Running] = []
        self._token: Token[MemoryTimeline | None] | None = None

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The finished phases, in the order in which they began."""
        return tuple(phase for phase in self._phases if phase is not None)

    def as_rows(self) -> list[dict[str, str | int | float]]:
        """The phases as rows of a table, one dict each, with the names of `Phase`."""
        return [phase._asdict() for phase in self.phases]

    def __enter__(self) -> Self:
        if self.of:
            raise InvalidInputError(
                "memory timeline",
                expected="one that was never opened",
                got="one that was",
                mend="make a new MemoryTimeline for each run",
            )
        self._meter = memory_meter() if self._given is None else self._given
        self.of = self._meter.read().of
        self._start = time.perf_counter()
        self._token = _open.set(self)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._token is not None:
            _open.reset(self._token)

    def _begin(self, name: str) -> None:
        now = self._at_border()
        path = "/".join([*(each.name for each in self._running), name])
        place = len(self._phases)
        self._phases.append(None)
        began = time.perf_counter() - self._start
        self._running.append(_Running(name, path, place, began, now.allocated, now.allocated))

    def _end(self, error: str) -> None:
        now = self._at_border()
        ended = self._running.pop()
        seconds = time.perf_counter() - self._start - ended.began
        self._phases[ended.place] = Phase(
            ended.path,
            len(self._running),
            ended.began,
            seconds,
            ended.before,
            now.allocated,
            now.reserved,
            ended.peak,
            error,
        )

    def _at_border(self) -> MemoryUsage:
        """The memory now; all phases that run have seen the peak since the border before."""
        now = self._meter.read()
        for phase in self._running:
            phase.peak = max(phase.peak, now.peak)
        self._meter.reset_peak()
        return now


_open: ContextVar[MemoryTimeline | None] = ContextVar("memory_timeline", default=None)


class _Running:
    """A phase that hasn't ended."""

    def __init__(self, name: str, path: str, place: int, began: float, before: int, peak: int) -> None:
        self.name, self.path, self.place, self.began = name, path, place, began
        self.before, self.peak = before, peak


class track(ContextDecorator):  # noqa: N801 read as a statement: `with track("scan"):`
    """Name a phase, as a context manager or as a decorator: `@track("scan")`.

    It is recorded in the timeline that is open when the phase begins, if one is; also where an error ends it, which
    passes on. Phases may be nested, and run any number of times, each time a row.
    """

    def __init__(self, phase: str) -> None:
        """`phase`: its name, without "/".

        Raises:
            InvalidInputError: no name, or one with "/".
        """
        if not isinstance(phase, str) or not phase or "/" in phase:
            raise InvalidInputError(
                "track, phase", expected='a name without "/"', got=repr(phase), mend='name it: track("scan")'
            )
        self._phase = phase
        self._timelines: list[MemoryTimeline | None] = []

    def _recreate_cm(self) -> track:
        return track(self._phase)

    def __enter__(self) -> Self:
        timeline = _open.get()
        self._timelines.append(timeline)
        if timeline is not None:
            timeline._begin(self._phase)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        timeline = self._timelines.pop()
        if timeline is not None:
            timeline._end("" if kind is None else kind.__name__)
