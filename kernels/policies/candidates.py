"""States and candidates in the columns of the samples, from what the simulator says an account holds."""

from __future__ import annotations

import numpy as np

from kernels.panel import Float64Array1D
from kernels.policies.model import (
    ACTION_COLUMNS,
    FLAT,
    HOLD,
    STATE_COLUMNS,
    CandidateGrid,
    Float32Array2D,
    Float32Array3D,
)
from kernels.samples.model import CAP_MARGIN
from kernels.trading.holdings import Holdings
from kernels.trading.model import LEGS


def states_of(held: Holdings, close: Float64Array1D, lookback: int) -> Float32Array2D:
    """The states of N accounts with equity, in the columns of the samples.

    As there, equity, values, entries and levels are rounded to float32 first, and the rest is computed from the rounded
    numbers. An age is kept within 1 .. lookback - 1, which is what samples are drawn with: a leg that was opened before
    the window counts as opened in its second bar.

    Args:
        held: the accounts at the close of the decision; each equity above 0.
        close: float64 [N], dollars.
        lookback: bars of a window.

    Returns:
        float32 [N, 15], `STATE_COLUMNS`; NaN where a leg has no entry, stop or target.
    """
    equity = _rounded(held.equity)
    columns = {"state_equity": equity}
    value = {leg: _rounded(held.shares[:, place] * close) for place, leg in enumerate(LEGS)}
    columns["state_cash"] = equity - value["long"] + value["short"]
    columns["state_leverage"] = (value["long"] + value["short"]) / equity
    for place, leg in enumerate(LEGS):
        is_held = value[leg] > 0.0
        entry = _rounded(held.entry[:, place] / close)
        gain = 1.0 - entry if leg == "long" else entry - 1.0
        columns |= {
            f"state_{leg}_value": value[leg],
            f"state_{leg}_entry": np.where(is_held, entry, np.nan),
            f"state_{leg}_age": np.where(is_held, np.clip(held.age[:, place], 1, lookback - 1), 0),
            f"state_{leg}_profit": np.where(is_held, value[leg] * gain, 0.0),
            f"state_{leg}_stop": np.where(is_held, held.stop[:, place] / close, np.nan),
            f"state_{leg}_target": np.where(is_held, held.target[:, place] / close, np.nan),
        }
    return np.stack([columns[name].astype(np.float32) for name in STATE_COLUMNS], axis=1)


def candidates(states: Float32Array2D, grid: CandidateGrid, max_leverage: float) -> Float32Array3D:
    """The candidates of N states, in the columns of the samples.

    Hold repeats values and levels of the state. Flat has no leg. The others hold one leg, worth its share of the
    equity, or as much as the leverage cap lets it be after rounding to float32.

    Args:
        states: float32 [N, 15], `STATE_COLUMNS`; each equity above 0.
        grid: of A - 2 placed candidates.
        max_leverage: of the dataset.

    Returns:
        float32 [N, A, 7], `ACTION_COLUMNS`, in the order of `CandidateGrid.names`.
    """
    actions = np.full((len(states), len(grid.names), len(ACTION_COLUMNS)), np.nan, dtype=np.float32)
    for column, name in enumerate(ACTION_COLUMNS):
        if name != "action_hold":
            actions[:, HOLD, column] = states[:, STATE_COLUMNS.index(name.replace("action", "state"))]
    hold, values = ACTION_COLUMNS.index("action_hold"), [ACTION_COLUMNS.index(f"action_{leg}_value") for leg in LEGS]
    actions[:, :, hold] = 0.0
    actions[:, HOLD, hold] = 1.0
    actions[:, FLAT:, values] = 0.0
    equity = states[:, STATE_COLUMNS.index("state_equity")].astype(np.float64)
    for place, (leg, share, stop, target) in enumerate(grid.placed, FLAT + 1):
        sign = 1.0 if leg == "long" else -1.0
        actions[:, place, values[LEGS.index(leg)]] = np.minimum(share, max_leverage * CAP_MARGIN) * equity
        actions[:, place, ACTION_COLUMNS.index(f"action_{leg}_stop")] = 1.0 - sign * stop
        actions[:, place, ACTION_COLUMNS.index(f"action_{leg}_target")] = 1.0 + sign * target
    return actions


def _rounded(values: Float64Array1D) -> Float64Array1D:
    """The float32 next to each value, as float64."""
    return values.astype(np.float32).astype(np.float64)
