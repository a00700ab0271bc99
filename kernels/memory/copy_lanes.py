"""How copies to a device run while it computes: what `StagingRing` needs of CUDA, and the same on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class Event(Protocol):
    """The end of a copy."""

    def synchronize(self) -> None:
        """Wait, on the host, until the copy is done."""


class CopyLane(Protocol):
    """Where copies to one device run, in order."""

    def buffer(self, size: int) -> torch.Tensor:
        """Memory of the host that copies may be made from: uint8 [size]."""

    def is_pinned(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor lies in memory that copies may be made from already."""

    def send(self, parts: list[torch.Tensor]) -> tuple[list[torch.Tensor], Event]:
        """Begin to copy parts of a buffer to new tensors on the device. They are undefined before `arrive`."""

    def arrive(self, sent: list[torch.Tensor], copied: Event) -> None:
        """Let the work that is given to the device from now on wait for a copy."""


class HostLane:
    """The CPU: buffers are plain memory, and a copy is done when it has been begun."""

    def buffer(self, size: int) -> torch.Tensor:
        """As `CopyLane.buffer`."""
        import torch

        return torch.empty(size, dtype=torch.uint8)

    def is_pinned(self, tensor: torch.Tensor) -> bool:  # noqa: ARG002 the CPU needs no such thing
        """As `CopyLane.is_pinned`."""
        return False

    def send(self, parts: list[torch.Tensor]) -> tuple[list[torch.Tensor], Event]:
        """As `CopyLane.send`."""
        return [part.clone() for part in parts], _Done()

    def arrive(self, sent: list[torch.Tensor], copied: Event) -> None:
        """As `CopyLane.arrive`."""


class CudaLane:
    """A CUDA device: buffers are pinned, and copies run on a stream of their own."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def buffer(self, size: int) -> torch.Tensor:
        """As `CopyLane.buffer`."""
        import torch

        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def is_pinned(self, tensor: torch.Tensor) -> bool:
        """As `CopyLane.is_pinned`."""
        return tensor.is_pinned()

    def send(self, parts: list[torch.Tensor]) -> tuple[list[torch.Tensor], Event]:
        """As `CopyLane.send`."""
        import torch

        with torch.cuda.stream(self._stream):
            sent = [part.to(self._device, non_blocking=True) for part in parts]
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record(self._stream)
        return sent, copied

    def arrive(self, sent: list[torch.Tensor], copied: Event) -> None:
        """As `CopyLane.arrive`."""
        import torch

        computing = torch.cuda.current_stream(self._device)
        computing.wait_event(copied)  # type: ignore[arg-type]
        for tensor in sent:
            # It was made on the copies' stream, which must not use its memory again before the computing is done.
            tensor.record_stream(computing)


class _Done:
    def synchronize(self) -> None:
        """Nothing to wait for."""
