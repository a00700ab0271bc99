"""Scales, round ticks, dates, and labels that keep apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.charts.dates import date_ticks
from resources.charts.labels import Box, Boxes, spread
from resources.charts.scales import Scale, decimals_of, positions, round_step, scale_of
from tests.resources.charts.samples import days

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
NUMBER = st.floats(-1e12, 1e12)


def test_a_linear_scale_puts_equal_differences_equally_far():
    scale = Scale(10.0, 20.0, 100.0, 0.0)
    assert scale.at([10.0, 15.0, 20.0]).tolist() == [100.0, 50.0, 0.0]
    assert scale.at([5.0, 25.0]).tolist() == [100.0, 0.0]
    assert np.isnan(scale.one(np.nan))


def test_a_logarithmic_scale_puts_equal_ratios_equally_far():
    scale = Scale(1.0, 100.0, 0.0, 200.0, logarithmic=True)
    assert scale.at([1.0, 10.0, 100.0]) == pytest.approx([0.0, 100.0, 200.0])
    assert scale.at([0.0, -3.0]).tolist() == [0.0, 0.0]
    assert np.isnan(scale.one(np.nan))


def test_a_scale_holds_its_values_with_room():
    scale = scale_of([10.0, np.nan, 20.0], 100.0, 0.0, margin=10.0)
    assert scale.at([10.0, 20.0]) == pytest.approx([90.0, 10.0])
    scale = scale_of([10.0, 20.0], 100.0, 0.0, logarithmic=True, margin=10.0)
    assert scale.at([10.0, 20.0]) == pytest.approx([90.0, 10.0])
    assert scale.one(np.sqrt(200.0)) == pytest.approx(50.0)


def test_a_price_of_nothing_makes_the_scale_linear():
    assert scale_of([1.0, 2.0], 0.0, 1.0, logarithmic=True).logarithmic
    assert not scale_of([0.0, 2.0], 0.0, 1.0, logarithmic=True).logarithmic
    assert not scale_of([-1.0, 2.0], 0.0, 1.0, logarithmic=True).logarithmic


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e-12, 1e12])
def test_one_value_lies_in_the_middle(value):
    assert scale_of([value, value], 100.0, 0.0).one(value) == pytest.approx(50.0)


def test_without_values_there_is_a_scale_all_the_same():
    assert scale_of([np.nan], 100.0, 0.0) == Scale(0.0, 1.0, 100.0, 0.0)


@given(st.lists(NUMBER, min_size=1, max_size=5), st.booleans())
def test_ticks_are_inside_rising_and_apart(values, logarithmic):
    scale = scale_of(values, 300.0, 0.0, logarithmic=logarithmic, margin=8.0)
    assert scale.low < scale.high
    ticks = scale.ticks(34.0)
    assert all(scale.contains(tick) for tick in ticks)
    assert all(a < b for a, b in pairwise(ticks))
    pixels = scale.at(ticks)
    assert np.all(np.abs(np.diff(pixels)) >= 34.0)
    assert np.isfinite(pixels).all()


@pytest.mark.parametrize(
    ("low", "high", "logarithmic", "gap", "ticks"),
    [
        (0.0, 10.0, False, 40.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
        (-1.0, 1.0, False, 40.0, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (97.0, 131.0, False, 40.0, [100.0, 110.0, 120.0, 130.0]),
        (1.0, 200.0, True, 25.0, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]),
        (90.0, 130.0, True, 60.0, [100.0, 120.0]),
    ],
)
def test_ticks_are_round_numbers(low, high, logarithmic, gap, ticks):
    assert Scale(low, high, 200.0, 0.0, logarithmic).ticks(gap) == pytest.approx(ticks)


def test_steps_and_their_decimals():
    assert [round_step(value) for value in (0.3, 1.0, 2.2, 2.6, 7.0, 1200.0)] == [0.5, 1.0, 2.5, 5.0, 10.0, 2000.0]
    assert decimals_of([0.0, 2.5, 5.0]) == 1
    assert decimals_of([0.0, 0.05, 0.1]) == 2
    assert decimals_of([100.0, 200.0]) == 0
    assert decimals_of([7.0]) == 0
    assert positions(1.0, 2.0, 3).tolist() == [1.0, 3.0, 5.0]


@given(st.lists(st.floats(-50.0, 350.0), max_size=12), st.floats(1.0, 20.0))
def test_spread_labels_keep_their_order_and_their_distance(wanted, gap):
    places = spread(wanted, gap, 0.0, 300.0)
    assert len(places) == len(wanted)
    by_wish = [place for _, place in sorted(zip(wanted, places, strict=True), key=lambda pair: pair[0])]
    assert all(b - a >= min(gap, 300.0 / max(len(wanted) - 1, 1)) - 1e-6 for a, b in pairwise(sorted(places)))
    assert sorted(places) == pytest.approx(by_wish)
    assert all(-1e-9 <= place <= 300.0 + 1e-9 for place in places)


def test_labels_move_only_where_they_must():
    assert spread([100.0, 10.0, 200.0], 15.0, 0.0, 300.0) == [100.0, 10.0, 200.0]
    assert spread([100.0, 100.0], 10.0, 0.0, 300.0) == [95.0, 105.0]
    assert spread([1.0, 2.0], 10.0, 0.0, 300.0) == [0.0, 10.0]
    assert spread([299.0, 298.0], 10.0, 0.0, 300.0) == [300.0, 290.0]
    assert spread([1.0, 1.0, 1.0], 50.0, 0.0, 60.0) == [0.0, 30.0, 60.0]


def test_taken_boxes_block_only_what_overlaps_them():
    boxes = Boxes()
    boxes.take(Box(0.0, 0.0, 100.0, 10.0))
    assert boxes.blocking(Box(90.0, 5.0, 120.0, 20.0)) == Box(0.0, 0.0, 100.0, 10.0)
    assert boxes.blocking(Box(100.0, 0.0, 120.0, 10.0)) is None
    assert boxes.blocking(Box(0.0, 10.0, 50.0, 20.0)) is None


def test_dates_name_months_and_years():
    words = [words for _, words, _ in date_ticks(days(260), 700.0)]
    assert words == ["2014", *MONTHS[1:], "2015"]
    assert [bold for _, words, bold in date_ticks(days(300), 700.0) if words.isdigit()] == [True, True]


def test_a_narrow_axis_names_fewer_dates():
    assert [words for _, words, _ in date_ticks(days(504), 280.0)] == ["2014", "Jul", "2015", "Jul"]
    assert [words for _, words, _ in date_ticks(days(5200), 400.0)] == ["2015", "2020", "2025", "2030"]


def test_the_first_date_says_its_year():
    ticks = date_ticks(days(200)[45:], 600.0)
    assert ticks[0][1] == "Apr 2014"
    assert ticks[0][0] == int(np.flatnonzero(days(200)[45:] >= np.datetime64("2014-04-01"))[0])


def test_a_few_days_are_named_by_day():
    assert [words for _, words, _ in date_ticks(days(5), 600.0)] == ["Jan 6 2014", "Jan 7", "Jan 8", "Jan 9", "Jan 10"]
    assert [words for _, words, _ in date_ticks(days(1), 0.0)] == ["Jan 6 2014"]


@given(st.lists(st.integers(-30000, 60000), min_size=1, max_size=80, unique=True).map(sorted), st.floats(0.0, 2000.0))
def test_date_ticks_of_any_sessions_are_sessions_in_order(numbers, width):
    sessions = np.array(numbers, "datetime64[D]")
    indexes = [index for index, _, _ in date_ticks(sessions, width)]
    assert indexes
    assert indexes == sorted(set(indexes))
    assert 0 <= indexes[0] <= indexes[-1] < len(sessions)
