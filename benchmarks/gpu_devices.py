"""Several GPUs in `make gpu-check`: null histograms on all of them and on one, equal to the byte, and then timed."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from benchmarks.gpu_nulls import counts_of, walks
from resources.device_pool import DevicePool, Part, visible_devices


class DeviceSizes(NamedTuple):
    """Rows and bars of the market, surrogates of each row, and how many parts each device has."""

    rows: int = 256
    bars: int = 504
    surrogates: int = 100
    parts_of_each: int = 2


class Task(NamedTuple):
    """Rows `first` to `last` of the market."""

    sizes: DeviceSizes
    first: int
    last: int


def check_devices(sizes: DeviceSizes) -> dict[str, object]:
    """Count on every visible GPU and on one of them, compare, and time where they agree; says so if there is one."""
    devices = visible_devices()
    found: dict[str, object] = {"devices": list(devices)}
    if len(devices) < 2:
        return found | {"not_compared": "fewer than two devices are visible"}
    edges = np.linspace(0, sizes.rows, len(devices) * sizes.parts_of_each + 1, dtype=int).tolist()
    parts = [Part(f"rows {first} to {last - 1}", Task(sizes, first, last)) for first, last in pairwise(edges)]
    with DevicePool(devices) as pool:
        # Once for what is loaded and compiled in each process.
        list(pool.map(count, parts))
        began = time.perf_counter()
        several = np.concatenate(list(pool.map(count, parts)))
        taken = time.perf_counter() - began
    whole = Task(sizes, 0, sizes.rows)
    count(whole)
    began = time.perf_counter()
    one = count(whole)
    taken_by_one = time.perf_counter() - began
    differs = [] if several.dtype == one.dtype and np.array_equal(several, one) else ["counts"]
    found |= {"rows": sizes.rows, "surrogates": sizes.surrogates, "differs": differs}
    if differs:
        return found
    seconds = {"seconds_of_one": round(taken_by_one, 4), "seconds_of_all": round(taken, 4)}
    return found | seconds | {"times_as_fast": round(taken_by_one / max(taken, 1e-9), 2)}


def count(task: Task) -> np.ndarray:
    """The counts of some rows, on the GPU that this process sees."""
    part = tuple(values[task.first : task.last] for values in walks(task.sizes.rows, task.sizes.bars))
    return counts_of(part, "block", task.sizes.surrogates, "gpu")
