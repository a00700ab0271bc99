"""The settings of the quantile network and of its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernels.network_settings import (
    MEDIAN,
    require_median,
    require_network_settings,
    require_setting,
    settings_as_json,
    settings_from_json,
)
from kernels.volatility.forecasts import DEFAULT_HORIZONS, DEFAULT_LEVELS, require_horizons, require_levels


@dataclass(frozen=True)
class NetworkConfig:
    """The settings of the quantile network and of its training.

    Attributes:
        hidden: units of either hidden layer, at least 1.
        seeds: one network is trained for each, from its own start and in its own order of the rows; the forecast is
            their mean. Different integers from 0 to 2^63 - 1.
        epochs: passes over the rows that the learning rate falls over, at least 1.
        patience: epochs without a better held-out loss after which training stops, at least 1.
        batch_rows: rows of a step at most, for each seed; at least 1.
        micro_batches: parts that a batch is computed in, to save memory, at least 1; the step is that of the whole.
        learning_rate: of AdamW, at the first step; above 0.
        weight_decay: of AdamW, from 0; applies to all that is trained, the middle quantiles excepted.
        precision: of the forward pass in training, one of `PRECISIONS`.
        horizons: in sessions, strictly rising.
        levels: quantile levels, strictly rising, 0.5 among them with others on either side.

    Raises:
        InvalidInputError: a value outside its range, named by field.
    """

    hidden: int = 24
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 12
    patience: int = 3
    batch_rows: int = 4096
    micro_batches: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    precision: str = "float32"
    horizons: tuple[int, ...] = DEFAULT_HORIZONS
    levels: tuple[float, ...] = DEFAULT_LEVELS

    def __post_init__(self) -> None:
        require_network_settings(self, ("hidden", "epochs", "patience", "batch_rows", "micro_batches"))
        require_setting(self, "horizons", isinstance(self.horizons, tuple), "a tuple")
        require_horizons(self.horizons)
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
    def from_json(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Make settings of what `as_json` returned; a key that isn't there has its default.

        Raises:
            InvalidInputError: an unknown key, or a value outside its range.
        """
        return settings_from_json(cls, values)
