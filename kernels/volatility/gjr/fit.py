"""Fit the GJR parameters, pooled over rows, by maximum likelihood of Student-t innovations with a variance target.

The fit runs the plain recursion from the target at the first return: its variances differ from the cut sum of the
forecasts by what beta^K leaves. The likelihood is one sum over rows, as if their innovations were independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numba import njit, prange

from kernels.errors import InvalidInputError
from kernels.origins import require_prices
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.volatility.gjr.rules import MIN_TARGET_RETURNS, GjrParameters

START = GjrParameters(alpha=0.03, gamma=0.08, beta=0.9, degrees=8.0)
SYMMETRIC_START = GjrParameters(alpha=0.07, gamma=0.0, beta=0.9, degrees=8.0)
LOGIT_BOUND, LOG_DEGREES_BOUNDS, MAX_ITERATIONS = 15.0, (-4.0, 6.0), 500


@dataclass(frozen=True)
class GjrFit:
    """What a fit rests on.

    Attributes:
        log_likelihood: of the returns used, at the fitted parameters.
        iterations: of the optimiser.
        rows: how many rows were used.
        returns: how many returns were used, over all rows.
    """

    log_likelihood: float
    iterations: int
    rows: int
    returns: int


def fit_gjr(close: Float64Array2D, first: int, last: int, *, symmetric: bool = False) -> tuple[GjrParameters, GjrFit]:
    """Fit the parameters to the returns within the bars `first` to `last` of all rows.

    A row is used if it has at least `MIN_TARGET_RETURNS` returns there and they aren't all 0. Its variance target is
    the mean of their squares.

    Args:
        close: float64 [R, T], C-contiguous, dollars; NaN where there is no bar. Bars outside are not looked at.
        first: the first bar.
        last: the last bar, included.
        symmetric: hold gamma at 0, so that losses count as gains do: GARCH(1,1).

    Returns:
        The parameters and what they rest on. The same bytes for the same bars, whatever the order of the rows and the
        number of threads.

    Raises:
        InvalidInputError: a wrong shape or dtype, a price within the bars that isn't positive and finite, bars outside
            the prices, no row to use, or returns at which the optimiser finds no maximum.
    """
    # scipy takes long to import, and forecasting doesn't need it.
    from scipy.optimize import minimize

    returns, target = _returns_to_fit(close, first, last)
    count = int(np.sum(~np.isnan(returns)))
    # One logit less: that of falls is that of rises.
    parameters_at = _symmetric_parameters_at if symmetric else _parameters_at
    start = _point_of(SYMMETRIC_START)[1:] if symmetric else _point_of(START)
    result = minimize(
        lambda point: -log_likelihood(returns, target, parameters_at(point)) / count,
        start,
        method="L-BFGS-B",
        jac="3-point",
        bounds=[(-LOGIT_BOUND, LOGIT_BOUND)] * (len(start) - 1) + [LOG_DEGREES_BOUNDS],
        options={"ftol": 1e-13, "gtol": 1e-7, "maxiter": MAX_ITERATIONS},
    )
    if not result.success:
        raise InvalidInputError(
            "close of fit_gjr",
            expected="returns at which the likelihood of GJR has a maximum",
            got=f"no maximum after {result.nit} iterations ({result.message})",
            mend="fit on more bars or more rows",
        )
    parameters = parameters_at(result.x)
    return parameters, GjrFit(log_likelihood(returns, target, parameters), int(result.nit), len(returns), count)


def log_likelihood(returns: Float64Array2D, target: Float64Array1D, parameters: GjrParameters) -> float:
    """Log-likelihood of all the returns, each under a Student-t scaled to the variance known before it.

    Args:
        returns: float64 [R, N], log returns; NaN where missing.
        target: float64 [R], above 0: the variance target of each row, and the variance of its first return.
        parameters: the parameters.

    Returns:
        The sum over the returns that are there, in nats.
    """
    rows = np.empty(len(returns))
    _row_log_likelihoods(returns, target, parameters.alpha, parameters.gamma, parameters.beta, parameters.degrees, rows)
    # Rounded once, so the order of the rows doesn't matter.
    return math.fsum(rows)


@njit(cache=True, parallel=True)
def _row_log_likelihoods(
    returns: Float64Array2D,
    target: Float64Array1D,
    alpha: float,
    gamma: float,
    beta: float,
    degrees: float,
    rows: Float64Array1D,
) -> None:
    constant = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(math.pi * (degrees - 2)) / 2
    expected = alpha + gamma / 2
    for series in prange(len(returns)):
        mean, variance, total = target[series], target[series], 0.0
        for t in range(returns.shape[1]):
            one_return = returns[series, t]
            if math.isnan(one_return):
                news = expected * mean
            else:
                square = one_return**2
                news = (alpha + gamma if one_return < 0.0 else alpha) * square
                tail = math.log1p(square / ((degrees - 2) * variance))
                total += constant - math.log(variance) / 2 - (degrees + 1) / 2 * tail
            variance = mean * (1 - expected - beta) + news + beta * variance
        rows[series] = total


def _returns_to_fit(close: Float64Array2D, first: int, last: int) -> tuple[Float64Array2D, Float64Array1D]:
    """The log returns of the rows to use within bars `first` to `last`, and the mean of their squares."""
    _require_bars(close, first, last)
    bars = np.ascontiguousarray(close[:, first : last + 1])
    require_prices("close", bars, bars.shape)
    returns = np.diff(np.log(bars), axis=1)
    enough = np.sum(~np.isnan(returns), axis=1) >= MIN_TARGET_RETURNS
    target = np.nanmean(returns[enough] ** 2, axis=1)
    returns, target = returns[enough][target > 0.0], target[target > 0.0]
    if len(target) == 0:
        raise InvalidInputError(
            "close of fit_gjr",
            expected=f"a row with at least {MIN_TARGET_RETURNS} returns within bars {first} to {last}, not all 0",
            got=f"none among {len(close)} rows",
            mend="fit on more bars",
        )
    return np.ascontiguousarray(returns), target


def _require_bars(close: Float64Array2D, first: int, last: int) -> None:
    if close.ndim != 2:
        require_prices("close", close, close.shape)
    whole = all(isinstance(bar, Integral) and not isinstance(bar, bool) for bar in (first, last))
    if not whole or not 0 <= first < last < close.shape[1]:
        raise InvalidInputError(
            "bars of fit_gjr",
            expected=f"integers 0 <= first < last <= {close.shape[1] - 1}",
            got=f"first {first!r}, last {last!r}",
            mend="pass the columns of the first and the last session to fit on",
        )


def _parameters_at(point: Float64Array1D) -> GjrParameters:
    """The parameters at a point that the optimiser tries: three logits, and the logarithm of `degrees - 2`.

    The logits give the shares alpha / 2, (alpha + gamma) / 2 and beta; with the rest they sum to 1, all above 0.
    The three sum to the persistence, so every point is stationary.
    """
    parts = [math.exp(logit) for logit in point[:3]]
    rise, fall, beta = (part / (1.0 + sum(parts)) for part in parts)
    return GjrParameters(2.0 * rise, 2.0 * (fall - rise), beta, 2.0 + math.exp(point[3]))


def _symmetric_parameters_at(point: Float64Array1D) -> GjrParameters:
    """The parameters where rises and falls have one logit, the first of `point`: gamma is exactly 0."""
    return _parameters_at(np.array([point[0], *point]))


def _point_of(parameters: GjrParameters) -> Float64Array1D:
    """The point at which `_parameters_at` gives these parameters."""
    shares = [parameters.alpha / 2, (parameters.alpha + parameters.gamma) / 2, parameters.beta]
    logits = [math.log(share / (1.0 - parameters.persistence)) for share in shares]
    return np.array([*logits, math.log(parameters.degrees - 2.0)])
