"""Fit of the HAR model: ordinary least squares for each horizon, pooled over symbols."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.volatility.har import cpu
from kernels.volatility.har.parameters import HarParameters

MIN_ROWS = 250
"""The fewest rows that a regression may rest on."""

LEAST_SPREAD = 1e-6
"""A feature or target whose standard deviation is less, in units of log variance, varies by rounding alone."""

COLLINEAR = 1e-10
"""Correlations whose least eigenvalue is below this share of the greatest leave the coefficients undetermined."""


@dataclass(frozen=True)
class HarReport:
    """How well each regression fits the bars it was fitted on; one entry a horizon.

    Attributes:
        rows: pairs of features and target used. Targets over h > 1 sessions overlap: rows are not independent.
        r_squared: share of the variance of the log target that is explained, 0 to 1; 0 where the target is constant.
    """

    rows: tuple[int, ...]
    r_squared: tuple[float, ...]


def fit_har(
    open_: Float64Array2D, high: Float64Array2D, low: Float64Array2D, close: Float64Array2D, horizons: tuple[int, ...]
) -> tuple[HarParameters, HarReport]:
    """Same as `kernels.volatility.har.fit_har` over all the bars given, without its checks."""
    variance = cpu.daily_variance(open_, high, low, close)
    means = cpu.mean_variances(variance)
    features = cpu.log_variance(means)
    usable = ~np.isnan(features).any(axis=2) & ~cpu.stands_still(means)
    coefficients, rows, r_squared = [], [], []
    for horizon in horizons:
        origins = max(0, close.shape[1] - horizon)
        target = cpu.log_variance(_mean_ahead(variance, horizon))
        used = usable[:, :origins] & ~np.isnan(target)
        fitted, explained = _least_squares(features[:, :origins][used], target[used], horizon)
        coefficients.append(fitted)
        rows.append(int(used.sum()))
        r_squared.append(explained)
    return HarParameters(np.array(coefficients), horizons), HarReport(tuple(rows), tuple(r_squared))


def _mean_ahead(variance: Float64Array2D, horizon: int) -> Float64Array2D:
    """Mean daily variance over the `horizon` sessions after each bar that has so many; NaN where one is missing."""
    origins = max(0, variance.shape[1] - horizon)
    total = np.zeros((variance.shape[0], origins))
    for ahead in range(1, horizon + 1):
        total += variance[:, ahead : ahead + origins]
    return total / horizon


def _least_squares(features: Float64Array2D, target: Float64Array1D, horizon: int) -> tuple[Float64Array1D, float]:
    """The constant and slopes of `target` [N] on `features` [N, F] by centred normal equations, and R squared.

    The sums are NumPy's own, not those of a BLAS library, whose order depends on its number of threads.
    """
    if len(target) < MIN_ROWS:
        raise _undetermined(horizon, f"at least {MIN_ROWS} rows of features and target", f"{len(target)}")
    columns = np.ascontiguousarray(features.T)
    centre = columns.mean(axis=1)
    columns -= centre[:, None]
    level = target.mean()
    deviation = target - level
    products = np.array([[(one * other).sum() for other in columns] for one in columns])
    spread = np.sqrt(np.diag(products))
    least = LEAST_SPREAD * np.sqrt(len(target))
    if not (spread > least).all() or _eigenvalue_ratio(products / np.outer(spread, spread)) < COLLINEAR:
        raise _undetermined(horizon, "features that vary apart from each other", "prices that stand still or repeat")
    slopes = np.linalg.solve(products, np.array([(one * deviation).sum() for one in columns]))
    residual = deviation - (slopes[:, None] * columns).sum(axis=0)
    total = float((deviation * deviation).sum())
    explained = 1.0 - float((residual * residual).sum()) / total if total > least**2 else 0.0
    return np.concatenate([[level - (slopes * centre).sum()], slopes]), explained


def _eigenvalue_ratio(correlations: Float64Array2D) -> float:
    eigenvalues = np.linalg.eigvalsh(correlations)
    return float(eigenvalues[0] / eigenvalues[-1])


def _undetermined(horizon: int, expected: str, got: str) -> InvalidInputError:
    return InvalidInputError(
        f"training span of fit_har, horizon {horizon}",
        expected=expected,
        got=got,
        mend="widen the range `first` to `last`, add symbols, or leave the longest horizons out",
    )
