"""Time the drawing of synthetic samples: parity first, then rows a second, CPU, memory and bytes, and the ways before.

Run from the project root: `python -m benchmarks.samples [--json PATH]`. Needs about 6 GB in the temporary folder.
A simulated market; labels of 252 sessions are part of every number unless it says otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.machine import machine, report
from benchmarks.meters import machine_cpu, own_cpu, watched_memory
from benchmarks.original_samples import in_workers, row_loop, vectorised
from benchmarks.sample_stages import limits, stages
from kernels.as_of import PriceHistory, as_of_dividends, as_of_panel
from kernels.market import instruments, simulate
from kernels.panel import PricePanel
from kernels.samples import SampleSettings, draw_samples, gather_windows
from resources.calendar import ALL_SESSIONS
from resources.lake_files import LakeFiles
from resources.sample_build import build_shard
from resources.sample_plan import SampleOptions, SamplePlan, plan_of_panel
from resources.sample_store import SampleStore
from resources.sample_writer import COMPRESSIONS
from resources.worker_pool import Kind

SYMBOLS, SESSIONS, SEED = 500, 1_259, 7
SETTINGS = SampleSettings(lookback=64, forward=252)
LAYOUTS = ("index", "windowed")
PARITY_ROWS = {"index": 200_000, "windowed": 40_000}
NAIVE_ROWS = 3_000
MILLION = 1_000_000
WANTED_ROWS_PER_S = {"index": 1_000_000, "windowed": 220_000}
WANTED_MIB = 300
EXTRAPOLATED = 320 * MILLION
ORIGINAL_ROWS = {"row_loop": 10_000, "vectorised": 300_000, "in_2_workers": 300_000}
COMPRESSED_ROWS = {"index": MILLION, "windowed": 262_144}
REPEATS = 5
MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux has files in memory

Market = tuple[PricePanel, np.ndarray]


def main() -> None:
    """Check, time, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Time the drawing of synthetic samples.")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    asked = parser.parse_args()
    began = os.getloadavg()[0]
    bars = market()
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, object] = {
            "machine": machine() | {"pyarrow": version("pyarrow")},
            "symbols": SYMBOLS,
            "sessions": SESSIONS,
            "lookback": SETTINGS.lookback,
            "forward": SETTINGS.forward,
            "parity": parity(bars, folder),
        }
        plans = {layout: plan_of(bars, layout, MILLION) for layout in LAYOUTS}
        result["limits"] = limits(folder)
        result["stages_cpu_s"] = {layout: stages(plan, folder) for layout, plan in plans.items()}
        builds = [fresh(build, folder, *case) for case in cases()]
        if MEMORY.is_dir():
            builds += [fresh(build, str(MEMORY), layout, MILLION, 2, "threads", REPEATS) for layout in LAYOUTS]
        result["builds"] = builds
        result["compression"] = [compressed(bars, folder, *case) for case in product(LAYOUTS, COMPRESSIONS)]
        result["originals"] = originals(bars, folder)
    result["summary"] = summary(result, builds)
    result["load_average_before_and_after"] = [round(began, 2), round(os.getloadavg()[0], 2)]
    print_tables(result)
    report(result, asked.json)


def market() -> Market:
    """Bars of the simulated market, split-adjusted, and their dividends."""
    drawn = instruments(SEED, SYMBOLS)
    bars = simulate(drawn, len(ALL_SESSIONS), seed=SEED, first=len(ALL_SESSIONS) - SESSIONS)
    names = ("open", "high", "low", "close", "volume", "split_ratio", "dividend")
    values = (np.ascontiguousarray(getattr(bars, name)) for name in names)
    present, quarantined = np.ones((SYMBOLS, SESSIONS), np.bool_), np.empty((0, 3), np.int32)
    history = PriceHistory(tuple(drawn.symbols), ALL_SESSIONS[-SESSIONS:], *values, present, quarantined)
    return as_of_panel(history), as_of_dividends(history)


def plan_of(bars: Market, layout: str, rows: int, compression: str = "none") -> SamplePlan:
    """The plan of a dataset with shards of so many rows."""
    options = SampleOptions(layout=layout, rows_per_shard=rows, compression=compression, settings=SETTINGS)
    return plan_of_panel(*bars, options)


def store_of(plan: SamplePlan, folder: str, name: str) -> SampleStore:
    """A store with the manifest of a plan."""
    store = SampleStore(LakeFiles(folder), name)
    store.begin(plan.manifest, plan.panel, overwrite=True)
    return store


def parity(bars: Market, folder: str) -> dict[str, object]:
    """Refuse to time what depends on workers or order, or differs from the oracle; what was compared."""
    plans = {layout: plan_of(bars, layout, rows) for layout, rows in PARITY_ROWS.items()}
    for layout, plan in plans.items():
        store = store_of(plan, folder, layout)
        wanted = [build_shard(plan, store, number, jobs=1).sha256 for number in (0, 1)]
        kinds: tuple[Kind, ...] = ("threads", "processes")
        for jobs, kind in product((2, 8), kinds):
            found = build_shard(plan, store, 0, jobs=jobs, workers=kind).sha256
            _require(found == wanted[0], f"{layout}: {jobs} {kind} write other bytes than one worker")
        other = store_of(plan, folder, "other")
        reversed_ = [build_shard(plan, other, number, jobs=2).sha256 for number in (1, 0)]
        _require(reversed_ == wanted[::-1], f"{layout}: the order of the shards changes their bytes")
        on_disk = hashlib.sha256(_shard(store).read_bytes()).hexdigest()
        _require(on_disk == wanted[0], f"{layout}: the file isn't what was hashed")
        _require(wanted[0] != wanted[1], f"{layout}: two shards are the same")
    _require_same_rows(plans["windowed"], *(_shard(SampleStore(LakeFiles(folder), layout)) for layout in LAYOUTS))
    _require_naive(plans["index"])
    shutil.rmtree(Path(folder) / "synthetic_samples")
    return {
        "workers": [1, 2, 8],
        "kinds": ["threads", "processes"],
        "orders_of_shards": [[0, 1], [1, 0]],
        "rows_of_a_shard": PARITY_ROWS,
        "rows_against_naive": NAIVE_ROWS,
        "windows_against_panel": PARITY_ROWS["windowed"],
    }


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise SystemExit(f"no speeds are reported: {fault}")


def _shard(store: SampleStore) -> Path:
    return Path(store.shard_uri(0))


def _require_same_rows(plan: SamplePlan, index: Path, windowed: Path) -> None:
    """The windowed shard has the rows of the other, and the windows that the panel gives for them."""
    rows = pq.read_table(windowed)
    plain = rows.drop_columns("window")
    _require(plain.equals(pq.read_table(index).slice(0, len(rows))), "the layouts have different rows")
    places = np.searchsorted(plan.sessions, rows["session"].to_numpy().astype("datetime64[D]")).astype(np.int32)
    wanted = gather_windows(
        plan.panel, rows["instrument"].to_numpy().astype(np.int32), places, plan.options.settings.lookback
    )
    found = b"".join(rows["window"].to_pylist())
    _require(found == wanted.tobytes(), "windows in the file differ from those of the panel")


def _require_naive(plan: SamplePlan) -> None:
    fast, naive = (
        draw_samples(plan.bars, plan.starts, SETTINGS, 3, 1_000, NAIVE_ROWS, backend=backend)
        for backend in ("cpu", "naive")
    )
    for name, values in fast.items():
        same = np.isclose(values, naive[name], rtol=1e-6 if values.dtype.kind == "f" else 0, atol=0, equal_nan=True)
        _require(bool(same.all()), f"{name} differs from the oracle in {np.count_nonzero(~same)} rows")


def cases() -> Iterator[tuple[str, int, int, Kind, int]]:
    """Layout, rows, workers, their kind, and how often."""
    for layout in LAYOUTS:
        yield layout, MILLION, 1, "threads", REPEATS
        yield layout, MILLION, 2, "threads", REPEATS
        yield layout, MILLION, 2, "processes", 2
    yield "index", 20 * MILLION, 2, "threads", 2
    yield "windowed", 2 * MILLION, 2, "threads", 3


def fresh(function: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """What a function returns in a new process, whose memory holds nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def build(folder: str, layout: str, rows: int, jobs: int, kind: Kind, repeats: int) -> dict[str, Any]:
    """One shard, some times over: the fastest, and the most memory."""
    plan = plan_of(market(), layout, rows)
    small = plan_of(market(), layout, 10_000)
    with tempfile.TemporaryDirectory(dir=folder) as lake:
        store = store_of(plan, lake, "timed")
        build_shard(small, store, 0, jobs=1)
        with watched_memory(of_children=kind == "processes") as memory:
            runs = [timed_build(plan, store, jobs, kind) for _ in range(repeats)]
    best = min(runs, key=lambda run: run["seconds"])
    return {
        "layout": layout,
        "rows": rows,
        "workers": jobs,
        "kind": kind,
        "folder": "memory" if folder == str(MEMORY) else "disk",
        **best,
        "cpu_s_per_million_rows": round(min(run["cpu_s"] for run in runs) / rows * MILLION, 3),
        "cores_used_by_others_by_run": [run["cores_used_by_others"] for run in runs],
        "seconds_by_run": [run["seconds"] for run in runs],
        **memory,
    }


def timed_build(plan: SamplePlan, store: SampleStore, jobs: int, kind: Kind) -> dict[str, float]:
    """Wall and CPU seconds of one shard; to the first block workers start, after the last one the file is synced."""
    marks = []
    own, all_, began = own_cpu(), machine_cpu(), time.perf_counter()
    note = build_shard(plan, store, 0, jobs=jobs, workers=kind, progress=lambda _: marks.append(time.perf_counter()))
    seconds = time.perf_counter() - began
    spent = own_cpu() - own
    return {
        "seconds": round(seconds, 3),
        "rows_per_s": round(note.rows / seconds),
        "seconds_to_first_block": round(marks[0] - began, 3),
        "seconds_after_last_block": round(began + seconds - marks[-1], 3),
        "cpu_s": round(spent, 3),
        "cores_used_by_others": round(max(machine_cpu() - all_ - spent, 0.0) / seconds, 2),
        "bytes_per_row": round(note.bytes / note.rows, 2),
    }


def compressed(bars: Market, folder: str, layout: str, compression: str) -> dict[str, object]:
    """Bytes and speed of a shard with each compression."""
    plan = plan_of(bars, layout, COMPRESSED_ROWS[layout], compression)
    store = store_of(plan, folder, "compressed")
    runs = [timed_build(plan, store, 2, "threads") for _ in range(2)]
    _shard(store).unlink()
    best = min(runs, key=lambda run: run["seconds"])
    return {
        "layout": layout,
        "compression": compression,
        "rows": COMPRESSED_ROWS[layout],
        "bytes_per_row": best["bytes_per_row"],
        "rows_per_s": best["rows_per_s"],
        "cpu_s_per_million_rows": round(min(run["cpu_s"] for run in runs) / COMPRESSED_ROWS[layout] * MILLION, 3),
        "cores_used_by_others": best["cores_used_by_others"],
    }


def originals(bars: Market, folder: str) -> list[dict[str, Any]]:
    """The three ways before, each in a new process; and whether the workers change the data."""
    panel = np.stack([getattr(bars[0], name) for name in ("open", "high", "low", "close", "volume")], axis=-1)
    np.save(Path(folder) / "bars.npy", panel)
    found = [fresh(original, folder, name, rows) for name, rows in ORIGINAL_ROWS.items()]
    one, two = (
        hashlib.sha256(pq.read_table(Path(folder) / f"{name}.parquet", columns=["equity"])["equity"].to_numpy())
        for name in ("vectorised", "in_2_workers")
    )
    found[-1]["same_data_as_one_process"] = one.digest() == two.digest()
    return found


def original(folder: str, name: str, rows: int) -> dict[str, Any]:
    """One way before: rows a second with its file, and memory."""
    calls = {"row_loop": row_loop, "vectorised": vectorised, "in_2_workers": partial(in_workers, workers=2)}
    panel, path = np.load(Path(folder) / "bars.npy"), Path(folder) / f"{name}.parquet"
    calls["row_loop" if name == "row_loop" else "vectorised"](panel, 100, SEED, path)
    runs = []
    with watched_memory(of_children=name == "in_2_workers") as memory:
        for _ in range(2):
            own, all_, began = own_cpu(), machine_cpu(), time.perf_counter()
            calls[name](panel, rows, SEED, path)
            seconds, spent = time.perf_counter() - began, own_cpu() - own
            others = round(max(machine_cpu() - all_ - spent, 0.0) / seconds, 2)
            runs.append({"seconds": round(seconds, 3), "cpu_s": round(spent, 3), "cores_used_by_others": others})
    best = min(runs, key=lambda run: run["seconds"])
    return {
        "name": name,
        "rows": rows,
        "labels": "simulated in Python" if name == "row_loop" else "ignore stops, targets and the state",
        "rows_per_s": round(rows / best["seconds"]),
        **best,
        "cpu_s_per_million_rows": round(min(run["cpu_s"] for run in runs) / rows * MILLION, 1),
        "bytes_per_row": round(path.stat().st_size / rows, 1),
        **memory,
        "kib_above_per_row": round(memory["mib_above"] * 1024 / rows, 2),
    }


def summary(result: dict[str, Any], builds: list[dict[str, Any]]) -> dict[str, object]:
    """Targets, ratios, what 320 million rows take, and how far memory and disk are."""
    limit = result["limits"]
    rows: dict[str, object] = {}
    for layout in LAYOUTS:
        own = [each for each in builds if (each["layout"], each["kind"], each["folder"]) == (layout, "threads", "disk")]
        two = max((each for each in own if each["workers"] == 2), key=lambda each: each["rows_per_s"])
        largest = max(own, key=lambda each: each["rows"])
        size = two["bytes_per_row"]
        rows[layout] = {
            "rows_per_s": two["rows_per_s"],
            "wanted_rows_per_s": WANTED_ROWS_PER_S[layout],
            "rows_per_s_by_cpu_on_two_cores": round(2e6 / min(each["cpu_s_per_million_rows"] for each in own)),
            "mib_above_by_rows": {str(each["rows"]): each["mib_above"] for each in own if each["workers"] == 2},
            "wanted_mib_above": WANTED_MIB,
            "320M_rows_hours": round(EXTRAPOLATED / largest["rows_per_s"] / 3_600, 3),
            "320M_rows_gb": round(EXTRAPOLATED * size / 1e9, 1),
            "times_slower_than_disk": round(
                limit["disk_write_and_sync_of_1_gib_mb_per_s"] * 1e6 / size / two["rows_per_s"], 2
            ),
            "times_slower_than_memcpy_one_thread": round(
                limit["memcpy_one_thread_gb_per_s"] * 1e9 / size / two["rows_per_s"], 1
            ),
            "ratio_to_originals": {
                each["name"]: round(two["rows_per_s"] / each["rows_per_s"], 1) for each in result["originals"]
            },
            "cpu_ratio_to_originals": {
                each["name"]: round(each["cpu_s_per_million_rows"] / two["cpu_s_per_million_rows"], 1)
                for each in result["originals"]
            },
        }
    return rows


def print_tables(result: dict[str, Any]) -> None:
    """The rows of each table, one line each."""
    for name in ("builds", "compression", "originals"):
        columns = [key for key, value in result[name][0].items() if not isinstance(value, list)]
        lines = [columns, *([str(row.get(column, "")) for column in columns] for row in result[name])]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        print(f"\n{name}")
        for line in lines:
            print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    print("\nstages, CPU-seconds a million rows")
    for layout, steps in result["stages_cpu_s"].items():
        print(layout, {step: each["per_million_rows"] for step, each in steps.items()})


if __name__ == "__main__":
    main()
