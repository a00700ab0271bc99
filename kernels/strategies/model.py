"""What a strategy is, the table of those that are simulated, and what a simulation over rolling origins gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.trading.model import Fill

Sides = Literal["long", "short", "both"]
SIDES: tuple[Sides, ...] = ("long", "short", "both")

FILL: Fill = "next_open"
"""When orders are filled."""

LARGEST_LOG_RETURN = 50.0
"""A quantile beyond this, a price 5e21 times another, is no forecast of anything."""

STATUSES = ("ok", "no bar at any origin", "no forecast at any origin", "faulty bar", "faulty forecast")
"""Why a symbol and strategy were simulated or not, in the order of the codes in `RollingResult.status`."""

OK, NO_BAR, NO_FORECAST, FAULTY_BAR, FAULTY_FORECAST = range(len(STATUSES))


@dataclass(frozen=True)
class Strategy:
    """A rule that turns a forecast into a position; the formulas are in the README.

    Attributes:
        name: unique, in words with hyphens.
        horizon: sessions; the forecast of this horizon is used.
        sides: the legs it may hold.
        hurdle: the expected return must exceed this many round-trip costs, at least 0; None = it is always in the
            market, whatever is expected, which needs one side.
        target_volatility: per year, above 0; the position is sized to it.
        largest_weight: share of the equity, above 0 and at most 1.
        stop_level: quantile level, below one half, at which a long leg is closed; a short leg is closed at its mirror
            image, 1 - stop_level. None = no stop.
        target_level: quantile level, above one half, at which a long leg takes its profit; mirrored likewise.

    Raises:
        InvalidInputError: a value out of its range, named.
    """

    name: str
    horizon: int
    sides: Sides
    hurdle: float | None
    target_volatility: float
    largest_weight: float
    stop_level: float | None
    target_level: float | None

    def __post_init__(self) -> None:
        hurdle, stop, target = self.hurdle, self.stop_level, self.target_level
        checks = (
            ("name", bool(self.name), "a name"),
            ("horizon", self.horizon >= 1, "at least 1 session"),
            ("sides", self.sides in SIDES, f"one of {', '.join(SIDES)}"),
            ("hurdle", hurdle is None or (math.isfinite(hurdle) and hurdle >= 0.0), "None, or finite and at least 0"),
            ("hurdle", hurdle is not None or self.sides != "both", "a number for a strategy with both sides"),
            ("target_volatility", math.isfinite(self.target_volatility) and self.target_volatility > 0.0, "above 0"),
            ("largest_weight", 0.0 < self.largest_weight <= 1.0, "above 0 and at most 1: nothing is borrowed"),
            ("stop_level", stop is None or 0.0 < stop < 0.5, "None, or above 0 and below one half"),
            ("target_level", target is None or 0.5 < target < 1.0, "None, or above one half and below 1"),
        )
        for name, good, expected in checks:
            if not good:
                raise InvalidInputError(
                    f"strategy {self.name!r}, {name}",
                    expected=expected,
                    got=repr(getattr(self, name)),
                    mend=f"correct {name} in the table of strategies",
                )


STRATEGIES = (
    Strategy("expected-return", 5, "both", 1.0, 0.15, 1.0, 0.05, None),
    Strategy("long-only", 21, "long", 1.0, 0.15, 1.0, 0.05, None),
    Strategy("short-only", 21, "short", 1.0, 0.15, 1.0, 0.05, None),
    Strategy("volatility-scaled-hold", 21, "long", None, 0.15, 1.0, None, None),
)
"""The strategies that are simulated; the last is the benchmark, which asks for no direction."""


@dataclass(frozen=True)
class Decisions:
    """What P pairs of a symbol and a strategy decide at O origins; legs are long, short.

    Attributes:
        weight: float64 [P, O, 2], share of the equity, at least 0; NaN where there is no bar, hence no order.
        stop, target: float64 [P, O, 2], multiples of the fill price; NaN = none.
    """

    weight: npt.NDArray[np.float64]
    stop: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]


@dataclass(frozen=True)
class RollingResult:
    """What became of S symbols x N strategies; float64 [S, N] unless said otherwise, NaN = unknown.

    Where `status` isn't "ok" every float is NaN and `trades` is 0. Metrics are those of kernels/metrics, over all
    sessions from the first origin to the one after the last.

    Attributes:
        status: int8 [S, N], index into `STATUSES`.
        origins: int32 [S, N], origins with a bar and a forecast of the strategy's horizon.
        trades: int32 [S, N], legs from flat to flat; one still open at the end counts.
        trials: int32 [S], the strategies with the status "ok", among which the best may be chosen.
        total_return: share of the equity at the first origin.
        total_return_low, total_return_high: bounds of its bootstrap interval.
        sharpe_252: annualised Sharpe ratio of the returns per session.
        sharpe_low, sharpe_high: bounds of its bootstrap interval.
        deflated_sharpe: probability, 0 to 1, that the true Sharpe ratio is above 0, if this was the best of `trials`.
        hit_rate: share of the trades that made a profit; an open one counts with its mark.
        max_drawdown: share of the highest equity so far.
        exposure: share of the sessions in which a position was held.
        costs: fees, spread, slippage, borrowing and nights, as a share of the equity at the first origin.
        returns: float64 [S, N, L], the equity's return in each session after the first origin; NaN if not "ok".
        backend, reason_of_backend: what computed it, and why.
    """

    status: npt.NDArray[np.int8]
    origins: npt.NDArray[np.int32]
    trades: npt.NDArray[np.int32]
    trials: Int32Array1D
    total_return: Float64Array2D
    total_return_low: Float64Array2D
    total_return_high: Float64Array2D
    sharpe_252: Float64Array2D
    sharpe_low: Float64Array2D
    sharpe_high: Float64Array2D
    deflated_sharpe: Float64Array2D
    hit_rate: Float64Array2D
    max_drawdown: Float64Array2D
    exposure: Float64Array2D
    costs: Float64Array2D
    returns: npt.NDArray[np.float64]
    backend: str
    reason_of_backend: str
