"""One surrogate of one row, for loops on the CPU and threads of CUDA alike."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kernels.panel import Float64Array1D
from kernels.philox import WORD_BITS, Words, philox4x32, uniform
from kernels.surrogates.model import (
    ALPHA,
    BETA,
    CALM,
    GAMMA,
    GJR,
    LEAST_PRICE,
    MEAN,
    MOST_MOVE,
    MOST_PRICE,
    MOST_VARIANCE,
    PLACE_BITS,
    SIGN,
    START,
    Rows,
    Terms,
)

Bar = tuple[float, float, float, float]

HALF_OF_WORDS = np.uint64(2**31)


@njit(cache=True, nogil=True, error_model="numpy")
def write_surrogate(
    rows: Rows,
    terms: Terms,
    row: int,
    number: int,
    open_: Float64Array1D,
    high: Float64Array1D,
    low: Float64Array1D,
    close: Float64Array1D,
) -> None:
    """Write surrogate `number` of row `row`; what comes out depends on this row, `terms` and `number` alone.

    Args:
        rows: from `prepare`.
        terms: from `prepare`.
        row: which of `rows`.
        number: 0..2**31-1.
        open_: float64 [T], overwritten: dollars, NaN where the original has no bar.
        high: the same.
        low: the same.
        close: the same.
    """
    there, moves, volatility = rows.there[row], rows.moves[row], rows.volatility[row]
    key_0, key_1 = rows.keys[row, 0], rows.keys[row, 1]
    drawable = rows.bars[row] - 1
    variance = volatility[START]
    place, source, level = 0, 0, 0.0
    for t in range(len(there)):
        if not there[t]:
            open_[t] = high[t] = low[t] = close[t] = math.nan
            continue
        words = philox4x32(
            np.uint64(place) | (np.uint64(terms.null) << np.uint64(PLACE_BITS)),
            np.uint64(number), key_0, key_1, terms.seed_0, terms.seed_1,
        )  # fmt: skip
        source = source_of(terms, words, place, source, drawable)
        move = (moves[source, 0], moves[source, 1], moves[source, 2], moves[source, 3])
        if place == 0:
            bar = move
        elif terms.null == GJR:
            bar = rescaled_bar(level, move, volatility[MEAN], math.sqrt(variance))
            variance = next_variance(
                variance, move[3], volatility[CALM], volatility[ALPHA], volatility[GAMMA], volatility[BETA]
            )
        elif terms.null == SIGN and words[0] < HALF_OF_WORDS:
            bar = mirrored_bar(level, move)
        else:
            bar = moved_bar(level, move)
        open_[t], high[t], low[t], close[t] = bar
        level = bar[3]
        place += 1


@njit(cache=True, nogil=True, error_model="numpy")
def source_of(terms: Terms, words: Words, place: int, before: int, drawable: int) -> int:
    """Which bar of the original comes to `place`, where `before` came to the place before it."""
    if place == 0 or terms.null == SIGN:
        return place
    if terms.null == GJR or place == 1 or uniform(words[0]) < terms.new_block:
        return 1 + drawn_of(drawable, words[1])
    return before + 1 if before < drawable else 1


@njit(cache=True, nogil=True, error_model="numpy")
def drawn_of(count: int, word: np.uint64) -> int:
    """Map a word to 0..count-1, each equally likely."""
    return int(np.int64((word * np.uint64(count)) >> WORD_BITS))


@njit(cache=True, nogil=True, error_model="numpy")
def held(price: float) -> float:
    """The price, held within the bounds of prices."""
    return min(max(price, LEAST_PRICE), MOST_PRICE)


@njit(cache=True, nogil=True, error_model="numpy")
def moved_bar(level: float, ratio: Bar) -> Bar:
    """The bar after a close of `level` dollars, from its ratios to that close."""
    return held(level * ratio[0]), held(level * ratio[1]), held(level * ratio[2]), held(level * ratio[3])


@njit(cache=True, nogil=True, error_model="numpy")
def mirrored_bar(level: float, ratio: Bar) -> Bar:
    """The same with all log moves negated, so the low makes the high."""
    return held(level / ratio[0]), held(level / ratio[2]), held(level / ratio[1]), held(level / ratio[3])


@njit(cache=True, nogil=True, error_model="numpy")
def rescaled_bar(level: float, residual: Bar, mean: float, scale: float) -> Bar:
    """The bar after a close of `level` dollars, from standardised log residuals."""
    opened = held(level * math.exp(log_move(mean + scale * residual[0])))
    highest = held(level * math.exp(log_move(mean + scale * residual[1])))
    lowest = held(level * math.exp(log_move(mean + scale * residual[2])))
    closed = held(level * math.exp(log_move(mean + scale * residual[3])))
    # No exponential is promised to be monotone in its last digit.
    return opened, max(opened, highest, closed), min(opened, lowest, closed), closed


@njit(cache=True, nogil=True, error_model="numpy")
def log_move(move: float) -> float:
    """The move of a log price, held within what prices can move."""
    return min(max(move, -MOST_MOVE), MOST_MOVE)


@njit(cache=True, nogil=True, error_model="numpy")
def next_variance(variance: float, residual: float, calm: float, alpha: float, gamma: float, beta: float) -> float:
    """The variance of the session after one whose standardised log return was `residual`."""
    weight = alpha + gamma if residual < 0.0 else alpha
    return min(calm + weight * variance * residual * residual + beta * variance, MOST_VARIANCE)
