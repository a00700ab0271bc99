"""Rows through a network in blocks of one fixed shape, on one device and one thread.

A matrix product may round otherwise in a batch of another size or on another number of threads. Here neither ever
changes, so a row gives the same bytes alone and in any batch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.torch_threads import one_thread

if TYPE_CHECKING:
    import torch

BLOCK_ROWS = 2048
"""Rows of each block; a part of a block is filled up with rows of 0."""


def in_blocks(
    compute: Callable[["torch.Tensor"], "torch.Tensor"],
    inputs: npt.NDArray[np.float32],
    outputs: tuple[int, ...],
    device: str,
) -> npt.NDArray[np.float32]:
    """Compute each row's output.

    Args:
        compute: from float32 [BLOCK_ROWS, F] to float32 [BLOCK_ROWS, *outputs], both on `device`; a row's output
            depends on no other row.
        inputs: float32 [N, F].
        outputs: shape of a row's output.
        device: "cpu" or "cuda".

    Returns:
        float32 [N, *outputs].
    """
    import torch

    made = np.empty((len(inputs), *outputs), dtype=np.float32)
    with torch.inference_mode(), one_thread():
        # A block of torch's own is aligned as torch likes it, wherever the inputs lie.
        block = torch.zeros((BLOCK_ROWS, inputs.shape[1]), dtype=torch.float32)
        rows = block.numpy()
        for first in range(0, len(inputs), BLOCK_ROWS):
            part = inputs[first : first + BLOCK_ROWS]
            rows[: len(part)] = part
            rows[len(part) :] = 0.0
            made[first : first + len(part)] = compute(block.to(device)).cpu().numpy()[: len(part)]
    return made


def require_device(device: str) -> None:
    """Check that torch can compute on a device.

    Raises:
        InvalidInputError: neither "cpu" nor "cuda".
        BackendUnavailableError: "cuda" where there is no GPU that torch can use.
    """
    if device not in ("cpu", "cuda"):
        raise InvalidInputError(
            "device of the forecaster",
            expected="cpu or cuda",
            got=repr(device),
            mend="correct `device` of the resource `forecaster`",
        )
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BackendUnavailableError(
            "device of the forecaster",
            expected="a GPU that torch can use",
            got=f"none, in torch {torch.__version__}",
            mend="set `device` of the resource `forecaster` to cpu, or install torch with CUDA on a machine with a GPU",
        )
