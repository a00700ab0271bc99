"""Stages, and the best scores of the setups that stand as of the last bar of a row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.waves import (
    CLASS_NAMES,
    CLASSES,
    SETUP,
    SPAN_BUCKETS,
    STAGES,
    ScanSettings,
    Stage,
    best_scores,
    scan_origins,
    stage_index,
)
from tests.kernels.waves.best_cells import ARRAYS, assert_like_the_oracle, assert_same_cells, best_of_scan, walks
from tests.kernels.waves.charts import EVERYTHING

CONFIRMED = len(CLASS_NAMES)
"""The first stage that is a setup."""

BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])


def standing(line, backend, longest=504, **options):
    """The setups that stand as of the end of one line of prices: {(class, legs, direction): how many}."""
    row = np.array([line])
    found = best_scores(row, row, settings=ScanSettings(**options), buckets=(longest,), backend=backend)
    stages, sides = np.nonzero(found.counts[0, :, :, 0])
    return {
        (*STAGES[stage], 1 - 2 * side): int(found.counts[0, stage, side, 0])
        for stage, side in zip(stages.tolist(), sides.tolist(), strict=True)
        if stage >= CONFIRMED
    }


def test_the_stages_are_the_classes_and_then_their_setups():
    assert tuple(stage.name for stage in STAGES[:CONFIRMED]) == CLASS_NAMES
    assert all(stage.legs == len(CLASSES[stage.name].legs) for stage in STAGES[:CONFIRMED])
    assert set(STAGES[CONFIRMED:]) == {
        *(("impulse", legs) for legs in (2, 3, 4)),
        *((name, 2) for name in ("zigzag", "regular_flat", "expanded_flat", "running_flat")),
        *((name, 4) for name in ("contracting_triangle", "running_triangle", "expanding_triangle")),
    }
    assert len(set(STAGES)) == len(STAGES) == 22


def test_a_stage_is_looked_up_by_its_class_and_legs():
    class_index = np.array([CLASS_NAMES.index(stage.name) for stage in STAGES], np.int8)
    legs = np.array([stage.legs for stage in STAGES], np.int8)
    found = stage_index(class_index, legs)
    assert found.dtype == np.int64
    assert found.tolist() == list(range(len(STAGES)))
    assert stage_index(class_index.reshape(2, 11), legs.reshape(2, 11)).tolist() == found.reshape(2, 11).tolist()
    assert stage_index([], []).shape == (0,)
    assert STAGES[int(stage_index(CLASS_NAMES.index("zigzag"), 2))] == Stage("zigzag", 2)


@pytest.mark.parametrize(
    ("class_index", "legs", "said"),
    [
        ([0, CLASS_NAMES.index("zigzag")], [5, 4], "of pattern 1: expected a stage: .*; got class 3 with 4 legs"),
        ([0], [1], "class 0 with 1 legs"),
        ([0], [6], "class 0 with 6 legs"),
        ([0], [-1], "class 0 with -1 legs"),
        ([-1], [3], "class -1 with 3 legs"),
        ([len(CLASS_NAMES)], [5], "class 12 with 5 legs"),
        ([CLASS_NAMES.index("double_three")], [2], "class 11 with 2 legs"),
        ([0, 0], [5], "expected whole numbers, as many legs as classes"),
        ([0], 5, "expected whole numbers, as many legs as classes"),
        ([0.0], [5], "expected whole numbers"),
        ([0], [True], "expected whole numbers"),
    ],
)
def test_what_is_no_stage_is_refused_and_named(class_index, legs, said):
    with pytest.raises(InvalidInputError, match=said):
        stage_index(class_index, legs)


def test_the_walks_hold_every_setup_both_ways():
    low, high = walks(3, 40, 110)
    found = best_scores(low, high, backend="cpu")
    assert (found.counts[:, CONFIRMED:].sum(axis=(0, 3)) > 10).all()
    assert_same_cells(found, best_of_scan(low, high, ScanSettings(), SPAN_BUCKETS))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(20, 60),
    decimals=st.sampled_from([None, 1, 0]),
    max_span=st.sampled_from([504, 30, 8]),
)
def test_the_oracle_has_the_scores_of_its_own_scan(seed, count, decimals, max_span):
    low, high = walks(seed, 1, count, decimals=decimals)
    wanted, buckets = ScanSettings(max_span=max_span), (5, 10, 40)
    found = best_scores(low, high, settings=wanted, buckets=buckets, backend="naive")
    assert_same_cells(found, best_of_scan(low, high, wanted, buckets, backend="naive"))


# Up 2 -> 4, down 4 -> 3; then a wave that has begun to rise.
TWO_LEGS = [3.0, 2.0, 4.0, 3.0, 3.5]
TWO_LEG_SETUPS = {("impulse", 2, 1): 1, ("zigzag", 2, 1): 1}


@BACKENDS
def test_a_setup_stands_until_its_last_pivot_is_passed_or_a_bar_is_missing(backend):
    assert standing(TWO_LEGS[:4], backend) == {}
    assert standing(TWO_LEGS, backend) == TWO_LEG_SETUPS
    # Equal is not beyond, and a wave that goes far may go on.
    for next_bar, stands in ((3.2, True), (9.0, True), (3.0, True), (2.99, False), (np.nan, False)):
        for further in ([], [3.4]):
            # Of one with a later end, such as 2.99, the span is longer.
            found = standing([*TWO_LEGS, next_bar, *further], backend, longest=2)
            assert (("zigzag", 2, 1) in found) == stands, (next_bar, further)
    assert standing([*TWO_LEGS, np.nan, *TWO_LEGS], backend) == TWO_LEG_SETUPS


@BACKENDS
def test_a_setup_falls_where_the_wave_under_way_breaks_a_rule_for_good(backend):
    # Wave 4 of an impulse is under way from 6, and must stay above 4, where wave 1 ended.
    three_legs = [3.0, 2.0, 4.0, 3.0, 6.0, 5.0]
    for next_bar, stands in ((4.5, True), (4.001, True), (4.0, False), (3.9, False)):
        for further in ([], [5.0]):
            found = standing([*three_legs, next_bar, *further], backend)
            assert (("impulse", 3, 1) in found) == stands, (next_bar, further)
            # The pattern of two legs still stands: 3 is not passed.
            assert ("impulse", 2, 1) in found


@BACKENDS
def test_a_setup_falls_on_the_bar_that_would_make_its_pattern_too_long(backend):
    for bars, max_span, stands in ((5, 4, True), (5, 3, False), (6, 5, True), (6, 4, False)):
        found = standing([*TWO_LEGS, 3.6][:bars], backend, max_span=max_span)
        assert found == (TWO_LEG_SETUPS if stands else {}), (bars, max_span)


@BACKENDS
def test_a_setup_is_in_the_bucket_of_its_last_pivot_whatever_follows(backend):
    zigzag = STAGES.index(("zigzag", 2))
    for further in ([], [3.6], [3.6, 3.7, 3.8, 3.9]):
        row = np.array([[*TWO_LEGS, *further]])
        for buckets, expected in (((1, 2, 3), [0, 1, 0]), ((1,), [0]), ((2,), [1])):
            found = best_scores(row, row, buckets=buckets, backend=backend)
            assert found.counts[0, zigzag].tolist() == [expected, [0] * len(buckets)]
            assert np.isfinite(found.score[0, zigzag, 0]).tolist() == [count == 1 for count in expected]
            assert found.candidates.tolist() == [0]


def test_setups_that_are_not_asked_for_stay_empty_and_others_do_not_change():
    low, high = walks(21, 3, 90)
    whole = best_scores(low, high, backend="cpu")
    part = assert_like_the_oracle(low, high, ScanSettings(classes=("zigzag", "impulse"), directions=(1,)))
    asked = np.zeros((len(STAGES), 2), bool)
    asked[[stage.name in ("impulse", "zigzag") for stage in STAGES], 0] = True
    for name in ("score", "counts"):
        np.testing.assert_array_equal(getattr(part, name)[:, asked], getattr(whole, name)[:, asked])
    assert part.counts[:, CONFIRMED:][:, asked[CONFIRMED:]].any(axis=(0, 2)).all()
    assert not part.counts[:, ~asked].any()
    assert np.isnan(part.score[:, ~asked]).all()


def test_what_comes_after_the_row_changes_nothing():
    low, high = walks(22, 1, 130)
    other_low, other_high = walks(23, 1, 130)
    compared = 0
    for end in range(40, 100, 6):
        found = best_scores(low[:, : end + 1], high[:, : end + 1], backend="cpu")
        changed = [
            np.concatenate([known[:, : end + 1], other[:, end + 1 :]], axis=1)
            for known, other in ((low, other_low), (high, other_high))
        ]
        scan = scan_origins(*changed, [0], [end], [end + 1], settings=EVERYTHING, backend="cpu")
        setups = scan.patterns.status[scan.pattern] == SETUP
        kept = scan.pattern[setups]
        stage = stage_index(scan.patterns.class_index[kept], scan.patterns.legs[kept])
        counts = np.bincount(stage, minlength=len(STAGES))
        np.testing.assert_array_equal(found.counts[0, CONFIRMED:].sum(axis=(1, 2)), counts[CONFIRMED:])
        assert found.candidates.tolist() == scan.candidates.tolist()
        for place in np.unique(stage):
            assert np.nanmax(found.score[0, place]) == scan.patterns.score[kept][stage == place].max()
            compared += 1
    assert compared > 20


def test_a_longer_row_has_other_setups_and_keeps_its_patterns():
    low, high = walks(24, 4, 120)
    shorter, longer = (best_scores(low[:, :bars], high[:, :bars], backend="cpu") for bars in (110, 120))
    assert (longer.counts[:, :CONFIRMED] >= shorter.counts[:, :CONFIRMED]).all()
    assert (longer.counts[:, CONFIRMED:] < shorter.counts[:, CONFIRMED:]).any()
    for name in ARRAYS:
        assert (getattr(longer, name) != getattr(shorter, name)).any()
