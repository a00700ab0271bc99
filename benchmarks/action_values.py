"""Train and judge action-value networks on a dataset of samples, without Dagster.

Run from the project root: `python -m benchmarks.action_values <lake>/synthetic_samples/<dataset>`. It trains a network
for each of the `--windows`, on the rows of the dataset, and prints losses, skill and coverage by split as JSON; the
first `--played` test rows are also judged against random walks that the simulator plays. `--json` names a file for it.
`--epochs`, `--rows` and `--played` make it shorter.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.machine import machine, report
from benchmarks.played_walks import played_quantiles
from kernels.action_values import ActionValueConfig, ActionValues, judge
from kernels.action_values.config import WINDOW_KINDS
from resources.action_training import (
    TrainingData,
    judge_on,
    open_training_data,
    outcomes_of,
    stored_batches,
    train_on,
)

PARITY_ROWS = 300


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, check that the answers don't depend on the batch, judge, print and write."""
    parser = argparse.ArgumentParser(description="Train and judge action-value networks on a dataset of samples.")
    parser.add_argument("folder", help="of the dataset, <lake>/synthetic_samples/<dataset>")
    parser.add_argument("--windows", nargs="+", default=list(WINDOW_KINDS), help="what is told of a window")
    parser.add_argument("--epochs", type=int, default=ActionValueConfig().epochs)
    parser.add_argument("--rows", type=int, default=200_000, help="judged of each split, at most")
    parser.add_argument("--played", type=int, default=2_000, help="test rows judged against played random walks")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args(arguments)
    data = open_training_data(given.folder)
    config = ActionValueConfig(epochs=given.epochs, precision=given.precision)
    result: dict[str, object] = {
        "machine": machine() | {"torch": version("torch"), "device": _device_name(given.device)},
        "dataset": {
            "rows": dict(data.rows),
            "lookback": data.terms.lookback,
            "forward": data.terms.forward,
            "blocks": data.manifest["blocks"],
            "symbols": len(data.manifest["symbols"]),
            "held_out_symbols": len(data.manifest["held_out"]),
        },
        "unit": "CRPS in log return; skill = 1 - CRPS / CRPS of the baseline, sessions weighing the same; "
        "95 % intervals by a stationary bootstrap over sessions",
        "networks": {window: _measured(data, replace(config, window=window), given) for window in given.windows},
    }
    report(result, given.json)


def _measured(data: TrainingData, config: ActionValueConfig, given: argparse.Namespace) -> dict[str, object]:
    began = time.perf_counter()
    trained = train_on(data, config, device=given.device, log=print)
    seconds = time.perf_counter() - began
    values = ActionValues(config, data.terms, trained.training.weights, given.device)
    _require_parity(values)
    began = time.perf_counter()
    verdicts = judge_on(data, values, trained.baselines, rows=given.rows)
    return {
        "config": config.as_json(),
        "steps": trained.training.steps,
        "weights_after_step": trained.training.step,
        "checks": [check._asdict() for check in trained.training.checks[1:]],
        "train_seconds": round(seconds, 1),
        "train_rows_per_second": round(
            trained.training.steps * config.accumulation * config.batch_rows / max(seconds, 1e-9)
        ),
        "judge_seconds": round(time.perf_counter() - began, 1),
        "verdicts": {split: [each.as_json() for each in found] for split, found in verdicts.items()},
        "against_played_walks": _against_played_walks(data, values, given.played),
    }


def _against_played_walks(data: TrainingData, values: ActionValues, count: int) -> dict[str, object] | None:
    """The network's skill over random walks that the simulator plays, on the first test rows."""
    if not (count and data.rows["test"]):
        return None
    [batch] = stored_batches(data, "test", min(count, 8192))
    outcome = outcomes_of(batch, data.terms, values.config.window).outcome
    quantiles = values.quantiles(batch["window"], batch["state"], batch["action"][:, np.newaxis])[:, 0]
    max_leverage = float(data.manifest["settings"]["max_leverage"])
    played = played_quantiles(batch, data.terms, max_leverage, values.levels)
    everything = {"all": np.ones(len(outcome), dtype=bool)}
    [verdict] = judge(
        quantiles, {"played": played}, outcome, batch["session"], everything, values.levels, values.forward
    )
    return verdict.as_json()


def _require_parity(values: ActionValues) -> None:
    """Stop unless rows have the same bytes alone and among others."""
    rng = np.random.default_rng(3)
    steps = 0.02 * rng.standard_normal((PARITY_ROWS, values.lookback, 5))
    windows = np.exp(np.cumsum(steps, axis=1)).astype(np.float32)
    states = np.full((PARITY_ROWS, 15), np.nan, dtype=np.float32)
    states[:, :5] = (5e4, 5e4, 0.0, 0.0, 0.0)
    states[:, 7:11] = 0.0
    actions = np.full((PARITY_ROWS, 1, 7), np.nan, dtype=np.float32)
    actions[:, 0, :5] = (0.0, 1e4, 0.0, 0.95, 1.05)
    together = values.quantiles(windows, states, actions)
    for row in range(0, PARITY_ROWS, 50):
        alone = values.quantiles(windows[row : row + 1], states[row : row + 1], actions[row : row + 1])
        assert np.array_equal(alone[0], together[row])


def _device_name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


if __name__ == "__main__":
    main()
