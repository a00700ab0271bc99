"""`reliability_chart`: what was seen against what was said, as points with intervals beside a reference line."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from kernels.panel import Float64Array1D
from resources.charts.checks import finite, require, require_size, require_value, require_vector
from resources.charts.frame import NUMBER_ROOM, draw_axis_name, draw_header, draw_legend, draw_number_frame
from resources.charts.scales import Scale, scale_of
from resources.charts.sheet import Sheet, polyline
from resources.charts.theme import SERIES, paint
from resources.charts.words import coordinate

_BESIDE = 5.0
"""Pixels between the points of two series at one place."""

_RADIUS = 3.2
_ROOM = 10.0
"""Pixels left free above and below the points."""

_MOST_DESCRIBED = 20


@dataclass(frozen=True)
class Points:
    """One series of points.

    Attributes:
        name: what they are.
        x, y: float64 [N]; NaN = no point.
        low, high: float64 [N], the interval of y; NaN where there is none, None for none at all.
    """

    name: str
    x: Float64Array1D
    y: Float64Array1D
    low: Float64Array1D | None = None
    high: Float64Array1D | None = None


@dataclass(frozen=True)
class ReliabilityChart:
    """Points beside a reference.

    Attributes:
        title: above the chart.
        x_name, y_name: what the axes are, with units.
        points: the series.
        reference: "diagonal" for y = x, or a value of y; NaN for none.
        facts: what else the header says.
        from_zero: whether the vertical scale begins at 0, as that of shares and multiples should; a value below 0, and
            a diagonal, leave it as it is.

    Raises:
        InvalidInputError: a wrong shape or dtype, named by field.
    """

    title: str
    x_name: str
    y_name: str
    points: tuple[Points, ...]
    reference: Literal["diagonal"] | float = "diagonal"
    facts: tuple[str, ...] = ()
    from_zero: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.reference, str):
            require(
                self.reference == "diagonal",
                "ReliabilityChart.reference",
                expected='"diagonal" or a number',
                got=self.reference,
                mend="pass one of them",
            )
        else:
            require_value("ReliabilityChart.reference", self.reference)
        for each in self.points:
            where = f"ReliabilityChart.points, {each.name}"
            require(
                (each.low is None) == (each.high is None) and np.ndim(each.x) == 1,
                where,
                expected="vectors, and both bounds of the interval or neither",
                got="something else",
                mend="pass x, y, and low with high",
            )
            for name, values in (("x", each.x), ("y", each.y), ("low", each.low), ("high", each.high)):
                if values is not None:
                    require_vector(f"{where}, {name}", values, len(each.x))


def reliability_chart(chart: ReliabilityChart, *, width: int = 460, height: int = 360) -> str:
    """Draw points with their intervals beside a diagonal or a level.

    Args:
        chart: what to draw.
        width: of the picture in pixels.
        height: of the picture in pixels.

    Returns:
        An SVG for a page.

    Raises:
        InvalidInputError: a size that no chart fits in.
    """
    require_size("reliability_chart", width, height)
    sheet = Sheet("reliability-chart", width, height)
    top = draw_header(sheet, chart.title, "", chart.facts)
    colours = [paint(SERIES[place % len(SERIES)]) for place in range(len(chart.points))]
    if len(chart.points) > 1:
        top = draw_legend(sheet, top, [each.name for each in chart.points], colours)
    top = draw_axis_name(sheet, top, chart.y_name)
    across, down = _values(chart)
    scale = _vertical(chart, down, height - NUMBER_ROOM, top)
    _, horizontal = draw_number_frame(sheet, top, scale, across, chart.x_name, margin=14.0)
    sheet.path(
        _reference(chart.reference, horizontal, scale),
        class_="reference",
        stroke=paint("muted"),
        stroke_dasharray="4 4",
    )
    for place, points in enumerate(chart.points):
        beside = (place - 0.5 * (len(chart.points) - 1)) * _BESIDE
        _draw_points(sheet, points, horizontal.at(points.x) + beside, scale, colours[place])
    return sheet.svg(chart.title, _description(chart))


def _values(chart: ReliabilityChart) -> tuple[Float64Array1D, Float64Array1D]:
    """What the horizontal and the vertical scale hold; the same for a diagonal."""
    bounds = [each for points in chart.points for each in (points.low, points.high) if each is not None]
    across = finite(*(points.x for points in chart.points))
    down = finite(*(points.y for points in chart.points), *bounds)
    if isinstance(chart.reference, str):
        both = np.concatenate([across, down])
        return both, both
    return across, finite(down, chart.reference)


def _vertical(chart: ReliabilityChart, values: Float64Array1D, bottom: float, top: float) -> Scale:
    """The vertical scale, with a little room above the highest value, and below the lowest unless it begins at 0."""
    if not chart.from_zero or isinstance(chart.reference, str) or not len(values) or values.min() < 0.0:
        return scale_of(values, bottom, top, margin=_ROOM)
    return scale_of([0.0, values.max() * (1.0 + _ROOM / max(bottom - top - _ROOM, 1.0))], bottom, top)


def _reference(reference: str | float, horizontal: Scale, scale: Scale) -> str:
    """The path of the reference line."""
    if isinstance(reference, str):
        ends = np.array([max(horizontal.low, scale.low), min(horizontal.high, scale.high)])
        return polyline(horizontal.at(ends), scale.at(ends))
    level = scale.at([reference, reference])
    return polyline(np.array([horizontal.start, horizontal.end]), level)


def _draw_points(sheet: Sheet, points: Points, x: Float64Array1D, scale: Scale, colour: str) -> None:
    """Draw intervals as upright lines, points as discs."""
    y = scale.at(points.y)
    there = np.isfinite(x) & np.isfinite(y)
    with sheet.group(class_="points", fill=colour, stroke=colour, stroke_width=1.4):
        if points.low is not None and points.high is not None:
            rows = np.column_stack([x, scale.at(points.low), scale.at(points.high)])
            rows = rows[there & np.isfinite(rows).all(axis=1)]
            steps = (f"M{coordinate(at)} {coordinate(low)}V{coordinate(high)}" for at, low, high in rows.tolist())
            sheet.path("".join(steps), class_="intervals")
        for at, height in zip(x[there].tolist(), y[there].tolist(), strict=True):
            sheet.add("circle", cx=at, cy=height, r=_RADIUS, stroke="none")


def _description(chart: ReliabilityChart) -> str:
    parts = [f"{chart.y_name} against {chart.x_name}"]
    for points in chart.points[:_MOST_DESCRIBED]:
        pairs = zip(points.x.tolist(), points.y.tolist(), strict=True)
        listed = [f"{x:.4g}: {y:.4g}" for x, y in pairs if np.isfinite(x) and np.isfinite(y)]
        parts.append(f"{points.name} {', '.join(listed[:_MOST_DESCRIBED])}")
    return "; ".join(parts)
