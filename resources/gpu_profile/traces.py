"""Trace files of a piece of work, and how busy the GPU was in it."""

import gzip
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from resources.gpu_profile.target import Target

ON_DEVICE = frozenset({"kernel", "gpu_memcpy", "gpu_memset"})
"""Categories of a trace's events during which the GPU works."""

TRACE, SNAPSHOT = "trace.json.gz", "memory.pickle"
SHOWN = {
    TRACE: "trace of torch's profiler; open it at https://ui.perfetto.dev",
    SNAPSHOT: "history of torch's memory; open it at https://pytorch.org/memory_viz",
}
"""What each file shows."""

HISTORY_ENTRIES = 100_000
LOOK_SECONDS = 0.05
_MICRO = 1e-6


class Utilisation(NamedTuple):
    """How busy the GPU was.

    Attributes:
        seconds: of the work.
        busy_seconds: in which at least one kernel or copy ran, after the profiler; None where there is no GPU.
        busy_share: of the seconds; None likewise.
        in_transfers: share of the busy seconds in which only memory was copied or set; None likewise.
        kernels: that were started.
        driver_percent: mean of what the driver says, in percent of its own short intervals; None where it says nothing.
        reason: why something is None, or "".
    """

    seconds: float
    busy_seconds: float | None = None
    busy_share: float | None = None
    in_transfers: float | None = None
    kernels: int = 0
    driver_percent: float | None = None
    reason: str = ""


def traced(target: Target, work: Callable[[], object], folder: Path) -> tuple[Utilisation, dict[str, str]]:
    """Do some work once under torch's profiler and, on a GPU, with the history of its memory.

    Args:
        target: where it runs.
        work: what is done; warmed up before by whoever calls this.
        folder: where the files go.

    Returns:
        How busy the GPU was, and the paths of "trace" and, on a GPU, "memory_history".
    """
    import torch
    from torch.profiler import ProfilerActivity, profile

    folder.mkdir(parents=True, exist_ok=True)
    on_gpu = target.torch_device == "cuda"
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_gpu else [])
    files = {"trace": str(folder / TRACE)}
    if on_gpu:
        torch.cuda.memory._record_memory_history(max_entries=HISTORY_ENTRIES)
    try:
        with _driver_percents(on_gpu) as told, profile(activities=activities) as profiler:
            work()
            target.synchronise()
        if on_gpu:
            torch.cuda.memory._dump_snapshot(str(folder / SNAPSHOT))  # type: ignore[no-untyped-call]
            files["memory_history"] = str(folder / SNAPSHOT)
    finally:
        if on_gpu:
            torch.cuda.memory._record_memory_history(enabled=None)
    profiler.export_chrome_trace(str(folder / TRACE))
    with gzip.open(folder / TRACE, "rt", encoding="utf-8") as file:
        found = utilisation_of(json.load(file), on_gpu=on_gpu)
    percents = [each for each in told if isinstance(each, float)]
    reasons = [found.reason, *(each for each in told if isinstance(each, str))]
    return (
        found._replace(
            driver_percent=sum(percents) / len(percents) if percents else None, reason="; ".join(filter(None, reasons))
        ),
        files,
    )


def utilisation_of(trace: Mapping[str, Any], *, on_gpu: bool) -> Utilisation:
    """Read from a Chrome trace how long the GPU was busy.

    Args:
        trace: as torch's profiler writes it: events with their start and duration in microseconds.
        on_gpu: whether there was a GPU to trace.
    """
    events = [event for event in trace.get("traceEvents", ()) if event.get("ph") == "X" and "dur" in event]
    spans = [(float(event["ts"]), float(event["ts"]) + float(event["dur"])) for event in events]
    seconds = (max(end for _, end in spans) - min(start for start, _ in spans)) * _MICRO if spans else 0.0
    if not on_gpu:
        return Utilisation(seconds, reason="there is no GPU to be busy")
    there = [(event.get("cat"), span) for event, span in zip(events, spans, strict=True)]
    kernels = [span for category, span in there if category == "kernel"]
    busy = _covered(span for category, span in there if category in ON_DEVICE) * _MICRO
    if not busy or not seconds:
        return Utilisation(seconds, reason="the profiler saw no work on the GPU")
    copying = 1.0 - _covered(kernels) * _MICRO / busy
    return Utilisation(seconds, busy, busy / seconds, copying, len(kernels))


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of what some spans cover together."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(end - max(start, reached), 0.0)
        reached = max(reached, end)
    return total


@contextmanager
def _driver_percents(on_gpu: bool) -> Iterator[list[float | str]]:
    """Collects what the driver says of the GPU's utilisation, in percent; one text if it says nothing."""
    told: list[float | str] = []
    if not on_gpu:
        yield told
        return
    import torch

    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            try:
                told.append(float(torch.cuda.utilization()))
            except Exception as error:  # Whatever the driver's library raises: the work itself goes on.
                told.append(f"the driver says nothing of utilisation ({type(error).__name__}: {error})")
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield told
    finally:
        done.set()
        watcher.join()
