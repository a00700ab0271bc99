"""Which arrays of the host have copies on a device that stay there, found again by identity."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError


class Held(NamedTuple):
    """One array that is held.

    Attributes:
        host: the array.
        copies: what of it is on the device, by name.
    """

    host: weakref.ref[npt.NDArray[Any]]
    copies: dict[str, Any]


class Residents:
    """The arrays that are held. Their copies go when the array goes, or this does."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}

    def hold(self, values: npt.NDArray[Any]) -> None:
        """Hold an array, and make it read-only. One that is held already keeps its copies.

        Raises:
            InvalidInputError: no array, or one that isn't C-contiguous.
        """
        array = isinstance(values, np.ndarray)
        if not array or not values.flags.c_contiguous:
            raise InvalidInputError(
                "array to hold on the device",
                expected="a C-contiguous NumPy array",
                got=f"an array of shape {values.shape} in another layout" if array else type(values).__name__,
                mend="pass np.ascontiguousarray(values), and keep it as long as the device is to",
            )
        if self.copies(values) is None:
            gone = partial(_forget, weakref.ref(self), id(values))
            self._held[id(values)] = Held(weakref.ref(values, gone), {})
            values.flags.writeable = False

    def copies(self, values: object) -> dict[str, Any] | None:
        """The copies of an array, to look at and to add to; None if it isn't held, or was made writable since."""
        held = self._held.get(id(values))
        if held is None:
            return None
        host = held.host()
        if host is not values or host is None or host.flags.writeable:
            self._held.pop(id(values), None)
            return None
        return held.copies

    def forget(self, key: int, reference: weakref.ref[npt.NDArray[Any]]) -> None:
        """Drop the copies of an array that is gone, unless another one has its identity by now."""
        held = self._held.get(key)
        if held is not None and held.host is reference:
            del self._held[key]


def _forget(residents: weakref.ref[Residents], key: int, reference: weakref.ref[npt.NDArray[Any]]) -> None:
    # A method of the residents here would keep them, and the copies, until the garbage is collected.
    there = residents()
    if there is not None:
        there.forget(key, reference)
