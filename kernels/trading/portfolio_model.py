"""What the portfolio form takes and gives: orders over many symbols, caps; the account's course, trades and summary."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.trading.model import Trades

LEVELS = ("stop", "target", "trail")

LEAST_ROOM = 1e-12
"""Less room under a cap, as a share of the equity, is none: rounding must not open a position."""


@dataclass(frozen=True)
class PortfolioOrders:
    """N orders over S symbols, at most one for a bar.

    Attributes:
        bar: int32 [N], strictly rising: the bar at whose close the order is decided, from `first` to `last`.
        weight: float64 [N, S], value to hold as a share of the equity; below 0 = short, NaN = leave the position.
        stop, target, trail: float64 [N, S], multiples of the fill price (trail: of the peak); NaN = none. With a weight
            above 0 stop and trail lie between 0 and 1, both excluded, and the target above 1; below 0 the other way
            round (the target above 0). NaN where the weight is NaN or 0.
    """

    bar: Int32Array1D
    weight: Float64Array2D
    stop: Float64Array2D
    target: Float64Array2D
    trail: Float64Array2D

    @classmethod
    def of_weights(cls, bar: npt.ArrayLike, weight: npt.ArrayLike, **levels: npt.ArrayLike) -> PortfolioOrders:
        """Orders from weights [N, S] and any of stop, target, trail, broadcast to [N, S]; the rest is NaN.

        A level is left out where the weight is NaN or 0, so that one number can serve all orders of one side.
        """
        weight = np.array(weight, dtype=np.float64, ndmin=2, order="C")
        unknown = set(levels) - set(LEVELS)
        if unknown:
            raise TypeError(f"of_weights() got an unexpected argument {sorted(unknown)[0]!r}")
        idle = np.isnan(weight) | (weight == 0.0)
        full = {name: np.where(idle, np.nan, np.asarray(levels.get(name, np.nan), dtype=np.float64)) for name in LEVELS}
        return cls(
            bar=np.array(np.broadcast_to(np.asarray(bar, dtype=np.int32), (len(weight),))), weight=weight, **full
        )


@dataclass(frozen=True)
class Caps:
    """What a fill may reach, each a share of the equity after the fill; infinite = no cap.

    Attributes:
        gross: long + short value.
        net: |long - short value|; may be 0.
        name: the value of one position.
        sector: long + short value of one sector.
        turnover: value traded by the orders filled at one bar.

    Raises:
        InvalidInputError: a cap that is NaN, negative, or 0 (but net), named.
    """

    gross: float = 1.0
    net: float = math.inf
    name: float = math.inf
    sector: float = math.inf
    turnover: float = math.inf

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (value > 0.0 or (value == 0.0 and field.name == "net")):
                raise InvalidInputError(
                    f"caps, {field.name}",
                    expected="a share of the equity, " + ("at least 0" if field.name == "net" else "above 0"),
                    got=repr(value),
                    mend=f"set {field.name} to infinity to leave this cap out",
                )


@dataclass(frozen=True)
class PortfolioSimulation:
    """What became of one account over S symbols and the T' bars from `first` to `last`.

    Attributes:
        equity, cash, gross, net: float64 [T'], dollars at each bar's close; equity = cash + net.
        traded: float64 [T'], dollars traded in each bar.
        costs: float64 [len(COST_KINDS)], dollars by kind.
        dividends: dollars received less paid.
        exposure: number of bars after `first` at which a position was held at some time before the close.
        shares: float64 [S], held after bar `last`; below 0 = short.
        trades: `path` is the symbol.
        summary: float64 [len(SUMMARY)], the columns of `Simulation.summary`.
        backend, reason_of_backend: what computed it, and why.
    """

    equity: Float64Array1D
    cash: Float64Array1D
    gross: Float64Array1D
    net: Float64Array1D
    traded: Float64Array1D
    costs: Float64Array1D
    dividends: float
    exposure: int
    shares: Float64Array1D
    trades: Trades
    summary: Float64Array1D
    backend: str
    reason_of_backend: str
