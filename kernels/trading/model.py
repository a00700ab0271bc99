"""What the simulator takes and gives: bars, paths, orders, costs; summaries, equity and trades."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D, PricePanel

Fill = Literal["next_open", "same_close", "limit"]
FILLS: tuple[Fill, ...] = ("next_open", "same_close", "limit")

LONG, SHORT = 0, 1
LEGS = ("long", "short")

NONE, ORDER, STOP, TRAILING_STOP, TARGET, RUIN, OPEN = range(7)
REASONS = ("none", "order", "stop", "trailing_stop", "target", "ruin", "open")
"""Why a leg ended; "none" = there was none, "open" = it didn't end."""

SESSIONS_PER_YEAR = 252

LEAST_FACTOR = 1e-12
"""An order that leverage cuts to this share of itself or less is cut to nothing: rounding must not leave dust."""

COST_KINDS = ("fee", "spread", "slippage", "borrow", "overnight")

SUMMARY = (
    "first_equity",
    "last_equity",
    "last_cash",
    *COST_KINDS,
    "dividends",
    "traded",
    "return_sum",
    "return_squares",
    "downside_squares",
    "max_drawdown",
)
"""Columns of `Simulation.summary`; the definitions are in the README."""


@dataclass(frozen=True)
class Costs:
    """What trading costs, in basis points of the value traded or held; each finite and at least 0.

    Attributes:
        fee_bp: of the value traded, each fill.
        half_spread_bp: half the distance of bid and ask, each fill.
        slippage_bp: each fill, stops included.
        borrow_bp_per_year: of the short value, each night 1/252 of it.
        overnight_bp: of long and short value, each night.

    Raises:
        InvalidInputError: a negative or infinite cost, named.
    """

    fee_bp: float = 10.0
    half_spread_bp: float = 1.0
    slippage_bp: float = 5.0
    borrow_bp_per_year: float = 50.0
    overnight_bp: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (np.isfinite(value) and value >= 0.0):
                raise InvalidInputError(
                    f"costs, {field.name}",
                    expected="a finite number of basis points, at least 0",
                    got=repr(value),
                    mend=f"set {field.name} to 0 to leave this cost out",
                )


FREE = Costs(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Bars:
    """Bars of S series over T sessions: float64 [S, T], C-contiguous, dollars, split-adjusted; NaN = no bar.

    Attributes:
        open, high, low, close: a bar is there if all four are.
        dividend: dollars per share, ex that session; 0 = none, never NaN.
    """

    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    dividend: Float64Array2D

    @classmethod
    def of_panel(cls, panel: PricePanel, dividend: Float64Array2D | None = None) -> Bars:
        """The bars of a panel; without dividends if none are given."""
        if dividend is None:
            dividend = np.zeros_like(panel.close)
        return cls(panel.open, panel.high, panel.low, panel.close, dividend)


@dataclass(frozen=True)
class Paths:
    """P accounts, each over the bars first..last of one series, with the legs it begins with.

    Attributes:
        series, first, last: int32 [P]; first < last.
        cash: float64 [P], dollars. Short sales are in it: equity = cash + long value - short value.
        shares: float64 [P, 2], long and short, each at least 0.
        entry: float64 [P, 2], dollars, average entry price; NaN where there are no shares.
        stop, target: float64 [P, 2], dollars; NaN = none. A long stop lies below the close of bar `first` and its
            target above it; a short leg's the other way round.
        trail: float64 [P, 2], multiple of the peak; NaN = none.
        peak: float64 [P, 2], dollars: the highest price that the long leg's trailing stop rests on, the lowest for the
            short leg's; NaN where there is no trail.
        age: int32 [P, 2], bars since the leg was opened; 0 where there is none.
    """

    series: Int32Array1D
    first: Int32Array1D
    last: Int32Array1D
    cash: Float64Array1D
    shares: Float64Array2D
    entry: Float64Array2D
    stop: Float64Array2D
    target: Float64Array2D
    trail: Float64Array2D
    peak: Float64Array2D
    age: npt.NDArray[np.int32]

    @classmethod
    def flat(cls, series: npt.ArrayLike, first: npt.ArrayLike, last: npt.ArrayLike, cash: npt.ArrayLike) -> Paths:
        """Accounts that begin with cash alone; the arguments are broadcast to one length."""
        series, first, last, cash = np.broadcast_arrays(*(np.atleast_1d(each) for each in (series, first, last, cash)))
        none = np.full((len(series), 2), np.nan)
        return cls(
            series=np.ascontiguousarray(series, dtype=np.int32),
            first=np.ascontiguousarray(first, dtype=np.int32),
            last=np.ascontiguousarray(last, dtype=np.int32),
            cash=np.ascontiguousarray(cash, dtype=np.float64),
            shares=np.zeros((len(series), 2)),
            entry=none,
            stop=none,
            target=none,
            trail=none,
            peak=none,
            age=np.zeros((len(series), 2), dtype=np.int32),
        )


@dataclass(frozen=True)
class Orders:
    """N orders, sorted by path and then bar, at most one for a path and bar.

    Attributes:
        path: int32 [N], index of the path.
        bar: int32 [N], the bar at whose close the order is decided; from first to last of its path.
        weight: float64 [N, 2], value to hold as a share of the equity, at least 0; long and short. NaN = leave the leg.
        stop, target, trail: float64 [N, 2], multiples of the fill price (trail: of the peak); NaN = none. For the long
            leg stop and trail lie between 0 and 1, both excluded, and the target above 1; for the short leg the other
            way round (its target above 0).
        limit: float64 [N, 2], dollars, for the fill "limit", where every ordered leg needs one; else NaN.
    """

    path: Int32Array1D
    bar: Int32Array1D
    weight: Float64Array2D
    stop: Float64Array2D
    target: Float64Array2D
    trail: Float64Array2D
    limit: Float64Array2D

    @classmethod
    def of_weights(
        cls, path: npt.ArrayLike, bar: npt.ArrayLike, weight: npt.ArrayLike, **levels: npt.ArrayLike
    ) -> Orders:
        """Orders from weights [N, 2] and any of stop, target, trail, limit, broadcast to [N, 2]; the rest is NaN."""
        weight = np.array(weight, dtype=np.float64, ndmin=2, order="C")
        unknown = set(levels) - {"stop", "target", "trail", "limit"}
        if unknown:
            raise TypeError(f"of_weights() got an unexpected argument {sorted(unknown)[0]!r}")
        full = {
            name: np.array(
                np.broadcast_to(np.asarray(levels.get(name, np.nan), dtype=np.float64), weight.shape), order="C"
            )
            for name in ("stop", "target", "trail", "limit")
        }
        count = len(weight)
        return cls(
            path=np.array(np.broadcast_to(np.asarray(path, dtype=np.int32), (count,))),
            bar=np.array(np.broadcast_to(np.asarray(bar, dtype=np.int32), (count,))),
            weight=weight,
            **full,
        )


@dataclass(frozen=True)
class Trades:
    """K trades, in the order of path, then exit bar, then leg; columns as in the README.

    Attributes:
        path, leg, entry_bar, exit_bar, reason, bars: int32 [K].
        entry_price, exit_price: dollars. shares: greatest number held. gross, dividends, costs: dollars.
        worst, best: excursions, shares of the entry price. All float64 [K].
    """

    path: Int32Array1D
    leg: Int32Array1D
    entry_bar: Int32Array1D
    exit_bar: Int32Array1D
    reason: Int32Array1D
    bars: Int32Array1D
    entry_price: Float64Array1D
    exit_price: Float64Array1D
    shares: Float64Array1D
    gross: Float64Array1D
    dividends: Float64Array1D
    costs: Float64Array1D
    worst: Float64Array1D
    best: Float64Array1D


@dataclass(frozen=True)
class Simulation:
    """What became of P paths.

    Attributes:
        summary: float64 [P, len(SUMMARY)], dollars and sums of returns; see `column`.
        exposure: int32 [P], bars at which a leg was held.
        reason, exit_bar, held: int32 [P, 2]: the reason of each leg's last exit, its bar (-1 if reason is "none" or
            "open"), and the number of bars at which it was held.
        equity: float64 [P, L], L = the greatest last - first + 1, NaN after a path's end; None unless recorded.
        trades: None unless recorded.
        backend, reason_of_backend: what computed it, and why.
    """

    summary: Float64Array2D
    exposure: Int32Array1D
    reason: npt.NDArray[np.int32]
    exit_bar: npt.NDArray[np.int32]
    held: npt.NDArray[np.int32]
    equity: Float64Array2D | None
    trades: Trades | None
    backend: str
    reason_of_backend: str

    def column(self, name: str) -> Float64Array1D:
        """One column of the summary, float64 [P]."""
        return self.summary[:, SUMMARY.index(name)]
