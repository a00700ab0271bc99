from __future__ import annotations

from dataclasses import fields, replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.market import Instruments, MarketBars, cpu, instruments, naive, simulate
from kernels.philox import key_words

SEED = 7
SESSIONS = 700
ALL = instruments(SEED, 40)
FULL = simulate(ALL, SESSIONS, seed=SEED)
FIELDS = [field.name for field in fields(MarketBars)]


def rows_of(*rows: int) -> np.ndarray:
    return np.array(rows, dtype=np.int32)


def changed(instruments: Instruments, **columns: float) -> Instruments:
    parameters = instruments.parameters.copy()
    for name, value in columns.items():
        parameters[name] = value
    return replace(instruments, parameters=parameters)


def assert_same(left: MarketBars, right: MarketBars) -> None:
    for name in FIELDS:
        assert getattr(left, name).tobytes() == getattr(right, name).tobytes(), name


def part(bars: MarketBars, rows: np.ndarray, first: int, stop: int) -> MarketBars:
    return MarketBars(*(np.ascontiguousarray(getattr(bars, name)[rows, first:stop]) for name in FIELDS))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_range_and_any_rows_give_the_same_bars(data):
    stop = data.draw(st.integers(1, SESSIONS))
    first = data.draw(st.integers(0, stop - 1))
    rows = rows_of(*data.draw(st.lists(st.integers(0, 39), max_size=6)))
    drawn = simulate(ALL, stop, seed=SEED, first=first, symbols=rows)
    assert drawn.close.shape == (len(rows), stop - first)
    assert_same(drawn, part(FULL, rows, first, stop))


def test_a_smaller_universe_gives_the_same_bars():
    assert_same(simulate(instruments(SEED, 9), SESSIONS, seed=SEED), part(FULL, np.arange(9), 0, SESSIONS))


def test_thread_count_changes_nothing():
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert_same(simulate(ALL, SESSIONS, seed=SEED), FULL)
    finally:
        numba.set_num_threads(threads)


def test_the_market_of_a_seed_stays_what_it_was():
    bars = simulate(ALL, 4_001, seed=SEED, first=4_000, symbols=rows_of(0, 1, 2))
    assert ALL.symbols[:3] == ("AAC", "ABRI", "ACL")
    assert bars.open[:, 0].tolist() == [400.01, 66.28, 144.31]
    assert bars.high[:, 0].tolist() == [402.73, 66.64, 148.4]
    assert bars.low[:, 0].tolist() == [390.27, 66.14, 143.83]
    assert bars.close[:, 0].tolist() == [390.6, 66.31, 148.26]
    assert bars.volume[:, 0].tolist() == [1_300_936.0, 2_509_245.0, 1_434_294.0]


def test_another_seed_gives_other_bars():
    other = simulate(ALL, SESSIONS, seed=SEED + 1)
    assert (other.close == FULL.close).mean() < 0.01
    assert (other.volume == FULL.volume).mean() < 0.01


def test_every_cell_is_written():
    key_0, key_1 = key_words(SEED)
    bars = np.full((cpu.FIELD_COUNT, 3, 50), np.nan)
    factors = cpu.simulate_factors(key_0, key_1, 300, cpu.FACTOR_VARIANCES)
    cpu.simulate_rows(key_0, key_1, ALL.parameters, rows_of(4, 0, 39), 250, *factors, cpu.FACTOR_VARIANCES, bars)
    assert np.isfinite(bars).all()


# Levels near the start prices: splits, reverse splits and dividends all happen within a few hundred sessions.
BUSY = changed(ALL, split_level=90.0, start_price=85.0, dividend_yield=0.04, own_volatility=0.38)
FALLING = changed(ALL, start_price=6.0, drift=-1.5, split_level=200.0)


@pytest.mark.parametrize("seed", [0, 3, 2**63 + 11])
@pytest.mark.parametrize("chosen", [ALL, BUSY, FALLING], ids=["plain", "busy", "falling"])
def test_naive_equals_cpu(seed, chosen):
    rows = rows_of(0, 17, 39)
    slow = naive.simulate_bars(chosen.parameters, rows, 40, 400, seed)
    fast = cpu.simulate_bars(chosen.parameters, rows, 40, 400, seed)
    np.testing.assert_allclose(fast[:5], slow[:5], rtol=1e-9, atol=0.0)
    np.testing.assert_array_equal(fast[5:], slow[5:])
    assert_same(
        simulate(chosen, 400, seed=seed, first=40, symbols=rows, backend="naive"),
        simulate(chosen, 400, seed=seed, first=40, symbols=rows, backend="cpu"),
    )


def test_the_parity_cases_hold_splits_reverse_splits_and_dividends():
    busy = simulate(BUSY, 400, seed=3)
    falling = simulate(FALLING, 400, seed=3)
    assert (busy.split_ratio > 1.0).sum() > 10
    assert (busy.dividend > 0.0).sum() > 100
    assert (falling.split_ratio == 0.125).sum() > 10


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chosen", [ALL, BUSY, FALLING], ids=["plain", "busy", "falling"])
def test_bars_are_ordered_whole_and_positive(seed, chosen):
    bars = simulate(chosen, SESSIONS, seed=seed)
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert bars.low.min() > 0.0
    assert bars.close.min() > 2.0
    assert bars.close.max() < 5_000.0
    for name in ("open", "high", "low", "close", "dividend"):
        values = getattr(bars, name)
        np.testing.assert_array_equal(values, np.rint(values * 100.0) / 100.0)
    assert bars.volume.min() > 0.0
    np.testing.assert_array_equal(bars.volume, np.rint(bars.volume))


def test_the_split_follows_the_close_of_the_session_before():
    bars = simulate(BUSY, SESSIONS, seed=1)
    before = bars.close[:, :-1]
    expected = np.where(before > 90.0, BUSY.parameters["split_ratio"][:, None], np.where(before < 5.0, 0.125, 1.0))
    # A close printed exactly on the level lies within half a cent of it on either side.
    clear = (np.abs(before - 90.0) > 0.005) & (np.abs(before - 5.0) > 0.005)
    np.testing.assert_array_equal(bars.split_ratio[:, 1:][clear], expected[clear])
    assert np.all(bars.split_ratio[:, 0] == 1.0)


def test_split_adjusted_prices_are_those_of_a_market_without_splits():
    rows = np.arange(40, dtype=np.int32)
    splitting = changed(BUSY, dividend_yield=0.0, start_price=600.0, split_level=700.0)
    unsplit = changed(splitting, split_level=np.inf)
    bars = cpu.simulate_bars(splitting.parameters, rows, 0, SESSIONS, SEED)
    twin = cpu.simulate_bars(unsplit.parameters, rows, 0, SESSIONS, SEED)
    shares = np.cumprod(bars[5], axis=1)
    assert (bars[5] > 1.0).sum() > 10
    assert np.all(twin[5] == 1.0)
    np.testing.assert_allclose(bars[:4] * shares, twin[:4], rtol=1e-9)
    np.testing.assert_allclose(bars[4] / shares, twin[4], rtol=1e-9)


def test_the_open_and_the_close_drop_by_the_dividend():
    rows = np.arange(40, dtype=np.int32)
    dry = changed(ALL, dividend_yield=0.0)
    bars = cpu.simulate_bars(ALL.parameters, rows, 0, SESSIONS, SEED)
    twin = cpu.simulate_bars(dry.parameters, rows, 0, SESSIONS, SEED)
    assert (bars[6] > 0.0).sum() > 200
    assert not twin[6].any()
    for price in (0, 3):
        reference = bars[3, :, :-1] / bars[5, :, 1:] - bars[6, :, 1:]
        twin_reference = twin[3, :, :-1] / twin[5, :, 1:]
        np.testing.assert_allclose(bars[price, :, 1:] / reference, twin[price, :, 1:] / twin_reference, rtol=1e-9)


def test_dividends_pay_the_stated_yield():
    bars = simulate(ALL, 252 * 2 + 1, seed=SEED, first=1)
    paid = (bars.dividend / bars.close).sum(axis=1) / 2.0
    assert np.all((bars.dividend > 0.0).sum(axis=1)[ALL.parameters["dividend_yield"] > 0.0] == 8)
    np.testing.assert_allclose(paid, ALL.parameters["dividend_yield"], atol=0.0025)


@pytest.mark.parametrize("name", ["session_count", "first", "seed"])
@pytest.mark.parametrize("value", [-1, 2.0, True, None, 2**64])
def test_bad_numbers_are_refused(name, value):
    arguments = {"session_count": 10, "first": 0, "seed": SEED, name: value}
    with pytest.raises(InvalidInputError, match=f"{name} of the simulated market"):
        simulate(ALL, arguments.pop("session_count"), **arguments)


@pytest.mark.parametrize(("session_count", "first"), [(0, 0), (10, 10), (1_000_001, 0)])
def test_ranges_without_a_session_are_refused(session_count, first):
    with pytest.raises(InvalidInputError):
        simulate(ALL, session_count, seed=SEED, first=first)


@pytest.mark.parametrize(
    "rows", [[0], np.array([0]), np.array([[0]], dtype=np.int32), rows_of(-1), rows_of(40), np.array([0.0])]
)
def test_bad_rows_are_refused(rows):
    with pytest.raises(InvalidInputError, match="symbols of the simulated market"):
        simulate(ALL, 10, seed=SEED, symbols=rows)


def test_a_backend_this_kernel_lacks_is_refused():
    with pytest.raises(BackendUnavailableError):
        simulate(ALL, 10, seed=SEED, backend="gpu")
    with pytest.raises(InvalidInputError):
        simulate(ALL, 10, seed=SEED, backend="fast")
