"""`wave_chart`: a wave count on its bars, with what is inside its legs, its targets and what refutes it."""

import math

import numpy as np

from kernels.panel import Float64Array1D, SessionArray1D
from resources.charts.checks import finite, require_size
from resources.charts.dates import DATE_ROOM, draw_time_axis
from resources.charts.frame import EDGE, Frame, axis_room, draw_header, draw_value_axis
from resources.charts.labels import Boxes
from resources.charts.scales import Scale, decimals_of, positions, scale_of
from resources.charts.sheet import Sheet
from resources.charts.theme import paint
from resources.charts.wave_bars import draw_bars
from resources.charts.wave_input import WaveChart, leg_names
from resources.charts.wave_levels import Tag, column_width, draw_levels, prices_shown, tag_heights
from resources.charts.wave_marks import Node, draw_waves, names_of, placed
from resources.charts.words import TIMES, count_of, number_words, price_words

ZONE = 0.16
"""Share of the frame's width that is left for the time to come, of a setup."""

NARROW = 480
"""Pixels of width below which levels are named by one word."""

_MARGIN = 26.0
_TICK_GAP = 38.0
_MOST_TAG_SHARE = 0.36


def wave_chart(chart: WaveChart, *, width: int = 760, height: int = 420) -> str:
    """Draw a wave on its bars.

    Prices are on a logarithmic scale, sessions without gaps; the scale is linear where a price isn't above 0. The waves
    inside each leg are groups of the class `child`, one in another, and hidden; `page_style` says how a page shows
    them. A level so far away that it would press the bars together is written at the edge, with an arrow.

    Args:
        chart: what to draw.
        width: of the picture in pixels; 380 is a telephone's.
        height: of the picture in pixels.

    Returns:
        An SVG for a page. Its waves carry `data-id`, `data-depth` and `data-class`, their legs `data-leg`.

    Raises:
        InvalidInputError: a size that no chart fits in.
    """
    require_size("wave_chart", width, height)
    sheet = Sheet("wave-chart", width, height)
    facts = _facts(chart)
    top = draw_header(sheet, chart.symbol, chart.name, facts)
    tags = _tags(chart, width < NARROW)
    scale = _scale(chart, tags, top, height - DATE_ROOM)
    ticks = scale.ticks(_TICK_GAP)
    decimals = decimals_of(ticks)

    def words(value: float) -> str:
        return number_words(value, decimals)

    column = max(column_width(tags, scale, _MOST_TAG_SHARE * width), axis_room(ticks, words) + 4.0)
    frame = Frame(EDGE, top, width - column, height - DATE_ROOM)
    x, now = _sessions(chart, frame)
    if now < frame.right:
        sheet.add("rect", class_="zone", x=now, y=top, width=frame.right - now, height=frame.height, fill=paint("zone"))
    heights = tag_heights(tags, frame, scale)
    draw_value_axis(sheet, frame, scale, words, ticks, right=True, taken=heights)
    draw_time_axis(sheet, frame, chart.bars.sessions, x)
    draw_bars(sheet, chart.bars, x, scale, (now - frame.left) / len(x))
    _draw_channel(sheet, chart, frame, scale, x)

    def place(sessions: SessionArray1D, prices: Float64Array1D) -> tuple[Float64Array1D, Float64Array1D]:
        ours = chart.bars.sessions
        inside = (sessions >= ours[0]) & (sessions <= ours[-1])
        return np.where(inside, x[np.minimum(np.searchsorted(ours, sessions), len(x) - 1)], np.nan), scale.at(prices)

    root = placed(chart.wave, place)
    begins = [now if tag.kind == "close" or np.isnan(root.x[-1]) else root.x[-1] for tag in tags]
    draw_levels(sheet, frame, scale, tags, heights, begins)
    _draw_under_way(sheet, chart, root, x, scale)
    draw_waves(sheet, root, names_of(root, frame, Boxes()))
    return sheet.svg(f"{chart.symbol}: {', '.join(facts[:2])}", _description(chart))


def _facts(chart: WaveChart) -> list[str]:
    wave = chart.wave
    names = leg_names(wave.wave_class)
    to_come = f": wave {names[wave.legs]} to come" if wave.legs < len(names) else ""
    begins = wave.pivots[0].session
    before = begins < chart.bars.sessions[0]
    return [
        f"{wave.title}, {wave.direction_words}",
        f"{wave.status}{to_come}",
        *chart.facts,
        *([f"begins {begins}, before the first bar"] if before else []),
    ]


def _tags(chart: WaveChart, narrow: bool) -> list[Tag]:
    """What is written beside the frame: the last close of a setup, then the levels; with one word each if narrow."""
    close = finite(chart.bars.close)
    tags = [Tag("close", float(close[-1]), "")] if len(close) and chart.wave.status == "setup" else []
    for target in chart.targets:
        if np.isfinite(target.price):
            tags.append(Tag("target", target.price, _one_word(target.words) if narrow else target.words))
    if np.isfinite(chart.invalidation):
        tags.append(Tag("invalidation", chart.invalidation, "invalid" if narrow else "invalidation"))
    return tags


def _one_word(words: str) -> str:
    """The first word, such as "0.618", with the sign of a multiple."""
    first, _, rest = words.partition(" ")
    return first + TIMES if rest.startswith(TIMES) else first


def _scale(chart: WaveChart, tags: list[Tag], top: float, bottom: float) -> Scale:
    bars = chart.bars
    inside = [pivot.price for pivot in chart.wave.pivots if bars.sessions[0] <= pivot.session <= bars.sessions[-1]]
    marks = finite(bars.open, bars.high, bars.low, bars.close, inside)
    levels = [tag.price for tag in tags if tag.kind != "close"]
    shown = prices_shown((float(marks.min()), float(marks.max())), levels) if len(marks) else levels
    return scale_of(shown, bottom, top, logarithmic=True, margin=min(_MARGIN, 0.2 * (bottom - top)))


def _sessions(chart: WaveChart, frame: Frame) -> tuple[Float64Array1D, float]:
    """The middle of each session, and where the last one ends, in pixels."""
    room = frame.width * (1.0 - ZONE if chart.wave.status == "setup" else 1.0)
    count = len(chart.bars.sessions)
    step = room / count
    return positions(frame.left + 0.5 * step, step, count), frame.left + room


def _draw_channel(sheet: Sheet, chart: WaveChart, frame: Frame, scale: Scale, x: Float64Array1D) -> None:
    """Draw each line from where it begins until it leaves the frame."""
    if not scale.logarithmic or not chart.channel:
        return
    sessions = chart.bars.sessions
    step = 2.0 * float(x[0] - frame.left)
    with sheet.group(class_="channel", stroke=paint("wave"), stroke_opacity=0.55, stroke_width=1):
        for line in chart.channel:
            if sessions[0] <= line.session <= sessions[-1] and scale.contains(line.price) and np.isfinite(line.slope):
                begin = float(x[np.searchsorted(sessions, line.session)])
                height = math.log(scale.high if line.slope > 0.0 else scale.low) - math.log(line.price)
                bars = (frame.right - begin) / step
                if abs(line.slope) * bars > abs(height):
                    bars = height / line.slope
                y = scale.one(line.price * math.exp(line.slope * bars))
                sheet.line(begin, scale.one(line.price), begin + bars * step, y)


def _draw_under_way(sheet: Sheet, chart: WaveChart, root: Node, x: Float64Array1D, scale: Scale) -> None:
    """Draw the wave under way of a setup: from its last pivot to the last close."""
    known = np.flatnonzero(np.isfinite(chart.bars.close))
    begins = np.isfinite(root.x[-1]) and np.isfinite(root.y[-1])
    if chart.wave.status == "setup" and len(known) and begins and x[known[-1]] > root.x[-1]:
        sheet.line(
            root.x[-1],
            root.y[-1],
            float(x[known[-1]]),
            scale.one(float(chart.bars.close[known[-1]])),
            class_="under-way",
            stroke=paint("wave"),
            stroke_width=1.6,
            stroke_dasharray="1 4",
            stroke_linecap="round",
        )


def _description(chart: WaveChart) -> str:
    """What the picture shows, for readers who can't see it."""
    sessions, wave = chart.bars.sessions, chart.wave
    names = ("0", *leg_names(wave.wave_class))
    pivots = ", ".join(
        f"{name} on {pivot.session} at {price_words(pivot.price)}"
        for name, pivot in zip(names, wave.pivots, strict=False)
    )
    parts = [
        f"{count_of(len(sessions), 'session')} from {sessions[0]} to {sessions[-1]}",
        f"pivots: {pivots}",
        *(f"target {price_words(target.price)} ({target.words})" for target in chart.targets),
    ]
    if np.isfinite(chart.invalidation):
        parts.append(f"invalidation {price_words(chart.invalidation)}")
    return "; ".join(parts)
