from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.market import MAX_COUNT, PARAMETERS, instruments, names
from kernels.market.model import REVERSE_SPLIT_LEVEL, REVERSE_SPLIT_RATIO, SECTORS

SEED = 7
# Words that table readers take for a missing value, a truth value or a number.
READ_AS_SOMETHING_ELSE = {"NA", "NAN", "NULL", "NONE", "NIL", "TRUE", "FALSE", "INF", "NAT", "YES", "NO", "ON", "OFF"}


def test_five_hundred_unique_sorted_symbols_in_eleven_sectors():
    drawn = instruments(SEED)
    assert len(drawn.symbols) == 500
    assert list(drawn.symbols) == sorted(set(drawn.symbols))
    assert all(symbol.isascii() and symbol.isalpha() and symbol.isupper() for symbol in drawn.symbols)
    assert {len(symbol) for symbol in drawn.symbols} == {3, 4}
    assert len(set(drawn.names)) == 500
    assert set(drawn.sectors) == {sector.name for sector in SECTORS}
    assert [SECTORS[number].name for number in drawn.parameters["sector"]] == list(drawn.sectors)


@pytest.mark.parametrize("count", [1, 2, 30, 499, MAX_COUNT])
def test_an_instrument_is_the_same_for_any_count(count):
    drawn, reference = instruments(SEED, count), instruments(SEED, MAX_COUNT)
    assert drawn.symbols == reference.symbols[:count]
    assert drawn.names == reference.names[:count]
    assert drawn.sectors == reference.sectors[:count]
    assert drawn.parameters.tobytes() == reference.parameters[:count].tobytes()


def test_same_seed_same_instruments_and_another_seed_others():
    assert instruments(SEED).parameters.tobytes() == instruments(SEED).parameters.tobytes()
    other = instruments(SEED + 2**32)
    assert other.symbols != instruments(SEED).symbols
    assert not np.any(other.parameters["market_beta"] == instruments(SEED).parameters["market_beta"])


@pytest.mark.parametrize("seed", range(5))
def test_parameters_stay_in_their_ranges(seed):
    parameters = instruments(seed, MAX_COUNT).parameters
    ranges = {
        "market_beta": (0.35, 1.9),
        "sector_beta": (0.4, 1.6),
        "own_volatility": (0.13, 0.38),
        "drift": (-0.05, 0.25),
        "start_price": (20.0, 720.0),
        "split_level": (80.0, 900.0),
        "dividend_yield": (0.0, 0.06),
        "dividend_phase": (0, 62),
        "dollar_volume": (1.5e7, 3e9),
    }
    for name, (low, high) in ranges.items():
        assert low <= parameters[name].min(), name
        assert parameters[name].max() <= high, name
    assert np.all(parameters["start_price"] < parameters["split_level"])
    assert set(parameters["split_ratio"]) == {1.5, 2.0, 3.0, 4.0}
    assert 0.7 < (parameters["dividend_yield"] > 0.0).mean() < 0.9
    # Neither split may call for the other one on the next session.
    assert np.all(parameters["split_level"] / parameters["split_ratio"] > 2.0 * REVERSE_SPLIT_LEVEL)
    assert np.all(parameters["split_level"] > REVERSE_SPLIT_LEVEL / REVERSE_SPLIT_RATIO)


def test_every_possible_symbol_is_a_plain_word_and_keeps_the_order():
    shares = (0.1, 0.5, 0.9)
    previous = ""
    for row in range(MAX_COUNT):
        symbols = {names.company(row, 0, (a, b, 0.5, c))[0] for a in shares for b in shares for c in (0.2, 0.8)}
        assert not symbols & READ_AS_SOMETHING_ELSE
        assert {symbol[:2] for symbol in symbols} == {chr(65 + row // 26) + chr(65 + row % 26)}
        assert previous < min(symbols)
        previous = max(symbols)


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1, 2.0, True, "9"])
def test_bad_counts_are_refused(count):
    with pytest.raises(InvalidInputError, match="count of the simulated market"):
        instruments(SEED, count)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, False, None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InvalidInputError, match="seed of the simulated market"):
        instruments(seed, 3)


def test_fields_of_different_length_or_dtype_are_refused():
    drawn = instruments(SEED, 3)
    with pytest.raises(InvalidInputError, match="lengths"):
        replace(drawn, symbols=drawn.symbols[:2])
    assert drawn.parameters.dtype == PARAMETERS
    with pytest.raises(InvalidInputError, match="dtype"):
        replace(drawn, parameters=np.zeros(3))
