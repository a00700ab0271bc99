"""Null histograms in `make gpu-check`: the GPU's counts beside the CPU's, and only then its speed."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.machine import best_seconds
from kernels.memory import Device
from kernels.nulls import DEFAULT_BINS, gpu, null_histograms
from kernels.surrogates import DEFAULT_BLOCK, NULLS
from kernels.volatility.gjr import GjrParameters
from kernels.waves import SPAN_BUCKETS, ScanSettings

ROWS, BARS, SURROGATES = 20, 252, 8
"""What is compared."""

TIMED_ROWS, TIMED_BARS = 505, 504
"""What is timed."""

ON_GPU, FEWER_ON_GPU, ON_CPU, MOST_SECONDS = 1_000, 100, 2, 60.0
"""Surrogates of each row: all of them only where the fewer say that they take no longer than this."""

LARGEST_SHARE_MOVED = 1e-4
"""Counts that may lie in another bin: where rounding decides a rule, the GPU's logarithm may decide otherwise."""

PARAMETERS = GjrParameters(alpha=0.03, gamma=0.08, beta=0.9, degrees=5.0)
SEED = 7
Originals = tuple[np.ndarray, ...]


def check_nulls() -> dict[str, object]:
    """Count on both, compare, and time where they agree."""
    bars = walks(ROWS, BARS)
    compared: dict[str, dict[str, object]] = {}
    for null in NULLS:
        found, expected = (counts_of(bars, null, SURROGATES, backend) for backend in ("gpu", "cpu"))
        compared[null] = {"counts": int(expected.sum()), "share_moved": share_moved(found, expected)}
    differs = [null for null, case in compared.items() if not case["share_moved"] <= LARGEST_SHARE_MOVED]
    checked = {"rows": ROWS, "bars": BARS, "surrogates": SURROGATES, "differs": differs, "by_null": compared}
    return checked if differs else checked | timed()


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


def timed() -> dict[str, object]:
    """Seconds of the null "block" for many surrogates on the GPU and for few on the CPU; the fields say how many."""
    bars = walks(TIMED_ROWS, TIMED_BARS)
    device = Device(measuring=True)
    began = time.perf_counter()
    options = "block", SEED, DEFAULT_BLOCK, None, ScanSettings(), SPAN_BUCKETS, DEFAULT_BINS, "timed by stage", device
    gpu.null_histograms(*bars, range(FEWER_ON_GPU), *options)
    staged = time.perf_counter() - began
    asked = FEWER_ON_GPU if staged * ON_GPU / FEWER_ON_GPU > MOST_SECONDS else ON_GPU
    on_gpu = best_seconds(lambda: counts_of(bars, "block", asked, "gpu"), 1)
    on_cpu = best_seconds(lambda: counts_of(bars, "block", ON_CPU, "cpu"), 1)
    return {
        "timed_rows": TIMED_ROWS,
        "timed_bars": TIMED_BARS,
        f"gpu_seconds_of_{asked}_surrogates": on_gpu,
        f"cpu_seconds_of_{ON_CPU}_surrogates": on_cpu,
        "gpu_series_per_second": round(TIMED_ROWS * asked / max(on_gpu, 1e-9)),
        "cpu_series_per_second": round(TIMED_ROWS * ON_CPU / max(on_cpu, 1e-9)),
        "gpu_times_as_fast": round(on_cpu / ON_CPU / max(on_gpu / asked, 1e-9), 2),
        f"gpu_seconds_by_stage_of_{FEWER_ON_GPU}_surrogates": {
            name: round(seconds, 5) for name, seconds in device.seconds.items()
        },
        f"gpu_seconds_staged_of_{FEWER_ON_GPU}_surrogates": round(staged, 4),
        "chunks_of_surrogates": device.chunks,
        "peak_device_bytes": device.peak_bytes,
    }
