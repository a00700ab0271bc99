from __future__ import annotations

import numba
import numpy as np
import pytest
from numba import njit

from kernels.surrogates import NULLS, prepare, write_surrogate
from tests.kernels.surrogates.surrogate_market import PARAMETERS, Bars, make, market, stacked

EACH_NULL = pytest.mark.parametrize("null", NULLS)
BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])
KEYS = np.array([-5, 2**40 + 3, 3])


@BACKENDS
@EACH_NULL
def test_a_surrogate_is_the_same_alone_or_in_any_batch_and_order(null, backend):
    bars = market(1, 3, 60, gaps=0.1)
    made = stacked(make(bars, range(5), KEYS, null=null, backend=backend))
    for row in range(3):
        alone = stacked(make(bars.select([row]), [3], KEYS[[row]], null=null, backend=backend))
        assert alone.tobytes() == made[:, [row], 3:4].tobytes()
    turned = stacked(make(bars.select([2, 0, 1]), [4, 0, 4], KEYS[[2, 0, 1]], null=null, backend=backend))
    assert turned.tobytes() == made[:, [2, 0, 1]][:, :, [4, 0, 4]].tobytes()


@EACH_NULL
def test_the_number_of_threads_changes_nothing(null):
    bars, threads = market(2, 3, 60), numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = stacked(make(bars, range(9), null=null, backend="cpu"))
    finally:
        numba.set_num_threads(threads)
    assert stacked(make(bars, range(9), null=null, backend="cpu")).tobytes() == one.tobytes()


@BACKENDS
@EACH_NULL
def test_sessions_without_a_bar_change_nothing(null, backend):
    bars = market(3, 1, 30)
    at = np.array([2, 3, *range(7, 35)])
    wide = Bars(*(np.full((1, 40), np.nan) for _ in bars))
    for target, values in zip(wide, bars, strict=True):
        target[:, at] = values
    made, spread = (stacked(make(each, null=null, backend=backend)) for each in (bars, wide))
    assert np.ascontiguousarray(spread[..., at]).tobytes() == made.tobytes()
    assert np.isnan(np.delete(spread, at, axis=-1)).all()


@BACKENDS
@EACH_NULL
def test_seed_key_number_and_place_each_change_the_draws(null, backend):
    bars = market(4, 1, 80)
    first = make(bars, [0, 1], [5], null=null, seed=9, backend=backend).close
    assert not np.array_equal(first[:, 0], first[:, 1])
    for changed in ({"seed": 10}, {"seed": 9 + 2**32}, {"keys": [6]}, {"keys": [5 + 2**32]}, {"keys": [5 - 2**63]}):
        options = {"seed": 9, "keys": [5]} | changed
        other = make(bars, [0], null=null, backend=backend, **options).close
        assert not np.array_equal(first[:, :1], other)


def test_the_null_models_draw_apart():
    # Blocks of one bar and residuals without memory would be the same series if they shared their draws.
    bars = market(5, 1, 200)
    block = make(bars, [0], null="block", block=1.0).close
    still = type(PARAMETERS)(0.0, 0.0, 0.0, 5.0)
    gjr = make(bars, [0], null="gjr", parameters=still).close
    returns = [np.diff(np.log(close[0, 0])) for close in (block, gjr)]
    assert np.mean(np.isclose(*returns, rtol=1e-9)) < 0.05


@njit
def rewritten(rows, terms, row, number, sessions):
    out = np.full((4, sessions), -1.0)
    write_surrogate(rows, terms, row, number, out[0], out[1], out[2], out[3])
    return out


@EACH_NULL
def test_a_compiled_loop_makes_the_same_one_surrogate_and_writes_every_cell(null):
    bars = market(6, 3, 50, gaps=0.2)
    rows, terms = prepare(*bars, KEYS, null=null, seed=7, parameters=PARAMETERS)
    made = stacked(make(bars, range(4), KEYS, null=null, backend="cpu"))
    for row in range(3):
        for number in range(4):
            assert rewritten(rows, terms, row, number, 50).tobytes() == made[:, row, number].tobytes()


@EACH_NULL
def test_the_original_is_left_as_it_is(null):
    bars = market(7, 2, 40, gaps=0.1)
    before = np.stack(bars).tobytes()
    make(bars, null=null, backend="cpu")
    assert np.stack(bars).tobytes() == before


@EACH_NULL
@pytest.mark.parametrize("factor", [2.0**-20, 1024.0])
def test_prices_times_a_constant_give_surrogates_times_that_constant(null, factor):
    bars = market(8, 2, 40, gaps=0.1)
    scaled = Bars(*(factor * values for values in bars))
    np.testing.assert_array_equal(stacked(make(scaled, null=null)), factor * stacked(make(bars, null=null)))
