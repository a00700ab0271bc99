"""QLIKE."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.forecast import VOLATILITY_FLOOR, qlike

NAN = math.nan


def one(volatility: float, outcome: float) -> float:
    return float(qlike(np.array([[volatility]]), np.array([[outcome]]))[0, 0])


def test_qlike_by_hand() -> None:
    assert one(0.02, 0.03) == pytest.approx(math.log(0.0004) + 2.25)
    assert one(0.02, -0.03) == one(0.02, 0.03)


def test_an_outcome_of_zero_needs_no_floor() -> None:
    assert one(0.01, 0.0) == pytest.approx(math.log(1e-4))


def test_a_volatility_below_the_floor_is_scored_as_the_floor() -> None:
    assert one(1e-9, 0.01) == one(VOLATILITY_FLOOR, 0.01) == pytest.approx(math.log(1e-8) + 1e4)
    assert one(1e-9, 0.0) == pytest.approx(2 * math.log(VOLATILITY_FLOOR))


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_the_true_volatility_scores_best_on_average(factor: float) -> None:
    outcomes = np.random.default_rng(1).standard_t(5, size=(50_000, 1)) * 0.01
    true = float(np.sqrt(np.mean(outcomes**2)))
    assert (
        qlike(np.full_like(outcomes, true), outcomes).mean()
        < qlike(np.full_like(outcomes, true * factor), outcomes).mean()
    )


def test_a_change_of_unit_moves_all_losses_by_the_same() -> None:
    rng = np.random.default_rng(2)
    volatility, outcomes = rng.uniform(0.005, 0.03, size=(40, 3)), rng.normal(0, 0.02, size=(40, 3))
    moved = qlike(volatility * 100, outcomes * 100) - qlike(volatility, outcomes)
    np.testing.assert_allclose(moved, 2 * math.log(100), rtol=1e-12)


def test_the_unknown_stays_unknown_and_rows_stand_alone() -> None:
    rng = np.random.default_rng(3)
    volatility, outcomes = rng.uniform(0.005, 0.03, size=(41, 3)), rng.normal(0, 0.02, size=(41, 3))
    volatility[4, 1], outcomes[6, 2] = NAN, NAN
    whole = qlike(volatility, outcomes)
    assert np.argwhere(np.isnan(whole)).tolist() == [[4, 1], [6, 2]]
    for row in range(41):
        alone = qlike(volatility[row : row + 1], outcomes[row : row + 1])
        assert alone.tobytes() == whole[row : row + 1].tobytes()
    wide = np.repeat(volatility, 2, axis=1)
    assert qlike(wide[:, ::2], outcomes).tobytes() == whole.tobytes()
    order = rng.permutation(41)
    assert qlike(volatility[order], outcomes[order]).tobytes() == whole[order].tobytes()


@pytest.mark.parametrize(
    ("volatility", "outcomes", "named"),
    [
        (np.zeros((1, 1)), np.ones((1, 1)), "volatility of origin 0, horizon 0"),
        (np.full((1, 1), -0.01), np.ones((1, 1)), "volatility of origin 0, horizon 0"),
        (np.full((1, 1), np.inf), np.ones((1, 1)), "volatility"),
        (np.ones((2, 1)), np.ones((1, 2)), "outcomes"),
        (np.ones(2), np.ones(2), "volatility"),
    ],
)
def test_bad_input_is_named(volatility: np.ndarray, outcomes: np.ndarray, named: str) -> None:
    with pytest.raises(InvalidInputError, match=f"qlike, {named}"):
        qlike(volatility, outcomes)
