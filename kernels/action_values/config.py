"""The settings of the action-value network and of its training, and what the labels of its samples rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kernels.network_settings import (
    MEDIAN,
    is_integer,
    require_median,
    require_network_settings,
    require_setting,
    settings_as_json,
    settings_from_json,
)
from kernels.trading.model import Costs
from kernels.volatility.forecasts import DEFAULT_LEVELS, require_levels

WINDOW_KINDS = ("volatility", "activity", "full")
"""What the network is told of a window: how much it moved on the whole; of late too; or its directions, ranges, gaps
and volumes as well. With a few hundred train sessions the last costs more than it tells: README."""

_WHOLE = ("encoder", "hidden", "epochs", "batch_rows", "accumulation", "check_steps", "patience")


@dataclass(frozen=True)
class Terms:
    """What the labels of a dataset rest on, and with them everything that the network says.

    Attributes:
        lookback: bars of a window, at least 3.
        forward: sessions that a label looks ahead, at least 1.
        costs: what the simulator charges.

    Raises:
        InvalidInputError: a value outside its range, named by field.
    """

    lookback: int
    forward: int
    costs: Costs = field(default_factory=Costs)

    def __post_init__(self) -> None:
        for name, least in (("lookback", 3), ("forward", 1)):
            value = getattr(self, name)
            require_setting(self, name, is_integer(value) and value >= least, f"an integer from {least}")
        require_setting(self, "costs", isinstance(self.costs, Costs), "kernels.trading.Costs")

    def as_json(self) -> dict[str, Any]:
        """The terms as numbers and an object."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Terms:
        """Make terms of what `as_json` returned, or of the settings of a dataset's manifest, whose rest is left out.

        Raises:
            KeyError: a term is missing.
            InvalidInputError: a value outside its range.
        """
        return cls(values["lookback"], values["forward"], Costs(**values["costs"]))


@dataclass(frozen=True)
class ActionValueConfig:
    """The settings of the action-value network and of its training.

    Attributes:
        window: what the network is told of a window, one of `WINDOW_KINDS`.
        encoder: units of the layer that sees the window, at least 1.
        hidden: units of either layer that sees window, state and action, at least 1.
        seeds: one network is trained for each, from its own start, on the same batches; the forecast is their mean.
            Different integers from 0 to 2^63 - 1.
        epochs: passes over the training rows that the learning rate falls over, at least 1.
        batch_rows: rows of a batch at most; at least 1.
        accumulation: batches whose gradients are added up for one step, at least 1; the step is that of one batch of
            all their rows.
        check_steps: steps from one measurement of the held-out loss to the next, at least 1.
        patience: measurements without a better held-out loss after which training stops, at least 1.
        learning_rate: of AdamW, at the first step; above 0.
        weight_decay: of AdamW, from 0.
        precision: of the matrix products in training, one of `PRECISIONS`.
        levels: quantile levels, strictly rising, 0.5 among them with others on either side.

    Raises:
        InvalidInputError: a value outside its range, named by field.
    """

    window: str = "activity"
    encoder: int = 16
    hidden: int = 128
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 8
    batch_rows: int = 4096
    accumulation: int = 1
    check_steps: int = 50
    patience: int = 6
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    precision: str = "float32"
    levels: tuple[float, ...] = DEFAULT_LEVELS

    def __post_init__(self) -> None:
        require_network_settings(self, _WHOLE)
        require_setting(self, "window", self.window in WINDOW_KINDS, f"one of {', '.join(WINDOW_KINDS)}")
        require_levels(self.levels)
        require_median(self)

    @property
    def median(self) -> int:
        """The place of 0.5 among the levels."""
        return self.levels.index(MEDIAN)

    def as_json(self) -> dict[str, Any]:
        """The settings as numbers, strings and lists."""
        return settings_as_json(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ActionValueConfig:
        """Make settings of what `as_json` returned; a key that isn't there has its default.

        Raises:
            InvalidInputError: an unknown key, or a value outside its range.
        """
        return settings_from_json(cls, values)
