"""`ActionValues`: what a trained network says of windows, states and actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.action_values.config import ActionValueConfig, Terms
from kernels.action_values.inputs import ACTION_COLUMNS, CHANNEL_COUNT, STATE_COLUMNS, pair_inputs, window_inputs
from kernels.action_values.network import as_tensors, encode, quantiles_of_seeds, require_weights
from kernels.errors import InvalidInputError
from kernels.memory import as_rows
from kernels.network_weights import Weights, require_device
from kernels.torch_threads import one_thread

if TYPE_CHECKING:
    import torch

WINDOW_BLOCK, PAIR_BLOCK = 256, 2048
"""Windows and pairs computed at once; a part of a block is filled up. A product of one fixed shape rounds one way."""


@dataclass(frozen=True)
class ActionValues:
    """A trained network, ready to be asked.

    Attributes:
        config: of the network.
        terms: of the dataset that it was trained on.
        weights: of the network.
        device: "cpu" or "cuda".

    Raises:
        InvalidInputError: weights that don't belong to config and terms, or an unknown device.
        BackendUnavailableError: "cuda" where PyTorch has no CUDA device.
    """

    config: ActionValueConfig
    terms: Terms
    weights: Weights
    device: str = "cpu"

    def __post_init__(self) -> None:
        require_weights(self.config, self.terms.lookback, self.weights)
        if self.device != "cpu":
            require_device("the action values", self.device)

    @property
    def levels(self) -> tuple[float, ...]:
        """Of the quantiles, strictly rising."""
        return self.config.levels

    @property
    def forward(self) -> int:
        """Sessions that the quantiles look ahead."""
        return self.terms.forward

    @property
    def lookback(self) -> int:
        """Bars of a window."""
        return self.terms.lookback

    def quantiles(
        self,
        windows: npt.NDArray[np.float32],
        states: npt.NDArray[np.float32],
        actions: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float64]:
        """Say how actions will turn out.

        Each row's bytes depend on its own window, state and action only: not on the other rows, nor on their number or
        order. Each window is encoded once.

        Args:
            windows: float32 [N, lookback, 5], as `kernels.samples.gather_windows` gives them.
            states: float32 [N, 15], the state columns of `kernels.samples` in their order; NaN = no such leg.
            actions: float32 [N, A, 7], the action columns in their order; NaN = no such leg. Of a hold only the first
                column is looked at.

        Returns:
            float64 [N, A, Q], quantiles of log(1 + total return) over `forward` sessions after all costs, not falling
            along Q. NaN where the window has a NaN or the equity isn't above 0.

        Raises:
            InvalidInputError: a wrong shape or dtype, or actions whose pairs don't follow each other in memory.
        """
        _require_shapes(self.lookback, windows, states, actions)
        import torch

        count, choices = actions.shape[:2]
        made = np.empty((count * choices, len(self.levels)))
        pairs = as_rows(actions)
        with torch.inference_mode(), one_thread():
            network = as_tensors(self.weights, self.device)
            encoded, volatility, gap = self._encoded(network, windows)
            for first, last in _blocks(len(pairs), PAIR_BLOCK):
                own = np.zeros(PAIR_BLOCK, dtype=np.int64)
                own[: last - first] = np.arange(first, last) // choices
                chosen = torch.from_numpy(own).to(self.device)
                state, action = (
                    torch.from_numpy(_filled(each, PAIR_BLOCK)).to(self.device)
                    for each in (states[own[: last - first]], pairs[first:last])
                )
                told = pair_inputs(state, action, volatility[chosen], gap[chosen], self.terms)
                quantiles = quantiles_of_seeds(network, self.config.median, encoded[:, chosen], told.features.float())
                relative = quantiles.double().mean(dim=0)
                values = told.location[:, None] + told.scale[:, None] * relative
                made[first:last] = values.cpu().numpy()[: last - first]
        return made.reshape(count, choices, len(self.levels))

    def _encoded(
        self, network: Mapping[str, torch.Tensor], windows: npt.NDArray[np.float32]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the windows say: [S, N', hidden], and their volatilities and gaps [N']; N' is N filled up, above 0."""
        import torch

        parts = []
        for first, last in _blocks(max(len(windows), 1), WINDOW_BLOCK):
            block = _filled(windows[first:last], WINDOW_BLOCK)
            told = window_inputs(torch.from_numpy(block).to(self.device), self.terms, self.config.window)
            parts.append((encode(network, told.features.float()), told.volatility, told.gap))
        encoded, volatility, gap = zip(*parts, strict=True)
        return torch.cat(encoded, dim=1), torch.cat(volatility), torch.cat(gap)


def _blocks(count: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, size):
        yield first, min(first + size, count)


def _filled(rows: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """The rows in a new array of `size` of them, those at its end 1."""
    block = np.ones((size, *rows.shape[1:]), dtype=np.float32)
    block[: len(rows)] = rows
    return block


def _require_shapes(
    lookback: int,
    windows: npt.NDArray[np.float32],
    states: npt.NDArray[np.float32],
    actions: npt.NDArray[np.float32],
) -> None:
    count = windows.shape[0] if windows.ndim else 0
    choices = actions.shape[1] if actions.ndim == 3 else 0
    wanted = {
        "windows": (windows, (count, lookback, CHANNEL_COUNT)),
        "states": (states, (count, STATE_COLUMNS)),
        "actions": (actions, (count, choices, ACTION_COLUMNS)),
    }
    for name, (values, shape) in wanted.items():
        if values.dtype != np.float32 or values.shape != shape:
            letters = {"windows": "[N, lookback, 5]", "states": "[N, 15]", "actions": "[N, A, 7]"}[name]
            raise InvalidInputError(
                f"ActionValues.quantiles, {name}",
                expected=f"float32 {letters}, here {shape}",
                got=f"{values.dtype} of shape {values.shape}",
                mend="pass windows of gather_windows, and the raw columns of states and actions in their order",
            )
