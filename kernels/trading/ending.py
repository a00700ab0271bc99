"""An account as it stands where its path ends, in the layout of the accounts that paths begin with."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array1D, Float64Array2D
from kernels.trading.layout import AGE, ENTRY, PEAK, SHARES, STOP_PRICE, TARGET_PRICE, TRAIL_MULTIPLE
from kernels.trading.records import ENTRY_BAR, ENTRY_PRICE
from kernels.trading.rules import Leg


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def write_leg(
    ending: Float64Array1D,
    place: int,
    leg: Leg,
    sign: float,
    last: int,
    numbers: npt.NDArray[np.int32],
    values: Float64Array2D,
) -> None:
    """Write a leg into `ending` [STATE], `place` 0 for the long leg (sign 1.0), 1 for the short one (sign -1.0).

    Prices in dollars; NaN where there is no leg or no such level. The age is counted from the bar of the fill.
    """
    held = leg.shares > 0.0
    ending[SHARES + place] = leg.shares
    ending[STOP_PRICE + place] = sign * leg.stop if held and leg.stop > -math.inf else math.nan
    ending[TARGET_PRICE + place] = sign * leg.target if held else math.nan
    ending[TRAIL_MULTIPLE + place] = leg.trail if held else math.nan
    ending[PEAK + place] = sign * leg.peak if held and not math.isnan(leg.trail) else math.nan
    ending[ENTRY + place] = values[leg.row, ENTRY_PRICE] if held else math.nan
    ending[AGE + place] = last - numbers[leg.row, ENTRY_BAR] if held else 0.0
