"""What a scan is asked (`ScanSettings`) and what it answers (`Scan`, `Patterns`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import CLASS_NAMES

CONFIRMED = 0
"""Status of a finished pattern whose last pivot is confirmed."""

SETUP = 1
"""Status of a prefix whose last pivot still stands."""

RESOLVED, NOT_RESOLVED, UNRESOLVED, NO_LEG = 1, 0, -1, -2
"""What is known of a leg: a pattern of the right kind spans it, none does, it is too short to tell, there is none."""


@dataclass(frozen=True)
class ScanSettings:
    """What to look for and what to keep.

    Attributes:
        classes: names of the wave classes.
        directions: 1 (first leg rises), -1 (first leg falls), or both.
        max_skip: how many legs from one start, counted from the shortest, may be used; None for all.
        max_span: upper limit of p_last - p0 of the whole pattern, exclusive, in bars; 1 or more.
        top_n: confirmed patterns kept per origin, both directions and all classes together; 0 or more.
        setup_top_n: setups kept per origin in the same way; None for all.
        max_overlap: in [0, 1], share of the union of two spans above which the lesser pattern of the same class and
            direction is dropped.

    Raises:
        InvalidInputError: a value outside these ranges, named.
    """

    classes: tuple[str, ...] = CLASS_NAMES
    directions: tuple[int, ...] = (1, -1)
    max_skip: int | None = None
    max_span: int = 504
    top_n: int = 5
    setup_top_n: int | None = None
    max_overlap: float = 0.8

    def __post_init__(self) -> None:
        require_names("ScanSettings.classes", self.classes, CLASS_NAMES)
        require_names("ScanSettings.directions", self.directions, (1, -1))
        if self.max_skip is not None:
            require_count("ScanSettings.max_skip", self.max_skip, 1)
        require_count("ScanSettings.max_span", self.max_span, 1)
        require_count("ScanSettings.top_n", self.top_n, 0)
        if self.setup_top_n is not None:
            require_count("ScanSettings.setup_top_n", self.setup_top_n, 0)
        if not isinstance(self.max_overlap, int | float) or not 0.0 <= self.max_overlap <= 1.0:
            raise InvalidInputError(
                "ScanSettings.max_overlap",
                expected="a share in [0, 1]",
                got=repr(self.max_overlap),
                mend="pass the largest allowed intersection over union, such as 0.8",
            )


def require_names(where: str, values: tuple[object, ...], known: tuple[object, ...]) -> None:
    """Raise `InvalidInputError` unless `values` is a tuple of one or more of `known`, each once."""
    if not isinstance(values, tuple) or not values or len(set(values)) < len(values) or not set(values) <= set(known):
        raise InvalidInputError(
            where,
            expected=f"a tuple of one or more of {', '.join(map(str, known))}, each once",
            got=repr(values),
            mend="name each wanted one once",
        )


def require_count(where: str, value: int, least: int) -> None:
    """Raise `InvalidInputError` unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInputError(
            where,
            expected=f"an integer of {least} or more",
            got=repr(value),
            mend="pass a whole number in that range",
        )


@dataclass(frozen=True)
class Patterns:
    """P patterns and setups, each once: by series, then finished ones before setups, then falling score.

    Equal scores are in the order of `CLASS_NAMES`, then upward before downward, then by the pivots.

    Attributes:
        series: int32 [P], row of the scanned arrays.
        class_index: int8 [P], index into `CLASS_NAMES`.
        direction: int8 [P], 1 where the first leg rises, -1 where it falls.
        status: int8 [P], `CONFIRMED` or `SETUP`.
        legs: int8 [P], legs there: all of the class, or fewer for setups.
        pivots: int32 [P, 6], bars on the T axis, -1 after the last pivot.
        prices: float64 [P, 6], dollars at the pivots (low at lows, high at highs), NaN after the last.
        score: float64 [P], in [0, 1].
        components: float64 [P, len(COMPONENTS)], in [0, 1], NaN where one isn't known.
        margins: float64 [P, MAX_RULES], relative, in [0, 1], in the order of the class's rules, NaN where there is none
            or legs are missing.
        degree: int8 [P], 0 without children, else 1 + the largest child's.
        resolution: int8 [P, 5], per leg `RESOLVED`, `NOT_RESOLVED`, `UNRESOLVED` (too short to tell) or `NO_LEG`.
        child: int32 [P, 5], the pattern among these that resolves each leg, -1 for none.
        targets: float64 [P, 3], dollars, setups only; NaN where there is none.
        invalidation: float64 [P], dollars, setups only; NaN for confirmed patterns.
    """

    series: Int32Array1D
    class_index: npt.NDArray[np.int8]
    direction: npt.NDArray[np.int8]
    status: npt.NDArray[np.int8]
    legs: npt.NDArray[np.int8]
    pivots: npt.NDArray[np.int32]
    prices: Float64Array2D
    score: Float64Array1D
    components: Float64Array2D
    margins: Float64Array2D
    degree: npt.NDArray[np.int8]
    resolution: npt.NDArray[np.int8]
    child: npt.NDArray[np.int32]
    targets: Float64Array2D
    invalidation: Float64Array1D


@dataclass(frozen=True)
class Scan:
    """The answer of a scan: N selections by origin, then confirmed patterns before setups, then rank.

    Attributes:
        patterns: the patterns that at least one origin keeps, and all their descendants: children, their children, ...
        origin: int32 [N], index into the scan's origins.
        pattern: int32 [N], index into `patterns`.
        rank: int16 [N], 1 for an origin's best of that status.
        line_target: float64 [N], dollars: the channel line of a setup at the origin's bar, NaN where there is none.
        candidates: int64 [E], confirmed patterns in each origin's window before the selection.
        standing: int64 [E], setups that stand at each origin, before the selection.
        backend: "naive", "cpu" or "gpu".
        reason: why that backend.
    """

    patterns: Patterns
    origin: Int32Array1D
    pattern: Int32Array1D
    rank: npt.NDArray[np.int16]
    line_target: Float64Array1D
    candidates: npt.NDArray[np.int64]
    standing: npt.NDArray[np.int64]
    backend: str
    reason: str
