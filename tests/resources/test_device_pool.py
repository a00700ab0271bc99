"""Several GPUs give the bytes of one, and one that fails is named with its symbols."""

import os
import pickle
import subprocess
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.device import gpu_support
from kernels.waves import ScanSettings, scan_origins
from kernels.waves.patterns import Patterns, Scan
from resources.device_pool import VISIBLE, DevicePool, _named_devices, devices_for, visible_devices
from resources.scan_parts import joined, spans_of_origins
from tests.kernels.gpu_process import IN_THE_SIMULATOR, ROOT
from tests.kernels.waves.scan_on_the_gpu import origins, prices

DEVICES = {1: "4", 2: "4,GPU-8a", 3: "0,1,2"}


@pytest.fixture(scope="module", params=DEVICES)
def ran(request, tmp_path_factory) -> tuple[int, dict[str, Any]]:
    """How many devices the simulator pretends to have, and what `in_the_simulator` gives there."""
    file = tmp_path_factory.mktemp("devices") / "made.pickle"
    command = [sys.executable, "-m", "tests.resources.in_the_simulator", str(file)]
    variables = os.environ | IN_THE_SIMULATOR | {VISIBLE: DEVICES[request.param]}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return request.param, pickle.loads(file.read_bytes())  # noqa: S301


@pytest.fixture(scope="module")
def of_one_device() -> dict[int, np.ndarray]:
    """The counts that one device gave, once it was asked."""
    return {}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        if isinstance(values, dict):
            assert_same(values, other[name])
        elif isinstance(values, np.ndarray):
            same = (values.dtype, values.shape, values.tobytes())
            assert same == (other[name].dtype, other[name].shape, other[name].tobytes()), name
        elif name != "reason":
            assert values == other[name], name


def test_the_simulator_has_as_many_devices_as_the_environment_names(ran) -> None:
    count, made = ran
    assert made["devices"] == tuple(DEVICES[count].split(","))


def test_a_scan_on_several_devices_has_the_bytes_of_one(ran) -> None:
    count, made = ran
    found, alone = made["scan"]["found"], made["scan"]["alone"]
    assert len(alone["patterns"]["score"]) > 50
    assert (alone["patterns"]["child"] >= 0).any()
    assert_same(found, alone)
    assert found["reason"].startswith(f"{count} GPUs, the first one: ") == (count > 1)
    assert found["reason"].endswith(alone["reason"])
    # What this process uploaded: of what several devices do, nothing.
    assert (made["scan"]["report"]["uploads"] > 0) == (count == 1)


def test_prices_that_the_scorer_holds_go_up_with_the_first_scan_only(ran) -> None:
    count, made = ran
    first, both = made["scan"]["bytes"]
    # Lows and highs of five rows of 40 bars, and their logarithms.
    assert 2 * first - both == (4 * 5 * 40 * 8 if count == 1 else 0)


def test_a_faulty_bar_is_named_by_its_row_in_the_whole(ran) -> None:
    assert ran[1]["scan"]["said"].startswith("bar 5 of row 3: expected low <= high")


def test_null_distributions_of_several_devices_have_the_bytes_of_one(ran, of_one_device) -> None:
    count, made = ran
    counts = made["nulls"]["counts"]
    assert counts[..., :-1].any()
    assert made["nulls"]["counts told"] == [20] * 5 + [30] * 5
    of_one_device.setdefault(1, counts)
    assert (counts.dtype, counts.tobytes()) == (of_one_device[1].dtype, of_one_device[1].tobytes()), count


def test_a_device_that_dies_is_named_with_its_symbols_and_the_next_run_goes_on(ran) -> None:
    count, made = ran
    if count == 1:
        return
    device = DEVICES[count].split(",")[7 % count]
    assert made["nulls"]["died"].startswith(f"GPU {device}, windows of 30 sessions of C: expected a process that lives")
    assert "killed by SIGKILL" in made["nulls"]["died"]
    assert made["nulls"]["died told"] == [20] * 5 + [30] * 2
    assert made["nulls"]["again told"] == [20 * 5 + 30 * 2, 30, 30, 30]
    assert made["nulls"]["again"].tobytes() == made["nulls"]["counts"].tobytes()


def test_each_device_has_one_process_that_sees_no_other_and_stays(ran) -> None:
    count, made = ran
    if count != 2:
        return
    told = made["map"]["told"]
    assert [(item, device) for item, device, *_ in told] == [(item, ("4", "GPU-8a")[item % 2]) for item in range(7)]
    assert len({process for _, _, process, _ in told}) == 2
    assert all(simulated for *_, simulated in told)
    assert made["map"]["again"] == told


def test_a_part_that_fails_is_named_with_its_device_and_takes_no_other_with_it(ran) -> None:
    count, made = ran
    if count != 2:
        return
    before, said = made["map"]["before"], made["map"]["said"]
    assert before == {-1: [0, 1, 2], -2: [0, 1, 2]}
    assert said[-1][0] == "WavemillError"
    assert said[-1][1].endswith("This happened on GPU GPU-8a, symbols of -1.")
    kind, words = said[-2]
    assert kind == "WorkerError"
    assert words.startswith(
        "GPU GPU-8a, symbols of -2: expected a process that lives until the work is done; got killed"
    )
    assert f"{VISIBLE}=4" in words
    told, after = made["map"]["told"], made["map"]["after"]
    for old, new in zip(told, after, strict=True):
        assert new[:2] == old[:2]
        # The process of the other device is still the same.
        assert (new[2] == old[2]) == (old[1] == "4")


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        (None, None),
        ("", ()),
        ("-1", ()),
        ("3", ("3",)),
        (" 1, 0 ", ("1", "0")),
        ("2,-1,3", ("2",)),
        ("GPU-8a,MIG-7", ("GPU-8a", "MIG-7")),
    ],
)
def test_devices_are_named_as_cuda_reads_them(variable, named) -> None:
    assert _named_devices(variable) == named


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_without_a_gpu_there_is_no_device() -> None:
    assert visible_devices() == ()


@pytest.mark.parametrize(("pieces", "count"), [(0, 0), (9, 0), (19, 1), (20, 2), (39, 3), (1000, 3)])
def test_small_work_starts_no_process(pieces, count) -> None:
    assert devices_for(pieces, 10, ("a", "b", "c")) == ("a", "b", "c")[:count]


def test_a_pool_that_is_not_asked_starts_nothing() -> None:
    with DevicePool(("0", "1")) as pool:
        assert list(pool.map(len, [])) == []
        assert pool._processes == {}


@given(st.lists(st.integers(0, 9), max_size=40).map(sorted), st.integers(1, 6))
def test_spans_of_origins_follow_each_other_and_split_no_row(rows, count) -> None:
    row = np.array(rows, np.int32)
    spans = spans_of_origins(row, count)
    assert len(spans) <= count
    assert [place for span in spans for place in range(span.start, span.stop)] == list(range(len(row)))
    of_spans = [set(row[span].tolist()) for span in spans]
    assert all(of_spans)
    assert sum(map(len, of_spans)) == len(set(rows))


@pytest.mark.parametrize("count", [1, 2, 3, 6, 9])
def test_the_scans_of_parts_are_the_scan_of_the_whole(count) -> None:
    low, high = prices()
    row, end, length = (values.astype(np.int32) for values in origins(len(low)))
    options = {"settings": ScanSettings(top_n=5), "backend": "cpu"}
    whole = scan_origins(low, high, row, end, length, **options)
    spans = spans_of_origins(row, count)
    scans = [scan_origins(low, high, row[span], end[span], length[span], **options) for span in spans]
    found = joined(scans, [span.start for span in spans])
    for kind, one, other in ((Scan, found, whole), (Patterns, found.patterns, whole.patterns)):
        for each in fields(kind):
            values, wanted = getattr(one, each.name), getattr(other, each.name)
            if isinstance(values, np.ndarray):
                assert (values.dtype, values.tobytes()) == (wanted.dtype, wanted.tobytes()), each.name
