from __future__ import annotations

import math
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.volatility import DEFAULT_HORIZONS, ewma_fhs
from kernels.volatility.har import VARIANCE_FLOOR, WINDOWS, HarParameters, fit_har, har_fhs, har_scales
from kernels.volatility.har.naive import daily_variance, mean_variances

PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"


def bars_of_walks(seed, rows, sessions, gaps=0.0, step=0.02):
    """Open, high, low and close of random walks; whole bars are missing with probability `gaps`."""
    rng = np.random.default_rng(seed)
    log_close = math.log(50) + np.cumsum(rng.standard_t(5, (rows, sessions)) * step, axis=1)
    log_open = np.concatenate([log_close[:, :1], log_close[:, :-1]], axis=1) + rng.normal(0, step / 3, log_close.shape)
    reach = np.abs(rng.normal(0, step / 2, (2, rows, sessions)))
    log_high = np.maximum(log_open, log_close) + reach[0]
    log_low = np.minimum(log_open, log_close) - reach[1]
    bars = [np.exp(values) for values in (log_open, log_high, log_low, log_close)]
    missing = rng.random((rows, sessions)) < gaps
    for values in bars:
        values[missing] = np.nan
    return bars


def regression(bars, horizon):
    """Constant, log features [N, 5] and log targets [N], by the oracle, one origin at a time."""
    features, targets = [], []
    for series in zip(*bars, strict=True):
        variance = daily_variance(*series)
        for t in range(len(variance) - horizon):
            means = mean_variances(variance, t)
            ahead = sum(variance[t + 1 : t + horizon + 1]) / horizon
            if not math.isnan(sum(means) + ahead):
                features.append([1.0, *(math.log(max(mean, VARIANCE_FLOOR)) for mean in means)])
                targets.append(math.log(max(ahead, VARIANCE_FLOOR)))
    return np.array(features), np.array(targets)


def assert_same(fitted, expected):
    (parameters, report), (wanted, wanted_report) = fitted, expected
    assert parameters.coefficients.tobytes() == wanted.coefficients.tobytes()
    assert parameters.horizons == wanted.horizons
    assert report == wanted_report


@pytest.mark.parametrize("gaps", [0.0, 0.03])
def test_coefficients_are_those_of_numpy_least_squares(gaps):
    bars = bars_of_walks(1, 3, 300, gaps)
    parameters, report = fit_har(*bars, 0, 299, (1, 5))
    for index, horizon in enumerate((1, 5)):
        features, targets = regression(bars, horizon)
        expected = np.linalg.lstsq(features, targets, rcond=None)[0]
        np.testing.assert_allclose(parameters.coefficients[index], expected, rtol=1e-8, atol=1e-10)
        assert report.rows[index] == len(targets)


def test_coefficients_and_r_squared_are_those_of_statsmodels():
    models = pytest.importorskip("statsmodels.api")
    bars = bars_of_walks(2, 2, 400)
    parameters, report = fit_har(*bars, 0, 399, (3,))
    features, targets = regression(bars, 3)
    expected = models.OLS(targets, features).fit()
    np.testing.assert_allclose(parameters.coefficients[0], expected.params, rtol=1e-8, atol=1e-10)
    assert report.r_squared[0] == pytest.approx(expected.rsquared, rel=1e-8)


def test_known_coefficients_are_recovered_from_simulated_log_variances():
    rng = np.random.default_rng(3)
    truth = np.array([-1.4, 0.3, 0.25, 0.2, 0.1])
    rows, sessions = 30, 1500
    # All of the day's variance lies in the gap: open, high, low and close are one price.
    variance = np.full((rows, sessions), 1e-4)
    noise = 0.5 * rng.standard_normal((rows, sessions))
    for t in range(max(WINDOWS), sessions - 1):
        means = [np.log(variance[:, t - window + 1 : t + 1].mean(axis=1)) for window in WINDOWS]
        variance[:, t + 1] = np.exp(truth[0] + truth[1:] @ np.array(means) + noise[:, t + 1])
    moves = np.sqrt(variance) * rng.choice([-1.0, 1.0], (rows, sessions))
    price = np.exp(np.cumsum(moves, axis=1))
    first = 2 * max(WINDOWS)
    parameters, report = fit_har(price, price, price, price, first, sessions - 1, (1,))
    np.testing.assert_allclose(parameters.coefficients[0, 1:], truth[1:], atol=0.03)
    assert parameters.coefficients[0, 0] == pytest.approx(truth[0], abs=0.15)
    explained = 1 - noise[:, first:].var() / np.log(variance[:, first:]).var()
    assert report.r_squared[0] == pytest.approx(explained, abs=0.02)


def test_rows_with_a_missing_bar_in_features_or_target_are_left_out():
    bars = bars_of_walks(4, 1, 400)
    # The first features stand at bar 33, the last target of 5 sessions begins at bar 394.
    assert fit_har(*bars, 0, 399, (5,))[1].rows == (362,)
    for values in bars:
        values[0, 200] = np.nan
    # Bars 200 and 201 have no variance: the targets from 195 to 200 and the features of 200 and 201 are lost.
    assert fit_har(*bars, 0, 399, (5,))[1].rows == (355,)


def test_rows_of_prices_that_stand_still_are_left_out():
    bars = bars_of_walks(5, 2, 400)
    alone = [values[:1].copy() for values in bars]
    for values in bars:
        values[1] = 12.34
    assert_same(fit_har(*bars, 0, 399), fit_har(*alone, 0, 399))


def test_bars_outside_the_training_span_change_nothing():
    bars, other = bars_of_walks(6, 3, 600, gaps=0.01), bars_of_walks(7, 3, 600)
    expected = fit_har(*bars, 100, 450)
    for values, different in zip(bars, other, strict=True):
        different[:, 100:451] = values[:, 100:451]
    assert_same(fit_har(*other, 100, 450), expected)
    cut = [np.ascontiguousarray(values[:, 100:451]) for values in bars]
    assert_same(fit_har(*cut, 0, 350), expected)


@pytest.mark.parametrize("column", [100, 450])
def test_the_first_and_the_last_bar_of_the_training_span_count(column):
    bars = bars_of_walks(8, 1, 600)
    expected = fit_har(*bars, 100, 450)[0].coefficients
    for values in bars:
        values[0, column] *= 1.2
    assert (fit_har(*bars, 100, 450)[0].coefficients != expected).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-4, 1e4))
def test_coefficients_do_not_change_when_prices_are_multiplied(seed, factor):
    bars = bars_of_walks(seed, 2, 300)
    expected, report = fit_har(*bars, 0, 299)
    result, result_report = fit_har(*[values * factor for values in bars], 0, 299)
    np.testing.assert_allclose(result.coefficients, expected.coefficients, rtol=1e-6, atol=1e-8)
    assert result_report.rows == report.rows


def test_the_fit_is_the_same_again_and_with_one_thread():
    bars = bars_of_walks(9, 4, 400, gaps=0.02)
    threads = numba.get_num_threads()
    expected = fit_har(*bars, 0, 399)
    assert_same(fit_har(*bars, 0, 399), expected)
    numba.set_num_threads(1)
    try:
        assert_same(fit_har(*bars, 0, 399), expected)
    finally:
        numba.set_num_threads(threads)


def test_what_is_fitted_forecasts():
    bars = bars_of_walks(10, 2, 700)
    parameters, report = fit_har(*bars, 0, 499)
    assert isinstance(parameters, HarParameters)
    assert parameters.horizons == DEFAULT_HORIZONS
    assert all(0.0 <= share <= 1.0 for share in report.r_squared)
    scales = har_scales(*bars, parameters)[:, 500:]
    returns = np.diff(np.log(bars[3]), axis=1)
    # Steps of one size: the scale is near their standard deviation at every bar, at the root of the horizon.
    np.testing.assert_allclose(scales / np.sqrt(DEFAULT_HORIZONS), returns.std(), rtol=0.6)


@pytest.mark.parametrize("sessions", [1, 30, 100])
def test_too_short_a_span_is_refused_by_horizon(sessions):
    with pytest.raises(InvalidInputError, match="fit_har, horizon 1: expected at least 250 rows"):
        fit_har(*bars_of_walks(0, 2, sessions), 0, sessions - 1)


def test_a_horizon_longer_than_the_span_is_refused():
    with pytest.raises(InvalidInputError, match=r"fit_har, horizon 900: .*got 0"):
        fit_har(*bars_of_walks(0, 2, 499), 0, 498, (1, 900))


def test_spans_without_bars_or_without_moves_are_refused():
    still = [np.full((2, 499), 20.0) for _ in range(4)]
    nothing = [np.full((2, 499), np.nan) for _ in range(4)]
    for bars in (still, nothing):
        with pytest.raises(InvalidInputError, match=r"fit_har, horizon 1: .*got 0"):
            fit_har(*bars, 0, 498)


def test_a_target_that_does_not_vary_is_fitted_by_the_constant():
    # From bar 34 on, where the targets begin, the moves are so small that every variance lies below the floor.
    moves = np.where(np.arange(499) < 34, 0.02, 1e-5) * np.random.default_rng(12).standard_normal((3, 499))
    price = np.exp(np.cumsum(moves, axis=1))
    parameters, report = fit_har(price, price, price, price, 0, 498, (1,))
    np.testing.assert_allclose(parameters.coefficients, [[math.log(VARIANCE_FLOOR), 0, 0, 0, 0]], rtol=1e-9, atol=1e-9)
    assert report.r_squared == (0.0,)


def test_features_that_vary_by_rounding_alone_are_refused():
    price = np.exp(0.01 * np.arange(499))[None, :]
    with pytest.raises(InvalidInputError, match="vary apart"):
        fit_har(price, price, price, price, 0, 498)


def test_features_that_move_together_are_refused():
    # Each row has one daily variance throughout: all the windows tell the rows apart in the same way.
    price = np.exp(np.outer([0.01, 0.02], np.arange(499)))
    with pytest.raises(InvalidInputError, match="vary apart"):
        fit_har(price, price, price, price, 0, 498)


@pytest.mark.parametrize(("first", "last"), [(-1, 29), (0, 30), (20, 10), (0.0, 29), (True, 29), (0, 29.0)])
def test_a_span_outside_the_prices_is_refused(first, last):
    with pytest.raises(InvalidInputError, match="first, last: expected integers with 0 <= first <= last < 30"):
        fit_har(*bars_of_walks(0, 1, 30), first, last)


def test_no_sessions_are_refused():
    with pytest.raises(InvalidInputError, match="first, last"):
        fit_har(*bars_of_walks(0, 1, 0), 0, 0)


@pytest.mark.parametrize("horizons", [(), (0, 1), (2, 1), (1.0,)])
def test_horizons_out_of_range_are_refused(horizons):
    with pytest.raises(InvalidInputError, match=r"^horizons"):
        fit_har(*bars_of_walks(0, 1, 30), 0, 29, horizons)


def test_a_faulty_price_is_refused_with_its_place():
    bars = bars_of_walks(0, 3, 30)
    bars[1][2, 4] = 0.0
    with pytest.raises(InvalidInputError, match=r"^high: .*row 2, column 4"):
        fit_har(*bars, 0, 29)


def real_bars():
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES)
    symbols, row = np.unique(table["symbol"].to_numpy(), return_inverse=True)
    days, column = np.unique(table["date"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    bars = []
    for field in ("open", "high", "low", "close"):
        values = np.full((len(symbols), len(days)), np.nan)
        values[row, column] = table[field].to_numpy()
        bars.append(np.where(values > 0.0, values, np.nan)[::10].copy())
    return bars


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="../shared/data isn't there")
def test_on_real_prices_the_forecast_beats_ewma_but_not_by_a_leak():
    bars = real_bars()
    parameters, report = fit_har(*bars, 0, 755)
    assert min(report.r_squared) > 0.25
    ends = np.arange(756, bars[3].shape[1] - 5, 3)
    row, end = np.divmod(np.arange(len(bars[3]) * len(ends)), len(ends))
    row, end = row.astype(np.int32), ends[end].astype(np.int32)
    log_close = np.log(bars[3])
    har = har_fhs(*bars, row, end, HarParameters(parameters.coefficients[:3].copy(), (1, 2, 5)))
    ewma = ewma_fhs(bars[3], row, end, horizons=(1, 2, 5))
    levels = np.array([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99])
    for index, horizon in enumerate((1, 2, 5)):
        realised = log_close[row, end + horizon] - log_close[row, end]
        known = ~np.isnan(realised + har.quantiles[:, index, 0] + ewma.quantiles[:, index, 0])
        losses = []
        for forecasts in (har, ewma):
            error = (realised[:, None] - forecasts.quantiles[:, index])[known]
            losses.append(np.maximum(levels * error, (levels - 1) * error).mean())
        assert 0.0 < 1 - losses[0] / losses[1] < 0.05
