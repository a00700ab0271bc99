"""Rows through a network in blocks of one fixed shape, on one device and one thread.

A matrix product may round otherwise in a batch of another size or on another number of threads. Here neither ever
changes, so a row gives the same bytes alone and in any batch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.errors import BackendUnavailableError
from kernels.memory import in_chunks, release
from kernels.torch_threads import one_thread

if TYPE_CHECKING:
    import torch

BLOCK_ROWS = 2048
"""Rows of each block; a part of a block is filled up with rows of 0."""


class _Torch:
    """What `in_chunks` asks of a device, where torch alone has arrays."""

    def __init__(self) -> None:
        self.chunks: list[int] = []
        self.records = 0

    def release(self) -> None:
        release()


def in_blocks(
    compute: Callable[["torch.Tensor"], "torch.Tensor"],
    inputs: npt.NDArray[np.float32],
    outputs: tuple[int, ...],
    device: str,
) -> npt.NDArray[np.float32]:
    """Compute each row's output. Inputs go to a GPU once, all together, or by halves where they don't fit.

    Args:
        compute: from float32 [BLOCK_ROWS, F] to float32 [BLOCK_ROWS, *outputs], both on `device`; a row's output
            depends on no other row.
        inputs: float32 [N, F].
        outputs: shape of a row's output.
        device: "cpu" or "cuda".

    Returns:
        float32 [N, *outputs].

    Raises:
        BackendUnavailableError: a single block doesn't fit the GPU's memory.
    """
    import torch

    made = np.empty((len(inputs), *outputs), dtype=np.float32)
    blocks = -(-len(inputs) // BLOCK_ROWS)

    def work(begin: int, stop: int) -> None:
        rows = slice(begin * BLOCK_ROWS, min(stop * BLOCK_ROWS, len(inputs)))
        part = inputs[rows]
        # Memory of torch's own is aligned as torch likes it, wherever the inputs lie.
        padded = torch.zeros(((stop - begin) * BLOCK_ROWS, inputs.shape[1]), dtype=torch.float32)
        padded.numpy()[: len(part)] = part
        there = padded.to(device)
        out = torch.empty((len(padded), *outputs), dtype=torch.float32, device=device)
        for first in range(0, len(padded), BLOCK_ROWS):
            block = slice(first, first + BLOCK_ROWS)
            out[block] = compute(there[block])
        made[rows] = out.cpu().numpy()[: len(part)]

    with torch.inference_mode(), one_thread():
        if device == "cpu":
            # The host's memory is no reason to compute on all at once, and its cache one not to.
            for block in range(blocks):
                work(block, block + 1)
        else:
            in_chunks(_Torch(), [(0, blocks)] if blocks else [], work, _no_room)
    return made


def _no_room(block: int, got: str) -> BackendUnavailableError:
    return BackendUnavailableError(
        "memory of the GPU",
        expected=f"room for {BLOCK_ROWS:,} rows of the network, those of block {block}",
        got=got,
        mend="set `device` of the resource `forecaster` to cpu, or end what else is on the GPU",
    )
