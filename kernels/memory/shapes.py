"""Other shapes of the same memory: each function returns a view, or raises where only a copy would have that shape.

For NumPy's and CuPy's arrays and torch's tensors alike; what comes in decides what goes out.
"""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import Any

import numpy as np

from kernels.errors import InvalidInputError


def unfold_windows(panel: Any, lookback: int) -> Any:
    """All windows of a panel, which overlap in its memory.

    Args:
        panel: [S, T, C], any strides.
        lookback: bars of a window, 1 to T.

    Returns:
        [S, T - lookback + 1, lookback, C]; window [s, t] holds the bars t .. t + lookback - 1 of row s. NumPy's is
        read-only, since a cell is in many windows; CuPy and torch have no such thing: don't write to it.

    Raises:
        InvalidInputError: another shape, no such lookback, or no array.
    """
    shape, strides = _shape_and_strides(panel, "unfold_windows, panel")
    if len(shape) != 3:
        raise _wrong("unfold_windows, panel", "3 axes: series, sessions, channels", f"shape {shape}", "reshape it")
    series, sessions, channels = shape
    whole = isinstance(lookback, int | np.integer) and not isinstance(lookback, bool)
    if not whole or not 1 <= lookback <= sessions:
        mend = "ask for a shorter window, or pass more sessions"
        raise _wrong("unfold_windows, lookback", f"a whole number, 1 to {sessions}", repr(lookback), mend)
    size = (series, sessions - int(lookback) + 1, int(lookback), channels)
    steps = (strides[0], strides[1], strides[1], strides[2])
    if _is_tensor(panel):
        return panel.as_strided(size, steps)
    if isinstance(panel, np.ndarray):
        return np.lib.stride_tricks.as_strided(panel, size, steps, writeable=False)
    import cupy

    return cupy.lib.stride_tricks.as_strided(panel, size, steps)


def as_rows(values: Any, kept: int = 1) -> Any:
    """All axes but the last ones as one: [..., *kept] -> [rows, *kept]; with `kept` 0, all elements in a line.

    Args:
        values: at least `kept` axes.
        kept: axes to keep at the end, at least 0.

    Raises:
        InvalidInputError: fewer axes; the memory isn't in order, so that only a copy has this shape; or no array.
    """
    shape, strides = _shape_and_strides(values, "as_rows, values")
    if not 0 <= kept <= len(shape):
        raise _wrong("as_rows, kept", f"a number of axes, 0 to {len(shape)}", repr(kept), "keep fewer axes")
    merged = len(shape) - kept
    if not _in_a_line(shape[:merged], strides[:merged]):
        contiguous = "values.contiguous()" if _is_tensor(values) else "xp.ascontiguousarray(values)"
        raise _wrong(
            "as_rows, values",
            f"memory in which the first {merged} axes follow each other",
            f"shape {shape} with strides {strides}: only a copy has that shape",
            f"make the copy yourself, where you can see it: {contiguous}",
        )
    return values.reshape((math.prod(shape[:merged]), *shape[merged:]))


def _in_a_line(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the axes can be one axis of the same memory."""
    if 0 in shape:
        return True
    long = [(length, stride) for length, stride in zip(shape, strides, strict=True) if length > 1]
    return all(outer == length * stride for (_, outer), (length, stride) in pairwise(long))


def _is_tensor(values: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def _shape_and_strides(values: Any, where: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lengths and strides; the latter in elements where it is a tensor, else in bytes."""
    if _is_tensor(values):
        return tuple(values.shape), tuple(values.stride())
    if isinstance(values, np.ndarray) or type(values).__module__.split(".")[0] == "cupy":
        return tuple(values.shape), tuple(values.strides)
    got = f"a {type(values).__module__}.{type(values).__name__}"
    raise _wrong(where, "an array of NumPy or CuPy, or a tensor", got, "make an array of it: np.asarray(values)")


def _wrong(where: str, expected: str, got: str, mend: str) -> InvalidInputError:
    return InvalidInputError(where, expected=expected, got=got, mend=mend)
