"""The simulation over rolling origins: forecasts become orders, orders become paths, paths are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.panel import Int32Array1D
from kernels.strategies import cpu, naive
from kernels.strategies.measure import measure
from kernels.strategies.model import (
    FAULTY_BAR,
    FAULTY_FORECAST,
    FILL,
    NO_BAR,
    NO_FORECAST,
    OK,
    STRATEGIES,
    RollingResult,
    Strategy,
)
from kernels.strategies.validate import PRICES, faulty_bars, faulty_forecasts, require_rolling
from kernels.trading import Bars, Costs, Orders, Paths, simulate
from kernels.volatility.forecasts import DEFAULT_HORIZONS, DEFAULT_LEVELS

AVAILABLE = ("naive", "cpu")
"""The backends this kernel is written for."""

Value = TypeVar("Value", np.float64, np.int32)

_DECIDE = {"naive": naive.decide, "cpu": cpu.decide}
_DEFAULT_COSTS = Costs()


def simulate_rolling(
    bars: Bars,
    origins: Int32Array1D,
    quantiles: npt.NDArray[np.float64],
    volatility: npt.NDArray[np.float64],
    strategies: Sequence[Strategy] = STRATEGIES,
    *,
    seed: int,
    costs: Costs = _DEFAULT_COSTS,
    horizons: Sequence[int] = DEFAULT_HORIZONS,
    levels: Sequence[float] = DEFAULT_LEVELS,
    interval_level: float = 0.95,
    resamples: int = 1000,
    backend: Backend = "auto",
) -> RollingResult:
    """Trade every strategy on every symbol, from the first origin to the session after the last; filled at next opens.

    Bars before the first origin and after the session that follows the last are not looked at. What becomes of a symbol
    and a strategy depends on these two alone; `trials` and `deflated_sharpe` on the symbol's other strategies too.

    Args:
        bars: of S symbols over T sessions, split-adjusted; NaN = no bar.
        origins: int32 [O], strictly rising columns of `bars`, from 0 to T - 2: a forecast is made at each one's close.
        quantiles: float64 [S, O, H, Q], C-contiguous, of the log return of close, not falling along Q; NaN = unknown.
        volatility: float64 [S, O, H], C-contiguous, standard deviation of that log return; NaN = unknown.
        strategies: N with different names.
        seed: 0 to 2**64 - 1, of the bootstrap.
        costs: of trading and holding.
        horizons: H sessions.
        levels: Q quantile levels.
        interval_level: share of the resamples within the intervals, above 0 and below 1.
        resamples: of the bootstrap, at least 2.
        backend: "auto", "naive" or "cpu", for everything that is computed.

    Returns:
        See `RollingResult`. A symbol whose bars or forecasts are missing or faulty has a status that says so.

    Raises:
        InvalidInputError: shapes, origins, strategies or settings that don't fit; the fault is named.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("strategies", backend, AVAILABLE)
    used: Backend = "naive" if choice.backend == "naive" else "cpu"
    require_rolling(bars, origins, quantiles, volatility, strategies, horizons, levels)
    span, places = _span_of(bars, origins)
    there = _there(span, places)
    horizon = np.array([list(horizons).index(each.horizon) for each in strategies])
    known = ~(np.isnan(quantiles).any(axis=3) | np.isnan(volatility)) & there[:, :, None]
    usable = known.sum(axis=1, dtype=np.int32)[:, horizon]
    faulty_bar = faulty_bars(span)
    faulty_forecast = faulty_forecasts(quantiles, volatility)[:, horizon]
    status = _status_of(faulty_bar, faulty_forecast, there, usable)

    symbol, strategy = np.nonzero(status == OK)
    decisions = _DECIDE[used](there, quantiles, volatility, symbol, strategy, strategies, costs, horizons, levels)
    given = there[symbol]
    path, origin = np.nonzero(given)
    orders = Orders.of_weights(
        path, places[origin], decisions.weight[given], stop=decisions.stop[given], target=decisions.target[given]
    )
    begin = places[np.argmax(there, axis=1)[symbol]]
    last = span.close.shape[1] - 1
    paths = Paths.flat(symbol, begin, np.full(len(symbol), last), np.ones(len(symbol)))
    played = simulate(_without(span, faulty_bar), paths, orders, fill=FILL, costs=costs, record=True, backend=used)
    measured = measure(played, begin, last, symbol, seed, interval_level, resamples, used)
    return RollingResult(
        status=status,
        origins=usable,
        trades=_spread(measured.trades, status, np.int32(0)),
        trials=(status == OK).sum(axis=1, dtype=np.int32),
        **{name: _spread(values, status, np.float64(np.nan)) for name, values in measured.columns.items()},
        returns=_spread(measured.returns, status, np.float64(np.nan)),
        backend=choice.backend,
        reason_of_backend=choice.reason,
    )


def _span_of(bars: Bars, origins: Int32Array1D) -> tuple[Bars, Int32Array1D]:
    """The bars from the first origin to the session after the last, and the origins' columns in them."""
    columns = slice(origins[0], origins[-1] + 2)
    span = Bars(*(np.ascontiguousarray(getattr(bars, name)[:, columns]) for name in (*PRICES, "dividend")))
    return span, origins - origins[0]


def _there(bars: Bars, places: Int32Array1D) -> npt.NDArray[np.bool_]:
    """Whether the bars at `places` are there, bool [S, O]."""
    missing = np.zeros((len(bars.close), len(places)), dtype=np.bool_)
    for name in PRICES:
        missing |= np.isnan(getattr(bars, name)[:, places])
    return ~missing


def _without(bars: Bars, faulty: npt.NDArray[np.bool_]) -> Bars:
    """The bars without those of faulty symbols."""
    empty = {**dict.fromkeys(PRICES, np.nan), "dividend": 0.0}
    return Bars(*(np.where(faulty[:, None], value, getattr(bars, name)) for name, value in empty.items()))


def _status_of(
    faulty_bar: npt.NDArray[np.bool_],
    faulty_forecast: npt.NDArray[np.bool_],
    there: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.int32],
) -> npt.NDArray[np.int8]:
    """The status int8 [S, N]; the first that fits in the order faulty bar, no bar, faulty forecast, no forecast."""
    status = np.full(usable.shape, OK, dtype=np.int8)
    status[usable == 0] = NO_FORECAST
    status[faulty_forecast] = FAULTY_FORECAST
    status[~there.any(axis=1)] = NO_BAR
    status[faulty_bar] = FAULTY_BAR
    return status


def _spread(values: npt.NDArray[Value], status: npt.NDArray[np.int8], missing: Value) -> npt.NDArray[Value]:
    """The values [P, ...] of the pairs that were simulated as [S, N, ...], `missing` for the others."""
    spread = np.full((*status.shape, *values.shape[1:]), missing, dtype=values.dtype)
    spread[status == OK] = values
    return spread
