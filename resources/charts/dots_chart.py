"""`dots_chart`: how often values fall into each bin, as dots beside what a uniform distribution gives."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array1D
from resources.charts.checks import MOST, require, require_size, require_vector
from resources.charts.frame import NUMBER_ROOM, draw_axis_name, draw_header, draw_number_frame
from resources.charts.scales import scale_of
from resources.charts.sheet import Sheet, area
from resources.charts.theme import paint
from resources.charts.words import coordinate, count_of

Z_95 = 1.959964
"""Standard normal quantile of 97.5 %: the half-width of a 95 % interval in standard deviations."""

_NAME = "times as many as a uniform distribution has"


@dataclass(frozen=True)
class DotsChart:
    """Counts in bins.

    Attributes:
        title: above the chart.
        edges: float64 [B + 1], strictly rising.
        counts: int64 [B], how many values lie in each bin, 0 or more.
        x_name: what the values are.
        facts: what else the header says.

    Raises:
        InvalidInputError: a wrong shape, dtype or order, named by field.
    """

    title: str
    edges: Float64Array1D
    counts: npt.NDArray[np.int64]
    x_name: str = "p-value"
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(
            self.counts.ndim == 1 and self.counts.dtype == np.int64 and len(self.counts) > 0,
            "DotsChart.counts",
            expected="a vector of int64 with a bin",
            got=f"{self.counts.dtype} of shape {self.counts.shape}",
            mend="pass np.histogram(values, edges)[0].astype(np.int64)",
        )
        require_vector("DotsChart.edges", self.edges, len(self.counts) + 1)
        require(
            bool(np.all(np.diff(self.edges) > 0.0)),
            "DotsChart.edges",
            expected="strictly rising numbers",
            got=self.edges,
            mend="pass np.linspace(0, 1, bins + 1)",
        )
        require(
            bool(np.all(self.counts >= 0)) and float(self.counts.sum(dtype=np.float64)) <= MOST,
            "DotsChart.counts",
            expected=f"counts of 0 or more, at most {MOST:g} together",
            got=self.counts,
            mend="pass how many values lie in each bin",
        )


def dots_chart(chart: DotsChart, *, width: int = 460, height: int = 280) -> str:
    """Draw for each bin how many times as many values it has as a uniform distribution would give it.

    The band holds 95 % of the dots of independent uniform values, by the normal approximation of the binomial.

    Args:
        chart: what to draw.
        width: of the picture in pixels.
        height: of the picture in pixels.

    Returns:
        An SVG for a page.

    Raises:
        InvalidInputError: a size that no chart fits in.
    """
    require_size("dots_chart", width, height)
    sheet = Sheet("dots-chart", width, height)
    total = int(chart.counts.sum())
    expected = np.diff(chart.edges) / (chart.edges[-1] - chart.edges[0])
    times = chart.counts / max(total, 1) / expected
    half = Z_95 * np.sqrt((1.0 - expected) / (expected * max(total, 1)))
    low, high = np.maximum(1.0 - half, 0.0), 1.0 + half
    top = draw_axis_name(sheet, draw_header(sheet, chart.title, "", [*chart.facts, count_of(total, "value")]), _NAME)
    highest = max(2.0, float(times.max()), min(float(high.max()), _HIGHEST_BAND))
    scale = scale_of([0.0, 1.04 * highest], height - NUMBER_ROOM, top)
    frame, horizontal = draw_number_frame(sheet, top, scale, chart.edges, chart.x_name)
    edges = np.repeat(horizontal.at(chart.edges), 2)[1:-1]
    if total:
        sheet.path(
            area(edges, scale.at(np.repeat(low, 2)), scale.at(np.repeat(high, 2))),
            class_="band",
            fill=paint("muted"),
            fill_opacity=0.18,
        )
    uniform = scale.one(1.0)
    sheet.line(frame.left, uniform, frame.right, uniform, class_="reference", stroke=paint("muted"))
    if total:
        _draw_dots(sheet, horizontal.at(0.5 * (chart.edges[1:] + chart.edges[:-1])), scale.at(times), uniform)
    return sheet.svg(chart.title, _description(chart, times))


_HIGHEST_BAND = 4.0


def _draw_dots(sheet: Sheet, x: Float64Array1D, y: Float64Array1D, uniform: float) -> None:
    """Draw the dots, each on a stem from the reference."""
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    with sheet.group(class_="dots", fill=paint("wave"), stroke=paint("wave")):
        stems = "".join(f"M{coordinate(at)} {coordinate(uniform)}V{coordinate(height)}" for at, height in points)
        sheet.path(stems, class_="stems")
        for at, height in points:
            sheet.add("circle", cx=at, cy=height, r=3.2, stroke="none")


def _description(chart: DotsChart, times: Float64Array1D) -> str:
    bins = (
        f"{low:.4g} to {high:.4g}: {count:,} ({ratio:.2f})"
        for low, high, count, ratio in zip(
            chart.edges.tolist(), chart.edges[1:].tolist(), chart.counts.tolist(), times.tolist(), strict=False
        )
    )
    return f"{chart.x_name}, number of values in each bin and {_NAME}: {'; '.join(bins)}"
