from __future__ import annotations

import pickle

import numpy as np
import pytest

from kernels.surrogates import NULLS
from tests.kernels.gpu_process import DEVICES, run_on
from tests.kernels.surrogates.make_on_the_gpu import cases


@pytest.fixture(scope="module", params=DEVICES)
def result(request, tmp_path_factory):
    """What the GPU version gives."""
    file = tmp_path_factory.mktemp("gpu") / "result.pickle"
    return pickle.loads(run_on(request.param, "tests.kernels.surrogates.make_on_the_gpu", file))  # noqa: S301


@pytest.fixture(scope="module")
def expected():
    return cases("cpu")


@pytest.mark.parametrize("case", ["market", "degenerate", "nothing"])
@pytest.mark.parametrize("null", NULLS)
def test_surrogates_equal_those_of_the_cpu(result, expected, null, case):
    found, wanted = result[0][f"{null} {case}"], expected[f"{null} {case}"]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-11 if null == "gjr" else 0.0)


def test_a_chunk_that_does_not_fit_is_halved_and_the_answer_stays(result):
    _, found, chunks, _ = result
    assert chunks["whole"] == [21]
    assert chunks["small"] == [5, 5, 5, 6]
    assert chunks["failing"] == [2, 3, 2, 3, 2, 3, 3, 3]
    for name in ("small", "failing"):
        assert found[name].tobytes() == found["whole"].tobytes()


def test_what_does_not_fit_alone_is_refused_in_words(result):
    said = result[3]
    assert "room for 3 rows of 12 bars" in said["rows"]
    assert "room for one surrogate" in said["one"]
    assert "room for one surrogate" in said["failing"]
    assert 'backend "cpu"' in said["one"]
