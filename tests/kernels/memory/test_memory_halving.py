"""A chunk that doesn't fit is halved, what it held is free by then, and nothing is counted twice."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError
from kernels.memory import in_chunks, no_room, whole


def worker(**options) -> SimpleNamespace:
    return SimpleNamespace(**{"chunks": [], "records": 0, "memory": 7, "release": lambda: None} | options)


def refuse(piece, got):
    return BackendUnavailableError("a test", expected=f"room for piece {piece}", got=got, mend="ask for less")


@given(sizes=st.lists(st.integers(1, 9), max_size=5), most=st.integers(1, 9))
def test_chunks_are_halved_until_they_fit_and_stay_in_order(sizes, most):
    device = worker()

    def work(begin, stop):
        if stop - begin > most:
            raise MemoryError("too much")
        return list(range(begin, stop))

    bounds = np.cumsum([0, *sizes]).tolist()
    found = in_chunks(device, pairwise(bounds), work, refuse)
    assert [piece for part in found for piece in part] == list(range(bounds[-1]))
    assert device.chunks == [len(part) for part in found]
    assert max(device.chunks, default=0) <= most


def test_one_piece_that_does_not_fit_is_refused():
    device = worker()

    def work(begin, stop):
        if begin <= 2 < stop:
            raise MemoryError("too much")

    with pytest.raises(BackendUnavailableError, match="room for piece 2; got too much"):
        in_chunks(device, [(0, 4)], work, refuse)
    assert device.chunks == [2]


def test_what_a_failed_attempt_counted_is_taken_back():
    device = worker(records=100)

    def work(begin, stop):
        device.records += stop - begin
        if stop - begin > 2:
            raise MemoryError

    in_chunks(device, [(0, 8), (8, 9)], work, refuse)
    assert device.records == 109


class OutOfMemoryError(RuntimeError):
    """Stands in for torch's."""


OutOfMemoryError.__module__ = "torch"


class CudaAPIError(Exception):
    """Stands in for Numba's."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


CudaAPIError.__module__ = "numba.cuda.cudadrv.driver"


@pytest.mark.parametrize("error", [MemoryError("full"), OutOfMemoryError("full"), CudaAPIError(2)])
def test_every_librarys_way_to_say_it_halves(error):
    device = worker()

    def work(begin, stop):
        if stop - begin > 1:
            raise error
        return begin

    assert in_chunks(device, [(0, 3)], work, refuse) == [0, 1, 2]
    assert device.chunks == [1, 1, 1]


@pytest.mark.parametrize("error", [ValueError("wrong"), CudaAPIError(700)])
def test_every_other_error_passes_at_once(error):
    asked = []

    def work(begin, stop):
        asked.append((begin, stop))
        raise error

    with pytest.raises(type(error)):
        in_chunks(worker(), [(0, 4)], work, refuse)
    with pytest.raises(type(error)), whole(worker(), lambda got: refuse(0, got)):
        raise error
    assert asked == [(0, 4)]


class Big:
    """Stands in for an array of the device: it can be referred to weakly."""


def test_the_memory_of_a_failed_attempt_is_free_before_the_next():
    there: list[weakref.ref[Big]] = []
    alive_at_release: list[int] = []

    def alive() -> int:
        return sum(each() is not None for each in there)

    def allocate() -> Big:
        made = Big()
        there.append(weakref.ref(made))
        return made

    def deeper(count: int) -> Big:
        own = allocate()
        if count > 2:
            try:
                raise MemoryError("the first")
            except MemoryError as error:
                # An error that refers to itself through its own frame: only the collector would free that.
                kept = error
                raise MemoryError(f"{own} {kept}") from error
        return own

    def work(begin: int, stop: int) -> None:
        first = allocate()
        deeper(stop - begin)
        del first

    gc.disable()
    try:
        device = worker(release=lambda: alive_at_release.append(alive()))
        in_chunks(device, [(0, 8)], work, refuse)
    finally:
        gc.enable()
    assert device.chunks == [2, 2, 2, 2]
    assert alive_at_release == [0] * 3


def test_what_cannot_be_halved_is_named_and_what_it_held_is_freed():
    released = []
    device = worker(release=lambda: released.append(True))
    with (
        pytest.raises(BackendUnavailableError, match=r"room for 3 rows in 7 bytes; got full\. To mend: wait") as caught,
        whole(device, lambda got: no_room(device, "3 rows", got, "wait")),
    ):
        raise MemoryError("full")
    assert isinstance(caught.value.__cause__, MemoryError)
    assert released == [True]
