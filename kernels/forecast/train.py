"""Training of the quantile network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import FIXED, TRAINED, quantiles_of_seeds, standardise
from kernels.forecast.starting_weights import row_orders, starting_weights
from kernels.forecast.training_loss import RowTensors, forecast_loss, target_weights, weighted_pinball
from kernels.forecast.training_state import (
    MOMENTS,
    Losses,
    Training,
    TrainingRows,
    TrainingState,
    best_epoch,
    require_rows,
    require_state,
    state_at_start,
)
from kernels.network_weights import require_device
from kernels.torch_threads import one_thread

if TYPE_CHECKING:
    import torch

__all__ = ["Training", "TrainingRows", "TrainingState", "train"]


def train(
    config: NetworkConfig,
    rows: TrainingRows,
    pooled: npt.NDArray[np.float64],
    *,
    epochs: int | None = None,
    held_out: TrainingRows | None = None,
    resume: TrainingState | None = None,
    checkpoint: Callable[[TrainingState], None] | None = None,
    log: Callable[[str], None] | None = None,
    device: str = "cpu",
) -> Training:
    """Train a quantile network from the forecast that the pooled quantiles make for every bar.

    AdamW with a cosine schedule over `config.epochs`; every row once an epoch for each seed, in batches of nearly equal
    size. On the CPU one thread computes, and the same arguments give the same bytes, in one go or resumed.

    Args:
        config: of the network and its training.
        rows: to train on; at least `MIN_ROWS`. A horizon without a known target keeps the pooled forecast.
        pooled: float64 [H, Q], quantiles in units of the anchor scale; finite, not falling along Q.
        epochs: stop after so many, 0 to `config.epochs`, the schedule as it is; None = all.
        held_out: rows to stop early by: after `config.patience` epochs without a lower loss. Epoch 0 counts.
        resume: a state that `checkpoint` was given, of the same config, rows, pooled quantiles and device.
        checkpoint: called with the state after each epoch; what it raises ends training.
        log: called with a line after each epoch.
        device: "cpu" or "cuda".

    Raises:
        InvalidInputError: wrong or too few rows, wrong pooled quantiles, epochs, device or state, or a loss or weights
            that are no longer finite.
        BackendUnavailableError: "cuda" where PyTorch has no CUDA device.
    """
    epochs = config.epochs if epochs is None else epochs
    _require_epochs(config, epochs)
    require_device("the training", device)
    require_rows(config, rows, held_out)
    start = state_at_start(starting_weights(config, rows.inputs, pooled))
    if resume is not None:
        require_state(resume, start, epochs, held_out=held_out is not None)
    with one_thread():
        return _train(config, rows, epochs, held_out, resume or start, checkpoint, log, device)


def _train(
    config: NetworkConfig,
    rows: TrainingRows,
    epochs: int,
    held_out: TrainingRows | None,
    state: TrainingState,
    checkpoint: Callable[[TrainingState], None] | None,
    log: Callable[[str], None] | None,
    device: str,
) -> Training:
    import torch

    levels = torch.tensor(config.levels, dtype=torch.float32, device=device)
    trained_on = _on_device(rows, device)
    held = None if held_out is None else _on_device(held_out, device)
    batches = math.ceil(len(rows.inputs) / config.batch_rows)
    network = {name: torch.tensor(state.arrays[name], device=device) for name in (*FIXED, *TRAINED)}
    optimizer = _adamw(config, network, state, batches)
    # One array, so that a batch is gathered in one go.
    table = torch.cat([standardise(network, trained_on.inputs), trained_on.targets, trained_on.weights], dim=1)
    widths = [each.shape[1] for each in trained_on]

    if not state.losses:
        losses = (forecast_loss(network, config, trained_on, levels), _held_out_loss(network, config, held, levels))
        state = TrainingState(0, state.arrays, (losses,))
        _require_finite(state)
    begun, done_before = time.perf_counter(), state.epoch
    while state.epoch < epochs and state.epoch - best_epoch(state.losses) < config.patience:
        epoch, total = state.epoch + 1, torch.zeros((), dtype=torch.float64, device=device)
        order = torch.from_numpy(row_orders(config, epoch, len(rows.inputs))).to(device)
        for step, batch in enumerate(order.tensor_split(batches, dim=1)):
            share = (state.epoch * batches + step) / (config.epochs * batches)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))
            optimizer.zero_grad()
            for part in batch.chunk(config.micro_batches, dim=1):
                # [S, N, ...] to [S, ..., N].
                inputs, targets, weights = table[part].mT.contiguous().split_with_sizes(widths, dim=1)
                with torch.autocast(device, dtype=torch.bfloat16, enabled=config.precision == "bfloat16"):
                    quantiles = quantiles_of_seeds(network, config.median, inputs)
                loss = weighted_pinball(quantiles, targets, weights, levels).sum()
                torch.autograd.backward(loss / batch.shape[1])
                total += loss.detach().double()
            optimizer.step()
        losses = (
            float(total) / (len(rows.inputs) * len(config.seeds)),
            _held_out_loss(network, config, held, levels),
        )
        state = _state_after(epoch, network, optimizer, state, losses)
        _require_finite(state)
        if checkpoint is not None:
            checkpoint(state)
        if log is not None:
            seconds = (time.perf_counter() - begun) / (epoch - done_before)
            log(_progress(state, epochs, len(rows.inputs), seconds))
    best = {name: state.arrays[f"best.{name}"] for name in TRAINED}
    return Training(
        weights={name: state.arrays[name] for name in FIXED} | best,
        epochs=best_epoch(state.losses),
        train_loss=tuple(each for each, _ in state.losses),
        held_out_loss=tuple(each for _, each in state.losses if each is not None),
    )


def _on_device(rows: TrainingRows, device: str) -> RowTensors:
    import torch

    arrays = rows.inputs, np.nan_to_num(rows.targets), target_weights(rows.targets)
    return RowTensors(*(torch.tensor(each, device=device) for each in arrays))


def _adamw(
    config: NetworkConfig, network: Mapping[str, torch.Tensor], state: TrainingState, batches: int
) -> torch.optim.AdamW:
    """AdamW over the trained weights as the state left it; the middle quantiles aren't drawn towards 0."""
    import torch

    decayed = [network[name].requires_grad_() for name in TRAINED if name != "middle"]
    groups: list[dict[str, Any]] = [
        {"params": decayed},
        {"params": [network["middle"].requires_grad_()], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
    for name in TRAINED:
        weights = network[name]
        moments = {kind: torch.tensor(state.arrays[f"{kind}.{name}"], device=weights.device) for kind in MOMENTS}
        optimizer.state[weights] = moments | {"step": torch.tensor(float(state.epoch * batches))}
    return optimizer


def _held_out_loss(
    network: Mapping[str, torch.Tensor], config: NetworkConfig, held_out: RowTensors | None, levels: torch.Tensor
) -> float | None:
    return None if held_out is None else forecast_loss(network, config, held_out, levels)


def _state_after(
    epoch: int,
    network: Mapping[str, torch.Tensor],
    optimizer: torch.optim.AdamW,
    before: TrainingState,
    losses: tuple[float, float | None],
) -> TrainingState:
    weights = {name: _copied(values) for name, values in network.items()}
    moments = {f"{kind}.{name}": _copied(optimizer.state[network[name]][kind]) for kind in MOMENTS for name in TRAINED}
    all_losses: Losses = (*before.losses, losses)
    source, prefix = (weights, "") if best_epoch(all_losses) == epoch else (before.arrays, "best.")
    best = {f"best.{name}": source[prefix + name] for name in TRAINED}
    return TrainingState(epoch, weights | moments | best, all_losses)


def _copied(values: torch.Tensor) -> npt.NDArray[np.float32]:
    return values.detach().cpu().numpy().copy()


def _progress(state: TrainingState, epochs: int, rows: int, seconds: float) -> str:
    training, held_out = state.losses[-1]
    held = "" if held_out is None else f", held-out loss {held_out:.5f}"
    left = (epochs - state.epoch) * seconds
    return (
        f"epoch {state.epoch} of {epochs}: training loss {training:.5f}{held}, "
        f"{rows / seconds:,.0f} rows/s, at most {left:,.0f} s left"
    )


def _require_finite(state: TrainingState) -> None:
    training, held_out = state.losses[-1]
    broken = [name for name in TRAINED if not np.isfinite(state.arrays[name]).all()]
    if not math.isfinite(training) or not math.isfinite(held_out or 0.0) or broken:
        raise InvalidInputError(
            f"training, epoch {state.epoch}",
            expected="a finite loss and finite weights",
            got=f"training loss {training}, held-out loss {held_out}, not finite: {', '.join(broken) or 'no weights'}",
            mend="look for extreme targets (anchor scales near 0?), else lower learning_rate or use precision float32",
        )


def _require_epochs(config: NetworkConfig, epochs: int) -> None:
    if isinstance(epochs, bool) or not isinstance(epochs, int) or not 0 <= epochs <= config.epochs:
        raise InvalidInputError(
            "epochs to train",
            expected=f"an integer from 0 to the {config.epochs} of the config",
            got=repr(epochs),
            mend="raise epochs in the config, over which the learning rate falls, or train for fewer",
        )
