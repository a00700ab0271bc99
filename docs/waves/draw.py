"""Draw the pictures of this folder's README: `python -m docs.waves.draw` writes them beside this file.

The charts are those of the tests. What is drawn is what the scan finds in them: the waves, their subdivisions, targets.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from kernels.waves import CLASS_NAMES, CLASSES, Patterns
from tests.kernels.waves.charts import TEXTBOOK, Chart, chart, scan_chart

FOLDER = Path(__file__).parent

SETUPS = (
    ("impulse", 2),
    ("impulse", 3),
    ("impulse", 4),
    ("zigzag", 2),
    ("expanded_flat", 2),
    ("contracting_triangle", 4),
)
"""The setups that are shown: class and legs."""

WIDTH, HEIGHT = 820, 420
LEFT, RIGHT, TOP, BOTTOM = 30, 30, 80, 45
LEVEL_ROOM = 185
"""Width of the column in which targets and invalidation are named."""
LINE_HEIGHT = 16
"""Least distance between two names in that column."""

WAVE_COLOURS = ("#1f5fbf", "#c2571a")
WAVE_WIDTHS = (2.5, 1.25)
LABEL_SIZES = (17, 12)
BAR_COLOUR, TARGET_COLOUR, INVALIDATION_COLOUR, TEXT_COLOUR = "#a9b4c2", "#2e7d4f", "#b3261e", "#30363d"


def wave_labels(name: str) -> tuple[str, ...]:
    """What the waves of a class are called."""
    if name.endswith("triangle"):
        return tuple("ABCDE")
    if name.startswith("double"):
        return tuple("WXY")
    return tuple("12345") if len(CLASSES[name].legs) == 5 else tuple("ABC")


def small_labels(name: str) -> tuple[str, ...]:
    """What they are called one degree lower."""
    return ("i", "ii", "iii", "iv", "v") if wave_labels(name)[0] == "1" else tuple(map(str.lower, wave_labels(name)))


class Sheet:
    """An SVG picture of some bars, which grows element by element."""

    def __init__(self, title: str, low: np.ndarray, high: np.ndarray, levels: list[float], room: int) -> None:
        prices = np.log([low.min(), high.max(), *levels])
        self.bottom, self.top = float(prices.min()), float(prices.max())
        self.right = WIDTH - RIGHT - room
        self.step = (self.right - LEFT) / (len(low) - 1)
        self.elements: list[str] = []
        self.text(LEFT, 26, title, size=16, anchor="start", weight="bold")
        for bar, (lowest, highest) in enumerate(zip(low, high, strict=True)):
            self.line([(self.x(bar), self.y(lowest)), (self.x(bar), self.y(highest))], BAR_COLOUR, 3)

    def x(self, bar: float) -> float:
        """Where a bar is."""
        return LEFT + self.step * bar

    def y(self, price: float) -> float:
        """Where a price is, on a logarithmic scale."""
        share = (float(np.log(price)) - self.bottom) / (self.top - self.bottom)
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share

    def line(self, points: list[tuple[float, float]], colour: str, width: float, dash: str = "") -> None:
        """Draw a line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.elements.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"'
            f' stroke-linecap="round"{dashed}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int,
        colour: str = TEXT_COLOUR,
        anchor: str = "middle",
        weight: str = "normal",
    ) -> None:
        """Write words on a white rim, which keeps them readable above lines."""
        self.elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}"'
            f' text-anchor="{anchor}" stroke="white" stroke-width="3" paint-order="stroke">{escape(words)}</text>'
        )

    def svg(self, description: str) -> str:
        """The whole picture."""
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
                f' height="{HEIGHT}" font-family="sans-serif" role="img">',
                f"<title>{escape(description)}</title>",
                f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="white"/>',
                *self.elements,
                "</svg>\n",
            )
        )


def draw_waves(sheet: Sheet, patterns: Patterns, row: int) -> None:
    """Draw a pattern and its children, and name their waves; where both end, the larger wave's name stands outside."""
    levels = [row], [int(child) for child in patterns.child[row] if child >= 0]
    named_inside: set[int] = set()
    for depth in (1, 0):
        for one in levels[depth]:
            count = int(patterns.legs[one]) + 1
            bars, prices = patterns.pivots[one, :count].tolist(), patterns.prices[one, :count].tolist()
            points = [(sheet.x(bar), sheet.y(price)) for bar, price in zip(bars, prices, strict=True)]
            sheet.line(points, WAVE_COLOURS[depth], WAVE_WIDTHS[depth])
            name = CLASS_NAMES[patterns.class_index[one]]
            labels = ("0", *wave_labels(name)) if depth == 0 else ("", *small_labels(name))
            for pivot in range(count):
                if not labels[pivot]:
                    continue
                is_low = (pivot % 2 == 0) == (patterns.direction[one] == 1)
                away = 8 + LABEL_SIZES[1] * (depth == 0 and bars[pivot] in named_inside)
                x, y = points[pivot]
                sheet.text(
                    x,
                    y + away + 0.75 * LABEL_SIZES[depth] if is_low else y - away,
                    labels[pivot],
                    size=LABEL_SIZES[depth],
                    colour=WAVE_COLOURS[depth],
                    weight="bold" if depth == 0 else "normal",
                )
                if depth == 1:
                    named_inside.add(bars[pivot])


def title_of(name: str) -> str:
    """A class's name for a reader."""
    return name.replace("_", " ").capitalize()


def pattern_picture(name: str) -> str:
    """The textbook wave of a class."""
    drawn = chart(TEXTBOOK[name])
    patterns = scan_chart(drawn).patterns
    title = title_of(name)
    sheet = Sheet(title, drawn.low, drawn.high, [], 0)
    draw_waves(sheet, patterns, drawn.found_in(patterns))
    return sheet.svg(f"{title}: high-low bars, its waves and their sub-waves")


def level_names(drawn: Chart, legs: int) -> list[str]:
    """What each target of a setup is."""
    [setup] = [setup for setup in CLASSES[drawn.wave.name].setups if setup.legs == legs]
    labels = wave_labels(drawn.wave.name)
    return [
        f"{abs(target.multiple):g} {'x' if target.multiple > 0 else 'of'} wave {labels[target.leg - 1]}"
        for target in setup.targets
    ]


def setup_picture(name: str, legs: int) -> str:
    """The setup of a textbook wave, two bars after its last pivot, with targets and invalidation."""
    drawn = chart(TEXTBOOK[name])
    end = drawn.pivots[legs] + 2
    found = scan_chart(drawn, end)
    patterns = found.patterns
    row = drawn.found_in(patterns, legs)
    [line] = found.line_target[found.pattern == row]
    levels = [
        (float(price), f"{words}: {price:.2f}", TARGET_COLOUR)
        for price, words in zip(patterns.targets[row], level_names(drawn, legs), strict=False)
        if np.isfinite(price)
    ]
    if np.isfinite(line):
        levels.append((float(line), f"channel line: {line:.2f}", TARGET_COLOUR))
    invalidation = float(patterns.invalidation[row])
    levels.append((invalidation, f"invalidation: {invalidation:.2f}", INVALIDATION_COLOUR))
    title = f"{title_of(name)} after {legs} waves: targets of wave {wave_labels(name)[legs]}"
    sheet = Sheet(title, drawn.low[: end + 1], drawn.high[: end + 1], [price for price, _, _ in levels], LEVEL_ROOM)
    end_of_line = WIDTH - RIGHT - LEVEL_ROOM + 20
    names_at = spread([sheet.y(price) for price, _, _ in levels])
    for (price, words, colour), name_at in zip(levels, names_at, strict=True):
        y = sheet.y(price)
        begin = sheet.x(int(patterns.pivots[row, legs])) + LABEL_SIZES[0]
        sheet.line([(begin, y), (end_of_line, y)], colour, 1.5, "6 4")
        sheet.line([(end_of_line, y), (end_of_line + 10, name_at)], colour, 0.75)
        sheet.text(end_of_line + 14, name_at + 4, words, size=13, colour=colour, anchor="start")
    draw_waves(sheet, patterns, row)
    return sheet.svg(f"{title}, and the price that refutes the count")


def spread(heights: list[float]) -> list[float]:
    """Heights, moved down where need be, so that names of one line each fit."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights)[order]
    for place in range(1, len(moved)):
        moved[place] = max(moved[place], moved[place - 1] + LINE_HEIGHT)
    result = np.empty(len(moved))
    result[order] = moved
    return result.tolist()


def pictures() -> dict[str, str]:
    """Every picture by its file name."""
    patterns = {f"{name}.svg": pattern_picture(name) for name in CLASS_NAMES}
    return patterns | {f"setup_{name}_{legs}.svg": setup_picture(name, legs) for name, legs in SETUPS}


if __name__ == "__main__":
    for file, picture in pictures().items():
        (FOLDER / file).write_text(picture, encoding="ascii")
