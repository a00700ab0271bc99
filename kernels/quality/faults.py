"""What faults are called, how they are reported, and the thresholds that find them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D

KINDS = (
    "null_price",
    "nonpositive_price",
    "ohlc_order",
    "zero_volume",
    "missing_bar",
    "repeated_bar",
    "suspect_close",
    "unexplained_move",
)
"""Names of the kinds; `Faults.kind` is an index into them. `README.md` defines each."""

NULL_PRICE, NONPOSITIVE_PRICE, OHLC_ORDER, ZERO_VOLUME, MISSING_BAR, REPEATED_BAR, SUSPECT_CLOSE, UNEXPLAINED_MOVE = (
    range(len(KINDS))
)


class QualitySettings(NamedTuple):
    """Thresholds of the fault rules, set on daily bars of the S&P 500 (`docs/data-quality.md`).

    Attributes:
        lookback: sessions before `known_on` that may be used; the partner of a repeated bar is sought in them.
        absence: sessions for which a symbol without rows is reported as missing; after that it counts as gone.
        recent: sessions back in which a neighbouring bar must lie.
        order_tolerance: relative excess up to which the order of open, high, low and close counts as kept.
        copy_close: two bars with the same open, high and low are copies only if their closes differ by at most this
            share of the bar's log range.
        copy_volume_low, copy_volume_high: and only if the later volume over the earlier lies between these.
        scale_window: sessions before a bar from which its robust sigma and its usual volume are taken.
        scale_least: returns that this window must hold, else there is no sigma and no verdict.
        island_sigmas: a suspect bar's range lies this far beyond the ranges of both neighbours.
        reversal_sigmas: and each of its two moves is at least this many sigmas per multiple of the usual volume.
        move_sigmas: an unexplained move is at least this many sigmas.
        gap_ranges: and opens with a gap of more than this many of the bar's own log ranges.
        volume_sigmas: and is at least this many sigmas per multiple of the usual volume.
    """

    lookback: int = 504
    absence: int = 10
    recent: int = 5
    order_tolerance: float = 1e-9
    copy_close: float = 0.1
    copy_volume_low: float = 0.95
    copy_volume_high: float = 1.5
    scale_window: int = 252
    scale_least: int = 60
    island_sigmas: float = 0.75
    reversal_sigmas: float = 2.0
    move_sigmas: float = 5.0
    gap_ranges: float = 2.0
    volume_sigmas: float = 3.0


DEFAULT_SETTINGS = QualitySettings()


class Bars(NamedTuple):
    """As-traded bars of S symbols over T sessions and their actions, as `find_faults` describes them."""

    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D
    volume: Float64Array2D
    present: npt.NDArray[np.bool_]
    split_ratio: Float64Array2D
    dividend: Float64Array2D


@dataclass(frozen=True)
class Faults:
    """Faults that became known in a range of sessions, sorted by (known_on, symbol, session, kind).

    Attributes:
        symbol: int32 [N], row of the panel.
        session: int32 [N], column of the faulty bar.
        known_on: int32 [N], column of the session at whose close the fault could be known; at least `session`.
        kind: int8 [N], index into `KINDS`.
        excluded: bool [N], whether the bar must be left out of panels from `known_on` on; False = flagged only.
        other: int32 [N], the other session of a repeated bar, else -1.
        value: float64 [N], the size of the fault as `README.md` defines it per kind; NaN where it has none.
    """

    symbol: Int32Array1D
    session: Int32Array1D
    known_on: Int32Array1D
    kind: npt.NDArray[np.int8]
    excluded: npt.NDArray[np.bool_]
    other: Int32Array1D
    value: Float64Array1D

    def __len__(self) -> int:
        return len(self.symbol)


def checked(settings: QualitySettings) -> QualitySettings:
    """The settings with every field in its own type; `InvalidInputError` names a field that makes no sense."""
    values = {}
    for name, default in DEFAULT_SETTINGS._asdict().items():
        value = getattr(settings, name)
        number = isinstance(value, int | float) and math.isfinite(value) and value >= 0
        if not number or type(default)(value) != value:
            raise InvalidInputError(
                f"QualitySettings.{name}",
                expected=f"a finite {type(default).__name__}, at least 0",
                got=repr(value),
                mend="give such a number, or leave it out for the default",
            )
        values[name] = type(default)(value)
    if settings.recent < 1 or settings.scale_least < 2:
        raise InvalidInputError(
            "QualitySettings.recent and scale_least",
            expected="recent at least 1, scale_least at least 2",
            got=f"recent {settings.recent}, scale_least {settings.scale_least}",
            mend="raise the one that is too small",
        )
    reach = max(settings.scale_window + 2 * settings.recent, settings.absence)
    if settings.lookback < reach:
        raise InvalidInputError(
            "QualitySettings.lookback",
            expected=f"at least {reach}, the greater of scale_window + 2 * recent and absence",
            got=str(settings.lookback),
            mend="lengthen the lookback or shorten the others",
        )
    return QualitySettings(**values)
