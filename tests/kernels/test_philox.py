from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import philox
from kernels.market import naive

KNOWN_ANSWERS = [
    # Random123's kat_vectors for philox4x32 with 10 rounds: counter, key, block.
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
WORD = st.integers(0, 2**32 - 1)


def fast_block(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(word) for word in philox.philox4x32(*(np.uint64(word) for word in counter + key)))


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN_ANSWERS)
def test_both_versions_give_the_published_known_answers(counter, key, block):
    assert fast_block(counter, key) == block
    assert naive.philox4x32(counter, key) == block


@settings(max_examples=200, deadline=None)
@given(counter=st.tuples(WORD, WORD, WORD, WORD), key=st.tuples(WORD, WORD))
def test_both_versions_agree_on_any_counter_and_key(counter, key):
    assert fast_block(counter, key) == naive.philox4x32(counter, key)


@pytest.mark.parametrize("word", [0, 1, 2**31, 2**32 - 1])
def test_uniforms_never_touch_zero_or_one(word):
    value = philox.uniform(np.uint64(word))
    assert 0.0 < value < 1.0
    assert value == (word + 0.5) / 2**32


def test_seed_is_split_into_low_and_high_word():
    assert philox.key_words(0x0123456789ABCDEF) == (0x89ABCDEF, 0x01234567)
    assert philox.key_words(2**64 - 1) == (2**32 - 1, 2**32 - 1)


def test_normal_pairs_have_unit_variance_and_no_correlation():
    generator = np.random.default_rng(5)
    pairs = np.array([philox.normal_pair(*generator.random(2)) for _ in range(20_000)])
    assert np.abs(pairs.mean(axis=0)).max() < 0.03
    assert np.abs(np.cov(pairs.T) - np.eye(2)).max() < 0.04
