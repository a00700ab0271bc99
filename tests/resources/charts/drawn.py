"""What a chart's SVG says, read back: coordinates, words with the room they take, groups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import matplotlib
from PIL import ImageFont

_STEP = re.compile(r"([MLlHhVvz])([^MLlHhVvz]*)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_PLAIN = re.compile(r"-?(?:\d+\.?\d*|\.\d+)%?")
NUMBERS = ("x", "y", "width", "height", "cx", "cy", "r", "rx", "stroke-width", "font-size", "fill-opacity")


@dataclass(frozen=True)
class Words:
    """Words with the rectangle that they take in DejaVu Sans, without descenders."""

    words: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Words) -> bool:
        """Whether a hundredth of a pixel or more is on both."""
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > 0.01 and min(self.bottom, other.bottom) - max(self.top, other.top) > 0.01


def read(svg: str) -> Element:
    """The root; an error where it isn't well-formed."""
    return ElementTree.fromstring(svg)  # noqa: S314 - our own


def size(root: Element) -> tuple[float, float]:
    """Width and height of the picture."""
    left, top, width, height = map(float, root.get("viewBox").split())
    assert (left, top, str(root.get("width"))) == (0.0, 0.0, f"{width:g}")
    return width, height


def points(root: Element) -> Iterator[tuple[float, float]]:
    """Every coordinate: of paths, rectangles, circles and the anchors of words."""
    for element in root.iter():
        name = element.tag.split("}")[-1]
        if name == "path":
            yield from path_points(element.get("d"))
        elif name == "rect" and element.get("width") != "100%":
            x, y, width, height = (float(element.get(each)) for each in ("x", "y", "width", "height"))
            assert width >= 0.0
            assert height >= 0.0
            yield from ((x, y), (x + width, y + height))
        elif name == "circle":
            x, y, radius = (float(element.get(each)) for each in ("cx", "cy", "r"))
            yield from ((x - radius, y - radius), (x + radius, y + radius))
        elif name == "text":
            yield float(element.get("x")), float(element.get("y"))


def path_points(d: str) -> list[tuple[float, float]]:
    """The points that a path goes through."""
    assert "".join(command + rest for command, rest in _STEP.findall(d)) == d
    x = y = start_x = start_y = 0.0
    found = []
    for command, rest in _STEP.findall(d):
        numbers = [float(each) for each in _NUMBER.findall(rest)]
        assert re.sub(r"[ ,]", "", _NUMBER.sub("", rest)) == "", rest
        if command == "z":
            x, y = start_x, start_y
            continue
        if command in "MLl":
            dx, dy = numbers
            x, y = (x + dx, y + dy) if command == "l" else (dx, dy)
        elif command in "Hh":
            [step] = numbers
            x = x + step if command == "h" else step
        else:
            [step] = numbers
            y = y + step if command == "v" else step
        if command == "M":
            start_x, start_y = x, y
        found.append((x, y))
    return found


def assert_numbers(root: Element) -> None:
    """Attributes that are numbers are plain ones: no NaN, no infinity, no exponent."""
    for element in root.iter():
        for name in NUMBERS:
            value = element.get(name)
            assert value is None or _PLAIN.fullmatch(value), (element.tag, name, value)


def assert_inside(svg: str) -> None:
    """The picture is well-formed, its numbers are plain, and nothing lies outside its frame."""
    root = read(svg)
    assert_numbers(root)
    width, height = size(root)
    for x, y in points(root):
        assert -0.5 <= x <= width + 0.5, (x, width)
        assert -0.5 <= y <= height + 0.5, (y, height)
    for words in texts(root):
        assert words.left >= -1.0, words
        assert words.right <= width + 1.0, words


def texts(root: Element, *, hidden: bool = True) -> list[Words]:
    """All words, in the order of the file; without those of hidden groups if so wanted."""
    found: list[Words] = []
    _collect(root, {"font-size": "12", "text-anchor": "start", "font-weight": "normal"}, found, hidden)
    return found


def _collect(element: Element, inherited: dict[str, str], found: list[Words], hidden: bool) -> None:
    if element.get("display") == "none" and not hidden:
        return
    style = inherited | {name: element.get(name) for name in inherited if element.get(name) is not None}
    if element.tag.split("}")[-1] == "text":
        number = float(style["font-size"])
        width = _font(style["font-weight"] == "bold").getlength(element.text) * number / 100.0
        x, y = float(element.get("x")), float(element.get("y"))
        left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[style["text-anchor"]] * width
        found.append(Words(element.text, left, y - 0.73 * number, left + width, y))
    for child in element:
        _collect(child, style, found, hidden)


@cache
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"), 100)


def assert_apart(svg: str, *, hidden: bool = True) -> None:
    """No two words lie on one another."""
    every = texts(read(svg), hidden=hidden)
    for place, one in enumerate(every):
        for other in every[:place]:
            assert not one.overlaps(other), (one, other)


def having(root: Element, name: str) -> list[Element]:
    """The elements of a class."""
    return [element for element in root.iter() if name in (element.get("class") or "").split()]


def words_in(element: Element) -> list[str]:
    """The words in a group."""
    return [each.text for each in element.iter() if each.tag.split("}")[-1] == "text"]
