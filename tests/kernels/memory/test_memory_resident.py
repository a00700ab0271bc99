"""The panel of a run goes to the device once, is never stale, and leaves it with the host's."""

from __future__ import annotations

import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.memory.resident import Residents
from tests.kernels.gpu_process import run_on
from tests.kernels.memory.stages_in_the_simulator import FIELDS


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("stages") / "stages.pickle"
    return pickle.loads(run_on("simulator", "tests.kernels.memory.stages_in_the_simulator", file))  # noqa: S301


def assert_same(one: Any, other: Any, where: str = "") -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name, each in one.items():
            assert_same(each, other[name], f"{where} {name}")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), where
    else:
        assert one == other, where


def test_a_run_over_one_panel_uploads_each_price_once(ran):
    assert ran["counted"] == dict.fromkeys(FIELDS, 1)
    # What a run without it would upload: as the same stages on a device that holds nothing.
    assert ran["not_held"] == {"open": 8, "high": 11, "low": 11, "close": 8, "dividend": 1}
    assert ran["transfers"]["uploaded_bytes"] == ran["bytes_of_uploads"]


def test_what_is_resident_changes_no_byte_of_any_stage(ran):
    assert any(len(ran["alone"][name]["origin"]) for name in ran["alone"] if name.startswith("scan"))
    assert_same(ran["together"], ran["alone"])
    assert_same(*ran["gjr"])


def test_a_new_panel_goes_up_anew_and_the_memory_of_a_freed_one_is_released(ran):
    assert_same(ran["again"], ran["other"])
    assert ran["anew"] == dict.fromkeys(FIELDS, 1)
    assert ran["alive"] == [True] * len(FIELDS)
    assert ran["freed"] == [True] * len(FIELDS)


def test_a_panel_that_was_changed_is_not_the_one_that_was_held(ran):
    assert_same(ran["changed"], ran["expected"])


def test_an_array_that_is_held_is_read_only_and_known_by_identity():
    residents = Residents()
    values = np.arange(6.0).reshape(2, 3)
    assert residents.copies(values) is None
    residents.hold(values)
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 7.0
    copies = residents.copies(values)
    copies["itself"] = object()
    residents.hold(values)
    assert residents.copies(values) is copies
    for other in (values.copy(), values[:], "text", None):
        assert residents.copies(other) is None
    values.flags.writeable = True
    assert residents.copies(values) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones((3, 4))[:, ::2], r"got an array of shape \(3, 2\) in another layout.*np\.ascontiguousarray"),
        ([1.0], "got list"),
    ],
)
def test_what_cannot_be_held_is_refused_in_words(values, said):
    with pytest.raises(InvalidInputError, match=said):
        Residents().hold(values)


class Copy:
    """Stands in for an array of the device."""


def test_copies_go_with_the_array_and_with_the_device_without_the_collector():
    gc.disable()
    try:
        residents, values = Residents(), np.ones(3)
        for go in ("array", "device"):
            residents.hold(values)
            copy = Copy()
            residents.copies(values)["itself"] = copy
            there = weakref.ref(copy)
            del copy
            assert there() is not None
            if go == "array":
                values = np.ones(3)
            else:
                residents = None
            assert there() is None
    finally:
        gc.enable()


def test_a_new_array_with_the_identity_of_a_freed_one_is_not_taken_for_it():
    residents = Residents()
    for _ in range(50):
        values = np.ones(5)
        assert residents.copies(values) is None
        residents.hold(values)
        residents.copies(values)["itself"] = Copy()
