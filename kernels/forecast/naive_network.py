"""The oracle of the quantile network: one bar, one seed at a time, in float64, straight from the definition."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


def network_quantiles(
    weights: Mapping[str, npt.NDArray[np.float32]], median: int, inputs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Compute the mean over the seeds of the quantiles, [N, H, Q], of features [N, F]; `median` is the place of 0.5."""
    named = {name: values.astype(np.float64) for name, values in weights.items()}
    seeds, horizons = named["middle"].shape
    quantiles = np.empty((len(inputs), seeds, horizons, named["gaps"].shape[1] + 1))
    for bar, features in enumerate(inputs):
        standardised = np.clip((features - named["input_mean"]) / named["input_deviation"], -6.0, 6.0)
        for seed in range(seeds):
            first = _gelu(standardised @ named["w1"][seed] + named["b1"][seed, 0])
            second = _gelu(first @ named["w2"][seed] + named["b2"][seed, 0])
            out = second @ named["w3"][seed] + named["b3"][seed, 0]
            bend = out[horizons:].reshape(named["gaps"].shape)
            for horizon in range(horizons):
                scale = math.exp(min(max(out[horizon], -4.0), 4.0))
                gaps = named["gaps"][horizon] * np.exp(0.3 * np.tanh(bend[horizon]))
                for level in range(len(gaps) + 1):
                    distance = gaps[median:level].sum() - gaps[level:median].sum()
                    quantiles[bar, seed, horizon, level] = scale * (named["middle"][seed, horizon] + distance)
    mean: npt.NDArray[np.float64] = quantiles.mean(axis=1)
    return mean


def _gelu(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.array([value * 0.5 * (1.0 + math.erf(value / math.sqrt(2.0))) for value in values])
