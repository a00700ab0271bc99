"""Histograms that a GPU counts: those of the CPU, whatever the chunks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError
from kernels.nulls import null_histograms
from kernels.waves import CLASS_NAMES, STAGES
from tests.kernels.gpu_process import DEVICES, run_on
from tests.kernels.nulls.count_on_the_gpu import BINS, BUCKETS, NULLS, ROWS, SOME, SURROGATES, cases, originals

NAMES = [*NULLS, "some", "alone", "later", "no rows", "no bars", "one bar"]


@pytest.fixture(scope="module", params=DEVICES)
def result(request, tmp_path_factory):
    """What the GPU version gives."""
    file = tmp_path_factory.mktemp("gpu") / "result.pickle"
    return pickle.loads(run_on(request.param, "tests.kernels.nulls.count_on_the_gpu", file))  # noqa: S301


@pytest.fixture(scope="module")
def expected():
    return cases("cpu")


@pytest.mark.parametrize("name", NAMES)
def test_counts_equal_those_of_the_cpu(result, expected, name):
    found, wanted = result[0][name], expected[name]
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_array_equal(found, wanted)


def test_the_counts_hold_enough_to_differ(expected):
    shape = ROWS, len(STAGES), 2, len(BUCKETS), BINS + 1
    for null in NULLS:
        counts = expected[null]
        assert counts.shape == shape
        assert (counts.sum(axis=-1) == SURROGATES).all()
        scored = counts[..., :BINS]
        assert scored[:2].any(axis=(1, 2, 3, 4)).all()
        assert not scored[2].any()
        assert scored[:, : len(CLASS_NAMES)].sum() >= 40
        assert scored[:, len(CLASS_NAMES) :].sum() > 20
        assert scored.any(axis=(0, 1, 2, 4)).all()
    assert (expected["block"] != expected["sign"]).any()
    assert (expected["block"] != expected["gjr"]).any()


def test_cells_that_are_not_asked_for_stay_empty(result):
    counts = result[0]["some"].sum(axis=-1)
    asked = np.array([stage.name in SOME.classes for stage in STAGES])
    assert (counts[:, asked, 1] == SURROGATES).all()
    assert not counts[:, ~asked].any()
    assert not counts[:, :, 0].any()


def test_rows_and_numbers_are_counted_alone_as_together(result):
    found = result[0]
    np.testing.assert_array_equal(found["alone"][0], found["block"][1])
    first = found["block"] - found["later"]
    assert (first.sum(axis=-1) == 1).all()
    assert (first >= 0).all()


def test_a_chunk_that_does_not_fit_is_halved_and_nothing_is_counted_twice(result):
    all_cases, found, chunks, _ = result
    assert chunks["whole"] == [ROWS * SURROGATES]
    assert chunks["planned"] == [2, 2, 2, 2, 1]
    for name in ("counted", "failing"):
        assert sum(chunks[name]) == ROWS * SURROGATES
        assert len(chunks[name]) >= 3
        assert max(chunks[name]) > 1
    for counts in found.values():
        np.testing.assert_array_equal(counts, all_cases["block"])


def test_too_much_is_refused_in_words(result):
    said = result[3]
    assert said["patterns"].startswith("surrogate 5 of row 0: expected at most")
    assert "room for the histograms of 3 rows" in said["histograms"]
    assert "fewer rows at a time" in said["histograms"]
    assert "room for one surrogate" in said["surrogate"]
    assert 'backend "cpu"' in said["surrogate"]


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_an_explicit_gpu_without_a_device_is_refused():
    with pytest.raises(BackendUnavailableError, match="a usable CUDA device"):
        null_histograms(*originals(), surrogates=1, null="sign", seed=1, backend="gpu")
