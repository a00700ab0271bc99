"""Meters of processes: CPU seconds, of this one and of the whole machine, and memory at its peak. Linux only."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_SECONDS = 0.02


def own_cpu() -> float:
    """CPU seconds of this process and its children that have ended."""
    return sum(os.times()[:4])


def machine_cpu() -> float:
    """Seconds that the CPUs of the machine have worked, steal included."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def watched_memory(*, of_children: bool) -> Iterator[dict[str, float]]:
    """Fills in the memory of this process before, its peak during the block, and the difference, in MiB.

    With children it is the proportional share (PSS) of all together, looked at every `LOOK_SECONDS`; else the peak that
    the kernel has seen.
    """
    found: dict[str, float] = {}
    # What was freed before must not hide what is taken now.
    ctypes.CDLL(None).malloc_trim(0)
    if not of_children:
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS", "self")
        yield found
        peak = _status("VmHWM", "self")
    else:
        seen = [_tree_pss(os.getpid())]
        before, done = seen[0], threading.Event()

        def look() -> None:
            while not done.wait(LOOK_SECONDS):
                seen.append(_tree_pss(os.getpid()))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield found
        finally:
            done.set()
            watcher.join()
        peak = max(seen)
    found |= {"mib_before": round(before), "mib_peak": round(peak), "mib_above": round(peak - before)}


def _status(name: str, process: str) -> float:
    match = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1]) / 1024


def _tree_pss(process: int) -> float:
    total, waiting = 0.0, [process]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        try:
            match = re.search(r"^Pss:\s+(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE)
            total += int(match[1]) / 1024 if match else 0.0
            waiting += [int(each) for task in folder.glob("task/*/children") for each in task.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total
