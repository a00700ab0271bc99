"""The samples in plain Python, written from the definitions in README.md: the oracle for small sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from statistics import NormalDist, stdev

import numpy as np
import numpy.typing as npt

from kernels.market.naive import box_muller, philox4x32
from kernels.metrics import naive as metrics_naive
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.samples.columns import COLUMNS, ColumnMapping, Columns
from kernels.samples.model import (
    ACTION_LEVEL_BLOCK,
    ACTION_VALUE_BLOCK,
    AGE_BLOCK,
    CAP_MARGIN,
    LEVEL_DEVIATION,
    LEVELS,
    START_BLOCK,
    STATE_LEVEL_BLOCK,
    VALUE_BLOCK,
)
from kernels.samples.settings import SampleSettings
from kernels.trading import naive as trading_naive
from kernels.trading.model import COST_KINDS, Bars, Orders, Paths

LEGS = ("long", "short")
LARGEST_FLOAT = float(np.finfo(np.float32).max)


def is_start(bars: list[Float64Array2D], series: int, t: int, settings: SampleSettings) -> bool:
    """Whether every value of the window that ends at bar t is there, and `forward` columns follow."""
    first, last = t - settings.lookback + 1, t + settings.forward
    if first < 0 or last >= bars[0].shape[1]:
        return False
    return not any(math.isnan(values[series, bar]) for values in bars for bar in range(first, t + 1))


def window_moments(close: Float64Array2D, series: int, t: int, lookback: int) -> tuple[float, float]:
    """Volatility and skewness of the window that ends at bar t."""
    prices = close[series, t - lookback + 1 : t + 1].tolist()
    returns = [math.log(after / before) for before, after in pairwise(prices)]
    volatility = stdev(returns)
    if volatility <= 1e-12:
        return volatility, 0.0
    mean = sum(returns) / len(returns)
    second, third = (sum((each - mean) ** power for each in returns) / len(returns) for power in (2, 3))
    return volatility, third / second**1.5


def gather_windows(
    panel: npt.NDArray[np.float32], instrument: Int32Array1D, session: Int32Array1D, windows: npt.NDArray[np.float32]
) -> None:
    """Fill `windows` [B, lookback, 5]."""
    lookback = windows.shape[1]
    for window, series, last in zip(windows, instrument, session, strict=True):
        bars = panel[series, last - lookback + 1 : last + 1]
        window[:, :4] = bars[:, :4] / bars[-1, 3]
        window[:, 4] = bars[:, 4] - bars[-1, 4]


def draw_rows(
    bars: Bars,
    instrument: Int32Array1D,
    session: Int32Array1D,
    split: npt.NDArray[np.int8],
    phase: npt.NDArray[np.int8],
    settings: SampleSettings,
    shard: int,
    first_row: int,
    count: int,
    stream: int,
) -> Columns:
    """All columns but the labels; the arrays are those of the starts."""
    rows = []
    for row in range(first_row, first_row + count):
        words = [
            philox4x32((block, row, stream, shard), (settings.seed % 2**32, settings.seed >> 32)) for block in range(6)
        ]
        start = len(session) * (words[START_BLOCK][0] * 2**21 + (words[START_BLOCK][1] >> 11)) // 2**53
        drawn = draw_row(bars, int(instrument[start]), int(session[start]), words, settings)
        rows.append({**drawn, "split": int(split[start]), "phase": int(phase[start])})
    return {
        name: np.array([row[name] for row in rows], dtype=column.dtype)
        for name, column in COLUMNS.items()
        if column.group != "label"
    }


def draw_row(
    bars: Bars, series: int, t: int, words: list[tuple[int, int, int, int]], settings: SampleSettings
) -> dict[str, float]:
    """State and action of one row from its six blocks of the generator."""
    u = [[(word + 0.5) / 2**32 for word in block] for block in words]
    equity = float(np.float32(1e4 + 9e4 * u[VALUE_BLOCK][2]))
    cap = settings.max_leverage * equity
    kind = legs_of(u[START_BLOCK][2], settings)
    value = leg_values(kind, u[VALUE_BLOCK], cap)
    level = levels_of(kind, u[STATE_LEVEL_BLOCK])
    row = {
        "instrument": series,
        "session": t,
        "state_equity": equity,
        "state_cash": equity - value["long"] + value["short"],
        "state_leverage": (value["long"] + value["short"]) / equity,
        "action_hold": u[START_BLOCK][3] < settings.hold_share,
    }
    for leg, drawn in (("long", u[AGE_BLOCK][0]), ("short", u[AGE_BLOCK][1])):
        age, entry, profit = 0, math.nan, 0.0
        if leg in kind:
            age = 1 + math.floor(drawn * (settings.lookback - 1))
            entry = float(np.float32(bars.open[series, t - age] / bars.close[series, t]))
            profit = value[leg] * (1 - entry if leg == "long" else entry - 1)
        row |= {f"state_{leg}_age": age, f"state_{leg}_entry": entry, f"state_{leg}_profit": profit}
    row |= {f"state_{name}": number for name, number in values_and_levels(value, level).items()}
    if not row["action_hold"]:
        kind = legs_of(u[VALUE_BLOCK][3], settings)
        value = leg_values(kind, u[ACTION_VALUE_BLOCK], cap)
        level = levels_of(kind, u[ACTION_LEVEL_BLOCK])
    row |= {f"action_{name}": number for name, number in values_and_levels(value, level).items()}
    return row


def legs_of(u: float, settings: SampleSettings) -> tuple[str, ...]:
    """Which legs there are."""
    if u < settings.flat_share:
        return ()
    if u < settings.flat_share + settings.long_share:
        return ("long",)
    if u < settings.flat_share + settings.long_share + settings.short_share:
        return ("short",)
    return LEGS


def leg_values(kind: tuple[str, ...], u: list[float], cap: float) -> dict[str, float]:
    """Dollars held in each leg."""
    normals = dict(zip(LEGS, box_muller(u[0], u[1]), strict=True))
    value = {leg: float(np.float32(min(1e4 * math.exp(normals[leg]), 5e4))) if leg in kind else 0.0 for leg in LEGS}
    total = value["long"] + value["short"]
    if total > cap:
        value = {leg: float(np.float32(held * (cap / total * CAP_MARGIN))) for leg, held in value.items()}
    return value


def levels_of(kind: tuple[str, ...], u: list[float]) -> dict[str, float]:
    """Stop and target of each leg, as multiples."""
    levels = {}
    for position, name in enumerate(("long_stop", "long_target", "short_stop", "short_target")):
        levels[name] = math.nan
        if name.split("_")[0] in kind:
            mean, low, high = LEVELS[position]
            normal = NormalDist(mean, LEVEL_DEVIATION)
            below, above = normal.cdf(low), normal.cdf(high)
            drawn = mean + LEVEL_DEVIATION * NormalDist().inv_cdf(below + u[position] * (above - below))
            levels[name] = min(max(drawn, low), high)
    return levels


def values_and_levels(value: Mapping[str, float], level: Mapping[str, float]) -> dict[str, float]:
    """The columns that a state and an action have in common, without their prefix."""
    return {**{f"{leg}_value": held for leg, held in value.items()}, **level}


def label_rows(bars: Bars, columns: ColumnMapping, settings: SampleSettings) -> Columns:
    """The label columns of drawn rows, through the oracles of the simulator and of the metrics."""
    count = len(columns["session"])
    labels = {name: np.empty(count, dtype=column.dtype) for name, column in COLUMNS.items() if column.group == "label"}
    for row in range(count):
        sample = {name: values[row].item() for name, values in columns.items()}
        for name, label in label_row(bars, sample, settings).items():
            labels[f"label_{name}"][row] = label
    return labels


def label_row(bars: Bars, sample: Mapping[str, float], settings: SampleSettings) -> dict[str, float]:
    """The labels of one sample, without their prefix."""
    series, t, equity = int(sample["instrument"]), int(sample["session"]), sample["state_equity"]
    close = float(bars.close[series, t])

    def both(name: str) -> Float64Array2D:
        return np.array([[sample[name.format(leg)] for leg in LEGS]], dtype=np.float64)

    value = both("state_{}_value")
    none = np.full((1, 2), np.nan)
    paths = Paths(
        series=np.array([series], dtype=np.int32),
        first=np.array([t], dtype=np.int32),
        last=np.array([t + settings.forward], dtype=np.int32),
        cash=np.array([equity - value[0, 0] + value[0, 1]]),
        shares=value / close,
        entry=both("state_{}_entry") * close,
        stop=both("state_{}_stop") * close,
        target=both("state_{}_target") * close,
        trail=none,
        peak=none,
        age=both("state_{}_age").astype(np.int32),
    )
    orders = Orders.of_weights(
        [0], [t], both("action_{}_value") / equity, stop=both("action_{}_stop"), target=both("action_{}_target")
    )
    if sample["action_hold"]:
        orders = Orders.of_weights([], [], np.empty((0, 2)))
    run = trading_naive.simulate(bars, paths, orders, "next_open", settings.costs, settings.max_leverage, True)
    measured = metrics_naive.measure_equity(np.asarray(run.equity))
    first = float(run.column("first_equity")[0])
    labels = {
        name: float(getattr(measured, name)[0])
        for name in ("total_return", "cagr", "sharpe_252", "sortino_252", "max_drawdown", "calmar")
    }
    labels = {name: value if abs(value) <= LARGEST_FLOAT else math.nan for name, value in labels.items()}
    labels |= {
        "cost": sum(float(run.column(kind)[0]) for kind in COST_KINDS) / first,
        "turnover": float(run.column("traded")[0]) / first,
        "exposure": float(run.exposure[0]) / settings.forward,
    }
    for position, leg in enumerate(LEGS):
        labels |= {f"{leg}_exit": int(run.reason[0, position]), f"{leg}_held": int(run.held[0, position])}
    return labels
