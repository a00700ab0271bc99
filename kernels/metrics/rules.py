"""The metrics of one path from its sums: scalars for CPU loops and CUDA threads, without allocation."""

from __future__ import annotations

import math

from numba import njit

SESSIONS_PER_YEAR = 252
ROOT_OF_YEAR = math.sqrt(SESSIONS_PER_YEAR)

STILL = 1e-12
"""A root mean square return up to this is no movement: equity is only exact to this share of itself."""

NEGLIGIBLE = 1e-9
"""Squares up to this share of all squares count as none.

The variance comes from sums of n terms, each sum exact to n * 1.1e-16 of itself, so what rounding leaves of a variance
of zero is below 3.3e-10 of the mean square for a million sessions. And no ratio can exceed sqrt(252 / 1e-9) = 5.02e5.
"""


@njit(cache=True, nogil=True, error_model="numpy")
def metrics_of_sums(
    first_equity: float,
    last_equity: float,
    return_sum: float,
    return_squares: float,
    downside_squares: float,
    max_drawdown: float,
    returns: int,
) -> tuple[float, float, float, float, float, float]:
    """The metrics of one path, in the order of `EQUITY_METRICS`.

    Args:
        first_equity: dollars, before the first return.
        last_equity: dollars, after the last return.
        return_sum: sum of the returns per session.
        return_squares: sum of their squares.
        downside_squares: sum of the squares of the negative ones.
        max_drawdown: largest fall from the highest equity so far, a share of it, at least 0.
        returns: how many returns; each is of one session.

    Returns:
        total_return, cagr, sharpe_252, sortino_252, max_drawdown, calmar; NaN = unknown, never infinite. The NaN rule
        and the ranges are in the README.
    """
    if not first_equity > 0.0:
        return math.nan, math.nan, math.nan, math.nan, math.nan, math.nan
    total_return = last_equity / first_equity - 1.0
    if returns < 1:
        return total_return, math.nan, math.nan, math.nan, max_drawdown, math.nan
    cagr = cagr_of(first_equity, last_equity, returns)
    sharpe = sharpe_of(return_sum, return_squares, returns)
    if is_still(return_squares, returns):
        return total_return, cagr, sharpe, 0.0, max_drawdown, 0.0
    sortino = calmar = math.nan
    if downside_squares > NEGLIGIBLE * return_squares:
        sortino = return_sum / returns / math.sqrt(downside_squares / returns) * ROOT_OF_YEAR
    if max_drawdown * max_drawdown > NEGLIGIBLE * return_squares:
        calmar = cagr / max_drawdown
    return total_return, cagr, sharpe, sortino, max_drawdown, calmar


@njit(cache=True, nogil=True, error_model="numpy")
def cagr_of(first_equity: float, last_equity: float, returns: int) -> float:
    """Compound growth per 252 sessions; -1 if nothing is left, NaN if the year's growth exceeds a float64."""
    if last_equity <= 0.0:
        return -1.0
    growth = float((last_equity / first_equity) ** (SESSIONS_PER_YEAR / returns))
    return growth - 1.0 if growth < math.inf else math.nan


@njit(cache=True, nogil=True, error_model="numpy")
def sharpe_of(return_sum: float, return_squares: float, returns: int) -> float:
    """Mean over standard deviation (n - 1), times sqrt(252); NaN for one return and for constant ones, 0 if still."""
    if returns < 2:
        return math.nan
    if is_still(return_squares, returns):
        return 0.0
    if is_constant(return_sum, return_squares, returns):
        return math.nan
    mean = return_sum / returns
    variance = (return_squares - return_sum * mean) / (returns - 1)
    return mean / math.sqrt(variance) * ROOT_OF_YEAR


@njit(cache=True, nogil=True, error_model="numpy")
def is_still(return_squares: float, returns: int) -> bool:
    """Whether nothing moved but rounding."""
    return return_squares <= STILL * STILL * returns


@njit(cache=True, nogil=True, error_model="numpy")
def is_constant(return_sum: float, return_squares: float, returns: int) -> bool:
    """Whether the returns' spread around their mean is negligible."""
    return return_squares - return_sum * return_sum / returns <= NEGLIGIBLE * return_squares
