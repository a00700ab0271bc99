from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory import BatchKey, FoundBatch, largest_batch
from kernels.memory import batch_size as module

KEY = BatchKey("Fake GPU", "network", "float32")


class Store:
    def __init__(self) -> None:
        self.found: dict[BatchKey, FoundBatch] = {}
        self.writes = 0

    def read(self, key: BatchKey) -> FoundBatch | None:
        return self.found.get(key)

    def write(self, key: BatchKey, found: FoundBatch) -> None:
        self.found[key] = found
        self.writes += 1


def _run(fits: int, runs: list[int], error: type[Exception] = MemoryError) -> Callable[[int], None]:
    def run(batch: int) -> None:
        runs.append(batch)
        if batch > fits:
            raise error(f"{batch} rows")

    return run


@pytest.mark.parametrize("fits", [1, 2, 3, 7, 8, 9, 100, 1000, 1023, 4095, 10**6])
def test_the_batch_fits_and_is_within_a_tenth_of_the_largest(fits: int) -> None:
    runs: list[int] = []
    store = Store()
    batch = largest_batch(_run(fits, runs), at_most=10**7, key=KEY, store=store)
    assert batch <= fits <= max(batch * 1.1, batch)
    assert len(runs) <= 2 + 2 * np.log2(fits + 1) + 4
    assert len(set(runs)) == len(runs)
    assert store.found[KEY].tried == tuple((each, each <= fits) for each in runs)


@pytest.mark.parametrize("at_most", [1, 2, 5, 64, 100])
def test_no_more_rows_than_are_of_use_are_tried(at_most: int) -> None:
    runs: list[int] = []
    assert largest_batch(_run(10**9, runs), at_most=at_most, key=KEY, store=Store()) == at_most
    assert max(runs) == at_most


def test_a_stored_batch_is_used_without_running() -> None:
    store, runs = Store(), list[int]()
    first = largest_batch(_run(100, runs), at_most=1000, key=KEY, store=store)
    runs.clear()
    assert largest_batch(_run(100, runs), at_most=1000, key=KEY, store=store) == first
    assert largest_batch(_run(100, runs), at_most=5000, key=KEY, store=store) == first
    assert largest_batch(_run(100, runs), at_most=20, key=KEY, store=store) == 20
    assert (runs, store.writes) == ([], 1)


def test_each_device_model_and_type_has_its_own() -> None:
    store = Store()
    for number, name in enumerate(KEY._fields, 10):
        assert largest_batch(_run(number, []), at_most=99, key=KEY._replace(**{name: "other"}), store=store) == number
    assert len(store.found) == 3


def test_a_batch_that_was_all_that_was_asked_for_is_searched_on_from_there() -> None:
    store, runs = Store(), list[int]()
    assert largest_batch(_run(1000, runs), at_most=64, key=KEY, store=store) == 64
    runs.clear()
    assert 900 <= largest_batch(_run(1000, runs), at_most=10**6, key=KEY, store=store) <= 1000
    assert runs[:2] == [128, 256]


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_what_a_failed_batch_held_is_free_before_the_next(error: type[Exception], monkeypatch: Any) -> None:
    held: list[int] = []

    class Held:
        def __init__(self) -> None:
            held.append(1)

        def __del__(self) -> None:
            held.pop()

    released: list[int] = []
    monkeypatch.setattr(module, "release", lambda: released.append(len(held)))

    def run(batch: int) -> None:
        array = Held()
        if batch > 5:
            try:
                raise KeyError(array)
            except KeyError as first:
                # Its own frame refers to it: a circle that nobody breaks before the collector comes.
                kept = first
                raise error("full") from kept

    assert largest_batch(run, at_most=100, key=KEY, store=Store()) == 5
    assert set(released) == {0}
    assert len(released) == 6  # 1, 2, 4, 8, 6, 5


def test_where_not_one_row_fits_it_is_said_of_what() -> None:
    store = Store()
    with pytest.raises(BackendUnavailableError, match=r"network in float32 on Fake GPU: expected memory for one row"):
        largest_batch(_run(0, []), at_most=9, key=KEY, store=store)
    assert store.writes == 0


def test_another_error_of_the_run_passes_on_and_nothing_is_stored() -> None:
    store = Store()
    with pytest.raises(ZeroDivisionError):
        largest_batch(_run(3, [], ZeroDivisionError), at_most=9, key=KEY, store=store)
    assert store.writes == 0


@pytest.mark.parametrize("at_most", [0, -1, 2.0, True, None])
def test_rows_that_make_no_sense_are_refused(at_most: Any) -> None:
    with pytest.raises(InvalidInputError, match="largest batch, at_most"):
        largest_batch(_run(1, []), at_most=at_most, key=KEY, store=Store())
