"""What each null model keeps of the original and what it destroys; means within four standard errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernels.surrogates import NULLS
from kernels.volatility.gjr import GjrParameters
from tests.kernels.surrogates.surrogate_market import (
    Bars,
    autocorrelation,
    autocovariance,
    bars_of,
    log_ranges,
    log_returns,
    make,
    market,
)
from tests.kernels.volatility.gjr_paths import TRUTH, gjr_returns

PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"
EACH_NULL = pytest.mark.parametrize("null", NULLS)


def assert_mean(values: np.ndarray, expected: float) -> None:
    """The mean of independent `values` is `expected`, within four standard errors."""
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - expected) < 4 * error, (values.mean(), expected, error)


def distance(values: np.ndarray, others: np.ndarray) -> float:
    """The greatest distance between two distribution functions (Kolmogorov and Smirnov)."""
    values, others = np.sort(values.ravel()), np.sort(others.ravel())
    at = np.concatenate([values, others])
    shares = (np.searchsorted(each, at, side="right") / len(each) for each in (values, others))
    return float(np.max(np.abs(np.subtract(*shares))))


def sources(made, bars: Bars) -> np.ndarray:
    """Which bar of a row of different returns each bar of its surrogates is, [B, T - 1], from 0."""
    own = log_returns(bars.close[0])
    order = np.argsort(own)
    middles = (own[order][1:] + own[order][:-1]) / 2
    found = order[np.searchsorted(middles, log_returns(made.close[0]))]
    np.testing.assert_allclose(log_returns(made.close[0]), own[found], atol=1e-13)
    return found


@pytest.fixture(scope="module")
def clustered() -> Bars:
    """Rows [16, 3001] of the GJR model, with a drift, and ranges as wide as the volatility of their session."""
    returns, target = gjr_returns(11, 16, 3000), 1e-4
    variance = np.full((16, 3001), target)
    for t in range(2999):
        news = (TRUTH.alpha + TRUTH.gamma * (returns[:, t] < 0)) * returns[:, t] ** 2
        variance[:, t + 2] = target * (1 - TRUTH.persistence) + news + TRUTH.beta * variance[:, t + 1]
    return bars_of(0.0005 + returns, seed=3, width=np.sqrt(variance))


@pytest.mark.parametrize("block", [1.0, 4.5, 20.0])
def test_blocks_are_whole_bars_equally_likely_with_lengths_as_asked(block):
    bars = market(1, 1, 201)
    made = make(bars, range(400), null="block", block=block)
    found = sources(made, bars)
    own = Bars(*(values[0] for values in bars))
    for field in ("open", "high", "low"):
        moves = np.log(getattr(own, field)[1:] / own.close[:-1])
        drawn = np.log(getattr(made, field)[0, :, 1:] / made.close[0, :, :-1])
        np.testing.assert_allclose(drawn, moves[found], atol=1e-13)
    follows = found[:, 1:] == (found[:, :-1] + 1) % 200
    assert_mean(follows.mean(axis=1), (1 - 1 / block) + 1 / block / 200)
    # A count varies more the longer the blocks are: by (2 block - 1) times that of independent draws.
    counts = np.bincount(found.ravel(), minlength=200)
    assert np.mean((counts - 400) ** 2) / 400 < 1.5 * (2 * block - 1)


def test_blocks_of_one_bar_are_independent_draws():
    bars = market(2, 1, 301)
    found = sources(make(bars, range(300), null="block", block=1.0), bars)
    for lag in (1, 2, 7):
        assert_mean(autocorrelation(found.astype(float), lag) + 1 / found.shape[1], 0.0)


@pytest.mark.parametrize("lag", [1, 5, 20])
def test_blocks_keep_the_autocovariance_of_absolute_returns_within_their_length(clustered, lag):
    # Politis and Romano: that of the original on a circle, times the chance that no block begins in between.
    bars = clustered.select([0])
    made = make(bars, range(300), null="block", block=20.0)
    own = np.abs(log_returns(bars.close[0]))
    on_a_circle = np.mean((own - own.mean()) * (np.roll(own, -lag) - own.mean()))
    drawn = autocovariance(np.abs(log_returns(made.close[0])), lag, own.mean())
    assert_mean(drawn, (1 - 1 / 20) ** lag * on_a_circle)
    assert on_a_circle > 0


@pytest.mark.parametrize("null", ["block", "gjr"])
def test_the_drift_is_that_of_the_original(clustered, null):
    made = make(clustered, range(200), null=null, parameters=TRUTH)
    for row in range(len(clustered.close)):
        own = np.log(clustered.close[row, -1] / clustered.close[row, 0])
        assert_mean(np.log(made.close[row, :, -1] / made.close[row, :, 0]), own)


def test_signs_have_no_drift(clustered):
    made = make(clustered, range(200), null="sign")
    for row in range(len(clustered.close)):
        assert_mean(np.log(made.close[row, :, -1] / made.close[row, :, 0]), 0.0)


def test_signs_keep_every_magnitude_in_its_place():
    bars = market(3, 2, 400)
    made = make(bars, range(50), null="sign")
    own, drawn = log_returns(bars.close)[:, None], log_returns(made.close)
    np.testing.assert_allclose(np.abs(drawn), np.abs(np.broadcast_to(own, drawn.shape)), atol=1e-13)
    ranges = np.broadcast_to(log_ranges(bars)[:, None], drawn.shape)
    np.testing.assert_allclose(log_ranges(made), ranges, atol=1e-13)
    kept = np.sign(drawn) == np.sign(own)
    for field, other in (("open", "open"), ("high", "low"), ("low", "high")):
        move, turned = (np.log(getattr(bars, name)[:, 1:] / bars.close[:, :-1])[:, None] for name in (field, other))
        found = np.log(getattr(made, field)[..., 1:] / made.close[..., :-1])
        np.testing.assert_allclose(found, np.where(kept, move, -turned), atol=1e-13)
    assert_mean(kept.mean(axis=(0, 2)), 0.5)
    for lag in (1, 2):
        assert_mean(autocovariance(kept.astype(float), lag, 0.5).mean(axis=0), 0.0)


@pytest.mark.parametrize("null", ["block", "sign"])
def test_returns_and_ranges_of_a_row_are_distributed_as_in_the_original(clustered, null):
    made = make(clustered, range(40), null=null)
    for row in range(len(clustered.close)):
        own = clustered.select([row])
        assert distance(log_ranges(own), log_ranges(made)[row]) < 0.01
        returns, drawn = log_returns(own.close), log_returns(made.close[row])
        assert distance(np.abs(returns), np.abs(drawn)) < 0.01
        if null == "block":
            assert distance(returns, drawn) < 0.01


def test_gjr_returns_and_ranges_of_many_rows_are_distributed_as_in_the_originals(clustered):
    # Not row by row: a surrogate's path of volatility is another, with its own share of calm sessions.
    made = make(clustered, range(40), null="gjr", parameters=TRUTH)
    assert distance(log_ranges(clustered), log_ranges(made)) < 0.02
    assert distance(log_returns(clustered.close), log_returns(made.close)) < 0.02


def test_gjr_keeps_clusters(clustered):
    made = make(clustered, range(40), null="gjr", parameters=TRUTH)
    for lag in (1, 5, 20):
        own, drawn = (autocorrelation(np.abs(log_returns(each.close)), lag).mean() for each in (clustered, made))
        assert own > 0.05
        assert abs(own - drawn) < 0.03
    mixed = log_returns(make(clustered, range(40), null="block", block=1.0).close)
    assert abs(autocorrelation(np.abs(mixed), 1).mean()) < 0.005


def test_gjr_keeps_the_leverage():
    parameters = GjrParameters(alpha=0.0, gamma=0.3, beta=0.75, degrees=8.0)
    bars = bars_of(gjr_returns(5, 6, 3000, parameters))
    made = make(bars, range(40), null="gjr", parameters=parameters)
    own, drawn = (
        np.mean([np.corrcoef(row[:-1], np.abs(row[1:]))[0, 1] for row in log_returns(close).reshape(-1, 3000)])
        for close in (bars.close, made.close)
    )
    assert own < -0.1
    assert abs(own - drawn) < 0.02


@pytest.mark.parametrize("alpha", [0.05, 0.15])
def test_gjr_has_the_mean_and_the_variance_of_the_original_at_every_bar(alpha):
    # Returns as skewed and wild as these, and parameters that don't fit, would move an uncorrected variance.
    rng = np.random.default_rng(4)
    returns = 0.01 * (1 - rng.exponential(1.0, (1, 400)))
    returns[0, [50, 200]] = -0.15
    bars = bars_of(returns)
    parameters = GjrParameters(alpha, 0.1, 0.7, 5.0)
    drawn = log_returns(make(bars, range(20_000), null="gjr", parameters=parameters).close[0])
    for span in (slice(0, 20), slice(60, 80), slice(380, 400)):
        assert_mean(drawn[:, span].mean(axis=1), returns.mean())
        assert_mean(np.mean((drawn[:, span] - returns.mean()) ** 2, axis=1), returns.var())


def test_gjr_without_memory_draws_the_bars_as_they_are():
    bars = market(5, 1, 200)
    made = make(bars, range(50), null="gjr", parameters=GjrParameters(0.0, 0.0, 0.0, 5.0))
    found = sources(made, bars)
    own = Bars(*(values[0] for values in bars))
    for field in ("open", "high", "low"):
        moves = np.log(getattr(own, field)[1:] / own.close[:-1])
        drawn = np.log(getattr(made, field)[0, :, 1:] / made.close[0, :, :-1])
        np.testing.assert_allclose(drawn, moves[found], atol=1e-12)


@EACH_NULL
def test_the_surrogates_of_a_row_and_those_of_two_rows_are_not_alike(null):
    bars = market(6, 1, 500)
    twice = Bars(*(np.repeat(values, 2, axis=0) for values in bars))
    drawn = log_returns(make(twice, range(30), null=null).close).reshape(60, -1)
    above = np.sign(drawn - np.median(drawn, axis=1, keepdims=True))
    apart = np.corrcoef(above)[np.triu_indices(60, 1)]
    assert abs(apart.mean()) < 4 / np.sqrt(499 * len(apart))
    assert np.abs(apart).max() < 0.25


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="../shared/data isn't there")
def test_on_real_prices_clusters_and_ranges_stay():
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES)
    names = table["symbol"].combine_chunks().dictionary_encode()
    days, column = np.unique(table["date"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    prices = np.full((4, len(names.dictionary), len(days)), np.nan)
    for field, values in zip(prices, ("open", "high", "low", "close"), strict=True):
        field[names.indices.to_numpy(), column] = table[values].to_numpy()
    recent = prices[:, :, -504:]
    recent = recent[:, np.isfinite(recent).all(axis=(0, 2))][:, :150]
    bars = Bars(recent[0].copy(), recent.max(axis=0), recent.min(axis=0), recent[3].copy())
    own = np.abs(log_returns(bars.close))
    for null, most in (("block", 0.02), ("gjr", 0.04), ("sign", 0.001)):
        made = make(bars, range(10), null=null, parameters=GjrParameters(0.105, 0.043, 0.659, 3.9))
        drawn = np.abs(log_returns(made.close))
        for lag in (1, 5):
            difference = np.median(autocorrelation(own, lag)) - np.median(autocorrelation(drawn, lag))
            assert abs(difference) < most, (null, lag, difference)
        assert distance(log_ranges(bars), log_ranges(made)) < 0.03
