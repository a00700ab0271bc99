"""Null histograms in `make gpu-check`: the GPU's counts beside the CPU's, and only then its speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.machine import best_seconds
from kernels.memory import Device
from kernels.nulls import DEFAULT_BINS, gpu, null_histograms
from kernels.surrogates import DEFAULT_BLOCK, NULLS
from kernels.volatility.gjr import GjrParameters
from kernels.waves import SPAN_BUCKETS, ScanSettings


class NullSizes(NamedTuple):
    """How much is compared and timed.

    Attributes:
        rows, bars, surrogates: what is compared.
        timed_rows, timed_bars: what is timed.
        on_gpu, fewer_on_gpu: surrogates of each row: all of them only where the fewer say that they take no longer
            than `most_seconds`.
        on_cpu: surrogates of each row there.
        most_seconds: see there.
    """

    rows: int = 20
    bars: int = 252
    surrogates: int = 8
    timed_rows: int = 505
    timed_bars: int = 504
    on_gpu: int = 1_000
    fewer_on_gpu: int = 50
    on_cpu: int = 2
    most_seconds: float = 15.0


SIZES = NullSizes()


LARGEST_SHARE_MOVED = 1e-4
"""Counts that may lie in another bin: where rounding decides a rule, the GPU's logarithm may decide otherwise."""

PARAMETERS = GjrParameters(alpha=0.03, gamma=0.08, beta=0.9, degrees=5.0)
SEED = 7
Originals = tuple[np.ndarray, ...]


def check_nulls(
    sizes: NullSizes = SIZES, save: Callable[[dict[str, object]], None] = lambda _: None
) -> dict[str, object]:
    """Count on both, compare, and time where they agree; `save` is given what is known after the comparison."""
    bars = walks(sizes.rows, sizes.bars)
    compared: dict[str, dict[str, object]] = {}
    for null in NULLS:
        found, expected = (counts_of(bars, null, sizes.surrogates, backend) for backend in ("gpu", "cpu"))
        compared[null] = {"counts": int(expected.sum()), "share_moved": share_moved(found, expected)}
    differs = [null for null, case in compared.items() if not case["share_moved"] <= LARGEST_SHARE_MOVED]
    checked = {
        "rows": sizes.rows,
        "bars": sizes.bars,
        "surrogates": sizes.surrogates,
        "differs": differs,
        "by_null": compared,
    }
    save(checked)
    return checked if differs else checked | timed(sizes)


def walks(rows: int, bars: int) -> Originals:
    """Geometric random walks with 1.5 % a session: open, high, low, close and keys."""
    rng = np.random.default_rng(1)
    close = 50.0 * np.exp(np.cumsum(0.015 * rng.standard_normal((rows, bars)), axis=1))
    opened = close * np.exp(0.005 * rng.standard_normal(close.shape))
    high = np.maximum(opened, close) * np.exp(0.005 * rng.random(close.shape))
    low = np.minimum(opened, close) * np.exp(-0.005 * rng.random(close.shape))
    return opened, high, low, close, np.arange(rows)


def counts_of(bars: Originals, null: str, surrogates: int, backend: str) -> np.ndarray:
    """The counts of the default search."""
    options = {"surrogates": surrogates, "null": null, "seed": SEED, "parameters": PARAMETERS}
    return null_histograms(*bars, **options, backend=backend).counts


def share_moved(found: np.ndarray, expected: np.ndarray) -> float:
    """Share of the counts that lie in another bin than expected; all of them where the arrays don't compare."""
    if (found.shape, found.dtype) != (expected.shape, expected.dtype) or found.sum() != expected.sum():
        return 1.0
    return float(np.abs(found - expected).sum() / 2 / expected.sum())


def timed(sizes: NullSizes) -> dict[str, object]:
    """Seconds of the null "block" for many surrogates on the GPU and for few on the CPU; the fields say how many."""
    bars = walks(sizes.timed_rows, sizes.timed_bars)
    device = Device(measuring=True)
    began = time.perf_counter()
    options = "block", SEED, DEFAULT_BLOCK, None, ScanSettings(), SPAN_BUCKETS, DEFAULT_BINS, "timed by stage", device
    gpu.null_histograms(*bars, range(sizes.fewer_on_gpu), *options)
    staged = time.perf_counter() - began
    too_long = staged * sizes.on_gpu / sizes.fewer_on_gpu > sizes.most_seconds
    asked = sizes.fewer_on_gpu if too_long else sizes.on_gpu
    on_gpu = best_seconds(lambda: counts_of(bars, "block", asked, "gpu"), 1)
    on_cpu = best_seconds(lambda: counts_of(bars, "block", sizes.on_cpu, "cpu"), 1)
    return {
        "timed_rows": sizes.timed_rows,
        "timed_bars": sizes.timed_bars,
        f"gpu_seconds_of_{asked}_surrogates": on_gpu,
        f"cpu_seconds_of_{sizes.on_cpu}_surrogates": on_cpu,
        "gpu_series_per_second": round(sizes.timed_rows * asked / max(on_gpu, 1e-9)),
        "cpu_series_per_second": round(sizes.timed_rows * sizes.on_cpu / max(on_cpu, 1e-9)),
        "gpu_times_as_fast": round(on_cpu / sizes.on_cpu / max(on_gpu / asked, 1e-9), 2),
        f"gpu_seconds_by_stage_of_{sizes.fewer_on_gpu}_surrogates": {
            name: round(seconds, 5) for name, seconds in device.seconds.items()
        },
        f"gpu_seconds_staged_of_{sizes.fewer_on_gpu}_surrogates": round(staged, 4),
        "chunks_of_surrogates": device.chunks,
        "peak_device_bytes": device.peak_bytes,
    }
