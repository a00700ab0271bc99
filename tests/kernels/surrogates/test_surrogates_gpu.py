from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernels.device import gpu_support
from kernels.surrogates import NULLS
from tests.kernels.surrogates.make_on_the_gpu import cases

ROOT = Path(__file__).parents[3]
IN_THE_SIMULATOR = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
NO_GPU = pytest.mark.skipif(not gpu_support().ok, reason=gpu_support().reason)


@pytest.fixture(scope="module", params=["simulator", pytest.param("device", marks=NO_GPU)])
def result(request, tmp_path_factory):
    """What the GPU version gives, in a process of its own: the simulator takes CUDA's place in the whole process."""
    file = tmp_path_factory.mktemp("gpu") / "result.pickle"
    variables = os.environ | (IN_THE_SIMULATOR if request.param == "simulator" else {})
    command = [sys.executable, "-m", "tests.kernels.surrogates.make_on_the_gpu", str(file)]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    if request.param == "simulator":
        assert (done.stdout, done.stderr) == ("", "")
    return pickle.loads(file.read_bytes())  # noqa: S301


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
