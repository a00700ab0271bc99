"""Makes batches out of the rows of a unit: gathers windows and scales inputs, with NumPy, or with torch on a device.

Both do the same float32 operations, one rounding each, so both give the same bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kernels.memory import unfold_windows
from kernels.samples import gather_windows

if TYPE_CHECKING:
    import torch

Batch = dict[str, npt.NDArray[Any]]
Float32Array1D = npt.NDArray[np.float32]
Scaler = tuple[Float32Array1D, Float32Array1D]
"""Mean and standard deviation of each column, float32."""


@dataclass(frozen=True)
class BatchMaker:
    """Makes batches of NumPy arrays.

    Attributes:
        panel: float32 [S, T, 5] to gather windows from; None = they are among the rows, or aren't wanted.
        lookback: bars of a window.
        scalers: by name of the batch's array; empty = nothing is scaled.
    """

    panel: npt.NDArray[np.float32] | None
    lookback: int
    scalers: Mapping[str, Scaler]

    def __call__(self, rows: Batch, first: int, last: int) -> Batch:
        """Rows `first` to `last` of a unit. They are views of `rows`, and scaled in place: make each batch once."""
        batch = {name: values[first:last] for name, values in rows.items()}
        if self.panel is not None:
            # By one thread: Numba's are unsafe after a fork, and slower than one where others use the CPUs too.
            batch["window"] = gather_windows(self.panel, batch["instrument"], batch["session"], self.lookback)
        for name, (mean, deviation) in self.scalers.items():
            if name in batch:
                _scale(batch[name], mean, deviation)
        return batch


class TorchBatchMaker:
    """Makes batches of tensors on a device, where the panel lies too. As `BatchMaker`, with the same bits."""

    def __init__(self, maker: BatchMaker, device: "torch.device") -> None:
        import torch

        self._lookback = maker.lookback
        self._panel = None if maker.panel is None else torch.tensor(maker.panel, device=device)
        self._scalers = {
            name: (torch.tensor(mean, device=device), torch.tensor(deviation, device=device))
            for name, (mean, deviation) in maker.scalers.items()
        }

    def __call__(self, rows: "dict[str, torch.Tensor]", first: int, last: int) -> "dict[str, torch.Tensor]":
        """Rows `first` to `last` of a unit that is on the device. They are scaled in place: make each batch once."""
        batch = {name: values[first:last] for name, values in rows.items()}
        if self._panel is not None:
            batch["window"] = gather_on_device(self._panel, batch["instrument"], batch["session"], self._lookback)
        for name, (mean, deviation) in self._scalers.items():
            if name in batch:
                values = batch[name].sub_(mean).div_(deviation)
                values.masked_fill_(values.isnan(), 0.0)
        return batch


def gather_on_device(
    panel: "torch.Tensor", instrument: "torch.Tensor", session: "torch.Tensor", lookback: int
) -> "torch.Tensor":
    """`kernels.samples.gather_windows` in torch, on the device of its arguments, unchecked."""
    windows: torch.Tensor = unfold_windows(panel, lookback)[instrument.long(), session.long() + (1 - lookback)]
    # Tensors, not numbers: torch multiplies by the reciprocal of a number, which rounds twice.
    last = windows[:, -1:].clone()
    windows[..., :4].div_(last[..., 3:4])
    windows[..., 4].sub_(last[..., 4])
    return windows


def scalers_of(stored: Mapping[str, Sequence[float]], columns: Mapping[str, Sequence[str]]) -> dict[str, Scaler]:
    """The scalers of the inputs out of those of the manifest.

    Args:
        stored: mean and standard deviation by column; they say 0 and 1 where a column has none.
        columns: the columns of each array of a batch. Those without a scaler (codes, counts) stay as they are.
    """
    scalers = {}
    for name, names in columns.items():
        pairs = np.array([stored.get(each, (0.0, 1.0)) for each in names], dtype=np.float32)
        scalers[name] = (pairs[:, 0].copy(), pairs[:, 1].copy())
    return scalers


def _scale(values: npt.NDArray[np.float32], mean: Float32Array1D, deviation: Float32Array1D) -> None:
    """(values - mean) / deviation in place over the last axis; NaN becomes 0, the mean."""
    # As wide rows: NumPy is slow where the last axis is as short as the channels of a window.
    repeats = values[0:1].size // len(mean)
    wide = values.reshape(len(values), -1)
    np.subtract(wide, np.tile(mean, repeats), out=wide)
    np.divide(wide, np.tile(deviation, repeats), out=wide)
    wide[np.isnan(wide)] = 0.0
