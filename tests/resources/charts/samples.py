"""Bars, waves and tables that the tests of charts draw, and the benchmark too."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kernels.panel import PricePanel
from kernels.waves import Patterns
from resources.charts import (
    Bars,
    BreakdownChart,
    ChannelLine,
    Component,
    DotsChart,
    EquityChart,
    FanChart,
    Level,
    LineChart,
    Pivot,
    Points,
    ReliabilityChart,
    RuleMargin,
    Series,
    Wave,
    WaveChart,
)
from resources.pattern_table import PatternTables
from tests.kernels.waves.charts import TEXTBOOK, chart, scan_chart

MONDAY = np.datetime64("2014-01-06")
SHAPES = {"impulse": (0.0, 0.3, 0.18, 0.72, 0.55, 1.0), "zigzag": (0.0, 0.6, 0.3, 1.0)}


def days(count: int) -> np.ndarray:
    """`count` working days."""
    return np.busday_offset(MONDAY, np.arange(count))


def bars_of(close: np.ndarray, spread: float = 0.008) -> Bars:
    """Bars around closes; a missing close is a missing bar."""
    rng = np.random.default_rng(len(close))
    opened = close * np.exp(spread * 0.5 * rng.standard_normal(len(close)))
    high = np.maximum(opened, close) * (1.0 + spread * rng.random(len(close)))
    low = np.minimum(opened, close) * (1.0 - spread * rng.random(len(close)))
    return Bars(days(len(close)), opened, high, low, close)


def walk(count: int, seed: int = 1) -> np.ndarray:
    """A random walk of prices."""
    return 50.0 * np.exp(np.cumsum(0.015 * np.random.default_rng(seed).standard_normal(count)))


def nested(count: int = 504, depth: int = 2) -> WaveChart:
    """An impulse over nearly `count` bars whose legs are waves, and theirs too, `depth` times; a setup of four legs."""
    begin, end = int(0.04 * count), int(0.96 * count)
    turns: dict[int, float] = {}
    whole = _nested("impulse", begin, end, 50.0, 90.0, depth, 0, turns)
    path = np.interp(
        np.arange(count), [0, *sorted(turns), count - 1], [55.0, *(turns[at] for at in sorted(turns)), 85.0]
    )
    wave = Wave("impulse", 1, "setup", whole.pivots[:5], whole.children[:4], pattern_id="root")
    targets = (
        Level(84.0, "0.618 \u00d7 W1"),
        Level(84.4, "1 \u00d7 W1"),
        Level(300.0, "1.618 \u00d7 W1"),
        Level(86.0, "channel line"),
    )
    last = int(np.searchsorted(days(count), wave.pivots[-1].session)) + int(0.08 * count)
    bars = bars_of(path[:last])
    channel = (ChannelLine(wave.pivots[2].session, wave.pivots[2].price, 0.001),)
    return WaveChart("TEST", bars, wave, "Test Company", ("score 0.72",), targets, wave.pivots[1].price, channel)


def _nested(name: str, begin: int, end: int, low: float, high: float, depth: int, leg: int, turns: dict) -> Wave:
    shape = SHAPES[name]
    at = np.rint(np.linspace(begin, end, len(shape))).astype(int).tolist()
    prices = [low + (high - low) * share for share in shape]
    sessions = days(max(at) + 1)
    first_low = high > low
    pivots = tuple(
        Pivot(sessions[bar], price, "low" if (place % 2 == 0) == first_low else "high")
        for place, (bar, price) in enumerate(zip(at, prices, strict=True))
    )
    turns.update(zip(at, prices, strict=True))
    children = []
    for place, ((b, p), (e, q)) in enumerate(pairwise(zip(at, prices, strict=True)), start=1):
        if depth and e - b >= 6:
            children.append(_nested(("zigzag", "impulse")[place % 2], b, e, p, q, depth - 1, place, turns))
    status = "part" if leg else "confirmed"
    return Wave(name, 1 if first_low else -1, status, pivots, tuple(children), leg, f"{name}-{begin}-{end}")


class Textbook(NamedTuple):
    """The rows that the scan of a textbook chart gives, the id of the textbook wave, and the panel of its bars."""

    table: pa.Table
    pattern_id: str
    panel: PricePanel
    patterns: Patterns
    row: int


def textbook(name: str, legs: int | None = None, direction: int = 1) -> Textbook:
    """The textbook wave of a class as of its last bar, or its setup two bars after its first `legs` legs."""
    drawn = chart(TEXTBOOK[name], direction)
    end = None if legs is None else drawn.pivots[legs] + 2
    found = scan_chart(drawn, end)
    row = drawn.found_in(found.patterns, legs)
    count = len(drawn.low) if end is None else end + 1
    low, high = (np.ascontiguousarray(each[None, :count]) for each in (drawn.low, drawn.high))
    middle = np.sqrt(low * high)
    panel = PricePanel(("TEST",), days(count), middle, high, low, middle, np.full_like(middle, 1000.0))
    symbols = np.array(["TEST"] * len(found.patterns.score))
    tables = PatternTables(found, symbols, panel.sessions, middle[:, -1], 10**6)
    table = tables.table(panel.sessions[-1], np.arange(len(found.pattern)))
    [place] = [
        at for at, each in enumerate(table["pivots"].to_pylist()) if _is(each, table, at, found.patterns, row, panel)
    ]
    return Textbook(table, table["pattern_id"][place].as_py(), panel, found.patterns, row)


def _is(pivots: list, table: pa.Table, at: int, patterns: Patterns, row: int, panel: PricePanel) -> bool:
    """Whether a row of the table is a pattern of the scan."""
    wanted = panel.sessions[patterns.pivots[row, : patterns.legs[row] + 1]].astype(object).tolist()
    from kernels.waves import CLASS_NAMES

    return [each["session"] for each in pivots] == wanted and table["class"][at].as_py() == CLASS_NAMES[
        patterns.class_index[row]
    ]


def fan(count: int = 90) -> FanChart:
    """A fan that opens evenly in log price."""
    horizons = np.array([1, 2, 5, 10, 21], np.int32)
    scores = np.array([-1.645, -0.674, 0.0, 0.674, 1.645])
    return FanChart(
        "TEST", days(count), walk(count), horizons, 0.02 * np.sqrt(horizons)[:, None] * scores, "Test Company"
    )


def breakdown() -> BreakdownChart:
    """Three components, one of them unknown and one half known; three rules, one broken and one to come."""
    return BreakdownChart(
        "TEST: what the score is made of",
        0.61,
        (Component("Fibonacci", 0.8, 0.4, 0.6), Component("Channel", np.nan, 0.1), Component("Time", 1.0, 0.05)),
        (RuleMargin("wave 2 above start", 0.42, "x2 > x0"), RuleMargin("lines close", 0.0), RuleMargin("last", np.nan)),
    )


def lines(count: int = 504, series: int = 2) -> tuple[Series, ...]:
    """Random walks, the first with an interval."""
    walks = [walk(count, seed) / 50.0 for seed in range(series)]
    first = Series("forecast", walks[0], 0.9 * walks[0], 1.1 * walks[0])
    return (first, *(Series(f"model {place}", each) for place, each in enumerate(walks[1:], start=1)))


def equity() -> EquityChart:
    """Two lines over two years."""
    return EquityChart("Equity", days(504), lines(), ("70 origins",))


def line() -> LineChart:
    """Eight lines over two years."""
    return LineChart("Skill", days(504), lines(series=8), "%", 0.0)


def reliability() -> ReliabilityChart:
    """Two series at ten places beside the diagonal."""
    x = np.linspace(0.05, 0.95, 10)
    points = (Points("forecast", x, x + 0.02, x - 0.01, x + 0.05), Points("baseline", x, x - 0.02))
    return ReliabilityChart("Calibration", "level", "share of the outcomes", points)


def dots() -> DotsChart:
    """Twenty bins, the first one full."""
    counts = np.full(20, 100)
    counts[0] = 180
    return DotsChart("p-values", np.linspace(0.0, 1.0, 21), counts)
