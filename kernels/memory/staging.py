"""Batches from the host to a device through a ring of pinned buffers, so that copies run while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory.bridge import DTYPES
from kernels.memory.copy_lanes import CopyLane, CudaLane, Event, HostLane

if TYPE_CHECKING:
    import torch

    Staged = dict[str, torch.Tensor]

ALIGNMENT = 64
"""Bytes; each array of a batch begins at a multiple of it."""


class _Part(NamedTuple):
    """An array of a batch, and where it lies in the slot."""

    name: str
    values: Any
    dtype: str
    shape: tuple[int, ...]
    begin: int
    stop: int


class StagingRing:
    """Copies batches to a device, some of them ahead. Use it from one thread.

    Attributes:
        device: where the batches go.
        slots: buffers; so many batches are on their way at a time, and so many more are in the device's memory.
        slot_bytes: bytes of each buffer, in the host's pinned memory.
    """

    def __init__(
        self, device: str | torch.device, slots: int, slot_bytes: int, *, lane: CopyLane | None = None
    ) -> None:
        """No memory is taken before the first batch.

        Args:
            device: "cpu", "cuda" or "cuda:1". On the CPU the same is done with plain buffers.
            slots: at least 1. With 1, a batch is copied while the one before is computed with, as long as the host
                doesn't wait for results; with 2 or more also if it does.
            slot_bytes: what the largest batch needs, as `bytes_needed` tells; at least 1.
            lane: how copies are made; None = as the device wants it.

        Raises:
            InvalidInputError: no such device, or numbers that make no sense.
            BackendUnavailableError: "cuda" where torch can't use a CUDA device.
        """
        import torch

        self.device = torch.device(device)
        for name, value in (("slots", slots), ("slot_bytes", slot_bytes)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidInputError(
                    f"staging ring, {name}",
                    expected="a whole number, at least 1",
                    got=repr(value),
                    mend=f"pass {name}=2, say" if name == "slots" else "pass what bytes_needed(batch) tells",
                )
        self.slots, self.slot_bytes = slots, slot_bytes
        self._lane = _lane_to(self.device) if lane is None else lane
        self._buffers: list[torch.Tensor] = []
        self._copied: list[Event | None] = [None] * slots
        self._next = 0

    def stream(self, batches: Iterable[Mapping[str, npt.NDArray[Any] | torch.Tensor]]) -> Iterator[Staged]:
        """The batches on the device, in their order; each array is a tensor of its own, with the same bits.

        Up to `slots` - 1 batches are read ahead. If `batches` fails, what came before is given first. A batch may be
        changed, or dropped, as soon as the next one has been asked of `batches`.

        Args:
            batches: arrays of the host, by name: NumPy's, or torch's that aren't pinned.

        Raises:
            InvalidInputError: an array that is on a device or pinned already, that no tensor can be made of, that
                requires a gradient, or a batch that is larger than a slot; the error names it.
        """
        waiting: deque[tuple[tuple[str, ...], list[torch.Tensor], Event]] = deque()
        source = iter(batches)
        failure: Exception | None = None
        while failure is None:
            try:
                waiting.append(self._send(next(source)))
            except StopIteration:
                break
            except Exception as error:
                # Raised below: what comes before the fault doesn't depend on how far ahead is read.
                failure = error
            if len(waiting) == self.slots:
                yield self._arrive(*waiting.popleft())
        while waiting:
            yield self._arrive(*waiting.popleft())
        if failure is not None:
            raise failure

    def _send(
        self, batch: Mapping[str, npt.NDArray[Any] | torch.Tensor]
    ) -> tuple[tuple[str, ...], list[torch.Tensor], Event]:
        import torch

        parts = _laid_out(batch)
        self._require_stageable(parts)
        slot = self._next
        if slot == len(self._buffers):
            self._buffers.append(self._lane.buffer(self.slot_bytes))
        before = self._copied[slot]
        if before is not None:
            before.synchronize()
        filled = []
        for part in parts:
            place = self._buffers[slot][part.begin : part.stop].view(getattr(torch, part.dtype)).view(part.shape)
            if isinstance(part.values, np.ndarray):
                place.numpy()[...] = part.values
            else:
                place.copy_(part.values)
            filled.append(place)
        sent, copied = self._lane.send(filled)
        self._copied[slot] = copied
        self._next = (slot + 1) % self.slots
        return tuple(part.name for part in parts), sent, copied

    def _arrive(self, names: tuple[str, ...], sent: list[torch.Tensor], copied: Event) -> Staged:
        self._lane.arrive(sent, copied)
        return dict(zip(names, sent, strict=True))

    def _require_stageable(self, parts: list[_Part]) -> None:
        for part in parts:
            if isinstance(part.values, np.ndarray):
                continue
            if part.values.device.type != "cpu":
                got, mend = f"a tensor on {part.values.device}", "leave it out of the batches: it needs no staging"
            elif self._lane.is_pinned(part.values):
                mend = "copy it yourself with tensor.to(device, non_blocking=True), or don't pin it"
                got = "a tensor that is pinned already"
            elif part.values.requires_grad:
                got, mend = "a tensor that requires a gradient, which would be lost", "pass tensor.detach()"
            else:
                continue
            raise _wrong(part.name, "plain memory of the host", got, mend)
        needed = parts[-1].stop if parts else 0
        if needed > self.slot_bytes:
            sizes = ", ".join(f"{part.name} {part.dtype} {part.shape}" for part in parts)
            raise InvalidInputError(
                "staging ring, batch",
                expected=f"at most {self.slot_bytes:,} bytes, the size of a slot",
                got=f"{needed:,} bytes: {sizes}",
                mend=f"pass slot_bytes={needed} or more to StagingRing, or make smaller batches",
            )


def bytes_needed(batch: Mapping[str, npt.NDArray[Any] | torch.Tensor]) -> int:
    """The bytes that a batch takes in a slot; more than the sum of its arrays, since each is aligned.

    Raises:
        InvalidInputError: an array that no tensor can be made of.
    """
    parts = _laid_out(batch)
    return parts[-1].stop if parts else 0


def _laid_out(batch: Mapping[str, Any]) -> list[_Part]:
    import torch

    parts: list[_Part] = []
    stop = 0
    for name, values in batch.items():
        if isinstance(values, np.ndarray):
            dtype, plain = values.dtype.name, values.dtype.name in DTYPES and values.dtype.isnative
        elif isinstance(values, torch.Tensor):
            dtype = str(values.dtype).removeprefix("torch.")
            plain = values.layout == torch.strided and not values.is_quantized
        else:
            raise _wrong(name, "an array or a tensor", f"a {type(values).__name__}", "pass np.asarray(values)")
        if not plain:
            raise _wrong(name, "numbers that a dense tensor can hold", f"{values.dtype}", "convert it first")
        begin = -(-stop // ALIGNMENT) * ALIGNMENT
        stop = begin + values.itemsize * int(np.prod(values.shape, dtype=np.int64))
        parts.append(_Part(name, values, dtype, tuple(values.shape), begin, stop))
    return parts


def _lane_to(device: torch.device) -> CopyLane:
    import torch

    if device.type == "cpu":
        return HostLane()
    if device.type != "cuda":
        raise InvalidInputError("staging ring, device", expected="cpu or cuda", got=str(device), mend='pass "cuda"')
    if not torch.cuda.is_available():
        raise BackendUnavailableError(
            "staging ring, device",
            expected="a CUDA device that torch can use",
            got=f"none, in torch {torch.__version__}",
            mend='pass "cpu", or install a torch with CUDA on a machine with an NVIDIA GPU',
        )
    return CudaLane(device)


def _wrong(name: str, expected: str, got: str, mend: str) -> InvalidInputError:
    return InvalidInputError(f"staging ring, {name}", expected=expected, got=got, mend=mend)
