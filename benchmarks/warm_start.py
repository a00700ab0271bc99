"""Time how soon a fresh process forecasts by the quantile network, and how fast it goes on: one batch, or many calls.

Run from the project root: `python -m benchmarks.warm_start`. Writes `benchmarks/results/warm_start.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS
from kernels.forecast.network import build_module, network_shapes
from kernels.network_weights import Weights
from kernels.torch_threads import one_thread
from resources.compiled_package import TOLERANCE, build_compiled, largest_difference
from resources.forecaster import Forecaster
from resources.network_blocks import BLOCK_ROWS

ORIGINS, SYMBOLS, REPEATS = 70, 500, 5
CONFIG, FEATURES = NetworkConfig(), len(INPUTS)
WAYS = {"package": 3, "eager": 3, "torch.compile, no cache": 1}
"""How a fresh process computes its first batch, and how many processes are timed."""


def main() -> None:
    """Build a package, time fresh processes, then the batch in this one; print and write."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        compiled = build_compiled(Path(folder), CONFIG, FEATURES)
        built = time.perf_counter() - began
        result: dict[str, object] = {
            "machine": machine() | {"torch": version("torch")},
            "features": FEATURES,
            "parameters": sum(int(np.prod(shape)) for shape in network_shapes(CONFIG, FEATURES).values()),
            "package": {
                "build_seconds": round(built, 1),
                "bytes": compiled.bytes,
                "self_test_error": compiled.error,
            },
            "fresh process, seconds": {way: _fresh(way, folder, processes) for way, processes in WAYS.items()},
            "35,000 rows": _batch(folder),
        }
    report(result, RESULTS / "warm_start.json")


def _fresh(way: str, folder: str, processes: int) -> dict[str, float]:
    """The best of some processes, for each part of their start."""
    parts: list[dict[str, float]] = []
    for _ in range(processes):
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.warm_start", way, folder],
                env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": empty},
                capture_output=True,
                text=True,
                check=True,
            )
        parts.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: round(min(each[name] for each in parts), 4) for name in parts[0]}


def start(way: str, folder: str) -> dict[str, float]:
    """What a fresh process takes; its modules were imported before, all but torch."""
    began = time.perf_counter()
    import torch

    imported = time.perf_counter()
    weights, inputs = _weights(), _inputs(BLOCK_ROWS)
    ready = time.perf_counter()
    if way == "torch.compile, no cache":
        call = torch.compile(build_module(CONFIG, weights))
        with torch.inference_mode():
            made = call(torch.from_numpy(inputs)).numpy()
    else:
        forecaster = Forecaster(folder, warmup=way == "package")
        made = forecaster.run(CONFIG, weights, inputs)
        assert forecaster.state == ("ready" if way == "package" else "switched off"), forecaster.reason
    done = time.perf_counter()
    assert made.shape == (BLOCK_ROWS, len(CONFIG.horizons), len(CONFIG.levels))
    return {"import torch": imported - began, "beyond it, to the end of the first batch": done - ready}


def _batch(folder: str) -> dict[str, object]:
    """70 origins of 500 symbols: at once, or a call for each symbol."""
    import torch

    weights, inputs = _weights(), _inputs(ORIGINS * SYMBOLS)
    packaged, eager = Forecaster(folder), Forecaster(folder, warmup=False)
    module = build_module(CONFIG, weights)
    parts = np.split(inputs, SYMBOLS)
    workers = min(32, (os.cpu_count() or 1) + 4)

    def of_symbol(part: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(part)).numpy()

    def in_a_loop() -> np.ndarray:
        return np.concatenate([of_symbol(part) for part in parts])

    def on_one_thread() -> np.ndarray:
        with one_thread():
            return in_a_loop()

    def in_threads() -> np.ndarray:
        with ThreadPoolExecutor(workers) as pool:
            return np.concatenate(list(pool.map(of_symbol, parts)))

    ways: dict[str, Callable[[], np.ndarray]] = {
        "package, one batch": lambda: packaged.run(CONFIG, weights, inputs),
        "eager, one batch": lambda: eager.run(CONFIG, weights, inputs),
        f"eager, a loop over symbols, {torch.get_num_threads()} threads of torch": in_a_loop,
        "eager, a loop over symbols, 1 thread of torch": on_one_thread,
        f"eager, a pool of {workers} threads over symbols": in_threads,
    }
    expected = ways["eager, one batch"]()
    differs = {name: largest_difference(way(), expected) for name, way in ways.items()}
    assert max(differs.values()) <= TOLERANCE, differs
    assert packaged.state == "ready", packaged.reason
    seconds = {name: best_seconds(way, REPEATS) for name, way in ways.items()}
    return {
        "seconds, best of 5": seconds,
        "times the package's": {name: round(each / seconds["package, one batch"], 1) for name, each in seconds.items()},
        "largest difference to eager": {name: float(f"{each:.2g}") for name, each in differs.items()},
    }


def _weights() -> Weights:
    random = np.random.default_rng(7)
    weights = {
        name: random.normal(0.0, 0.2, shape).astype(np.float32)
        for name, shape in network_shapes(CONFIG, FEATURES).items()
    }
    return weights | {name: np.abs(weights[name]) + np.float32(0.5) for name in ("gaps", "input_deviation")}


def _inputs(rows: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((rows, FEATURES), dtype=np.float32)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(start(*sys.argv[1:])))
    else:
        main()
