"""Bars as candles, as high-low bars, or as a band with the closes in it, by how much room there is."""

import numpy as np

from kernels.panel import Float64Array1D
from resources.charts.scales import Scale
from resources.charts.sheet import Sheet, area, polyline
from resources.charts.theme import paint
from resources.charts.wave_input import Bars
from resources.charts.words import coordinate

CANDLE_STEP = 3.0
"""Pixels per bar from which candles are drawn."""

BAR_STEP = 1.6
"""Pixels per bar from which each bar is a line of its own."""

MOST_POINTS = 640
"""Points of the band; more bars than that share them."""


def draw_bars(sheet: Sheet, bars: Bars, x: Float64Array1D, scale: Scale, step: float) -> None:
    """Draw the bars.

    Args:
        sheet: to draw on.
        bars: T bars; what is missing is left out.
        x: float64 [T], the middle of each, in pixels.
        scale: of the prices.
        step: pixels from bar to bar.
    """
    with sheet.group(class_="bars", stroke=paint("bar"), fill="none"):
        if step >= CANDLE_STEP:
            _candles(sheet, bars, x, scale, step)
        elif step >= BAR_STEP:
            _lines(sheet, bars, x, scale)
        else:
            _band(sheet, bars, x, scale)


def _candles(sheet: Sheet, bars: Bars, x: Float64Array1D, scale: Scale, step: float) -> None:
    """Wicks, then hollow bodies where the close is not below the open, then full ones where it is."""
    top, bottom = scale.at(bars.high), scale.at(bars.low)
    first, last = scale.at(bars.open), scale.at(bars.close)
    there = np.isfinite(top) & np.isfinite(bottom) & np.isfinite(first) & np.isfinite(last)
    half = min(max(0.32 * step, 0.8), 6.0)
    body_top, body_bottom = np.minimum(first, last), np.maximum(first, last)
    rows = np.column_stack([x, top, bottom, body_top, np.maximum(body_bottom - body_top, 0.6)])
    sheet.path(
        "".join(f"M{coordinate(r[0])} {coordinate(r[1])}V{coordinate(r[2])}" for r in rows[there].tolist()),
        class_="wicks",
    )
    for name, chosen, filled in (
        ("up", there & (bars.close >= bars.open), paint("paper")),
        ("down", there & (bars.close < bars.open), paint("bar")),
    ):
        across = coordinate(2.0 * half)
        body = "".join(
            f"M{coordinate(middle - half)} {coordinate(upper)}h{across}v{coordinate(tall)}h-{across}z"
            for middle, _, _, upper, tall in rows[chosen].tolist()
        )
        sheet.path(body, class_=name, fill=filled)


def _lines(sheet: Sheet, bars: Bars, x: Float64Array1D, scale: Scale) -> None:
    """A line from low to high for each bar."""
    top, bottom = scale.at(bars.high), scale.at(bars.low)
    rows = np.column_stack([x, top, np.maximum(bottom, top + 0.6)])
    there = np.isfinite(rows).all(axis=1)
    path = "".join(
        f"M{coordinate(at)} {coordinate(upper)}V{coordinate(lower)}" for at, upper, lower in rows[there].tolist()
    )
    sheet.path(path, class_="ranges", stroke_width=1.1)


def _band(sheet: Sheet, bars: Bars, x: Float64Array1D, scale: Scale) -> None:
    """The area between lows and highs, and the line of the closes; several bars to a point where there are many."""
    size = -(-len(x) // MOST_POINTS)
    starts = np.arange(0, len(x), size)
    high, low = np.fmax.reduceat(bars.high, starts), np.fmin.reduceat(bars.low, starts)
    close = bars.close[np.minimum(starts + size, len(x)) - 1]
    middle = np.add.reduceat(x, starts) / np.diff(starts, append=len(x))
    top, bottom = scale.at(high), scale.at(low)
    sheet.path(area(middle, bottom, top), class_="range", fill=paint("bar"), fill_opacity=0.35, stroke="none")
    sheet.path(polyline(middle, scale.at(close)), class_="closes", stroke_linecap="round", stroke_linejoin="round")
