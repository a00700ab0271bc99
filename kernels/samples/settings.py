"""What a dataset of synthetic samples is drawn with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Integral, Real

from kernels.errors import InvalidInputError
from kernels.trading.model import Costs

MAX_BARS = 32_767
"""Ages and bars held are int16."""

SHARES = ("flat_share", "long_share", "short_share", "hold_share", "validation_share", "test_share", "held_out_share")


@dataclass(frozen=True)
class SampleSettings:
    """The settings of a dataset.

    Attributes:
        seed: 0..2**63-1.
        lookback: bars of the window, the bar of the decision among them; 3..32,767.
        forward: sessions of the labels, after the decision; 1..32,767.
        max_leverage: greatest (long + short) / equity of a state, and of an action when it is filled; above 0.
        flat_share, long_share, short_share: of states without a leg, with the long leg only, with the short leg only;
            the rest has both. The same of the actions that aren't a hold. Each at least 0, their sum at most 1.
        hold_share: of actions that change nothing; 0 to 1.
        validation_share, test_share: of the decision sessions; 0 = no such split. Together below 1: the rest is train.
        held_out_share: of the symbols; 0 = none, below 1.
        embargo: sessions kept free between two splits, beyond those that would share bars; at least 0.
        costs: what the simulator charges.

    Raises:
        InvalidInputError: a value outside its range, named by field.
    """

    seed: int = 7
    lookback: int = 64
    forward: int = 63
    max_leverage: float = 2.0
    flat_share: float = 0.1
    long_share: float = 0.3
    short_share: float = 0.3
    hold_share: float = 0.2
    validation_share: float = 0.15
    test_share: float = 0.15
    held_out_share: float = 0.1
    embargo: int = 5
    costs: Costs = field(default_factory=Costs)

    def __post_init__(self) -> None:
        _require_integer("seed", self.seed, 0, 2**63 - 1)
        _require_integer("lookback", self.lookback, 3, MAX_BARS)
        _require_integer("forward", self.forward, 1, MAX_BARS)
        _require_integer("embargo", self.embargo, 0, MAX_BARS)
        if not _is_number(self.max_leverage) or not 0.0 < self.max_leverage < math.inf:
            raise InvalidInputError(
                "SampleSettings.max_leverage",
                expected="a finite number above 0",
                got=repr(self.max_leverage),
                mend="set max_leverage to the greatest (long + short) / equity, for example 2.0",
            )
        for name in SHARES:
            _require_share(name, getattr(self, name))
        # Decimal shares that fill 1 on paper may exceed it by a rounding.
        if self.flat_share + self.long_share + self.short_share > 1.0 + 1e-9:
            raise InvalidInputError(
                "SampleSettings flat_share + long_share + short_share",
                expected="a sum of at most 1: the rest of the states has both legs",
                got=f"{self.flat_share} + {self.long_share} + {self.short_share}",
                mend="lower one of the three",
            )
        if self.validation_share + self.test_share >= 1.0:
            raise InvalidInputError(
                "SampleSettings validation_share + test_share",
                expected="a sum below 1: the rest is train",
                got=f"{self.validation_share} + {self.test_share}",
                mend="lower one of the two",
            )
        if self.held_out_share == 1.0:
            raise InvalidInputError(
                "SampleSettings.held_out_share",
                expected="a share below 1: held-out symbols are in no other split",
                got="1.0",
                mend="hold out fewer symbols, for example 0.1 of them",
            )
        if not isinstance(self.costs, Costs):
            raise InvalidInputError(
                "SampleSettings.costs",
                expected="kernels.trading.Costs",
                got=repr(self.costs),
                mend="pass Costs(...), or leave it out",
            )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _require_integer(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        raise InvalidInputError(
            f"SampleSettings.{name}",
            expected=f"a whole number from {low} to {high}",
            got=repr(value),
            mend=f"set {name} within this range",
        )


def _require_share(name: str, value: object) -> None:
    if not _is_number(value) or not 0.0 <= value <= 1.0:  # type: ignore[operator]
        raise InvalidInputError(
            f"SampleSettings.{name}",
            expected="a share from 0 to 1",
            got=repr(value),
            mend=f"set {name} within this range",
        )
