"""What a policy is given and gives: the market, the candidates, a decision, and what became of the accounts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.samples.columns import COLUMNS
from kernels.trading.model import LEGS, Bars, Costs

Float32Array2D = npt.NDArray[np.float32]
Float32Array3D = npt.NDArray[np.float32]

STATE_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.group == "state")
ACTION_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.group == "action")

HOLD, FLAT = 0, 1
"""The first candidates: to leave everything as it is, and to close both legs."""

UNDECIDED = -1
"""Instead of a candidate: there was no whole window, or no equity."""

SMALLEST_DISTANCE, LARGEST_DISTANCE = 0.01, 0.5
"""Of a stop or target from the price of the fill, as a share of it: what the samples are drawn within."""


class ActionValues(Protocol):
    """A model of what becomes of an account, as `kernels.action_values` trains one."""

    @property
    def levels(self) -> Sequence[float]:
        """Q quantile levels."""

    @property
    def forward(self) -> int:
        """Sessions that it looks ahead."""

    @property
    def lookback(self) -> int:
        """Bars of a window."""

    def quantiles(
        self, windows: Float32Array3D, states: Float32Array2D, actions: Float32Array3D
    ) -> npt.NDArray[np.float64]:
        """Quantiles of log(1 + total return) over the next `forward` sessions.

        Args:
            windows: float32 [N, lookback, 5], see `kernels.samples.gather_windows`.
            states: float32 [N, 15], `STATE_COLUMNS`.
            actions: float32 [N, A, 7], `ACTION_COLUMNS`.

        Returns:
            float64 [N, A, Q], rising along Q. A row depends on its own window, state and action only.
        """


@dataclass(frozen=True)
class CandidateGrid:
    """The actions that a policy chooses from: hold, flat, and each leg at each share, stop and target.

    Attributes:
        shares: of the equity to hold in the leg, each above 0; the leverage cap cuts what exceeds it.
        stops, targets: distances from the price of the fill, shares of it, from 0.01 to 0.5.
        legs: out of "long" and "short".

    Raises:
        InvalidInputError: a value outside its range, named by field.
    """

    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    stops: tuple[float, ...] = (0.03, 0.08)
    targets: tuple[float, ...] = (0.03, 0.08)
    legs: tuple[str, ...] = LEGS

    def __post_init__(self) -> None:
        for name in ("stops", "targets"):
            _require(name, getattr(self, name), SMALLEST_DISTANCE, LARGEST_DISTANCE)
        _require("shares", self.shares, math.ulp(0.0), math.inf)
        if not self.legs or not set(self.legs) <= set(LEGS) or len(set(self.legs)) != len(self.legs):
            raise InvalidInputError(
                "CandidateGrid.legs",
                expected=f"some of {', '.join(LEGS)}, each once",
                got=repr(self.legs),
                mend="correct the legs",
            )

    @property
    def placed(self) -> tuple[tuple[str, float, float, float], ...]:
        """Leg, share, stop and target of each candidate from the third on."""
        return tuple(
            (leg, share, stop, target)
            for leg in self.legs
            for share in self.shares
            for stop in self.stops
            for target in self.targets
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates in words, in order."""
        return (
            "hold",
            "flat",
            *(
                f"{leg} {share:.0%}, stop {stop:.1%}, target {target:.1%}".replace(".0%", "%")
                for leg, share, stop, target in self.placed
            ),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of each candidate: "hold", "flat", "long" or "short"."""
        return ("hold", "flat", *(leg for leg, *_ in self.placed))


@dataclass(frozen=True)
class PolicyMarket:
    """S series over T sessions that policies are walked over.

    Attributes:
        symbols: S names.
        days: int32 [T], the sessions in days since 1970-01-01.
        bars: float64 [S, T], split-adjusted; NaN = no bar.
        windows: float32 [S, T, 5], from `kernels.samples.sample_panel` of the same bars.
    """

    symbols: tuple[str, ...]
    days: Int32Array1D
    bars: Bars
    windows: Float32Array3D

    def __post_init__(self) -> None:
        shape = (len(self.symbols), len(self.days))
        for name, found in (("bars.close", self.bars.close.shape), ("windows", self.windows.shape[:2])):
            if found != shape:
                raise InvalidInputError(
                    f"PolicyMarket.{name}",
                    expected=f"{shape[0]} symbols x {shape[1]} sessions",
                    got=f"shape {found}",
                    mend="make bars and windows from one panel",
                )


@dataclass(frozen=True)
class Rules:
    """What accounts begin with, and what trading costs them: the same as in the samples.

    Attributes:
        lookback: bars of a window.
        max_leverage: long and short value over equity, when an order is filled; above 0.
        costs: what the simulator charges.
        cash: dollars that each account begins with; samples are drawn with 10,000 to 100,000.
        grid: the candidates.
    """

    lookback: int
    max_leverage: float
    costs: Costs = field(default_factory=Costs)
    cash: float = 50_000.0
    grid: CandidateGrid = field(default_factory=CandidateGrid)

    def __post_init__(self) -> None:
        if not 0.0 < self.cash < math.inf:
            raise InvalidInputError(
                "Rules.cash", expected="dollars above 0", got=repr(self.cash), mend="give each account some money"
            )


class Decision(NamedTuple):
    """What is known to a policy at the close of a session, of N accounts that can decide.

    Attributes:
        account: int32 [N], positions among the accounts of the walk.
        day: the session in days since 1970-01-01.
        windows: float32 [N, lookback, 5].
        states: float32 [N, 15].
        actions: float32 [N, A, 7], the candidates.
    """

    account: Int32Array1D
    day: int
    windows: Float32Array3D
    states: Float32Array2D
    actions: Float32Array3D


class Policy(Protocol):
    """Chooses among candidates. A choice depends on its own row only, not on the others of a decision."""

    def choose(self, decision: Decision) -> Int32Array1D:
        """The positions of the chosen candidates, int32 [N]."""


@dataclass(frozen=True)
class Walked:
    """What became of P accounts over L sessions, the first of them the one that they begin at.

    Attributes:
        equity: float64 [P, L], dollars at each close; the money of the beginning until the series' first bar.
        choice: int32 [P, D], the candidate chosen at each decision, `UNDECIDED` where there was none.
        traded: float64 [P], dollars bought and sold.
        costs: float64 [P], dollars of all costs.
        exposure: int32 [P], sessions after the first in which a leg was held.
    """

    equity: Float64Array2D
    choice: npt.NDArray[np.int32]
    traded: Float64Array1D
    costs: Float64Array1D
    exposure: Int32Array1D


def _require(name: str, values: tuple[float, ...], low: float, high: float) -> None:
    for value in values:
        if not (low <= value <= high and value < math.inf):
            raise InvalidInputError(
                f"CandidateGrid.{name}",
                expected=f"numbers from {low:g} to {high:g}",
                got=repr(value),
                mend=f"correct {name} of the candidates",
            )
    if not values or len(set(values)) != len(values):
        raise InvalidInputError(
            f"CandidateGrid.{name}", expected="at least one number, each once", got=repr(values), mend=f"correct {name}"
        )
