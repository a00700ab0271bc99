from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.waves import risk_reward

NAN = math.nan
# Quarters of a dollar: differences are exact, and prices equal each other now and then.
MAYBE = st.integers(4, 400).map(lambda quarters: quarters / 4) | st.just(NAN)
SETUPS = st.lists(st.tuples(MAYBE, MAYBE, MAYBE, MAYBE, st.sampled_from([1, -1])), max_size=8)


def one(close: float, targets: list[float], invalidation: float, direction: int) -> float:
    """The value of one setup."""
    found = risk_reward(
        np.array([close]), np.array([targets], dtype=float), np.array([invalidation]), np.array([direction], np.int8)
    )
    assert found.dtype == np.float64
    return float(found[0])


def by_hand(close: float, targets: list[float], invalidation: float, direction: int) -> float:
    """The definition, one target after the other."""
    left = [target for target in targets if (target > close if direction > 0 else target < close)]
    intact = close > invalidation if direction > 0 else close < invalidation
    if not left or not intact:
        return NAN
    nearest = min(left) if direction > 0 else max(left)
    return (nearest - close) / (close - invalidation)


def columns(setups: list[tuple[float, float, float, float, int]]) -> tuple[np.ndarray, ...]:
    table = np.array(setups, dtype=float).reshape(-1, 5)
    return table[:, 0], table[:, 1:3], table[:, 3], table[:, 4].astype(np.int8)


@pytest.mark.parametrize(
    ("close", "targets", "invalidation", "direction", "expected"),
    [
        (100.0, [110.0, 130.0, 120.0], 95.0, 1, 2.0),
        (115.0, [110.0, 120.0, 130.0], 95.0, 1, 0.25),
        (110.0, [110.0, 120.0, NAN], 100.0, 1, 1.0),
        (100.0, [NAN, 90.0, 80.0], 105.0, -1, 2.0),
        (85.0, [90.0, 80.0, NAN], 105.0, -1, 0.25),
    ],
    ids=["rising", "the first is reached", "the close equals one", "falling", "falling, one reached"],
)
def test_it_is_the_way_to_the_nearest_target_over_the_way_to_the_invalidation(
    close, targets, invalidation, direction, expected
):
    assert one(close, targets, invalidation, direction) == expected


@pytest.mark.parametrize(
    ("close", "targets", "invalidation", "direction"),
    [
        (131.0, [110.0, 120.0, 130.0], 95.0, 1),
        (100.0, [NAN, NAN, NAN], 95.0, 1),
        (100.0, [], 95.0, 1),
        (95.0, [110.0], 95.0, 1),
        (94.0, [110.0], 95.0, 1),
        (105.0, [90.0], 105.0, -1),
        (NAN, [110.0], 95.0, 1),
        (100.0, [110.0], NAN, 1),
        (100.0, [97.0, 95.0], 90.0, -1),
    ],
    ids=[
        "all reached",
        "no target",
        "no column",
        "at the invalidation",
        "beyond it",
        "at it, falling",
        "no close",
        "no invalidation",
        "a wave towards its invalidation",
    ],
)
def test_it_is_nan_where_there_is_nothing_to_gain_or_nothing_to_rely_on(close, targets, invalidation, direction):
    assert math.isnan(one(close, targets, invalidation, direction))


@given(SETUPS)
def test_it_follows_the_definition_and_each_row_stands_alone(setups):
    close, targets, invalidation, direction = columns(setups)
    found = risk_reward(close, targets, invalidation, direction)
    expected = [
        by_hand(c, t.tolist(), i, d) for c, t, i, d in zip(close, targets, invalidation, direction, strict=True)
    ]
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-15, equal_nan=True)
    assert not (found <= 0.0).any()
    alone = [risk_reward(*(each[k : k + 1] for each in columns(setups)))[0] for k in range(len(setups))]
    np.testing.assert_array_equal(found, np.array(alone, dtype=float))


@given(SETUPS, st.integers(-8, 8))
def test_doubling_all_prices_and_reversing_the_targets_changes_nothing(setups, power):
    close, targets, invalidation, direction = columns(setups)
    found = risk_reward(close, targets, invalidation, direction)
    scale = 2.0**power
    scaled = risk_reward(close * scale, targets[:, ::-1] * scale, invalidation * scale, direction)
    np.testing.assert_array_equal(found, scaled)


@given(SETUPS)
def test_the_mirror_image_is_worth_the_same(setups):
    close, targets, invalidation, direction = columns(setups)
    mirrored = risk_reward(200.0 - close, 200.0 - targets, 200.0 - invalidation, -direction)
    np.testing.assert_array_equal(risk_reward(close, targets, invalidation, direction), mirrored)


@pytest.mark.parametrize(
    ("close", "targets", "invalidation", "direction", "where"),
    [
        (np.ones(2), np.ones((2, 3)), np.ones(1), np.ones(2, int), "risk_reward"),
        (np.ones(2), np.ones((3, 3)), np.ones(2), np.ones(2, int), "risk_reward"),
        (np.ones(2), np.ones(2), np.ones(2), np.ones(2, int), "risk_reward"),
        (np.ones(2), np.ones((2, 3)), np.ones(2), np.array([1, 0]), "next_direction of setup 1"),
        (np.ones(1), np.ones((1, 3)), np.ones(1), np.array([2]), "next_direction of setup 0"),
    ],
)
def test_what_does_not_fit_is_refused(close, targets, invalidation, direction, where):
    with pytest.raises(InvalidInputError) as caught:
        risk_reward(close, targets, invalidation, direction)
    assert caught.value.where == where
