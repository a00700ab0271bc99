"""Points beside a reference, and dots beside what a uniform distribution gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from resources.charts import DotsChart, Points, ReliabilityChart, dots_chart, reliability_chart
from tests.resources.charts.drawn import assert_apart, assert_inside, having, path_points, read, texts, words_in
from tests.resources.charts.samples import dots, reliability


def circles(group) -> np.ndarray:
    return np.array([(float(each.get("cx")), float(each.get("cy"))) for each in group if each.tag == "circle"])


def test_points_on_the_diagonal_lie_on_its_line():
    x = np.linspace(0.1, 0.9, 9)
    chart = ReliabilityChart("Calibration", "level", "share", (Points("a", x, x),))
    root = read(reliability_chart(chart))
    start, _, end = path_points(having(root, "reference")[0].get("d"))
    at = circles(having(root, "points")[0])
    assert len(at) == 9
    slope = (end[1] - start[1]) / (end[0] - start[0])
    assert at[:, 1] == pytest.approx(start[1] + slope * (at[:, 0] - start[0]), abs=0.3)
    assert not having(root, "legend")


def test_intervals_are_upright_lines_through_their_points_and_series_stand_beside():
    root = read(reliability_chart(reliability()))
    first, second = having(root, "points")
    steps = having(first, "intervals")[0].get("d")
    assert steps.count("M") == steps.count("V") == 10
    assert not having(second, "intervals")
    points = path_points(steps)
    for (x, y), (bottom, _), (_, top) in zip(circles(first), points[::2], points[1::2], strict=True):
        assert bottom == pytest.approx(x, abs=0.11)
        assert top <= y
    beside = circles(second)[:, 0] - circles(first)[:, 0]
    assert beside == pytest.approx(np.full(10, 5.0), abs=0.11)
    assert words_in(having(root, "legend")[0]) == ["forecast", "baseline"]


def test_a_level_is_a_reference_too():
    chart = dataclasses.replace(reliability(), reference=0.5)
    (_, first), _, (_, second) = path_points(having(read(reliability_chart(chart)), "reference")[0].get("d"))
    assert first == second
    nothing = dataclasses.replace(chart, reference=np.nan)
    assert not having(read(reliability_chart(nothing)), "reference")


def test_a_scale_from_zero_begins_on_the_axis_and_keeps_its_highest_point_in_the_frame():
    x, y = np.array([0.2, 0.5, 0.8]), np.array([0.9, 1.1, 1.05])
    chart = ReliabilityChart("Multiples", "level", "times", (Points("a", x, y),), 1.0, from_zero=True)
    svg = reliability_chart(chart)
    assert_inside(svg)
    root = read(svg)
    [axis] = having(root, "axis")
    zero = [float(text.get("y")) - 0.35 * 11.0 for text in having(root, "values")[0] if float(text.text) == 0.0]
    assert zero == pytest.approx([path_points(axis.get("d"))[0][1]], abs=0.11)
    level = path_points(having(root, "reference")[0].get("d"))[0][1]
    heights = zero[0] - circles(having(root, "points")[0])[:, 1]
    assert heights / (zero[0] - level) == pytest.approx(y, abs=0.01)


@pytest.mark.parametrize("values", [[], [np.nan], [0.0], [0.0, 0.0], [1e-13], [1e12]])
def test_a_scale_from_zero_of_any_values_is_drawn(values):
    y = np.array(values)
    for reference in (0.0, 1.0, np.nan):
        chart = ReliabilityChart("x", "x", "y", (Points("a", np.arange(len(y), dtype=float), y),), reference)
        assert_inside(reliability_chart(dataclasses.replace(chart, from_zero=True)))


@pytest.mark.parametrize(("lowest", "reference"), [(-0.1, 1.0), (0.5, -1.0), (0.5, "diagonal")])
def test_a_value_below_zero_and_a_diagonal_leave_the_scale_as_it_is(lowest, reference):
    x = np.array([0.2, 0.5, 0.8])
    chart = ReliabilityChart("x", "x", "y", (Points("a", x, np.array([lowest, 0.7, 0.9])),), reference)
    assert reliability_chart(dataclasses.replace(chart, from_zero=True)) == reliability_chart(chart)


@pytest.mark.parametrize("width", [320, 460, 760])
def test_nothing_overlaps_and_missing_points_are_left_out(width):
    chart = reliability()
    y = chart.points[0].y.copy()
    y[3] = np.nan
    chart = dataclasses.replace(
        chart,
        points=(dataclasses.replace(chart.points[0], y=y), *(chart.points[1],) * 5),
        facts=("a fact",) * 4,
    )
    svg = reliability_chart(chart, width=width)
    assert_inside(svg)
    assert_apart(svg)
    assert len(circles(having(read(svg), "points")[0])) == 9


def test_without_room_for_the_marks_a_chart_is_refused():
    chart = dataclasses.replace(reliability(), points=(reliability().points[0],) * 40)
    with pytest.raises(InvalidInputError, match="width and height of a chart"):
        reliability_chart(chart, width=320, height=200)


@pytest.mark.parametrize("x", [np.empty(0), np.array([0.5]), np.full(3, np.nan), np.full(3, -1e12)])
def test_no_points_one_point_and_points_at_one_place_are_drawn(x):
    for reference in ("diagonal", 0.0, np.nan):
        chart = ReliabilityChart("x", "x", "y", (Points("a", x, x.copy(), x.copy(), x.copy()),), reference)
        assert_inside(reliability_chart(chart))
    assert_inside(reliability_chart(ReliabilityChart("x", "x", "y", ())))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference": "upward"}, "reference"),
        ({"reference": np.inf}, "reference"),
        ({"points": (Points("a", np.ones(3), np.ones(2)),)}, "a, y"),
        ({"points": (Points("a", np.ones((3, 1)), np.ones(3)),)}, "points, a"),
        ({"points": (Points("a", np.ones(3), np.ones(3), np.ones(3)),)}, "points, a"),
        ({"points": (Points("a", np.ones(3), np.ones(3), np.ones(2), np.ones(3)),)}, "a, low"),
    ],
)
def test_points_of_wrong_shapes_are_refused(changes, words):
    with pytest.raises(InvalidInputError, match=words):
        dataclasses.replace(reliability(), **changes)


def test_dots_say_how_many_times_uniform_a_bin_is():
    root = read(dots_chart(dots()))
    at = circles(having(root, "dots")[0])
    [(_, uniform), _] = path_points(having(root, "reference")[0].get("d"))
    [zero] = [float(text.get("y")) - 0.35 * 11.0 for text in having(root, "values")[0] if text.text == "0.0"]
    times = (zero - at[:, 1]) / (zero - uniform)
    assert times == pytest.approx(dots().counts / 104.0, abs=0.01)
    assert "2,080 values" in [words.words for words in texts(root)]


def test_the_band_is_that_of_independent_values():
    rng = np.random.default_rng(5)
    edges = np.linspace(0.0, 1.0, 11)
    inside = total = 0
    for _ in range(60):
        counts = np.histogram(rng.random(400), edges)[0].astype(np.int64)
        root = read(dots_chart(DotsChart("x", edges, counts)))
        band = [y for _, y in path_points(having(root, "band")[0].get("d"))]
        y = circles(having(root, "dots")[0])[:, 1]
        inside += int(((y >= min(band)) & (y <= max(band))).sum())
        total += len(y)
    assert 0.92 < inside / total < 0.98


@pytest.mark.parametrize("counts", [[0, 0], [1, 0], [0], [10**9, 5]])
def test_empty_and_uneven_bins_are_drawn(counts):
    edges = np.array([0.0, 0.1, 1.0])[: len(counts) + 1]
    svg = dots_chart(DotsChart("x", edges, np.array(counts)))
    assert_inside(svg)
    assert bool(having(read(svg), "dots")) == bool(sum(counts))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edges": np.linspace(0.0, 1.0, 20)}, "edges"),
        ({"edges": np.linspace(1.0, 0.0, 21)}, "edges"),
        ({"counts": np.ones(20)}, "counts"),
        ({"counts": np.full(20, -1)}, "counts"),
        ({"counts": np.ones((20, 1), np.int64)}, "counts"),
        ({"counts": np.ones(0, np.int64), "edges": np.ones(1)}, "counts"),
    ],
)
def test_bins_of_wrong_shapes_are_refused(changes, words):
    with pytest.raises(InvalidInputError, match=words):
        dataclasses.replace(dots(), **changes)
