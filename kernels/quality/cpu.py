"""Faults on the CPU: each symbol's rules are run by one thread into its own cells, one cell per known session."""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.panel import Float64Array2D
from kernels.quality.faults import (
    MISSING_BAR,
    REPEATED_BAR,
    SUSPECT_CLOSE,
    UNEXPLAINED_MOVE,
    ZERO_VOLUME,
    Bars,
    Faults,
    QualitySettings,
)
from kernels.quality.rules import (
    NONE,
    Row,
    find_partners,
    is_copy,
    log_move,
    own_fault,
    suspect_move,
    unexplained_move,
)

BoolArray2D = npt.NDArray[np.bool_]


class Cells(NamedTuple):
    """What became known on each session, [S, n]: NONE or NaN where there is nothing."""

    own_kind: npt.NDArray[np.int8]
    own_value: Float64Array2D
    partner: npt.NDArray[np.int32]
    copied: BoolArray2D
    close_move: Float64Array2D
    suspect: npt.NDArray[np.int32]
    suspect_value: Float64Array2D
    move: Float64Array2D


def find_faults(bars: Bars, first: int, settings: QualitySettings) -> Faults:
    """Faults known from column `first` on, unsorted."""
    shape = (bars.open.shape[0], bars.open.shape[1] - first)
    cells = Cells(
        own_kind=np.full(shape, NONE, np.int8),
        own_value=np.full(shape, np.nan),
        partner=np.full(shape, NONE, np.int32),
        copied=np.zeros(shape, np.bool_),
        close_move=np.full(shape, np.nan),
        suspect=np.full(shape, NONE, np.int32),
        suspect_value=np.full(shape, np.nan),
        move=np.full(shape, np.nan),
    )
    _all_symbols(bars, first, settings, cells)
    parts: list[Faults] = []

    def report(
        where: BoolArray2D,
        kind: int | npt.NDArray[np.int8],
        excluded: bool | BoolArray2D,
        value: float | Float64Array2D,
        session: npt.NDArray[np.int32] | None = None,
        other: npt.NDArray[np.int32] | None = None,
    ) -> None:
        symbol, known_on = (index.astype(np.int32) for index in np.nonzero(where))
        known_on += np.int32(first)
        parts.append(
            Faults(
                symbol=symbol,
                session=known_on if session is None else session[where],
                known_on=known_on,
                kind=np.broadcast_to(np.asarray(kind, np.int8), shape)[where],
                excluded=np.broadcast_to(np.asarray(excluded, np.bool_), shape)[where],
                other=np.full(len(symbol), NONE, np.int32) if other is None else other[where],
                value=np.broadcast_to(np.asarray(value, np.float64), shape)[where],
            )
        )

    here = bars.present[:, first:]
    traded = bars.volume[:, first:]
    report(cells.own_kind != NONE, cells.own_kind, True, cells.own_value)
    report(here & ~((traded > 0) & (traded < np.inf)), ZERO_VOLUME, False, traded)
    report(_missing(bars.present, settings.absence)[:, first:], MISSING_BAR, False, np.nan)
    repeated = cells.partner != NONE
    own_session = np.broadcast_to(np.arange(first, first + shape[1], dtype=np.int32), shape)
    report(repeated, REPEATED_BAR, cells.copied, cells.close_move, session=cells.partner, other=own_session)
    report(repeated, REPEATED_BAR, False, cells.close_move, other=cells.partner)
    report(cells.suspect != NONE, SUSPECT_CLOSE, True, cells.suspect_value, session=cells.suspect)
    report(~np.isnan(cells.move), UNEXPLAINED_MOVE, False, cells.move)
    return Faults(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Faults)}
    )


def _missing(present: BoolArray2D, absence: int) -> BoolArray2D:
    """Cells without a row whose symbol had one within the last `absence` sessions."""
    seen = np.zeros_like(present)
    for back in range(1, min(absence, present.shape[1] - 1) + 1):
        seen[:, back:] |= present[:, :-back]
    return seen & ~present


@njit(cache=True, parallel=True)
def _all_symbols(bars: Bars, first: int, settings: QualitySettings, cells: Cells) -> None:
    n_sessions = bars.open.shape[1]
    for symbol in prange(bars.open.shape[0]):
        row = Row(
            bars.open[symbol],
            bars.high[symbol],
            bars.low[symbol],
            bars.close[symbol],
            bars.volume[symbol],
            bars.split_ratio[symbol],
            bars.dividend[symbol],
            np.zeros(n_sessions, np.bool_),
            np.full(n_sessions, n_sessions, np.int32),
        )
        _one_symbol(row, bars.present[symbol], symbol, first, settings, cells)


@njit(cache=True)
def _one_symbol(
    row: Row, present: npt.NDArray[np.bool_], symbol: int, first: int, settings: QualitySettings, cells: Cells
) -> None:
    n_sessions = len(row.open)
    own_kind = np.full(n_sessions, NONE, np.int8)
    own_value = np.full(n_sessions, np.nan)
    for session in range(n_sessions):
        if present[session]:
            own_kind[session], own_value[session] = own_fault(
                row.open[session],
                row.high[session],
                row.low[session],
                row.close[session],
                settings.order_tolerance,
            )
            row.sound[session] = own_kind[session] == NONE

    partner = np.empty(n_sessions, np.int32)
    find_partners(row.open, row.high, row.low, row.sound, settings.lookback, partner)
    for session in range(n_sessions):
        if partner[session] != NONE and is_copy(row, partner[session], session, settings):
            row.copied_on[partner[session]] = session

    latest = NONE
    for session in range(n_sessions):
        if session >= first:
            cell = session - first
            cells.own_kind[symbol, cell] = own_kind[session]
            cells.own_value[symbol, cell] = own_value[session]
            cells.partner[symbol, cell] = partner[session]
            if partner[session] != NONE:
                cells.copied[symbol, cell] = row.copied_on[partner[session]] == session
                cells.close_move[symbol, cell] = log_move(row.close[partner[session]], row.close[session])
            if row.sound[session]:
                cells.move[symbol, cell] = unexplained_move(row, session, settings)
                if latest != NONE:
                    move = suspect_move(row, latest, session, settings)
                    if not np.isnan(move):
                        cells.suspect[symbol, cell] = latest
                        cells.suspect_value[symbol, cell] = move
        if row.sound[session]:
            latest = session
