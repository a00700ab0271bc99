"""Training of the action-value network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kernels.action_values.chunks import Chunks
from kernels.action_values.config import ActionValueConfig, Terms
from kernels.action_values.network import FIXED, TRAINED, as_tensors, starting_weights
from kernels.action_values.rows import Batches, Rows
from kernels.action_values.training_state import (
    MOMENTS,
    Check,
    Training,
    TrainingState,
    best_check,
    require_finite,
    require_state,
    state_at_start,
)
from kernels.errors import InvalidInputError
from kernels.network_weights import require_device
from kernels.torch_threads import one_thread

if TYPE_CHECKING:
    import torch


def train(
    config: ActionValueConfig,
    terms: Terms,
    batches: Batches,
    pooled: npt.NDArray[np.float64],
    *,
    held_out: Rows | None = None,
    resume: TrainingState | None = None,
    checkpoint: Callable[[TrainingState], None] | None = None,
    log: Callable[[str], None] | None = None,
    device: str = "cpu",
    chunk_rows: int | None = None,
) -> Training:
    """Train an action-value network from what the anchor says.

    AdamW with a cosine schedule over `config.epochs`; one step for every `config.accumulation` batches. On the CPU one
    thread computes, and the same arguments give the same bytes, in one go or resumed. A batch that doesn't fit the
    device's memory is computed in halves, and so are those after it: the step is the same but for rounding.

    Args:
        config: of the network and its training.
        terms: of the dataset that the batches are of.
        batches: to train on, with tensors on `device`; they are brought to the start, or to where `resume` was.
        pooled: float64 [Q], quantiles of the anchor's residuals; see `fit_baselines`.
        held_out: rows on `device` to stop early by: after `config.patience` checks without a lower loss. The check at
            step 0 counts. None = train through.
        resume: a state that `checkpoint` was given, of the same arguments.
        checkpoint: called with the state at each check; what it raises ends training.
        log: called with a line at each check.
        device: "cpu" or "cuda".
        chunk_rows: rows computed at once at most, from `largest_chunk`; None = whole batches.

    Raises:
        InvalidInputError: no batches, wrong pooled quantiles, device or state, a loss or weights that are no longer
            finite, or batches that give another number of rows than the state says.
        BackendUnavailableError: "cuda" where PyTorch has no CUDA device, or one row alone doesn't fit its memory.
    """
    require_device("the action values", device)
    per_epoch = math.ceil(len(batches) / config.accumulation)
    if per_epoch == 0:
        raise InvalidInputError(
            "batches to train on", expected="at least one", got="none", mend="draw more samples, or lower the shares"
        )
    start = state_at_start(starting_weights(config, terms.lookback, pooled))
    if resume is not None:
        require_state(resume, start, per_epoch * config.epochs, held_out=held_out is not None)
    with one_thread():
        chunks = Chunks(config, terms, device, chunk_rows)
        return _Run(config, batches, held_out, checkpoint, log, device, chunks).train(resume, start, per_epoch)


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        config: ActionValueConfig,
        batches: Batches,
        held_out: Rows | None,
        checkpoint: Callable[[TrainingState], None] | None,
        log: Callable[[str], None] | None,
        device: str,
        chunks: Chunks,
    ) -> None:
        self._config, self._batches, self._held_out = config, batches, held_out
        self._checkpoint, self._log = checkpoint, log
        self._device = device
        self._chunks = chunks

    def train(self, resume: TrainingState | None, start: TrainingState, per_epoch: int) -> Training:
        config, batches = self._config, self._batches
        steps = per_epoch * config.epochs
        state = resume or start
        network = as_tensors({name: state.arrays[name] for name in (*FIXED, *TRAINED)}, self._device)
        optimizer = _adamw(config, network, state)
        if resume is None:
            batches.set_epoch(0)
            state = TrainingState(0, state.arrays, (self._check(network, 0, math.nan),), batches.state_dict())
            require_finite(state)
        else:
            batches.load_state_dict(dict(resume.position))
        step, clock = state.step, _Clock(state.step, steps)
        groups, since = self._groups(), []
        while step < steps and not self._is_over(state):
            group = next(groups)
            for parameters in optimizer.param_groups:
                parameters["lr"] = config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * step / steps))
            since.append(self._chunks.gradients(network, group))
            optimizer.step()
            step += 1
            clock.rows += sum(len(batch["window"]) for batch in group)
            if step % config.check_steps == 0 or step == steps:
                check, since = self._check(network, step, _mean_loss(since)), []
                state = _state_after(network, optimizer, state, check, batches.state_dict())
                require_finite(state)
                self._report(state, steps, clock)
        best = best_check(state.checks)
        return Training(
            weights={name: state.arrays[name] for name in FIXED}
            | {name: state.arrays[f"best.{name}"] for name in TRAINED},
            step=state.checks[best].step,
            steps=state.step,
            checks=state.checks,
            chunk_rows=self._chunks.rows,
        )

    def _groups(self) -> Iterator[list[Mapping[str, torch.Tensor]]]:
        """The batches of each step, epoch after epoch; the last step of an epoch may have fewer."""
        empty = 0
        while empty < 2:
            group: list[Mapping[str, torch.Tensor]] = []
            # A state that was saved after the last batch of an epoch has nothing left of it.
            empty += 1
            for batch in self._batches:
                empty = 0
                group.append(batch)
                if len(group) == self._config.accumulation:
                    yield group
                    group = []
            if group:
                yield group
        raise InvalidInputError(
            "batches to train on",
            expected=f"{len(self._batches)} in each epoch, as their length says",
            got="none in two epochs",
            mend="give batches that begin anew after each iteration",
        )

    def _is_over(self, state: TrainingState) -> bool:
        return len(state.checks) - 1 - best_check(state.checks) >= self._config.patience

    def _check(self, network: Mapping[str, torch.Tensor], step: int, training: float) -> Check:
        held = math.nan if self._held_out is None else self._chunks.held_out_loss(network, self._held_out)
        return Check(step, training, held)

    def _report(self, state: TrainingState, steps: int, clock: _Clock) -> None:
        if self._checkpoint is not None:
            self._checkpoint(state)
        if self._log is not None:
            check = state.checks[-1]
            held = "" if math.isnan(check.held_out) else f", held-out loss {check.held_out:.5f}"
            self._log(
                f"step {state.step:,} of {steps:,}: training loss {check.training:.5f}{held}, {clock.words(state.step)}"
            )


class _Clock:
    """How fast training goes."""

    def __init__(self, step: int, steps: int) -> None:
        self.rows = 0
        self._first, self._steps, self._began = step, steps, time.perf_counter()

    def words(self, step: int) -> str:
        seconds = max(time.perf_counter() - self._began, 1e-9)
        left = (self._steps - step) * seconds / (step - self._first)
        return f"{self.rows / seconds:,.0f} rows/s, at most {left:,.0f} s left"


def _adamw(config: ActionValueConfig, network: Mapping[str, torch.Tensor], state: TrainingState) -> torch.optim.AdamW:
    import torch

    parameters = [network[name].requires_grad_() for name in TRAINED]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    for name in TRAINED:
        weights = network[name]
        moments: dict[str, Any] = {
            kind: torch.tensor(state.arrays[f"{kind}.{name}"], device=weights.device) for kind in MOMENTS
        }
        optimizer.state[weights] = moments | {"step": torch.tensor(float(state.step))}
    return optimizer


def _mean_loss(since: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    total = sum(float(loss) for loss, _ in since)
    rows = sum(float(count) for _, count in since)
    return total / rows if rows else math.nan


def _state_after(
    network: Mapping[str, torch.Tensor],
    optimizer: torch.optim.AdamW,
    before: TrainingState,
    check: Check,
    position: dict[str, Any],
) -> TrainingState:
    weights = {name: _copied(values) for name, values in network.items()}
    moments = {f"{kind}.{name}": _copied(optimizer.state[network[name]][kind]) for kind in MOMENTS for name in TRAINED}
    checks = (*before.checks, check)
    is_best = best_check(checks) == len(checks) - 1
    source, prefix = (weights, "") if is_best else (before.arrays, "best.")
    best = {f"best.{name}": source[prefix + name] for name in TRAINED}
    return TrainingState(check.step, weights | moments | best, checks, position)


def _copied(values: torch.Tensor) -> npt.NDArray[np.float32]:
    return values.detach().cpu().numpy().copy()
