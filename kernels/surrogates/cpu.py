"""Surrogates on the CPU: the rows are prepared once, then surrogates are made in parallel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.philox import WORD_BITS, WORD_MASK, key_words
from kernels.surrogates.model import (
    ALPHA,
    BETA,
    CALM,
    FIELDS,
    GAMMA,
    GJR,
    MEAN,
    NULLS,
    START,
    STILL,
    VOLATILITY,
    Float64Array3D,
    Int64Array1D,
    Null,
    Rows,
    Surrogates,
    Terms,
    UInt64Array2D,
)
from kernels.surrogates.rules import next_variance, write_surrogate
from kernels.volatility.gjr import GjrParameters


def surrogates(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    numbers: Int32Array1D,
    null: Null,
    seed: int,
    block: float,
    parameters: GjrParameters | None,
) -> Surrogates:
    """Same as `kernels.surrogates.surrogates`, without its checks."""
    rows, terms = prepare(open_, high, low, close, keys, null, seed, block, parameters)
    made = np.empty((len(FIELDS), len(close), len(numbers), close.shape[1]))
    _all_surrogates(rows, terms, numbers, made)
    return Surrogates(*made)


def prepare(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    null: Null,
    seed: int,
    block: float,
    parameters: GjrParameters | None,
) -> tuple[Rows, Terms]:
    """Same as `kernels.surrogates.prepare`, without its checks."""
    rows = Rows(
        keys=key_pairs(keys),
        there=~np.isnan(close),
        bars=np.sum(~np.isnan(close), axis=1, dtype=np.int32),
        moves=np.zeros((*close.shape, len(FIELDS))),
        volatility=np.zeros((len(close), VOLATILITY)),
    )
    if parameters is not None and null == NULLS[GJR]:
        _write_moves(open_, high, low, close, rows, True)
        _write_residuals(rows, parameters.alpha, parameters.gamma, parameters.beta)
    else:
        _write_moves(open_, high, low, close, rows, False)
    return rows, terms_of(null, seed, block)


def key_pairs(keys: Int64Array1D) -> UInt64Array2D:
    """The low and the high word of each key."""
    words = keys.view(np.uint64)
    return np.stack([words & WORD_MASK, words >> WORD_BITS], axis=1)


def terms_of(null: Null, seed: int, block: float) -> Terms:
    """What all surrogates have in common; arguments as in `prepare`."""
    return Terms(NULLS.index(null), 1.0 / block, *key_words(seed))


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _all_surrogates(rows: Rows, terms: Terms, numbers: Int32Array1D, made: Float64Array3D) -> None:
    """Write every surrogate of every row into [4, R, B, T]."""
    count = len(numbers)
    for pair in prange(len(rows.bars) * count):
        row, index = pair // count, pair % count
        out = made[:, row, index]
        write_surrogate(rows, terms, row, numbers[index], out[0], out[1], out[2], out[3])


@njit(cache=True, nogil=True, error_model="numpy")
def _write_moves(
    open_: Float64Array2D, high: Float64Array2D, low: Float64Array2D, close: Float64Array2D, rows: Rows, logs: bool
) -> None:
    """Write each bar relative to the close before it, as ratios or as their logarithms."""
    for row in range(len(close)):
        place, level = 0, 1.0
        for t in range(close.shape[1]):
            if not rows.there[row, t]:
                continue
            bar = (open_[row, t], high[row, t], low[row, t], close[row, t])
            for field in range(len(bar)):
                ratio = bar[field] / level
                rows.moves[row, place, field] = math.log(ratio) if logs and place > 0 else ratio
            level = close[row, t]
            place += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _write_residuals(rows: Rows, alpha: float, gamma: float, beta: float) -> None:
    """Make standardised residuals of the logarithms in `moves`, and write what rescales them."""
    calm_share = 1.0 - (alpha + gamma / 2.0 + beta)
    for row in range(len(rows.bars)):
        moves = rows.moves[row, 1 : rows.bars[row]]
        mean, variance = moments(moves[:, 3])
        if math.sqrt(variance) <= STILL:
            rows.volatility[row, START] = rows.volatility[row, CALM] = 1.0
            continue
        ahead = variance
        for place in range(len(moves)):
            scale = math.sqrt(ahead)
            for field in range(len(FIELDS)):
                moves[place, field] = (moves[place, field] - mean) / scale
            ahead = next_variance(ahead, moves[place, 3], calm_share * variance, alpha, gamma, beta)
        centre, spread = moments(moves[:, 3])
        spread = math.sqrt(spread)
        falls = 0.0
        for place in range(len(moves)):
            for field in range(len(FIELDS)):
                moves[place, field] = (moves[place, field] - centre) / spread
            if moves[place, 3] < 0.0:
                falls += moves[place, 3] * moves[place, 3]
        news = alpha + gamma * (falls / len(moves))
        balance = (alpha + gamma / 2.0) / news if news > 0.0 else 1.0
        rows.volatility[row, MEAN] = mean
        rows.volatility[row, START] = variance
        rows.volatility[row, CALM] = calm_share * variance
        rows.volatility[row, ALPHA] = balance * alpha
        rows.volatility[row, GAMMA] = balance * gamma
        rows.volatility[row, BETA] = beta


@njit(cache=True, nogil=True, error_model="numpy")
def moments(values: Float64Array1D) -> tuple[float, float]:
    """The mean and the mean squared deviation from it; 0 and 0 where there are no values."""
    if len(values) == 0:
        return 0.0, 0.0
    mean = 0.0
    for value in values:
        mean += value
    mean /= len(values)
    variance = 0.0
    for value in values:
        variance += (value - mean) * (value - mean)
    return mean, variance / len(values)
