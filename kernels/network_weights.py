"""What the weights of the networks share: their check, and the device that they are computed on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kernels.errors import BackendUnavailableError, InvalidInputError

Weights = dict[str, npt.NDArray[np.float32]]
"""The arrays of a network by name, C-contiguous."""

DEVICES = ("cpu", "cuda")
"""Where networks can be computed."""


def require_arrays(
    network: str,
    weights: Mapping[str, npt.NDArray[np.float32]],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    positive: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
) -> None:
    """Check the weights of a network.

    Args:
        network: its name, for errors.
        weights: to check.
        shapes: the shape of each array that there must be.
        positive: arrays whose values must be above 0.
        not_negative: arrays whose values must be from 0.

    Raises:
        InvalidInputError: a missing or unknown name, a wrong shape or dtype, not C-contiguous, or a value that isn't
            finite or lies outside its range.
    """
    if set(weights) != set(shapes):
        raise InvalidInputError(
            f"weights of {network}",
            expected=f"the names {', '.join(shapes)}",
            got=f"missing: {sorted(set(shapes) - set(weights))}; unknown: {sorted(set(weights) - set(shapes))}",
            mend="pass weights that were trained with this version",
        )
    for name, shape in shapes.items():
        values = weights[name]
        if values.dtype != np.float32 or values.shape != shape or not values.flags.c_contiguous:
            raise InvalidInputError(
                f"weights of {network}, {name}",
                expected=f"C-contiguous float32 of shape {shape}",
                got=f"{values.dtype} of shape {values.shape}, C-contiguous: {values.flags.c_contiguous}",
                mend="pass weights that were trained with the same settings",
            )
        above, least = name in positive, name in not_negative
        fit = np.isfinite(values) & ((values > 0.0) | (not above)) & ((values >= 0.0) | (not least))
        if not fit.all():
            raise InvalidInputError(
                f"weights of {network}, {name}",
                expected="finite numbers" + (" above 0" if above else " from 0" if least else ""),
                got=f"{float(values[~fit][0])} at {tuple(np.argwhere(~fit)[0].tolist())}",
                mend="train the network again: these weights are damaged",
            )


def require_device(what: str, device: str) -> None:
    """Check that PyTorch can compute on a device.

    Args:
        what: is computed there, for errors.
        device: out of `DEVICES`.

    Raises:
        InvalidInputError: another device.
        BackendUnavailableError: "cuda" where PyTorch has no CUDA device.
    """
    if device not in DEVICES:
        raise InvalidInputError(
            f"device of {what}", expected=f"one of {', '.join(DEVICES)}", got=repr(device), mend="use one of these"
        )
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BackendUnavailableError(
            f"device of {what}",
            expected="a CUDA device that PyTorch can use",
            got=f"none, in torch {torch.__version__}",
            mend='use "cpu", or install PyTorch with CUDA on a machine with an NVIDIA GPU',
        )
