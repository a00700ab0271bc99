from __future__ import annotations

import pickle
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError
from kernels.trading import OPEN, ORDER, RUIN, STOP, TARGET, TRAILING_STOP, simulate
from kernels.trading.gpu import MOST_PATHS, planned_chunks
from tests.kernels.gpu_process import DEVICES, run_on
from tests.kernels.trading.market import assert_same, random_case
from tests.kernels.trading.simulate_on_the_gpu import CASES, cases


@pytest.fixture(scope="module", params=DEVICES)
def result(request, tmp_path_factory):
    """What the GPU version gives."""
    file = tmp_path_factory.mktemp("gpu") / "result.pickle"
    return pickle.loads(run_on(request.param, "tests.kernels.trading.simulate_on_the_gpu", file))  # noqa: S301


@pytest.fixture(scope="module")
def expected():
    return cases("cpu")


@pytest.mark.parametrize("name", [*CASES, "in debt", "summaries", "no orders"])
def test_a_simulation_equals_that_of_the_cpu(result, expected, name):
    assert result[0][name].backend == "gpu"
    assert_same(result[0][name], expected[name], 1e-9)


def test_the_cases_hold_every_way_to_end(expected):
    seen = {int(reason) for name in [*CASES, "in debt"] for reason in expected[name].trades.reason}
    assert seen == {ORDER, STOP, TRAILING_STOP, TARGET, RUIN, OPEN}


def test_a_chunk_that_does_not_fit_is_halved_and_the_answer_stays(result):
    _, found, chunks, _, paths = result
    assert chunks["whole"] == [paths]
    for name in ("planned", "failing"):
        assert sum(chunks[name]) == paths
        assert len(chunks[name]) >= 3
        for field in ("summary", "exposure", "reason", "exit_bar", "held", "equity"):
            assert getattr(found[name], field).tobytes() == getattr(found["whole"], field).tobytes(), field
        for field in fields(found[name].trades):
            values = (getattr(found[each].trades, field.name) for each in (name, "whole"))
            np.testing.assert_array_equal(*values, err_msg=field.name)


def test_what_does_not_fit_alone_is_refused_in_words(result):
    said = result[3]
    assert "room for 3 series of 40 bars" in said["bars"]
    assert "room for path 0" in said["path"]
    assert 'backend "cpu"' in said["path"]


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_an_explicit_gpu_without_a_device_is_refused():
    with pytest.raises(BackendUnavailableError, match="a usable CUDA device"):
        simulate(*random_case(1, "next_open"), fill="next_open", backend="gpu")


@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=60), memory=st.integers(0, 10**5))
def test_planned_chunks_follow_each_other_and_fit(sizes, memory):
    before = np.cumsum([0, *sizes])
    chunks = planned_chunks(before, memory)
    assert [begin for begin, _ in chunks] == [0, *(stop for _, stop in chunks[:-1])]
    assert chunks[-1][1] == len(sizes)
    for begin, stop in chunks:
        assert stop == begin + 1 or before[stop] - before[begin] <= memory


def test_a_chunk_has_no_more_paths_than_a_launch_takes():
    before = np.arange(2 * MOST_PATHS + 2)
    assert [stop - begin for begin, stop in planned_chunks(before, 10**12)] == [MOST_PATHS, MOST_PATHS, 1]
