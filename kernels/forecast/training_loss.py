"""What training makes small: the pinball loss, every horizon of the same weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import mean_quantiles

if TYPE_CHECKING:
    import torch


class RowTensors(NamedTuple):
    """Rows on a device: inputs [N, F], targets [N, H] with 0 for what isn't known, and their weights [N, H]."""

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


def target_weights(targets: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Weigh the targets [N, H] of rows: 0 where unknown (NaN), the same for all known ones of a horizon.

    Each horizon with a known target has the same sum, and all weights add up to N. So the mean over the rows of
    weighted losses is the mean over those horizons of the mean over known targets, and the mean over any part of the
    rows is an unbiased estimate of it.
    """
    known = ~np.isnan(targets)
    counts = known.sum(axis=0)
    share = len(targets) / (np.maximum(counts, 1) * max(np.count_nonzero(counts), 1))
    weights: npt.NDArray[np.float32] = (known * share).astype(np.float32)
    return weights


def weighted_pinball(
    quantiles: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, levels: torch.Tensor
) -> torch.Tensor:
    """Sum the weighted pinball losses, each the mean over the levels.

    Args:
        quantiles: float32 [..., H, Q, N].
        targets: float32 [..., H, N], finite.
        weights: float32 [..., H, N], from `target_weights`.
        levels: float32 [Q].

    Returns:
        float32, of the leading axes.
    """
    error = targets[..., None, :] - quantiles
    slope = levels[:, None] - (error < 0.0).float()
    return (slope * error * weights[..., None, :]).sum(dim=(-3, -2, -1)) / len(levels)


def forecast_loss(
    network: Mapping[str, torch.Tensor], config: NetworkConfig, rows: RowTensors, levels: torch.Tensor
) -> float:
    """Compute the loss of the network's forecast, which is the mean over the seeds."""
    import torch

    total = 0.0
    with torch.no_grad():
        for first in range(0, len(rows.inputs), config.batch_rows):
            inputs, targets, weights = (each[first : first + config.batch_rows] for each in rows)
            quantiles = mean_quantiles(network, config.median, inputs).permute(1, 2, 0)
            total += float(weighted_pinball(quantiles, targets.T, weights.T, levels))
    return total / len(rows.inputs)
