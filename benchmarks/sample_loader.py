"""Time the loader of the samples: windows a second through NumPy and torch, and what each step of it costs.

Run from the project root: `python -m benchmarks.sample_loader`. Writes `benchmarks/results/sample_loader.json`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.market import instruments, simulate
from kernels.panel import PricePanel
from kernels.samples import gather_windows
from resources.calendar import ALL_SESSIONS
from resources.lake_files import LakeFiles
from resources.sample_batches import gather_on_device
from resources.sample_build import build_shard
from resources.sample_dataset import Samples, open_samples
from resources.sample_plan import SampleOptions, plan_of_panel
from resources.sample_store import SampleStore
from resources.sample_units import Order, deal

SYMBOLS, SESSIONS = 500, 756
ROWS = {"index": 2_000_000, "windowed": 200_000}
BATCH, LOOKBACK, REPEATS = 4_096, 64, 3
WINDOW_BYTES = LOOKBACK * 5 * 4


def main() -> None:
    """Draw datasets, check that all ways give the same batches, time them, print and write."""
    with tempfile.TemporaryDirectory() as lake:
        panel, dividend = _market()
        folders = {}
        for layout, rows in ROWS.items():
            options = SampleOptions(dataset=layout, layout=layout, rows_per_shard=rows // 2)
            plan = plan_of_panel(panel, dividend, options)
            store = SampleStore(LakeFiles(lake), layout)
            store.begin(plan.manifest, plan.panel)
            for shard in range(2):
                build_shard(plan, store, shard, jobs=2)
            folders[layout] = f"{lake}/{store.folder}"
        for folder in folders.values():
            _require_parity(folder)
        result: dict[str, object] = {
            "machine": machine() | {"torch": version("torch"), "pyarrow": version("pyarrow")},
            "unit": "million rows with their windows, a second or a CPU-second; best of 3",
            "lookback": LOOKBACK,
            "batch_rows": BATCH,
            "gather": _gathers(plan.panel),
            **{layout: _loads(folder, ROWS[layout]) for layout, folder in folders.items()},
        }
    report(result, RESULTS / "sample_loader.json")


def _market() -> tuple[PricePanel, np.ndarray]:
    bars = simulate(instruments(7, SYMBOLS), len(ALL_SESSIONS), seed=7, first=len(ALL_SESSIONS) - SESSIONS)
    columns = [np.ascontiguousarray(getattr(bars, name)) for name in ("open", "high", "low", "close", "volume")]
    symbols = instruments(7, SYMBOLS).symbols
    return PricePanel(tuple(symbols), ALL_SESSIONS[-SESSIONS:], *columns), bars.dividend


def _require_parity(folder: str) -> None:
    ours = open_samples(folder, batch_rows=BATCH)
    for workers in (0, 2):
        theirs = open_samples(folder, batch_rows=BATCH).loader(workers=workers)
        ours.set_epoch(0)
        for mine, other in zip(ours, theirs, strict=True):
            assert all(np.array_equal(mine[name], other[name], equal_nan=True) for name in mine)


def _gathers(panel: np.ndarray) -> dict[str, float]:
    """Windows of random places, in memory."""
    rng = np.random.default_rng(7)
    count = 64
    instrument = rng.integers(0, SYMBOLS, (count, BATCH), dtype=np.int32)
    session = rng.integers(LOOKBACK - 1, SESSIONS, (count, BATCH), dtype=np.int32)
    tensors = [torch.from_numpy(each) for each in (panel, instrument, session)]

    def gather(parallel: bool) -> None:
        for places, ends in zip(instrument, session, strict=True):
            gather_windows(panel, places, ends, LOOKBACK, parallel=parallel)

    def gather_torch() -> None:
        for places, ends in zip(tensors[1], tensors[2], strict=True):
            gather_on_device(tensors[0], places, ends, LOOKBACK)

    rate = count * BATCH / 1e6
    speeds = {
        "one thread": rate / best_seconds(lambda: gather(False), REPEATS),
        "all threads": rate / best_seconds(lambda: gather(True), REPEATS),
        "torch, on the CPU": rate / best_seconds(gather_torch, REPEATS),
    }
    with _busy_cpu():
        speeds["one thread, another process busy"] = rate / best_seconds(lambda: gather(False), REPEATS)
        speeds["all threads, another process busy"] = rate / best_seconds(lambda: gather(True), REPEATS)
    source, target = np.ones((2, count * BATCH * WINDOW_BYTES // 4), dtype=np.float32)
    copied = best_seconds(lambda: np.copyto(target, source), REPEATS)
    return {
        **{name: round(speed, 2) for name, speed in speeds.items()},
        "copies of windows, one thread": round(rate / copied, 2),
        "copied GB/s, read and written": round(2 * source.nbytes / copied / 1e9, 1),
    }


@contextmanager
def _busy_cpu() -> Iterator[None]:
    """Another process that computes all the time, as one that reads files for the loader may."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _loads(folder: str, rows: int) -> dict[str, object]:
    samples = open_samples(folder, batch_rows=BATCH)
    first = samples.rows / _seconds(samples) / 1e6
    order = Order(7, 0, True)
    units = deal(samples._units, order, 0, 1)
    ways: dict[str, Callable[[], Iterable[Any]]] = {
        "units read, no windows gathered": lambda: (samples.reader.read(unit, order) for unit in units),
        "NumPy": lambda: samples,
        "NumPy, without windows": lambda: _opened(folder, samples, windows=False),
        "NumPy, normalised": lambda: _opened(folder, samples, normalise=True),
    }
    for workers in (0, 1, 2):
        ways[f"torch, {workers} workers"] = lambda workers=workers: samples.loader(workers=workers)
    for workers in (1, 2):
        ways[f"torch, {workers} workers that gather too"] = lambda workers=workers: _gathering(samples, workers)
    return {
        "rows of all splits": rows,
        "rows of train": samples.rows,
        "row groups": len(units),
        "NumPy, first epoch, each shard hashed": round(first, 2),
        **{name: _speed(way, samples.rows) for name, way in ways.items()},
        "seconds to the first batch, 2 workers forked": _first(samples, "fork"),
        "seconds to the first batch, 2 workers spawned": _first(samples, "spawn"),
    }


def _opened(folder: str, samples: Samples, **options: bool) -> Samples:
    other = open_samples(folder, batch_rows=BATCH, verify=False, **options)
    assert other.rows == samples.rows
    return other


class _Gathering(IterableDataset):
    """The other design: workers make whole batches, and the windows travel between processes."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        worker = get_worker_info()
        samples, order = self._samples, Order(7, 0, True)
        reader = replace(samples.reader, threads=False)
        for unit in deal(samples._units, order, worker.id, worker.num_workers):
            rows = reader.read(unit, order)
            for first in range(0, unit.rows, BATCH):
                batch = samples.maker(rows, first, min(first + BATCH, unit.rows))
                yield {name: torch.from_numpy(values) for name, values in batch.items()}


def _gathering(samples: Samples, workers: int) -> Iterable[dict[str, torch.Tensor]]:
    return DataLoader(_Gathering(samples), batch_size=None, num_workers=workers)


def _speed(way: Callable[[], Iterable[Any]], rows: int) -> dict[str, float]:
    """The best of some epochs, by the clock and by the CPU time of this process, all its threads together."""
    clock, cpu = [], []
    for _ in range(REPEATS):
        begun = time.process_time()
        clock.append(_seconds(way()))
        cpu.append(time.process_time() - begun)
    return {
        "a second": round(rows / min(clock) / 1e6, 2),
        "a CPU-second of this process": round(rows / min(cpu) / 1e6, 2),
    }


def _seconds(batches: Iterable[Any]) -> float:
    begun = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - begun


def _first(samples: Samples, start_method: str) -> float:
    begun = time.perf_counter()
    next(iter(samples.loader(workers=2, start_method=start_method)))
    return round(time.perf_counter() - begun, 2)


if __name__ == "__main__":
    main()
