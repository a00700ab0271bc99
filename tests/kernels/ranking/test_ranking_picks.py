"""The order of the picks: worked out by hand, equal in both backends, and independent of what it should be."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.ranking import COMPONENTS, Evidence, Picks, Setups, rank_picks
from tests.kernels.ranking.ranking_cases import NAN, evidence_of, random_inputs, setups_of

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
PATTERN, FORECAST, SIMULATION = range(len(COMPONENTS))
NOTHING = evidence_of([])


def equal(one: Picks, other: Picks) -> bool:
    return all(getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes() for field in fields(Picks))


@BACKENDS
def test_three_symbols_worked_out_by_hand(backend) -> None:
    # Strengths: A 0.8 x 2/3, and 0.9 x 1/3 which is less; B 0.5 x 3/4, short; C has none.
    setups = setups_of([(1, -1, 0.5, 3.0, NAN), (0, 1, 0.9, 0.5, NAN), (0, 1, 0.8, 2.0, NAN)])
    evidence = evidence_of(
        [(0, "both", 0.3), (0, "short", 0.99), (0, "long", 0.4), (1, "both", 0.6), (1, "long", 0.9), (2, "long", 0.9)]
    )
    found = rank_picks(setups, np.array([0.1, 0.2, -0.3]), evidence, backend=backend)
    assert found.direction.tolist() == [1, -1, -1]
    assert found.agreement.tolist() == [1, -1, 0]
    assert found.setup.tolist() == [2, 0, -1]
    assert found.evidence.tolist() == [2, 3, -1]
    np.testing.assert_array_equal(found.components, [[1.0, 0.5, 0.0], [0.0, 0.0, 1.0], [NAN, 1.0, NAN]])
    np.testing.assert_allclose(found.score, [0.5, 1 / 3, 2 / 3], atol=1e-12)
    assert found.rank.tolist() == [2, 3, 1]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), symbols=st.integers(0, 7))
def test_the_backends_are_equal_to_the_last_bit(seed: int, symbols: int) -> None:
    setups, forecast, evidence = random_inputs(seed, symbols)
    if symbols == 0:
        setups, evidence = setups_of([]), NOTHING
    slow, fast = (rank_picks(setups, forecast, evidence, backend=backend) for backend in ("naive", "cpu"))
    for field in fields(Picks):
        one, other = getattr(slow, field.name), getattr(fast, field.name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, err_msg=field.name)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_scores_are_within_0_and_1_and_ranks_follow_them_without_a_gap(seed: int) -> None:
    found = rank_picks(*random_inputs(seed, 12))
    ranked = found.rank > 0
    assert (ranked == (found.direction != 0)).all()
    assert sorted(found.rank[ranked].tolist()) == list(range(1, int(ranked.sum()) + 1))
    assert (np.diff(found.score[ranked][np.argsort(found.rank[ranked])]) <= 0.0).all()
    assert ((found.score[ranked] >= 0.0) & (found.score[ranked] <= 1.0)).all()
    assert np.isnan(found.score[~ranked]).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_neither_the_order_of_the_symbols_nor_of_their_rows_matters_but_for_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    setups, forecast, evidence = random_inputs(seed, 9)
    # No two equal values, so no ties.
    setups = replace(setups, score=rng.random(len(setups.score)), p_value=np.full(len(setups.score), NAN))
    evidence = replace(evidence, chance=rng.random(len(evidence.chance)))
    forecast = np.where(np.isnan(forecast), forecast, rng.normal(size=9))
    moved = rng.permutation(9).astype(np.int32)
    rows, others = rng.permutation(len(setups.symbol)), rng.permutation(len(evidence.symbol))
    turned = {name: getattr(setups, name)[rows] for name in ("direction", "score", "risk_reward", "p_value")}
    mixed = {name: getattr(evidence, name)[others] for name in ("long", "short", "chance")}
    forecast_moved = np.empty(9)
    forecast_moved[moved] = forecast
    one = rank_picks(setups, forecast, evidence)
    two = rank_picks(
        Setups(moved[setups.symbol[rows]], **turned), forecast_moved, Evidence(moved[evidence.symbol[others]], **mixed)
    )
    for name in ("direction", "agreement", "score", "components"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name)[moved])


@BACKENDS
def test_what_is_unknown_counts_one_half(backend) -> None:
    found = rank_picks(setups_of([]), np.array([0.1, NAN, 0.2, 0.3]), NOTHING, backend=backend)
    np.testing.assert_array_equal(found.components[:, FORECAST], [0.0, NAN, 0.5, 1.0])
    assert np.isnan(found.components[:, [PATTERN, SIMULATION]]).all()
    np.testing.assert_allclose(found.score, [1 / 3, NAN, 0.5, 2 / 3], atol=1e-12)
    assert found.rank.tolist() == [3, 0, 2, 1]


@BACKENDS
def test_one_that_is_known_alone_ranks_in_the_middle(backend) -> None:
    setups, evidence = setups_of([(0, 1, 1.0, 9.0, NAN)]), evidence_of([(0, "long", 0.99)])
    found = rank_picks(setups, np.array([0.5]), evidence, backend=backend)
    assert found.components.tolist() == [[0.5, 0.5, 0.5]]
    assert (found.score[0], found.rank[0]) == (0.5, 1)


@BACKENDS
def test_equal_scores_rank_by_position(backend) -> None:
    found = rank_picks(setups_of([]), np.array([0.1, 0.1, -0.1, 0.1]), NOTHING, backend=backend)
    assert found.score.tolist() == [0.5] * 4
    assert found.rank.tolist() == [1, 2, 3, 4]


@BACKENDS
def test_equal_setups_and_equal_evidence_give_way_to_the_first(backend) -> None:
    setups = setups_of([(0, -1, 0.5, 1.0, NAN), (0, 1, 0.5, 1.0, NAN)])
    evidence = evidence_of([(0, "long", 0.5), (0, "both", 0.5), (0, "short", 0.5)])
    found = rank_picks(setups, np.array([NAN]), evidence, backend=backend)
    assert (found.setup[0], found.direction[0], found.evidence[0]) == (0, -1, 1)


@BACKENDS
def test_a_setup_without_risk_reward_has_no_say(backend) -> None:
    found = rank_picks(setups_of([(0, -1, 1.0, NAN, NAN)]), np.array([0.2]), NOTHING, backend=backend)
    assert (found.setup[0], found.direction[0], found.agreement[0]) == (-1, 1, 0)


@BACKENDS
def test_a_forecast_of_nothing_gives_no_direction(backend) -> None:
    found = rank_picks(setups_of([]), np.array([0.0, NAN]), evidence_of([(0, "both", 0.9)]), backend=backend)
    assert found.direction.tolist() == [0, 0]
    assert found.rank.tolist() == [0, 0]
    assert found.evidence.tolist() == [-1, -1]


@BACKENDS
def test_a_forecast_against_the_setup_supports_it_least(backend) -> None:
    setups = setups_of([(symbol, 1, 0.5, 1.0, NAN) for symbol in range(3)])
    found = rank_picks(setups, np.array([-0.5, 0.1, 0.0]), NOTHING, backend=backend)
    assert found.agreement.tolist() == [-1, 1, 0]
    assert found.components[:, FORECAST].tolist() == [0.0, 1.0, 0.5]


@BACKENDS
def test_p_values_take_the_place_of_scores_as_soon_as_one_is_known(backend) -> None:
    rows = [(0, 1, 0.9, 1.0, NAN), (1, 1, 0.1, 1.0, 0.01), (2, 1, 0.8, 1.0, 0.8)]
    calibrated = rank_picks(setups_of(rows), np.full(3, NAN), NOTHING, backend=backend)
    assert calibrated.components[:, PATTERN].tolist() == [0.5, 1.0, 0.0]
    plain = rank_picks(setups_of([(*row[:4], NAN) for row in rows]), np.full(3, NAN), NOTHING, backend=backend)
    assert plain.components[:, PATTERN].tolist() == [1.0, 0.0, 0.5]


def test_forecasts_count_by_their_order_only() -> None:
    setups, _, evidence = random_inputs(5, 9)
    forecast = np.random.default_rng(5).normal(size=9)
    assert equal(rank_picks(setups, forecast, evidence), rank_picks(setups, forecast**3, evidence))


def test_mirrored_setups_forecasts_and_sides_give_the_same_scores() -> None:
    setups, forecast, evidence = random_inputs(11, 9)
    mirrored = rank_picks(
        replace(setups, direction=-setups.direction),
        -forecast,
        replace(evidence, long=evidence.short, short=evidence.long),
    )
    found = rank_picks(setups, forecast, evidence)
    assert (found.direction != 0).any()
    np.testing.assert_array_equal(mirrored.direction, -found.direction)
    np.testing.assert_array_equal(mirrored.score, found.score)
    np.testing.assert_array_equal(mirrored.rank, found.rank)
