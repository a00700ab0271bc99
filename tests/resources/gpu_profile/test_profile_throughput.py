"""Throughput: which batches run on which backend, what is skipped and why, ratios and shares from made-up rows."""

from __future__ import annotations

import os

import numba
import numpy as np
import pytest
import torch

from resources.gpu_profile import throughput
from resources.gpu_profile.cases import Case, cases_of
from resources.gpu_profile.clock import Budget, Timed
from resources.gpu_profile.limits import BYTES, OPERATIONS, Limit
from resources.gpu_profile.profile import LARGE, SIZES_BY_NAME, SMALL, TINY
from resources.gpu_profile.target import Target
from resources.gpu_profile.throughput import (
    Throughput,
    beside_limits,
    measure_throughput,
    ratios,
    thread_counts,
    threads_of_cpu,
)
from resources.gpu_profile.work import Work, bytes_of

CPU = Target("a CPU", "for a test")
SIMULATED = Target("a CPU", "for a test", "cpu", ("cpu", "gpu"), simulated=True)


def case(prepare=None, batches=(1, 2, 4), unit="series", backends=("cpu", "gpu")):
    def does_nothing(batch, _):
        return Work(lambda: None, 10 * batch, 100 * batch)

    return Case("case", unit, backends, batches, prepare or does_nothing)


def row(name="case", backend="cpu", threads=2, batch=1, seconds=1.0, per_second=1.0, bytes_=0, operations=0):
    return Throughput(name, backend, threads, batch, "series", 1, seconds, per_second, bytes_, operations, "measured")


def test_every_batch_runs_on_every_backend_and_the_best_with_fewer_threads_too():
    asked = []

    def prepare(batch, backend):
        asked.append((backend, batch, numba.get_num_threads()))
        return Work(lambda: None, 10 * batch, 100 * batch)

    rows = measure_throughput(SIMULATED, [case(prepare)], (1, 2))
    most = min(2, numba.config.NUMBA_NUM_THREADS)
    assert asked[:6] == [(backend, batch, most) for backend in ("gpu", "cpu") for batch in (1, 2, 4)]
    assert [(entry[0], entry[2]) for entry in asked[6:]] == [("cpu", 1)]
    assert all(each.items == 10 * each.batch and each.least_bytes == 100 * each.batch for each in rows)


def test_a_backend_that_the_target_lacks_is_not_asked_for():
    rows = measure_throughput(CPU, [case()], (1,))
    assert {each.backend for each in rows} == {"cpu"}


def test_torch_computes_on_a_gpu_that_the_kernels_cannot_use():
    target = Target("a GPU", "no numba-cuda", "cuda", ("cpu",))
    assert throughput.on_gpu(case(unit="rows"), target)
    assert not throughput.on_gpu(case(unit="series"), target)
    assert not throughput.on_gpu(case(unit="rows", backends=("cpu",)), target)


def test_a_batch_that_fails_says_why_and_larger_ones_are_left_out():
    def prepare(batch, _):
        if batch == 2:
            raise MemoryError("no room for 2")
        return Work(lambda: None, batch, 0)

    rows = measure_throughput(CPU, [case(prepare), case()], (1,))
    assert [each.state for each in rows] == ["measured", "failed", "skipped", "measured", "measured", "measured"]
    assert (rows[1].reason, rows[2].reason) == ("MemoryError: no room for 2", "a smaller batch failed")


def test_a_batch_that_would_take_too_long_is_left_out(monkeypatch):
    monkeypatch.setattr(throughput, "median_seconds", lambda *_, **__: Timed(3.0, 1))
    rows = measure_throughput(CPU, [case()], (1,))
    assert [(each.state, each.reason) for each in rows] == [
        ("measured", ""),
        ("skipped", "a call would take about 6 s"),
        ("skipped", "a call would take about 12 s"),
    ]


def test_what_is_known_is_told_after_each_case():
    told = []
    rows = measure_throughput(CPU, [case(), case()], (1,), seen=lambda so_far: told.append(list(so_far)))
    assert told == [rows[:3], rows]


def test_without_time_nothing_runs():
    rows = measure_throughput(CPU, [case(), case()], (1, 2), Budget(0.0))
    assert {(each.state, each.reason) for each in rows} == {("skipped", "no time was left")}


def test_what_a_call_returns_counts_as_written_where_the_case_says_so():
    def prepare(batch, _):
        return Work(lambda: [np.zeros(batch)], batch, 5, returns=True)

    rows = measure_throughput(CPU, [case(prepare)], (1,))
    assert [each.least_bytes for each in rows] == [5 + 8, 5 + 16, 5 + 32]


def test_bytes_are_counted_through_results_within_results():
    class Inner:
        def __init__(self):
            self.values = np.zeros(3, np.int32)

    class Outer:
        def __init__(self):
            self.inner, self.values, self.name = Inner(), np.zeros(2), "x"

    assert bytes_of(Outer()) == 12 + 16


def test_threads_are_set_and_set_back():
    before = numba.get_num_threads(), torch.get_num_threads()
    with threads_of_cpu(1):
        assert (numba.get_num_threads(), torch.get_num_threads()) == (1, 1)
    assert (numba.get_num_threads(), torch.get_num_threads()) == before
    # More than there are count as all.
    with threads_of_cpu(10_000):
        assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS
        assert torch.get_num_threads() <= os.cpu_count()
    assert (numba.get_num_threads(), torch.get_num_threads()) == before


@pytest.mark.parametrize(("most", "counts"), [(1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (16, (1, 2, 4, 8, 16))])
def test_numbers_of_threads_double_up_to_all(most, counts):
    assert thread_counts(most) == counts


def test_a_ratio_compares_the_best_batches_with_all_threads_and_with_two():
    rows = [
        row(backend="gpu", batch=1, per_second=10.0),
        row(backend="gpu", batch=8, per_second=90.0),
        row(threads=16, batch=1, per_second=20.0),
        row(threads=16, batch=8, per_second=30.0),
        row(threads=2, batch=8, per_second=6.0),
        row("only on the CPU"),
        row("only on the GPU", backend="gpu"),
    ]
    assert ratios(rows) == [("case", 90.0, 30.0, 3.0, 15.0)]
    assert ratios(rows[:4]) == [("case", 90.0, 30.0, 3.0, None)]
    assert ratios([]) == []


def test_a_rate_stands_beside_the_limit_that_binds_it():
    limits = [Limit("copy", 1e9, BYTES, 1, 1), Limit("matmul float32", 1e12, OPERATIONS, 1, 1)]
    moving = row("moves", seconds=4.0, bytes_=int(1e9), operations=10)
    doing = row("computes", seconds=8.0, bytes_=10, operations=int(4e12))
    found = beside_limits([moving, doing], limits, "cpu")
    assert [(each.case, each.least_seconds, each.bound, each.share) for each in found] == [
        ("moves", 1.0, "memory", 0.25),
        ("computes", 4.0, "arithmetic", 0.5),
    ]
    assert beside_limits([moving], limits, "gpu") == []
    assert beside_limits([moving], limits[1:], "cpu") == []


def test_every_case_runs_and_counts_what_it_does():
    cases = cases_of(CPU, TINY.cases)
    rows = measure_throughput(CPU, cases, (1,))
    assert [each.state for each in rows] == ["measured"] * len(rows), [each.reason for each in rows]
    assert {each.case for each in rows} == {each.name for each in cases}
    by_name = {each.case: each for each in rows}
    window = TINY.cases.window
    assert by_name["trading"].items == TINY.cases.accounts[-1] * window
    # Each series that is made is written: four float64 a bar.
    assert by_name["surrogates"].least_bytes > 4 * 8 * TINY.cases.sessions * by_name["surrogates"].items
    assert {name for name, each in by_name.items() if each.operations} == {
        "forecast network",
        "forecast training",
        "action-value network",
    }


def test_larger_profiles_are_larger():
    assert set(SIZES_BY_NAME) == {"tiny", "small", "large"}
    for smaller, larger in ((TINY, SMALL), (SMALL, LARGE)):
        assert smaller.array < larger.array
        assert max(smaller.transfers) < max(larger.transfers)
        assert all(
            max(np.atleast_1d(few)) < max(np.atleast_1d(many)) or few == many
            for few, many in zip(smaller.cases, larger.cases, strict=True)
        )
