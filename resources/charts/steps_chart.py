"""`steps_chart`: values over numbers that rise, such as losses over the steps of a training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.panel import Float64Array1D
from resources.charts.checks import finite, require, require_size, require_vector
from resources.charts.frame import (
    EDGE,
    NUMBER_ROOM,
    TICK_GAP,
    Frame,
    axis_room,
    draw_header,
    draw_legend,
    draw_number_axis,
    draw_value_axis,
)
from resources.charts.lines import Series
from resources.charts.scales import decimals_of, scale_of
from resources.charts.sheet import Sheet, polyline
from resources.charts.theme import SERIES, paint
from resources.charts.words import number_words


@dataclass(frozen=True)
class StepsChart:
    """Lines over numbers.

    Attributes:
        title: above the chart.
        steps: float64 [T], strictly rising.
        series: the lines; their intervals aren't drawn.
        step_name: what the numbers are.
        facts: what else the header says.

    Raises:
        InvalidInputError: a wrong shape, dtype or order, named by field.
    """

    title: str
    steps: Float64Array1D
    series: tuple[Series, ...]
    step_name: str = "steps"
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_vector("StepsChart.steps", self.steps, max(len(self.steps), 1))
        require(
            bool(np.all(np.diff(self.steps) > 0.0)) and bool(np.isfinite(self.steps).all()),
            "StepsChart.steps",
            expected="finite, strictly rising numbers",
            got=self.steps,
            mend="sort them, and leave repeated ones out",
        )
        for each in self.series:
            require_vector(f"StepsChart.series, {each.name}, values", each.values, len(self.steps))


def steps_chart(chart: StepsChart, *, width: int = 760, height: int = 260) -> str:
    """Draw lines over numbers.

    Args:
        chart: what to draw.
        width: of the picture in pixels.
        height: of the picture in pixels.

    Returns:
        An SVG for a page.

    Raises:
        InvalidInputError: a size that no chart fits in.
    """
    require_size("steps_chart", width, height)
    sheet = Sheet("steps-chart", width, height)
    top = draw_header(sheet, chart.title, "", chart.facts)
    colours = [paint(SERIES[place % len(SERIES)]) for place in range(len(chart.series))]
    top = draw_legend(sheet, top, [each.name for each in chart.series], colours)
    scale = scale_of(finite(*(each.values for each in chart.series)), height - NUMBER_ROOM, top, margin=8.0)
    ticks = scale.ticks(TICK_GAP)
    decimals = decimals_of(ticks)

    def words(value: float) -> str:
        return number_words(value, decimals)

    frame = Frame(EDGE + axis_room(ticks, words), top, width - 2.0 * EDGE, height - NUMBER_ROOM)
    across = scale_of(chart.steps, frame.left, frame.right)
    draw_value_axis(sheet, frame, scale, words, ticks)
    draw_number_axis(sheet, frame, across, chart.step_name)
    for each, colour in zip(chart.series, colours, strict=True):
        known = np.isfinite(each.values)
        sheet.path(
            polyline(across.at(chart.steps[known]), scale.at(each.values[known])),
            class_="line",
            fill="none",
            stroke=colour,
            stroke_width=1.8,
            stroke_linejoin="round",
            stroke_linecap="round",
        )
    return sheet.svg(chart.title, "; ".join([*chart.facts, *_ends(chart.series)]))


def _ends(series: Sequence[Series]) -> list[str]:
    return [
        f"{each.name} from {known[0]:.5g} to {known[-1]:.5g}" for each in series if len(known := finite(each.values))
    ]
