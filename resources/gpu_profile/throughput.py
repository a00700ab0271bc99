"""How much each kernel and network does in a second, by batch size, backend and threads; and what that is worth.

`beside_limits` puts each number beside what the device can do, `ratios` the GPU beside the CPU of the same machine.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from kernels.device import Backend
from resources.gpu_profile.cases import Case
from resources.gpu_profile.clock import Budget, median_seconds
from resources.gpu_profile.limits import Limit, limit_of
from resources.gpu_profile.target import Target
from resources.gpu_profile.work import Work, bytes_of

SECONDS_EACH = 0.3
MOST_SECONDS = 4.0
"""A batch whose call would take longer, as the one before lets expect, isn't run: it would tell little more."""

TWO = 2
"""Threads of the small machine that a GPU is compared with."""


class Throughput(NamedTuple):
    """One case at one batch size.

    Attributes:
        case: name of the kernel or network.
        backend: "cpu" or "gpu".
        threads: of the CPU.
        batch: its size.
        unit: of `items`.
        items: done in one call.
        seconds: of a call, the median; None where it wasn't measured.
        per_second: items.
        least_bytes: that a call must move.
        operations: that a call must do; 0 = not counted.
        state: "measured", "skipped" or "failed".
        reason: why not, or "".
    """

    case: str
    backend: str
    threads: int
    batch: int
    unit: str
    items: int
    seconds: float | None
    per_second: float | None
    least_bytes: int
    operations: int
    state: str
    reason: str = ""


class Beside(NamedTuple):
    """A measured case beside the limits of the device.

    Attributes:
        case: name.
        batch: the one that did most in a second.
        seconds: of a call.
        least_seconds: what moving the least bytes and doing the operations would take at the limits.
        bound: which of the two takes longer: "memory" or "arithmetic".
        share: least_seconds / seconds, 1 = at the limit.
    """

    case: str
    batch: int
    seconds: float
    least_seconds: float
    bound: str
    share: float


class Ratio(NamedTuple):
    """The GPU's best rate beside the CPU's of the same machine.

    Attributes:
        case: name.
        gpu_per_second: items, at the best batch.
        cpu_per_second: items, at the best batch, with all threads.
        times_all_threads: the GPU's rate over the CPU's with all threads.
        times_two_threads: over the CPU's with two threads; None where they weren't measured.
    """

    case: str
    gpu_per_second: float
    cpu_per_second: float
    times_all_threads: float
    times_two_threads: float | None


def measure_throughput(
    target: Target,
    cases: Iterable[Case],
    threads: Sequence[int],
    budget: Budget | None = None,
    seen: Callable[[list[Throughput]], object] = lambda _: None,
) -> list[Throughput]:
    """Measure every case on every backend of the target, each batch size from small to large.

    Args:
        target: what is measured.
        cases: what runs.
        threads: of the CPU, rising; the batches are measured with the most of them, the best batch with the others.
        budget: time for all of it, shared out among the cases; None = as long as it takes.
        seen: given what is known after each case.
    """
    waiting = list(cases)
    made: list[Throughput] = []
    for place, case in enumerate(waiting):
        own = None if budget is None else Budget(max(budget.left, 0.0) / (len(waiting) - place))
        made += _of_case(target, case, threads, own)
        seen(made)
    return made


def _of_case(target: Target, case: Case, threads: Sequence[int], budget: Budget | None) -> Iterator[Throughput]:
    usable = [each for each in case.backends if each == "cpu" or on_gpu(case, target)]
    # The GPU first, so that the CPU, which is slower, doesn't take its time.
    for backend in sorted(usable, reverse=True):
        own = None if budget is None else Budget(max(budget.left, 0.0) / (2 if backend == "gpu" else 1))
        best: Throughput | None = None
        before: Throughput | None = None
        for batch in case.batches:
            over = _too_much(before, batch, own)
            if over:
                yield _not_measured(case, backend, threads[-1], batch, "skipped", over)
                continue
            row = before = _one(target, case, backend, batch, threads[-1])
            yield row
            if row.per_second is not None and (best is None or row.per_second > (best.per_second or 0.0)):
                best = row
        if backend == "cpu" and best is not None:
            for fewer in threads[:-1]:
                over = _too_much(best, best.batch * threads[-1] // fewer, own)
                if over:
                    yield _not_measured(case, backend, fewer, best.batch, "skipped", over)
                else:
                    yield _one(target, case, backend, best.batch, fewer)


def _too_much(before: Throughput | None, batch: int, budget: Budget | None) -> str:
    """Why a batch isn't run after a smaller one; "" where it is."""
    if budget is not None and budget.left <= 0.0:
        return "no time was left"
    if before is None:
        return ""
    if before.seconds is None:
        return "a smaller batch failed"
    likely = before.seconds * batch / before.batch
    if likely > MOST_SECONDS:
        return f"a call would take about {likely:.0f} s"
    # Once to warm up, once for the clock.
    return "no time was left" if budget is not None and 2.0 * likely > budget.left else ""


def on_gpu(case: Case, target: Target) -> bool:
    """Whether a case can be measured on the target's GPU."""
    return "gpu" in case.backends and ("gpu" in target.backends or on_torch(case, target))


def on_torch(case: Case, target: Target) -> bool:
    """Whether torch computes a case on the GPU, whatever the kernels can use."""
    return "gpu" in case.backends and target.torch_device == "cuda" and case.unit in ("rows", "windows")


def _one(target: Target, case: Case, backend: str, batch: int, threads: int) -> Throughput:
    try:
        with threads_of_cpu(threads):
            work: Work = case.prepare(batch, cast(Backend, backend))
            wait = target.synchroniser(backend)
            made = work.call()
            wait()
            least = work.least_bytes + (bytes_of(made) if work.returns else 0)
            del made
            taken = median_seconds(work.call, wait, seconds=SECONDS_EACH, warm=True)
    except (MemoryError, RuntimeError, ValueError) as error:
        # A batch that doesn't fit the device, or one that a kernel refuses, says so; the others are measured.
        return _not_measured(case, backend, threads, batch, "failed", f"{type(error).__name__}: {error}")
    rate = work.items / taken.seconds
    return Throughput(
        case.name,
        backend,
        threads,
        batch,
        case.unit,
        work.items,
        taken.seconds,
        rate,
        least,
        work.operations,
        "measured",
    )


def _not_measured(case: Case, backend: str, threads: int, batch: int, state: str, reason: str) -> Throughput:
    return Throughput(case.name, backend, threads, batch, case.unit, 0, None, None, 0, 0, state, reason)


@contextmanager
def threads_of_cpu(count: int) -> Iterator[None]:
    """Let Numba and torch compute with so many threads, within what the process was started with."""
    import numba
    import torch

    before: tuple[int, int] = numba.get_num_threads(), torch.get_num_threads()
    started_with: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(min(count, started_with))
    torch.set_num_threads(min(count, os.cpu_count() or 1))
    try:
        yield
    finally:
        numba.set_num_threads(before[0])
        torch.set_num_threads(before[1])


def thread_counts(most: int) -> tuple[int, ...]:
    """1, 2, 4 and so on, and all of them."""
    doubled = [2**power for power in range(most.bit_length()) if 2**power < most]
    return (*doubled, most)


def best_rows(rows: Iterable[Throughput], backend: str, threads: int | None = None) -> dict[str, Throughput]:
    """The measured row of each case that does most in a second on a backend; with so many threads, or with any."""
    best: dict[str, Throughput] = {}
    for row in rows:
        fits = row.backend == backend and row.per_second is not None and threads in (None, row.threads)
        if fits and (row.case not in best or (row.per_second or 0.0) > (best[row.case].per_second or 0.0)):
            best[row.case] = row
    return best


def ratios(rows: Sequence[Throughput]) -> list[Ratio]:
    """The GPU beside the CPU, for each case that was measured on both."""
    most = max((row.threads for row in rows), default=1)
    on_gpu, on_cpu, on_two = best_rows(rows, "gpu"), best_rows(rows, "cpu", most), best_rows(rows, "cpu", TWO)
    made = []
    for case, row in on_gpu.items():
        if case in on_cpu:
            gpu, cpu = float(row.per_second or 0.0), float(on_cpu[case].per_second or 0.0)
            two = on_two[case].per_second if case in on_two else None
            made.append(Ratio(case, gpu, cpu, gpu / cpu, None if not two else gpu / two))
    return made


def beside_limits(rows: Iterable[Throughput], limits: list[Limit], backend: str) -> list[Beside]:
    """Put the best batch of each case beside the limits of the device that `backend` ran on.

    Args:
        rows: what was measured.
        limits: of that device.
        backend: "gpu" or "cpu".

    Returns:
        One for each measured case; none where the bandwidth isn't known.
    """
    copy, arithmetic = limit_of(limits, "copy"), limit_of(limits, "matmul float32")
    if copy is None:
        return []
    made = []
    for case, row in best_rows(rows, backend).items():
        seconds = float(row.seconds or 0.0)
        moving = row.least_bytes / copy
        doing = row.operations / arithmetic if arithmetic else 0.0
        least = max(moving, doing)
        bound = "memory" if moving >= doing else "arithmetic"
        made.append(Beside(case, row.batch, seconds, least, bound, least / seconds))
    return made


def as_rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """NamedTuples as rows of a table."""
    return [dict(row._asdict()) for row in rows]
