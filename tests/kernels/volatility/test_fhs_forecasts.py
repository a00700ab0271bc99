from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.volatility import STATUSES, fhs, fhs_naive

HORIZONS, LEVELS, LOOKBACK, BURN = (1, 3), (0.05, 0.5, 0.9), 120, 30


def bars(seed: int, gaps: float = 0.0):
    rng = np.random.default_rng(seed)
    log_close = np.cumsum(0.02 * rng.standard_t(5, (3, 260)), axis=1)
    log_close[rng.random(log_close.shape) < gaps] = np.nan
    scale = rng.uniform(0.01, 0.03, (3, 260, 2))
    return log_close, scale


def origins(row, end):
    row, end = np.broadcast_arrays(row, end)
    return row.astype(np.int32), end.astype(np.int32)


def forecast(log_close, scale, row, end, module=fhs):
    return module.forecast_from_scales(log_close, scale, *origins(row, end), HORIZONS, LEVELS, LOOKBACK, BURN)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gaps=st.sampled_from([0.0, 0.1, 0.5]),
    unknown=st.sampled_from([0.0, 0.1, 0.9]),
    constant=st.sampled_from([0.0, 0.1, 0.9]),
    end=st.lists(st.integers(0, 259), min_size=1, max_size=8),
)
def test_the_sliding_set_gives_what_the_definition_gives(seed, gaps, unknown, constant, end):
    log_close, scale = bars(seed, gaps)
    rng = np.random.default_rng(seed)
    scale[rng.random(scale.shape) < constant] = 0.0
    scale[rng.random(scale.shape) < unknown] = np.nan
    row = rng.integers(0, 3, len(end))
    result, expected = forecast(log_close, scale, row, end), forecast(log_close, scale, row, end, fhs_naive)
    np.testing.assert_array_equal(result.status, expected.status)
    np.testing.assert_array_equal(result.residuals, expected.residuals)
    np.testing.assert_array_equal(result.volatility, expected.volatility)
    np.testing.assert_allclose(result.quantiles, expected.quantiles, rtol=1e-12, atol=1e-14)


def test_residuals_begin_after_the_burn_and_end_at_the_origin():
    log_close, scale = bars(1)
    result = forecast(log_close, scale, [0], [200])
    assert result.residuals.tolist() == [[LOOKBACK - BURN - 1, LOOKBACK - BURN - 3]]
    begin = 200 - LOOKBACK + 1 + BURN
    residuals = (log_close[0, begin + 1 : 201] - log_close[0, begin:200]) / scale[0, begin:200, 0]
    np.testing.assert_allclose(result.quantiles[0, 0], scale[0, 200, 0] * np.quantile(residuals, LEVELS), rtol=1e-12)


def test_nothing_outside_the_bars_named_is_read():
    log_close, scale = bars(2)
    expected = forecast(log_close, scale, [1], [200])
    begin = 200 - LOOKBACK + 1 + BURN
    for values in (log_close, scale):
        kept = values[1, begin:201].copy()
        values[:] = np.nan
        values[1, begin:201] = kept
    result = forecast(log_close, scale, [1], [200])
    for values, wanted in zip(astuple(result), astuple(expected), strict=True):
        assert values.tobytes() == wanted.tobytes()


def test_the_status_says_why_a_scale_gives_no_quantiles():
    log_close, scale = bars(3)
    scale[0, 200] = (math.nan, math.nan)
    scale[1, 200] = (0.0, math.nan)
    scale[2, 200] = (0.0, 0.02)
    result = forecast(log_close, scale, [0, 1, 2, 0], [200, 200, 200, 199])
    expected = ["too little history", "constant prices", "ok", "ok"]
    assert [STATUSES[code] for code in result.status] == expected
    assert np.isnan(result.quantiles).all(axis=2)[:3].tolist() == [[True, True], [True, True], [True, False]]


def test_needed_bars_are_those_the_origins_look_at():
    row, end = origins([7, 2, 7], [300, 250, 280])
    rows, columns, row_within, end_within = fhs.needed_bars(row, end, 120)
    assert rows.tolist() == [2, 7]
    assert columns == slice(131, 301)
    assert row_within.tolist() == [1, 0, 1]
    assert end_within.tolist() == [169, 119, 149]
    assert (row_within.dtype, end_within.dtype) == (np.int32, np.int32)
    assert fhs.needed_bars(row, end, 500)[1] == slice(0, 301)


def test_no_origins_need_no_bars():
    nothing = np.zeros(0, np.int32)
    rows, columns, row, end = fhs.needed_bars(nothing, nothing, 120)
    assert (len(rows), columns, len(row), len(end)) == (0, slice(0, 0), 0, 0)
