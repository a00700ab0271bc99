"""`DevicePool`: several GPUs work side by side, each in a process of its own that sees no other device.

What belongs here: which devices there are, their processes, and what is said of one that fails. What doesn't: what is
computed. Parts of the work don't depend on each other, and their results are put together in order, so the number of
devices changes nothing.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from types import TracebackType
from typing import Generic, Self, TypeVar

from kernels.device import gpu_support
from kernels.errors import WorkerError
from kernels.memory import Device
from resources.worker_pool import how_ended, process_pool

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The environment variable with which CUDA is told which devices a process may use."""

IN_FLIGHT = 2
"""Parts of each device that are begun, or wait for it, before their results are taken."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Part(Generic[Item]):
    """A part of the work: what it is called in errors, and what is handed to the process."""

    name: str
    item: Item


def visible_devices() -> tuple[str, ...]:
    """The devices that this process may use, as `CUDA_VISIBLE_DEVICES` names each; none where no GPU can be used.

    The simulator pretends to have as many as the variable names, and one where it isn't set.
    """
    support = gpu_support()
    if not support.ok:
        return ()
    named = _named_devices(os.environ.get(VISIBLE))
    if support.simulated:
        return ("0",) if named is None else named
    import cupy

    count = int(cupy.cuda.runtime.getDeviceCount())
    return tuple(str(number) for number in range(count)) if named is None else named[:count]


def _named_devices(variable: str | None) -> tuple[str, ...] | None:
    """The devices that the variable names, as CUDA reads it: up to the first one that can't be."""
    if variable is None:
        return None
    named: list[str] = []
    for device in (each.strip() for each in variable.split(",")):
        if not device or device.startswith("-"):
            break
        named.append(device)
    return tuple(named)


def devices_for(pieces: int, least: int, devices: Sequence[str]) -> tuple[str, ...]:
    """As many of the devices as have `least` pieces of work each; fewer than two mean that the caller does it itself.

    Starting a process and its CUDA takes seconds, which small work isn't worth.
    """
    return tuple(devices[: pieces // least])


class DevicePool:
    """A process for each device, started by its first part and kept until the `with` ends."""

    def __init__(self, devices: Sequence[str]) -> None:
        """Nothing is started.

        Args:
            devices: as `visible_devices` names them, one or more.
        """
        self.devices = tuple(devices)
        self._stack = ExitStack()
        self._processes: dict[str, ProcessPoolExecutor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.clear()
        self._stack.close()

    def map(self, function: Callable[[Item], Result], parts: Iterable[Part[Item]]) -> Generator[Result, None, None]:
        """Yield `function(part.item)` of each part, in the order of the parts; the devices take them in turn.

        Where a part fails, those before it have been yielded, no more are begun, and what other devices have begun is
        finished. Their processes stay; that of a device which died is started again when it is asked for again.

        Args:
            function: what is done, importable by name; its device is `own_device()`.
            parts: the work; items and results are picklable.

        Raises:
            WorkerError: a process was killed or crashed; its device and the part are named.
            Exception: what `function` raises, with a note that names the device and the part.
        """
        pending: deque[tuple[str, Part[Item], Future[Result]]] = deque()
        try:
            for number, part in enumerate(parts):
                device = self.devices[number % len(self.devices)]
                if len(pending) == IN_FLIGHT * len(self.devices):
                    yield self._oldest(pending)
                pending.append((device, part, self._submit(device, function, part.item)))
            while pending:
                yield self._oldest(pending)
        finally:
            for *_, future in pending:
                future.cancel()
            wait([future for *_, future in pending])

    def _submit(self, device: str, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        if device not in self._processes:
            self._processes[device] = self._stack.enter_context(process_pool(1, partial(_take, device)))
        try:
            return self._processes[device].submit(function, item)
        except BrokenProcessPool as error:
            # It died since: the part says so when its turn comes.
            broken: Future[Result] = Future()
            broken.set_exception(error)
            return broken

    def _oldest(self, pending: deque[tuple[str, Part[Item], Future[Result]]]) -> Result:
        device, part, future = pending.popleft()
        try:
            return future.result()
        except BrokenProcessPool as error:
            processes = self._processes.pop(device)
            raise WorkerError(
                f"GPU {device}, {part.name}",
                expected="a process that lives until the work is done",
                got=f"{how_ended(processes)} ({error})",
                mend=f"SIGKILL mostly means that the host's memory ran out. Run again; where it is this GPU, leave it "
                f"out with {VISIBLE}={','.join(each for each in self.devices if each != device) or '...'}",
            ) from error
        except Exception as error:
            error.add_note(f"This happened on GPU {device}, {part.name}.")
            raise


@cache
def own_device() -> Device:
    """The device of this process, which keeps what it holds from part to part."""
    return Device()


def _take(device: str) -> None:
    # Before CUDA is asked for anything: it looks at the variable once.
    os.environ[VISIBLE] = device
