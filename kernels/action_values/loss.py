"""What training makes small: the pinball loss in units of the anchor's scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kernels.action_values.config import ActionValueConfig
from kernels.action_values.network import encode, quantiles_of_seeds
from kernels.action_values.rows import Rows

if TYPE_CHECKING:
    import torch


def pinball_sum(
    quantiles: torch.Tensor, target: torch.Tensor, known: torch.Tensor, levels: torch.Tensor
) -> torch.Tensor:
    """Sum the pinball losses of the known rows, each the mean over the levels.

    Args:
        quantiles: float32 [..., B, Q].
        target: float32 [B].
        known: float32 [B], 0 or 1.
        levels: float32 [Q].

    Returns:
        float32, of the leading axes.
    """
    error = target[:, None] - quantiles
    slope = levels - (error < 0.0).float()
    return (slope * error * known[:, None]).sum(dim=(-2, -1)) / len(levels)


def seed_quantiles(network: Mapping[str, torch.Tensor], config: ActionValueConfig, rows: Rows) -> torch.Tensor:
    """The quantiles of each seed, float32 [S, B, Q], in units of the anchor's scale."""
    return quantiles_of_seeds(network, config.median, encode(network, rows.window), rows.pair)
