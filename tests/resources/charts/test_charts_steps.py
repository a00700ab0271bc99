"""`steps_chart`: lines over numbers."""

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from resources.charts.lines import Series
from resources.charts.png import png_of
from resources.charts.steps_chart import StepsChart, steps_chart
from tests.resources.charts.drawn import assert_apart, assert_inside, having, read


def chart(**changes) -> StepsChart:
    steps = np.array([0.0, 50.0, 100.0, 120.0])
    values = np.array([0.16, 0.15, 0.149, 0.148])
    series = Series("training", np.where(steps == 0.0, np.nan, values)), Series("held-out", values)
    return StepsChart(**{"title": "Losses", "steps": steps, "series": series, **changes})


def test_each_series_is_a_line_over_its_known_values():
    root = read(steps_chart(chart()))
    lines = having(root, "line")
    assert len(lines) == 2
    assert [line.get("d").count("M") for line in lines] == [1, 1]


def test_words_stay_inside_and_apart():
    for width in (320, 760):
        svg = steps_chart(chart(facts=("pinball loss",)), width=width)
        assert_inside(svg)
        assert_apart(svg)


def test_the_description_says_where_the_lines_begin_and_end():
    assert "held-out from 0.16 to 0.148" in steps_chart(chart())


def test_one_step_and_unknown_values_are_drawn():
    one = np.array([0.0])
    svg = steps_chart(chart(steps=one, series=(Series("training", one * np.nan), Series("held-out", one))))
    assert png_of(svg, 400).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": np.array([0.0, 2.0, 2.0, 3.0])},
        {"steps": np.array([0.0, 1.0])},
        {"series": (Series("x", np.zeros(3)),)},
    ],
)
def test_wrong_steps_and_lengths_are_refused(changes):
    with pytest.raises(InvalidInputError):
        chart(**changes)
