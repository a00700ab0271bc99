"""What happened to entries: worked out by hand, equal in both backends, and blind to what it mustn't see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.outcomes import (
    HORIZONS,
    INVALIDATION,
    MISSED,
    NEITHER,
    TARGET,
    UNENTERED,
    UNKNOWN,
    Entries,
    Outcomes,
    outcomes,
)
from kernels.outcomes import cpu as outcomes_on_cpu
from tests.kernels.outcomes.entry_cases import (
    NAN,
    ROWS,
    SESSIONS,
    Bars,
    assert_same,
    entries_of,
    mirrored,
    part_of,
    random_case,
)

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
SEEDS = st.integers(0, 2**32)
SHORT = (2, 5, 9)


def bars_of(rows: list[list[tuple[float, float, float, float]]]) -> Bars:
    """Bars from (open, high, low, close) of each session of each row."""
    return Bars(*np.moveaxis(np.array(rows, dtype=np.float64), 2, 0).copy())


def one(bars: Bars, side: int, target: float, invalidation: float, backend, horizons=(3,), known: int = 0) -> Outcomes:
    """The outcome of one entry into row 0."""
    return outcomes(*bars, entries_of([(0, known, side, target, invalidation)]), horizons=horizons, backend=backend)


QUIET = (100.0, 101.0, 99.0, 100.0)
GONE = (NAN, NAN, NAN, NAN)


@BACKENDS
@pytest.mark.parametrize(
    ("later", "result", "sessions"),
    [
        ([QUIET, QUIET, QUIET], NEITHER, 0),
        ([QUIET, (100, 110, 99, 105), QUIET], TARGET, 2),
        ([QUIET, (100, 101, 95, 100), QUIET], INVALIDATION, 2),
        ([(100, 110, 99, 105), QUIET, QUIET], TARGET, 1),
        ([(100, 101, 95, 100), QUIET, QUIET], INVALIDATION, 1),
        ([QUIET, (100, 110, 95, 100), QUIET], INVALIDATION, 2),
        ([QUIET, (112, 113, 111, 112), QUIET], TARGET, 2),
        ([QUIET, (90, 91, 89, 90), (112, 113, 111, 112)], INVALIDATION, 2),
        ([QUIET, QUIET, (100, 110, 99, 105)], TARGET, 3),
        ([QUIET, QUIET, QUIET, (100, 110, 99, 105)], NEITHER, 0),
        ([QUIET, GONE, (100, 110, 99, 105)], TARGET, 3),
        ([QUIET, GONE, GONE], NEITHER, 0),
        ([GONE, (100, 110, 99, 105), QUIET], UNENTERED, 0),
        ([(110, 112, 109, 111), (100, 101, 94, 100), QUIET], MISSED, 0),
        ([(95, 112, 94, 111), QUIET, QUIET], MISSED, 0),
        ([], UNENTERED, 0),
        ([QUIET, QUIET], UNKNOWN, 0),
        ([QUIET, (100, 110, 99, 105)], TARGET, 2),
        ([(100, 101, 95, 100)], INVALIDATION, 1),
        ([(110, 112, 109, 111)], MISSED, 0),
    ],
    ids=[
        "nothing",
        "the target",
        "the invalidation",
        "the target in the entry bar",
        "the invalidation in the entry bar",
        "both in one bar",
        "a gap beyond the target",
        "a gap beyond the invalidation, first",
        "the last session of the horizon",
        "one session too late",
        "a missing bar is passed over, its session counts",
        "missing to the end",
        "no bar to enter at",
        "opened at the target",
        "opened at the invalidation",
        "no next session",
        "not decided yet",
        "decided before the end of the horizon, target",
        "decided before the end of the horizon, invalidation",
        "missed before the end of the horizon",
    ],
)
def test_a_long_entry_worked_out_by_hand(later, result, sessions, backend) -> None:
    # What the bar of `known` itself did is past.
    bars = bars_of([[(100, 120, 80, 100), *later]])
    found = one(bars, 1, 110.0, 95.0, backend)
    assert (found.result[0, 0], found.sessions[0, 0]) == (result, sessions)
    assert np.isnan(found.entry_price[0]) == (result == UNENTERED)
    turned, entry = mirrored(bars, entries_of([(0, 0, 1, 110.0, 95.0)]))
    short = outcomes(*turned, entry, horizons=(3,), backend=backend)
    assert (short.result[0, 0], short.sessions[0, 0]) == (result, sessions)


@BACKENDS
@pytest.mark.parametrize(
    ("side", "target", "invalidation", "result"),
    [
        (1, 95.0, 90.0, MISSED),
        (1, 95.0, 110.0, MISSED),
        (1, 110.0, 105.0, MISSED),
        (-1, 95.0, 110.0, NEITHER),
        (-1, 110.0, 95.0, MISSED),
        (-1, 100.0, 110.0, MISSED),
        (1, NAN, 95.0, UNENTERED),
        (1, 110.0, NAN, UNENTERED),
    ],
)
def test_levels_that_no_open_lies_between_are_missed_and_unknown_ones_never_entered(
    side, target, invalidation, result, backend
) -> None:
    found = one(bars_of([[QUIET] * 4]), side, target, invalidation, backend)
    assert found.result[0, 0] == result
    assert np.isnan(found.entry_price[0]) == np.isnan(found.forward[0, 0]) == (result == UNENTERED)


@BACKENDS
def test_each_horizon_counts_on_its_own(backend) -> None:
    bars = bars_of([[QUIET, QUIET, QUIET, (100, 110, 99, 105), (100, 101, 90, 92), QUIET]])
    found = one(bars, 1, 110.0, 95.0, backend, horizons=(2, 3, 5, 6))
    assert found.result[0].tolist() == [NEITHER, TARGET, TARGET, TARGET]
    assert found.sessions[0].tolist() == [0, 3, 3, 3]
    np.testing.assert_allclose(found.forward[0], [0.0, 0.05, 0.0, NAN], rtol=1e-15)


@BACKENDS
def test_returns_run_from_the_entry_open_to_the_close_and_are_compared_with_the_universe(backend) -> None:
    rows = [
        [QUIET, (50, 60, 40, 55), QUIET, (60, 60, 60, 60)],
        [QUIET, (10, 11, 9, 10), QUIET, (12, 12, 12, 12)],
        [QUIET, (10, 11, 9, 10), GONE, (40, 40, 40, 40)],
        [QUIET, GONE, QUIET, (90, 90, 90, 90)],
        [QUIET, (10, 11, 9, 10), QUIET, GONE],
        [QUIET, (10, 11, 9, 10), QUIET, (80, 80, 80, 80)],
    ]
    universe = np.ones((6, 4), dtype=np.bool_)
    universe[5, 0] = False
    entries = entries_of([(0, 0, 1, 1000.0, 1.0), (0, 0, -1, 1.0, 1000.0), (3, 0, 1, 1000.0, 1.0)])
    found = outcomes(*bars_of(rows), entries, universe=universe, horizons=(1, 3), backend=backend)
    # Over three sessions rows 0, 1 and 2 have both bars: 20 %, 20 % and 300 %.
    np.testing.assert_allclose(found.forward, [[0.1, 0.2], [-0.1, -0.2], [NAN, NAN]], rtol=1e-14)
    expected = 0.2 - (0.2 + 0.2 + 3.0) / 3
    np.testing.assert_allclose(found.relative[:, 1], [expected, -expected, NAN], rtol=1e-14)
    everyone = outcomes(*bars_of(rows), entries, horizons=(1, 3), backend=backend)
    np.testing.assert_allclose(everyone.relative[0, 1], 0.2 - (0.2 + 0.2 + 3.0 + 7.0) / 4, rtol=1e-14)
    nobody = outcomes(*bars_of(rows), entries, universe=np.zeros_like(universe), horizons=(1, 3), backend=backend)
    assert np.isnan(nobody.relative).all()
    np.testing.assert_array_equal(nobody.forward, found.forward)


@settings(max_examples=100)
@given(seed=SEEDS, horizons=st.sampled_from([(1,), SHORT, (3, SESSIONS - 1, SESSIONS), (40,)]))
def test_the_backends_are_equal_to_the_last_bit(seed: int, horizons: tuple[int, ...]) -> None:
    bars, entries, universe = random_case(seed)
    slow, fast = (
        outcomes(*bars, entries, universe=universe, horizons=horizons, backend=backend) for backend in ("naive", "cpu")
    )
    assert_same(slow, fast)


def test_the_random_cases_hold_every_result() -> None:
    seen: dict[int, int] = {}
    for seed in range(20):
        bars, entries, universe = random_case(seed)
        for value in outcomes(*bars, entries, universe=universe, horizons=SHORT).result.ravel().tolist():
            seen[value] = seen.get(value, 0) + 1
    assert sorted(seen) == [UNKNOWN, UNENTERED, MISSED, INVALIDATION, NEITHER, TARGET]
    assert min(seen.values()) > 50


@settings(max_examples=60)
@given(seed=SEEDS)
def test_the_mirror_image_has_the_same_results(seed: int) -> None:
    bars, entries, universe = random_case(seed)
    found = outcomes(*bars, entries, universe=universe, horizons=SHORT)
    turned, opposite = mirrored(bars, entries)
    image = outcomes(*turned, opposite, universe=universe, horizons=SHORT)
    assert_same(found, image, ("result", "sessions"))
    np.testing.assert_array_equal(image.entry_price, 1 / found.entry_price)
    side = entries.side[:, None]
    np.testing.assert_allclose(1 + side * found.forward, 1 / (1 - side * image.forward), rtol=1e-12)


@settings(max_examples=60)
@given(seed=SEEDS, power=st.integers(-20, 20))
def test_prices_in_another_unit_have_the_same_outcomes(seed: int, power: int) -> None:
    bars, entries, universe = random_case(seed)
    unit = 2.0**power
    scaled = replace(entries, target=entries.target * unit, invalidation=entries.invalidation * unit)
    found = outcomes(*bars, entries, universe=universe, horizons=SHORT)
    other = outcomes(*(each * unit for each in bars), scaled, universe=universe, horizons=SHORT)
    assert_same(found, other, ("result", "sessions", "forward", "relative"))
    np.testing.assert_array_equal(other.entry_price, found.entry_price * unit)


@settings(max_examples=40)
@given(seed=SEEDS)
def test_neither_the_order_of_the_entries_nor_the_others_matter(seed: int) -> None:
    bars, entries, universe = random_case(seed)
    places = np.random.default_rng(seed).permutation(len(entries.row))[:17]
    found = outcomes(*bars, entries, universe=universe, horizons=SHORT)
    some = outcomes(*bars, part_of(entries, places), universe=universe, horizons=SHORT)
    assert_same(Outcomes(*(each[places] for each in vars(found).values())), some)


@settings(max_examples=60)
@given(seed=SEEDS, known=st.integers(0, SESSIONS - 1), horizon=st.integers(1, 12))
def test_no_bar_beyond_the_horizon_and_none_up_to_known_matters(seed: int, known: int, horizon: int) -> None:
    bars, entries, universe = random_case(seed)
    others, _, another = random_case(seed + 1)
    entries = replace(entries, known=np.full_like(entries.known, known))
    seen = np.zeros(SESSIONS, dtype=np.bool_)
    seen[known + 1 : known + horizon + 1] = True
    changed = Bars(*(np.where(seen, bar, other) for bar, other in zip(bars, others, strict=True)))
    another[:, known] = universe[:, known]
    found = outcomes(*bars, entries, universe=universe, horizons=(horizon,))
    assert_same(found, outcomes(*changed, entries, universe=another, horizons=(horizon,)))


@settings(max_examples=60)
@given(seed=SEEDS, stop=st.integers(1, SESSIONS))
def test_what_is_decided_before_the_end_of_the_bars_stays_so(seed: int, stop: int) -> None:
    bars, entries, universe = random_case(seed)
    entries = part_of(entries, entries.known + 1 < stop)
    cut = Bars(*(np.ascontiguousarray(each[:, :stop]) for each in bars))
    early = outcomes(*cut, entries, universe=np.ascontiguousarray(universe[:, :stop]), horizons=SHORT)
    late = outcomes(*bars, entries, universe=universe, horizons=SHORT)
    decided = early.result != UNKNOWN
    np.testing.assert_array_equal(early.result[decided], late.result[decided])
    np.testing.assert_array_equal(early.sessions[decided], late.sessions[decided])
    within = entries.known[:, None] + np.array(SHORT) < stop
    assert not ((early.result == UNKNOWN) & within).any()
    np.testing.assert_array_equal(early.relative[within], late.relative[within])
    assert np.isnan(early.forward[~within]).all()


@settings(max_examples=60)
@given(seed=SEEDS)
def test_the_arrays_agree_with_each_other(seed: int) -> None:
    bars, entries, universe = random_case(seed)
    found = outcomes(*bars, entries, universe=universe, horizons=SHORT)
    touched = np.abs(found.result) == 1
    np.testing.assert_array_equal(found.sessions > 0, touched)
    assert (found.sessions <= np.array(SHORT)).all()
    # A longer horizon keeps what a shorter one has decided.
    assert (found.result[:, 1:][touched[:, :-1]] == found.result[:, :-1][touched[:, :-1]]).all()
    np.testing.assert_array_equal((found.result == UNENTERED).all(axis=1), np.isnan(found.entry_price))
    assert np.isnan(found.relative[np.isnan(found.forward)]).all()
    everyone = outcomes(*bars, entries, horizons=SHORT)
    np.testing.assert_array_equal(np.isnan(everyone.relative), np.isnan(found.forward))


@BACKENDS
def test_rows_without_bars_enter_nothing(backend) -> None:
    bars = Bars(*(np.full((ROWS, SESSIONS), NAN) for _ in range(4)))
    _, entries, universe = random_case(3)
    found = outcomes(*bars, entries, universe=universe, backend=backend)
    assert (found.result == UNENTERED).all()
    assert np.isnan(found.forward).all()


@BACKENDS
@pytest.mark.parametrize("shape", [(ROWS, SESSIONS), (0, 0), (0, SESSIONS), (ROWS, 0)])
def test_no_entries_have_no_outcomes(shape, backend) -> None:
    found = outcomes(*np.full((4, *shape), 1.0), entries_of([]), backend=backend)
    assert found.entry_price.shape == (0,)
    assert (found.result.shape, found.result.dtype) == ((0, len(HORIZONS)), np.int8)
    assert (found.sessions.shape, found.sessions.dtype) == ((0, len(HORIZONS)), np.int16)
    assert found.forward.shape == found.relative.shape == (0, len(HORIZONS))


def test_every_cell_is_written_even_into_poisoned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bars, entries, universe = random_case(8)
    clean = outcomes(*bars, entries, universe=universe, horizons=SHORT)
    for poison in (77, -5):
        monkeypatch.setattr(
            outcomes_on_cpu.np, "empty", lambda shape, dtype=np.float64, fill=poison: np.full(shape, fill, dtype)
        )
        assert_same(clean, outcomes(*bars, entries, universe=universe, horizons=SHORT))


@BACKENDS
def test_an_entry_of_the_longest_horizon_is_counted(backend) -> None:
    sessions = 32_769
    bars = Bars(*(np.full((1, sessions), price) for price in (1.0, 1.0, 1.0, 1.0)))
    bars.high[0, -1] = bars.close[0, -1] = 4.0
    entry = Entries(np.zeros(1, np.int32), np.ones(1, np.int32), np.ones(1, np.int8), np.array([3.0]), np.array([0.5]))
    found = outcomes(*bars, entry, horizons=(32_767,), backend=backend)
    assert (found.result[0, 0], found.sessions[0, 0], found.forward[0, 0]) == (TARGET, 32_767, 3.0)
