"""The quantile network in `make gpu-check`: computed and trained on the GPU and on the CPU, and only then timed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import best_seconds
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS
from kernels.forecast.train import Training, TrainingRows, train
from resources.compiled_package import TOLERANCE, build_compiled, largest_difference
from resources.forecaster import Forecaster

ROWS, TRAINING_ROWS, REPEATS = 35_000, 100_000, 5
CONFIG = NetworkConfig(epochs=3)
LARGEST_LOSS_DIFFERENCE = 1e-3
"""Relative: sums on a GPU are rounded in another order, and training carries that on."""


def check_forecast() -> dict[str, object]:
    """Build a package for the GPU and compare, see `compare`."""
    with tempfile.TemporaryDirectory() as folder:
        build_compiled(Path(folder), CONFIG, len(INPUTS), "cuda")
        return compare(Path(folder), "cuda", ROWS, TRAINING_ROWS)


def compare(folder: Path, device: str, rows: int, training_rows: int) -> dict[str, object]:
    """Train on the CPU and on `device`, compute eagerly on both and by a package on `device`; time what agrees.

    Args:
        folder: of packages; one of `CONFIG` for `device` is among them.
        device: "cuda"; or "cpu", which must agree with itself.
        rows: to compute.
        training_rows: to train on.

    Returns:
        What differs, by how much, and if nothing does: seconds.
    """
    sample = made_rows(training_rows)
    pooled = np.sort(np.random.default_rng(3).normal(size=(len(CONFIG.horizons), len(CONFIG.levels))), axis=1)
    trained: list[Training] = []
    training_seconds = []
    for where in ("cpu", device):
        began = time.perf_counter()
        trained.append(train(CONFIG, sample, pooled, device=where))
        training_seconds.append(round(time.perf_counter() - began, 3))
    weights = trained[0].weights
    inputs = made_rows(rows, seed=2).inputs
    expected = Forecaster(folder, warmup=False).run(CONFIG, weights, inputs)
    ways = {"eager": Forecaster(folder, device, warmup=False), "package": Forecaster(folder, device)}
    errors = {name: largest_difference(way.run(CONFIG, weights, inputs), expected) for name, way in ways.items()}
    losses = [np.array(each.train_loss) for each in trained]
    loss_difference = float(np.max(np.abs(losses[0] - losses[1]) / losses[0]))
    differs = [name for name, error in errors.items() if error > TOLERANCE]
    differs += ["package not used"] if ways["package"].state != "ready" else []
    differs += ["training"] if loss_difference > LARGEST_LOSS_DIFFERENCE else []
    checked = {
        "rows": rows,
        "training_rows": training_rows,
        "differs": differs,
        "largest_difference": errors,
        "loss_difference": loss_difference,
    }
    if differs:
        return checked
    seconds = {
        name: best_seconds(lambda way=way: way.run(CONFIG, weights, inputs), REPEATS) for name, way in ways.items()
    }
    return checked | {"seconds": seconds, "training_seconds_cpu_and_device": training_seconds}


def made_rows(count: int, seed: int = 1) -> TrainingRows:
    """Rows whose spread depends on an input."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count, len(INPUTS))).astype(np.float32)
    targets = random.normal(size=(count, len(CONFIG.horizons))) * np.exp(0.3 * inputs[:, :1])
    return TrainingRows(inputs, targets.astype(np.float32))
