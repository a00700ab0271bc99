"""What `benchmarks.samples` compares with: three ways of drawing samples that were in use before, written anew.

They follow a description, not code. The row loop draws, scales and simulates one row after the other in Python. The
vectorised form draws and gathers whole arrays with NumPy, from float16 bars, and has a label that ignores stops,
targets and the state. The worker form is the vectorised one in processes, one seed each, all results in one frame.
All end in one pandas frame with the windows in it, and one Parquet file with the defaults of pandas.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Panel = npt.NDArray[np.float64]

LOOKBACK, FORWARD = 64, 252
OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
FEE, SLIPPAGE, SPREAD, OVERNIGHT = 10e-4, 5e-4, 2e-4, 0.5e-4
FLAT_SHARE, HOLD_SHARE, MAX_LEVERAGE = 0.1, 0.2, 2.0
LEVELS = {
    "long_stop": (0.95, 0.50, 0.99),
    "long_target": (1.05, 1.01, 21.0),
    "short_stop": (1.05, 1.01, 1.50),
    "short_target": (0.95, 0.50, 0.99),
}
SPREAD_OF_LEVELS = 0.03
YEAR = 252


def row_loop(panel: Panel, rows: int, seed: int, path: Path) -> None:
    """Draw, scale and simulate row by row; `panel` float64 [S, T, 5]."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[object]] = {}
    for _ in range(rows):
        series = int(rng.integers(len(panel)))
        last = int(rng.integers(LOOKBACK - 1, panel.shape[1] - FORWARD))
        equity = rng.uniform(1e4, 1e5)
        state = _drawn_row(rng, equity, rng.random() < FLAT_SHARE)
        action = dict(state) if rng.random() < HOLD_SHARE else _drawn_row(rng, equity, False)
        window = panel[series, last - LOOKBACK + 1 : last + 1]
        scaled = np.empty_like(window)
        scaled[:, :VOLUME] = window[:, :VOLUME] / window[-1, CLOSE]
        scaled[:, VOLUME] = np.log1p(window[:, VOLUME]) - np.log1p(window[-1, VOLUME])
        path_of_equity, held = _simulated_row(panel[series, last : last + FORWARD + 1], equity, action)
        row = {
            "equity": equity,
            "balance": equity - state["long_value"] - state["short_value"],
            **{f"state_{name}": value for name, value in state.items()},
            **{f"action_{name}": value for name, value in action.items()},
            **_metrics(path_of_equity, held),
            "window": scaled.ravel().astype(np.float32),
        }
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    pd.DataFrame(found).to_parquet(path)


def vectorised(panel: Panel, rows: int, seed: int, path: Path) -> None:
    """Draw and gather everything at once, with the label that ignores stops, targets and the state."""
    _vectorised_frame(panel, rows, seed).to_parquet(path)


def in_workers(panel: Panel, rows: int, seed: int, path: Path, workers: int) -> None:
    """The vectorised form in processes; the result depends on how many there are."""
    shares = [rows // workers] * workers
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        frames = list(
            pool.map(_vectorised_frame, [panel] * workers, shares, [seed + number for number in range(workers)])
        )
    pd.concat(frames, ignore_index=True).to_parquet(path)


def _drawn_row(rng: np.random.Generator, equity: float, flat: bool) -> dict[str, float]:
    long, short = (min(rng.lognormal(np.log(1e4), 1.0), 5e4) for _ in range(2))
    if flat:
        long = short = 0.0
    fit = min(1.0, MAX_LEVERAGE * equity / (long + short)) if long + short else 1.0
    drawn = {"long_value": long * fit, "short_value": short * fit}
    for name, (mean, low, high) in LEVELS.items():
        level = rng.normal(mean, SPREAD_OF_LEVELS)
        while not low <= level <= high:
            level = rng.normal(mean, SPREAD_OF_LEVELS)
        drawn[name] = level
    return drawn


def _simulated_row(bars: Panel, equity: float, action: dict[str, float]) -> tuple[list[float], int]:
    """The equity of an account bar by bar, marked at each close, until its first exit; and the bars it held."""
    first = bars[1, OPEN]
    long, short = action["long_value"], action["short_value"]
    trade = FEE + SLIPPAGE + SPREAD
    cash = equity - (long + short) * trade
    found = [equity]
    if long + short == 0.0:
        return found, 0
    for held in range(1, len(bars)):
        bar = bars[held]
        exit_long = exit_short = 0.0
        if long > 0.0:
            if bar[LOW] <= first * action["long_stop"]:
                exit_long = min(bar[OPEN], first * action["long_stop"])
            elif bar[HIGH] >= first * action["long_target"]:
                exit_long = max(bar[OPEN], first * action["long_target"])
        if short > 0.0:
            if bar[HIGH] >= first * action["short_stop"]:
                exit_short = max(bar[OPEN], first * action["short_stop"])
            elif bar[LOW] <= first * action["short_target"]:
                exit_short = min(bar[OPEN], first * action["short_target"])
        cash -= (long + short) * OVERNIGHT
        out = exit_long > 0.0 or exit_short > 0.0
        long_price, short_price = exit_long or bar[CLOSE], exit_short or bar[CLOSE]
        marked = cash + long * (long_price / first - 1.0) - short * (short_price / first - 1.0)
        found.append(marked - (long + short) * trade if out else marked)
        if out:
            return found, held
    return found, len(bars) - 1


def _metrics(equity: list[float], held: int) -> dict[str, float]:
    values = np.array(equity)
    if len(values) < 3 or values.min() <= 0.0:
        return dict.fromkeys(("annual_return", "sharpe", "sortino", "calmar"), 0.0)
    returns = np.diff(values) / values[:-1]
    annual = (values[-1] / values[0]) ** (YEAR / held) - 1.0
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))
    fall = np.max(1.0 - values / np.maximum.accumulate(values))
    scale = np.sqrt(YEAR) * returns.mean()
    return {
        "annual_return": annual,
        "sharpe": scale / (returns.std() + 1e-8),
        "sortino": scale / (downside + 1e-8),
        "calmar": annual / (fall + 1e-8),
    }


def _vectorised_frame(panel: Panel, rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    series = rng.integers(0, len(panel), rows)
    last = rng.integers(LOOKBACK - 1, panel.shape[1] - FORWARD, rows)
    equity = rng.uniform(1e4, 1e5, rows)
    state = _drawn_columns(rng, equity)
    flat = rng.random(rows) < FLAT_SHARE
    state["long_value"][flat] = state["short_value"][flat] = 0.0
    action = _drawn_columns(rng, equity)
    hold = rng.random(rows) < HOLD_SHARE
    for name, values in action.items():
        values[hold] = state[name][hold]
    close = panel[..., CLOSE]
    growth = close[series, last + FORWARD] / close[series, last] - 1.0
    gross = action["long_value"] + action["short_value"]
    cost = gross * (2.0 * (FEE + SLIPPAGE + SPREAD) + FORWARD * OVERNIGHT)
    gain = ((action["long_value"] - action["short_value"]) * growth - cost) / equity
    columns = chain(
        {"equity": equity, "balance": equity - state["long_value"] - state["short_value"]}.items(),
        ((f"state_{name}", values) for name, values in state.items()),
        ((f"action_{name}", values) for name, values in action.items()),
        [("label", gain)],
    )
    frame = pd.DataFrame(dict(columns))
    frame["window"] = list(_vectorised_windows(panel, series, last).reshape(rows, -1))
    return frame


def _drawn_columns(rng: np.random.Generator, equity: Panel) -> dict[str, Panel]:
    rows = len(equity)
    long, short = (np.minimum(rng.lognormal(np.log(1e4), 1.0, rows), 5e4) for _ in range(2))
    fit = np.minimum(1.0, MAX_LEVERAGE * equity / (long + short))
    drawn = {"long_value": long * fit, "short_value": short * fit}
    for name, (mean, low, high) in LEVELS.items():
        level = rng.normal(mean, SPREAD_OF_LEVELS, rows)
        outside = np.flatnonzero((level < low) | (level > high))
        while len(outside):
            level[outside] = rng.normal(mean, SPREAD_OF_LEVELS, len(outside))
            outside = outside[(level[outside] < low) | (level[outside] > high)]
        drawn[name] = level
    return drawn


def _vectorised_windows(
    panel: Panel, series: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Windows out of float16 bars; volumes above 65,504 are infinite there, and NaN after the scaling."""
    with np.errstate(over="ignore", invalid="ignore"):
        places = last[:, None] + np.arange(1 - LOOKBACK, 1)
        windows = panel.astype(np.float16)[series[:, None], places].astype(np.float32)
        windows[..., :VOLUME] /= windows[:, -1:, CLOSE : CLOSE + 1]
        windows[..., VOLUME] = np.log1p(windows[..., VOLUME])
        windows[..., VOLUME] -= windows[:, -1:, VOLUME].copy()
    return windows
