"""The backends agree, and nothing but the symbol's own past decides what becomes known on a session."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels.quality import KINDS, Faults, QualitySettings, find_faults

SETTINGS = QualitySettings(
    lookback=40, absence=4, recent=3, copy_close=0.3, scale_window=24, scale_least=6, move_sigmas=3.0
)
N_SYMBOLS, N_SESSIONS = 3, 70
DAMAGES = ("null", "unusable", "order", "volume", "absent", "copy", "island", "split", "recorded")

Matrices = tuple[npt.NDArray[np.float64] | npt.NDArray[np.bool_], ...]


def random_bars(seed: int, n_damages: int = 25) -> Matrices:
    """Random walks on a coarse price grid, with every sort of damage in random places."""
    rng = np.random.default_rng(seed)
    shape = (N_SYMBOLS, N_SESSIONS)
    close = np.round(20 * np.exp(np.cumsum(rng.normal(0, 0.01, shape), axis=1)), 1)
    open_ = np.round(close + rng.choice([-0.1, 0.0, 0.1], shape), 1)
    high = np.round(np.maximum(open_, close) + rng.choice([0.0, 0.1], shape), 1)
    low = np.round(np.minimum(open_, close) - rng.choice([0.0, 0.1], shape), 1)
    volume = np.round(rng.uniform(900, 1100, shape))
    present = np.ones(shape, np.bool_)
    split_ratio, dividend = np.ones(shape), np.zeros(shape)
    prices = (open_, high, low, close)
    for _ in range(n_damages):
        symbol, session = rng.integers(N_SYMBOLS), rng.integers(1, N_SESSIONS)
        at = (symbol, session)
        damage = DAMAGES[rng.integers(len(DAMAGES))]
        if damage == "null":
            prices[rng.integers(4)][at] = np.nan
        elif damage == "unusable":
            prices[rng.integers(4)][at] = rng.choice([0.0, -1.0, np.inf, -np.inf])
        elif damage == "order":
            close[at] = high[at] * rng.choice([1 + 0.5e-9, 1.01])
        elif damage == "volume":
            volume[at] = rng.choice([0.0, np.nan, 5000.0])
        elif damage == "absent":
            until = session + rng.integers(1, 7)
            present[symbol, session:until] = False
            for values in (*prices, volume):
                values[symbol, session:until] = np.nan
        elif damage == "copy":
            source = (symbol, rng.integers(N_SESSIONS))
            for values in (*prices, volume):
                values[at] = values[source]
            present[at] = present[source]
        elif damage == "island":
            for values in prices:
                values[at] *= rng.choice([0.9, 1.1])
        else:
            ratio = rng.choice([0.5, 2.0])
            for values in prices:
                values[symbol, session:] /= ratio
            if damage == "recorded":
                split_ratio[at] = ratio
                dividend[at] = rng.choice([0.0, 0.05])
    return (*prices, volume, present, split_ratio, dividend)


def known_within(faults: Faults, first: int, last: int) -> Faults:
    chosen = (faults.known_on >= first) & (faults.known_on <= last)
    return Faults(**{field.name: getattr(faults, field.name)[chosen] for field in fields(Faults)})


def assert_same(left: Faults, right: Faults) -> None:
    for field in fields(Faults):
        mine, other = getattr(left, field.name), getattr(right, field.name)
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other, err_msg=field.name)


def find(bars: Matrices, first: int = 0, last: int = N_SESSIONS - 1, backend: str = "cpu") -> Faults:
    return find_faults(*bars, first, last, settings=SETTINGS, backend=backend)


some_examples = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32 - 1)
sessions = st.integers(0, N_SESSIONS - 1)


def test_the_random_bars_show_every_kind() -> None:
    shown = np.concatenate([find(random_bars(seed)).kind for seed in range(20)])
    assert np.bincount(shown, minlength=len(KINDS)).min() >= 5
    excluded = np.concatenate([find(random_bars(seed)).excluded for seed in range(20)])
    assert 0.1 < excluded.mean() < 0.9


@some_examples
@given(seed=seeds)
def test_naive_and_cpu_find_the_same(seed: int) -> None:
    bars = random_bars(seed)
    naive, cpu = find(bars, backend="naive"), find(bars, backend="cpu")
    for field in fields(Faults):
        if field.name != "value":
            np.testing.assert_array_equal(getattr(naive, field.name), getattr(cpu, field.name), err_msg=field.name)
    np.testing.assert_allclose(naive.value, cpu.value, rtol=1e-12, atol=0)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
@some_examples
@given(seed=seeds, first=sessions, last=sessions)
def test_a_range_alone_is_bitwise_the_range_within_the_whole(backend: str, seed: int, first: int, last: int) -> None:
    first, last = min(first, last), max(first, last)
    bars = random_bars(seed)
    assert_same(find(bars, first, last, backend), known_within(find(bars, backend=backend), first, last))


@pytest.mark.parametrize("backend", ["naive", "cpu"])
@some_examples
@given(seed=seeds, known=sessions)
def test_the_future_changes_nothing_that_is_known(backend: str, seed: int, known: int) -> None:
    bars, other = random_bars(seed), random_bars(seed + 1)
    changed = tuple(
        np.concatenate([now[:, : known + 1], later[:, known + 1 :]], axis=1)
        for now, later in zip(bars, other, strict=True)
    )
    assert_same(known_within(find(changed, backend=backend), 0, known), find(bars, 0, known, backend))


@pytest.mark.parametrize("backend", ["naive", "cpu"])
@some_examples
@given(seed=seeds, known=st.integers(SETTINGS.lookback + 1, N_SESSIONS - 1))
def test_nothing_before_the_lookback_matters(backend: str, seed: int, known: int) -> None:
    bars, other = random_bars(seed), random_bars(seed + 1)
    start = known - SETTINGS.lookback
    changed = tuple(
        np.concatenate([before[:, :start], now[:, start:]], axis=1) for now, before in zip(bars, other, strict=True)
    )
    assert_same(find(changed, known, known, backend), find(bars, known, known, backend))
    whole = find(changed, backend=backend)
    assert_same(known_within(whole, known, known), find(bars, known, known, backend))


@some_examples
@given(seed=seeds)
def test_the_other_symbols_change_nothing(seed: int) -> None:
    bars = random_bars(seed)
    together = find(bars)
    for symbol in range(N_SYMBOLS):
        alone = find(tuple(values[symbol : symbol + 1].copy() for values in bars))
        mine = together.symbol == symbol
        for name in ("session", "known_on", "kind", "excluded", "other", "value"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(together, name)[mine])


@some_examples
@given(seed=seeds)
def test_entries_are_sorted_each_once_and_known_no_earlier_than_their_session(seed: int) -> None:
    faults = find(random_bars(seed))
    keys = list(zip(faults.known_on, faults.symbol, faults.session, faults.kind, strict=True))
    assert keys == sorted(set(keys))
    assert (faults.known_on >= faults.session).all()
    assert (faults.known_on - faults.session <= SETTINGS.lookback).all()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_values_where_no_bar_is_present_are_not_read(backend: str) -> None:
    bars = random_bars(7)
    absent = ~bars[5]
    assert absent.any()
    filled = tuple(np.where(absent, 12.3, values) for values in bars[:5])
    assert_same(find((*filled, *bars[5:]), backend=backend), find(bars, backend=backend))


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_the_input_is_left_as_it_was(backend: str) -> None:
    bars, untouched = random_bars(3), random_bars(3)
    find(bars, backend=backend)
    for values, before in zip(bars, untouched, strict=True):
        np.testing.assert_array_equal(values, before)
