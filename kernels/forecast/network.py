"""The quantile network: quantiles of the log return in units of the anchor scale, from the features of a bar."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.forecast.config import NetworkConfig
from kernels.network_weights import require_arrays

if TYPE_CHECKING:
    import torch

FIXED = ("input_mean", "input_deviation", "gaps")
"""Weights that training leaves as they are."""

TRAINED = ("middle", "w1", "b1", "w2", "b2", "w3", "b3")
"""Weights that training changes."""

INPUT_LIMIT = 6.0
"""Standardised inputs are clipped to this on either side."""

SCALE_LIMIT = 4.0
"""The logarithm of the scale's correction is clipped to this on either side, so that quantiles stay finite."""

GAP_REACH = 0.3
"""The logarithm of a gap's correction is at most this, on either side."""


def network_shapes(config: NetworkConfig, features: int) -> dict[str, tuple[int, ...]]:
    """The shape of each of the `Weights` of a network of S seeds with so many input features F.

    `b1`, `b2` and `b3` are biases; the columns of `w3` and `b3` are H scales, then the gaps of each horizon in turn.
    """
    seeds, hidden, horizons, levels = len(config.seeds), config.hidden, len(config.horizons), len(config.levels)
    return {
        "input_mean": (features,),
        "input_deviation": (features,),
        "gaps": (horizons, levels - 1),
        "middle": (seeds, horizons),
        "w1": (seeds, features, hidden),
        "b1": (seeds, 1, hidden),
        "w2": (seeds, hidden, hidden),
        "b2": (seeds, 1, hidden),
        "w3": (seeds, hidden, horizons * levels),
        "b3": (seeds, 1, horizons * levels),
    }


def require_weights(config: NetworkConfig, features: int, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Check that `weights` are those of a network of `config` with so many input features.

    Raises:
        InvalidInputError: a missing or unknown name, a wrong shape or dtype, not C-contiguous, a value that isn't
            finite, an `input_deviation` that isn't above 0, or `gaps` below 0.
    """
    shapes = network_shapes(config, features)
    require_arrays("the network", weights, shapes, positive=("input_deviation",), not_negative=("gaps",))


def build_module(config: NetworkConfig, weights: Mapping[str, npt.NDArray[np.float32]]) -> torch.nn.Module:
    """Build the network as a PyTorch module on the CPU, whose parameters and buffers are copies of `weights`.

    Its `forward` is `mean_quantiles`: float32 [N, F] in, float32 [N, H, Q] out. `torch.export.export` takes it, with N
    fixed or dynamic.

    Args:
        config: of the network that the weights belong to.
        weights: by the names and shapes of `network_shapes`.

    Raises:
        InvalidInputError: weights that `require_weights` refuses.
    """
    features = weights["input_mean"].size if "input_mean" in weights else 0
    require_weights(config, features, weights)
    return _module_class()(config, weights)


def mean_quantiles(network: Mapping[str, torch.Tensor], median: int, inputs: torch.Tensor) -> torch.Tensor:
    """Compute the network's forecast: the mean of the quantiles over the seeds.

    Args:
        network: the `Weights` as tensors of one device.
        median: the place of 0.5 among the levels.
        inputs: float32 [N, F], features as they are, on the same device.

    Returns:
        float32 [N, H, Q], contiguous: quantiles of the log return in units of the anchor scale, not falling along Q,
        and finite for finite inputs and weights up to 1e9. A row with a NaN is NaN all over and changes no other.
        Matrix products may round otherwise in a batch of another size: for the same bytes use one size of batch.
    """
    standardised = standardise(network, inputs).T.expand(network["w1"].shape[0], -1, -1)
    return quantiles_of_seeds(network, median, standardised).mean(dim=0).permute(2, 0, 1).contiguous()


def standardise(network: Mapping[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Shift, scale and clip inputs, float32 [..., F], as the network wants them."""
    return ((inputs - network["input_mean"]) / network["input_deviation"]).clamp(-INPUT_LIMIT, INPUT_LIMIT)


def quantiles_of_seeds(network: Mapping[str, torch.Tensor], median: int, inputs: torch.Tensor) -> torch.Tensor:
    """Compute the quantiles of each seed, float32 [S, H, Q, N], from standardised inputs, float32 [S, F, N].

    Bars are along the last axis, so that whatever is done to each bar runs over contiguous memory.
    """
    import torch
    from torch.nn.functional import gelu

    hidden = gelu(torch.baddbmm(network["b1"].mT, network["w1"].mT, inputs))
    hidden = gelu(torch.baddbmm(network["b2"].mT, network["w2"].mT, hidden))
    # Under autocast the products are bfloat16; exponentials and sums need more digits.
    out = torch.baddbmm(network["b3"].mT, network["w3"].mT, hidden).float()
    horizons, count = network["gaps"].shape
    scale, bend = out.split_with_sizes([horizons, horizons * count], dim=1)
    bend = torch.exp(GAP_REACH * torch.tanh(bend)).reshape(-1, horizons, count, inputs.shape[2])
    gaps = (network["gaps"][:, :, None] * bend).unbind(dim=2)
    # Each quantile is its inner neighbour and a gap of at least 0, so that rounding can't make two cross.
    quantiles = [network["middle"][:, :, None].expand(-1, -1, inputs.shape[2])]
    for gap in reversed(gaps[:median]):
        quantiles.insert(0, quantiles[0] - gap)
    for gap in gaps[median:]:
        quantiles.append(quantiles[-1] + gap)
    return torch.exp(scale.clamp(-SCALE_LIMIT, SCALE_LIMIT))[:, :, None] * torch.stack(quantiles, dim=2)


@cache
def _module_class() -> type[torch.nn.Module]:
    # Defined on first use: at the top it would load PyTorch, which takes seconds, with everything that imports this.
    import torch

    class QuantileNetwork(torch.nn.Module):
        def __init__(self, config: NetworkConfig, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
            super().__init__()
            self.median = config.median
            for name in FIXED:
                self.register_buffer(name, torch.tensor(weights[name]))
            for name in TRAINED:
                self.register_parameter(name, torch.nn.Parameter(torch.tensor(weights[name])))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            network = {name: self.get_parameter(name) for name in TRAINED}
            return mean_quantiles(network | {name: self.get_buffer(name) for name in FIXED}, self.median, inputs)

    return QuantileNetwork
