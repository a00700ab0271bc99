"""Series and comparisons that the tests of best scores use."""

from __future__ import annotations

import dataclasses

import numpy as np

from kernels.waves import CONFIRMED, SPAN_BUCKETS, STAGES, best_scores, scan_origins, stage_index
from tests.kernels.waves.charts import random_bars

ARRAYS = ("score", "counts", "candidates")


def walks(seed, rows, count, **options):
    """Random walks, one per row."""
    rng = np.random.default_rng(seed)
    bars = [random_bars(rng, count, drift=drift, **options) for drift in rng.choice([-0.004, 0.0, 0.004], rows)]
    return np.array([low for low, _ in bars]), np.array([high for _, high in bars])


def assert_same_cells(found, expected, step=0.0):
    """Equal counts, and scores equal to the last bit, or to `step`."""
    for name in ARRAYS:
        value, wanted = getattr(found, name), getattr(expected, name)
        assert (value.dtype, value.shape, value.flags.c_contiguous) == (wanted.dtype, wanted.shape, True), name
        np.testing.assert_allclose(value, wanted, rtol=0, atol=step, err_msg=name)


def assert_like_the_oracle(low, high, wanted=None, buckets=SPAN_BUCKETS):
    """Both backends agree; return what they say."""
    found, expected = (
        best_scores(low, high, settings=wanted, buckets=buckets, backend=backend) for backend in ("cpu", "naive")
    )
    assert (found.backend, expected.backend) == ("cpu", "naive")
    assert_same_cells(found, expected, step=2.0**-39)
    return found


def best_of_scan(low, high, wanted, buckets, backend="cpu"):
    """The same from the patterns and setups of a scan that keeps them all."""
    rows, count = low.shape
    whole = dataclasses.replace(wanted, top_n=10**6, setup_top_n=None, max_overlap=1.0)
    found = scan_origins(
        low, high, np.arange(rows), np.full(rows, count - 1), np.full(rows, count), settings=whole, backend=backend
    )
    patterns, kept = found.patterns, found.pattern
    assert (patterns.status[kept] == CONFIRMED).sum() == found.candidates.sum()
    assert len(kept) == (found.candidates + found.standing).sum()
    span = np.take_along_axis(patterns.pivots, patterns.legs[:, None].astype(int), 1)[:, 0] - patterns.pivots[:, 0]
    bucket = np.searchsorted(buckets, span)
    kept = kept[bucket[kept] < len(buckets)]
    shape = rows, len(STAGES), 2, len(buckets)
    score, counts = np.full(shape, np.nan), np.zeros(shape, np.int64)
    stage = stage_index(patterns.class_index[kept], patterns.legs[kept])
    cell = patterns.series[kept], stage, (patterns.direction[kept] == -1).astype(int), bucket[kept]
    np.fmax.at(score, cell, patterns.score[kept])
    np.add.at(counts, cell, 1)
    return dataclasses.replace(
        best_scores(low[:0], high[:0], backend="cpu"), score=score, counts=counts, candidates=found.candidates
    )
