from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.samples import SPLITS, SampleSettings, find_starts, naive
from kernels.samples.starts import choose_held_out, divide_sessions, fit_thresholds, phases_of, window_moments
from tests.kernels.samples.sample_market import market

SMALL = SampleSettings(lookback=8, forward=5, embargo=2)
TRAIN, VALIDATION, TEST, HELD_OUT = range(4)


def sample_settings(**changes):
    return dataclasses.replace(SMALL, **changes)


@pytest.mark.parametrize("holes", [0.0, 0.02, 0.2])
def test_starts_are_those_of_the_definition(holes):
    symbols, arrays, _ = market(2, 5, 90, holes)
    everything = sample_settings(validation_share=0.0, test_share=0.0, held_out_share=0.0)
    found = find_starts(symbols, **arrays, settings=everything)
    expected = [
        (series, t)
        for series in range(5)
        for t in range(90)
        if naive.is_start(list(arrays.values()), series, t, everything)
    ]
    assert list(zip(found.instrument.tolist(), found.session.tolist(), strict=True)) == expected
    assert found.removed["purged"] == 0
    assert len(expected) + sum(found.removed.values()) == 5 * 90


def test_every_lost_bar_is_counted_under_its_reason():
    symbols, arrays, _ = market(3, 3, 100)
    for values in arrays.values():
        values[0, :10] = np.nan
        values[1, 50] = np.nan
        values[2] = np.nan
    found = find_starts(symbols, **arrays, settings=sample_settings(held_out_share=0.0))
    gap = 8 + 5 - 1 + 2
    assert found.removed["too little history"] == (10 + 7) + 7 + 100
    assert found.removed["no forward bars"] == 5 + 5
    assert found.removed["missing bars"] == 8
    (first, last) = found.blocks["train"][1] + 1, found.blocks["validation"][0] - 1
    assert last - first + 1 == gap
    assert found.removed["purged"] == 4 * gap - sum(
        t in range(first, last + 1) or t in range(found.blocks["validation"][1] + 1, found.blocks["test"][0])
        for t in range(50, 58)
    )
    assert len(found.session) + sum(found.removed.values()) == 300
    assert not ((found.instrument == 1) & (found.session >= 50) & (found.session < 58)).any()


def test_bars_missing_after_the_decision_keep_the_start():
    symbols, arrays, _ = market(4, 1, 40)
    for values in arrays.values():
        values[0, 20:] = np.nan
    alone = sample_settings(validation_share=0.0, test_share=0.0)
    found = find_starts(symbols, **arrays, settings=alone)
    assert found.session.tolist() == list(range(7, 20))


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "volume"])
def test_a_value_missing_in_one_field_alone_loses_the_windows_over_it(field):
    symbols, arrays, _ = market(5, 1, 40)
    arrays[field][0, 20] = np.nan
    found = find_starts(symbols, **arrays, settings=sample_settings(validation_share=0.0, test_share=0.0))
    assert not set(range(20, 28)) & set(found.session.tolist())
    assert {19, 28} <= set(found.session.tolist())


@settings(max_examples=150, deadline=None)
@given(
    sessions=st.integers(4, 400),
    lookback=st.integers(3, 40),
    forward=st.integers(1, 40),
    embargo=st.integers(0, 10),
    validation=st.sampled_from([0.0, 0.01, 0.15, 0.4]),
    test=st.sampled_from([0.0, 0.01, 0.15, 0.5]),
    held_out=st.sampled_from([0.0, 0.1, 0.4]),
    series=st.integers(1, 6),
)
def test_no_bar_is_shared_between_splits(sessions, lookback, forward, embargo, validation, test, held_out, series):
    symbols, arrays, _ = market(6, series, sessions)
    chosen = SampleSettings(
        lookback=lookback,
        forward=forward,
        embargo=embargo,
        validation_share=validation,
        test_share=test,
        held_out_share=held_out,
    )
    try:
        found = find_starts(symbols, **arrays, settings=chosen)
    except InvalidInputError as error:
        asked = int(error.expected.split("at least ")[1].split(":")[0])
        assert sessions < asked
        longer = market(6, series, asked)[1]
        assert len(find_starts(symbols, **longer, settings=chosen).session)
        return
    used = {}
    for split in (TRAIN, VALIDATION, TEST):
        days = found.session[found.split == split]
        if len(days):
            used[split] = (int(days.min()) - lookback + 1, int(days.max()) + forward)
    wanted = {TRAIN} | ({VALIDATION} if validation else set()) | ({TEST} if test else set())
    assert set(used) == wanted
    for one, other in zip(sorted(used), sorted(used)[1:], strict=False):
        assert used[other][0] - used[one][1] - 1 >= embargo
    held = {symbols.index(symbol) for symbol in found.held_out}
    assert set(found.instrument[found.split == HELD_OUT].tolist()) == held
    assert not held & set(found.instrument[found.split != HELD_OUT].tolist())
    assert (held_out > 0 and series >= 2) == bool(held)


def test_blocks_divide_the_sessions_by_the_shares_and_in_time_order():
    blocks = divide_sessions(756, SampleSettings())
    sizes = {name: last - first + 1 for name, (first, last) in blocks.items()}
    assert list(blocks) == ["train", "validation", "test"]
    assert sum(sizes.values()) == 756 - 64 - 63 + 1 - 2 * (64 + 63 - 1 + 5)
    assert sizes["validation"] == sizes["test"] == round(0.15 * sum(sizes.values()))
    assert blocks["train"][0] == 63
    assert blocks["test"][1] == 756 - 1 - 63
    assert blocks["validation"][0] - blocks["train"][1] - 1 == 131


def test_a_share_of_zero_leaves_its_block_out():
    assert list(divide_sessions(756, SampleSettings(validation_share=0.0))) == ["train", "test"]
    assert list(divide_sessions(756, SampleSettings(validation_share=0.0, test_share=0.0))) == ["train"]


def test_too_few_sessions_are_refused_with_the_numbers():
    symbols, arrays, _ = market(7, 2, 12)
    with pytest.raises(InvalidInputError, match=r"at least 43: lookback 8 \+ forward 5 .* got 12"):
        find_starts(symbols, **arrays, settings=SMALL)
    symbols, arrays, _ = market(7, 2, 42)
    with pytest.raises(InvalidInputError, match=r"at least 43: .*2 gaps of 14.* got 42"):
        find_starts(symbols, **arrays, settings=SMALL)
    symbols, arrays, _ = market(7, 2, 43)
    blocks = find_starts(symbols, **arrays, settings=SMALL).blocks
    assert [last - first for name, (first, last) in blocks.items() if name != "held_out"] == [0, 0, 0]


def test_no_symbols_and_symbols_without_bars_are_refused():
    _, arrays, _ = market(8, 2, 100)
    with pytest.raises(InvalidInputError, match="0 names"):
        find_starts((), **{name: values[:0] for name, values in arrays.items()}, settings=SMALL)
    for values in arrays.values():
        values[:] = np.nan
    with pytest.raises(InvalidInputError, match="200 bars lost to 'too little history'"):
        find_starts(("A", "B"), **arrays, settings=SMALL)


def test_starts_in_held_out_symbols_alone_are_refused():
    symbols, arrays, _ = market(8, 2, 100)
    held = symbols.index(choose_held_out(symbols, SMALL)[0])
    for values in arrays.values():
        values[1 - held] = np.nan
    with pytest.raises(InvalidInputError, match="starts in other splits"):
        find_starts(symbols, **arrays, settings=SMALL)


def test_an_all_missing_symbol_beside_others_has_no_starts():
    symbols, arrays, _ = market(9, 3, 100)
    for values in arrays.values():
        values[1] = np.nan
    found = find_starts(symbols, **arrays, settings=SMALL)
    assert 1 not in found.instrument
    assert found.removed["too little history"] >= 100


@pytest.mark.parametrize(
    ("field", "value"), [("close", 0.0), ("open", -1.0), ("high", np.inf), ("volume", -1.0), ("volume", np.inf)]
)
def test_impossible_values_are_refused(field, value):
    symbols, arrays, _ = market(10, 2, 100)
    arrays[field][1, 3] = value
    with pytest.raises(InvalidInputError, match=f"{field}.*row 1, column 3"):
        find_starts(symbols, **arrays, settings=SMALL)


def test_wrong_shapes_and_repeated_symbols_are_refused():
    symbols, arrays, _ = market(10, 2, 100)
    with pytest.raises(InvalidInputError, match="1 different"):
        find_starts(("A", "A"), **arrays, settings=SMALL)
    with pytest.raises(InvalidInputError, match="3 rows"):
        find_starts((*symbols, "Z"), **arrays, settings=SMALL)
    with pytest.raises(InvalidInputError, match="volume"):
        find_starts(symbols, **{**arrays, "volume": arrays["volume"].astype(np.float32)}, settings=SMALL)


def test_held_out_symbols_depend_on_the_seed_and_their_names_alone():
    symbols = tuple(f"S{number}" for number in range(40))
    held = choose_held_out(symbols, SMALL)
    assert len(held) == 4
    assert choose_held_out(symbols[::-1], SMALL) == held
    assert choose_held_out(symbols, sample_settings(seed=8)) != held
    fewer = tuple(symbol for symbol in symbols if symbol not in held[1:])
    assert held[0] in choose_held_out(fewer, SMALL)
    assert len(choose_held_out(symbols[:2], sample_settings(held_out_share=0.01))) == 1
    assert choose_held_out(symbols[:1], SMALL) == ()


def test_moments_equal_those_of_the_definition():
    _, arrays, _ = market(11, 3, 60)
    close = arrays["close"]
    instrument, session = (index.astype(np.int32) for index in np.divmod(np.arange(3 * 60), 60))
    keep = session >= 7
    volatility, skewness = window_moments(close, instrument[keep], session[keep], 8)
    expected = [
        naive.window_moments(close, series, t, 8) for series, t in zip(instrument[keep], session[keep], strict=True)
    ]
    np.testing.assert_allclose(np.column_stack([volatility, skewness]), expected, rtol=1e-10, atol=1e-12)


def test_a_constant_window_has_no_volatility_and_no_skewness():
    close = np.full((1, 20), 33.3)
    growing = 10 * 1.01 ** np.arange(20.0)[np.newaxis]
    index = np.zeros(1, np.int32), np.full(1, 19, np.int32)
    assert [moment.item() for moment in window_moments(close, *index, 10)] == [0.0, 0.0]
    volatility, skewness = window_moments(growing, *index, 10)
    assert volatility[0] < 1e-12
    assert skewness[0] == 0.0


def test_phases_count_the_thresholds_passed():
    thresholds = fit_thresholds(np.arange(1.0, 8.0), np.array([-3.0, -2, -1, 0, 1, 2, 3]))
    assert thresholds.volatility == (3.0, 5.0)
    assert thresholds.skewness == 2.0
    volatility = np.array([3.0, 3.1, 5.0, 5.1, 3.0, 5.1])
    skewness = np.array([0.0, 2.0, -2.0, 0.0, -2.1, 2.1])
    assert phases_of(volatility, skewness, thresholds).tolist() == [0, 1, 1, 2, 1, 3]


def test_phases_are_fitted_on_train_bars_only():
    symbols, arrays, _ = market(12, 6, 160)
    found = find_starts(symbols, **arrays, settings=SMALL)
    train = np.zeros(arrays["close"].shape, dtype=bool)
    for series, t in zip(found.instrument[found.split == TRAIN], found.session[found.split == TRAIN], strict=True):
        train[series, t - 7 : t + 1] = True
    changed = {name: np.where(train, values, values * 3.7**2) for name, values in arrays.items()}
    changed["close"] = np.where(train, arrays["close"], arrays["close"] ** 1.5)
    other = find_starts(symbols, **changed, settings=SMALL)
    assert other.thresholds == found.thresholds
    np.testing.assert_array_equal(other.phase[found.split == TRAIN], found.phase[found.split == TRAIN])
    assert (other.phase != found.phase).any()
    share = np.bincount(found.phase[found.split == TRAIN], minlength=4) / (found.split == TRAIN).sum()
    assert (share > 0.05).all()


def test_a_phase_does_not_depend_on_later_bars():
    symbols, arrays, _ = market(13, 2, 120)
    found = find_starts(symbols, **arrays, settings=SMALL)
    t = 70
    changed = {name: values.copy() for name, values in arrays.items()}
    changed["close"][:, t + 1 :] **= 2
    before = found.session <= t
    moments = window_moments(changed["close"], found.instrument, found.session, 8)
    again = phases_of(*moments, found.thresholds)
    np.testing.assert_array_equal(again[before], found.phase[before])
    assert (again[~before] != found.phase[~before]).any()


def test_an_index_of_real_size_takes_well_under_a_second():
    symbols, arrays, _ = market(14, 505, 1259)
    chosen = SampleSettings()
    find_starts(symbols[:3], **{name: values[:3] for name, values in arrays.items()}, settings=chosen)
    start = time.perf_counter()
    found = find_starts(symbols, **arrays, settings=chosen)
    assert time.perf_counter() - start < 1.0
    assert set(found.split.tolist()) == set(range(len(SPLITS)))
