"""Forecasts whose worth is known beforehand: what a harness that sees leaks must show of them."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np

from kernels.volatility import DEFAULT_LEVELS, Forecasts
from kernels.volatility.forecasts import OK


def normal_forecasts(deviation: np.ndarray) -> Forecasts:
    """The true forecasts of normal outcomes of mean 0 and these standard deviations, [E, H]; NaN = unknown."""
    normal = np.array([NormalDist().inv_cdf(level) for level in DEFAULT_LEVELS])
    return Forecasts(
        quantiles=deviation[:, :, np.newaxis] * normal,
        volatility=deviation.copy(),
        residuals=np.where(np.isnan(deviation), 0, 100).astype(np.int32),
        status=np.full(len(deviation), OK, dtype=np.int8),
    )


def leaking(forecasts: Forecasts, outcomes: np.ndarray, share: float) -> Forecasts:
    """The same forecasts, moved by a share of the outcome to come: nothing that is known at the origin can do that."""
    moved = forecasts.quantiles + share * np.nan_to_num(outcomes)[:, :, np.newaxis]
    return replace(forecasts, quantiles=moved)
