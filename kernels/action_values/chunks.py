"""Losses and gradients, added up over the parts of the rows that fit the device's memory, and how many rows fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from kernels.action_values.config import ActionValueConfig, Terms
from kernels.action_values.inputs import ACTION_COLUMNS, CHANNEL_COUNT, STATE_COLUMNS
from kernels.action_values.loss import pinball_sum, seed_quantiles
from kernels.action_values.network import FIXED, TRAINED, as_tensors, network_shapes, starting_weights
from kernels.action_values.rows import RETURN_LABEL, Rows, rows_of
from kernels.errors import BackendUnavailableError
from kernels.memory import BatchKey, BatchStore, device_name, in_chunks, largest_batch

if TYPE_CHECKING:
    import torch


Result = TypeVar("Result")


class Chunks:
    """Computes in chunks of rows, and remembers which size fits.

    Attributes:
        rows: of a chunk at most; it is never raised.
    """

    def __init__(self, config: ActionValueConfig, terms: Terms, device: str, rows: int | None = None) -> None:
        """Begin with chunks of `rows`; None = of `config.batch_rows`."""
        import torch

        self._config, self._terms, self._device = config, terms, device
        self._levels = torch.tensor(config.levels, dtype=torch.float32, device=device)
        self.rows = config.batch_rows if rows is None else rows

    def gradients(
        self, network: Mapping[str, torch.Tensor], batches: Sequence[Mapping[str, torch.Tensor]]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Give each trained weight the gradient of the mean loss over all rows of the batches.

        Returns:
            The sum of the losses, each the mean over the seeds, and the number of known rows; float64.

        Raises:
            BackendUnavailableError: one row alone doesn't fit the device's memory.
        """
        import torch

        parameters = [network[name] for name in TRAINED]
        sums = [torch.zeros_like(each) for each in parameters]
        loss, count = (torch.zeros((), dtype=torch.float64, device=self._device) for _ in range(2))
        for batch in batches:

            def work(first: int, last: int, batch: Mapping[str, torch.Tensor] = batch) -> None:
                part, known, made = self.part(network, parameters, batch, first, last)
                for added, gradient in zip(sums, made, strict=True):
                    added += gradient
                loss.add_(part)
                count.add_(known)

            self._run(len(batch["window"]), work)
        for parameter, added in zip(parameters, sums, strict=True):
            # A step without a known row changes nothing but the weights' decay.
            parameter.grad = added / count.clamp(min=1.0).float()
        return loss, count

    def held_out_loss(self, network: Mapping[str, torch.Tensor], rows: Rows) -> float:
        """The mean loss of the forecast, which is the mean over the seeds; NaN if no row is known.

        Raises:
            BackendUnavailableError: one row alone doesn't fit the device's memory.
        """
        import torch

        def work(first: int, last: int) -> float:
            part = Rows(*(each[first:last] for each in rows))
            with torch.no_grad():
                quantiles = seed_quantiles(network, self._config, part).mean(dim=0)
                return float(pinball_sum(quantiles, part.target, part.known, self._levels))

        total, count = sum(self._run(len(rows.target), work)), float(rows.known.sum())
        return total / count if count else float("nan")

    def _run(self, count: int, work: Callable[[int, int], Result]) -> list[Result]:
        """The results of `work` over runs of `count` rows, in order."""
        memory = _Memory()
        parts = [(first, min(first + self.rows, count)) for first in range(0, count, self.rows)]
        results = in_chunks(memory, parts, work, self._no_room)
        if len(memory.chunks) > len(parts):
            self.rows = max(memory.chunks)
        return results

    def part(
        self,
        network: Mapping[str, torch.Tensor],
        parameters: list[torch.Tensor],
        batch: Mapping[str, torch.Tensor],
        first: int,
        last: int,
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
        """The sums over rows `first` to `last` of a batch: losses, known rows and gradients."""
        import torch

        rows = rows_of(batch, self._terms, self._config.window, first, last)
        bfloat16 = self._config.precision == "bfloat16"
        with torch.autocast(self._device, dtype=torch.bfloat16, enabled=bfloat16):
            quantiles = seed_quantiles(network, self._config, rows)
        loss = pinball_sum(quantiles, rows.target, rows.known, self._levels)
        # Each seed learns by itself; dividing would only make its gradient depend on the others' number.
        made = torch.autograd.grad(loss.sum(), parameters)
        return loss.detach().mean().double(), rows.known.sum().double(), made

    def _no_room(self, row: int, got: str) -> BackendUnavailableError:
        return BackendUnavailableError(
            "training of action values",
            expected="memory for one row at least",
            got=f"{got} at row {row}",
            mend="free memory of the device, or train with fewer seeds or units, or on the CPU",
        )


def largest_chunk(config: ActionValueConfig, terms: Terms, device: str, store: BatchStore) -> int:
    """The most rows, up to a batch, whose gradients fit the device's memory: found once, and remembered.

    Args:
        config: of the network.
        terms: of the dataset.
        device: "cpu" or "cuda".
        store: where it is remembered, by the device's name, the shapes of the network and the precision.

    Returns:
        Rows, 1 to `config.batch_rows`.

    Raises:
        BackendUnavailableError: one row alone doesn't fit.
    """
    import torch

    pooled = np.linspace(-1.0, 1.0, len(config.levels))
    network = as_tensors(starting_weights(config, terms.lookback, pooled), device)
    parameters = [network[name].requires_grad_() for name in TRAINED]
    chunks = Chunks(config, terms, device)

    def run(rows: int) -> None:
        widths = {
            "window": (terms.lookback, CHANNEL_COUNT),
            "state": (STATE_COLUMNS,),
            "action": (ACTION_COLUMNS,),
            "label": (RETURN_LABEL + 1,),
        }
        batch = {name: torch.ones((rows, *width), device=device) for name, width in widths.items()}
        chunks.part(network, parameters, batch, 0, rows)

    shapes = {name: shape for name, shape in network_shapes(config, terms.lookback).items() if name not in FIXED}
    key = BatchKey(device_name(), f"action values, {terms.lookback} bars, {shapes}", config.precision)
    return largest_batch(run, at_most=config.batch_rows, key=key, store=store)


class _Memory:
    """The device as `in_chunks` sees it; nothing is counted."""

    def __init__(self) -> None:
        self.chunks: list[int] = []
        self.records = 0

    def release(self) -> None:
        """PyTorch gives unused memory back by itself before it says that there is none."""
