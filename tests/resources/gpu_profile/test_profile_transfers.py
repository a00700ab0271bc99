"""Transfers: bytes are compared before anything is timed, and what can't be measured says why."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.device import gpu_support
from resources.gpu_profile import transfers
from resources.gpu_profile.clock import Budget
from resources.gpu_profile.target import Target, find_target
from resources.gpu_profile.transfers import KIB, Method, measure_transfers, methods_of

CPU = Target("a CPU", "for a test")
SIZES = (4 * KIB, 20_000, 40 * KIB)


def test_every_method_of_this_machine_moves_every_byte(monkeypatch):
    # A slot that is smaller than the sizes, and no divisor of them.
    monkeypatch.setattr(transfers, "SLOT_BYTES", 3_000)
    rows = measure_transfers(find_target() if gpu_support().ok else CPU, SIZES)
    assert [row.state for row in rows] == ["measured"] * len(rows)
    assert {row.bytes for row in rows} == set(SIZES)
    for row in rows:
        assert row.gigabytes_per_second == pytest.approx(row.bytes / row.seconds / 1e9)


def test_methods_without_copies_hand_over_the_same_memory():
    sent = np.arange(100, dtype=np.uint8)
    handed_over = [method for method in methods_of(CPU) if not method.moved]
    assert len(handed_over) == 2
    for method in methods_of(CPU):
        call, fetch = method.prepare(sent)
        arrived = fetch(call())
        np.testing.assert_array_equal(arrived, sent)
        assert np.shares_memory(arrived, sent) != method.moved


def test_a_method_that_changes_a_byte_is_never_timed():
    calls = []

    def prepare(sent):
        def call():
            calls.append(1)
            wrong = sent.copy()
            wrong[-1] ^= 1
            return wrong

        return call, np.asarray

    [row] = measure_transfers(CPU, (64,), methods=[Method("faulty", True, prepare)])
    assert (row.state, row.seconds, row.gigabytes_per_second) == ("differs", None, None)
    assert len(calls) == 1


def test_a_method_that_leaves_the_last_bytes_out_differs():
    [row] = measure_transfers(CPU, (64,), methods=[Method("short", True, lambda sent: (lambda: sent[:-1], np.asarray))])
    assert row.state == "differs"


def test_a_size_that_does_not_fit_is_recorded_and_the_others_are_measured():
    def prepare(sent):
        if len(sent) > 100:
            raise MemoryError("no room")
        return sent.copy, np.asarray

    rows = measure_transfers(CPU, (64, 128, 32), methods=[Method("small", True, prepare)])
    assert [row.state for row in rows] == ["measured", "failed", "measured"]
    assert rows[1].reason == "MemoryError: no room"


def test_what_is_missing_and_what_there_is_no_time_for_is_skipped_with_the_reason():
    missing = Method("absent", True, methods_of(CPU)[0].prepare, "CuPy can't be imported")
    rows = measure_transfers(CPU, (64,), Budget(0.0), [missing, methods_of(CPU)[0]])
    assert [(row.state, row.reason) for row in rows] == [
        ("skipped", "CuPy can't be imported"),
        ("skipped", "no time was left"),
    ]


def test_the_methods_of_a_gpu_need_cupy_only_where_cupy_takes_part():
    with_cupy = methods_of(Target("a GPU", "no CuPy", "cuda", ("cpu", "gpu")))
    without = methods_of(Target("a GPU", "no CuPy", "cuda", ("cpu",)))
    assert [method.name for method in with_cupy] == [method.name for method in without]
    assert not any(method.missing for method in with_cupy)
    assert {method.name for method in without if method.missing} == {
        transfers.TO_CUPY,
        transfers.TO_TORCH,
        transfers.ROUND_TRIP,
    }


def test_sizes_reach_from_4_kib_to_1_gib():
    assert transfers.SIZES[0] == 4 * KIB
    assert transfers.SIZES[-1] == transfers.GIB
