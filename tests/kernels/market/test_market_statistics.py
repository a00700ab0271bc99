"""The simulated market looks like a stock market: 500 instruments over 27 years of one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from kernels.market import Instruments, MarketBars, instruments, simulate

SEED = 7
SESSIONS = 6_760
LAGS = range(1, 6)


@dataclass(frozen=True)
class Market:
    instruments: Instruments
    bars: MarketBars
    returns: np.ndarray
    index: np.ndarray
    correlations: np.ndarray
    same_sector: np.ndarray


@pytest.fixture(scope="module")
def market() -> Market:
    drawn = instruments(SEED)
    bars = simulate(drawn, SESSIONS, seed=SEED)
    returns = np.log(bars.close[:, 1:] * bars.split_ratio[:, 1:] / bars.close[:, :-1])
    pairs = np.triu_indices(len(returns), 1)
    sector = drawn.parameters["sector"]
    return Market(
        drawn,
        bars,
        returns,
        np.log(np.exp(returns).mean(axis=0)),
        np.corrcoef(returns)[pairs],
        (sector[:, None] == sector)[pairs],
    )


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=-1, keepdims=True)) / values.std(axis=-1, keepdims=True)


def annual_volatility(returns: np.ndarray) -> np.ndarray:
    return returns.std(axis=-1) * np.sqrt(252.0)


def test_annual_volatility(market):
    names = annual_volatility(market.returns)
    assert names.min() > 0.15
    assert names.max() < 0.60
    assert 0.25 < np.median(names) < 0.35
    assert 0.12 < annual_volatility(market.index) < 0.25


def test_returns_have_heavy_tails(market):
    kurtosis = (standardised(market.returns) ** 4).mean(axis=1)
    assert kurtosis.min() > 4.0
    assert 5.0 < np.median(kurtosis) < 15.0


def test_absolute_returns_cluster_and_returns_do_not(market):
    returns, absolute = standardised(market.returns), standardised(np.abs(market.returns))
    index = standardised(np.abs(market.index))
    for lag in LAGS:
        assert (absolute[:, lag:] * absolute[:, :-lag]).mean() > 0.05
        assert (index[lag:] * index[:-lag]).mean() > 0.08
        # The names move together, so the mean over names has about the error of one series: 1 / sqrt(6759).
        assert abs((returns[:, lag:] * returns[:, :-lag]).mean()) < 0.04


def test_names_correlate_and_more_so_within_a_sector(market):
    assert 0.15 < market.correlations.mean() < 0.5
    within = market.correlations[market.same_sector].mean()
    across = market.correlations[~market.same_sector].mean()
    assert within > across + 0.05


def test_losses_raise_later_volatility(market):
    index, absolute = standardised(market.index), standardised(np.abs(market.index))
    leverage = [(index[:-lag] * absolute[lag:]).mean() for lag in LAGS]
    assert max(leverage) < 0.0
    assert np.mean(leverage) < -0.03


def test_mean_drift_is_that_of_stocks(market):
    drift = market.returns.mean(axis=1) * 252.0
    assert 0.02 < drift.mean() < 0.15
    assert drift.min() > -0.2
    assert drift.max() < 0.35


def test_splits_are_rare_but_happen(market):
    ratio = market.bars.split_ratio
    assert 5e-5 < (ratio > 1.0).mean() < 1e-3
    assert 0.0 < (ratio < 1.0).mean() < 1e-4


def test_ranges_agree_with_closes(market):
    parkinson = np.sqrt((np.log(market.bars.high / market.bars.low) ** 2).mean(axis=1) / (4.0 * np.log(2.0)) * 252.0)
    share = parkinson / annual_volatility(market.returns)
    # Parkinson's estimator sees the trading day alone, so it falls short of close to close by the overnight part.
    assert share.min() > 0.7
    assert share.max() < 1.0


def test_gaps_carry_about_a_quarter_of_the_variance(market):
    bars = market.bars
    gaps = np.log((bars.open[:, 1:] + bars.dividend[:, 1:]) * bars.split_ratio[:, 1:] / bars.close[:, :-1])
    share = np.median(gaps.var(axis=1) / market.returns.var(axis=1))
    assert 0.2 < share < 0.4


def test_volume_rises_with_absolute_return(market):
    volume = standardised(np.log(market.bars.volume[:, 1:]))
    absolute = standardised(np.abs(market.returns))
    assert np.median((volume * absolute).mean(axis=1)) > 0.2
    assert np.log(market.bars.volume).std(axis=1).min() > 0.3


def test_prices_stay_sane_over_the_years(market):
    assert market.bars.close.min() > 2.0
    assert market.bars.close.max() < 5_000.0
    assert 20.0 < np.median(market.bars.close[:, -1]) < 300.0


def test_days_share_one_market(market):
    worst, best = market.index.min(), market.index.max()
    assert -0.25 < worst < -0.05
    assert 0.05 < best < 0.25
