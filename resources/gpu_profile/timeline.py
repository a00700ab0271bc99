"""Memory by phase of a small run through everything that uses a GPU, and a trace of it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from kernels.memory import MemoryTimeline, Phase, track
from resources.gpu_profile.cases import Case
from resources.gpu_profile.target import Target
from resources.gpu_profile.throughput import on_gpu
from resources.gpu_profile.traces import Utilisation, traced


class Timeline(NamedTuple):
    """What a run did.

    Attributes:
        phases: one for each case, in order.
        memory: whose memory it is: "NVIDIA H200: torch's pool" or "host: this process".
        utilisation: how busy the GPU was.
        files: paths of "trace" and, on a GPU, "memory_history".
    """

    phases: tuple[Phase, ...]
    memory: str
    utilisation: Utilisation
    files: dict[str, str]


def run_timeline(target: Target, cases: Iterable[Case], folder: Path) -> Timeline:
    """Run a batch of middling size of each case once, one after the other, as phases.

    Args:
        target: where they run; on the GPU wherever they can.
        cases: what runs.
        folder: where the trace goes.
    """
    calls = [(case.name, _call(target, case)) for case in cases]
    for _, call in calls:
        # What is loaded and compiled at first is no part of the picture.
        call()
    timeline = MemoryTimeline()

    def run() -> None:
        for name, call in calls:
            with track(name):
                call()
                target.synchronise()

    with timeline:
        utilisation, files = traced(target, run, folder)
    return Timeline(timeline.phases, timeline.of, utilisation, files)


def _call(target: Target, case: Case) -> Callable[[], object]:
    return case.prepare(case.batches[len(case.batches) // 2], "gpu" if on_gpu(case, target) else "cpu").call
