"""What training keeps at each check so that it can go on later, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.action_values.network import FIXED, TRAINED
from kernels.errors import InvalidInputError
from kernels.network_weights import Weights

MOMENTS = ("exp_avg", "exp_avg_sq")
"""The two moments of AdamW, as PyTorch calls them."""


class Check(NamedTuple):
    """A measurement: after `step` steps, the mean loss of the steps since the one before, and that of held-out rows.

    Both are pinball losses in units of the anchor's scale. `training` is NaN at step 0, `held_out` without such rows.
    """

    step: int
    training: float
    held_out: float


@dataclass(frozen=True)
class TrainingState:
    """All that training needs to go on after a check, given the same config, terms, batches and pooled quantiles.

    Attributes:
        step: steps done.
        arrays: float32 arrays by name: the weights (`w2`), those of the best check (`best.w2`), and the moments of
            AdamW (`exp_avg.w2`, `exp_avg_sq.w2`).
        checks: so far.
        position: of the batches, as their `state_dict` gave it.
    """

    step: int
    arrays: dict[str, npt.NDArray[np.float32]]
    checks: tuple[Check, ...]
    position: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """A trained network.

    Attributes:
        weights: of the check with the least held-out loss; without held-out rows, of the last.
        step: after so many steps the weights were these; 0 = before any, the anchor.
        steps: taken in all.
        checks: all of them, the one at step 0 first.
        chunk_rows: rows that were computed at once in the end; below the batch where memory was short.
    """

    weights: Weights
    step: int
    steps: int
    checks: tuple[Check, ...]
    chunk_rows: int


def best_check(checks: tuple[Check, ...]) -> int:
    """The place of the first check with the least held-out loss; without held-out rows, of the last."""
    held_out = [each.held_out for each in checks]
    return len(checks) - 1 if np.isnan(held_out).any() else int(np.argmin(held_out))


def state_at_start(weights: Weights) -> TrainingState:
    """The state before the first step, nothing measured."""
    moments = {f"{kind}.{name}": np.zeros_like(weights[name]) for kind in MOMENTS for name in TRAINED}
    return TrainingState(0, weights | moments | {f"best.{name}": weights[name] for name in TRAINED}, (), {})


def require_state(state: TrainingState, start: TrainingState, steps: int, *, held_out: bool) -> None:
    """Raise `InvalidInputError` unless training from `start` over so many steps can have come through `state`."""
    if not 0 <= state.step <= steps or not state.checks or state.checks[-1].step != state.step:
        raise _not_resumable(f"at most {steps} steps, the last one checked", f"{state.step} steps, {state.checks[-1:]}")
    if any(np.isnan(each.held_out) == held_out for each in state.checks):
        raise _not_resumable("held-out losses if, and only if, rows are held out", f"held-out rows: {held_out}")
    shapes = {name: (values.shape, values.dtype) for name, values in state.arrays.items()}
    expected = {name: (values.shape, values.dtype) for name, values in start.arrays.items()}
    if shapes != expected:
        wrong = sorted(name for name in shapes.keys() | expected if shapes.get(name) != expected.get(name))
        raise _not_resumable("the arrays of this config", f"others in {', '.join(wrong)}")
    for name in FIXED:
        if not np.array_equal(state.arrays[name], start.arrays[name]):
            raise _not_resumable(f"the {name} of these pooled quantiles", "another")


def require_finite(state: TrainingState) -> None:
    """Raise `InvalidInputError` if the last losses or any weight are no longer finite."""
    check = state.checks[-1]
    broken = [name for name in TRAINED if not np.isfinite(state.arrays[name]).all()]
    measured = [each for each in (check.training, check.held_out) if not np.isnan(each)]
    lost = state.step > 0 and np.isnan(check.training)
    if broken or lost or not np.isfinite(measured).all():
        raise InvalidInputError(
            f"training of action values, step {state.step}",
            expected="a finite loss and finite weights",
            got=f"training loss {check.training}, held-out loss {check.held_out}, "
            f"not finite: {', '.join(broken) or 'no weights'}",
            mend="lower learning_rate, or use precision float32; if it stays, look for NaN in windows of the dataset",
        )


def _not_resumable(expected: str, got: str) -> InvalidInputError:
    mend = "resume with the config, batches and pooled quantiles that the state is of, or start anew without it"
    return InvalidInputError("state of action values to resume from", expected=expected, got=got, mend=mend)
