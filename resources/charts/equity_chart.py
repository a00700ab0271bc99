"""`equity_chart`: what became of the money over sessions, one line for each strategy."""

from dataclasses import dataclass

from kernels.panel import SessionArray1D
from resources.charts.frame import TICK_GAP
from resources.charts.lines import Series, Words, lines_svg, require_lines
from resources.charts.scales import Scale, decimals_of
from resources.charts.words import percent_words

START = 1.0
"""The equity at the beginning."""


@dataclass(frozen=True)
class EquityChart:
    """Equity over sessions.

    Attributes:
        title: above the chart.
        sessions: `datetime64[D]` [T], strictly rising.
        series: the lines; values and intervals are multiples of the equity at the beginning.
        facts: what else the header says.

    Raises:
        InvalidInputError: a wrong shape, dtype or order, named by field.
    """

    title: str
    sessions: SessionArray1D
    series: tuple[Series, ...]
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_lines("EquityChart", self.sessions, self.series, START)


def equity_chart(chart: EquityChart, *, width: int = 760, height: int = 280) -> str:
    """Draw equity over sessions as gain or loss in percent, each line named at its end with its total return.

    Args:
        chart: what to draw.
        width: of the picture in pixels.
        height: of the picture in pixels.

    Returns:
        An SVG for a page.

    Raises:
        InvalidInputError: a size that no chart fits in.
    """

    def words_of(scale: Scale) -> tuple[Words, Words]:
        decimals = decimals_of([100.0 * tick for tick in scale.ticks(TICK_GAP)])
        return (
            lambda value: percent_words(value - START, decimals),
            lambda value: percent_words(value - START, max(decimals, 1)),
        )

    return lines_svg(
        "equity-chart", (width, height), chart.title, chart.facts, chart.sessions, chart.series, START, words_of
    )
