from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.windows import FEATURES, FLAT_RANGE, REASONS, WindowSettings, naive, rank_windows, window_ends

TWO_LENGTHS = WindowSettings(lengths=(5, 12))


def windows(rows, index=None):
    """Features whose four columns are all the given values, and their length indexes (0 by default)."""
    features = np.repeat(np.array(rows, dtype=float)[:, None], len(FEATURES), axis=1)
    return features, np.zeros(len(features), dtype=np.int32) if index is None else np.array(index, dtype=np.int32)


def reasons(result):
    return [REASONS[code] for code in result.reason]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), count=st.integers(0, 14), skip_flat=st.booleans())
def test_ranking_equals_naive(data, count, skip_flat):
    value = st.sampled_from([0.0, 5e-5, FLAT_RANGE, 0.1, 0.1, 0.2, 0.3, 0.7, math.nan])
    features = np.array(data.draw(st.lists(st.tuples(*[value] * 4), min_size=count, max_size=count))).reshape(-1, 4)
    index = np.array(data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), dtype=np.int64)
    chosen = WindowSettings(
        lengths=(5, 12),
        weight_slope=data.draw(st.sampled_from([0.0, 0.1, 7.0])),
        threshold=data.draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])),
        top_k=data.draw(st.integers(1, 6)),
        skip_flat=skip_flat,
    )
    result = rank_windows(features, index, settings=chosen)
    feature_ranks, pre_score, rank, words = naive.rank_windows(features, index, chosen)
    np.testing.assert_array_equal(result.feature_ranks, feature_ranks)
    np.testing.assert_array_equal(result.pre_score, pre_score)
    np.testing.assert_array_equal(result.rank, rank)
    assert reasons(result) == words
    np.testing.assert_array_equal(result.kept, np.array(words, dtype=object) == "kept")


def test_ranks_and_pre_score_worked_by_hand():
    features = np.array([[0.1, 0.2, 0.3, 0.4], [0.2, 0.2, 0.1, 0.5], [0.3, 0.4, 0.2, 0.6]])
    result = rank_windows(features, np.zeros(3, np.int64))
    np.testing.assert_array_equal(result.feature_ranks, [[0, 0.25, 1, 0], [0.5, 0.25, 0, 0.5], [1, 1, 0.5, 1]])
    np.testing.assert_allclose(result.pre_score, [0.275, 0.325, 0.9], rtol=1e-14)
    assert result.rank.tolist() == [3, 2, 1]
    assert result.kept.all()


def test_types_are_as_promised():
    result = rank_windows(*windows([0.1, np.nan]))
    types = [getattr(result, name).dtype for name in ("feature_ranks", "pre_score", "rank", "kept", "reason")]
    assert types == [np.float64, np.float64, np.int32, np.bool_, np.int8]


def test_each_length_is_ranked_among_its_own():
    result = rank_windows(*windows([0.1, 5.0, 0.2, 6.0], [0, 1, 0, 1]), settings=TWO_LENGTHS)
    assert result.pre_score.tolist() == [0.0, 0.0, 1.0, 1.0]
    assert result.rank.tolist() == [3, 4, 1, 2]


def test_a_single_window_of_its_length_has_the_middle_rank():
    assert rank_windows(*windows([0.3])).pre_score.tolist() == [0.5]


def test_all_equal_windows_share_the_middle_rank_and_rank_by_position():
    result = rank_windows(*windows([0.3] * 5))
    assert result.pre_score.tolist() == [0.5] * 5
    assert result.rank.tolist() == [1, 2, 3, 4, 5]


def test_a_window_with_one_nan_is_incomplete_and_ranks_nowhere():
    features, index = windows([0.1, 0.2, 0.3])
    features[1, 2] = np.nan
    result = rank_windows(features, index)
    assert np.isnan(result.pre_score[1])
    assert np.isnan(result.feature_ranks[1]).all()
    assert result.rank.tolist() == [2, 0, 1]
    assert reasons(result) == ["below_threshold", "incomplete", "kept"]
    assert result.pre_score[[0, 2]].tolist() == [0.0, 1.0]


def test_all_nan_keeps_nothing():
    result = rank_windows(*windows([np.nan] * 3))
    assert reasons(result) == ["incomplete"] * 3
    assert not result.kept.any()
    assert not result.rank.any()


def test_flat_windows_are_dropped_before_the_ranking():
    result = rank_windows(*windows([0.0, FLAT_RANGE / 2, FLAT_RANGE, 0.2]))
    assert reasons(result) == ["flat", "flat", "below_threshold", "kept"]
    assert result.pre_score[2:].tolist() == [0.0, 1.0]
    assert result.rank.tolist() == [0, 0, 2, 1]


def test_all_flat_keeps_nothing_unless_flat_windows_are_wanted():
    flat = windows([0.0, 0.0])
    assert reasons(rank_windows(*flat)) == ["flat"] * 2
    assert rank_windows(*flat, settings=WindowSettings(skip_flat=False)).kept.all()


def test_a_pre_score_equal_to_the_threshold_is_kept():
    three = windows([0.1, 0.2, 0.3])
    assert reasons(rank_windows(*three, settings=WindowSettings(threshold=0.5))) == ["below_threshold", "kept", "kept"]
    above = WindowSettings(threshold=np.nextafter(0.5, 1.0))
    assert reasons(rank_windows(*three, settings=above)) == ["below_threshold", "below_threshold", "kept"]
    assert rank_windows(*three, settings=WindowSettings(threshold=1.0)).kept.tolist() == [False, False, True]
    assert rank_windows(*three, settings=WindowSettings(threshold=0.0)).kept.all()


def test_top_k_keeps_the_best_over_all_lengths_and_ties_by_position():
    tied = windows([0.1, 0.3, 0.3, 0.2, 0.9], [0, 0, 0, 0, 1])
    result = rank_windows(*tied, settings=WindowSettings(lengths=(5, 12), top_k=1))
    assert reasons(result) == ["below_threshold", "kept", *["beyond_top_k"] * 3]
    result = rank_windows(*tied, settings=WindowSettings(lengths=(5, 12), top_k=5))
    assert reasons(result) == ["below_threshold", *["kept"] * 4]


def test_weights_are_normalised():
    rng = np.random.default_rng(0)
    features, index = rng.random((40, 4)), np.zeros(40, np.int64)
    expected = rank_windows(features, index)
    scaled = WindowSettings(weight_volatility=4, weight_range=3, weight_extrema=2, weight_slope=1)
    np.testing.assert_array_equal(rank_windows(features, index, settings=scaled).pre_score, expected.pre_score)
    only_slope = WindowSettings(weight_volatility=0, weight_range=0, weight_extrema=0, weight_slope=3)
    result = rank_windows(features, index, settings=only_slope)
    np.testing.assert_allclose(result.pre_score, expected.feature_ranks[:, 3], atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(places=st.tuples(*[st.permutations(range(11))] * 4), percent=st.integers(0, 100))
def test_pre_scores_equal_on_paper_tie_and_those_at_the_threshold_are_kept(places, percent):
    places = np.array(places).T
    on_paper = places @ [4, 3, 2, 1]
    result = rank_windows(places + 1.0, np.zeros(11, np.int64), settings=WindowSettings(threshold=percent / 100))
    np.testing.assert_array_equal(result.pre_score, on_paper / 100)
    np.testing.assert_array_equal(result.kept, on_paper >= percent)
    np.testing.assert_array_equal(np.argsort(result.rank), np.argsort(-on_paper, kind="stable"))


@settings(max_examples=50, deadline=None)
@given(weights=st.tuples(*[st.floats(0.0, 1e6)] * 4).filter(any))
def test_pre_scores_stay_in_the_unit_interval(weights):
    names = [f"weight_{feature}" for feature in FEATURES]
    result = rank_windows(*windows([0.1, 0.2]), settings=WindowSettings(**dict(zip(names, weights, strict=True))))
    assert result.pre_score.tolist() == [0.0, 1.0]


def test_order_of_the_windows_changes_only_who_of_equals_comes_first():
    rng = np.random.default_rng(1)
    features, index = rng.random((60, 4)), rng.integers(0, 2, 60)
    shuffle = rng.permutation(60)
    expected = rank_windows(features, index, settings=TWO_LENGTHS)
    result = rank_windows(features[shuffle], index[shuffle], settings=TWO_LENGTHS)
    np.testing.assert_array_equal(result.pre_score, expected.pre_score[shuffle])
    for ranked in (expected, result):
        best_first = np.argsort(ranked.rank)
        steps = np.diff(ranked.pre_score[best_first])
        assert (steps <= 0).all()
        assert (np.diff(best_first)[steps == 0] > 0).all()
        assert (steps == 0).any()


def test_no_windows_give_an_empty_result():
    result = rank_windows(np.empty((0, 4)), np.empty(0, np.int64))
    assert len(result.pre_score) == len(result.kept) == 0


@pytest.mark.parametrize(
    ("features", "index"),
    [
        (np.zeros((3, 3)), np.zeros(3, np.int64)),
        (np.zeros(4), np.zeros(1, np.int64)),
        (np.zeros((3, 4), np.float32), np.zeros(3, np.int64)),
        (np.full((3, 4), np.inf), np.zeros(3, np.int64)),
        (np.zeros((3, 4)), np.zeros(2, np.int64)),
        (np.zeros((3, 4)), np.zeros(3)),
        (np.zeros((3, 4)), np.array([0, 1, 4])),
        (np.zeros((3, 4)), np.array([0, -1, 1])),
    ],
)
def test_windows_of_a_wrong_shape_or_value_are_refused(features, index):
    with pytest.raises(InvalidInputError, match="of rank_windows"):
        rank_windows(features, index)


@pytest.mark.parametrize(
    "bad",
    [
        {"lengths": ()},
        {"lengths": (63, 63)},
        {"lengths": (2,)},
        {"weight_volatility": -0.1},
        {"weight_range": math.nan},
        {"weight_extrema": math.inf},
        {"weight_slope": "0.1"},
        {"weight_slope": True},
        {"weight_volatility": 0.0, "weight_range": 0, "weight_extrema": 0.0, "weight_slope": 0.0},
        {"weight_volatility": 1e308, "weight_range": 1e308},
        {"threshold": -0.01},
        {"threshold": 1.01},
        {"threshold": math.nan},
        {"threshold": None},
        {"top_k": 0},
        {"top_k": -3},
        {"top_k": 10.0},
        {"top_k": True},
        {"skip_flat": 1},
        {"overlap": -0.1},
        {"overlap": 1.5},
        {"overlap": math.inf},
    ],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(InvalidInputError):
        WindowSettings(**bad)


def test_overlap_one_has_a_window_at_every_session():
    assert window_ends(np.arange(10), 63, 1.0).all()


@pytest.mark.parametrize(("overlap", "stride"), [(0.0, 12), (0.5, 6), (0.75, 3), (0.99, 1), (0.3, 8)])
def test_overlap_sets_the_stride(overlap, stride):
    numbers = np.arange(1000, 1100)
    np.testing.assert_array_equal(window_ends(numbers, 12, overlap), numbers % stride == 0)


def test_a_session_is_answered_by_its_number_alone():
    numbers = np.arange(500)
    every = window_ends(numbers, 63, 0.5)
    assert window_ends(numbers[::-1], 63, 0.5).tolist() == every[::-1].tolist()
    assert [window_ends(np.array([number]), 63, 0.5).item() for number in numbers] == every.tolist()
    assert every.sum() == len(range(0, 500, 32))


@pytest.mark.parametrize(
    ("numbers", "length", "overlap"),
    [
        (np.array([0.0, 1.0]), 63, 0.5),
        (np.array([-1, 1]), 63, 0.5),
        (np.array([0, 1]), 2, 0.5),
        (np.array([0, 1]), 63, 1.1),
        (np.array([0, 1]), 63, math.nan),
    ],
)
def test_window_ends_refuses_what_makes_no_sense(numbers, length, overlap):
    with pytest.raises(InvalidInputError):
        window_ends(numbers, length, overlap)
