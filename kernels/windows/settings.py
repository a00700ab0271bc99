"""Which windows exist, how they are scored, and how many are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.windows.rules import DEFAULT_LENGTHS, FEATURES


@dataclass(frozen=True)
class WindowSettings:
    """The settings of the window filter.

    Attributes:
        lengths: window lengths in sessions, strictly rising, each at least 3.
        weight_volatility, weight_range, weight_extrema, weight_slope: weights of the feature ranks in the pre-score;
            finite, not negative, not all zero. They are divided by their sum.
        threshold: smallest pre-score that is kept, in [0, 1].
        top_k: how many windows of a session are kept at most; at least 1.
        skip_flat: drop windows whose range lies below `FLAT_RANGE`, before the ranking.
        overlap: share of its sessions that a window has in common with the next one of its length, in [0, 1];
            1.0 = a window at every session. See `window_ends`.

    Raises:
        InvalidInputError: a value outside its range, named by field.
    """

    lengths: tuple[int, ...] = DEFAULT_LENGTHS
    weight_volatility: float = 0.4
    weight_range: float = 0.3
    weight_extrema: float = 0.2
    weight_slope: float = 0.1
    threshold: float = 0.1
    top_k: int = 10_000
    skip_flat: bool = True
    overlap: float = 1.0

    def __post_init__(self) -> None:
        require_lengths(self.lengths)
        for feature in FEATURES:
            _require_number(f"weight_{feature}", getattr(self, f"weight_{feature}"), 0.0, math.inf)
        if not math.isfinite(sum(self.weights)) or sum(self.weights) == 0.0:
            raise InvalidInputError(
                "WindowSettings weights",
                expected="weights with a finite sum above zero",
                got=f"{self.weights}",
                mend="give at least one feature a weight above zero",
            )
        _require_number("threshold", self.threshold, 0.0, 1.0)
        _require_number("overlap", self.overlap, 0.0, 1.0)
        if not _is_integer(self.top_k) or self.top_k < 1:
            raise InvalidInputError(
                "WindowSettings.top_k",
                expected="an integer of at least 1",
                got=repr(self.top_k),
                mend="set top_k to the number of windows to keep",
            )
        if not isinstance(self.skip_flat, bool):
            raise InvalidInputError(
                "WindowSettings.skip_flat",
                expected="True or False",
                got=repr(self.skip_flat),
                mend="set one of the two",
            )

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights as given, in the order of `FEATURES`."""
        return (self.weight_volatility, self.weight_range, self.weight_extrema, self.weight_slope)


def window_ends(session_numbers: npt.NDArray[np.integer], length: int, overlap: float) -> npt.NDArray[np.bool_]:
    """Tell at which sessions a window of `length` exists.

    Two neighbours share the fraction `overlap` of their sessions: the stride is `max(1, round(length * (1 - overlap)))`
    (Python's `round`: halves go to the even number) and a window exists where the session's number is a multiple of it.
    So a session's answer depends on its own number only.

    Args:
        session_numbers: integers, any shape: the session's index in the exchange calendar, the same for ever.
        length: window length in sessions, at least 3.
        overlap: in [0, 1]; 1.0 = every session, 0.0 = windows end to end.

    Returns:
        bool, the shape of `session_numbers`.

    Raises:
        InvalidInputError: numbers that are no integers or lie below 0, or a length or overlap out of range.
    """
    require_lengths((length,))
    _require_number("overlap", overlap, 0.0, 1.0)
    if not np.issubdtype(session_numbers.dtype, np.integer) or (session_numbers < 0).any():
        raise InvalidInputError(
            "session_numbers",
            expected="integers of at least 0",
            got=f"{session_numbers.dtype}, smallest {session_numbers.min(initial=0)}",
            mend="pass the sessions' indexes in the exchange calendar",
        )
    stride = max(1, round(length * (1.0 - overlap)))
    return np.asarray(session_numbers % stride == 0)


def require_lengths(lengths: tuple[int, ...]) -> None:
    """Raise `InvalidInputError` unless `lengths` are strictly rising integers of at least 3."""
    if (
        len(lengths) == 0
        or not all(_is_integer(length) and length >= 3 for length in lengths)
        or any(shorter >= longer for shorter, longer in pairwise(lengths))
    ):
        raise InvalidInputError(
            "window lengths",
            expected="strictly rising integers of at least 3 (a swing needs both neighbours)",
            got=repr(lengths),
            mend=f"pass lengths such as {DEFAULT_LENGTHS}",
        )


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _require_number(field: str, value: object, low: float, high: float) -> None:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type, operator]
        raise InvalidInputError(
            f"window setting {field}",
            expected=f"a finite number from {low:g} to {high:g}",
            got=repr(value),
            mend=f"set {field} within this range",
        )
