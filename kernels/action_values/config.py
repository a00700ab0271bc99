"""The settings of the action-value network and of its training, and what the labels of its samples rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from kernels.errors import InvalidInputError
from kernels.trading.model import Costs
from kernels.volatility.forecasts import DEFAULT_LEVELS, require_levels

PRECISIONS = ("float32", "bfloat16")
"""What the matrix products of training may be computed in; weights, features and the loss never are bfloat16."""

WINDOW_KINDS = ("volatility", "activity", "full")
"""What the network is told of a window: how much it moved on the whole; of late too; or its directions, ranges, gaps
and volumes as well. With a few hundred train sessions the last costs more than it tells: README."""

MEDIAN = 0.5
"""The level that the other quantiles are counted from."""

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
            _require(_is_integer(value) and value >= least, "Terms", name, f"an integer from {least}", value)
        _require(isinstance(self.costs, Costs), "Terms", "costs", "kernels.trading.Costs", self.costs)

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
        for name in _WHOLE:
            self._require(_is_integer(getattr(self, name)) and getattr(self, name) >= 1, name, "an integer from 1")
        different = isinstance(self.seeds, tuple) and 0 < len(self.seeds) == len(set(self.seeds))
        fit = different and all(_is_integer(seed) and 0 <= seed < 2**63 for seed in self.seeds)
        self._require(fit, "seeds", "a tuple of different integers from 0 to 2^63 - 1")
        self._require(_is_number(self.learning_rate) and self.learning_rate > 0.0, "learning_rate", "a number above 0")
        self._require(_is_number(self.weight_decay) and self.weight_decay >= 0.0, "weight_decay", "a number from 0")
        self._require(self.window in WINDOW_KINDS, "window", f"one of {', '.join(WINDOW_KINDS)}")
        self._require(self.precision in PRECISIONS, "precision", f"one of {', '.join(PRECISIONS)}")
        self._require(isinstance(self.levels, tuple), "levels", "a tuple")
        require_levels(self.levels)
        within = MEDIAN in self.levels and self.levels[0] < MEDIAN < self.levels[-1]
        self._require(within, "levels", "0.5 among the levels, with others on either side")

    @property
    def median(self) -> int:
        """The place of 0.5 among the levels."""
        return self.levels.index(MEDIAN)

    def as_json(self) -> dict[str, Any]:
        """The settings as numbers, strings and lists."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ActionValueConfig:
        """Make settings of what `as_json` returned; a key that isn't there has its default.

        Raises:
            InvalidInputError: an unknown key, or a value outside its range.
        """
        known = [each.name for each in fields(cls)]
        for name in values:
            _require(name in known, "ActionValueConfig", name, f"a setting out of {', '.join(known)}", "an unknown key")
        arguments: dict[str, Any] = {
            name: tuple(each) if isinstance(each, list) else each for name, each in values.items()
        }
        return cls(**arguments)

    def _require(self, fit: bool, name: str, expected: str) -> None:
        _require(fit, "ActionValueConfig", name, expected, getattr(self, name))


def _require(fit: bool, owner: str, name: str, expected: str, got: object) -> None:
    if not fit:
        raise InvalidInputError(
            f"{owner}.{name}", expected=expected, got=repr(got), mend=f"correct {name} of the action-value network"
        )


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
