"""What training begins with: the first weights, and the order of the rows in each epoch, both counter-based."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import network_shapes
from kernels.network_weights import Weights

DEVIATION_FLOOR = 1e-6
"""The least deviation that an input is divided by."""

_WEIGHTS, _ORDERS = 0, 1
_LAYERS = (("w1", "b1"), ("w2", "b2"))


def starting_weights(
    config: NetworkConfig, inputs: npt.NDArray[np.float32], pooled: npt.NDArray[np.float64]
) -> Weights:
    """Make the weights of a network that forecasts the pooled quantiles for every bar, before any training.

    The last layer is 0. The others are uniform between -1 / sqrt(n) and 1 / sqrt(n), n the units or inputs that the
    layer takes in; a seed's are the same whatever the other seeds. An input that doesn't vary has weights of 0:
    training leaves them so, and another value later can't upset the forecast.

    Args:
        config: of the network.
        inputs: float32 [N, F], of the training rows: the network standardises by their mean and deviation.
        pooled: float64 [H, Q], quantiles in units of the anchor scale; finite, not falling along Q.

    Raises:
        InvalidInputError: wrong pooled quantiles.
    """
    _require_pooled(config, pooled)
    features = inputs.shape[1]
    weights: Weights = {
        name: np.zeros(shape, dtype=np.float32) for name, shape in network_shapes(config, features).items()
    }
    mean = inputs.mean(axis=0, dtype=np.float64)
    deviation = inputs.std(axis=0, dtype=np.float64)
    weights["input_mean"][:] = mean
    weights["input_deviation"][:] = np.maximum(deviation, DEVIATION_FLOOR)
    weights["gaps"][:] = np.diff(pooled, axis=1)
    weights["middle"][:] = pooled[:, config.median]
    for place, seed in enumerate(config.seeds):
        for layer, (matrix, bias) in enumerate(_LAYERS):
            taken = weights[matrix].shape[1]
            words = _words(seed, _WEIGHTS, layer, (taken + 1) * config.hidden).reshape(taken + 1, config.hidden)
            drawn = ((words >> np.uint64(11)) * 2.0**-52 - 1.0) / math.sqrt(taken)
            weights[matrix][place], weights[bias][place] = drawn[:-1], drawn[-1:]
    weights["w1"][:, deviation <= DEVIATION_FLOOR] = 0.0
    return weights


def row_orders(config: NetworkConfig, epoch: int, rows: int) -> npt.NDArray[np.int64]:
    """Draw the order in which each seed sees the rows in an epoch: int64 [S, rows], from the seed and the epoch."""
    # Sorted words rather than NumPy's own shuffle, which may change from version to version.
    return np.stack([np.argsort(_words(seed, _ORDERS, epoch, rows), kind="stable") for seed in config.seeds])


def _words(seed: int, purpose: int, number: int, count: int) -> npt.NDArray[np.uint64]:
    key = np.array([seed, purpose], dtype=np.uint64)
    return np.random.Philox(key=key, counter=[0, 0, 0, number]).random_raw(count)


def _require_pooled(config: NetworkConfig, pooled: npt.NDArray[np.float64]) -> None:
    shape = (len(config.horizons), len(config.levels))
    fit = pooled.dtype == np.float64 and pooled.shape == shape
    if not fit or not np.isfinite(pooled).all() or (np.diff(pooled, axis=1) < 0.0).any():
        raise InvalidInputError(
            "pooled quantiles of the network",
            expected=f"finite float64 of shape {shape}, not falling along the levels",
            got=f"{pooled.dtype} of shape {pooled.shape}" + (", falling or not finite" if fit else ""),
            mend="pass the quantiles of fit_pooled_quantiles for the horizons and levels of the config",
        )
