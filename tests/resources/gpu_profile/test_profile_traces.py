"""How busy a GPU was, read from made-up traces; and the phases and the trace of a real run on the CPU."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from kernels.device import gpu_support
from resources.gpu_profile.cases import Case
from resources.gpu_profile.target import Target
from resources.gpu_profile.timeline import run_timeline
from resources.gpu_profile.traces import LOOK_SECONDS, TRACE, _driver_percents, utilisation_of
from resources.gpu_profile.work import Work

CPU = Target("a CPU", "for a test")


def event(category, start, length):
    return {"ph": "X", "cat": category, "ts": start, "dur": length}


def test_busy_is_what_kernels_and_copies_cover_together():
    events = [
        event("cpu_op", 0.0, 1_000_000.0),
        event("kernel", 100_000.0, 200_000.0),
        # Over the kernel's end, so half of it counts.
        event("kernel", 200_000.0, 200_000.0),
        event("gpu_memcpy", 600_000.0, 100_000.0),
        event("gpu_memset", 650_000.0, 50_000.0),
        {"ph": "i", "cat": "kernel", "ts": 0.0},
        {"ph": "M", "name": "process_name"},
    ]
    found = utilisation_of({"traceEvents": events}, on_gpu=True)
    assert found.seconds == pytest.approx(1.0)
    assert found.busy_seconds == pytest.approx(0.4)
    assert found.busy_share == pytest.approx(0.4)
    assert found.in_transfers == pytest.approx(0.25)
    assert (found.kernels, found.reason) == (2, "")


def test_a_copy_while_a_kernel_runs_takes_no_time_of_its_own():
    events = [event("kernel", 0.0, 10.0), event("gpu_memcpy", 2.0, 5.0)]
    assert utilisation_of({"traceEvents": events}, on_gpu=True).in_transfers == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("events", "on_gpu", "reason"),
    [
        ([event("cpu_op", 0.0, 5.0)], True, "the profiler saw no work on the GPU"),
        ([], True, "the profiler saw no work on the GPU"),
        ([event("cpu_op", 0.0, 5.0)], False, "there is no GPU to be busy"),
    ],
)
def test_where_nothing_ran_on_a_gpu_the_reason_is_told(events, on_gpu, reason):
    found = utilisation_of({"traceEvents": events}, on_gpu=on_gpu)
    assert (found.busy_seconds, found.busy_share, found.reason) == (None, None, reason)


def test_a_run_has_a_phase_for_each_case_and_a_trace(tmp_path):
    ran = []

    def prepare(batch, backend):
        return Work(lambda: ran.append((batch, backend)), 1, 1)

    cases = [Case(name, "series", ("cpu", "gpu"), (3, 9), prepare) for name in ("one", "two")]
    found = run_timeline(CPU, cases, tmp_path / "new")
    # Once before, so that what is loaded at first is no part of it.
    assert ran == [(9, "cpu")] * 4
    assert [phase.phase for phase in found.phases] == ["one", "two"]
    assert all(phase.peak > 0 and not phase.error for phase in found.phases)
    assert found.memory == "host: this process"
    assert found.files == {"trace": str(tmp_path / "new" / TRACE)}
    with gzip.open(found.files["trace"], "rt") as file:
        assert json.load(file)["traceEvents"]


def test_a_case_that_fails_ends_the_run_with_its_error(tmp_path):
    def fail():
        raise MemoryError("full")

    case = Case("one", "series", ("cpu",), (1,), lambda *_: Work(fail, 1, 1))
    with pytest.raises(MemoryError, match="full"):
        run_timeline(CPU, [case], tmp_path)


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_a_driver_that_says_nothing_is_told_once_and_the_work_goes_on():
    with _driver_percents(True) as told:
        time.sleep(5 * LOOK_SECONDS)
    [reason] = told
    assert "the driver says nothing of utilisation" in reason
    with _driver_percents(False) as told:
        time.sleep(2 * LOOK_SECONDS)
    assert told == []
