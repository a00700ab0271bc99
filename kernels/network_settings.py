"""What the settings of the networks share: their checks, and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

from kernels.errors import InvalidInputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)

PRECISIONS = ("float32", "bfloat16")
"""What matrix products may be computed in during training; weights and losses are float32 always."""

MEDIAN = 0.5
"""The level that the other quantiles are counted from."""


def require_setting(settings: object, name: str, fit: bool, expected: str) -> None:
    """Raise `InvalidInputError` that names the field `name` of `settings` unless it is fit."""
    if not fit:
        owner = type(settings).__name__
        raise InvalidInputError(
            f"{owner}.{name}", expected=expected, got=repr(getattr(settings, name)), mend=f"correct {name} of {owner}"
        )


def require_network_settings(settings: Any, counts: tuple[str, ...]) -> None:
    """Check what every network is set: the fields `counts`, seeds, learning rate and decay, precision, and levels.

    Args:
        settings: a dataclass with the fields of `counts`, and seeds, learning_rate, weight_decay, precision, levels.
        counts: fields that are integers from 1.

    Raises:
        InvalidInputError: a value outside its range, named by field. The levels themselves aren't looked at.
    """
    for name in counts:
        require_setting(settings, name, is_integer(getattr(settings, name)) and getattr(settings, name) >= 1, _FROM_1)
    seeds = settings.seeds
    different = isinstance(seeds, tuple) and 0 < len(seeds) == len(set(seeds))
    fit = different and all(is_integer(seed) and 0 <= seed < 2**63 for seed in seeds)
    require_setting(settings, "seeds", fit, "a tuple of different integers from 0 to 2^63 - 1")
    rate, decay = settings.learning_rate, settings.weight_decay
    require_setting(settings, "learning_rate", is_number(rate) and rate > 0.0, "a number above 0")
    require_setting(settings, "weight_decay", is_number(decay) and decay >= 0.0, "a number from 0")
    require_setting(settings, "precision", settings.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
    require_setting(settings, "levels", isinstance(settings.levels, tuple), "a tuple")


def require_median(settings: Any) -> None:
    """Raise `InvalidInputError` unless 0.5 is among the levels of `settings`, with others on either side."""
    levels = settings.levels
    within = MEDIAN in levels and levels[0] < MEDIAN < levels[-1]
    require_setting(settings, "levels", within, "0.5 among the levels, with others on either side")


def settings_as_json(settings: DataclassInstance) -> dict[str, Any]:
    """The fields as numbers, strings and lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}


def settings_from_json(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Make settings of what `settings_as_json` returned; a key that isn't there has its default.

    Raises:
        InvalidInputError: an unknown key, or a value outside its range.
    """
    known = [each.name for each in fields(kind)]
    for name in values:
        if name not in known:
            raise InvalidInputError(
                f"{kind.__name__}.{name}",
                expected=f"a setting out of {', '.join(known)}",
                got=f"the unknown key {name!r}",
                mend="correct the spelling or remove it",
            )
    return kind(**{name: tuple(each) if isinstance(each, list) else each for name, each in values.items()})


def is_integer(value: object) -> bool:
    """Whether a value is a whole number, and no bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether a value is a finite number, and no bool."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


_FROM_1 = "an integer from 1"
