"""Small markets, accounts and orders for the tests of the simulator, and comparisons of what came out."""

from __future__ import annotations

import dataclasses

import numpy as np

from kernels.trading.model import Bars, Orders, Paths, Simulation

NAN = np.nan


def bars_of(rows, dividend=()):
    """One series; a row is (open, high, low, close), one price for all four, or None for a missing bar."""
    prices = np.full((4, 1, len(rows)), NAN)
    for number, row in enumerate(rows):
        if row is not None:
            prices[:, 0, number] = row
    paid = np.zeros((1, len(rows)))
    for number, dollars in dict(dividend).items():
        paid[0, number] = dollars
    return Bars(*(np.ascontiguousarray(each) for each in prices), paid)


def account(bar_count, cash=10_000.0, **legs):
    """One path over all bars of series 0; shares, entry, stop, target, trail, peak and age as pairs, long and short."""
    paths = Paths.flat(0, 0, bar_count - 1, cash)
    given = {name: np.array([pair], dtype=np.float64) for name, pair in legs.items() if name != "age"}
    if "age" in legs:
        given["age"] = np.array([legs["age"]], dtype=np.int32)
    if "shares" in given and "entry" not in given:
        given["entry"] = np.where(given["shares"] > 0.0, 100.0, NAN)
    return dataclasses.replace(paths, **given)


def orders_of(rows):
    """Orders of path 0; a row is (bar, weights, {level: pair}), in which what isn't given is NaN."""
    levels = {
        name: np.array([row[2].get(name, (NAN, NAN)) if len(row) > 2 else (NAN, NAN) for row in rows]).reshape(-1, 2)
        for name in ("stop", "target", "trail", "limit")
    }
    weight = np.array([row[1] for row in rows], dtype=np.float64).reshape(-1, 2)
    return Orders.of_weights(np.zeros(len(rows)), [row[0] for row in rows], weight, **levels)


def random_bars(generator, series, count, missing=0.1, gaps=0.02, dividends=0.1):
    """Bars that gap and trend, some missing, some with a dividend; bar 0 of each series is there."""
    steps = generator.normal(0.0, 0.02, (series, count)) + generator.normal(0.0, gaps, (series, 1)) * 0.1
    close = 50.0 * np.exp(np.cumsum(steps, axis=1))
    previous = np.concatenate([np.full((series, 1), 50.0), close[:, :-1]], axis=1)
    opening = previous * np.exp(generator.normal(0.0, gaps, (series, count)))
    reach = np.abs(generator.normal(0.0, 0.02, (2, series, count)))
    high = np.maximum(opening, close) * np.exp(reach[0])
    low = np.minimum(opening, close) * np.exp(-reach[1])
    gone = generator.random((series, count)) < missing
    gone[:, 0] = False
    for prices in (opening, high, low, close):
        prices[gone] = NAN
    paid = np.where(generator.random((series, count)) < dividends, generator.uniform(0.1, 1.0, (series, count)), 0.0)
    return Bars(opening, high, low, close, paid)


def random_paths(generator, bars, count):
    """Accounts with none, one or both legs, with and without levels, that begin and end anywhere."""
    series_count, bar_count = bars.close.shape
    series = generator.integers(0, series_count, count).astype(np.int32)
    first = np.zeros(count, dtype=np.int32)
    for path in range(count):
        first[path] = generator.choice(np.flatnonzero(~np.isnan(bars.close[series[path], : bar_count - 1])))
    last = generator.integers(first + 1, bar_count).astype(np.int32)
    close = bars.close[series, first][:, None]
    held = generator.random((count, 2)) < 0.5
    equity = generator.uniform(1_000.0, 20_000.0, count)
    # Some accounts are so far in debt that they are ruined.
    leverage = generator.choice([1.0, 1.0, 1.0, 12.0], (count, 1))
    shares = np.where(held, generator.uniform(0.05, 1.2, (count, 2)) * leverage * equity[:, None] / close, 0.0)

    def levels(low, high, chance=0.5):
        wanted = held & (generator.random((count, 2)) < chance)
        return np.where(wanted, generator.uniform(low, high, (count, 2)), NAN)

    peak = close * generator.uniform((1.0, 0.9), (1.05, 1.0), (count, 2))
    trail = levels((0.85, 1.12), (0.94, 1.2))
    return Paths(
        series=series,
        first=first,
        last=last,
        cash=equity - (shares[:, 0] - shares[:, 1]) * close[:, 0],
        shares=shares,
        entry=np.where(held, close * generator.uniform(0.8, 1.2, (count, 2)), NAN),
        stop=levels((0.85, 1.01), (0.99, 1.15)) * close,
        target=levels((1.01, 0.85), (1.15, 0.99)) * close,
        trail=trail,
        peak=np.where(np.isnan(trail), NAN, peak),
        age=np.where(held, generator.integers(0, 40, (count, 2)), 0).astype(np.int32),
    )


def random_orders(generator, bars, paths, fill, chance=0.3):
    """Orders of all kinds: opening, adding, reducing, closing, one leg or both, with and without levels."""
    spans = [np.arange(first, last + 1) for first, last in zip(paths.first, paths.last, strict=True)]
    path = np.repeat(np.arange(len(spans)), [len(span) for span in spans])
    bar = np.concatenate(spans)
    chosen = generator.random(len(bar)) < chance
    path, bar = path[chosen], bar[chosen]
    count = len(bar)
    weight = generator.uniform(0.0, 1.2, (count, 2)) * (generator.random((count, 2)) < 0.7)
    weight[generator.random((count, 2)) < 0.3] = NAN

    def levels(low, high):
        return np.where(generator.random((count, 2)) < 0.5, generator.uniform(low, high, (count, 2)), NAN)

    limit = np.full((count, 2), NAN)
    if fill == "limit":
        near = bars.close[paths.series[path], bar]
        near = np.where(np.isnan(near), 50.0, near)[:, None]
        limit = np.where(np.isnan(weight), NAN, near * generator.uniform(0.96, 1.04, (count, 2)))
    return Orders.of_weights(
        path,
        bar,
        weight,
        stop=levels((0.9, 1.01), (0.99, 1.1)),
        target=levels((1.01, 0.9), (1.1, 0.99)),
        trail=levels((0.9, 1.01), (0.99, 1.1)),
        limit=limit,
    )


def random_case(seed, fill, paths=20, bars=40):
    """Bars, paths and orders drawn from one seed."""
    generator = np.random.default_rng(seed)
    market = random_bars(generator, 3, bars, missing=generator.choice([0.0, 0.15]))
    accounts = random_paths(generator, market, paths)
    return market, accounts, random_orders(generator, market, accounts, fill)


def only(paths, orders, path):
    """One path out of many, with its orders."""
    mine = orders.path == path
    chosen = {field.name: getattr(paths, field.name)[path : path + 1] for field in dataclasses.fields(Paths)}
    kept = {field.name: getattr(orders, field.name)[mine] for field in dataclasses.fields(Orders)}
    kept["path"] = np.zeros(int(mine.sum()), dtype=np.int32)
    return Paths(**chosen), Orders(**kept)


def assert_same(found: Simulation, expected: Simulation, tolerance=1e-12):
    """Integers exactly; dollars to `tolerance` of the greatest equity or value traded, the rest relative to 1."""
    for name in ("exposure", "reason", "exit_bar", "held"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
        assert getattr(found, name).dtype == np.int32
    scale = 1.0 + np.abs(expected.summary[:, [0, 1, 2]]).max(axis=1, initial=0.0) + expected.column("traded")
    np.testing.assert_array_less(np.abs(found.summary - expected.summary) / scale[:, None], tolerance)
    assert (found.equity is None) == (expected.equity is None)
    if found.equity is None or expected.equity is None:
        return
    np.testing.assert_array_equal(np.isnan(found.equity), np.isnan(expected.equity))
    np.testing.assert_array_less(np.nan_to_num(np.abs(found.equity - expected.equity)) / scale[:, None], tolerance)
    _assert_same_trades(found.trades, expected.trades, scale, tolerance)


def _assert_same_trades(found, expected, scale, tolerance):
    for field in dataclasses.fields(expected):
        value, wanted = getattr(found, field.name), getattr(expected, field.name)
        assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape), field.name
        if wanted.dtype.kind == "i":
            np.testing.assert_array_equal(value, wanted, err_msg=field.name)
        else:
            size = np.maximum(scale[expected.path], np.abs(wanted))
            np.testing.assert_array_less(np.abs(value - wanted) / size, tolerance, err_msg=field.name)
