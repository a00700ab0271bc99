"""Histograms of null scores and the p-values from them: the oracle's, and those of surrogates made beforehand."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.nulls import NullHistograms, null_histograms, p_values, pooled
from kernels.surrogates import surrogates
from kernels.volatility.gjr import GjrParameters
from kernels.waves import (
    CLASS_NAMES,
    SETUP,
    SPAN_BUCKETS,
    STAGES,
    ScanSettings,
    best_scores,
    cpu_best_scores,
    scan_origins,
    stage_index,
)

NULLS = ("block", "gjr", "sign")
PARAMETERS = GjrParameters(alpha=0.05, gamma=0.1, beta=0.85, degrees=5.0)
BUCKETS = (10, 25, 60)
CELLS = len(STAGES), 2, len(BUCKETS)


def bars_of(seed, rows, count, missing=0, decimals=None):
    """Random walks with their keys: open, high, low, close, keys."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, count)), axis=1))
    open_ = close * np.exp(rng.normal(0, 0.01, close.shape))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.01, close.shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.01, close.shape)))
    if decimals is not None:
        open_, high, low, close = (np.round(prices, decimals) for prices in (open_, high, low, close))
    gaps = rng.integers(0, count, (rows, missing))
    for prices in (open_, high, low, close):
        np.put_along_axis(prices, gaps, np.nan, axis=1)
    return open_, high, low, close, rng.integers(-(2**62), 2**62, rows)


def histograms_of(bars, null="block", **options):
    """Histograms of a few surrogates on the CPU unless asked otherwise."""
    known = {"surrogates": 6, "null": null, "seed": 3, "buckets": BUCKETS, "bins": 50, "backend": "cpu"}
    return null_histograms(*bars, **known | {"parameters": PARAMETERS if null == "gjr" else None} | options)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.one_of(st.integers(40, 70), st.integers(1, 12)),
    missing=st.integers(0, 3),
    decimals=st.sampled_from([None, 1]),
    null=st.sampled_from(NULLS),
    first=st.sampled_from([0, 7, 10**6]),
    bins=st.sampled_from([1, 7, 100]),
    classes=st.sampled_from([CLASS_NAMES, ("zigzag", "double_three")]),
    directions=st.sampled_from([(1, -1), (-1,)]),
    max_span=st.sampled_from([504, 20]),
)
def test_both_backends_count_the_same(seed, count, missing, decimals, null, first, bins, **options):
    bars = bars_of(seed, 2, count, missing, decimals)
    asked = {"null": null, "first": first, "bins": bins, "surrogates": 3, "settings": ScanSettings(**options)}
    found, expected = (histograms_of(bars, backend=backend, **asked) for backend in ("cpu", "naive"))
    assert (found.backend, expected.backend) == ("cpu", "naive")
    assert found.counts.dtype == expected.counts.dtype == np.int64
    assert found.buckets == expected.buckets == BUCKETS
    np.testing.assert_array_equal(found.counts, expected.counts)


@pytest.mark.parametrize("null", NULLS)
def test_the_counts_are_those_of_surrogates_made_beforehand(null):
    bars = bars_of(4, 3, 130, missing=2)
    parameters = PARAMETERS if null == "gjr" else None
    numbers = np.arange(5, 13, dtype=np.int32)
    made = surrogates(*bars, numbers, null=null, seed=3, parameters=parameters, backend="cpu")
    expected = np.zeros((3, *CELLS, 51), np.int64)
    for index in range(len(numbers)):
        score = best_scores(made.low[:, index], made.high[:, index], buckets=BUCKETS, backend="cpu").score
        place = np.where(np.isnan(score), 50, np.minimum(np.floor(np.nan_to_num(score) * 50), 49)).astype(int)
        np.add.at(expected, (*np.indices(place.shape), place), 1)
    found = histograms_of(bars, null, first=5, surrogates=8)
    np.testing.assert_array_equal(found.counts, expected)
    assert (found.counts.sum(axis=-1) == 8).all()
    assert found.counts[:, : len(CLASS_NAMES), ..., :50].any(axis=(0, 2, 4)).all()
    assert found.counts[:, len(CLASS_NAMES) :, ..., :50].any(axis=(0, 2, 4)).sum() > 15
    assert found.counts[..., 50].any()


def test_parts_add_up_to_the_whole():
    bars = bars_of(5, 2, 100)
    whole = histograms_of(bars, surrogates=10).counts
    parts = [histograms_of(bars, first=first, surrogates=count).counts for first, count in ((7, 3), (0, 1), (1, 6))]
    np.testing.assert_array_equal(sum(parts), whole)
    assert (histograms_of(bars, first=10, surrogates=10).counts != whole).any()
    assert (histograms_of(bars, surrogates=10, seed=4).counts != whole).any()


def test_a_row_is_the_same_alone_in_any_order_and_on_any_number_of_threads():
    *prices, keys = bars_of(6, 5, 90, missing=1)
    found = histograms_of((*prices, keys)).counts
    order = np.array([3, 0, 4, 1, 2])
    shuffled = histograms_of((*(values[order] for values in prices), keys[order])).counts
    np.testing.assert_array_equal(shuffled, found[order])
    alone = histograms_of((*(values[2:3] for values in prices), keys[2:3])).counts
    np.testing.assert_array_equal(alone[0], found[2])
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(histograms_of((*prices, keys)).counts, found)
    finally:
        numba.set_num_threads(threads)


def test_cells_that_are_not_asked_for_stay_empty_and_others_do_not_change():
    bars = bars_of(7, 2, 110)
    whole = histograms_of(bars).counts
    part = histograms_of(bars, settings=ScanSettings(classes=("impulse", "zigzag"), directions=(-1,))).counts
    asked = np.zeros(CELLS[:2], bool)
    asked[[stage.name in ("impulse", "zigzag") for stage in STAGES], 1] = True
    np.testing.assert_array_equal(part[:, asked], whole[:, asked])
    assert not part[:, ~asked].any()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_rows_without_patterns_are_counted_as_such(backend):
    *prices, keys = bars_of(8, 3, 30)
    for values in prices:
        values[0] = np.nan
        values[1, 1:] = np.nan
    counts = histograms_of((*prices, keys), backend=backend).counts
    assert (counts[:2, ..., :-1] == 0).all()
    assert (counts[:2, ..., -1] == 6).all()
    assert counts[2, ..., :-1].any()


def one_cell(*counts):
    """Histograms of one row, in which the upward zigzags of the first bucket have these counts."""
    table = np.zeros((1, *CELLS, len(counts)), np.int64)
    table[0, CLASS_NAMES.index("zigzag"), 0, 0] = counts
    return NullHistograms(table, BUCKETS, "cpu", "made by hand")


def p_of_zigzags(histograms, scores, direction=1, span=10, backend="cpu"):
    """p-values of upward zigzags of one row."""
    count = len(scores)
    return p_values(
        histograms,
        row=np.zeros(count, int),
        stage=np.full(count, CLASS_NAMES.index("zigzag")),
        direction=np.full(count, direction),
        span=np.full(count, span),
        score=scores,
        backend=backend,
    ).tolist()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_p_value_counts_the_bin_of_the_score_and_those_above(backend):
    # Bins of a quarter; three surrogates hold no zigzag.
    histograms = one_cell(4, 0, 2, 1, 3)
    scores = [0.0, 0.2499, 0.25, 0.5, 0.74, 0.75, 1.0]
    found = p_of_zigzags(histograms, scores, backend=backend)
    np.testing.assert_array_equal(found, [8 / 11, 8 / 11, 4 / 11, 4 / 11, 4 / 11, 2 / 11, 2 / 11])
    assert p_of_zigzags(one_cell(9, 0), [1.0], backend=backend) == [1.0]
    assert p_of_zigzags(one_cell(0, 0, 0, 0, 99), [0.9], backend=backend) == [0.01]


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_p_value_is_nan_where_nothing_was_calibrated(backend):
    histograms = one_cell(4, 0, 2, 1, 3)
    assert np.isnan(p_of_zigzags(histograms, [np.nan], backend=backend)).all()
    assert np.isnan(p_of_zigzags(histograms, [0.5], direction=-1, backend=backend)).all()
    assert np.isnan(p_of_zigzags(histograms, [0.5], span=11, backend=backend)).all()
    assert np.isnan(p_of_zigzags(histograms, [0.5], span=61, backend=backend)).all()
    assert np.isfinite(p_of_zigzags(histograms, [0.5], span=0, backend=backend)).all()
    assert p_of_zigzags(histograms, [], backend=backend) == []


def cells_with_patterns(low, high):
    """The best pattern or setup of each cell, as columns of `p_values`."""
    score = best_scores(low, high, buckets=BUCKETS, backend="cpu").score
    row, stage, side, bucket = np.nonzero(np.isfinite(score))
    return {
        "row": row,
        "stage": stage,
        "direction": 1 - 2 * side,
        "span": np.array(BUCKETS)[bucket],
        "score": score[row, stage, side, bucket],
    }


def test_p_values_from_bins_are_never_below_the_exact_ones():
    bars = bars_of(9, 4, 120)
    patterns = cells_with_patterns(bars[2], bars[1])
    made = surrogates(*bars, np.arange(20, dtype=np.int32), null="block", seed=3, backend="cpu")
    best = [best_scores(made.low[:, k], made.high[:, k], buckets=BUCKETS, backend="cpu").score for k in range(20)]
    bucket = np.searchsorted(BUCKETS, patterns["span"])
    cell = patterns["row"], patterns["stage"], (1 - patterns["direction"]) // 2, bucket

    def exact(slack):
        return (1 + sum(score[cell] >= patterns["score"] - slack for score in best)) / 21

    assert len(np.unique(exact(0))) > 10
    for bins in (1, 10, 1000, 10_000):
        histograms = histograms_of(bars, surrogates=20, bins=bins)
        found, naive = (p_values(histograms, **patterns, backend=backend) for backend in ("cpu", "naive"))
        np.testing.assert_array_equal(found, naive)
        assert (found >= exact(0)).all()
        assert (found <= exact(1.001 / bins)).all()
        assert bins > 10 or (found > exact(0)).any()


def test_pooling_adds_up_the_rows_in_any_parts():
    bars = bars_of(12, 5, 80)
    whole = histograms_of(bars)
    sums = pooled(whole)
    assert (sums.counts.dtype, sums.counts.shape) == (np.int64, (1, *CELLS, 51))
    assert (sums.buckets, sums.backend, sums.reason) == (whole.buckets, whole.backend, whole.reason)
    np.testing.assert_array_equal(sums.counts[0], whole.counts.sum(axis=0))
    chunks = [pooled(histograms_of([values[rows] for values in bars])) for rows in (slice(0, 2), slice(2, 5))]
    np.testing.assert_array_equal(sum(chunk.counts for chunk in chunks), sums.counts)
    np.testing.assert_array_equal(pooled(sums).counts, sums.counts)
    assert not pooled(dataclasses.replace(whole, counts=whole.counts[:0])).counts.any()


def test_pooled_counts_may_pass_an_int32():
    much = dataclasses.replace(one_cell(2**31, 0), counts=np.repeat(one_cell(2**31, 2**31).counts, 3, axis=0))
    assert pooled(much).counts.max() == 3 * 2**31
    assert p_of_zigzags(pooled(much), [0.5]) == [(1 + 3 * 2**31) / (1 + 6 * 2**31)]


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_pooled_p_value_asks_the_surrogates_of_every_row(backend):
    rows = [(4, 0, 2, 1, 3), (0, 0, 0, 9, 1)]
    both = dataclasses.replace(one_cell(*rows[0]), counts=np.concatenate([one_cell(*row).counts for row in rows]))
    assert p_of_zigzags(both, [0.5, 0.9], backend=backend) == [4 / 11, 2 / 11]
    assert p_of_zigzags(pooled(both), [0.5, 0.9], backend=backend) == [13 / 21, 11 / 21]


def test_the_setups_of_a_scan_have_p_values():
    bars = bars_of(13, 1, 90)
    kept = scan_origins(bars[2], bars[1], [0], [89], [90], backend="cpu").patterns
    own = kept.status == SETUP
    last = np.take_along_axis(kept.pivots, kept.legs[:, None].astype(int), 1)[:, 0]
    found = p_values(
        histograms_of(bars, surrogates=30),
        row=kept.series[own],
        stage=stage_index(kept.class_index[own], kept.legs[own]),
        direction=kept.direction[own],
        span=last[own] - kept.pivots[own, 0],
        score=kept.score[own],
    )
    assert own.sum() > 20
    inside = last[own] - kept.pivots[own, 0] <= BUCKETS[-1]
    assert inside.sum() > 20
    assert (np.isfinite(found) == inside).all()
    assert found[inside].min() >= 1 / 31
    assert len(np.unique(found[inside])) > 5


def test_surrogates_are_judged_by_other_surrogates_as_chance_is():
    *prices, keys = bars_of(10, 60, 90)
    made = surrogates(*prices, keys, np.array([0], np.int32), null="block", seed=3, backend="cpu")
    patterns = cells_with_patterns(made.low[:, 0], made.high[:, 0])
    own = histograms_of((*prices, keys), first=1, surrogates=39, bins=1000)
    of_rows = p_values(own, **patterns)
    of_all = p_values(pooled(own), **patterns | {"row": np.zeros_like(patterns["row"])})
    is_setup = patterns["stage"] >= len(CLASS_NAMES)
    # The scores of a cell are exchangeable, none at all the least of them, so a p-value is at most uniform. The cells
    # of a row depend on each other: as if a dozen of them counted.
    for found in (of_rows, of_all):
        for chosen, stages in ((~is_setup, len(CLASS_NAMES)), (is_setup, len(STAGES) - len(CLASS_NAMES))):
            for level in (0.05, 0.1, 0.25, 0.5):
                share = (found[chosen] <= level).sum() / (60 * stages * 2 * len(BUCKETS))
                assert share <= level + 3 * np.sqrt(level * (1 - level) / (60 * 12))
                assert share > 0.3 * level


ARGUMENTS = {"null": "block", "seed": 1, "surrogates": 2}
BARS = bars_of(11, 2, 40)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"surrogates": 0}, "surrogates of null_histograms: expected an integer of 1 or more; got 0"),
        ({"surrogates": 2.0}, "surrogates of null_histograms: expected an integer"),
        ({"first": -1}, "first of null_histograms: expected an integer of 0 or more"),
        ({"first": 2**31 - 1}, "first and surrogates of null_histograms: expected numbers below"),
        ({"bins": 0}, "bins of null_histograms: expected an integer of 1 or more"),
        ({"bins": 10**5 + 1}, "bins of null_histograms: expected 100,000 or fewer"),
        ({"buckets": (5, 5)}, "buckets of spans: expected edges that rise"),
        ({"null": "shuffle"}, "null of surrogates: expected one of block, gjr, sign"),
        ({"null": "gjr"}, "parameters of surrogates"),
        ({"seed": -1}, "seed of surrogates"),
        ({"block": 0.5}, "block of surrogates"),
        ({"backend": "slow"}, "backend of null_histograms"),
    ],
)
def test_bad_options_are_refused(options, said):
    with pytest.raises(InvalidInputError, match=said):
        null_histograms(*BARS, **ARGUMENTS | options)


def test_bad_bars_and_keys_are_refused_and_named():
    open_, high, low, close, keys = BARS
    crossed = low.copy()
    crossed[1, 9] = high[1, 9] * 2
    with pytest.raises(InvalidInputError, match="row 1, column 9"):
        null_histograms(open_, high, crossed, close, keys, **ARGUMENTS)
    with pytest.raises(InvalidInputError, match="keys of surrogates"):
        null_histograms(open_, high, low, close, keys[:1], **ARGUMENTS)


def test_a_surrogate_with_too_many_prefixes_is_named(monkeypatch):
    monkeypatch.setattr(cpu_best_scores, "MAX_VISITS", 10)
    with pytest.raises(InvalidInputError, match=r"surrogate 4 of row 0: expected at most 10 prefixes"):
        null_histograms(*BARS, **ARGUMENTS | {"first": 4})


GOOD = {"row": [0, 1], "stage": [3, 0], "direction": [1, -1], "span": [5, 30], "score": [0.5, 0.6]}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"row": [0, 2]}, "row of pattern 1: expected 0 to 1; got 2"),
        ({"row": [-1, 0]}, "row of pattern 0"),
        ({"row": [0.0, 1.0]}, "row of p_values: expected whole numbers"),
        ({"row": [0]}, "row of p_values: expected whole numbers of shape"),
        ({"stage": [0, 22]}, "stage of pattern 1: expected 0 to 21"),
        ({"direction": [1, 0]}, "direction of pattern 1: expected 1 or -1; got 0"),
        ({"direction": [2, 1]}, "direction of pattern 0"),
        ({"span": [-1, 3]}, "span of pattern 0"),
        ({"score": [0.5, 1.1]}, "score of p_values: expected a vector of scores"),
        ({"score": [-0.1, 1.0]}, "score of p_values"),
        ({"score": [[0.5, 1.0]]}, "score of p_values"),
        ({"score": ["a", "b"]}, "score of p_values"),
    ],
)
def test_bad_patterns_are_refused_and_named(columns, said):
    histograms = null_histograms(*BARS, **ARGUMENTS)
    assert np.isfinite(p_values(histograms, **GOOD)).all()
    with pytest.raises(InvalidInputError, match=said):
        p_values(histograms, **GOOD | columns)


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros((1, *CELLS, 5)),
        np.zeros((1, *CELLS, 5), np.int32),
        np.zeros((1, *CELLS, 1), np.int64),
        np.zeros((1, len(CLASS_NAMES), 2, 3, 5), np.int64),
        np.zeros((*CELLS, 5), np.int64),
    ],
)
def test_counts_of_another_shape_or_type_are_refused(counts):
    with pytest.raises(InvalidInputError, match="counts of the histograms"):
        p_of_zigzags(NullHistograms(counts, BUCKETS, "cpu", ""), [0.5])
    with pytest.raises(InvalidInputError, match="counts of the histograms"):
        pooled(NullHistograms(counts, BUCKETS, "cpu", ""))


def test_the_default_buckets_are_those_of_best_scores():
    found = null_histograms(*BARS, **ARGUMENTS)
    assert found.buckets == SPAN_BUCKETS
    assert found.counts.shape == (2, len(STAGES), 2, len(SPAN_BUCKETS), 1001)
    assert found.reason
