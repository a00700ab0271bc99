"""What becomes of each sample: its account simulated over the sessions after the decision, on the CPU."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.metrics.rules import metrics_of_sums
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.samples.columns import COLUMNS, ColumnMapping, Columns, names_of
from kernels.samples.settings import SampleSettings
from kernels.trading.layout import (
    AGE,
    BORROW,
    CASH,
    COUNTS,
    DOWNSIDE_SQUARES,
    ENTRY,
    EXPOSURE,
    FEE,
    FIRST_EQUITY,
    LAST_EQUITY,
    LEG_HELD,
    LEG_REASON,
    MAX_DRAWDOWN,
    NEXT_OPEN,
    OVERNIGHT,
    RETURN_SQUARES,
    RETURN_SUM,
    SHARES,
    SLIPPAGE,
    SPREAD,
    STATE,
    STOP_MULTIPLE,
    STOP_PRICE,
    TARGET_MULTIPLE,
    TARGET_PRICE,
    TRADED,
    WEIGHT,
    WISH,
    Terms,
    terms_of,
)
from kernels.trading.model import SUMMARY, Bars
from kernels.trading.path import simulate_path

Float32Array2D = npt.NDArray[np.float32]

LARGEST_FLOAT = float(np.finfo(np.float32).max)
"""A metric beyond it, such as the yearly growth of one very good session, is unknown."""

INPUTS = (
    "state_equity",
    "state_long_value",
    "state_short_value",
    "state_long_entry",
    "state_short_entry",
    "state_long_stop",
    "state_long_target",
    "state_short_stop",
    "state_short_target",
    "action_long_value",
    "action_short_value",
    "action_long_stop",
    "action_long_target",
    "action_short_stop",
    "action_short_target",
)
"""The float columns that labels are made from."""

(
    EQUITY,
    LONG_VALUE,
    SHORT_VALUE,
    LONG_ENTRY,
    SHORT_ENTRY,
    LONG_STOP,
    LONG_TARGET,
    SHORT_STOP,
    SHORT_TARGET,
    NEW_LONG_VALUE,
    NEW_SHORT_VALUE,
    NEW_LONG_STOP,
    NEW_LONG_TARGET,
    NEW_SHORT_STOP,
    NEW_SHORT_TARGET,
) = range(len(INPUTS))


def label_rows(bars: Bars, columns: ColumnMapping, settings: SampleSettings) -> Columns:
    """The label columns of drawn rows; without checks."""
    count = len(columns["session"])
    blocks = {
        dtype: np.empty((len(names_of(dtype, labels=True)), count), dtype=dtype)
        for dtype in ("float32", "int16", "int8")
    }
    _label(
        # Copies: columns read from a file may be read-only, which Numba would compile anew for.
        columns["instrument"].copy(),
        columns["session"].copy(),
        np.stack([columns[name] for name in INPUTS]),
        columns["action_hold"].copy(),
        columns["state_long_age"].copy(),
        columns["state_short_age"].copy(),
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.dividend,
        settings.forward,
        terms_of(settings.costs, settings.max_leverage),
        blocks["float32"],
        blocks["int8"],
        blocks["int16"],
    )
    rows = {
        name: values
        for dtype, block in blocks.items()
        for name, values in zip(names_of(dtype, labels=True), block, strict=True)
    }
    return {name: rows[name] for name in COLUMNS if name in rows}


@njit(cache=True, nogil=True, error_model="numpy")
def _label(
    instrument: npt.NDArray[np.int16],
    session: Int32Array1D,
    inputs: Float32Array2D,
    hold: npt.NDArray[np.bool_],
    long_age: npt.NDArray[np.int16],
    short_age: npt.NDArray[np.int16],
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    dividend: Float64Array2D,
    forward: int,
    terms: Terms,
    floats: Float32Array2D,
    reasons: npt.NDArray[np.int8],
    held: npt.NDArray[np.int16],
) -> None:
    """Fill the labels of each dtype, one array row a column, in the order of COLUMNS."""
    summary = np.empty(len(SUMMARY))
    counts = np.empty(COUNTS, dtype=np.int32)
    state = np.full(STATE, math.nan)
    order = np.full((1, WISH), math.nan)
    for column in range(len(session)):
        series, first = instrument[column], session[column]
        price = close[series, first]
        equity = np.float64(inputs[EQUITY, column])
        long = np.float64(inputs[LONG_VALUE, column])
        short = np.float64(inputs[SHORT_VALUE, column])
        state[CASH] = equity - long + short
        state[SHARES], state[SHARES + 1] = long / price, short / price
        state[ENTRY], state[ENTRY + 1] = inputs[LONG_ENTRY, column] * price, inputs[SHORT_ENTRY, column] * price
        state[STOP_PRICE], state[STOP_PRICE + 1] = inputs[LONG_STOP, column] * price, inputs[SHORT_STOP, column] * price
        state[TARGET_PRICE] = inputs[LONG_TARGET, column] * price
        state[TARGET_PRICE + 1] = inputs[SHORT_TARGET, column] * price
        state[AGE], state[AGE + 1] = long_age[column], short_age[column]
        order[0, WEIGHT] = inputs[NEW_LONG_VALUE, column] / equity
        order[0, WEIGHT + 1] = inputs[NEW_SHORT_VALUE, column] / equity
        order[0, STOP_MULTIPLE] = inputs[NEW_LONG_STOP, column]
        order[0, STOP_MULTIPLE + 1] = inputs[NEW_SHORT_STOP, column]
        order[0, TARGET_MULTIPLE] = inputs[NEW_LONG_TARGET, column]
        order[0, TARGET_MULTIPLE + 1] = inputs[NEW_SHORT_TARGET, column]
        simulate_path(
            open_, high, low, close, dividend, series, first, first + forward, state, None, order, 0,
            0 if hold[column] else 1, terms, NEXT_OPEN, summary, counts, None, None, None,
        )  # fmt: skip
        metrics = metrics_of_sums(
            summary[FIRST_EQUITY],
            summary[LAST_EQUITY],
            summary[RETURN_SUM],
            summary[RETURN_SQUARES],
            summary[DOWNSIDE_SQUARES],
            summary[MAX_DRAWDOWN],
            forward,
        )
        for position in range(len(metrics)):
            value = metrics[position]
            floats[position, column] = value if abs(value) <= LARGEST_FLOAT else math.nan
        charged = summary[FEE] + summary[SPREAD] + summary[SLIPPAGE] + summary[BORROW] + summary[OVERNIGHT]
        floats[len(metrics), column] = charged / summary[FIRST_EQUITY]
        floats[len(metrics) + 1, column] = summary[TRADED] / summary[FIRST_EQUITY]
        floats[len(metrics) + 2, column] = counts[EXPOSURE] / forward
        for leg in range(2):
            reasons[leg, column] = counts[LEG_REASON + leg]
            held[leg, column] = counts[LEG_HELD + leg]
