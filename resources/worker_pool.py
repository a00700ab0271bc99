"""`ordered_map`: work on items side by side, results in the order of the items, and only few of them in memory.

Threads suit compiled code that lets go of the interpreter (numba with nogil, NumPy, Arrow); processes the rest.
Processes are spawned, not forked: a fork copies locks that other threads hold at that moment (Arrow's, numba's,
Dagster's), and the copy waits for them for ever; nor does a CUDA context live through one.
"""

import multiprocessing
import os
import reprlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Literal, TypeVar, get_args

from kernels.errors import InvalidInputError, WorkerError

Kind = Literal["threads", "processes"]
Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE_SECONDS = 5.0
"""How long processes may go on with what they have begun when the iteration ends early."""


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve_jobs(n_jobs: int) -> int:
    """How many workers `n_jobs` means, at least 1: N, or -1 for every CPU this process may use, -2 for all but one.

    Raises:
        InvalidInputError: 0, or no whole number.
    """
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0:
        raise InvalidInputError(
            "option n_jobs",
            expected="1 or more workers, -1 for all CPUs, -2 for all but one",
            got=repr(n_jobs),
            mend="set n_jobs to -1, or to 1 to work without a pool",
        )
    return n_jobs if n_jobs > 0 else max(usable_cpus() + 1 + n_jobs, 1)


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int,
    kind: Kind,
    in_flight: int | None = None,
    initializer: Callable[[], object] | None = None,
) -> Generator[Result, None, None]:
    """Yield `function(item)` of each item, in the order of the items, whatever finishes first.

    The next items are taken, and worked on, only as results are taken. With one job everything runs in the caller.
    When the iteration ends early (an error, `close`, an interrupt), no more items are begun; threads finish theirs,
    processes have `GRACE_SECONDS` for it and are ended then.

    Args:
        function: what is done; for processes importable by name, as are its arguments and results picklable.
        items: what it is done to.
        jobs: workers, at least 1; see `resolve_jobs`.
        kind: "threads" or "processes".
        in_flight: items at most that are begun and whose result isn't taken yet; `jobs` + 1 if None.
        initializer: called once in each worker before its first item.

    Raises:
        InvalidInputError: an option out of its range.
        WorkerError: a worker process was killed or crashed.
        Exception: what `function` raises, with a note that names the item.
    """
    in_flight = jobs + 1 if in_flight is None else in_flight
    for name, value in (("jobs", jobs), ("in_flight", in_flight)):
        if value < 1:
            raise _refused(name, "at least 1", value)
    if kind not in get_args(Kind):
        raise _refused("kind", f"one of {', '.join(get_args(Kind))}", kind)
    if jobs == 1:
        return _in_the_caller(function, items, initializer)
    return _in_a_pool(function, items, jobs, kind, in_flight, initializer)


def _in_the_caller(
    function: Callable[[Item], Result], items: Iterable[Item], initializer: Callable[[], object] | None
) -> Generator[Result, None, None]:
    if initializer is not None:
        initializer()
    for number, item in enumerate(items):
        with _noting(number, item):
            result = function(item)
        yield result


def _in_a_pool(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    kind: Kind,
    in_flight: int,
    initializer: Callable[[], object] | None,
) -> Generator[Result, None, None]:
    pending: deque[tuple[int, Item, Future[Result]]] = deque()
    with _pool(jobs, kind, initializer) as pool:
        try:
            for number, item in enumerate(items):
                with _interrupts_held_back():
                    pending.append((number, item, pool.submit(function, item)))
                if len(pending) == in_flight:
                    yield _oldest(pending)
            while pending:
                yield _oldest(pending)
        except BrokenProcessPool as error:
            raise _worker_died(pool, pending, error) from error


def _oldest(pending: deque[tuple[int, Item, Future[Result]]]) -> Result:
    """The result of the oldest item, which is taken off the list; after an error it stays there."""
    number, item, future = pending[0]
    with _noting(number, item):
        result = future.result()
    pending.popleft()
    return result


@contextmanager
def _noting(number: int, item: object) -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise
    except Exception as error:
        error.add_note(f"This happened in {_named(number, item)}.")
        raise


@contextmanager
def _pool(jobs: int, kind: Kind, initializer: Callable[[], object] | None) -> Iterator[Executor]:
    if kind == "threads":
        threads = ThreadPoolExecutor(jobs, "wavemill", initializer or _nothing)
        try:
            yield threads
        finally:
            threads.shutdown(wait=True, cancel_futures=True)
        return
    with process_pool(jobs, initializer) as processes:
        yield processes


@contextmanager
def process_pool(jobs: int, initializer: Callable[[], object] | None = None) -> Iterator[ProcessPoolExecutor]:
    """Spawned processes that end with their maker, each started by the first item that finds no idle one.

    Args:
        jobs: processes at most.
        initializer: called once in each, before its first item; importable by name.
    """
    context = multiprocessing.get_context("spawn")
    processes = ProcessPoolExecutor(jobs, context, _start_worker, (initializer or _nothing,))
    try:
        yield processes
    finally:
        _shut_down(processes)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A worker begins its life with the signals of its maker held back, so Ctrl-C doesn't hit one that only starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _shut_down(pool: ProcessPoolExecutor) -> None:
    # Not at once: a worker that is ended while it hands over a result leaves half of it in the pipe, and the pool
    # waits for the other half.
    workers = _workers(pool)
    grace = threading.Timer(GRACE_SECONDS, _end, (workers,))
    grace.start()
    try:
        pool.shutdown(wait=True, cancel_futures=True)
    except BaseException:
        # A second interrupt: somebody won't wait.
        _end(workers)
        raise
    finally:
        grace.cancel()
        grace.join()


def _end(workers: Iterable[BaseProcess]) -> None:
    for worker in workers:
        # SIGTERM may be ignored: see `_start_worker`.
        worker.kill()


def _start_worker(initializer: Callable[[], object]) -> None:
    # Ctrl-C reaches every process of a terminal; the owner of the pool decides what becomes of the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Dagster treats SIGTERM as SIGINT, which whoever is started in the background ignores, and so do its children. But
    # SIGTERM is how a pool ends the others when one has died.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    threading.Thread(target=_end_with_the_parent, name="end with the parent", daemon=True).start()
    initializer()


def _end_with_the_parent() -> None:
    """A pool's workers outlive a parent that is killed, and what they hold with them; these don't."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _nothing() -> None:
    pass


def _worker_died(
    pool: Executor, pending: Iterable[tuple[int, Item, Future[Result]]], error: BrokenProcessPool
) -> WorkerError:
    # An item that is done keeps its result; of the others nobody knows which one the dead worker had.
    broken = [_named(number, item) for number, item, future in pending if not future.done() or future.exception()]
    return WorkerError(
        f"worker process in {' or '.join(broken) or 'its initializer'}",
        expected="a process that lives until the work is done",
        got=f"{how_ended(pool)} ({error})",
        mend="SIGKILL mostly means that memory ran out: use fewer jobs or a machine with more. Run with jobs=1 to see "
        "an error of the item itself. What was written before is whole; run again",
    )


def how_ended(pool: Executor) -> str:
    """In words, how the processes of a broken pool ended."""
    workers = _workers(pool)
    end = time.monotonic() + GRACE_SECONDS
    # The pool ends them and collects their statuses at this moment, in a thread of its own.
    while any(worker.exitcode is None for worker in workers) and time.monotonic() < end:
        time.sleep(0.01)
    ended = [worker.exitcode for worker in workers if worker.exitcode is not None]
    # Those that it ended itself have SIGTERM.
    first = [status for status in ended if status not in (0, -signal.SIGTERM)] or ended
    return ", ".join(sorted({_status(status) for status in first})) or "none that started"


def _workers(pool: Executor) -> list[BaseProcess]:
    return list((getattr(pool, "_processes", None) or {}).values())


def _status(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _named(number: int, item: object) -> str:
    return f"item {number}, {reprlib.repr(item)}"


def _refused(name: str, expected: str, got: object) -> InvalidInputError:
    return InvalidInputError(
        f"option {name} of ordered_map", expected=expected, got=repr(got), mend=f"correct `{name}`"
    )
