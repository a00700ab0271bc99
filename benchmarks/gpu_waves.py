"""The wave scan in `make gpu-check`: the GPU's patterns beside the CPU's, and only then its speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.machine import best_seconds
from kernels.memory import Device
from kernels.waves import Scan, ScanSettings, gpu, scan_origins
from resources.gpu_profile.made import made_bars

LARGEST_DIFFERENCE = 1e-6


class WaveSizes(NamedTuple):
    """Random walks, the lengths of the ranges that are scanned, and how often the GPU is timed."""

    symbols: int = 505
    sessions: int = 1259
    ranges: tuple[int, ...] = (1, 252)
    repeats: int = 3


def check_scans(sizes: WaveSizes, save: Callable[[dict[str, object]], None]) -> dict[str, object]:
    """Check ranges of sessions, short ones first; `save` is given what is known after each."""
    bars = made_bars(sizes.symbols, sizes.sessions)
    found: dict[str, object] = {}
    for sessions in sizes.ranges:
        found[f"sessions_{sessions}"] = check_waves(bars.low, bars.high, sessions, sizes.repeats)
        save(found)
    return found


def check_waves(low: np.ndarray, high: np.ndarray, sessions: int, repeats: int = 3) -> dict[str, object]:
    """Scan the last sessions of every series on both, compare, and time the GPU where they agree.

    Args:
        low: float64 [R, T], dollars.
        high: float64 [R, T], dollars.
        sessions: how many, from the last back; each window is as long as the first of them has bars.
        repeats: of which the GPU's time is the best.

    Returns:
        Sizes, what differs, and if nothing does: the seconds of both, and of the GPU's stages.
    """
    count, total = low.shape
    length = np.full(count * sessions, total - sessions + 1)
    end = np.tile(np.arange(total - sessions, total), count)
    origins = low, high, np.repeat(np.arange(count), sessions), end, length
    # All setups of a range are gigabytes.
    settings = ScanSettings(setup_top_n=None if sessions == 1 else 5)

    def scan(backend: str) -> Scan:
        return scan_origins(*origins, settings=settings, backend=backend)

    began = time.perf_counter()
    on_gpu = scan("gpu")
    first = time.perf_counter() - began
    # Compiled by one series: a range of all takes long enough once.
    scan_origins(low[:1], high[:1], [0], [total - 1], [total], settings=settings, backend="cpu")
    began = time.perf_counter()
    on_cpu = scan("cpu")
    taken_by_cpu = time.perf_counter() - began
    differs = differences(on_gpu, on_cpu)
    sizes = {
        "symbols": count,
        "bars": total,
        "origins": len(end),
        "kept": len(on_cpu.origin),
        "distinct": len(on_cpu.patterns.score),
        "differs": differs,
    }
    if differs:
        return sizes
    taken = best_seconds(lambda: scan("gpu"), repeats)
    device = Device(measuring=True)
    row, ends = origins[2].astype(np.int32), end.astype(np.int32)
    began = time.perf_counter()
    gpu.scan(low, high, row, ends, (ends - length + 1).astype(np.int32), settings, "timed by stage", device)
    staged = time.perf_counter() - began
    return sizes | {
        "largest_score_difference": float(np.abs(on_gpu.patterns.score - on_cpu.patterns.score).max(initial=0.0)),
        "cpu_seconds": round(taken_by_cpu, 4),
        "gpu_first_seconds": round(first, 4),
        "gpu_seconds": taken,
        "gpu_times_as_fast": round(taken_by_cpu / max(taken, 1e-9), 2),
        "gpu_seconds_by_stage": {name: round(seconds, 5) for name, seconds in device.seconds.items()},
        "gpu_seconds_staged": round(staged, 4),
        "transfer_share": round((device.seconds["upload"] + device.seconds["download"]) / staged, 4),
        "records_scored": device.records,
        "records_scored_per_second": round(device.records / max(taken, 1e-9)),
        "chunks_of_series": device.chunks,
        "peak_device_bytes": device.peak_bytes,
    }


def differences(found: Scan, expected: Scan) -> list[str]:
    """The columns that differ: integers at all, scores by more than a millionth, other floats by more than rounding."""
    names = []
    for part, wanted in ((found, expected), (found.patterns, expected.patterns)):
        for name, values in vars(wanted).items():
            if not isinstance(values, np.ndarray):
                continue
            own = getattr(part, name)
            relative, absolute = (1e-12 if values.dtype.kind == "f" else 0.0), 0.0
            if name == "score":
                relative, absolute = 0.0, LARGEST_DIFFERENCE
            same = own.shape == values.shape and own.dtype == values.dtype
            if not same or not np.allclose(own, values, rtol=relative, atol=absolute, equal_nan=True):
                names.append(name)
    return names
