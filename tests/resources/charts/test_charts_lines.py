"""Lines over sessions: values where they belong, names at their ends, intervals around them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from resources.charts import EquityChart, LineChart, Series, equity_chart, line_chart
from resources.charts.theme import SERIES, paint
from tests.resources.charts.drawn import assert_apart, assert_inside, having, path_points, read, words_in
from tests.resources.charts.samples import days, equity, line, walk


def test_a_line_is_where_its_values_are():
    values = np.array([0.0, 10.0, 5.0, 20.0])
    root = read(line_chart(LineChart("Rows", days(4), (Series("rows", values),))))
    [path] = having(root, "line")
    points = [point for place, point in enumerate(path_points(path.get("d"))) if place != 1]
    x, y = np.array(points).T
    assert np.diff(x) == pytest.approx(np.full(3, x[1] - x[0]), abs=0.11)
    assert y == pytest.approx(y[0] - values / 20.0 * (y[0] - y[3]), abs=0.11)
    assert words_in(having(root, "names")[0]) == ["20.0 rows"]
    assert path.get("stroke") == paint(SERIES[0])


def test_lines_are_named_at_their_ends_apart():
    chart = line()
    root = read(line_chart(chart))
    assert len(having(root, "line")) == 8
    assert [words.split()[-1] for words in words_in(having(root, "names")[0])][1:] == [
        f"{each}" for each in range(1, 8)
    ]
    assert [path.get("stroke-dasharray") for path in having(root, "line")] == [None] * 6 + ["6 4"] * 2
    same = tuple(Series(f"line {place}", np.full(504, 1.0)) for place in range(10))
    for width in (380, 760):
        assert_apart(line_chart(chart, width=width))
        assert_apart(line_chart(dataclasses.replace(chart, series=same), width=width))


def test_a_reference_is_a_line_across():
    root = read(line_chart(line()))
    [(left, first), (right, second)] = path_points(having(root, "reference")[0].get("d"))
    assert first == second
    assert right > left
    assert not having(read(line_chart(dataclasses.replace(line(), reference=np.nan))), "reference")


def test_equity_is_written_as_gain_and_loss():
    values = np.array([1.0, 1.05, 0.9, 1.123])
    root = read(equity_chart(EquityChart("Equity", days(4), (Series("long", values),))))
    assert words_in(having(root, "names")[0]) == ["+12.3 % long"]
    ticks = words_in(having(root, "values")[0])
    assert "0 %" in ticks
    assert "+10 %" in ticks
    assert having(root, "reference")


def test_an_interval_is_an_area_broken_where_it_is_unknown():
    chart = equity()
    low = chart.series[0].low.copy()
    low[100:110] = np.nan
    broken = dataclasses.replace(chart.series[0], low=low)
    [band] = having(read(equity_chart(dataclasses.replace(chart, series=(broken,)))), "band")
    assert band.get("d").count("z") == 2
    [band] = having(read(equity_chart(chart)), "band")
    assert band.get("d").count("z") == 1


def test_missing_values_break_a_line_and_one_without_values_has_no_name():
    values = walk(50)
    values[20:25] = np.nan
    nothing = Series("nothing", np.full(50, np.nan))
    root = read(line_chart(LineChart("Skill", days(50), (Series("some", values), nothing))))
    assert [path.get("d").count("M") for path in having(root, "line")] == [2]
    assert len(words_in(having(root, "names")[0])) == 1


def test_many_sessions_are_thinned_and_keep_the_newest():
    values = np.arange(5000.0)
    svg = line_chart(LineChart("Rows", days(5000), (Series("rows", values),)))
    assert len(svg) < 20_000
    assert words_in(having(read(svg), "names")[0]) == ["4,999 rows"]
    [path] = having(read(svg), "line")
    assert max(x for x, _ in path_points(path.get("d"))) > 660.0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_sessions_flat_and_negative_values_are_drawn(count):
    for value in (0.0, -1e12, 1e-7):
        chart = LineChart("x", days(count), (Series("a", np.full(count, value)),), "s")
        assert_inside(line_chart(chart))
    assert_inside(equity_chart(EquityChart("x", days(count), ())))


@pytest.mark.parametrize("kind", [LineChart, EquityChart])
@pytest.mark.parametrize(
    ("series", "words"),
    [
        (Series("a", np.ones(4)), "values"),
        (Series("a", np.ones(5, np.int64)), "values"),
        (Series("a", np.ones(5), low=np.ones(5)), "both bounds"),
        (Series("a", np.ones(5), np.ones(4), np.ones(5)), "interval"),
        (Series("a", np.full(5, -np.inf)), "values"),
    ],
)
def test_wrong_shapes_are_refused(kind, series, words):
    with pytest.raises(InvalidInputError, match=words):
        kind("x", days(5), (series,))
