"""`fan_chart`: the last closes of a symbol, and the forecast as a fan that opens to the right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D, SessionArray1D
from resources.charts.checks import finite, require, require_days, require_size, require_vector
from resources.charts.dates import DATE_ROOM, draw_time_axis
from resources.charts.frame import EDGE, Frame, axis_room, draw_header, draw_value_axis
from resources.charts.labels import spread
from resources.charts.scales import Scale, decimals_of, positions, scale_of
from resources.charts.sheet import SMALL, Sheet, area, polyline
from resources.charts.theme import paint
from resources.charts.words import number_words, percent_words, price_words, text_width

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are drawn: the ends of the central 90 % and 50 %, and the median."""

HISTORY = 63
"""Closes before the fan: a quarter."""

_GAP = 15.0


@dataclass(frozen=True)
class FanChart:
    """Closes and the forecast made at the last one.

    Attributes:
        symbol: the ticker.
        sessions: `datetime64[D]` [T], strictly rising; the forecast is made at the last. The last `HISTORY` are drawn.
        close: float64 [T], dollars; NaN where there is no bar.
        horizons: int32 [H], sessions ahead, strictly rising from 1 or more.
        quantiles: float64 [H, 5], of the log return to each horizon at `LEVELS`; NaN where there is no forecast.
        name: the company's name, or "".
        facts: what else the header says, such as the model.

    Raises:
        InvalidInputError: a wrong shape, dtype or order, named by field.
    """

    symbol: str
    sessions: SessionArray1D
    close: Float64Array1D
    horizons: Int32Array1D
    quantiles: Float64Array2D
    name: str = ""
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_days("FanChart.sessions", self.sessions)
        require_vector("FanChart.close", self.close, len(self.sessions))
        rising = self.horizons.dtype == np.int32 and self.horizons.ndim == 1 and len(self.horizons) > 0
        require(
            rising and bool(np.all(np.diff(self.horizons, prepend=0) > 0)),
            "FanChart.horizons",
            expected="a strictly rising vector of int32 from 1 on",
            got=self.horizons,
            mend="pass np.array([1, 2, 5, 10, 21], np.int32)",
        )
        require_vector("FanChart.quantiles", self.quantiles.ravel(), len(self.horizons) * len(LEVELS))
        require(
            self.quantiles.shape == (len(self.horizons), len(LEVELS)),
            "FanChart.quantiles",
            expected=f"shape {(len(self.horizons), len(LEVELS))}, the levels {LEVELS}",
            got=self.quantiles.shape,
            mend="choose these levels from the forecast",
        )
        require(
            not bool(np.any(np.abs(self.quantiles) > _MOST_LOG)),
            "FanChart.quantiles",
            expected=f"log returns within {_MOST_LOG:g}",
            got="a larger one",
            mend="pass log returns, not percent",
        )


_MOST_LOG = 10.0


def fan_chart(chart: FanChart, *, width: int = 760, height: int = 320) -> str:
    """Draw the last closes and the forecast: the central 90 % and 50 % as bands, the median as a line.

    Prices are on a logarithmic scale. Each quantile at the last horizon is written beside the fan, in dollars and
    percent of the last close. Horizons without all quantiles are left out; without a last close there is no fan.

    Args:
        chart: what to draw.
        width: of the picture in pixels.
        height: of the picture in pixels.

    Returns:
        An SVG for a page.

    Raises:
        InvalidInputError: a size that no chart fits in.
    """
    require_size("fan_chart", width, height)
    sheet = Sheet("fan-chart", width, height)
    sessions, close = chart.sessions[-HISTORY:], chart.close[-HISTORY:]
    horizons, prices = _fan(chart)
    close_words = [f"close {price_words(float(close[-1]))}"] if np.isfinite(close[-1]) else []
    shown = "bands: central 50 % and 90 %" if len(horizons) else "no forecast"
    facts = [*close_words, *chart.facts, shown]
    top = draw_header(sheet, chart.symbol, chart.name, facts)
    bottom = height - DATE_ROOM
    scale = scale_of(finite(close, prices), bottom, top, logarithmic=True, margin=10.0)
    ticks = scale.ticks(36.0)
    decimals = decimals_of(ticks)
    labels = [
        (f"${price_words(price)}", percent_words(price / close[-1] - 1.0)) for price in prices[-1:].ravel().tolist()
    ]
    numbers = max((text_width(number, SMALL, bold=True) for number, _ in labels), default=0.0)
    column = 10.0 + numbers + max((text_width(percent, SMALL) + 6.0 for _, percent in labels), default=0.0)

    def words(value: float) -> str:
        return number_words(value, decimals)

    right = width - max(column, axis_room(ticks, words)) - 0.5 * EDGE
    frame = Frame(EDGE, top, right, bottom)
    ahead = int(horizons[-1]) if len(horizons) else 0
    # The close is marked when the session ends, so the fan begins on it.
    step = frame.width / max(len(sessions) - 1 + ahead, 1)
    x = positions(frame.left, step, len(sessions))
    heights = spread(scale.at(prices[-1:].ravel()).tolist(), _GAP, top + 7.0, bottom - 7.0)
    if ahead:
        sheet.add(
            "rect", class_="zone", x=x[-1], y=top, width=frame.right - x[-1], height=frame.height, fill=paint("zone")
        )
    draw_value_axis(sheet, frame, scale, words, ticks, right=True, taken=heights)
    if ahead:
        _draw_fan(sheet, scale, x[-1] + np.concatenate([[0], horizons]) * step, close[-1], prices)
        _draw_horizons(sheet, frame, float(x[-1]), horizons, x[-1] + horizons * step)
    draw_time_axis(sheet, frame, sessions, x, right=x[-1] if ahead else None)
    sheet.path(
        polyline(x, scale.at(close)),
        class_="closes",
        fill="none",
        stroke=paint("ink"),
        stroke_width=1.6,
        stroke_linejoin="round",
        stroke_linecap="round",
    )
    if ahead:
        _draw_labels(sheet, frame, scale, prices[-1], heights, labels, numbers)
    return sheet.svg(f"{chart.symbol}: forecast", _description(chart, horizons, prices))


def _fan(chart: FanChart) -> tuple[Int32Array1D, Float64Array2D]:
    """The horizons with a forecast, and the prices of their quantiles."""
    last = chart.close[-1]
    known = np.isfinite(chart.quantiles).all(axis=1) & bool(last > 0.0)
    return chart.horizons[known], last * np.exp(chart.quantiles[known])


def _draw_fan(sheet: Sheet, scale: Scale, x: Float64Array1D, last: float, prices: Float64Array2D) -> None:
    """Draw the bands and the median from the last close on."""
    lines = scale.at(np.vstack([np.full(len(LEVELS), last), prices]))
    with sheet.group(class_="fan", fill=paint("wave")):
        sheet.path(area(x, lines[:, 0], lines[:, 4]), class_="central-90", fill_opacity=0.16)
        sheet.path(area(x, lines[:, 1], lines[:, 3]), class_="central-50", fill_opacity=0.30)
        sheet.path(polyline(x, lines[:, 2]), class_="median", fill="none", stroke=paint("wave"), stroke_width=2)


def _draw_horizons(sheet: Sheet, frame: Frame, now: float, horizons: Int32Array1D, x: Float64Array1D) -> None:
    """Write the sessions ahead below the fan, the last first, the others where there is room."""
    free_to = sheet.width - 0.5 * EDGE
    with sheet.group(class_="horizons", font_size=SMALL, fill=paint("muted"), text_anchor="middle"):
        for horizon, at in reversed(list(zip(horizons.tolist(), x.tolist(), strict=True))):
            half = 0.5 * text_width(f"+{horizon}", SMALL)
            if now + 4.0 + half <= at <= free_to - half:
                sheet.line(at, frame.bottom, at, frame.bottom + 4.0, stroke=paint("bar"))
                sheet.text(at, frame.bottom + 16.0, f"+{horizon}")
                free_to = at - half - 4.0


def _draw_labels(
    sheet: Sheet,
    frame: Frame,
    scale: Scale,
    prices: Float64Array1D,
    heights: Sequence[float],
    labels: Sequence[tuple[str, str]],
    numbers: float,
) -> None:
    """Write the quantiles at the last horizon beside the fan."""
    with sheet.group(class_="quantiles", font_size=SMALL, fill=paint("wave")):
        for y, height, (number, percent) in zip(scale.at(prices).tolist(), heights, labels, strict=True):
            sheet.line(frame.right, y, frame.right + 8.0, height, stroke=paint("wave"))
            sheet.text(frame.right + 10.0, height + 0.36 * SMALL, number, font_weight="bold")
            sheet.text(frame.right + 16.0 + numbers, height + 0.36 * SMALL, percent)


def _description(chart: FanChart, horizons: Int32Array1D, prices: Float64Array2D) -> str:
    parts = [f"closes up to {chart.sessions[-1]}"]
    for horizon, row in zip(horizons.tolist(), prices, strict=True):
        quantiles = ", ".join(
            f"{level:.0%} {price_words(price)}" for level, price in zip(LEVELS, row.tolist(), strict=True)
        )
        parts.append(f"in {horizon} sessions: {quantiles}")
    return "; ".join(parts)
