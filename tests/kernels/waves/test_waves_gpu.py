from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError
from kernels.waves import CLASS_NAMES, enumerate_class, scan_origins
from kernels.waves.gpu import BYTES_PER_BAR, MOST_SERIES, planned_chunks
from kernels.waves.gpu_threads import LAST_RECORD, key_of
from kernels.waves.rules import SCORE_STEPS
from kernels.waves.search import MAX_RECORDS
from tests.kernels.gpu_process import DEVICES, run_on
from tests.kernels.waves.charts import columns
from tests.kernels.waves.scan_on_the_gpu import SETTINGS, lists, prices, scans

A_FEW_STEPS = 2 / SCORE_STEPS


@pytest.fixture(scope="module", params=DEVICES)
def result(request, tmp_path_factory):
    """What the GPU version gives."""
    file = tmp_path_factory.mktemp("gpu") / "result.npz"
    run_on(request.param, "tests.kernels.waves.scan_on_the_gpu", file)
    with np.load(file) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def expected():
    return scans("cpu")


def assert_saved(result, name, scan):
    """A saved scan equals another: integers exactly, scores within their last steps, the rest to 1e-12."""
    for column, wanted in columns(scan).items():
        value = result[f"{name}/{column}"]
        assert value.dtype == wanted.dtype, column
        if column == "score":
            np.testing.assert_allclose(value, wanted, rtol=0, atol=A_FEW_STEPS, err_msg=column)
        elif value.dtype.kind == "f":
            np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=0, err_msg=column)
        else:
            np.testing.assert_array_equal(value, wanted, err_msg=column)


@pytest.mark.parametrize("name", [*SETTINGS, "no_origins"])
def test_a_scan_equals_that_of_the_cpu(result, expected, name):
    assert result[f"{name}/backend"][0] == "gpu"
    assert_saved(result, name, expected[name])


def test_the_scans_hold_enough_to_differ(expected):
    everything = expected["everything"].patterns
    assert np.count_nonzero(np.bincount(everything.class_index, minlength=len(CLASS_NAMES))) >= 10
    assert everything.degree.max() >= 2
    assert set(everything.direction) == {1, -1}
    assert set(everything.status) == {0, 1}
    assert {-2, -1, 0, 1} == set(everything.resolution.ravel())
    low, _ = prices()
    assert np.isnan(low).any(axis=1).tolist() == [False, False, True, True, False, True]
    defaults = expected["defaults"]
    assert (np.bincount(defaults.origin, minlength=30) < defaults.candidates + defaults.standing).any()


def test_every_list_equals_that_of_the_cpu(result):
    found = lists("cpu")
    assert sum(len(pivots) > 0 for pivots in found.values()) >= 12
    for name, pivots in found.items():
        value = result[f"list {name}"]
        assert value.dtype == np.int32
        np.testing.assert_array_equal(value, pivots, err_msg=name)


def test_a_chunk_that_does_not_fit_is_halved_and_the_answer_stays(result, expected):
    chunks = {name: result[f"chunks {name}"].tolist() for name in ("whole", "counted", "failing", "planned")}
    assert chunks["whole"] == [6]
    for name in ("counted", "failing", "planned"):
        assert sum(chunks[name]) == 6
        assert len(chunks[name]) >= 3
    assert max(chunks["counted"]) > 1
    for name in chunks:
        assert_saved(result, name, expected["defaults"])
        for column in columns(expected["defaults"]):
            assert result[f"{name}/{column}"].tobytes() == result[f"defaults/{column}"].tobytes(), column


def test_too_much_is_refused_in_words(result):
    for limit in ("MAX_RECORDS", "MAX_VISITS"):
        said = str(result[f"refusal {limit}"])
        assert said.startswith("row 1: expected at most")
        assert "set max_skip" in said
    assert "row 0 in 100 bytes" in str(result["refusal memory"])
    assert 'backend "cpu"' in str(result["refusal memory"])


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_an_explicit_gpu_without_a_device_is_refused():
    low, high = prices()
    with pytest.raises(BackendUnavailableError, match="a usable CUDA device"):
        scan_origins(low, high, [0], [50], [40], backend="gpu")
    with pytest.raises(BackendUnavailableError, match="a usable CUDA device"):
        enumerate_class(low[0], high[0], "impulse", 1, backend="gpu")


@given(bars=st.lists(st.integers(0, 3000), min_size=1, max_size=60), memory=st.integers(0, 10**9))
def test_planned_chunks_follow_each_other_and_fit(bars, memory):
    column = np.cumsum([0, *(count + 1 for count in bars)])
    chunks = planned_chunks(column, memory)
    assert [chunk for chunk, _ in chunks] == [0, *(stop for _, stop in chunks[:-1])]
    assert chunks[-1][1] == len(bars)
    for chunk, stop in chunks:
        assert stop == chunk + 1 or BYTES_PER_BAR * (column[stop] - column[chunk]) <= max(memory, BYTES_PER_BAR)


def test_a_chunk_has_no_more_series_than_a_grid_has_rows():
    chunks = planned_chunks(np.arange(2 * MOST_SERIES + 2), 10**12)
    assert [stop - chunk for chunk, stop in chunks] == [MOST_SERIES, MOST_SERIES, 1]
    assert MOST_SERIES < 2**16


steps = st.integers(0, int(SCORE_STEPS)).map(lambda count: count / SCORE_STEPS)
numbers = st.integers(0, MAX_RECORDS - 1)


@given(a=st.tuples(steps, numbers), b=st.tuples(steps, numbers))
def test_the_greater_key_is_the_better_score_and_then_the_earlier_record(a, b):
    key_a, key_b = key_of(*a), key_of(*b)
    assert 0 < key_a < 2**63
    assert (key_a > key_b) == (a[0] > b[0] or (a[0] == b[0] and a[1] < b[1]))
    assert LAST_RECORD - (key_a & LAST_RECORD) == a[1]
