"""Small markets and orders for the tests of the portfolio form, and comparisons of what came out."""

from __future__ import annotations

import dataclasses

import numpy as np

from kernels.trading.model import FREE, Bars
from kernels.trading.portfolio import PORTFOLIO_FILLS, Caps, PortfolioOrders, simulate_portfolio

NAN, INF = np.nan, np.inf
WIDE = Caps(gross=INF)
COURSE = ("equity", "cash", "gross", "net", "traded")


def market_of(*series, dividend=()):
    """One list of bars for each symbol, as (open, high, low, close), one price for all, or None; dividends by place."""
    prices = np.full((4, len(series), len(series[0])), NAN)
    for symbol, rows in enumerate(series):
        for bar, row in enumerate(rows):
            if row is not None:
                prices[:, symbol, bar] = row
    paid = np.zeros(prices.shape[1:])
    for place, dollars in dict(dividend).items():
        paid[place] = dollars
    return Bars(*(np.ascontiguousarray(each) for each in prices), paid)


def run(bars, rows, backend="cpu", *, fill="next_open", cash=10_000.0, costs=FREE, caps=WIDE, **options):
    """Simulate orders given as (bar, weights) or (bar, weights, levels)."""
    orders = PortfolioOrders.of_weights(
        [row[0] for row in rows],
        np.array([row[1] for row in rows], dtype=np.float64).reshape(len(rows), -1),
        **{
            name: np.array(
                [row[2].get(name, [NAN] * len(row[1])) if len(row) > 2 else [NAN] * len(row[1]) for row in rows]
            )
            for name in ("stop", "target", "trail")
        },
    )
    return simulate_portfolio(bars, orders, fill=fill, cash=cash, costs=costs, caps=caps, backend=backend, **options)


def random_market(generator, symbols, bars, missing=0.1, volatility=0.03):
    """Bars that gap, some missing, some with a dividend."""
    close = 50.0 * np.exp(np.cumsum(volatility * generator.standard_normal((symbols, bars)), axis=1))
    opening = close * np.exp(0.02 * generator.standard_normal(close.shape))
    reach = np.abs(0.01 * generator.standard_normal((2, *close.shape)))
    high, low = np.maximum(opening, close) * np.exp(reach[0]), np.minimum(opening, close) * np.exp(-reach[1])
    gone = generator.random(close.shape) < missing
    for prices in (opening, high, low, close):
        prices[gone] = NAN
    return Bars(opening, high, low, close, np.where(generator.random(close.shape) < 0.05, 0.3, 0.0))


def random_orders(generator, bars, size=0.5, idle=0.2):
    """Orders at some of the bars, long and short, some weights NaN or 0, with and without levels."""
    symbols, count = bars.close.shape
    bar = np.flatnonzero(generator.random(count) < generator.choice([0.2, 0.6, 1.0])).astype(np.int32)
    shape = (len(bar), symbols)
    weight = generator.normal(0.0, size, shape)
    weight[generator.random(shape) < idle] = NAN
    weight[generator.random(shape) < idle] = 0.0
    there = ~np.isnan(bars.close)
    begins = np.where(there.any(axis=1), there.argmax(axis=1), count)
    weight[begins > bar[:, None]] = NAN
    side = np.sign(weight)

    def some(level):
        return np.where(generator.random(shape) < 0.5, level, NAN)

    return PortfolioOrders.of_weights(
        bar, weight, stop=some(1.0 - 0.03 * side), target=some(1.0 + 0.04 * side), trail=some(1.0 - 0.05 * side)
    )


def random_case(seed):
    """Bars, orders and options drawn from one seed; some accounts are ruined."""
    generator = np.random.default_rng(seed)
    symbols, count = int(generator.integers(1, 7)), int(generator.integers(3, 40))
    bars = random_market(generator, symbols, count, generator.choice([0.0, 0.05, 0.4]))
    orders = random_orders(generator, bars, generator.choice([0.3, 3.0]))
    caps = Caps(
        gross=generator.choice([1.0, 2.0, INF]),
        net=generator.choice([0.0, 0.3, INF]),
        name=generator.choice([0.2, INF]),
        sector=generator.choice([0.4, INF]),
        turnover=generator.choice([0.3, INF]),
    )
    sector = generator.integers(-1, 3, symbols).astype(np.int32)
    fill = PORTFOLIO_FILLS[int(generator.integers(0, 2))]
    return bars, orders, {"fill": fill, "cash": 100_000.0, "caps": caps, "sector": sector}


def dollars_of(found):
    """The size of the account's dollars, for tolerances."""
    return float(np.abs([found.equity, found.gross]).max())


def assert_same(found, expected, tolerance=1e-12):
    """Integers exactly; dollars to `tolerance` of the greatest equity or gross value."""
    size = dollars_of(expected)
    for name in (*COURSE, "costs", "dividends", "shares", "summary"):
        value, wanted = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance * size, err_msg=name)
    assert found.exposure == expected.exposure
    for field in dataclasses.fields(expected.trades):
        value, wanted = getattr(found.trades, field.name), getattr(expected.trades, field.name)
        assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape), field.name
        if wanted.dtype.kind == "i":
            np.testing.assert_array_equal(value, wanted, err_msg=field.name)
        else:
            np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance * size, err_msg=field.name)
