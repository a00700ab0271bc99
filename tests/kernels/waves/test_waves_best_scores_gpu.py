"""Best scores that a GPU finds: those of the CPU, and those of a scan that keeps everything."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError
from kernels.waves import CLASS_NAMES, CONFIRMED, STAGES, ScanSettings, best_scores, scan_origins, stage_index
from kernels.waves.gpu_cells import key_of_score, score_of_key
from kernels.waves.gpu_threads import next_beyond
from kernels.waves.legs import first_lower_after
from kernels.waves.rules import SCORE_STEPS
from tests.kernels.gpu_process import DEVICES, run_on
from tests.kernels.waves.best_scores_on_the_gpu import BUCKETS, SETTINGS, cases
from tests.kernels.waves.scan_on_the_gpu import prices

A_FEW_STEPS = 2 / SCORE_STEPS
NAMES = [*SETTINGS, "alone", "no rows", "no bars", "one bar"]


@pytest.fixture(scope="module", params=DEVICES)
def result(request, tmp_path_factory):
    """What the GPU version gives."""
    file = tmp_path_factory.mktemp("gpu") / "result.pickle"
    return pickle.loads(run_on(request.param, "tests.kernels.waves.best_scores_on_the_gpu", file))  # noqa: S301


@pytest.fixture(scope="module")
def expected():
    return cases("cpu")


def assert_same(found, wanted):
    """Equal counts, and scores within their last steps."""
    for name in ("score", "counts", "candidates"):
        value, own = getattr(wanted, name), getattr(found, name)
        assert (own.dtype, own.shape, own.flags.c_contiguous) == (value.dtype, value.shape, True), name
    np.testing.assert_array_equal(found.counts, wanted.counts)
    np.testing.assert_array_equal(found.candidates, wanted.candidates)
    np.testing.assert_allclose(found.score, wanted.score, rtol=0, atol=A_FEW_STEPS)


@pytest.mark.parametrize("name", NAMES)
def test_best_scores_equal_those_of_the_cpu(result, expected, name):
    assert result[0][name].backend == "gpu"
    assert result[0][name].reason
    assert_same(result[0][name], expected[name])


def test_the_cases_hold_enough_to_differ(expected):
    counts = expected["defaults"].counts
    assert (counts.sum(axis=(0, 2, 3)) > 0).sum() >= 18
    assert (counts[:, len(CLASS_NAMES) :].sum(axis=(0, 1)) > 0).all(axis=0).any()
    assert (counts.sum(axis=(0, 1, 2)) > 20).all()
    assert (expected["defaults"].candidates > counts[:, : len(CLASS_NAMES)].sum(axis=(1, 2, 3))).any()
    low, _ = prices()
    assert np.isnan(low).any(axis=1).tolist() == [False, False, True, True, False, True]
    assert not counts[2].any()
    assert counts[3].any()


@pytest.mark.parametrize("name", SETTINGS)
def test_best_scores_are_those_of_a_scan_that_keeps_everything(result, name):
    low, high = prices()
    rows, bars = low.shape
    wanted = SETTINGS[name]
    whole = ScanSettings(
        classes=wanted.classes,
        directions=wanted.directions,
        max_skip=wanted.max_skip,
        max_span=wanted.max_span,
        top_n=10**6,
        max_overlap=1.0,
    )
    scan = scan_origins(
        low, high, np.arange(rows), np.full(rows, bars - 1), np.full(rows, bars), settings=whole, backend="cpu"
    )
    patterns, kept = scan.patterns, scan.pattern
    legs = patterns.legs[kept]
    span = patterns.pivots[kept, legs] - patterns.pivots[kept, 0]
    bucket = np.searchsorted(BUCKETS, span)
    stage = stage_index(patterns.class_index[kept], legs)
    side = (patterns.direction[kept] == -1).astype(int)
    assert ((stage < len(CLASS_NAMES)) == (patterns.status[kept] == CONFIRMED)).all()
    shape = rows, len(STAGES), 2, len(BUCKETS) + 1
    score, counts = np.full(shape, -1.0), np.zeros(shape, np.int64)
    cell = patterns.series[kept], stage, side, bucket
    np.maximum.at(score, cell, patterns.score[kept])
    np.add.at(counts, cell, 1)
    found = result[0][name]
    np.testing.assert_array_equal(found.counts, counts[..., :-1])
    np.testing.assert_array_equal(found.candidates, scan.candidates)
    np.testing.assert_allclose(np.nan_to_num(found.score, nan=-1.0), score[..., :-1], rtol=0, atol=A_FEW_STEPS)


def test_a_row_is_the_same_alone(result):
    found, alone = result[0]["defaults"], result[0]["alone"]
    assert alone.score.tobytes() == found.score[3:4].tobytes()
    np.testing.assert_array_equal(alone.counts[0], found.counts[3])


def test_a_chunk_that_does_not_fit_is_halved_and_the_answer_stays(result):
    _, found, chunks, _, _ = result
    assert chunks["whole"] == [6]
    for name in ("counted", "failing", "planned"):
        assert sum(chunks[name]) == 6
        assert len(chunks[name]) >= 3
        for column in ("score", "counts", "candidates"):
            assert getattr(found[name], column).tobytes() == getattr(found["whole"], column).tobytes(), column
    assert max(chunks["counted"]) > 1
    assert found["whole"].score.tobytes() == result[0]["defaults"].score.tobytes()


def test_too_much_is_refused_in_words(result):
    said = result[3]
    for limit in ("MAX_RECORDS", "MAX_VISITS"):
        # The first of these rows has no bar.
        assert said[limit].startswith("row 1: expected at most")
        assert "set max_skip" in said[limit]
    assert "row 0 in 100 bytes" in said["memory"]
    assert 'backend "cpu"' in said["memory"]


@pytest.mark.parametrize("name", ["whole", "pieces", "pieces that are held"])
def test_charts_made_on_the_device_are_those_of_the_host(result, name):
    made, expected = result[4][name]
    in_bars = np.ones(made.column[-1], bool)
    in_bars[made.column[1:] - 1] = False
    for field, own, wanted in zip(made._fields, made, expected, strict=True):
        assert own.shape == wanted.shape, field
        if field.startswith("log_") and name == "whole":
            np.testing.assert_allclose(own[..., in_bars], wanted[..., in_bars], rtol=3e-16, atol=0, err_msg=field)
        elif own.shape[-1] == len(in_bars) and field != "swings":
            # The logarithms of what the host has are the host's own, to the last bit.
            np.testing.assert_array_equal(own[..., in_bars], wanted[..., in_bars], err_msg=field)
        else:
            np.testing.assert_array_equal(own, wanted, err_msg=field)


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_an_explicit_gpu_without_a_device_is_refused():
    with pytest.raises(BackendUnavailableError, match="a usable CUDA device"):
        best_scores(*prices(), backend="gpu")


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, np.nan]), max_size=30))
def test_the_next_bar_beyond_is_the_first_that_is_lower_or_missing(values):
    line = np.array(values, np.float64)
    for sign in (1.0, -1.0):
        assert [next_beyond(line, t, sign) for t in range(len(line))] == first_lower_after(sign * line).tolist()


steps = st.integers(0, int(SCORE_STEPS)).map(lambda count: count / SCORE_STEPS)


@given(a=steps, b=steps)
def test_a_key_orders_scores_and_gives_them_back(a, b):
    assert 0 < key_of_score(a) < 2**63
    assert (key_of_score(a) > key_of_score(b)) == (a > b)
    assert score_of_key(key_of_score(a)) == a
    assert np.isnan(score_of_key(0))
