"""What a scan is asked (`ScanSettings`) and what it answers (`Patterns`)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.waves.classes import CLASS_NAMES

CONFIRMED = 0
"""Status of a finished pattern whose last pivot is confirmed."""

SETUP = 1
"""Status of a prefix whose last pivot still stands."""


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

    classes: tuple[str, ...] = ("impulse",)
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
    """The selected patterns of a scan: N rows by origin, then confirmed before setups, then rank.

    Attributes:
        origin: int32 [N], index into the scan's origins.
        class_index: int8 [N], index into `CLASS_NAMES`.
        direction: int8 [N], 1 where the first leg rises, -1 where it falls.
        status: int8 [N], `CONFIRMED` or `SETUP`.
        legs: int8 [N], legs there: all of the class, or fewer for setups.
        pivots: int32 [N, 6], bars on the T axis, -1 after the last pivot.
        prices: float64 [N, 6], dollars at the pivots (low at lows, high at highs), NaN after the last.
        score: float64 [N], in [0, 1].
        components: float64 [N, len(COMPONENTS)], in [0, 1], NaN where one isn't known.
        margins: float64 [N, len(MARGINS)], relative, 0 or more, NaN where legs are missing.
        targets: float64 [N, 4], dollars, setups only; NaN where there is none.
        invalidation: float64 [N], dollars, setups only; NaN for confirmed patterns.
        rank: int16 [N], 1 for an origin's best of that status.
        candidates: int64 [E], confirmed patterns in each origin's window before the selection.
        standing: int64 [E], setups that stand at each origin, before the selection.
        backend: "naive" or "cpu".
        reason: why that backend.
    """

    origin: Int32Array1D
    class_index: npt.NDArray[np.int8]
    direction: npt.NDArray[np.int8]
    status: npt.NDArray[np.int8]
    legs: npt.NDArray[np.int8]
    pivots: npt.NDArray[np.int32]
    prices: Float64Array2D
    score: Float64Array1D
    components: Float64Array2D
    margins: Float64Array2D
    targets: Float64Array2D
    invalidation: Float64Array1D
    rank: npt.NDArray[np.int16]
    candidates: npt.NDArray[np.int64]
    standing: npt.NDArray[np.int64]
    backend: str
    reason: str


@dataclass(frozen=True)
class Selected:
    """The answer of a scan with each pattern once: most are kept by many origins.

    Attributes:
        distinct: the P patterns that at least one origin keeps, by series, then confirmed before setups, then falling
            score. `origin` and `rank` are those of the first origin that keeps it, and so is the channel target.
        origin: int32 [N], index into the scan's origins; by origin, then confirmed before setups, then rank.
        pattern: int32 [N], index into `distinct`.
        rank: int16 [N], 1 for an origin's best of that status.
        channel_target: float64 [N], dollars: the fourth target of a setup of 4 legs, which moves with the origin's
            bar; NaN where there is none.
    """

    distinct: Patterns
    origin: Int32Array1D
    pattern: Int32Array1D
    rank: npt.NDArray[np.int16]
    channel_target: Float64Array1D

    def expanded(self) -> Patterns:
        """One row for each origin and pattern."""
        rows = {
            field.name: getattr(self.distinct, field.name)[self.pattern]
            for field in fields(Patterns)
            if field.name not in ("origin", "rank", "candidates", "standing", "backend", "reason")
        }
        rows["targets"][:, -1] = self.channel_target
        whole = {name: getattr(self.distinct, name) for name in ("candidates", "standing", "backend", "reason")}
        return Patterns(origin=self.origin, rank=self.rank, **rows, **whole)


def collapsed(patterns: Patterns, row: Int32Array1D) -> Selected:
    """List each pattern of a scan once.

    Args:
        patterns: one row for each origin and pattern.
        row: int32 [E], series of each origin.
    """
    order = np.lexsort(
        (*patterns.pivots.T[::-1], -patterns.direction, -patterns.score, patterns.status, row[patterns.origin])
    )
    identity = np.column_stack((row[patterns.origin], patterns.status, patterns.direction, patterns.pivots))[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (identity[1:] != identity[:-1]).any(axis=1)
    pattern = np.empty(len(order), np.int32)
    pattern[order] = np.cumsum(new) - 1
    # The sort is stable, so the first row of a group is that of the first origin.
    kept = order[new]
    rows = {
        field.name: getattr(patterns, field.name)[kept]
        for field in fields(Patterns)
        if field.name not in ("candidates", "standing", "backend", "reason")
    }
    whole = {name: getattr(patterns, name) for name in ("candidates", "standing", "backend", "reason")}
    return Selected(Patterns(**rows, **whole), patterns.origin, pattern, patterns.rank, patterns.targets[:, -1].copy())
