"""What every chart keeps, whatever it is given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.charts import (
    Bars,
    DotsChart,
    FanChart,
    Level,
    LineChart,
    Pivot,
    Points,
    ReliabilityChart,
    Series,
    Wave,
    WaveChart,
    breakdown_chart,
    dots_chart,
    equity_chart,
    fan_chart,
    line_chart,
    reliability_chart,
    standalone,
    wave_chart,
)
from resources.charts.checks import MOST
from tests.resources.charts.drawn import assert_apart, assert_inside, read
from tests.resources.charts.samples import breakdown, days, dots, equity, fan, line, nested, reliability

CHARTS = [
    (wave_chart, nested(504, 2)),
    (fan_chart, fan()),
    (breakdown_chart, breakdown()),
    (equity_chart, equity()),
    (line_chart, line()),
    (reliability_chart, reliability()),
    (dots_chart, dots()),
]
HOSTILE = "<script>alert(1)</script>&\"' \u202e\x00\ud800 \u4e2d\u6587 " + "x" * 300

NUMBERS = st.one_of(st.floats(-MOST, MOST), st.floats(0.01, 1000.0), st.just(np.nan))
WIDTHS = st.integers(320, 1500)
HEIGHTS = st.integers(220, 900)
WORDS = st.text(max_size=40)


def vector(count: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(NUMBERS, min_size=count, max_size=count).map(lambda values: np.array(values, np.float64))


@pytest.mark.parametrize(("draw", "chart"), CHARTS)
@pytest.mark.parametrize("width", [320, 380, 760, 1500])
def test_a_chart_is_xml_inside_its_frame_for_readers_of_all_kinds(draw, chart, width):
    svg = draw(chart, width=width)
    assert_inside(svg)
    root = read(svg)
    assert root.get("role") == "img"
    assert root.get("class").split()[0] == "chart"
    assert [element.tag for element in root][:2] == ["title", "desc"]
    assert root.find("title").text
    assert root.find("desc").text
    assert not [element for element in root.iter() if element.tag in ("script", "style", "image", "foreignObject")]
    assert not [name for element in root.iter() for name in element.attrib if name == "id" or name.startswith("on")]


@pytest.mark.parametrize(("draw", "chart"), CHARTS)
def test_the_same_values_are_the_same_bytes(draw, chart):
    assert draw(chart) == draw(dataclasses.replace(chart))


@pytest.mark.parametrize(("draw", "chart"), CHARTS)
def test_a_chart_stays_below_45_kilobytes(draw, chart):
    assert len(draw(chart)) < 45_000


@pytest.mark.parametrize(("draw", "chart"), CHARTS)
def test_hostile_words_are_words(draw, chart):
    title = "symbol" if hasattr(chart, "symbol") else "title"
    svg = draw(dataclasses.replace(chart, **{title: HOSTILE, "facts": (HOSTILE, HOSTILE)}))
    assert "<script" not in svg
    assert_inside(svg)
    assert_inside(standalone(svg, "dark"))
    svg.encode()


def assert_readable(svg: str) -> None:
    """Inside its frame, alone or on a page, and no words lie on others."""
    assert_inside(svg)
    assert_inside(standalone(svg))
    assert_apart(svg)


@st.composite
def wave_charts(draw: st.DrawFn) -> WaveChart:
    count = draw(st.integers(1, 40))
    bars = Bars(days(count), *(draw(vector(count)) for _ in range(4)))
    name, most = draw(st.sampled_from([("impulse", 5), ("zigzag", 3), ("running_triangle", 5), ("double_three", 3)]))

    def wave(leg: int, depth: int) -> Wave:
        places = sorted(draw(st.sets(st.integers(-5, count + 5), min_size=2, max_size=most + 1)))
        pivots = tuple(
            Pivot(np.datetime64("2014-01-06") + place, draw(NUMBERS), draw(st.sampled_from(["low", "high"])))
            for place in places
        )
        legs = draw(st.sets(st.integers(1, len(pivots) - 1), max_size=2 if depth else 0))
        children = tuple(wave(each, depth - 1) for each in sorted(legs))
        status = draw(st.sampled_from(["setup", "confirmed", "part"]))
        return Wave(name, draw(st.sampled_from([1, -1])), status, pivots, children, leg, draw(WORDS), draw(WORDS))

    levels = draw(st.lists(st.tuples(NUMBERS, WORDS), max_size=6))
    return WaveChart(
        draw(WORDS),
        bars,
        wave(0, 2),
        draw(WORDS),
        tuple(draw(st.lists(WORDS, max_size=3))),
        tuple(Level(price, words) for price, words in levels),
        draw(NUMBERS),
    )


@given(wave_charts(), WIDTHS, HEIGHTS)
def test_any_wave_is_drawn_inside_its_frame(chart, width, height):
    assert_readable(wave_chart(chart, width=width, height=height))


@given(st.data(), WIDTHS, HEIGHTS)
def test_any_fan_is_drawn_inside_its_frame(data, width, height):
    count = data.draw(st.integers(1, 80))
    horizons = sorted(data.draw(st.sets(st.integers(1, 300), min_size=1, max_size=6)))
    size = len(horizons) * 5
    logs = st.one_of(st.floats(-10.0, 10.0), st.just(np.nan))
    quantiles = np.array(data.draw(st.lists(logs, min_size=size, max_size=size))).reshape(-1, 5)
    close = data.draw(vector(count))
    chart = FanChart(data.draw(WORDS), days(count), close, np.array(horizons, np.int32), quantiles)
    assert_readable(fan_chart(chart, width=width, height=height))


@given(st.data(), WIDTHS, HEIGHTS)
def test_any_lines_are_drawn_inside_their_frame(data, width, height):
    count = data.draw(st.integers(1, 30))
    series = tuple(
        Series(data.draw(WORDS), *(data.draw(vector(count)) for _ in range(data.draw(st.sampled_from([1, 3])))))
        for _ in range(data.draw(st.integers(0, 8)))
    )
    chart = LineChart(data.draw(WORDS), days(count), series, data.draw(st.text(max_size=3)), data.draw(NUMBERS))
    assert_readable(line_chart(chart, width=width, height=height))


@given(st.data(), WIDTHS, HEIGHTS)
def test_any_points_are_drawn_inside_their_frame(data, width, height):
    count = data.draw(st.integers(0, 12))
    points = tuple(
        Points(data.draw(WORDS), *(data.draw(vector(count)) for _ in range(data.draw(st.sampled_from([2, 4])))))
        for _ in range(data.draw(st.integers(0, 3)))
    )
    reference = data.draw(st.one_of(st.just("diagonal"), NUMBERS))
    chart = ReliabilityChart(data.draw(WORDS), data.draw(WORDS), data.draw(WORDS), points, reference)
    assert_readable(reliability_chart(chart, width=width, height=height))


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), WIDTHS)
def test_any_bins_are_drawn_inside_their_frame(counts, first, step, width):
    edges = first + step * np.arange(len(counts) + 1.0)
    assert_readable(dots_chart(DotsChart("bins", edges, np.array(counts)), width=width))
