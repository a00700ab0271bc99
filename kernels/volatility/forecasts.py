"""What a volatility model forecasts: quantiles and volatility of the log return, by origin and horizon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D

DEFAULT_HORIZONS = (1, 2, 5, 10, 21)
"""Horizons in sessions."""

DEFAULT_LEVELS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)
"""Quantile levels."""

MIN_RESIDUALS = 60
"""The fewest residuals that quantiles may rest on."""

STATUSES = ("ok", "no bar at the origin", "too little history", "constant prices")
"""Why an origin has or hasn't quantiles, in the order of the codes in `Forecasts.status`."""

OK, NO_BAR, TOO_LITTLE_HISTORY, CONSTANT_PRICES = range(len(STATUSES))


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of E origins, H horizons and Q levels. Values are finite or NaN, never infinite.

    Attributes:
        quantiles: float64 [E, H, Q], of the log return of close over the next h sessions; not falling along Q.
            NaN for a horizon with fewer than `MIN_RESIDUALS` residuals, and wherever `volatility` is NaN.
        volatility: float64 [E, H], standard deviation of that log return, above 0; NaN where there is no bar at the
            origin, too little history for it, or where it would be 0.
        residuals: int32 [E, H], how many residuals the quantiles rest on; 0 where `volatility` is NaN.
        status: int8 [E], index into `STATUSES`; "ok" where at least one horizon has quantiles.
    """

    quantiles: npt.NDArray[np.float64]
    volatility: Float64Array2D
    residuals: npt.NDArray[np.int32]
    status: npt.NDArray[np.int8]


def empty_forecasts(origins: int, horizons: int, levels: int) -> Forecasts:
    """Forecasts that a backend fills in: NaN and 0 all over."""
    return Forecasts(
        quantiles=np.full((origins, horizons, levels), np.nan),
        volatility=np.full((origins, horizons), np.nan),
        residuals=np.zeros((origins, horizons), dtype=np.int32),
        status=np.zeros(origins, dtype=np.int8),
    )


def require_horizons(horizons: Sequence[int]) -> None:
    """Raise `InvalidInputError` unless `horizons` are strictly rising integers of at least 1."""
    if not all(_is_integer(horizon) and horizon >= 1 for horizon in horizons) or not _rising(horizons):
        raise InvalidInputError(
            "horizons",
            expected="strictly rising integers of at least 1 session",
            got=repr(horizons),
            mend=f"pass horizons such as {DEFAULT_HORIZONS}",
        )


def require_levels(levels: Sequence[float]) -> None:
    """Raise `InvalidInputError` unless `levels` are strictly rising numbers between 0 and 1, both excluded."""
    if not all(isinstance(level, Real) and 0.0 < level < 1.0 for level in levels) or not _rising(levels):
        raise InvalidInputError(
            "levels",
            expected="strictly rising quantile levels above 0 and below 1",
            got=repr(levels),
            mend=f"pass levels such as {DEFAULT_LEVELS}",
        )


def require_decay(decay: float) -> None:
    """Raise `InvalidInputError` unless `decay` is a number between 0 and 1, both excluded."""
    if not isinstance(decay, Real) or not math.isfinite(decay) or not 0.0 < decay < 1.0:
        raise InvalidInputError(
            "decay",
            expected="a number above 0 and below 1: the weight of a return against the one a session later",
            got=repr(decay),
            mend="pass 0.94, the RiskMetrics value for daily returns",
        )


def require_lookback(lookback: int, smallest: int) -> None:
    """Raise `InvalidInputError` unless `lookback` is an integer of at least `smallest` sessions."""
    if not _is_integer(lookback) or lookback < smallest:
        raise InvalidInputError(
            "lookback",
            expected=f"an integer of at least {smallest} sessions, so that the longest horizon can have quantiles",
            got=repr(lookback),
            mend="lengthen the lookback or leave the longest horizon out",
        )


def _rising(values: Sequence[float]) -> bool:
    return len(values) > 0 and all(low < high for low, high in pairwise(values))


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
