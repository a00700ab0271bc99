"""The breakdown: bars as long as what they add, hatched halves, and sums that are the score."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.waves import CLASSES, COMPONENTS
from kernels.waves.classes import WEIGHTS
from resources.charts import Component, RuleMargin, breakdown_chart, breakdown_chart_of
from resources.charts.breakdown_rows import measured_ratios
from tests.resources.charts.drawn import assert_apart, assert_inside, having, path_points, read, words_in
from tests.resources.charts.samples import breakdown, textbook


def widths(group) -> list[float]:
    return [float(rect.get("width")) for rect in group if rect.tag == "rect"]


def test_bars_are_as_long_as_what_they_add():
    root = read(breakdown_chart(breakdown()))
    fibonacci, channel, time = having(root, "component")
    weight, solid = widths(fibonacci)
    assert solid / weight == pytest.approx(0.6 * 0.8, abs=0.002)
    hatched = [x for x, _ in path_points(having(fibonacci, "unknown")[0].get("d"))]
    assert (max(hatched) - min(hatched)) / weight == pytest.approx(0.4 * 0.5, abs=0.002)
    assert widths(channel)[0] / weight == pytest.approx(0.1 / 0.4, abs=0.002)
    assert widths(channel)[1] == 0.0
    hatched = [x for x, _ in path_points(having(channel, "unknown")[0].get("d"))]
    assert (max(hatched) - min(hatched)) / widths(channel)[0] == pytest.approx(0.5, abs=0.005)
    assert widths(time)[0] == widths(time)[1]
    assert not having(time, "unknown")


def test_numbers_and_rules_are_written():
    root = read(breakdown_chart(breakdown()))
    assert [words_in(group) for group in having(root, "component")] == [
        ["Fibonacci", "40 %", "0.80", "0.272"],
        ["Channel", "10 %", "unknown", "0.050"],
        ["Time", "5 %", "1.00", "0.050"],
    ]
    assert words_in(having(root, "score")[0]) == ["score", "0.610"]
    first, broken, last = having(root, "rule")
    assert words_in(first) == ["wave 2 above start", "0.42"]
    assert first.find("title").text == "x2 > x0"
    assert widths(first)[1] / widths(first)[0] == pytest.approx(0.42, abs=0.003)
    assert words_in(broken) == ["lines close", "broken"]
    assert words_in(last) == ["last", "to come"]
    assert len(widths(last)) == 1


@pytest.mark.parametrize("width", [320, 380, 559, 560, 760, 1200])
def test_nothing_overlaps_at_any_width(width):
    chart = breakdown()
    long = tuple(RuleMargin("a rule with a name that is much too long for its column " * 2, 0.5) for _ in range(9))
    for each in (chart, dataclasses.replace(chart, rules=long), dataclasses.replace(chart, rules=())):
        svg = breakdown_chart(each, width=width)
        assert_inside(svg)
        assert_apart(svg)


def test_nothing_to_draw_is_drawn_as_nothing():
    assert_inside(breakdown_chart(dataclasses.replace(breakdown(), components=(), rules=())))


@pytest.mark.parametrize("name", CLASSES)
def test_what_components_add_is_the_score_that_the_kernel_gave(name):
    for legs in [None, *(setup.legs for setup in CLASSES[name].setups)]:
        sample = textbook(name, legs)
        for row in sample.table.to_pylist()[:60]:
            chart = breakdown_chart_of(row)
            total = sum(part.solid + part.half for part in chart.components)
            assert total == pytest.approx(row["score"], abs=1e-11)
            assert {part.weight for part in chart.components} == set(WEIGHTS.values())
            assert len(chart.components) == len(COMPONENTS)
            assert len(chart.rules) == len(CLASSES[row["class"]].rules)


def test_ratios_are_measured_as_their_waves_come():
    assert [measured_ratios(CLASSES["impulse"], legs) for legs in (1, 2, 3, 4, 5)] == [0, 1, 2, 3, 5]
    assert [measured_ratios(CLASSES["double_three"], legs) for legs in (2, 3)] == [0, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"score": 1.5}, "score"),
        ({"score": np.nan}, "score"),
        ({"components": (Component("x", 1.2, 0.4),)}, "value"),
        ({"components": (Component("x", 0.2, np.nan),)}, "weight"),
        ({"components": (Component("x", 0.2, 0.4, -0.1),)}, "known"),
        ({"rules": (RuleMargin("x", -0.1),)}, "rules"),
    ],
)
def test_numbers_outside_their_range_are_refused(changes, words):
    with pytest.raises(InvalidInputError, match=words):
        dataclasses.replace(breakdown(), **changes)
