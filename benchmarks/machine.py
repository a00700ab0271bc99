"""What every benchmark shares: the machine a number was measured on, the clock, and the result file."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numba

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, str | int | None]:
    """CPU model, cores, threads, and the versions that matter to the numbers."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "threads": numba.get_num_threads(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def best_seconds(call: Callable[[], object], repeats: int) -> float:
    """The best of some calls: what the work costs without the noise of the machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(min(times), 4)


def report(result: dict[str, object], path: Path | None) -> None:
    """Print a result as JSON, and write it where a path is given."""
    text = json.dumps(result, indent=2)
    print(text)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
