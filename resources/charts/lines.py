"""Lines over sessions with their intervals, named at their ends: what `line_chart` and `equity_chart` share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D, SessionArray1D
from resources.charts.checks import finite, require, require_days, require_size, require_value, require_vector
from resources.charts.dates import DATE_ROOM, draw_time_axis
from resources.charts.frame import EDGE, TICK_GAP, Frame, axis_room, draw_header, draw_value_axis
from resources.charts.labels import spread
from resources.charts.scales import Scale, positions, scale_of
from resources.charts.sheet import SMALL, Sheet, area, polyline
from resources.charts.theme import SERIES, paint
from resources.charts.words import shortened, text_width

MOST_POINTS = 700
"""Points of a line; of more values every second, third .. counts, the newest always."""

Words = Callable[[float], str]

_MOST_NAME_SHARE = 0.34
_NAME_GAP = 15.0


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        name: what it is.
        values: float64 [T]; NaN breaks the line.
        low, high: float64 [T], the interval around it; NaN where there is none, None for none at all.
    """

    name: str
    values: Float64Array1D
    low: Float64Array1D | None = None
    high: Float64Array1D | None = None


def require_lines(where: str, sessions: SessionArray1D, series: Sequence[Series], reference: float) -> None:
    """Raise `InvalidInputError` unless every line has one value for each session."""
    require_days(f"{where}.sessions", sessions)
    require_value(f"{where}.reference", reference)
    for each in series:
        require_vector(f"{where}.series, {each.name}, values", each.values, len(sessions))
        require(
            (each.low is None) == (each.high is None),
            f"{where}.series, {each.name}",
            expected="both bounds of the interval, or neither",
            got="one of them",
            mend="pass low and high",
        )
        for bound in (each.low, each.high):
            if bound is not None:
                require_vector(f"{where}.series, {each.name}, interval", bound, len(sessions))


def lines_svg(
    kind: str,
    size: tuple[int, int],
    title: str,
    facts: Sequence[str],
    sessions: SessionArray1D,
    series: Sequence[Series],
    reference: float,
    words_of: Callable[[Scale], tuple[Words, Words]],
) -> str:
    """Draw lines over sessions.

    Args:
        kind: class of the picture.
        size: width and height in pixels.
        title: above it.
        facts: below the title.
        sessions: `datetime64[D]` [T].
        series: the lines; each is named at its end.
        reference: a value at which a line is drawn across; NaN for none.
        words_of: from the scale to how values are written, on the axis and at the ends of the lines.

    Returns:
        The SVG.
    """
    require_size(kind, *size)
    width, height = size
    sheet = Sheet(kind, width, height)
    top = draw_header(sheet, title, "", facts)
    bounds = [bound for each in series for bound in (each.low, each.high) if bound is not None]
    known = finite(*(each.values for each in series), *bounds, reference)
    scale = scale_of(known, height - DATE_ROOM, top, margin=8.0)
    words, end_words = words_of(scale)
    ticks = scale.ticks(TICK_GAP)
    ends = [_end(each, end_words) for each in series]
    column = max((text_width(name, SMALL) for name, _ in ends if name), default=0.0) + 12.0
    frame = Frame(
        EDGE + axis_room(ticks, words), top, width - min(column, _MOST_NAME_SHARE * width) - EDGE, height - DATE_ROOM
    )
    step = frame.width / len(sessions)
    places = positions(frame.left + 0.5 * step, step, len(sessions))
    draw_value_axis(sheet, frame, scale, words, ticks)
    draw_time_axis(sheet, frame, sessions, places)
    if np.isfinite(reference):
        y = scale.one(reference)
        sheet.line(frame.left, y, frame.right, y, class_="reference", stroke=paint("muted"))
    chosen = np.arange(len(sessions) - 1, -1, len(sessions) // -MOST_POINTS)[::-1]
    for place, each in enumerate(series):
        _draw_band(sheet, each, places[chosen], chosen, scale, _colour(place))
    for place, each in enumerate(series):
        sheet.path(
            polyline(places[chosen], scale.at(each.values[chosen])),
            class_="line",
            fill="none",
            stroke=_colour(place),
            stroke_width=1.8,
            stroke_linejoin="round",
            stroke_linecap="round",
            stroke_dasharray=None if place < len(SERIES) else "6 4",
        )
    _draw_names(sheet, frame, scale, ends)
    return sheet.svg(title, "; ".join([*facts, _described(sessions), *(name for name, _ in ends if name)]))


def _colour(place: int) -> str:
    return paint(SERIES[place % len(SERIES)])


def _end(series: Series, words: Words) -> tuple[str, float]:
    """The last value of a line in words with its name, and the value; "" for a line without values."""
    known = finite(series.values)
    return (f"{words(float(known[-1]))} {series.name}".strip(), float(known[-1])) if len(known) else ("", np.nan)


def _described(sessions: SessionArray1D) -> str:
    return f"sessions {sessions[0]} to {sessions[-1]}"


def _draw_band(
    sheet: Sheet, series: Series, x: Float64Array1D, chosen: npt.NDArray[np.intp], scale: Scale, colour: str
) -> None:
    """Draw the interval of a line as areas, one for each stretch without gaps."""
    if series.low is None or series.high is None:
        return
    low, high = scale.at(series.low[chosen]), scale.at(series.high[chosen])
    sheet.path(area(x, low, high), class_="band", fill=colour, fill_opacity=0.16)


def _draw_names(sheet: Sheet, frame: Frame, scale: Scale, ends: Sequence[tuple[str, float]]) -> None:
    """Write each line's name right of its end."""
    named = [(place, name, value) for place, (name, value) in enumerate(ends) if name]
    most = max(int(frame.height / _NAME_GAP), 1)
    named = named[:most]
    heights = spread([scale.one(value) for _, _, value in named], _NAME_GAP, frame.top + 6.0, frame.bottom - 6.0)
    room = sheet.width - 0.5 * EDGE - (frame.right + 8.0)
    with sheet.group(class_="names", font_size=SMALL):
        for (place, name, _), height in zip(named, heights, strict=True):
            words = shortened(name, room, SMALL)
            sheet.text(frame.right + 8.0, height + 0.36 * SMALL, words, fill=_colour(place))
