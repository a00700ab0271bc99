"""One way to write values as JSON, so that equal values are equal bytes, and what differs between two of them."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from kernels.errors import InvalidInputError

_SHOWN = 200
_ABSENT = object()


class Difference(NamedTuple):
    """Where two values differ, `settings.costs.fee_bp`, and how, for people."""

    path: str
    old: str
    new: str


def canonical_json(value: Mapping[str, object]) -> bytes:
    """The one way to write a value as JSON: keys sorted, indented, floats as `repr`, NaN as null, ASCII.

    Raises:
        InvalidInputError: a value that JSON doesn't have, such as an infinite number.
    """
    return (json.dumps(_plain(value, ""), sort_keys=True, indent=1, allow_nan=False) + "\n").encode("ascii")


def _plain(value: object, path: str) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(name): _plain(each, f"{path}.{name}".lstrip(".")) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, f"{path}[{place}]") for place, each in enumerate(value)]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise InvalidInputError(
        f"JSON value {path}",
        expected="text, a finite number, true, false, a date, NaN, or lists and objects of these",
        got=shown(value),
        mend="correct the value",
    )


def differences(old: Mapping[str, object], new: Mapping[str, object], order: Sequence[str]) -> list[Difference]:
    """Every difference between two objects as `json.loads` gives them, those under the names in `order` in that order.

    Others come last. A list is one value.
    """
    rank = {name: number for number, name in reversed(list(enumerate(order)))}
    sides = dict(_leaves(old)), dict(_leaves(new))
    paths = sorted(sides[0].keys() | sides[1].keys(), key=lambda path: (rank.get(path.split(".")[0], len(order)), path))
    pairs = [(path, sides[0].get(path, _ABSENT), sides[1].get(path, _ABSENT)) for path in paths]
    return [Difference(path, *_compared(*pair)) for path, *pair in pairs if pair[0] != pair[1]]


def shown(value: object) -> str:
    """A value for people, cut off where it is long."""
    text = "none" if value is _ABSENT else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of nested objects with its path; a list is one value."""
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, each in value.items():
        yield from _leaves(each, f"{path}.{name}" if path else name)


def _compared(old: object, new: object) -> tuple[str, str]:
    """Two different values for people; of two long lists what differs."""
    if isinstance(old, list) and isinstance(new, list) and max(len(old), len(new)) > 3:
        pairs = enumerate(zip(old, new, strict=False))
        place = next((place for place, pair in pairs if pair[0] != pair[1]), min(len(old), len(new)))
        ours, theirs = (shown(side[place]) if place < len(side) else "none" for side in (old, new))
        return f"{len(old)} of them, number {place} {ours}", f"{len(new)}, number {place} {theirs}"
    return shown(old), shown(new)
