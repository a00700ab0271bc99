"""A device in the simulator on which the k-th allocation fails: every array that is made asks first, and every launch.

CuPy takes memory for what NumPy does with temporary arrays too, so arithmetic, comparisons and indexing by arrays ask
as well; views don't.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.memory import Device


class Gate:
    """Counts what asks for memory, and refuses the k-th, or all from the k-th on."""

    def __init__(self, fails_at: int | None, for_ever: bool = False) -> None:
        self.asked = 0
        self.refused = 0
        self._fails_at = fails_at
        self._for_ever = for_ever

    def __call__(self) -> None:
        self.asked += 1
        if self._fails_at is not None and (
            self.asked == self._fails_at or (self._for_ever and self.asked > self._fails_at)
        ):
            self.refused += 1
            raise MemoryError(f"allocation {self.asked} fails")


class Gated(np.ndarray):
    """An array of such a device."""

    gate: Gate

    def __array_finalize__(self, made_from: Any) -> None:
        if isinstance(made_from, Gated):
            self.gate = made_from.gate

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if "out" not in options:
            self.gate()
        options = {name: plain(value) for name, value in options.items()}
        return gated(getattr(ufunc, method)(*map(plain, inputs), **options), self.gate)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(each, np.ndarray | list) for each in keys):
            self.gate()
        return gated(plain(self)[plain(key)], self.gate)

    def __setitem__(self, key: Any, value: Any) -> None:
        plain(self)[plain(key)] = plain(value)

    def astype(self, *arguments: Any, **options: Any) -> Any:
        self.gate()
        return gated(plain(self).astype(*arguments, **options), self.gate)

    def sum(self, *arguments: Any, **options: Any) -> Any:
        self.gate()
        return gated(plain(self).sum(*arguments, **options), self.gate)


class GatedNumPy:
    """NumPy, whose functions make arrays of such a device."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        return function if isinstance(function, type) else self._asking(function)

    def _asking(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._gate()
            return gated(function(*map(plain, arguments), **options), self._gate)

        return call


class FaultyDevice(Device):
    """A device whose k-th allocation or launch fails, or all from the k-th on; None for one without a fault."""

    def __init__(self, fails_at: int | None = None, for_ever: bool = False) -> None:
        super().__init__()
        self.gate = Gate(fails_at, for_ever)
        self.xp = GatedNumPy(self.gate)

    def argument(self, arrays: Any) -> Any:
        self.gate()
        return type(arrays)(*map(plain, arrays))

    def download(self, values: Any) -> Any:
        return super().download(plain(values))


def gated(made: Any, gate: Gate) -> Any:
    """An array, or a tuple of some, as those of a device; numbers stay what they are."""
    if isinstance(made, tuple):
        return tuple(gated(each, gate) for each in made)
    if not isinstance(made, np.ndarray):
        return made
    own = made.view(Gated)
    own.gate = gate
    return own


def plain(value: Any) -> Any:
    """An array of a device, or those in a tuple or a list, as NumPy's; the memory is the same."""
    if isinstance(value, Gated):
        return value.view(np.ndarray)
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    return value
