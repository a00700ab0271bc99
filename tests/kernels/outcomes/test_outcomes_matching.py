"""Matched entries: who is drawn, at what levels, on what the draw depends, and that they do as well as any entry."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.outcomes import UNENTERED, Entries, matched_entries, outcomes, shares
from tests.kernels.outcomes.entry_cases import (
    NAN,
    ROWS,
    SESSIONS,
    assert_same,
    entries_of,
    joined,
    part_of,
    random_case,
)

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
SEEDS = st.integers(0, 2**32)
LEVELS = ("target", "invalidation")


class Market(NamedTuple):
    close: np.ndarray
    volatility: np.ndarray
    members: np.ndarray
    keys: np.ndarray
    session_number: np.ndarray


def random_market(seed: int) -> tuple[Entries, Market]:
    """Entries and who can be drawn; some closes and volatilities aren't known, some volatilities are 0."""
    bars, entries, members = random_case(seed)
    rng = np.random.default_rng(seed)
    volatility = rng.choice([NAN, 0.0, 0.01, 0.02, 0.05], bars.close.shape, p=[0.1, 0.1, 0.3, 0.3, 0.2])
    keys = rng.integers(-(2**63), 2**63, ROWS)
    return entries, Market(bars.close, volatility, members, keys, np.arange(SESSIONS) - 5)


def plain_market(rows: int, sessions: int = 1) -> Market:
    """Rows that can all be drawn."""
    shape = (rows, sessions)
    return Market(np.ones(shape), np.ones(shape), np.ones(shape, np.bool_), np.arange(rows), np.arange(sessions))


@settings(max_examples=60)
@given(seed=SEEDS, copies=st.integers(1, 5))
def test_the_backends_draw_alike(seed: int, copies: int) -> None:
    entries, market = random_market(seed)
    slow, fast = (
        matched_entries(entries, *market, copies=copies, seed=seed, backend=backend) for backend in ("naive", "cpu")
    )
    assert_same(slow, fast, ("row", "known", "side"))
    for name in LEVELS:
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-12)
        assert getattr(slow, name).dtype == getattr(fast, name).dtype == np.float64


@settings(max_examples=60)
@given(seed=SEEDS)
def test_a_copy_has_the_session_the_side_and_the_geometry_of_its_entry_in_a_row_that_can_be_drawn(seed: int) -> None:
    copies = 3
    entries, market = random_market(seed)
    found = matched_entries(entries, *market, copies=copies, seed=seed)
    original = part_of(entries, np.repeat(np.arange(len(entries.row)), copies))
    assert_same(found, original, ("known", "side"))
    place, other = (original.row, original.known), (found.row, found.known)
    drawable = market.members & ~np.isnan(market.close) & (market.volatility > 0)
    has_geometry = ~np.isnan(original.target + original.invalidation + market.close[place])
    has_geometry &= market.volatility[place] > 0
    drawn = has_geometry & drawable.any(axis=0)[original.known]
    assert drawn.any()
    assert not drawn.all()
    assert drawable[other][drawn].all()
    for name in LEVELS:
        level, origin = getattr(found, name), getattr(original, name)
        assert (np.isfinite(level) == drawn).all()
        distance = np.log(level / market.close[other]) / market.volatility[other]
        expected = np.log(origin / market.close[place]) / np.where(drawn, market.volatility[place], NAN)
        np.testing.assert_allclose(distance[drawn], expected[drawn], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.row[~drawn], original.row[~drawn])


@BACKENDS
def test_levels_worked_out_by_hand(backend) -> None:
    market = plain_market(2)._replace(
        close=np.array([[100.0], [10.0]]),
        volatility=np.array([[0.01], [0.03]]),
        members=np.array([[False], [True]]),
    )
    entry = entries_of([(0, 0, 1, 110.0, 95.0)])
    found = matched_entries(entry, *market, copies=2, seed=1, backend=backend)
    assert (found.row.tolist(), found.known.tolist(), found.side.tolist()) == ([1, 1], [0, 0], [1, 1])
    np.testing.assert_allclose(found.target, 10 * 1.1**3, rtol=1e-14)
    np.testing.assert_allclose(found.invalidation, 10 * 0.95**3, rtol=1e-14)


@BACKENDS
def test_levels_stay_within_floats_however_wild_the_volatility(backend) -> None:
    market = plain_market(2)._replace(
        close=np.array([[1.0], [1e100]]),
        volatility=np.array([[1e-300], [1e300]]),
        members=np.array([[False], [True]]),
    )
    found = matched_entries(entries_of([(0, 0, 1, 2.0, 0.5)]), *market, copies=1, seed=1, backend=backend)
    assert (found.row[0], math.isfinite(found.target[0]), found.invalidation[0] > 0) == (1, True, True)
    calm = market._replace(volatility=market.volatility[::-1].copy())
    found = matched_entries(entries_of([(0, 0, 1, 2.0, 0.5)]), *calm, copies=1, seed=1, backend=backend)
    np.testing.assert_allclose([found.target[0], found.invalidation[0]], 1e100, rtol=1e-12)


@settings(max_examples=40)
@given(seed=SEEDS)
def test_copies_depend_on_neither_the_order_of_entries_nor_on_others_nor_on_how_many_copies(seed: int) -> None:
    entries, market = random_market(seed)
    found = matched_entries(entries, *market, copies=4, seed=7)
    places = np.random.default_rng(seed).permutation(len(entries.row))[:23]
    some = matched_entries(part_of(entries, places), *market, copies=2, seed=7)
    expected = part_of(found, (places[:, None] * 4 + np.arange(2)).ravel())
    # Identical entries may change places, and only they.
    kinds = np.unique(np.stack([*vars(entries).values()]), axis=1, return_inverse=True)[1].ravel()
    alone = np.bincount(kinds)[kinds][places] == 1
    assert_same(part_of(some, np.repeat(alone, 2)), part_of(expected, np.repeat(alone, 2)))


@settings(max_examples=40)
@given(seed=SEEDS)
def test_the_order_of_the_rows_doesnt_matter(seed: int) -> None:
    entries, market = random_market(seed)
    moved = np.random.default_rng(seed).permutation(ROWS)
    place = np.argsort(moved).astype(np.int32)
    turned = Market(*(np.ascontiguousarray(each[moved]) for each in market[:4]), market.session_number)
    found = matched_entries(entries, *market, copies=3, seed=7)
    other = matched_entries(replace(entries, row=place[entries.row]), *turned, copies=3, seed=7)
    assert_same(replace(found, row=place[found.row]), other)


@settings(max_examples=40)
@given(seed=SEEDS)
def test_nothing_but_the_session_of_known_matters(seed: int) -> None:
    entries, market = random_market(seed)
    known = int(entries.known[0])
    entries = part_of(entries, entries.known == known)
    _, other = random_market(seed + 1)
    seen = np.arange(SESSIONS) == known
    changed = Market(*(np.where(seen, one, two) for one, two in zip(market[:3], other[:3], strict=True)), *market[3:])
    one, two = (matched_entries(entries, *each, copies=3, seed=7) for each in (market, changed))
    assert_same(one, two)


@BACKENDS
def test_the_key_the_session_the_seed_and_the_number_among_equals_each_change_the_draw(backend) -> None:
    market = plain_market(500, sessions=2)
    entry = entries_of([(3, 0, 1, 2.0, 0.5)])

    def rows(entries: Entries = entry, seed: int = 1, **changed: np.ndarray) -> list[int]:
        found = matched_entries(entries, *market._replace(**changed), copies=20, seed=seed, backend=backend)
        return found.row.tolist()

    first = rows()
    assert len(set(first)) > 15
    twice = rows(joined(entry, entry))
    assert twice[:20] == first
    assert twice[20:] != first
    others = [
        rows(seed=2),
        rows(seed=1 + 2**32),
        rows(replace(entry, row=np.array([4], np.int32))),
        rows(replace(entry, known=np.array([1], np.int32))),
        rows(session_number=market.session_number + 7),
        rows(keys=market.keys + 2**40),
        twice[20:],
    ]
    assert len({tuple(each) for each in [first, *others]}) == 1 + len(others)
    # Levels and side don't: entries of one row and session are compared with the same rows.
    assert rows(entries_of([(3, 0, -1, 0.25, 4.0)])) == first


def test_each_member_is_drawn_equally_often() -> None:
    entries = entries_of([(0, session, 1, 2.0, 0.5) for session in range(400)])
    market = plain_market(10, sessions=400)
    market.members[7:] = False
    drawn = np.bincount(matched_entries(entries, *market, copies=100, seed=3).row, minlength=10)
    assert drawn[7:].tolist() == [0, 0, 0]
    # Chi-squared with 6 degrees of freedom is above 22.5 once in a thousand times.
    expected = 40_000 / 7
    assert ((drawn[:7] - expected) ** 2 / expected).sum() < 22.5


@BACKENDS
def test_where_nobody_can_be_drawn_nothing_is_entered(backend) -> None:
    market = plain_market(2, sessions=4)
    market.members[:, 1] = False
    entries = entries_of([(1, 0, 1, 2.0, 0.5), (1, 1, 1, 2.0, 0.5)])
    found = matched_entries(entries, *market, copies=2, seed=1, backend=backend)
    assert np.isnan(found.target).tolist() == np.isnan(found.invalidation).tolist() == [False, False, True, True]
    assert found.row[2:].tolist() == [1, 1]
    result = outcomes(*(market.close,) * 4, found, horizons=(1,), backend=backend).result[:, 0]
    assert (result == UNENTERED).tolist() == [False, False, True, True]


def test_more_identical_entries_than_are_told_apart_begin_anew() -> None:
    count = 2**16 + 1
    entries = part_of(entries_of([(0, 0, 1, 2.0, 0.5)]), np.zeros(count, dtype=np.int64))
    row = matched_entries(entries, *plain_market(500), copies=1, seed=1).row
    assert row[0] == row[-1]
    assert np.unique(row[:-1]).size == 500


@BACKENDS
@pytest.mark.parametrize("shape", [(3, 5), (0, 0), (3, 0), (0, 5)])
def test_no_entries_have_no_copies(shape, backend) -> None:
    market = Market(np.ones(shape), np.ones(shape), np.ones(shape, np.bool_), np.arange(shape[0]), np.arange(shape[1]))
    found = matched_entries(entries_of([]), *market, copies=3, seed=1, backend=backend)
    assert_same(found, entries_of([]))


def test_entries_without_a_pattern_do_as_well_as_their_copies_whatever_their_volatility() -> None:
    # Entries in volatile rows only; the copies are drawn from all.
    rng = np.random.default_rng(5)
    rows, sessions, horizon = 40, 600, 10
    volatility = np.repeat(np.geomspace(0.005, 0.04, rows)[:, None], sessions, axis=1)
    steps = rng.normal(size=(rows, sessions, 8)) * volatility[:, :, None] / math.sqrt(8)
    path = np.cumsum(steps.reshape(rows, -1), axis=1).reshape(steps.shape)
    close = np.exp(path[:, :, -1])
    open_ = np.concatenate([np.ones((rows, 1)), close[:, :-1]], axis=1)
    high = np.maximum(np.exp(path.max(axis=2)), open_)
    low = np.minimum(np.exp(path.min(axis=2)), open_)
    known = np.tile(np.arange(sessions - horizon - 1, dtype=np.int32), 4)
    row = rng.integers(30, rows, len(known)).astype(np.int32)
    side = rng.choice(np.array([-1, 1], np.int8), len(known))
    away = side * volatility[row, known] * math.sqrt(horizon)
    entries = Entries(row, known, side, close[row, known] * np.exp(away), close[row, known] * np.exp(-0.7 * away))
    market = (close, volatility, np.ones(close.shape, np.bool_), np.arange(rows), np.arange(sessions))
    copies = 10
    matched = matched_entries(entries, *market, copies=copies, seed=11)

    def hits(which: Entries) -> np.ndarray:
        return (outcomes(open_, high, low, close, which, horizons=(horizon,)).result[:, 0] == 1).astype(float)

    def interval(which: Entries):
        lead = hits(entries) - hits(which).reshape(-1, copies).mean(axis=1)
        return shares(known, np.zeros_like(known), 1, lead, session_count=sessions, lags=3 * (horizon - 1))

    fair = interval(matched)
    assert fair.low[0] < 0 < fair.high[0]
    assert fair.high[0] - fair.low[0] < 0.08
    # With the levels as far away in log price, calm rows would hardly ever reach them.
    distance = {name: np.repeat(np.log(getattr(entries, name) / close[row, known]), copies) for name in LEVELS}
    unscaled = {name: close[matched.row, matched.known] * np.exp(distance[name]) for name in LEVELS}
    assert interval(replace(matched, **unscaled)).low[0] > 0.05
