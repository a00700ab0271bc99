"""What charts share around their marks: header, the frame, value axis and time axis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy.typing as npt

from resources.charts.checks import require
from resources.charts.scales import Scale, decimals_of, scale_of
from resources.charts.sheet import SMALL, TEXT_SIZE, Sheet
from resources.charts.theme import paint
from resources.charts.words import lines_of, number_words, shortened, text_width

TITLE_SIZE = 15.0
EDGE = 8.0
"""Pixels left free along the edges."""

LINE_HEIGHT = 17.0
NUMBER_ROOM = 40.0
"""Height of a number axis below the frame, with its words."""

TICK_GAP = 34.0
"""Least distance of two values on a value axis, in pixels."""


SMALLEST = 24.0
"""Least width and height of a frame, in pixels."""


@dataclass(frozen=True)
class Frame:
    """The rectangle that marks are drawn in, in pixels.

    Raises:
        InvalidInputError: what stands around it leaves no room for it.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        require(
            self.width >= SMALLEST and self.height >= SMALLEST,
            "width and height of a chart",
            expected=f"{SMALLEST:g} pixels each way for the marks",
            got=f"{self.width:.0f} x {self.height:.0f} beside header, axes and names",
            mend="draw it larger, or with fewer facts and names",
        )

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top


def header_height(facts: Sequence[str], width: float) -> float:
    """Where the space below a header begins, in pixels."""
    return EDGE + TITLE_SIZE + LINE_HEIGHT * len(lines_of(facts, width - 2.0 * EDGE, TEXT_SIZE)) + 10.0


def draw_header(sheet: Sheet, title: str, name: str, facts: Sequence[str]) -> float:
    """Write a title, a name beside it, and a line or two of facts below it.

    Returns:
        Where the space below begins, in pixels.
    """
    room = sheet.width - 2.0 * EDGE
    y = EDGE + TITLE_SIZE
    title = shortened(title, room, TITLE_SIZE, bold=True)
    sheet.text(EDGE, y, title, class_="title", font_size=TITLE_SIZE, font_weight="bold")
    taken = text_width(title, TITLE_SIZE, bold=True) + TEXT_SIZE
    if name and room - taken > 4.0 * TEXT_SIZE:
        sheet.text(EDGE + taken, y, shortened(name, room - taken, TEXT_SIZE), class_="name", fill=paint("muted"))
    for line in lines_of(facts, room, TEXT_SIZE):
        y += LINE_HEIGHT
        sheet.text(EDGE, y, line, class_="facts", fill=paint("muted"))
    return header_height(facts, sheet.width)


def draw_legend(sheet: Sheet, top: float, names: Sequence[str], colours: Sequence[str]) -> float:
    """Write names behind discs of their colours, in as many lines as they need.

    Returns:
        Where the space below begins, in pixels.
    """
    x, y = EDGE, top + 2.0
    with sheet.group(class_="legend", font_size=SMALL):
        for name, colour in zip(names, colours, strict=True):
            words = shortened(name, sheet.width - 2.0 * EDGE - 12.0, SMALL)
            if x > EDGE and x + 12.0 + text_width(words, SMALL) > sheet.width - EDGE:
                x, y = EDGE, y + LINE_HEIGHT
            sheet.add("circle", cx=x + 4.0, cy=y, r=4, fill=colour)
            sheet.text(x + 12.0, y + 0.36 * SMALL, words)
            x += 12.0 + text_width(words, SMALL) + 14.0
    return y + 14.0


def draw_axis_name(sheet: Sheet, top: float, name: str) -> float:
    """Say above a value axis what the values are.

    Returns:
        Where the space below begins, in pixels.
    """
    words = shortened(f"\u2191 {name}", sheet.width - 2.0 * EDGE, SMALL)
    sheet.text(EDGE, top + 5.0, words, class_="axis-name", font_size=SMALL, fill=paint("muted"))
    return top + 17.0


def draw_value_axis(
    sheet: Sheet,
    frame: Frame,
    scale: Scale,
    words: Callable[[float], str],
    ticks: Sequence[float],
    *,
    right: bool = False,
    taken: Sequence[float] = (),
) -> None:
    """Draw a grid line for each tick, and its words beside the frame.

    Args:
        sheet: to draw on.
        frame: the lines run from its left to its right.
        scale: of the values.
        words: what is written at a value.
        ticks: the values.
        right: whether words stand on the right side.
        taken: heights in pixels at which other words stand on that side; a tick close to one has no words.
    """
    heights = [scale.one(tick) for tick in ticks]
    with sheet.group(class_="grid", stroke=paint("grid")):
        for y in heights:
            sheet.line(frame.left, y, frame.right, y)
    x, anchor = (frame.right + 6.0, None) if right else (frame.left - 6.0, "end")
    with sheet.group(class_="values", font_size=SMALL, fill=paint("muted"), text_anchor=anchor):
        for tick, y in zip(ticks, heights, strict=True):
            if all(abs(y - other) >= SMALL + 2.0 for other in taken):
                sheet.text(x, y + 0.35 * SMALL, words(tick))


def axis_room(ticks: Sequence[float], words: Callable[[float], str]) -> float:
    """How many pixels the words of a value axis take beside the frame."""
    return max((text_width(words(tick), SMALL) for tick in ticks), default=0.0) + 8.0


def draw_number_axis(sheet: Sheet, frame: Frame, scale: Scale, name: str) -> None:
    """Draw the base line of a frame, a number at each tick, and what the numbers are."""
    sheet.line(frame.left, frame.bottom, frame.right, frame.bottom, class_="axis", stroke=paint("bar"))
    ticks = scale.ticks(48.0)
    decimals = decimals_of(ticks)
    with sheet.group(class_="numbers", font_size=SMALL, fill=paint("muted"), text_anchor="middle"):
        free_from = 0.0
        for tick in ticks:
            at, words = scale.one(tick), number_words(tick, decimals)
            half = 0.5 * text_width(words, SMALL)
            middle = min(max(at, half), sheet.width - half)
            if middle - half < free_from:
                continue
            free_from = middle + half + 6.0
            sheet.line(at, frame.bottom, at, frame.bottom + 4.0, stroke=paint("bar"))
            sheet.text(middle, frame.bottom + 16.0, words)
        words = shortened(f"{name} \u2192", frame.width, SMALL)
        sheet.text(frame.right, frame.bottom + 32.0, words, text_anchor="end")


def draw_number_frame(
    sheet: Sheet, top: float, scale: Scale, across: npt.ArrayLike, name: str, *, margin: float = 0.0
) -> tuple[Frame, Scale]:
    """Draw a value axis on the left and a number axis below.

    Args:
        sheet: to draw on.
        top: of the frame in pixels.
        scale: of the values; it ends `NUMBER_ROOM` above the lower edge.
        across: numbers that the other axis holds.
        name: what the numbers are.
        margin: pixels between the outermost numbers and the sides.

    Returns:
        The frame, and the scale of the numbers.
    """
    ticks = scale.ticks(TICK_GAP)
    decimals = decimals_of(ticks)

    def words(value: float) -> str:
        return number_words(value, decimals)

    frame = Frame(EDGE + axis_room(ticks, words), top, sheet.width - 2.0 * EDGE, sheet.height - NUMBER_ROOM)
    horizontal = scale_of(across, frame.left, frame.right, margin=margin)
    draw_value_axis(sheet, frame, scale, words, ticks)
    draw_number_axis(sheet, frame, horizontal, name)
    return frame, horizontal
