"""Samples for tests of the action values: windows, accounts, actions and labels of a made-up market, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from kernels.action_values import Terms
from kernels.samples import gather_windows

LOOKBACK, FORWARD = 16, 10
TERMS = Terms(LOOKBACK, FORWARD)

Float32Array = npt.NDArray[np.float32]


def random_panel(seed: int, series: int, sessions: int, volatility: float = 0.02) -> Float32Array:
    """Bars float32 [S, T, 5] of random walks, as `kernels.samples.sample_panel` gives them."""
    rng = np.random.default_rng(seed)
    close = np.cumsum(volatility * rng.standard_normal((series, sessions)), axis=1)
    opened = np.roll(close, 1, axis=1) + 0.3 * volatility * rng.standard_normal(close.shape)
    high = np.maximum(opened, close) + 0.3 * volatility * rng.random(close.shape)
    low = np.minimum(opened, close) - 0.3 * volatility * rng.random(close.shape)
    prices = 50.0 * np.exp(np.stack([opened, high, low, close], axis=-1))
    volume = 14.0 + 0.3 * rng.standard_normal((*close.shape, 1))
    return np.concatenate([prices, volume], axis=-1).astype(np.float32)


def accounts(seed: int, rows: int) -> Float32Array:
    """States float32 [rows, 15]: flat, long, short and both in turn, NaN where there is no leg."""
    rng = np.random.default_rng([seed, 1])
    states = np.zeros((rows, 15), dtype=np.float32)
    states[:, 0] = rng.uniform(1e4, 1e5, rows)
    kind = np.arange(rows) % 4
    long, short = (kind == 1) | (kind == 3), (kind == 2) | (kind == 3)
    states[:, 2] = np.where(long, states[:, 0] * rng.uniform(0.1, 0.8, rows), 0.0)
    states[:, 3] = np.where(short, states[:, 0] * rng.uniform(0.1, 0.8, rows), 0.0)
    states[:, 1] = states[:, 0] - states[:, 2] + states[:, 3]
    states[:, 4] = (states[:, 2] + states[:, 3]) / states[:, 0]
    for held, entry, age, profit, stop, target, side in (
        (long, 5, 7, 9, 11, 12, 1.0),
        (short, 6, 8, 10, 13, 14, -1.0),
    ):
        states[:, entry] = np.where(held, rng.uniform(0.9, 1.1, rows), np.nan)
        states[:, age] = np.where(held, rng.integers(1, LOOKBACK, rows), 0)
        states[:, profit] = np.where(held, side * states[:, 2 if side > 0 else 3] * (1 - states[:, entry]), 0.0)
        states[:, stop] = np.where(held, 1.0 - side * rng.uniform(0.02, 0.1, rows), np.nan)
        states[:, target] = np.where(held, 1.0 + side * rng.uniform(0.02, 0.1, rows), np.nan)
    return states


def orders(seed: int, states: Float32Array, choices: int) -> Float32Array:
    """Actions float32 [rows, choices, 7]: a hold first, then legs drawn anew."""
    rows = len(states)
    actions = np.empty((rows, choices, 7), dtype=np.float32)
    actions[:, 0] = np.column_stack([np.ones(rows), states[:, [2, 3, 11, 12, 13, 14]]])
    for choice in range(1, choices):
        drawn = accounts(seed + 100 * choice, rows)
        drawn = drawn[np.random.default_rng([seed, choice]).permutation(rows)]
        scale = states[:, 0] / drawn[:, 0]
        legs = drawn[:, [2, 3, 11, 12, 13, 14]] * np.column_stack([scale, scale, *[np.ones(rows)] * 4])
        actions[:, choice] = np.column_stack([np.zeros(rows), legs])
    return actions


def questions(seed: int, rows: int, choices: int = 3) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Windows, states and actions as `ActionValues.quantiles` takes them."""
    panel = random_panel(seed, rows, LOOKBACK)
    places = np.arange(rows, dtype=np.int32)
    windows = gather_windows(panel, places, np.full(rows, LOOKBACK - 1, dtype=np.int32), LOOKBACK)
    states = accounts(seed, rows)
    return windows, states, orders(seed, states, choices)


def long_batch(
    panel: Float32Array, instrument: npt.NDArray[np.int32], session: npt.NDArray[np.int32], shown: int = 0
) -> dict[str, torch.Tensor]:
    """Accounts that go long or short without stops at `session`, and what the next `FORWARD` sessions make of them.

    The window ends `shown` sessions after the decision: 0 is honest, more is a leak.
    """
    rows = len(session)
    windows = gather_windows(panel, instrument, session + np.int32(shown), LOOKBACK)
    states = np.full((rows, 15), np.nan, dtype=np.float32)
    states[:, :5] = (1e4, 1e4, 0.0, 0.0, 0.0)
    states[:, 7:11] = 0.0
    actions = np.full((rows, 7), np.nan, dtype=np.float32)
    long = np.arange(rows) % 2 == 0
    actions[:, 0], actions[:, 1], actions[:, 2] = 0.0, np.where(long, 5e3, 0.0), np.where(long, 0.0, 5e3)
    close = panel[:, :, 3].astype(np.float64)
    moved = close[instrument, session + FORWARD] / close[instrument, session] - 1.0
    label = np.zeros((rows, 13), dtype=np.float32)
    label[:, 0] = np.where(long, 0.5, -0.5) * moved
    arrays = {"window": windows, "state": states, "action": actions, "label": label}
    return {name: torch.from_numpy(values) for name, values in arrays.items()}


class ListedBatches:
    """Batches in memory: shuffled anew each epoch, and resumable like a `SampleLoader`."""

    def __init__(self, batch: dict[str, torch.Tensor], rows: int) -> None:
        self._batch, self._rows = batch, rows
        self._epoch = self._done = 0

    def __len__(self) -> int:
        return -(-len(self._batch["window"]) // self._rows)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        order = torch.from_numpy(np.random.default_rng(self._epoch).permutation(len(self._batch["window"])))
        parts = order.split(self._rows)
        for part in parts[self._done :]:
            self._done += 1
            yield {name: values[part] for name, values in self._batch.items()}
        self.set_epoch(self._epoch + 1)

    def set_epoch(self, epoch: int) -> None:
        self._epoch, self._done = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch, self._done = state["epoch"], state["done"]
