"""`Sheet`: an SVG that grows element by element."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np

from kernels.panel import Float64Array1D
from resources.charts.theme import FONT, paint
from resources.charts.words import coordinate, escaped

TEXT_SIZE = 12.0
"""Size of words where nothing else is said, in pixels."""

SMALL = 11.0
"""Size of the words along the axes."""

Attribute = str | float | None


def attributes(**values: Attribute) -> str:
    """XML attributes; None is left out, `_` in a name stands for `-`, numbers are pixels, words are escaped."""
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escaped(value) if isinstance(value, str) else coordinate(value)}"'
        for name, value in values.items()
        if value is not None
    )


def polyline(x: Float64Array1D, y: Float64Array1D) -> str:
    """The `d` of a path through points, in tenths of a pixel; broken where a point is NaN.

    A point without neighbours becomes a dot where the line has round ends.
    """
    there = np.isfinite(x) & np.isfinite(y)
    across, down = (np.rint(np.where(there, each, 0.0) * 10.0).astype(np.int64).tolist() for each in (x, y))
    steps = []
    last_x = last_y = 0
    drawing = False
    for known, at_x, at_y in zip(there.tolist(), across, down, strict=True):
        if not known:
            drawing = False
            continue
        if drawing:
            steps.append(f"l{_tenths(at_x - last_x)}{_next(at_y - last_y)}")
        else:
            steps.append(f"M{_tenths(at_x)}{_next(at_y)}h0")
            drawing = True
        last_x, last_y = at_x, at_y
    return "".join(steps)


def area(x: Float64Array1D, low: Float64Array1D, high: Float64Array1D) -> str:
    """The `d` of the area between two lines, in one piece for each stretch on which both are known.

    Args:
        x: float64 [N], pixels.
        low: float64 [N], pixels of one line; NaN where unknown.
        high: float64 [N], pixels of the other, likewise.
    """
    there = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return "".join(
        polyline(
            np.concatenate([x[begin:end], x[begin:end][::-1]]),
            np.concatenate([high[begin:end], low[begin:end][::-1]]),
        )
        + "z"
        for begin, end in edges.reshape(-1, 2).tolist()
    )


@lru_cache(maxsize=4096)
def _tenths(value: int) -> str:
    """A number of tenths as pixels: 25 -> 2.5."""
    if value % 10 == 0:
        return str(value // 10)
    sign, size = ("-" if value < 0 else ""), abs(value)
    return f"{sign}{size // 10 or ''}.{size % 10}"


@lru_cache(maxsize=4096)
def _next(value: int) -> str:
    """The same after another number: with a space unless the sign parts them."""
    words = _tenths(value)
    return words if words[0] == "-" else f" {words}"


class Sheet:
    """An SVG of some size in pixels. Coordinates run from the upper left corner."""

    def __init__(self, kind: str, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._kind = kind
        self._parts: list[str] = []

    def add(self, name: str, **values: Attribute) -> None:
        """Add an empty element."""
        self._parts.append(f"<{name}{attributes(**values)}/>")

    def path(self, d: str, **values: Attribute) -> None:
        """Add a path; nothing for no steps."""
        if d:
            self._parts.append(f'<path{attributes(**values)} d="{d}"/>')

    def line(self, x1: float, y1: float, x2: float, y2: float, **values: Attribute) -> None:
        """Add a straight line."""
        self.path(f"M{coordinate(x1)} {coordinate(y1)}L{coordinate(x2)} {coordinate(y2)}", **values)

    def text(self, x: float, y: float, words: str, **values: Attribute) -> None:
        """Add words whose base line begins at (x, y); nothing for no words."""
        if words:
            self._parts.append(f"<text{attributes(x=x, y=y, **values)}>{escaped(words)}</text>")

    def tooltip(self, words: str) -> None:
        """Say what the group is that was just opened."""
        self._parts.append(f"<title>{escaped(words)}</title>")

    @contextmanager
    def group(self, **values: Attribute) -> Iterator[None]:
        """Put what is added meanwhile into a group."""
        self._parts.append(f"<g{attributes(**values)}>")
        yield
        self._parts.append("</g>")

    def svg(self, title: str, description: str) -> str:
        """The whole picture, for a page; `standalone` makes a file of it.

        Args:
            title: what it is, for readers who can't see it.
            description: what it shows.
        """
        head = attributes(
            class_=f"chart {self._kind}",
            viewBox=f"0 0 {coordinate(self.width)} {coordinate(self.height)}",
            width=self.width,
            height=self.height,
            role="img",
            font_family=FONT,
            font_size=TEXT_SIZE,
            fill=paint("ink"),
        )
        words = f"<title>{escaped(title)}</title><desc>{escaped(description)}</desc>"
        return f"<svg{head}>{words}{''.join(self._parts)}</svg>"
