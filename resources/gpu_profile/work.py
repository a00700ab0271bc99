"""A call that is measured, and the least that it must do: what the limits of a device are held against."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Work(NamedTuple):
    """A call that is timed, and what it does.

    Attributes:
        call: does it once.
        items: in the unit of its case.
        least_bytes: that it must read and write; without what it returns, if `returns`.
        operations: that it must do; 0 = not counted.
        returns: whether the arrays that it returns count as written.
    """

    call: Callable[[], object]
    items: int
    least_bytes: int
    operations: int = 0
    returns: bool = False


def bytes_of(result: Any) -> int:
    """Bytes of the arrays that a result holds."""
    parts = vars(result).values() if hasattr(result, "__dict__") else result
    return sum(
        each.nbytes if isinstance(each, np.ndarray) else bytes_of(each) if hasattr(each, "__dict__") else 0
        for each in parts
    )
