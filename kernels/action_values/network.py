"""The action-value network: quantiles of the label in units of the anchor's scale, from window, state and action."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.action_values.config import ActionValueConfig
from kernels.action_values.inputs import PAIR_FEATURES, window_feature_count
from kernels.errors import InvalidInputError
from kernels.network_weights import Weights, require_arrays

if TYPE_CHECKING:
    import torch

FIXED = ("middle", "gaps")
"""Weights that training leaves as they are: the pooled quantiles of the anchor's residuals."""

TRAINED = ("encoder", "encoder_bias", "w1_window", "w1_pair", "b1", "w2", "b2", "w3", "b3")
"""Weights that training changes."""

CORRECTIONS = 2
"""Outputs before those of the gaps: the shift of the median, and the logarithm of the scale's correction."""

REACH = 4.0
"""Shift and logarithm of the scale are clipped to this on either side, so that quantiles stay finite."""

GAP_REACH = 3.0
"""The logarithm of a gap's correction is at most this, on either side: stops and targets make lumps of outcomes."""

_START, _LAYERS = 0, ("encoder", "w1", "w2")


def network_shapes(config: ActionValueConfig, lookback: int) -> dict[str, tuple[int, ...]]:
    """The shape of each of the `Weights` of a network of S seeds for windows of `lookback` bars."""
    seeds, hidden, levels = len(config.seeds), config.hidden, len(config.levels)
    return {
        "middle": (1,),
        "gaps": (levels - 1,),
        "encoder": (seeds, window_feature_count(lookback, config.window), config.encoder),
        "encoder_bias": (seeds, 1, config.encoder),
        "w1_window": (seeds, config.encoder, hidden),
        "w1_pair": (seeds, len(PAIR_FEATURES), hidden),
        "b1": (seeds, 1, hidden),
        "w2": (seeds, hidden, hidden),
        "b2": (seeds, 1, hidden),
        "w3": (seeds, hidden, CORRECTIONS + levels - 1),
        "b3": (seeds, 1, CORRECTIONS + levels - 1),
    }


def starting_weights(config: ActionValueConfig, lookback: int, pooled: npt.NDArray[np.float64]) -> Weights:
    """Make the weights of a network that says what the anchor says, before any training.

    The last layer is 0. The others are uniform between -1 / sqrt(n) and 1 / sqrt(n), n what the layer takes in; a
    seed's are the same whatever the other seeds.

    Args:
        config: of the network.
        lookback: bars of a window.
        pooled: float64 [Q], quantiles of the residuals in units of the anchor's scale; finite, not falling.

    Raises:
        InvalidInputError: wrong pooled quantiles.
    """
    fit = pooled.dtype == np.float64 and pooled.shape == (len(config.levels),)
    if not fit or not np.isfinite(pooled).all() or (np.diff(pooled) < 0.0).any():
        raise InvalidInputError(
            "pooled quantiles of the action-value network",
            expected=f"finite float64 of shape ({len(config.levels)},), not falling",
            got=f"{pooled.dtype} of shape {pooled.shape}" + (", falling or not finite" if fit else ""),
            mend="pass what fit_baselines gives for the levels of the config",
        )
    weights: Weights = {
        name: np.zeros(shape, dtype=np.float32) for name, shape in network_shapes(config, lookback).items()
    }
    weights["middle"][:] = pooled[config.median]
    weights["gaps"][:] = np.diff(pooled)
    for place, seed in enumerate(config.seeds):
        for number, layer in enumerate(_LAYERS):
            matrices = ["w1_window", "w1_pair"] if layer == "w1" else [layer]
            bias = {"encoder": "encoder_bias", "w1": "b1", "w2": "b2"}[layer]
            taken = [weights[name].shape[1] for name in matrices]
            width = weights[bias].shape[2]
            words = _words(seed, number, (sum(taken) + 1) * width).reshape(-1, width)
            drawn = ((words >> np.uint64(11)) * 2.0**-52 - 1.0) / math.sqrt(sum(taken))
            parts = np.split(drawn, np.cumsum(taken))
            for name, values in zip((*matrices, bias), parts, strict=True):
                weights[name][place] = values
    return weights


def require_weights(config: ActionValueConfig, lookback: int, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Check that `weights` are those of a network of `config` for windows of `lookback` bars.

    Raises:
        InvalidInputError: a missing or unknown name, a wrong shape or dtype, not C-contiguous, a value that isn't
            finite, or `gaps` below 0.
    """
    shapes = network_shapes(config, lookback)
    require_arrays("the action-value network", weights, shapes, not_negative=("gaps",))


def encode(network: Mapping[str, torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    """What windows add to the first joint layer: [S, B, hidden], from features float32 [B, F]."""
    import torch
    from torch.nn.functional import gelu

    seeds = network["encoder"].shape[0]
    encoded = gelu(torch.baddbmm(network["encoder_bias"], features.expand(seeds, -1, -1), network["encoder"]))
    return torch.bmm(encoded, network["w1_window"])


def quantiles_of_seeds(
    network: Mapping[str, torch.Tensor], median: int, encoded: torch.Tensor, features: torch.Tensor
) -> torch.Tensor:
    """Compute the quantiles of each seed in units of the anchor's scale.

    Args:
        network: the `Weights` as tensors of one device.
        median: the place of 0.5 among the levels.
        encoded: [S, P, hidden], from `encode`, the window of each pair.
        features: float32 [P, G], of the pairs.

    Returns:
        float32 [S, P, Q], not falling along Q, and finite for finite inputs. A row with a NaN is NaN and changes no
        other. Matrix products may round otherwise in a batch of another size.
    """
    import torch
    from torch.nn.functional import gelu

    seeds = network["w1_pair"].shape[0]
    hidden = gelu(torch.baddbmm(network["b1"], features.expand(seeds, -1, -1), network["w1_pair"]) + encoded)
    hidden = gelu(torch.baddbmm(network["b2"], hidden, network["w2"]))
    # Under autocast the products are bfloat16; exponentials and sums need more digits.
    out = torch.baddbmm(network["b3"], hidden, network["w3"]).float()
    shift, stretch = out[..., :1].clamp(-REACH, REACH), out[..., 1:2].clamp(-REACH, REACH)
    gaps = network["gaps"] * torch.exp(GAP_REACH * torch.tanh(out[..., CORRECTIONS:] / GAP_REACH))
    middle = network["middle"] + shift
    # Each quantile is its inner neighbour and a gap of at least 0, so that rounding can't make two cross.
    quantiles = [middle]
    for place in range(median - 1, -1, -1):
        quantiles.insert(0, quantiles[0] - gaps[..., place : place + 1])
    for place in range(median, gaps.shape[-1]):
        quantiles.append(quantiles[-1] + gaps[..., place : place + 1])
    return torch.exp(stretch) * torch.cat(quantiles, dim=-1)


def as_tensors(weights: Mapping[str, npt.NDArray[np.float32]], device: str) -> dict[str, torch.Tensor]:
    """Copies of the weights on a device."""
    import torch

    return {name: torch.tensor(values, device=device) for name, values in weights.items()}


def _words(seed: int, layer: int, count: int) -> npt.NDArray[np.uint64]:
    key = np.array([seed, _START], dtype=np.uint64)
    return np.random.Philox(key=key, counter=[0, 0, 0, layer]).random_raw(count)
