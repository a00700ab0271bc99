"""The hardest baseline of the action values: random walks without drift, played by the simulator itself.

For each row, many paths of bars with the volatility of its window and of its nights are drawn, and the account is
simulated over each of them as its label was. Whoever says more than these quantiles knows something of the market; who
says as much knows what the simulator does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.action_values import Terms
from kernels.action_values.rows import LEAST_GROWTH
from kernels.samples import COLUMNS, SampleSettings, label_samples
from kernels.trading import Bars

PATHS, STEPS, ROWS_AT_ONCE = 200, 12, 60
MOST_OF_THE_NIGHT = 0.95


def played_quantiles(
    batch: Mapping[str, npt.NDArray[Any]], terms: Terms, max_leverage: float, levels: tuple[float, ...], seed: int = 0
) -> npt.NDArray[np.float64]:
    """Quantiles float64 [B, Q] of ln(1 + total return) over `PATHS` paths of each row.

    Args:
        batch: of samples: window, state and action.
        terms: of the dataset.
        max_leverage: of the dataset.
        levels: Q.
        seed: of the paths.
    """
    settings = SampleSettings(
        lookback=terms.lookback, forward=terms.forward, costs=terms.costs, max_leverage=max_leverage
    )
    logs = np.log(batch["window"][:, :, :4].astype(np.float64))
    volatility = _root_mean_square(np.diff(logs[:, :, 3], axis=1))
    night = np.minimum(_root_mean_square(logs[:, 1:, 0] - logs[:, :-1, 3]), MOST_OF_THE_NIGHT * volatility)
    columns = _columns(batch)
    rng = np.random.default_rng(seed)
    made = np.empty((len(volatility), len(levels)))
    for first in range(0, len(made), ROWS_AT_ONCE):
        part = slice(first, first + ROWS_AT_ONCE)
        series = PATHS * len(volatility[part])
        own = {name: np.repeat(values[part], PATHS) for name, values in columns.items()}
        own["instrument"] = np.arange(series, dtype=np.int16)
        bars = _walks(rng, np.repeat(volatility[part], PATHS), np.repeat(night[part], PATHS), terms.forward)
        returned = label_samples(bars, own, settings)["label_total_return"].astype(np.float64)
        growth = np.log(np.maximum(1.0 + returned, LEAST_GROWTH)).reshape(-1, PATHS)
        made[part] = np.quantile(growth, levels, axis=1).T
    return made


def _walks(
    rng: np.random.Generator, volatility: npt.NDArray[np.float64], night: npt.NDArray[np.float64], sessions: int
) -> Bars:
    """Bars [S, 1 + sessions] from a close of 100: a night, then `STEPS` steps a session."""
    shape = len(volatility), sessions
    gaps = night[:, None] * rng.standard_normal(shape)
    deviation = np.sqrt((volatility**2 - night**2) / STEPS)
    steps = np.cumsum(deviation[:, None, None] * rng.standard_normal((*shape, STEPS)), axis=2)
    close = np.cumsum(gaps + steps[:, :, -1], axis=1)
    opened = close - steps[:, :, -1]
    high, low = opened + np.maximum(steps.max(axis=2), 0.0), opened + np.minimum(steps.min(axis=2), 0.0)
    logs = (np.concatenate([np.zeros((shape[0], 1)), each], axis=1) for each in (opened, high, low, close))
    prices = [np.ascontiguousarray(100.0 * np.exp(each)) for each in logs]
    return Bars(*prices, np.zeros_like(prices[0]))


def _columns(batch: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The columns of `COLUMNS` that a label depends on, each with its dtype; every decision falls at the first bar."""
    rows = len(batch["window"])
    columns: dict[str, npt.NDArray[Any]] = {}
    for group in ("key", "state", "action"):
        names = [name for name, column in COLUMNS.items() if column.group == group]
        values = np.zeros((rows, len(names))) if group == "key" else batch[group]
        columns |= {name: values[:, place].astype(COLUMNS[name].dtype) for place, name in enumerate(names)}
    return columns


def _root_mean_square(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sqrt((values * values).mean(axis=1))
