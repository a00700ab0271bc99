"""A log-log line chart as an SVG file, for the pages that say how cost grows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 640, 400, 64
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df")


def log_log(path: Path, title: str, unit: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Draw lines over how many times the smallest work there is.

    Args:
        path: the file to write.
        title: above the chart.
        unit: of the vertical axis.
        lines: per name, points (multiple of the smallest work, value), both above 0.
    """
    points = [point for line in lines.values() for point in line]
    left, right = (bound(math.log10(chosen(x for x, _ in points))) for chosen, bound in ((min, math.floor), (max, up)))
    low, high = (bound(math.log10(chosen(y for _, y in points))) for chosen, bound in ((min, math.floor), (max, up)))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - left) / (right - left)
        along = (math.log10(y) - low) / (high - low)
        return MARGIN + across * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - along * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="28" font-size="15">{escape(title)}</text>',
    ]
    for power in range(left, right + 1):
        x, y = place(10.0**power, 10.0**low)
        parts.append(f'<line x1="{x:.1f}" y1="{MARGIN}" x2="{x:.1f}" y2="{y:.1f}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 20:.1f}" text-anchor="middle">{10.0**power:g}</text>')
    for power in range(low, high + 1):
        x, y = place(10.0**left, 10.0**power)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{WIDTH - MARGIN}" y2="{y:.1f}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} {escape(unit)}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">times the smallest</text>')
    for line, colour in zip(lines.values(), COLOURS, strict=False):
        placed = [place(*point) for point in line]
        track = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{track}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
    for index, name in enumerate(lines):
        y = MARGIN + 18 + 20 * index
        parts.append(f'<rect x="{MARGIN + 12}" y="{y - 10}" width="12" height="12" fill="{COLOURS[index]}"/>')
        parts.append(f'<text x="{MARGIN + 30}" y="{y}">{escape(name)}</text>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def up(value: float) -> int:
    """The next power, so that the axis has a length."""
    return math.floor(value) + 1
