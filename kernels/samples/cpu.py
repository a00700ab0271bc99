"""The draws on the CPU: one row after the other on the calling thread, each into its own cells.

The caller's threads run blocks of rows side by side: nothing here holds Python's lock or shares memory.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.panel import Float64Array2D, Int32Array1D
from kernels.philox import key_words, normal_pair, philox4x32, uniform
from kernels.samples.columns import COLUMNS, Columns, names_of
from kernels.samples.model import (
    ACTION_LEVEL_BLOCK,
    ACTION_VALUE_BLOCK,
    AGE_BLOCK,
    BLOCKS,
    BOTH,
    EQUITY_RANGE,
    FLAT,
    LONG_ONLY,
    LOWEST_EQUITY,
    SHORT_ONLY,
    START_BLOCK,
    STATE_LEVEL_BLOCK,
    VALUE_BLOCK,
)
from kernels.samples.rules import kind_of, leg_values, level, rounded, start_number
from kernels.samples.settings import SampleSettings
from kernels.samples.starts import Starts
from kernels.trading.model import Bars

Float32Array2D = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint64]

ROWS_AT_ONCE = 256
"""Rows whose words are drawn together: a loop over nothing but the generator keeps the processor busier."""

FLOATS = names_of("float32", labels=False)
EQUITY = FLOATS.index("state_equity")
CASH = FLOATS.index("state_cash")
VALUE = FLOATS.index("state_long_value")
LEVERAGE = FLOATS.index("state_leverage")
ENTRY = FLOATS.index("state_long_entry")
PROFIT = FLOATS.index("state_long_profit")
LEVEL = FLOATS.index("state_long_stop")
ACTION_VALUE = FLOATS.index("action_long_value")
ACTION_LEVEL = FLOATS.index("action_long_stop")
"""Rows of the float columns; a leg's value, entry, profit and levels lie beside those of the other leg."""

INSTRUMENT, LONG_AGE, SHORT_AGE = range(3)
SPLIT, PHASE = range(2)


def draw_rows(
    bars: Bars, starts: Starts, settings: SampleSettings, shard: int, first_row: int, count: int, stream: int
) -> Columns:
    """All columns but the labels, of rows `first_row`.. of a shard; without checks."""
    blocks = {
        dtype: np.empty((len(names_of(dtype, labels=False)), count), dtype=dtype)
        for dtype in ("float32", "int32", "int16", "int8", "bool")
    }
    flat = settings.flat_share
    one_long = flat + settings.long_share
    key_0, key_1 = key_words(settings.seed)
    _draw(
        key_0,
        key_1,
        np.uint64(stream),
        np.uint64(shard),
        first_row,
        starts.instrument,
        starts.session,
        starts.split,
        starts.phase,
        bars.open,
        bars.close,
        settings.lookback,
        (flat, one_long, one_long + settings.short_share, float(settings.hold_share)),
        float(settings.max_leverage),
        blocks["float32"],
        blocks["int32"][0],
        blocks["int16"],
        blocks["int8"],
        blocks["bool"][0],
    )
    rows = {
        name: values
        for dtype, block in blocks.items()
        for name, values in zip(names_of(dtype, labels=False), block, strict=True)
    }
    return {name: rows[name] for name in COLUMNS if name in rows}


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(
    key_0: np.uint64,
    key_1: np.uint64,
    stream: np.uint64,
    shard: np.uint64,
    first_row: int,
    start_instrument: Int32Array1D,
    start_session: Int32Array1D,
    start_split: npt.NDArray[np.int8],
    start_phase: npt.NDArray[np.int8],
    open_: Float64Array2D,
    close: Float64Array2D,
    lookback: int,
    shares: tuple[float, float, float, float],
    max_leverage: float,
    floats: Float32Array2D,
    session: Int32Array1D,
    shorts: npt.NDArray[np.int16],
    bytes_: npt.NDArray[np.int8],
    hold: npt.NDArray[np.bool_],
) -> None:
    """Fill the columns of each dtype, one array row a column; `shares`: of flat, + long only, + short only; holds."""
    words = np.empty((BLOCKS, 4, ROWS_AT_ONCE), dtype=np.uint64)
    for begin in range(0, len(session), ROWS_AT_ONCE):
        rows = min(ROWS_AT_ONCE, len(session) - begin)
        _draw_words(key_0, key_1, stream, shard, first_row + begin, rows, words)
        for row in range(rows):
            _draw_row(
                words, row, start_instrument, start_session, start_split, start_phase, open_, close, lookback, shares,
                max_leverage, begin + row, floats, session, shorts, bytes_, hold,
            )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _draw_row(
    words: Words,
    row: int,
    start_instrument: Int32Array1D,
    start_session: Int32Array1D,
    start_split: npt.NDArray[np.int8],
    start_phase: npt.NDArray[np.int8],
    open_: Float64Array2D,
    close: Float64Array2D,
    lookback: int,
    shares: tuple[float, float, float, float],
    max_leverage: float,
    column: int,
    floats: Float32Array2D,
    session: Int32Array1D,
    shorts: npt.NDArray[np.int16],
    bytes_: npt.NDArray[np.int8],
    hold: npt.NDArray[np.bool_],
) -> None:
    """Draw one row from `words` [BLOCKS, 4, rows] into a column of the arrays."""
    flat, one_long, one_short, hold_share = shares
    start_words = words[START_BLOCK]
    start = start_number(start_words[0, row], start_words[1, row], len(start_session))
    kind = kind_of(start_words[2, row], flat, one_long, one_short)
    is_hold = uniform(start_words[3, row]) < hold_share
    series, last = start_instrument[start], start_session[start]
    shorts[INSTRUMENT, column] = series
    session[column] = last
    bytes_[SPLIT, column] = start_split[start]
    bytes_[PHASE, column] = start_phase[start]
    hold[column] = is_hold

    equity = rounded(LOWEST_EQUITY + EQUITY_RANGE * uniform(words[VALUE_BLOCK, 2, row]))
    cap = max_leverage * equity
    long, short = _draw_values(kind, words[VALUE_BLOCK], row, cap)
    floats[EQUITY, column] = equity
    floats[CASH, column] = equity - long + short
    floats[VALUE, column], floats[VALUE + 1, column] = long, short
    floats[LEVERAGE, column] = (long + short) / equity

    long_entry = short_entry = math.nan
    long_profit = short_profit = 0.0
    long_age = short_age = 0
    if kind in (LONG_ONLY, BOTH):
        long_age = 1 + int(uniform(words[AGE_BLOCK, 0, row]) * (lookback - 1))
        long_entry = rounded(open_[series, last - long_age] / close[series, last])
        long_profit = long * (1.0 - long_entry)
    if kind in (SHORT_ONLY, BOTH):
        short_age = 1 + int(uniform(words[AGE_BLOCK, 1, row]) * (lookback - 1))
        short_entry = rounded(open_[series, last - short_age] / close[series, last])
        short_profit = short * (short_entry - 1.0)
    shorts[LONG_AGE, column], shorts[SHORT_AGE, column] = long_age, short_age
    floats[ENTRY, column], floats[ENTRY + 1, column] = long_entry, short_entry
    floats[PROFIT, column], floats[PROFIT + 1, column] = long_profit, short_profit
    _draw_levels(kind, words[STATE_LEVEL_BLOCK], row, floats[LEVEL : LEVEL + 4], column)

    if is_hold:
        for position in range(2):
            floats[ACTION_VALUE + position, column] = floats[VALUE + position, column]
        for position in range(4):
            floats[ACTION_LEVEL + position, column] = floats[LEVEL + position, column]
    else:
        kind = kind_of(words[VALUE_BLOCK, 3, row], flat, one_long, one_short)
        long, short = _draw_values(kind, words[ACTION_VALUE_BLOCK], row, cap)
        floats[ACTION_VALUE, column], floats[ACTION_VALUE + 1, column] = long, short
        _draw_levels(kind, words[ACTION_LEVEL_BLOCK], row, floats[ACTION_LEVEL : ACTION_LEVEL + 4], column)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_words(
    key_0: np.uint64, key_1: np.uint64, stream: np.uint64, shard: np.uint64, first_row: int, rows: int, words: Words
) -> None:
    """Fill the first `rows` of `words` [BLOCKS, 4, ROWS_AT_ONCE]."""
    for block in range(words.shape[0]):
        for row in range(rows):
            word_0, word_1, word_2, word_3 = philox4x32(
                np.uint64(block), np.uint64(first_row + row), stream, shard, key_0, key_1
            )
            words[block, 0, row], words[block, 1, row] = word_0, word_1
            words[block, 2, row], words[block, 3, row] = word_2, word_3


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _draw_values(kind: int, words: Words, row: int, cap: float) -> tuple[float, float]:
    """Dollars held long and short, from a block [4, rows]."""
    if kind == FLAT:
        return 0.0, 0.0
    normal_long, normal_short = normal_pair(uniform(words[0, row]), uniform(words[1, row]))
    return leg_values(kind, normal_long, normal_short, cap)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _draw_levels(kind: int, words: Words, row: int, levels: Float32Array2D, column: int) -> None:
    """Write stop and target of both legs into a column of `levels` [4, B]; NaN where the kind has no such leg."""
    has_long, has_short = kind in (LONG_ONLY, BOTH), kind in (SHORT_ONLY, BOTH)
    for position in range(4):
        drawn = has_long if position < 2 else has_short
        levels[position, column] = level(words[position, row], position) if drawn else math.nan
