"""Bars of the simulated market as the forecast models take them, and a network that runs by PyTorch."""

import numpy as np
import torch

from kernels.forecast.bars import ForecastBars
from kernels.forecast.network import build_module
from kernels.market import instruments, simulate

FIELDS = ("open", "high", "low", "close", "volume")
BLOCK = 256


def market_bars(rows: int = 24, sessions: int = 600, seed: int = 7) -> ForecastBars:
    """Split-adjusted bars of `rows` symbols in four sectors; every bar is there and counts."""
    bars = simulate(instruments(seed, rows), sessions, seed=seed)
    later = np.ones(bars.close.shape)
    later[:, :-1] = np.cumprod(bars.split_ratio[:, :0:-1], axis=1)[:, ::-1]
    prices = {name: np.ascontiguousarray(getattr(bars, name) / later) for name in FIELDS[:4]}
    return ForecastBars(
        **prices,
        volume=np.ascontiguousarray(bars.volume * later),
        sector=(np.arange(rows) % 4).astype(np.int32),
        days_to_month_end=(np.arange(sessions)[::-1] % 21).astype(np.int32),
        counted=np.ones(bars.close.shape, dtype=bool),
    )


def copied(bars: ForecastBars) -> ForecastBars:
    return ForecastBars(**{name: values.copy() for name, values in vars(bars).items()})


def cut(bars: ForecastBars, first: int, last: int) -> ForecastBars:
    """The columns `first` to `last`, the last one excluded."""
    fields = {
        name: np.ascontiguousarray(values if name == "sector" else values[..., first:last])
        for name, values in vars(bars).items()
    }
    return ForecastBars(**fields)


def run_network(config, weights, inputs):
    """Quantiles by PyTorch, in blocks of one size, so that no row can depend on how many there are."""
    module = build_module(config, dict(weights))
    made = np.empty((len(inputs), len(config.horizons), len(config.levels)), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(inputs), BLOCK):
            part = inputs[start : start + BLOCK]
            padded = np.zeros((BLOCK, inputs.shape[1]), dtype=np.float32)
            padded[: len(part)] = part
            made[start : start + BLOCK] = module(torch.from_numpy(padded)).numpy()[: len(part)]
    return made
