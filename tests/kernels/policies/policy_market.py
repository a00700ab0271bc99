"""A small market and made-up models for the tests of the policies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.policies import CandidateGrid, PolicyMarket, Rules
from kernels.samples import sample_panel
from kernels.trading import Bars, Costs

LOOKBACK = 6
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
GRID = CandidateGrid(shares=(0.5, 1.0), stops=(0.05,), targets=(0.04, 0.1))
RULES = Rules(lookback=LOOKBACK, max_leverage=2.0, grid=GRID)
FREE_RULES = Rules(lookback=LOOKBACK, max_leverage=2.0, costs=Costs(0.0, 0.0, 0.0, 0.0, 0.0), grid=GRID)


def market_of(open_, high, low, close, volume=None, dividend=None, symbols=None) -> PolicyMarket:
    """A market from its bars; sessions are consecutive days."""
    volume = np.full(close.shape, 1e6) if volume is None else volume
    dividend = np.zeros(close.shape) if dividend is None else dividend
    panel = sample_panel(open_, high, low, close, np.where(np.isnan(close), np.nan, volume))
    symbols = tuple(f"S{number}" for number in range(len(close))) if symbols is None else symbols
    days = np.arange(17_000, 17_000 + close.shape[1], dtype=np.int32)
    return PolicyMarket(symbols, days, Bars(open_, high, low, close, dividend), panel)


def random_market(seed: int, series: int = 5, sessions: int = 40, holes: float = 0.0, volatility=0.03) -> PolicyMarket:
    """Bars of a random walk with gaps, some of them missing."""
    rng = np.random.default_rng(seed)
    close = 40.0 * np.exp(np.cumsum(volatility * rng.standard_normal((series, sessions)), axis=1))
    open_ = close * np.exp(0.01 * rng.standard_normal(close.shape))
    high = np.maximum(open_, close) * np.exp(0.01 * rng.random(close.shape))
    low = np.minimum(open_, close) * np.exp(-0.01 * rng.random(close.shape))
    missing = rng.random(close.shape) < holes
    for values in (open_, high, low, close):
        values[missing] = np.nan
    dividend = np.where(rng.random(close.shape) < 0.05, 0.25, 0.0)
    return market_of(open_, high, low, close, np.exp(rng.normal(14, 1, close.shape)), dividend)


def some(market: PolicyMarket, rows) -> PolicyMarket:
    """These rows of a market, in this order."""
    fields = (np.ascontiguousarray(getattr(market.bars, name)[rows]) for name in vars(market.bars))
    symbols = tuple(market.symbols[row] for row in rows)
    return PolicyMarket(symbols, market.days, Bars(*fields), np.ascontiguousarray(market.windows[rows]))


def all_rows(market: PolicyMarket):
    return np.arange(len(market.symbols), dtype=np.int32)


@dataclass
class ConstantModel:
    """Says of every action that the return is 0.01, more or less."""

    levels: tuple[float, ...] = LEVELS
    forward: int = 5
    lookback: int = LOOKBACK

    def quantiles(self, _windows, _states, actions):
        curve = 0.01 + 0.02 * (np.array(self.levels) - 0.5)
        return np.broadcast_to(curve, (*actions.shape[:2], len(curve))).copy()


@dataclass
class TrendModel(ConstantModel):
    """Knows that what rose in the window rises on, by `strength` of it; exposure costs nothing."""

    strength: float = 0.1

    def quantiles(self, windows, states, actions):
        rise = np.log(1.0 / windows[:, 0, 3].astype(np.float64))
        value = actions[:, :, 1].astype(np.float64) - actions[:, :, 2]
        growth = self.strength * rise[:, None] * value / states[:, :1]
        return growth[:, :, None] + 0.02 * (np.array(self.levels) - 0.5)


@dataclass
class PickyModel(ConstantModel):
    """An odd but fixed function of everything that it is shown, each row for itself; remembers what it saw."""

    seed: int = 0

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self._window, self._state, self._action = (rng.standard_normal(n) for n in (self.lookback * 5, 15, 7))
        self.seen: list[tuple[np.ndarray, np.ndarray]] = []

    def quantiles(self, windows, states, actions):
        self.seen.append((states.copy(), actions.copy()))
        scaled = np.nan_to_num(states.astype(np.float64)) / np.where(np.arange(15) < 4, 5e4, 1.0)
        asked = np.nan_to_num(actions.astype(np.float64)) / np.array([1, 5e4, 5e4, 1, 1, 1, 1])
        out = np.empty((*actions.shape[:2], len(self.levels)))
        for row in range(len(windows)):
            base = float((windows[row].astype(np.float64).ravel() * self._window).sum())
            base += float((scaled[row] * self._state).sum())
            for place in range(actions.shape[1]):
                odd = np.sin(37.0 * base * (1.0 + float((asked[row, place] * self._action).sum())))
                out[row, place] = odd + 0.1 * (np.array(self.levels) - 0.5)
        return out
