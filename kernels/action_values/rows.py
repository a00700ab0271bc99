"""Rows of samples as the network trains and is judged on them: features, anchor, and the label in its units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kernels.action_values.config import Terms
from kernels.action_values.inputs import pair_inputs, window_inputs
from kernels.errors import InvalidInputError

if TYPE_CHECKING:
    import torch

LEAST_GROWTH = 0.01
"""An account that ends with less than this share of its equity counts as ending with it: ruin has no logarithm."""

RETURN_LABEL = 0
"""The column of `label_total_return` among the labels."""


class Batches(Protocol):
    """Batches of samples that come in a known order, epoch after epoch, and can be gone to at any of them.

    A batch is a mapping with torch tensors of one device: "window" float32 [B, lookback, 5], "state" [B, 15], "action"
    [B, 7] and "label" [B, ..] with the total return first. `resources.sample_loader.SampleLoader` is one.
    """

    def __len__(self) -> int:
        """Batches of an epoch."""

    def __iter__(self) -> Iterator[Mapping[str, torch.Tensor]]:
        """The rest of the epoch; then the next one comes."""

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """The position as plain values; batches that were given count as done."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a position."""


class Rows(NamedTuple):
    """B rows on a device.

    Attributes:
        window: float32 [B, F], features of the windows.
        pair: float32 [B, G], features of state and action.
        location, scale: float64 [B], the anchor, in log return.
        outcome: float64 [B], log(1 + total return), NaN where it isn't known.
        target: float32 [B], (outcome - location) / scale, 0 where it isn't known.
        known: float32 [B], 1 where the outcome is known, else 0.
    """

    window: torch.Tensor
    pair: torch.Tensor
    location: torch.Tensor
    scale: torch.Tensor
    outcome: torch.Tensor
    target: torch.Tensor
    known: torch.Tensor


def rows_of(
    batch: Mapping[str, torch.Tensor], terms: Terms, window: str, first: int = 0, last: int | None = None
) -> Rows:
    """Make rows `first` to `last` of a batch; `window` is what is told of one, out of `WINDOW_KINDS`.

    Raises:
        InvalidInputError: a window of another length than that of the terms.
    """
    import torch

    part = slice(first, last)
    if batch["window"].shape[1] != terms.lookback:
        raise InvalidInputError(
            "batch, window",
            expected=f"windows of {terms.lookback} bars",
            got=f"{batch['window'].shape[1]}",
            mend="take the terms of the dataset that the batches are of",
        )
    told = window_inputs(batch["window"][part], terms, window)
    pair = pair_inputs(batch["state"][part], batch["action"][part], told.volatility, told.gap, terms)
    outcome = (1.0 + batch["label"][part, RETURN_LABEL].double()).clamp(min=LEAST_GROWTH).log()
    target = (outcome - pair.location) / pair.scale
    known = ~target.isnan()
    return Rows(
        told.features.float(),
        pair.features.float(),
        pair.location,
        pair.scale,
        outcome,
        torch.where(known, target, 0.0).float(),
        known.float(),
    )


def joined(parts: Iterable[Rows]) -> Rows:
    """Rows of several batches as one, in their order.

    Raises:
        InvalidInputError: no part at all.
    """
    import torch

    columns = list(zip(*parts, strict=True))
    if not columns:
        raise InvalidInputError(
            "rows of samples", expected="at least one batch", got="none", mend="draw more samples, or lower the shares"
        )
    return Rows(*(torch.cat(column) for column in columns))
