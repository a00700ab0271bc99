from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory import StagingRing, bytes_needed
from kernels.memory.copy_lanes import HostLane

DTYPES = ["float32", "float64", "int32", "int64", "uint8", "bool", "float16", "complex64"]


class LateLane:
    """A device that does every copy as late as it may: when somebody waits for it, or at the end."""

    def __init__(self) -> None:
        self.waiting: list[LateCopy] = []
        self.log: list[str] = []
        self.buffers: list[torch.Tensor] = []
        self.pinned: list[torch.Tensor] = []

    def buffer(self, size: int) -> torch.Tensor:
        self.buffers.append(torch.full((size,), 0xAB, dtype=torch.uint8))
        return self.buffers[-1]

    def is_pinned(self, tensor: torch.Tensor) -> bool:
        return any(tensor is each for each in self.pinned)

    def send(self, parts: list[torch.Tensor]) -> tuple[list[torch.Tensor], LateCopy]:
        copy = LateCopy(self, len([line for line in self.log if line.startswith("send")]), parts)
        self.log.append(f"send {copy.number}")
        self.waiting.append(copy)
        return copy.sent, copy

    def arrive(self, sent: list[torch.Tensor], copied: Any) -> None:
        assert copied.sent is sent
        self.log.append(f"arrive {copied.number}")

    def finish(self) -> None:
        while self.waiting:
            self.waiting.pop(0).make()


class LateCopy:
    def __init__(self, lane: LateLane, number: int, parts: list[torch.Tensor]) -> None:
        self.lane, self.number, self.parts = lane, number, parts
        self.sent = [torch.empty_like(part) for part in parts]

    def make(self) -> None:
        for part, sent in zip(self.parts, self.sent, strict=True):
            sent.copy_(part)

    def synchronize(self) -> None:
        self.lane.log.append(f"wait {self.number}")
        while self in self.lane.waiting:
            self.lane.waiting.pop(0).make()


def _batches(seed: int, count: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    batches = []
    for _ in range(count):
        batch = {}
        for name, dtype in enumerate(rng.permutation(DTYPES)[: rng.integers(1, 6)]):
            shape = tuple(rng.integers(0, 5, rng.integers(0, 4)))
            noise = rng.integers(0, 256, (*shape, np.dtype(dtype).itemsize), dtype=np.uint8)
            values = noise % 2 == 1 if dtype == "bool" else noise
            batch[f"array {name}"] = values[..., 0] if dtype == "bool" else noise.view(dtype)[..., 0]
        batches.append(batch)
    return batches


def _bits(values: Any) -> tuple[str, tuple[int, ...], bytes]:
    array = values.numpy() if isinstance(values, torch.Tensor) else values
    return array.dtype.name, array.shape, np.ascontiguousarray(array).tobytes()


def _all_bits(batches: Any) -> list[dict[str, Any]]:
    return [{name: _bits(values) for name, values in batch.items()} for batch in batches]


def _size(batches: list[dict[str, np.ndarray]]) -> int:
    return max(bytes_needed(batch) for batch in batches) or 1


@pytest.mark.parametrize("lane", [HostLane, LateLane])
@pytest.mark.parametrize("slots", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_arrives_depends_on_no_number_of_slots(lane: type[Any], slots: int, seed: int) -> None:
    batches = _batches(seed, 25)
    own = lane()
    ring = StagingRing("cpu", slots, _size(batches), lane=own)
    for _ in range(2):  # the second pass finds used slots
        got = list(ring.stream(batches))
        if isinstance(own, LateLane):
            own.finish()
        assert _all_bits(got) == _all_bits(batches)


def test_a_ring_that_does_not_wait_for_a_slot_is_found_out() -> None:
    batches = _batches(3, 6)
    ring = StagingRing("cpu", 2, _size(batches), lane=(lane := LateLane()))
    got = []
    for batch in ring.stream(batches):
        got.append(batch)
        ring._copied[:] = [None] * 2  # forget what it must wait for
    lane.finish()
    assert _all_bits(got) != _all_bits(batches)


def test_a_slot_is_waited_for_before_it_is_written_again_and_only_then() -> None:
    lane = LateLane()
    ring = StagingRing("cpu", 2, 64, lane=lane)
    list(ring.stream({"x": np.array([number])} for number in range(4)))
    assert lane.log == [
        *["send 0", "send 1", "arrive 0"],
        *["wait 0", "send 2", "arrive 1"],
        *["wait 1", "send 3", "arrive 2", "arrive 3"],
    ]
    assert [len(buffer) for buffer in lane.buffers] == [64, 64]


def test_slots_are_taken_in_turn() -> None:
    lane = LateLane()
    list(StagingRing("cpu", 3, 64, lane=lane).stream({"x": np.array([number])} for number in range(9)))
    assert [line for line in lane.log if line.startswith("wait")] == [f"wait {number}" for number in range(6)]
    assert len(lane.buffers) == 3


def test_with_one_slot_nothing_is_read_ahead_and_with_more_one_less_than_slots() -> None:
    for slots in (1, 2, 4):
        read: list[int] = []

        def source(read: list[int] = read) -> Iterator[dict[str, np.ndarray]]:
            for number in range(10):
                read.append(number)
                yield {"x": np.array([number])}

        for given, _ in enumerate(StagingRing("cpu", slots, 64).stream(source()), 1):
            assert len(read) == min(given + slots - 1, 10)


def test_batches_that_share_a_ring_do_not_disturb_each_other() -> None:
    lane = LateLane()
    ring = StagingRing("cpu", 3, 64, lane=lane)
    one = ring.stream({"x": np.array([number])} for number in range(5))
    other = ring.stream({"x": np.array([-number])} for number in range(5))
    got = [(a["x"], b["x"]) for a, b in zip(one, other, strict=True)]
    lane.finish()
    assert [(int(a), int(b)) for a, b in got] == [(number, -number) for number in range(5)]


def test_a_stream_that_is_left_early_leaves_the_ring_usable() -> None:
    lane = LateLane()
    ring = StagingRing("cpu", 2, 64, lane=lane)
    left = ring.stream({"x": np.array([number])} for number in range(5))
    next(left)
    left.close()  # type: ignore[attr-defined]
    got = list(ring.stream({"x": np.array([number])} for number in range(10, 15)))
    lane.finish()
    assert [int(batch["x"]) for batch in got] == [10, 11, 12, 13, 14]


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_what_came_before_a_fault_is_given_first(slots: int) -> None:
    def source() -> Iterator[dict[str, np.ndarray]]:
        for number in range(3):
            yield {"x": np.array([number])}
        raise OSError("the disk is gone")

    got = []
    with pytest.raises(OSError, match="the disk is gone"):
        got.extend(int(batch["x"]) for batch in StagingRing("cpu", slots, 64).stream(source()))
    assert got == [0, 1, 2]


def test_nothing_that_arrives_shares_memory_with_what_was_sent_or_with_another() -> None:
    values = {"a": np.arange(4.0), "b": torch.arange(3)}
    (first, second) = StagingRing("cpu", 1, 256).stream([values, values])
    for batch in (first, second):
        batch["a"].fill_(-1.0)
    assert values["a"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert second["b"].tolist() == [0, 1, 2]
    storages = {batch[name].untyped_storage().data_ptr() for batch in (first, second) for name in "ab"}
    assert len(storages) == 4  # whoever keeps one array keeps no other


def test_a_batch_may_be_changed_once_the_next_one_is_asked_for() -> None:
    lane, values = LateLane(), np.zeros(3)

    def source() -> Iterator[dict[str, np.ndarray]]:
        for number in range(6):
            values[:] = number
            yield {"x": values}

    got = list(StagingRing("cpu", 3, 64, lane=lane).stream(source()))
    lane.finish()
    assert [batch["x"].tolist() for batch in got] == [[float(number)] * 3 for number in range(6)]


def test_views_read_only_arrays_and_further_types_of_torch_are_taken() -> None:
    frozen = np.arange(6.0).reshape(2, 3)
    frozen.flags.writeable = False
    half = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    batch = {"frozen": frozen.T[::-1], "half": half, "cut": torch.arange(9)[::2]}
    (got,) = StagingRing("cpu", 2, 1024).stream([batch])
    assert got["frozen"].tolist() == frozen.T[::-1].tolist()
    assert (got["half"].dtype, got["half"].tolist()) == (torch.bfloat16, [1.5, -2.0])
    assert got["cut"].tolist() == [0, 2, 4, 6, 8]


def test_a_pinned_tensor_is_refused_by_name() -> None:
    lane, tensor = LateLane(), torch.zeros(3)
    lane.pinned.append(tensor)
    with pytest.raises(
        InvalidInputError, match=r"staging ring, state: .*a tensor that is pinned already.*non_blocking"
    ):
        list(StagingRing("cpu", 2, 64, lane=lane).stream([{"state": tensor}]))
    assert lane.log == []


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (torch.zeros(3, device="meta"), "a tensor on meta.*needs no staging"),
        (torch.zeros(3, requires_grad=True), r"requires a gradient.*tensor\.detach\(\)"),
        (torch.zeros(3, 3).to_sparse(), "numbers that a dense tensor can hold"),
        (np.array(["a"]), "<U1"),
        (np.zeros(3, ">f8"), ">f8"),
        (np.zeros(3, "M8[D]"), "datetime64"),
        ([1.0], r"a list.*np\.asarray"),
    ],
    ids=["device", "gradient", "sparse", "text", "byte order", "date", "list"],
)
def test_what_cannot_be_staged_is_refused_by_name(values: Any, got: str) -> None:
    with pytest.raises(InvalidInputError, match=f"staging ring, state: .*{got}"):
        list(StagingRing("cpu", 2, 64).stream([{"state": values}]))


def test_a_batch_that_is_larger_than_a_slot_says_how_large_one_must_be() -> None:
    batch = {"a": np.zeros(3, np.float32), "b": np.zeros((5, 2))}
    assert bytes_needed(batch) == 64 + 80
    list(StagingRing("cpu", 1, 144).stream([batch]))
    with pytest.raises(InvalidInputError, match=r"143 bytes.*got 144 bytes: a float32 \(3,\), b.*slot_bytes=144"):
        list(StagingRing("cpu", 1, 143).stream([batch]))


def test_an_empty_batch_arrives_empty() -> None:
    assert bytes_needed({}) == 0
    assert list(StagingRing("cpu", 2, 1).stream([{}, {}])) == [{}, {}]


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, None])
def test_numbers_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="staging ring, slots"):
        StagingRing("cpu", wrong, 64)
    with pytest.raises(InvalidInputError, match="staging ring, slot_bytes"):
        StagingRing("cpu", 2, wrong)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInputError, match="staging ring, device: expected cpu or cuda; got meta"):
        StagingRing("meta", 2, 64)
    if not torch.cuda.is_available():
        with pytest.raises(BackendUnavailableError, match=f"none, in torch {torch.__version__}".replace("+", r"\+")):
            StagingRing("cuda", 2, 64)
