"""Philox4x32-10, the counter-based generator of Salmon et al. (2011): no state, one block of four words per counter.

Words are 32-bit values held in uint64, so that the 32 x 32 bit products stay exact.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

Words = tuple[np.uint64, np.uint64, np.uint64, np.uint64]

ROUNDS = 10
WORD_MASK = np.uint64(0xFFFFFFFF)
WORD_BITS = np.uint64(32)
MULTIPLIER_0 = np.uint64(0xD2511F53)
MULTIPLIER_1 = np.uint64(0xCD9E8D57)
WEYL_0 = np.uint64(0x9E3779B9)
WEYL_1 = np.uint64(0xBB67AE85)
WORD_STEP = 2.0**-32
TWO_PI = 2.0 * math.pi


@njit(cache=True)
def philox4x32(
    counter_0: np.uint64,
    counter_1: np.uint64,
    counter_2: np.uint64,
    counter_3: np.uint64,
    key_0: np.uint64,
    key_1: np.uint64,
) -> Words:
    """Return the block of one counter under one key.

    Counter, key and result are uint64 words, each below 2**32, in the order of Random123's known-answer vectors.
    """
    for _ in range(ROUNDS):
        product_0 = MULTIPLIER_0 * counter_0
        product_1 = MULTIPLIER_1 * counter_2
        counter_0 = (product_1 >> WORD_BITS) ^ counter_1 ^ key_0
        counter_1 = product_1 & WORD_MASK
        counter_2 = (product_0 >> WORD_BITS) ^ counter_3 ^ key_1
        counter_3 = product_0 & WORD_MASK
        key_0 = (key_0 + WEYL_0) & WORD_MASK
        key_1 = (key_1 + WEYL_1) & WORD_MASK
    return counter_0, counter_1, counter_2, counter_3


@njit(cache=True)
def uniform(word: np.uint64) -> float:
    """Map a word to the middle of its cell of (0, 1): (word + 1/2) / 2**32, never 0 and never 1."""
    return (np.int64(word) + 0.5) * WORD_STEP


@njit(cache=True)
def normal_pair(uniform_0: float, uniform_1: float) -> tuple[float, float]:
    """Return two independent standard normals from two uniforms (Box and Muller, 1958)."""
    radius = math.sqrt(-2.0 * math.log(uniform_0))
    angle = TWO_PI * uniform_1
    return radius * math.cos(angle), radius * math.sin(angle)


def key_words(seed: int) -> tuple[np.uint64, np.uint64]:
    """Split a seed in 0..2**64-1 into the two key words, low word first."""
    return np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)
