"""The prices that matter to a setup, and the column right of the frame in which they are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from resources.charts.frame import EDGE, Frame
from resources.charts.labels import spread
from resources.charts.scales import Scale
from resources.charts.sheet import SMALL, Sheet
from resources.charts.theme import paint
from resources.charts.words import price_words, shortened, text_width

GAP = 15.0
"""Least distance of two prices in the column, in pixels."""

_INDENT = 10.0


@dataclass(frozen=True)
class Tag:
    """A price that is written beside the frame.

    Attributes:
        kind: target, invalidation or close.
        price: dollars.
        words: what it is, or "".
    """

    kind: str
    price: float
    words: str

    @property
    def colour(self) -> str:
        """Name of its colour."""
        return "ink" if self.kind == "close" else self.kind

    def number(self, scale: Scale) -> str:
        """Its price; with an arrow where it lies beyond the scale."""
        arrow = "" if scale.contains(self.price) else ("\u2191" if self.price > scale.high else "\u2193")
        return arrow + price_words(self.price)


def prices_shown(marks: Sequence[float], levels: Sequence[float]) -> list[float]:
    """The prices that the scale holds: all marks, and the levels that don't press those into less than half of it.

    Args:
        marks: of bars and pivots, not empty.
        levels: targets and invalidation.
    """
    logarithmic = min(marks) > 0.0
    measure = math.log if logarithmic else float
    low, high = min(marks), max(marks)
    reach = 2.0 * max(measure(high) - measure(low), 0.02 if logarithmic else 1e-6)
    for level in sorted(levels, key=lambda price: max(price - high, low - price)):
        if logarithmic and level <= 0.0:
            continue
        lower, higher = min(low, level), max(high, level)
        if measure(higher) - measure(lower) <= reach:
            low, high = lower, higher
    return [low, high]


def column_width(tags: Sequence[Tag], scale: Scale, room: float) -> float:
    """How many pixels the column takes, at most `room`; 0 without tags."""
    numbers = max((_number_width(tag, scale) for tag in tags), default=-_INDENT)
    words = max((text_width(tag.words, SMALL) for tag in tags), default=0.0)
    return min(_INDENT + numbers + (6.0 + words if words else 0.0) + EDGE, room)


def _number_width(tag: Tag, scale: Scale) -> float:
    return text_width(tag.number(scale), SMALL, bold=True)


def tag_heights(tags: Sequence[Tag], frame: Frame, scale: Scale) -> list[float]:
    """Where each tag is written: the middle of its words, in pixels."""
    wanted = [scale.one(tag.price) for tag in tags]
    return spread(wanted, GAP, frame.top + 0.5 * GAP, frame.bottom - 0.5 * GAP)


def draw_levels(
    sheet: Sheet, frame: Frame, scale: Scale, tags: Sequence[Tag], heights: Sequence[float], begins: Sequence[float]
) -> None:
    """Draw the line of each level and write its tag beside the frame.

    Args:
        sheet: to draw on.
        frame: of the bars; the tags stand right of it.
        scale: of the prices.
        tags: what is written.
        heights: where.
        begins: pixels at which the lines of the levels begin.
    """
    indent = frame.right + _INDENT
    column = max(_number_width(tag, scale) for tag in tags) if tags else 0.0
    for tag, height, begin in zip(tags, heights, begins, strict=True):
        colour = paint(tag.colour)
        with sheet.group(class_=f"level {tag.kind}", fill=colour, font_size=SMALL):
            y = scale.one(tag.price)
            if scale.contains(tag.price):
                dashes = {"target": "5 4", "close": "1 3"}.get(tag.kind)
                sheet.line(
                    begin, y, frame.right, y, stroke=colour, stroke_width=1.2, stroke_dasharray=dashes, class_="line"
                )
                sheet.line(frame.right, y, indent - 2.0, height, stroke=colour)
            if tag.kind == "close":
                width = text_width(tag.number(scale), SMALL, bold=True) + 6.0
                sheet.add("rect", x=indent - 3.0, y=height - 7.5, width=width, height=15, rx=2)
            sheet.text(
                indent,
                height + 0.36 * SMALL,
                tag.number(scale),
                font_weight="bold",
                fill=paint("paper") if tag.kind == "close" else None,
            )
            at = indent + column + 6.0
            room = sheet.width - EDGE + 2.0 - at
            sheet.text(at, height + 0.36 * SMALL, shortened(tag.words, room, SMALL))
