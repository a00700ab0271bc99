"""Pinball loss and CRPS: closed forms, what makes a score honest, and what they refuse."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernels.errors import InvalidInputError
from kernels.forecast import crps_of_quantiles, level_weights, naive, pinball_loss
from kernels.volatility.forecasts import DEFAULT_LEVELS

NAN = math.nan
FEW = settings(max_examples=60, deadline=None)
NORMAL = NormalDist()
EVEN_SAMPLE = np.array([NORMAL.inv_cdf((i + 0.5) / 20_000) for i in range(20_000)])[:, np.newaxis]
RETURNS = st.floats(-10, 10).map(lambda x: round(x, 6))


def normal_quantiles(levels: tuple[float, ...], rows: int, mean: float = 0.0, deviation: float = 1.0) -> np.ndarray:
    quantiles = np.array([mean + deviation * NORMAL.inv_cdf(level) for level in levels])
    return np.broadcast_to(quantiles, (rows, 1, len(levels)))


def even_levels(count: int) -> tuple[float, ...]:
    return tuple((np.arange(1, count + 1) / (count + 1)).tolist())


def normal_crps(outcome: float) -> float:
    """Gneiting & Raftery (2007): the standard normal's CRPS."""
    return outcome * (2 * NORMAL.cdf(outcome) - 1) + 2 * NORMAL.pdf(outcome) - 1 / math.sqrt(math.pi)


def random_forecasts(seed: int, rows: int = 40, holes: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    quantiles = np.sort(rng.normal(size=(rows, 3, len(DEFAULT_LEVELS))), axis=2)
    outcomes = rng.normal(size=(rows, 3))
    if holes:
        quantiles[3], quantiles[5, 1, 4], outcomes[7, 0] = NAN, NAN, NAN
    return quantiles, outcomes


def test_pinball_loss_by_hand() -> None:
    got = pinball_loss(np.array([[[-1.0, 0.0, 2.0]]]), (0.1, 0.5, 0.9), np.array([[1.0]]))
    assert got[0, 0].tolist() == pytest.approx([2 * 0.1, 1 * 0.5, 1 * 0.1])


def test_the_crps_of_the_normal_is_reached_as_the_levels_get_dense() -> None:
    outcomes = np.array([[-3.0], [-0.7], [0.0], [0.4], [2.0]])
    exact = np.array([normal_crps(float(y)) for y in outcomes[:, 0]])
    errors = []
    for count in (9, 99, 999, 9999):
        got = crps_of_quantiles(normal_quantiles(even_levels(count), 5), even_levels(count), outcomes)[:, 0]
        errors.append(float(np.max(np.abs(got - exact))))
    assert all(later < earlier / 5 for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-5


def test_the_eleven_levels_understate_a_normals_crps_by_what_the_readme_says() -> None:
    got = crps_of_quantiles(normal_quantiles(DEFAULT_LEVELS, len(EVEN_SAMPLE)), DEFAULT_LEVELS, EVEN_SAMPLE)
    assert got.mean() * math.sqrt(math.pi) - 1 == pytest.approx(-0.0324, abs=2e-4)


@pytest.mark.parametrize("point", [-2.0, 0.0, 0.3])
def test_a_forecast_of_one_point_scores_its_absolute_error(point: float) -> None:
    outcomes = np.array([[-1.0], [0.3], [4.0]])
    got = crps_of_quantiles(np.full((3, 1, 11), point), DEFAULT_LEVELS, outcomes)
    np.testing.assert_allclose(got, np.abs(outcomes - point), rtol=1e-14)


def test_weights_cover_all_levels() -> None:
    assert level_weights((0.3,)).tolist() == [1.0]
    assert level_weights((0.2, 0.6)).tolist() == pytest.approx([0.4, 0.6])
    assert math.fsum(level_weights(DEFAULT_LEVELS)) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_crps_equals_the_oracle(seed: int) -> None:
    quantiles, outcomes = random_forecasts(seed)
    got = crps_of_quantiles(quantiles, DEFAULT_LEVELS, outcomes)
    np.testing.assert_allclose(got, naive.crps_of_quantiles(quantiles, DEFAULT_LEVELS, outcomes), rtol=1e-12)


def test_crps_is_the_weighted_pinball_loss() -> None:
    quantiles, outcomes = random_forecasts(4)
    expected = 2 * (pinball_loss(quantiles, DEFAULT_LEVELS, outcomes) * level_weights(DEFAULT_LEVELS)).sum(axis=2)
    np.testing.assert_allclose(crps_of_quantiles(quantiles, DEFAULT_LEVELS, outcomes), expected, rtol=1e-12)


@pytest.mark.parametrize(("mean", "deviation"), [(0.05, 1.0), (-0.3, 1.0), (0.0, 0.95), (0.0, 1.05), (0.1, 1.3)])
def test_no_other_normal_scores_better_on_average_than_the_true_one(mean: float, deviation: float) -> None:
    rows = len(EVEN_SAMPLE)
    true = crps_of_quantiles(normal_quantiles(DEFAULT_LEVELS, rows), DEFAULT_LEVELS, EVEN_SAMPLE).mean()
    other = normal_quantiles(DEFAULT_LEVELS, rows, mean, deviation)
    assert crps_of_quantiles(other, DEFAULT_LEVELS, EVEN_SAMPLE).mean() > true


@FEW
@given(
    st.floats(0.01, 1000),
    arrays(np.float64, (2, 1, 11), elements=RETURNS),
    arrays(np.float64, (2, 1), elements=RETURNS),
)
def test_crps_scales_with_the_unit_and_never_falls_below_0(
    factor: float, raw: np.ndarray, outcomes: np.ndarray
) -> None:
    quantiles = np.sort(raw, axis=2)
    plain = crps_of_quantiles(quantiles, DEFAULT_LEVELS, outcomes)
    scaled = crps_of_quantiles(quantiles * factor, DEFAULT_LEVELS, outcomes * factor)
    assert (plain >= 0).all()
    np.testing.assert_allclose(scaled, plain * factor, rtol=1e-9, atol=1e-12 * factor)


def test_crps_of_mirrored_returns_is_the_same() -> None:
    quantiles, outcomes = random_forecasts(6)
    mirrored = crps_of_quantiles(-quantiles[..., ::-1], DEFAULT_LEVELS, -outcomes)
    np.testing.assert_allclose(mirrored, crps_of_quantiles(quantiles, DEFAULT_LEVELS, outcomes), rtol=1e-12)


def test_the_unknown_stays_unknown_and_touches_no_other_row() -> None:
    quantiles, outcomes = random_forecasts(7)
    unknown = np.isnan(crps_of_quantiles(quantiles, DEFAULT_LEVELS, outcomes))
    expected = np.zeros_like(unknown)
    expected[3], expected[5, 1], expected[7, 0] = True, True, True
    assert (unknown == expected).all()
    by_level = np.isnan(pinball_loss(quantiles, DEFAULT_LEVELS, outcomes))
    assert by_level[5, 1].tolist() == [place == 4 for place in range(11)]
    assert by_level[7, 0].all()


def test_a_row_scores_the_same_bytes_alone_in_a_batch_shuffled_or_transposed_in_memory() -> None:
    quantiles, outcomes = random_forecasts(8, rows=203)
    whole = crps_of_quantiles(quantiles, DEFAULT_LEVELS, outcomes)
    order = np.random.default_rng(1).permutation(203)
    shuffled = crps_of_quantiles(quantiles[order], DEFAULT_LEVELS, outcomes[order])
    assert shuffled.tobytes() == whole[order].tobytes()
    fortran = crps_of_quantiles(np.asfortranarray(quantiles), DEFAULT_LEVELS, np.asfortranarray(outcomes))
    assert np.ascontiguousarray(fortran).tobytes() == whole.tobytes()
    for row in (0, 101, 202):
        alone = crps_of_quantiles(quantiles[row : row + 1], DEFAULT_LEVELS, outcomes[row : row + 1])
        assert alone.tobytes() == whole[row : row + 1].tobytes()


def test_no_rows_no_scores() -> None:
    assert crps_of_quantiles(np.empty((0, 5, 11)), DEFAULT_LEVELS, np.empty((0, 5))).shape == (0, 5)


GOOD = (np.zeros((2, 1, 3)), (0.1, 0.5, 0.9), np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (0, np.zeros((2, 3)), "quantiles"),
        (0, np.zeros((2, 1, 4)), "quantiles"),
        (0, np.zeros((2, 1, 3), dtype=np.float32), "quantiles"),
        (0, [[[0.0, 0.0, 0.0]]], "quantiles: .* got list"),
        (0, np.full((2, 1, 3), np.inf), r"quantiles: .* inf at \(0, 0, 0\)"),
        (0, np.array([[[0.0, 1.0, 2.0]], [[0.0, 2.0, 1.0]]]), "quantiles of origin 1, horizon 0"),
        (1, (0.5, 0.1, 0.9), "levels"),
        (1, (0.0, 0.5, 0.9), "levels"),
        (1, (), "levels"),
        (2, np.zeros((1, 2)), "outcomes"),
        (2, np.zeros(2), "outcomes"),
        (2, np.full((2, 1), -np.inf), "outcomes"),
    ],
)
@pytest.mark.parametrize("function", [crps_of_quantiles, pinball_loss])
def test_bad_input_is_named(function, place: int, value: object, named: str) -> None:
    arguments = list(GOOD)
    arguments[place] = value
    with pytest.raises(InvalidInputError, match=named):
        function(*arguments)
