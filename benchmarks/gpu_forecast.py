"""The quantile network in `make gpu-check`: computed and trained on the GPU and on the CPU, and only then timed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.machine import best_seconds
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS
from kernels.forecast.train import Training, TrainingRows, train
from resources.compiled_package import TOLERANCE, build_compiled, largest_difference
from resources.forecaster import Forecaster

REPEATS = 5
CONFIG = NetworkConfig(epochs=3)
LARGEST_LOSS_DIFFERENCE = 1e-3
"""Relative: sums on a GPU are rounded in another order, and training carries that on."""


class ForecastSizes(NamedTuple):
    """Rows that are computed, and rows that are trained on."""

    rows: int = 35_000
    training_rows: int = 100_000


SIZES = ForecastSizes()


def check_forecast(
    sizes: ForecastSizes = SIZES,
    device: str = "cuda",
    save: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Compare without a package, then build one for `device` and compare with it, see `compare`.

    `save` is given what is known before the package is built, which takes longest and needs a compiler.
    """
    save(compare(None, device, *sizes))
    with tempfile.TemporaryDirectory() as folder:
        build_compiled(Path(folder), CONFIG, len(INPUTS), device)
        return compare(Path(folder), device, *sizes)


def compare(folder: Path | None, device: str, rows: int, training_rows: int) -> dict[str, Any]:
    """Train on the CPU and on `device`, compute eagerly on both and by a package on `device`; time what agrees.

    Args:
        folder: of packages, one of `CONFIG` for `device` among them; None = no package is looked at.
        device: "cuda"; or "cpu", which must agree with itself.
        rows: to compute.
        training_rows: to train on.

    Returns:
        What differs, by how much, and if nothing does: seconds, and how many times as fast `device` is.
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
    nowhere = Path(tempfile.gettempdir())
    on_cpu = Forecaster(nowhere, warmup=False)
    expected = on_cpu.run(CONFIG, weights, inputs)
    ways = {"eager": Forecaster(nowhere, device, warmup=False)}
    if folder is not None:
        ways["package"] = Forecaster(folder, device)
    errors = {name: largest_difference(way.run(CONFIG, weights, inputs), expected) for name, way in ways.items()}
    losses = [np.array(each.train_loss) for each in trained]
    loss_difference = float(np.max(np.abs(losses[0] - losses[1]) / losses[0]))
    differs = [name for name, error in errors.items() if error > TOLERANCE]
    differs += ["package not used"] if folder is not None and ways["package"].state != "ready" else []
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
    ways["eager on the CPU"] = on_cpu
    seconds = {
        name: best_seconds(lambda way=way: way.run(CONFIG, weights, inputs), REPEATS) for name, way in ways.items()
    }
    return checked | {
        "seconds": seconds,
        "times_as_fast_as_the_cpu": round(seconds["eager on the CPU"] / max(seconds["eager"], 1e-9), 2),
        "training_seconds_cpu_and_device": training_seconds,
    }


def made_rows(count: int, seed: int = 1) -> TrainingRows:
    """Rows whose spread depends on an input."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count, len(INPUTS))).astype(np.float32)
    targets = random.normal(size=(count, len(CONFIG.horizons))) * np.exp(0.3 * inputs[:, :1])
    return TrainingRows(inputs, targets.astype(np.float32))
