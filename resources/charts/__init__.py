"""Every chart of the project as SVG: values in, one string out; nothing is read or written.

A chart function takes a frozen dataclass and returns an `<svg>` for a page, whose colours are custom properties of the
page (`page_style`). `standalone` makes a file of it, `png_of` a picture. The same values give the same bytes.
"""

from resources.charts.breakdown_chart import BreakdownChart, Component, RuleMargin, breakdown_chart
from resources.charts.breakdown_rows import breakdown_chart_of
from resources.charts.dots_chart import DotsChart, dots_chart
from resources.charts.equity_chart import EquityChart, equity_chart
from resources.charts.fan_chart import FanChart, fan_chart
from resources.charts.fan_rows import fan_chart_of
from resources.charts.line_chart import LineChart, line_chart
from resources.charts.lines import Series
from resources.charts.png import png_of
from resources.charts.reliability_chart import Points, ReliabilityChart, reliability_chart
from resources.charts.steps_chart import StepsChart, steps_chart
from resources.charts.theme import page_style, standalone
from resources.charts.wave_chart import wave_chart
from resources.charts.wave_input import Bars, ChannelLine, Level, Pivot, Wave, WaveChart
from resources.charts.wave_rows import wave_chart_of

__all__ = [
    "Bars",
    "BreakdownChart",
    "ChannelLine",
    "Component",
    "DotsChart",
    "EquityChart",
    "FanChart",
    "Level",
    "LineChart",
    "Pivot",
    "Points",
    "ReliabilityChart",
    "RuleMargin",
    "Series",
    "StepsChart",
    "Wave",
    "WaveChart",
    "breakdown_chart",
    "breakdown_chart_of",
    "dots_chart",
    "equity_chart",
    "fan_chart",
    "fan_chart_of",
    "line_chart",
    "page_style",
    "png_of",
    "reliability_chart",
    "standalone",
    "steps_chart",
    "wave_chart",
    "wave_chart_of",
]
