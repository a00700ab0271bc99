"""From rows of the `patterns` table and the bars of a panel to a wave chart."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kernels.errors import InvalidInputError
from kernels.panel import PricePanel
from kernels.waves import CLASSES
from kernels.waves.classes import Line, Setup
from resources.charts.wave_input import Bars, ChannelLine, Level, Pivot, Wave, WaveChart, leg_names
from resources.charts.wave_marks import DEEPEST
from resources.charts.words import TIMES, share_words

Row = Mapping[str, Any]

COLUMNS = (
    "symbol",
    "pattern_id",
    "class",
    "direction",
    "status",
    "pivots",
    "subdivisions",
    "score",
    "targets",
    "invalidation",
    "p_value",
    "q_value",
)
"""The columns that are read."""

BEFORE, LEAST_BEFORE = 0.15, 10
"""Bars drawn before the first pivot: this share of the pattern's span, and at least so many."""

AFTER, LEAST_AFTER = 0.5, 21
"""Bars drawn after the last pivot of a confirmed pattern, likewise; of a setup, all."""

_SAME = 1e-6


def wave_chart_of(rows: pa.Table | Sequence[Row], pattern_id: str, panel: PricePanel, *, name: str = "") -> WaveChart:
    """The chart of one pattern, with the patterns inside it that have a row.

    Args:
        rows: of `patterns`, of one symbol and session. Of a table only `COLUMNS` are read.
        pattern_id: which of them.
        panel: bars as of the session, adjusted like the pivots; all drawn bars are its.
        name: the company's name.

    Returns:
        The chart of the bars from shortly before the pattern to the panel's end, or to some time after a confirmed one.

    Raises:
        InvalidInputError: no such pattern in the rows, or its symbol or time isn't in the panel.
    """
    listed = rows.select(list(COLUMNS)).to_pylist() if isinstance(rows, pa.Table) else rows
    by_id = {row["pattern_id"]: row for row in listed}
    if pattern_id not in by_id:
        raise InvalidInputError(
            "wave_chart_of, pattern_id",
            expected="a pattern_id of the rows",
            got=f"{pattern_id}, which is none of {len(by_id)}",
            mend="pass the rows of the pattern's own symbol and session",
        )
    row = by_id[pattern_id]
    if row["symbol"] not in panel.symbols:
        raise InvalidInputError(
            "wave_chart_of, panel",
            expected=f"a panel with {row['symbol']}",
            got=f"{len(panel.symbols)} other symbols",
            mend="pass lake.panel(session, symbols=[...]) with the pattern's symbol",
        )
    wave = _wave(row, by_id, 0, 0, "")
    bars = _bars(panel, panel.symbols.index(row["symbol"]), wave)
    return WaveChart(
        symbol=row["symbol"],
        bars=bars,
        wave=wave,
        name=name,
        facts=_facts(row),
        targets=_targets(row, wave),
        invalidation=np.nan if row["invalidation"] is None else row["invalidation"],
        channel=_channel(wave, panel),
    )


def _wave(row: Row, by_id: Mapping[str, Row], leg: int, depth: int, position: str) -> Wave:
    children = []
    for place, subdivision in enumerate(row["subdivisions"], start=1):
        child = by_id.get(subdivision["child_id"])
        if child is not None and depth < DEEPEST:
            children.append(_wave(child, by_id, place, depth + 1, subdivision["position"] or ""))
    return Wave(
        wave_class=row["class"],
        direction=row["direction"],
        status=row["status"],
        pivots=tuple(
            Pivot(np.datetime64(pivot["session"], "D"), pivot["price"], pivot["kind"]) for pivot in row["pivots"]
        ),
        children=tuple(children),
        leg=leg,
        pattern_id=row["pattern_id"],
        position=position,
    )


def _bars(panel: PricePanel, symbol: int, wave: Wave) -> Bars:
    """The bars around a wave, all if it lies outside the panel's time."""
    first, last = np.searchsorted(panel.sessions, [wave.pivots[0].session, wave.pivots[-1].session]).tolist()
    end = len(panel.sessions) - 1
    if first > end:
        raise InvalidInputError(
            "wave_chart_of, panel",
            expected=f"bars from {wave.pivots[0].session} on",
            got=f"sessions up to {panel.sessions[-1]}",
            mend="pass the panel as of the pattern's session",
        )
    span = last - first
    after = end if wave.status == "setup" else last + max(LEAST_AFTER, round(AFTER * span))
    chosen = slice(max(first - max(LEAST_BEFORE, round(BEFORE * span)), 0), min(after, end) + 1)
    prices = (np.ascontiguousarray(getattr(panel, each)[symbol, chosen]) for each in ("open", "high", "low", "close"))
    return Bars(panel.sessions[chosen], *prices)


def _facts(row: Row) -> tuple[str, ...]:
    values = (("score", row["score"]), ("p", row["p_value"]), ("q", row["q_value"]))
    return tuple(f"{words} {share_words(value)}" for words, value in values if value is not None)


def _setup(wave: Wave) -> Setup | None:
    if wave.status != "setup":
        return None
    return next((setup for setup in CLASSES[wave.wave_class].setups if setup.legs == wave.legs), None)


def _targets(row: Row, wave: Wave) -> tuple[Level, ...]:
    """The targets with their words: the multiple of a leg that gives the price, else the channel line."""
    setup = _setup(wave)
    if setup is None:
        return ()
    logs = [wave.direction * math.log(pivot.price) for pivot in wave.pivots]
    named = []
    for level in setup.targets:
        length = abs(logs[level.leg] - logs[level.leg - 1])
        price = math.exp(wave.direction * (logs[level.pivot] + level.multiple * length))
        named.append((price, _words(wave.wave_class, level.multiple, level.leg)))
    return tuple(
        Level(
            target,
            next((words for price, words in named if math.isclose(price, target, rel_tol=_SAME)), "channel line"),
        )
        for target in row["targets"]
    )


def _words(wave_class: str, multiple: float, leg: int) -> str:
    """How a target follows from a leg: 1.618 x W1, or 0.382 of W3 for the way back."""
    name = leg_names(wave_class)[leg - 1]
    wave = f"W{name}" if name.isdigit() else name
    return f"{abs(multiple):g} {TIMES if multiple > 0 else 'of'} {wave}"


def _channel(wave: Wave, panel: PricePanel) -> tuple[ChannelLine, ...]:
    """The base line and its parallel on which the newest wave, or the next one, is expected to end.

    Of a diagonal or triangle, whose last wave ends on the base line itself, the line of the other pivots instead.
    """
    known = [
        line
        for pivot, line in CLASSES[wave.wave_class].channel
        if pivot <= wave.legs + 1 and max(*line.base, line.through) <= wave.legs
    ]
    if not known:
        return ()
    bars = np.searchsorted(panel.sessions, np.array([pivot.session for pivot in wave.pivots]))
    inside = wave.pivots[0].session >= panel.sessions[0] and bars[-1] < len(panel.sessions)
    if not inside or min(pivot.price for pivot in wave.pivots) <= 0.0:
        return ()
    line = known[-1]
    slope = _slope(wave, bars.tolist(), line.base)
    lines = [(line.base[0], slope)]
    if line.through not in line.base:
        lines.append((line.through, slope))
    else:
        other = _other_side(line, wave.legs)
        lines.append((other[0], _slope(wave, bars.tolist(), other)))
    return tuple(ChannelLine(wave.pivots[at].session, wave.pivots[at].price, each) for at, each in lines)


def _other_side(line: Line, legs: int) -> tuple[int, int]:
    """The two pivots between and after those of a base line: 2-4 beside 1-3."""
    return (line.base[0] + 1, line.base[1] + 1) if line.base[1] < legs else (line.base[0] - 1, line.base[1] - 1)


def _slope(wave: Wave, bars: Sequence[int], ends: tuple[int, int]) -> float:
    """Log price per bar between two pivots."""
    a, b = ends
    rise = math.log(wave.pivots[b].price) - math.log(wave.pivots[a].price)
    return rise / (bars[b] - bars[a])
