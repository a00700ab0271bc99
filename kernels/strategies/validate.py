"""Checks of what callers pass: shapes and settings raise; values that are faulty are a matter of their symbol alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import require_matrix
from kernels.strategies.model import LARGEST_LOG_RETURN, Strategy
from kernels.trading.model import Bars
from kernels.trading.validate import require_array
from kernels.volatility.forecasts import require_horizons, require_levels

PRICES = ("open", "high", "low", "close")

_SAME_LEVEL = 1e-9
"""Levels nearer than this are one: 1 - 0.9 isn't 0.1 in a float64."""


def require_rolling(
    bars: Bars,
    origins: npt.NDArray[np.int32],
    quantiles: npt.NDArray[np.float64],
    volatility: npt.NDArray[np.float64],
    strategies: Sequence[Strategy],
    horizons: Sequence[int],
    levels: Sequence[float],
) -> None:
    """Check everything but the values of bars and forecasts.

    Raises:
        InvalidInputError: a wrong shape, dtype or layout; origins that aren't strictly rising or have no session after
            them; a strategy without its horizon or level; a name that comes twice.
    """
    if bars.close.ndim != 2:
        raise InvalidInputError(
            "simulate_rolling, bars.close",
            expected="float64 [S, T]",
            got=f"shape {bars.close.shape}",
            mend="pass one row for each symbol",
        )
    symbols, sessions = bars.close.shape
    for name in (*PRICES, "dividend"):
        require_matrix(f"simulate_rolling, bars.{name}", getattr(bars, name), (symbols, sessions))
    require_horizons(horizons)
    require_levels(levels)
    _require_origins(origins, sessions)
    shape = (symbols, len(origins), len(horizons))
    require_array("simulate_rolling, quantiles", quantiles, np.float64, (*shape, len(levels)))
    require_array("simulate_rolling, volatility", volatility, np.float64, shape)
    names = [strategy.name for strategy in strategies]
    if not names or len(set(names)) < len(names):
        raise InvalidInputError(
            "simulate_rolling, strategies",
            expected="at least one, each name once",
            got=repr(names),
            mend="name every strategy differently",
        )
    for strategy in strategies:
        if strategy.horizon not in horizons:
            raise InvalidInputError(
                f"strategy {strategy.name!r}, horizon",
                expected=f"one of {tuple(horizons)}",
                got=repr(strategy.horizon),
                mend="choose a horizon that is forecast",
            )
        for level in (strategy.stop_level, strategy.target_level):
            if level is not None:
                level_place(strategy, level, levels)
                level_place(strategy, 1.0 - level, levels)


def level_place(strategy: Strategy, level: float, levels: Sequence[float]) -> int:
    """Where a level stands among `levels`.

    Raises:
        InvalidInputError: it isn't among them.
    """
    distances = np.abs(np.asarray(levels) - level)
    place = int(np.argmin(distances))
    if distances[place] > _SAME_LEVEL:
        raise InvalidInputError(
            f"strategy {strategy.name!r}, quantile level",
            expected=f"a level that is forecast, with its mirror image: {tuple(levels)}",
            got=f"{level:g}",
            mend="choose stop_level and target_level among the levels of the forecasts",
        )
    return place


def faulty_bars(bars: Bars) -> npt.NDArray[np.bool_]:
    """The symbols bool [S] with a price that isn't finite and above 0 (NaN = no bar), a high below its low, or a
    dividend that isn't finite and at least 0.
    """
    faulty = ~(np.isfinite(bars.dividend) & (bars.dividend >= 0.0)) | (bars.high < bars.low)
    for name in PRICES:
        prices = getattr(bars, name)
        faulty |= np.isinf(prices) | (prices <= 0.0)
    return np.asarray(faulty.any(axis=1))


def faulty_forecasts(quantiles: npt.NDArray[np.float64], volatility: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """The symbols and horizons bool [S, H] with a quantile beyond `LARGEST_LOG_RETURN` either way, quantiles that fall
    along the levels, or a volatility that isn't finite and above 0 (NaN = unknown).
    """
    quantile = (np.abs(quantiles) > LARGEST_LOG_RETURN).any(axis=(1, 3))
    falling = (quantiles[..., 1:] < quantiles[..., :-1]).any(axis=(1, 3))
    spread = (np.isinf(volatility) | (volatility <= 0.0)).any(axis=1)
    return np.asarray(quantile | falling | spread)


def _require_origins(origins: npt.NDArray[np.int32], sessions: int) -> None:
    good = origins.dtype == np.int32 and origins.ndim == 1 and len(origins) > 0
    if good:
        good = origins[0] >= 0 and origins[-1] < sessions - 1 and bool(np.all(origins[1:] > origins[:-1]))
    if not good:
        raise InvalidInputError(
            "simulate_rolling, origins",
            expected=f"an int32 vector, strictly rising, from 0 to {sessions - 2}: each needs the session after it",
            got=f"{origins.dtype} of shape {origins.shape}"
            + (f", {origins.min()} to {origins.max()}" if origins.size else ""),
            mend="pass the columns of the sessions before the last one",
        )
