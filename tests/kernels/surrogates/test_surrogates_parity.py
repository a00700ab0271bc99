from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.surrogates import NULLS
from kernels.surrogates.naive import draw
from kernels.volatility.gjr import GjrParameters
from tests.kernels.surrogates.surrogate_market import Bars, bars_of, degenerate, make, market, stacked

EACH_NULL = pytest.mark.parametrize("null", NULLS)
BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
PARAMETERS = st.builds(
    lambda alpha, fall, beta: GjrParameters(alpha, fall - alpha, beta, 5.0),
    st.sampled_from([0.0, 0.03, 0.2]),
    st.sampled_from([0.0, 0.01, 0.1, 0.3]),
    st.sampled_from([0.0, 0.5, 0.7]),
)


def assert_same(found: np.ndarray, expected: np.ndarray, null: str) -> None:
    if null == "gjr":
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    null=st.sampled_from(NULLS),
    sessions=st.sampled_from([1, 2, 3, 4, 30, 90]),
    gaps=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    keys=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    numbers=st.lists(st.integers(0, 2**31 - 1), max_size=3),
    block=st.floats(1.0, 1e6),
    parameters=PARAMETERS,
)
def test_cpu_equals_naive_and_what_comes_out_are_bars(seed, null, sessions, gaps, keys, numbers, block, parameters):
    bars = market(seed % 10**6, len(keys), sessions, gaps)
    options = {"null": null, "seed": seed, "block": block, "parameters": parameters}
    found, expected = (stacked(make(bars, numbers, keys, backend=backend, **options)) for backend in ("cpu", "naive"))
    assert found.shape == (4, len(keys), len(numbers), sessions)
    assert_same(found, expected, null)
    opened, highest, lowest, closed = found
    missing = np.broadcast_to(np.isnan(bars.close)[:, None], closed.shape)
    for values in found:
        np.testing.assert_array_equal(np.isnan(values), missing)
    there = found[:, ~missing]
    assert np.all((there > 0.0) & np.isfinite(there))
    assert np.all((highest >= np.maximum(opened, closed)) | missing)
    assert np.all((lowest <= np.minimum(opened, closed)) | missing)


@EACH_NULL
def test_degenerate_rows_agree_too(null):
    bars = degenerate()
    found, expected = (stacked(make(bars, range(4), null=null, backend=name)) for name in ("cpu", "naive"))
    assert_same(found, expected, null)


@EACH_NULL
def test_a_long_row_agrees(null):
    bars = market(3, 1, 2500)
    found, expected = (stacked(make(bars, [5], null=null, backend=name)) for name in ("cpu", "naive"))
    assert_same(found, expected, null)


@BACKENDS
@EACH_NULL
def test_the_first_bar_is_kept(null, backend):
    bars = market(1, 2, 20, gaps=0.3)
    made = stacked(make(bars, null=null, backend=backend))
    for row in range(2):
        first = int(np.argmax(~np.isnan(bars.close[row])))
        for field, values in enumerate(bars):
            np.testing.assert_array_equal(made[field, row, :, first], values[row, first])


@BACKENDS
@EACH_NULL
def test_rows_with_less_than_three_bars_have_nothing_to_reorder(null, backend):
    bars = degenerate()
    made = stacked(make(bars, range(8), null=null, backend=backend))
    assert np.isnan(made[:, 0]).all()
    original = np.stack(bars)[:, :, None]
    np.testing.assert_array_equal(made[:, 1], np.broadcast_to(original[:, 1], made[:, 1].shape))
    if null == "sign":
        assert {round(value, 9) for value in made[3, 2, :, 3].tolist()} == {21.0, round(400 / 21, 9)}
    else:
        np.testing.assert_allclose(made[:, 2], np.broadcast_to(original[:, 2], made[:, 2].shape), rtol=1e-14)


@BACKENDS
@EACH_NULL
def test_prices_that_stand_still_stay_and_steady_growth_goes_on(null, backend):
    bars = degenerate()
    made = make(bars, range(8), null=null, backend=backend)
    np.testing.assert_allclose(made.close[[4, 6]], 30.0, rtol=1e-13)
    # The ranges of a row whose closes stand still are those of the original, in another order or mirrored.
    ranges = np.log(made.high[6] / made.low[6])
    own = np.log(bars.high[6] / bars.low[6])
    assert np.abs(ranges[..., None] - own).min(axis=-1).max() < 1e-13
    assert len(np.unique(ranges[:, 1:].round(9))) == 2
    steady = np.diff(np.log(made.close[5]), axis=-1)
    np.testing.assert_allclose(np.abs(steady) if null == "sign" else steady, math.log(1.01), rtol=1e-9)


@BACKENDS
@EACH_NULL
def test_leaps_from_end_to_end_stay_within_the_bounds(null, backend):
    made = stacked(make(degenerate(60), range(20), null=null, backend=backend))[:, 7]
    assert made.min() >= 1e-100
    assert made.max() <= 1e100


@BACKENDS
def test_signs_worked_by_hand(backend):
    bars = Bars(*(np.array([values]) for values in ([8.0, 12.0], [11.0, 20.0], [7.0, 5.0], [10.0, 16.0])))
    made = stacked(make(bars, range(12), null="sign", backend=backend))[:, 0, :, 1]
    mirrored = [draw(1, "sign", number, 0, 7)[0] < 2**31 for number in range(12)]
    assert set(mirrored) == {True, False}
    for number, turned in enumerate(mirrored):
        expected = (100 / 12, 20.0, 5.0, 100 / 16) if turned else (12.0, 20.0, 5.0, 16.0)
        np.testing.assert_allclose(made[:, number], expected, rtol=1e-15)


@BACKENDS
def test_blocks_worked_by_hand(backend):
    bars = market(2, 1, 30)
    made = make(bars, [4], null="block", block=3.0, backend=backend)
    ratios = bars.close[0, 1:] / bars.close[0, :-1]
    level, source = bars.close[0, 0], -1
    for place in range(1, 30):
        begins, where = draw(place, "block", 4, 0, 7)
        new = place == 1 or (begins + 0.5) / 2**32 < 1 / 3
        source = where * 29 // 2**32 if new else (source + 1) % 29
        level *= ratios[source]
        assert made.close[0, 0, place] == level


@BACKENDS
def test_filtered_bars_worked_by_hand(backend):
    # Three returns that don't fall together with the volatility: alpha alone, so the variance follows the last square.
    returns = np.array([[0.01, -0.03, 0.02]])
    bars = bars_of(returns, seed=5)
    parameters = GjrParameters(alpha=0.5, gamma=0.0, beta=0.0, degrees=5.0)
    made = make(bars, range(6), null="gjr", parameters=parameters, backend=backend)
    variance = 4.666666666666667e-4
    scale = [math.sqrt(each) for each in (variance, variance / 2 + 5e-5, variance / 2 + 4.5e-4)]
    raw = np.array([0.01, -0.03, 0.02]) / scale
    residual = (raw - raw.mean()) / raw.std()
    for number in range(6):
        level, ahead = 50.0, variance
        for place in range(1, 4):
            one = residual[draw(place, "gjr", number, 0, 7)[1] * 3 // 2**32]
            level *= math.exp(math.sqrt(ahead) * one)
            ahead = variance / 2 + 0.5 * ahead * one**2
            assert made.close[0, number, place] == pytest.approx(level, rel=1e-13)
