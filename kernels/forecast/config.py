"""The settings of the quantile network and of its training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any

from kernels.errors import InvalidInputError
from kernels.volatility.forecasts import DEFAULT_HORIZONS, DEFAULT_LEVELS, require_horizons, require_levels

PRECISIONS = ("float32", "bfloat16")
"""What the forward pass of training may be computed in; weights and the loss are float32 always."""

MEDIAN = 0.5
"""The level that the other quantiles are counted from."""


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
        for name in ("hidden", "epochs", "patience", "batch_rows", "micro_batches"):
            _require(_is_integer(getattr(self, name)) and getattr(self, name) >= 1, self, name, "an integer from 1")
        different = isinstance(self.seeds, tuple) and 0 < len(self.seeds) == len(set(self.seeds))
        fit = different and all(_is_integer(seed) and 0 <= seed < 2**63 for seed in self.seeds)
        _require(fit, self, "seeds", "a tuple of different integers from 0 to 2^63 - 1")
        _require(_is_number(self.learning_rate) and self.learning_rate > 0.0, self, "learning_rate", "a number above 0")
        _require(_is_number(self.weight_decay) and self.weight_decay >= 0.0, self, "weight_decay", "a number from 0")
        _require(self.precision in PRECISIONS, self, "precision", f"one of {', '.join(PRECISIONS)}")
        for name in ("horizons", "levels"):
            _require(isinstance(getattr(self, name), tuple), self, name, "a tuple")
        require_horizons(self.horizons)
        require_levels(self.levels)
        within = MEDIAN in self.levels and self.levels[0] < MEDIAN < self.levels[-1]
        _require(within, self, "levels", "0.5 among the levels, with others on either side")

    @property
    def median(self) -> int:
        """The place of 0.5 among the levels."""
        return self.levels.index(MEDIAN)

    def as_json(self) -> dict[str, Any]:
        """The settings as numbers, strings and lists."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Make settings of what `as_json` returned; a key that isn't there has its default.

        Raises:
            InvalidInputError: an unknown key, or a value outside its range.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise InvalidInputError(
                    f"NetworkConfig.{name}",
                    expected=f"a setting out of {', '.join(known)}",
                    got=f"the unknown key {name!r}",
                    mend="correct the spelling or remove it",
                )
        arguments: dict[str, Any] = {
            name: tuple(each) if isinstance(each, list) else each for name, each in values.items()
        }
        return cls(**arguments)


def _require(fit: bool, config: NetworkConfig, name: str, expected: str) -> None:
    if not fit:
        raise InvalidInputError(
            f"NetworkConfig.{name}",
            expected=expected,
            got=repr(getattr(config, name)),
            mend=f"correct {name} of the network",
        )


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
