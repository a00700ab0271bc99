"""The scalar rules of the draws."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from kernels.philox import uniform
from kernels.samples.model import (
    BOTH,
    CAP_MARGIN,
    FLAT,
    LARGEST_VALUE,
    LEVEL_DEVIATION,
    LEVELS,
    LONG_ONLY,
    MEDIAN_VALUE,
    SHORT_ONLY,
)

Coefficients = tuple[float, float, float, float, float, float, float, float]

# Highest power first.
CENTRAL_TOP = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080,
)
CENTRAL_BOTTOM = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
MIDDLE_TOP = (
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258,
    3.64784832476320460504,
    5.76949722146069140550,
    4.63033784615654529590,
    1.42343711074968357734,
)
MIDDLE_BOTTOM = (
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940,
    2.05319162663775882187,
    1.0,
)
FAR_TOP = (
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580,
    5.46378491116411436990,
    6.65790464350110377720,
)
FAR_BOTTOM = (
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
)

LEVEL_MEANS = np.array([level.mean for level in LEVELS])
LEVEL_LOWS = np.array([level.low for level in LEVELS])
LEVEL_HIGHS = np.array([level.high for level in LEVELS])
LEVEL_ENDS = np.array([level.ends for level in LEVELS])


@njit(cache=True, nogil=True, error_model="numpy")
def start_number(word_0: np.uint64, word_1: np.uint64, count: int) -> int:
    """Map 53 random bits, 32 of `word_0` above 21 of `word_1`, to 0..count-1: floor(count * bits / 2**53), exactly.

    `count` must be below 2**31, so that no product exceeds 64 bits.
    """
    starts = np.uint64(count)
    low = starts * (word_1 >> np.uint64(11))
    return int((starts * word_0 + (low >> np.uint64(21))) >> np.uint64(32))


@njit(cache=True, nogil=True, error_model="numpy")
def kind_of(word: np.uint64, flat: float, one_long: float, one_short: float) -> int:
    """FLAT, LONG_ONLY, SHORT_ONLY or BOTH, from the cumulated shares of the first three."""
    drawn = uniform(word)
    if drawn < flat:
        return FLAT
    if drawn < one_long:
        return LONG_ONLY
    return SHORT_ONLY if drawn < one_short else BOTH


@njit(cache=True, nogil=True, error_model="numpy")
def rounded(value: float) -> float:
    """The float32 next to a value, as a float64."""
    return np.float64(np.float32(value))


@njit(cache=True, nogil=True, error_model="numpy")
def leg_values(kind: int, normal_long: float, normal_short: float, cap: float) -> tuple[float, float]:
    """Dollars held long and short, float32 values in float64, so that long + short <= cap.

    Both are scaled by the same factor where they would exceed the cap, to just below it.
    """
    long = short = 0.0
    if kind in (LONG_ONLY, BOTH):
        long = rounded(min(MEDIAN_VALUE * math.exp(normal_long), LARGEST_VALUE))
    if kind in (SHORT_ONLY, BOTH):
        short = rounded(min(MEDIAN_VALUE * math.exp(normal_short), LARGEST_VALUE))
    if long + short > cap:
        factor = cap / (long + short) * CAP_MARGIN
        long, short = rounded(long * factor), rounded(short * factor)
    return long, short


@njit(cache=True, nogil=True, error_model="numpy")
def level(word: np.uint64, position: int) -> float:
    """One of `LEVELS`: a truncated normal by its inverse distribution function."""
    low_end, high_end = LEVEL_ENDS[position, 0], LEVEL_ENDS[position, 1]
    quantile = normal_quantile(low_end + uniform(word) * (high_end - low_end))
    drawn: float = LEVEL_MEANS[position] + LEVEL_DEVIATION * quantile
    return min(max(drawn, float(LEVEL_LOWS[position])), float(LEVEL_HIGHS[position]))


@njit(cache=True, nogil=True, error_model="numpy")
def normal_quantile(probability: float) -> float:
    """Inverse of the standard normal distribution function for 0 < probability < 1, to about 1e-16 of the quantile.

    Wichura (1988), Algorithm AS 241, PPND16: ratios of two polynomials of degree 7, one near the middle, two towards
    the ends.
    """
    centred = probability - 0.5
    if abs(centred) <= 0.425:
        r = 0.180625 - centred * centred
        return polynomial(CENTRAL_TOP, r) * centred / polynomial(CENTRAL_BOTTOM, r)
    r = math.sqrt(-math.log(probability if centred <= 0.0 else 1.0 - probability))
    if r <= 5.0:
        r -= 1.6
        distance = polynomial(MIDDLE_TOP, r) / polynomial(MIDDLE_BOTTOM, r)
    else:
        r -= 5.0
        distance = polynomial(FAR_TOP, r) / polynomial(FAR_BOTTOM, r)
    return -distance if centred < 0.0 else distance


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def polynomial(coefficients: Coefficients, r: float) -> float:
    """A polynomial of degree 7 at r, by Horner's rule; the highest power comes first."""
    a, b, c, d, e, f, g, h = coefficients
    return ((((((a * r + b) * r + c) * r + d) * r + e) * r + f) * r + g) * r + h
