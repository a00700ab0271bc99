"""`make gpu-check`: does this machine's GPU do what the CPU does, and how fast? Needs no Dagster.

Says which device Numba can use, runs the tests of the kernels on this machine, compares the scan of a whole universe,
null histograms, many simulated accounts and the network of the forecasts with the CPU's, and only then times them.
Writes one JSON under benchmarks/results.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.gpu_forecast import check_forecast
from benchmarks.gpu_nulls import check_nulls
from benchmarks.gpu_trading import check_trading
from benchmarks.machine import RESULTS, best_seconds, machine, report
from benchmarks.waves import simulated_bars
from kernels.device import gpu_support
from kernels.memory import Device
from kernels.waves import Scan, ScanSettings, gpu, scan_origins

KERNELS = (
    "market",
    "metrics",
    "nulls",
    "quality",
    "samples",
    "surrogates",
    "trading",
    "volatility",
    "waves",
    "windows",
)
ROOT = Path(__file__).resolve().parents[1]
RANGE_SESSIONS, REPEATS, LARGEST_DIFFERENCE = 252, 5, 1e-6


def main() -> int:
    """Check and report; the exit status is 0 only where there is a device, every test passes and the answers agree."""
    support = gpu_support()
    if not support.ok or support.simulated:
        print(f"no GPU to check: {support.reason}", file=sys.stderr)
        return 1
    with_gpu = [name for name in KERNELS if importlib.util.find_spec(f"kernels.{name}.gpu")]
    print(f"{support.reason}; kernels with a GPU version: {', '.join(with_gpu) or 'none yet'}", flush=True)
    tests = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/kernels"], cwd=ROOT, check=False)
    _, low, high = simulated_bars()
    waves = {sessions: check_waves(low, high, sessions) for sessions in (1, RANGE_SESSIONS)}
    nulls = check_nulls()
    trading = check_trading()
    forecast = check_forecast()
    agrees = all(case["differs"] == [] for case in (*waves.values(), nulls, *trading.values(), forecast))
    device = re.sub(r"[^a-z0-9]+", "-", support.reason.lower()).strip("-")
    result = {
        "device": support.reason,
        "machine": machine(),
        "kernels_with_gpu": with_gpu,
        "tests": tests.returncode,
        "waves_by_sessions": waves,
        "nulls": nulls,
        "trading": trading,
        "forecast": forecast,
    }
    report(result, RESULTS / f"{device}.json")
    return tests.returncode if agrees else 1


def check_waves(low: np.ndarray, high: np.ndarray, sessions: int) -> dict[str, object]:
    """Scan the last sessions of every series on both, compare, and time the GPU where they agree.

    Args:
        low: float64 [R, T], dollars.
        high: float64 [R, T], dollars.
        sessions: how many, from the last back; each window is as long as the first of them has bars.

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
    scan("cpu")
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
    taken = best_seconds(lambda: scan("gpu"), REPEATS)
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


if __name__ == "__main__":
    sys.exit(main())
