"""`scan_distinct` says the same as `scan`, with each pattern once."""

import dataclasses

import numpy as np

from kernels.waves import ScanSettings, scan, scan_distinct
from tests.kernels.waves.charts import assert_bitwise, assert_same, columns, random_bars

ROWS, SESSIONS = 3, 160


def bars(seed):
    """Lows and highs of a few random walks."""
    rng = np.random.default_rng(seed)
    low, high = zip(*(random_bars(rng, SESSIONS) for _ in range(ROWS)), strict=True)
    return np.array(low), np.array(high)


def origins():
    """Every session from the 100th on, of every row, with a window of 90 bars."""
    ends = np.arange(100, SESSIONS)
    row, end = np.repeat(np.arange(ROWS), len(ends)), np.tile(ends, ROWS)
    return row, end, np.full(len(row), 90)


def test_each_pattern_is_listed_once_and_kept_by_many_origins():
    low, high = bars(11)
    row, end, length = origins()
    found = scan_distinct(low, high, row, end, length)
    distinct = found.distinct
    identity = np.column_stack((row[distinct.origin], distinct.status, distinct.direction, distinct.pivots))
    assert len(np.unique(identity, axis=0)) == len(identity)
    assert len(found.origin) > 3 * len(identity)
    assert set(found.pattern.tolist()) == set(range(len(identity)))


def test_it_expands_to_the_scan():
    low, high = bars(12)
    flat = scan(low, high, *origins())
    assert_bitwise(columns(scan_distinct(low, high, *origins()).expanded()), columns(flat))
    fourth = flat.targets[:, 3]
    setups_of_4 = flat.legs == 4
    assert np.isnan(fourth[~setups_of_4]).all()
    assert np.isfinite(fourth[setups_of_4]).any()


def test_naive_and_cpu_list_the_same_patterns_in_the_same_order():
    low, high = bars(13)
    fast, naive = (
        scan_distinct(low, high, *origins(), settings=ScanSettings(max_skip=4), backend=name)
        for name in ("cpu", "naive")
    )
    assert_same(fast.distinct, naive.distinct, relative=1e-12)
    for field in dataclasses.fields(fast)[1:]:
        value, expected = getattr(fast, field.name), getattr(naive, field.name)
        np.testing.assert_allclose(value, expected, rtol=1e-12 if value.dtype.kind == "f" else 0, err_msg=field.name)
