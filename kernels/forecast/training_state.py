"""What training takes in, what it keeps after each epoch so that it can go on later, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import FIXED, TRAINED
from kernels.network_weights import Weights

MIN_ROWS = 32
"""The fewest rows that a network is trained on."""

MOMENTS = ("exp_avg", "exp_avg_sq")
"""The two moments of AdamW, as PyTorch calls them."""

Losses = tuple[tuple[float, float | None], ...]
"""The loss on the training rows and on the held-out rows, from epoch 0 on; None without held-out rows."""


@dataclass(frozen=True)
class TrainingRows:
    """Bars with what is known at them and what came after.

    Attributes:
        inputs: float32 [N, F], C-contiguous, finite: features as they are.
        targets: float32 [N, H], C-contiguous: log return over the horizon divided by the anchor scale; NaN = unknown.

    Raises:
        InvalidInputError: a wrong shape or dtype, or a value that isn't allowed.
    """

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, values in (("inputs", self.inputs), ("targets", self.targets)):
            fit = values.dtype == np.float32 and values.ndim == 2 and len(values) == len(self.inputs)
            if not fit or not values.flags.c_contiguous:
                raise InvalidInputError(
                    f"TrainingRows.{name}",
                    expected="C-contiguous float32 of two dimensions, as many rows of targets as of inputs",
                    got=f"{values.dtype} of shape {values.shape}, C-contiguous: {values.flags.c_contiguous}",
                    mend="pass np.ascontiguousarray(values, dtype=np.float32)",
                )
        _require_allowed("inputs", self.inputs, np.isfinite(self.inputs), "finite numbers")
        _require_allowed("targets", self.targets, ~np.isinf(self.targets), "finite numbers, and NaN where unknown")


@dataclass(frozen=True)
class TrainingState:
    """All that training needs to go on after an epoch, given the same config, rows, pooled quantiles and device.

    Attributes:
        epoch: epochs done.
        arrays: float32 arrays by name: the weights as they are (`w1`), those of the best epoch (`best.w1`), and the
            moments of AdamW (`exp_avg.w1`, `exp_avg_sq.w1`).
        losses: epoch + 1 pairs.
    """

    epoch: int
    arrays: dict[str, npt.NDArray[np.float32]]
    losses: Losses


@dataclass(frozen=True)
class Training:
    """A trained network.

    Attributes:
        weights: of the epoch with the least held-out loss; without held-out rows, of the last.
        epochs: the epoch that the weights are of; 0 = before any step.
        train_loss: from epoch 0 on; of the forecast at epoch 0, afterwards the mean over steps and seeds, each step's
            as it was before it.
        held_out_loss: of the forecast, from epoch 0 on; empty without held-out rows.
    """

    weights: Weights
    epochs: int
    train_loss: tuple[float, ...]
    held_out_loss: tuple[float, ...]


def best_epoch(losses: Losses) -> int:
    """The first epoch with the least held-out loss; without held-out rows, the last."""
    held_out = [each for _, each in losses if each is not None]
    return held_out.index(min(held_out)) if held_out else len(losses) - 1


def state_at_start(weights: Weights) -> TrainingState:
    """The state before the first epoch, no loss known."""
    moments = {f"{kind}.{name}": np.zeros_like(weights[name]) for kind in MOMENTS for name in TRAINED}
    return TrainingState(0, weights | moments | {f"best.{name}": weights[name] for name in TRAINED}, ())


def require_rows(config: NetworkConfig, rows: TrainingRows, held_out: TrainingRows | None) -> None:
    """Raise `InvalidInputError` unless there are enough rows, with targets, and the held-out rows are of their kind."""
    if len(rows.inputs) < MIN_ROWS:
        raise InvalidInputError(
            "training rows",
            expected=f"at least {MIN_ROWS} rows",
            got=str(len(rows.inputs)),
            mend="train on more symbols or a longer history",
        )
    features = rows.inputs.shape[1]
    for name, each in (("training rows", rows), ("held-out rows", held_out)):
        if each is None:
            continue
        shapes = (each.inputs.shape[1], each.targets.shape[1])
        if shapes != (features, len(config.horizons)) or features == 0:
            raise InvalidInputError(
                name,
                expected=f"{features or 'some'} inputs, as in training, and {len(config.horizons)} targets",
                got=f"{shapes[0]} inputs and {shapes[1]} targets",
                mend="make both sets of rows with the same features, for the horizons of the config",
            )
        if np.isnan(each.targets).all():
            raise InvalidInputError(
                name,
                expected="at least one known target",
                got=f"{len(each.targets)} rows, no target known",
                mend="leave out the rows whose future isn't known yet" if each is rows else "hold out other rows",
            )


def require_state(state: TrainingState, start: TrainingState, epochs: int, *, held_out: bool) -> None:
    """Raise `InvalidInputError` unless training from `start` over so many epochs can have come through `state`."""
    if not 0 <= state.epoch <= epochs or len(state.losses) != state.epoch + 1:
        got = f"{state.epoch} epochs done and {len(state.losses)} losses"
        raise _not_resumable(f"at most {epochs} epochs done, and one pair of losses more", got)
    if any((each is not None) != held_out for _, each in state.losses):
        raise _not_resumable("held-out losses if, and only if, rows are held out", f"held-out rows: {held_out}")
    shapes = {name: (values.shape, values.dtype) for name, values in state.arrays.items()}
    expected = {name: (values.shape, values.dtype) for name, values in start.arrays.items()}
    if shapes != expected:
        wrong = sorted(name for name in shapes.keys() | expected if shapes.get(name) != expected.get(name))
        raise _not_resumable("the arrays of this config", f"others in {', '.join(wrong)}")
    for name in FIXED:
        if not np.array_equal(state.arrays[name], start.arrays[name]):
            raise _not_resumable(f"the {name} of these rows and pooled quantiles", "another")


def _not_resumable(expected: str, got: str) -> InvalidInputError:
    mend = "resume with the config, rows and pooled quantiles that the state is of, or start anew without it"
    return InvalidInputError("state to resume from", expected=expected, got=got, mend=mend)


def _require_allowed(name: str, values: npt.NDArray[np.float32], allowed: npt.NDArray[np.bool_], expected: str) -> None:
    if not allowed.all():
        row, column = np.argwhere(~allowed)[0].tolist()
        raise InvalidInputError(
            f"TrainingRows.{name}",
            expected=expected,
            got=f"{float(values[row, column])} in row {row}, column {column}",
            mend="leave out the rows whose features aren't all known",
        )
