"""The waves of a chart: lines through pivots, names at them, and in each leg the waves that resolve it, hidden."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kernels.panel import Float64Array1D, SessionArray1D
from resources.charts.frame import Frame
from resources.charts.labels import Box, Boxes
from resources.charts.sheet import Sheet, polyline
from resources.charts.theme import paint
from resources.charts.wave_input import Wave, leg_names, pivot_words
from resources.charts.words import text_width

DEEPEST = 3
"""Waves are drawn down to this depth below the outermost one."""

Place = Callable[[SessionArray1D, Float64Array1D], tuple[Float64Array1D, Float64Array1D]]
"""From sessions and prices to x and y in pixels; NaN outside the bars."""

_LABEL_SIZES = (14.0, 11.0, 10.0, 10.0)
_LINE_WIDTHS = (2.2, 1.7, 1.3, 1.0)
_COLOURS = ("wave", "wave-1", "wave-2", "wave-3")
_AWAY = 5.0
"""Pixels between a pivot and its name."""

_APART = 1.5
_MOST_MOVES = 3


@dataclass(frozen=True)
class Node:
    """A wave in its place.

    Attributes:
        wave: the wave.
        depth: 0 for the outermost.
        x, y: of each pivot in pixels; NaN outside the bars.
        children: the waves inside it.
    """

    wave: Wave
    depth: int
    x: list[float]
    y: list[float]
    children: list["Node"]


@dataclass(frozen=True)
class Name:
    """What stands at a pivot: the middle of its base line in pixels, and the words."""

    x: float
    y: float
    words: str


def placed(wave: Wave, place: Place) -> Node:
    """The tree of a wave, in its place."""
    pivots = [pivot for each in _flat(wave, 0) for pivot in each.pivots]
    x, y = place(
        np.array([pivot.session for pivot in pivots], "datetime64[D]"),
        np.array([pivot.price for pivot in pivots], np.float64),
    )
    points = iter(zip(x.tolist(), y.tolist(), strict=True))

    def build(each: Wave, depth: int) -> Node:
        own = [next(points) for _ in each.pivots]
        children = [build(child, depth + 1) for child in _inner(each, depth)]
        return Node(each, depth, [at for at, _ in own], [at for _, at in own], children)

    return build(wave, 0)


def _flat(wave: Wave, depth: int) -> Iterator[Wave]:
    yield wave
    for child in _inner(wave, depth):
        yield from _flat(child, depth + 1)


def _inner(wave: Wave, depth: int) -> tuple[Wave, ...]:
    return wave.children if depth < DEEPEST else ()


def names_of(root: Node, frame: Frame, taken: Boxes) -> dict[int, list[Name]]:
    """The names at the pivots of every wave, by `id` of the node; large waves first, none where there is no room.

    Where waves of several depths end at one pivot, the smaller one's name stands outside.
    """
    names: dict[int, list[Name]] = {}
    level = [root]
    while level:
        for node in level:
            names[id(node)] = list(_names(node, frame, taken))
        level = [child for node in level for child in node.children]
    return names


def _names(node: Node, frame: Frame, taken: Boxes) -> Iterator[Name]:
    if node.depth >= DEEPEST:
        return
    size = _LABEL_SIZES[node.depth]
    for words, pivot, x, y in zip(
        pivot_words(node.wave.wave_class, node.depth), node.wave.pivots, node.x, node.y, strict=False
    ):
        if not words or not np.isfinite(x) or not np.isfinite(y):
            continue
        half = 0.5 * text_width(words, size, bold=node.depth == 0)
        middle = min(max(x, frame.left + half), frame.right - half)
        place = _free_place(Box(middle - half, y, middle + half, y + 0.75 * size), pivot.kind == "low", taken)
        if frame.top <= place.top and place.bottom <= frame.bottom and taken.blocking(place) is None:
            taken.take(Box(place.left - 1.0, place.top, place.right + 1.0, place.bottom))
            yield Name(middle, place.bottom, words)


def _free_place(box: Box, downward: bool, taken: Boxes) -> Box:
    """A box moved from its pivot, which its upper edge stands on, past what is taken; only so many times."""
    tall = box.bottom - box.top
    top = box.top + _AWAY if downward else box.top - _AWAY - tall
    for _ in range(_MOST_MOVES):
        blocking = taken.blocking(Box(box.left, top - _APART, box.right, top + tall + _APART))
        if blocking is None:
            break
        top = blocking.bottom + 2.0 * _APART if downward else blocking.top - 2.0 * _APART - tall
    return Box(box.left, top, box.right, top + tall)


def draw_waves(sheet: Sheet, root: Node, names: dict[int, list[Name]]) -> None:
    """Draw the waves; those inside the outermost are in the group of their leg, and hidden."""
    with sheet.group(
        class_="waves",
        fill="none",
        stroke=paint("paper"),
        stroke_width=3,
        stroke_linejoin="round",
        stroke_linecap="round",
        paint_order="stroke",
        text_anchor="middle",
    ):
        _draw(sheet, root, names)


def _draw(sheet: Sheet, node: Node, names: dict[int, list[Name]]) -> None:
    wave, depth = node.wave, node.depth
    with sheet.group(
        class_=f"wave depth-{depth}" + (" child" if depth else ""),
        data_id=wave.pattern_id,
        data_depth=str(depth),
        data_class=wave.wave_class,
        display="none" if depth else None,
    ):
        colour = paint(_COLOURS[depth])
        line = polyline(np.array(node.x), np.array(node.y))
        sheet.path(line, class_="legs", stroke=colour, stroke_width=_LINE_WIDTHS[depth])
        for child in node.children:
            _draw_leg(sheet, node, child, names)
        if names[id(node)]:
            with sheet.group(
                class_="names", fill=colour, font_size=_LABEL_SIZES[depth], font_weight=None if depth else "bold"
            ):
                for name in names[id(node)]:
                    sheet.text(name.x, name.y, name.words)


def _draw_leg(sheet: Sheet, parent: Node, child: Node, names: dict[int, list[Name]]) -> None:
    """Draw a wide unseen line along a leg, which the mouse finds, and the wave inside it."""
    leg = child.wave.leg
    ends = slice(leg - 1, leg + 1)
    line = polyline(np.array(parent.x[ends]), np.array(parent.y[ends]))
    with sheet.group(class_="leg", data_leg=str(leg)):
        position = f", {child.wave.position}" if child.wave.position else ""
        sheet.tooltip(f"{leg_names(parent.wave.wave_class)[leg - 1]}: {child.wave.title.lower()}{position}")
        sheet.path(line, class_="reach", stroke="none", stroke_width=12, pointer_events="stroke")
        _draw(sheet, child, names)
