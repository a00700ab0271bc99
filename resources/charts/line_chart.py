"""`line_chart`: values over sessions, such as skill, rows or seconds."""

from dataclasses import dataclass

import numpy as np

from kernels.panel import SessionArray1D
from resources.charts.frame import TICK_GAP
from resources.charts.lines import Series, Words, lines_svg, require_lines
from resources.charts.scales import Scale, decimals_of
from resources.charts.words import number_words


@dataclass(frozen=True)
class LineChart:
    """Lines over sessions.

    Attributes:
        title: above the chart.
        sessions: `datetime64[D]` [T], strictly rising.
        series: the lines, each with its interval if it has one.
        unit: written after each number, such as "%" or "s"; "" for none.
        reference: a value at which a line is drawn across; NaN for none.
        facts: what else the header says.

    Raises:
        InvalidInputError: a wrong shape, dtype or order, named by field.
    """

    title: str
    sessions: SessionArray1D
    series: tuple[Series, ...]
    unit: str = ""
    reference: float = np.nan
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_lines("LineChart", self.sessions, self.series, self.reference)


def line_chart(chart: LineChart, *, width: int = 760, height: int = 260) -> str:
    """Draw lines over sessions, each named at its end with its last value.

    Args:
        chart: what to draw.
        width: of the picture in pixels.
        height: of the picture in pixels.

    Returns:
        An SVG for a page.

    Raises:
        InvalidInputError: a size that no chart fits in.
    """
    unit = f" {chart.unit}" if chart.unit else ""

    def words_of(scale: Scale) -> tuple[Words, Words]:
        ticks = scale.ticks(TICK_GAP)
        decimals = decimals_of(ticks)
        finer = decimals if len(ticks) > 1 and ticks[1] - ticks[0] >= 10.0 else decimals + 1
        return (lambda value: number_words(value, decimals) + unit), (lambda value: number_words(value, finer) + unit)

    return lines_svg(
        "line-chart",
        (width, height),
        chart.title,
        chart.facts,
        chart.sessions,
        chart.series,
        chart.reference,
        words_of,
    )
