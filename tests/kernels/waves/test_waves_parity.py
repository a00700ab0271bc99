from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.waves import ScanSettings, enumerate_class, scan
from tests.kernels.waves.charts import assert_same, random_bars

PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"


def assert_equals_naive(low, high, end, length, wanted):
    """Both backends give the same scan of one series and the same full lists."""
    row = np.zeros(len(end), np.int32)
    arguments = (low[None], high[None], row, end, length)
    found = scan(*arguments, settings=wanted, backend="cpu")
    assert_same(found, scan(*arguments, settings=wanted, backend="naive"), relative=1e-12)
    for direction in (1, -1):
        limits = {"max_skip": wanted.max_skip, "max_span": wanted.max_span}
        pivots = enumerate_class(low, high, "impulse", direction, backend="cpu", **limits)
        expected = enumerate_class(low, high, "impulse", direction, backend="naive", **limits)
        assert pivots.dtype == np.int32
        np.testing.assert_array_equal(pivots, expected)
    return found


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 110),
    drift=st.sampled_from([-0.004, 0.0, 0.004]),
    decimals=st.sampled_from([None, 1, 0]),
    missing=st.integers(0, 3),
    max_skip=st.sampled_from([None, 1, 2, 4]),
    max_span=st.sampled_from([504, 60, 25, 6, 1]),
    top_n=st.sampled_from([5, 1, 0, 100]),
    setup_top_n=st.sampled_from([None, 2, 0]),
    max_overlap=st.sampled_from([0.8, 0.0, 0.5, 1.0]),
    directions=st.sampled_from([(1, -1), (1,), (-1,)]),
)
def test_random_walks_with_plateaus_and_gaps(seed, count, drift, decimals, missing, **options):
    rng = np.random.default_rng(seed)
    low, high = random_bars(rng, count, drift=drift, decimals=decimals, missing=missing)
    end = np.sort(rng.integers(0, count, 3))
    length = rng.integers(0, count + 3, 3)
    assert_equals_naive(low, high, end, length, ScanSettings(**options))


def test_the_random_walks_hold_patterns_and_setups_of_every_kind():
    rng = np.random.default_rng(3)
    found = [
        assert_equals_naive(
            *random_bars(rng, 110, drift=drift), np.array([60, 90, 109]), np.full(3, 110), ScanSettings()
        )
        for drift in (-0.004, 0.0, 0.004)
    ]
    kinds = {(int(d), int(n)) for scanned in found for d, n in zip(scanned.direction, scanned.legs, strict=True)}
    assert kinds == {(direction, legs) for direction in (1, -1) for legs in (2, 3, 4, 5)}


SAWTOOTH = 50 * np.exp(0.001 * np.arange(40) + 0.003 * (np.arange(40) % 2))
EDGES = {
    "constant": np.full(40, 7.0),
    "rising": np.linspace(5, 50, 40),
    "falling": np.linspace(50, 5, 40),
    "sawtooth": SAWTOOTH,
    "falling sawtooth": 1 / SAWTOOTH,
    "two prices": np.where(np.arange(40) % 3 == 0, 5.0, 6.0),
    "all missing": np.full(40, np.nan),
    "one huge outlier": np.where(np.arange(40) == 20, 1e12, SAWTOOTH),
    "extreme prices": np.exp(np.linspace(-600, 600, 40) + 20 * (np.arange(40) % 2)),
    "prices one unit in the last place apart": 100 + 1.5e-14 * (np.arange(40) % 4) + np.arange(40) // 4 * 1e-14,
}


@pytest.mark.parametrize("name", EDGES)
def test_edge_cases(name):
    line = EDGES[name]
    found = assert_equals_naive(line, line, np.array([20, 38, 39]), np.array([21, 39, 40]), ScanSettings())
    assert not np.isnan(found.score).any()


def test_prices_with_equal_logarithms_keep_scores_finite():
    # The second wave has a log length of 0: its two prices differ, their logarithms don't.
    just_below = np.nextafter(112.0, 0)
    assert np.log(just_below) == np.log(112.0)
    line = np.array([105, 100, 112, just_below, 128, 115, 130, 120])
    found = assert_equals_naive(line, line, np.array([7]), np.array([8]), ScanSettings())
    assert (1, 2, 3, 4, 5, 6) in set(map(tuple, found.pivots.tolist()))
    assert np.isfinite(found.score).all()


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="the real prices in ../shared/data aren't here")
def test_real_slices():
    table = pq.read_table(PRICES, columns=["symbol", "low", "high"])
    symbol, low, high = (table[name].to_numpy() for name in ("symbol", "low", "high"))
    starts = np.flatnonzero(np.r_[True, symbol[1:] != symbol[:-1]])
    rng = np.random.default_rng(11)
    patterns = 0
    for _ in range(50):
        series = int(rng.integers(len(starts)))
        stop = starts[series + 1] if series + 1 < len(starts) else len(symbol)
        count = int(min(rng.integers(120, 201), stop - starts[series]))
        first = int(rng.integers(starts[series], stop - count + 1))
        lows, highs = low[first : first + count].copy(), high[first : first + count]
        lows[lows > highs] = np.nan
        found = assert_equals_naive(
            lows, highs, np.array([count // 2, count - 1]), np.array([63, count]), ScanSettings()
        )
        patterns += len(found.score)
    assert patterns > 1000
