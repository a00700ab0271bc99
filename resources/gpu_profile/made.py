"""Inputs that are made up for measuring: bars, accounts, windows, rows of the network. The same every time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS
from kernels.forecast.network import network_shapes
from kernels.network_weights import Weights
from kernels.panel import Float64Array2D
from kernels.samples import sample_panel
from kernels.trading import Bars, Orders, Paths

SESSION_VOLATILITY, BAR_RANGE, GAP = 0.015, 0.01, 0.005
CASH = 50_000.0


@dataclass(frozen=True)
class MadeBars:
    """Geometric random walks: float64 [S, T], C-contiguous, dollars; `keys` int64 [S]."""

    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    keys: npt.NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Bytes of the four prices."""
        return self.open.nbytes * 4

    def market(self) -> Bars:
        """The bars as the simulator takes them, without dividends."""
        return Bars(self.open, self.high, self.low, self.close, np.zeros_like(self.close))

    def samples(self) -> npt.NDArray[np.float32]:
        """The panel that windows are gathered from, float32 [S, T, 5]."""
        return sample_panel(self.open, self.high, self.low, self.close, np.full_like(self.close, 1e6))


def made_bars(series: int, sessions: int, seed: int = 1) -> MadeBars:
    """Walks of `series` series over `sessions` sessions with 1.5 % a session."""
    random = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(SESSION_VOLATILITY * random.standard_normal((series, sessions)), axis=1))
    opened = close * np.exp(GAP * random.standard_normal(close.shape))
    high = np.maximum(opened, close) * np.exp(BAR_RANGE * random.random(close.shape))
    low = np.minimum(opened, close) * np.exp(-BAR_RANGE * random.random(close.shape))
    return MadeBars(opened, high, low, close, np.arange(series))


def made_accounts(bars: MadeBars, count: int, window: int) -> tuple[Paths, Orders]:
    """Accounts at random places over `window` bars each, with an order for both legs at their first bar."""
    series, sessions = bars.close.shape
    random = np.random.default_rng(3)
    first = random.integers(0, sessions - window, count)
    paths = Paths.flat(random.integers(0, series, count), first, first + window, CASH)
    away = random.uniform(0.02, 0.08, (2, count, 2)) * [-1.0, 1.0]
    weights = random.uniform(0.0, 0.5, (count, 2))
    return paths, Orders.of_weights(np.arange(count), first, weights, stop=1.0 + away[0], target=1.0 - away[1])


def made_places(bars: MadeBars, count: int, lookback: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Random series and last sessions of windows, int32 [count] each."""
    series, sessions = bars.close.shape
    random = np.random.default_rng(4)
    own = random.integers(0, series, count), random.integers(lookback - 1, sessions, count)
    return own[0].astype(np.int32), own[1].astype(np.int32)


def made_network(config: NetworkConfig) -> Weights:
    """Weights of about the size that training gives them."""
    random = np.random.default_rng(5)
    weights: Weights = {}
    for name, shape in network_shapes(config, len(INPUTS)).items():
        drawn: npt.NDArray[Any] = random.normal(0.0, 0.2, shape)
        weights[name] = (np.abs(drawn) + 0.2 if name in ("gaps", "input_deviation") else drawn).astype(np.float32)
    return weights


def made_inputs(rows: int) -> npt.NDArray[np.float32]:
    """Inputs of the network, float32 [rows, F]."""
    return np.random.default_rng(6).normal(0.0, 0.5, (rows, len(INPUTS))).astype(np.float32)
