"""From rows of `patterns` to a chart: what the scan found in textbook charts is what is drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.panel import PricePanel
from kernels.waves import CLASSES
from resources.charts import wave_chart, wave_chart_of
from resources.charts.wave_rows import COLUMNS
from tests.resources.charts.drawn import assert_apart, assert_inside, having, read
from tests.resources.charts.samples import days, textbook

SETUPS = [(name, setup.legs) for name, declared in CLASSES.items() for setup in declared.setups]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("direction", [1, -1])
def test_every_class_is_drawn_with_its_children(name, direction):
    sample = textbook(name, direction=direction)
    chart = wave_chart_of(sample.table, sample.pattern_id, sample.panel, name="Test Company")
    found, row = sample.patterns, sample.row
    assert (chart.wave.wave_class, chart.wave.direction, chart.wave.status) == (name, direction, "confirmed")
    assert (chart.symbol, chart.name, chart.wave.pattern_id) == ("TEST", "Test Company", sample.pattern_id)
    bars = found.pivots[row, : found.legs[row] + 1]
    assert [pivot.session for pivot in chart.wave.pivots] == sample.panel.sessions[bars].tolist()
    assert [pivot.price for pivot in chart.wave.pivots] == found.prices[row, : len(bars)].tolist()
    assert [child.leg for child in chart.wave.children] == (np.flatnonzero(found.child[row] >= 0) + 1).tolist()
    assert chart.targets == ()
    assert np.isnan(chart.invalidation)
    svg = wave_chart(chart)
    assert_inside(svg)
    assert_apart(svg)
    assert [group.get("data-id") for group in having(read(svg), "depth-1")] == [
        child.pattern_id for child in chart.wave.children
    ]


@pytest.mark.parametrize(("name", "legs"), SETUPS)
@pytest.mark.parametrize("direction", [1, -1])
def test_every_setup_has_its_targets_named_by_the_leg_they_follow_from(name, legs, direction):
    sample = textbook(name, legs, direction)
    chart = wave_chart_of(sample.table, sample.pattern_id, sample.panel)
    assert chart.wave.status == "setup"
    [setup] = [setup for setup in CLASSES[name].setups if setup.legs == legs]
    kernel = sample.patterns.targets[sample.row]
    multiples = [target.multiple for target, price in zip(setup.targets, kernel, strict=False) if np.isfinite(price)]
    named = [target for target in chart.targets if target.words != "channel line"]
    assert [float(target.words.split()[0]) for target in named] == [abs(multiple) for multiple in multiples]
    assert [target.price for target in named] == kernel[np.isfinite(kernel)].tolist()
    assert len(chart.targets) - len(named) <= (setup.line is not None)
    assert chart.invalidation == sample.patterns.invalidation[sample.row]
    svg = wave_chart(chart)
    assert_inside(svg)
    assert_apart(svg)
    assert len(having(read(svg), "target")) == len(chart.targets)


def test_words_of_targets():
    back = textbook("impulse", 3)
    chart = wave_chart_of(back.table, back.pattern_id, back.panel)
    assert [target.words for target in chart.targets] == ["0.236 of W3", "0.382 of W3", "0.5 of W3"]
    onward = textbook("zigzag", 2)
    chart = wave_chart_of(onward.table, onward.pattern_id, onward.panel)
    assert [target.words for target in chart.targets][-2:] == ["1.618 \u00d7 A", "channel line"]


@pytest.mark.parametrize(
    ("name", "legs", "begins", "parallel"),
    [
        ("impulse", None, (2, 3), True),
        ("impulse", 4, (2, 3), True),
        ("impulse", 3, (1, 2), True),
        ("zigzag", None, (0, 1), True),
        ("zigzag", 2, (0, 1), True),
        ("contracting_triangle", None, (1, 2), False),
        ("expanding_diagonal", None, (1, 2), False),
        ("impulse", 2, (), True),
        ("regular_flat", None, (), True),
    ],
)
def test_channel_lines_begin_at_their_pivots(name, legs, begins, parallel):
    sample = textbook(name, legs)
    chart = wave_chart_of(sample.table, sample.pattern_id, sample.panel)
    pivots = chart.wave.pivots
    assert [(line.session, line.price) for line in chart.channel] == [
        (pivots[at].session, pivots[at].price) for at in begins
    ]
    if begins:
        first, second = chart.channel
        assert (first.slope == second.slope) == parallel
        base = sample.patterns.pivots[sample.row, [begins[0], begins[0] + 2]]
        prices = sample.patterns.prices[sample.row, [begins[0], begins[0] + 2]]
        assert first.slope == pytest.approx(np.log(prices[1] / prices[0]) / (base[1] - base[0]))


def test_a_channel_line_goes_through_its_second_pivot_on_the_picture():
    sample = textbook("impulse", 4)
    root = read(wave_chart(wave_chart_of(sample.table, sample.pattern_id, sample.panel)))
    [channel] = having(root, "channel")
    begin, end = ([float(each) for each in point.split()] for point in channel[0].get("d")[1:].split("L"))
    points = [point.split("l") for point in having(having(root, "depth-0")[0], "legs")[0].get("d").split("M") if point]
    assert points
    names = having(having(root, "depth-0")[0], "names")[-1]
    four = next(text for text in names if text.text == "4")
    x = float(four.get("x"))
    y = begin[1] + (end[1] - begin[1]) * (x - begin[0]) / (end[0] - begin[0])
    # The name stands five pixels below its pivot, ten pixels tall.
    assert float(four.get("y")) - y == pytest.approx(5.0 + 0.75 * 14.0, abs=0.4)


def test_a_table_and_its_rows_give_the_same_picture():
    sample = textbook("impulse")
    rows = sample.table.to_pylist()
    first = wave_chart(wave_chart_of(sample.table, sample.pattern_id, sample.panel))
    assert wave_chart(wave_chart_of(rows, sample.pattern_id, sample.panel)) == first
    few = [{name: row[name] for name in COLUMNS} for row in rows]
    assert wave_chart(wave_chart_of(few, sample.pattern_id, sample.panel)) == first


def test_children_without_a_row_are_left_out():
    sample = textbook("impulse")
    rows = [row for row in sample.table.to_pylist() if row["pattern_id"] == sample.pattern_id]
    assert wave_chart_of(rows, sample.pattern_id, sample.panel).wave.children == ()


def test_facts_are_what_is_known():
    sample = textbook("impulse")
    [row] = [row for row in sample.table.to_pylist() if row["pattern_id"] == sample.pattern_id]
    row["score"] = 0.725
    assert wave_chart_of([row], sample.pattern_id, sample.panel).facts == ("score 0.72",)
    row |= {"p_value": 0.0123, "q_value": 0.5}
    assert wave_chart_of([row], sample.pattern_id, sample.panel).facts == ("score 0.72", "p 0.012", "q 0.50")


def longer(panel: PricePanel, before: int, after: int) -> PricePanel:
    """The same bars with flat ones around them."""
    count = len(panel.sessions)
    every = [
        np.concatenate([np.full((1, before), values[0, 0]), values, np.full((1, after), values[0, -1])], axis=1)
        for values in (panel.open, panel.high, panel.low, panel.close, panel.volume)
    ]
    sessions = np.busday_offset(panel.sessions[0], np.arange(-before, count + after))
    return PricePanel(panel.symbols, sessions, *every)


def test_the_chart_begins_shortly_before_the_pattern_and_ends_some_time_after_a_confirmed_one():
    sample = textbook("impulse")
    panel = longer(sample.panel, 100, 100)
    chart = wave_chart_of(sample.table, sample.pattern_id, panel)
    first, last = np.searchsorted(chart.bars.sessions, [chart.wave.pivots[0].session, chart.wave.pivots[-1].session])
    assert first == 10
    span = last - first
    assert len(chart.bars.sessions) - 1 - last == max(21, round(0.5 * span))
    setup = textbook("impulse", 4)
    chart = wave_chart_of(setup.table, setup.pattern_id, longer(setup.panel, 100, 100))
    assert chart.bars.sessions[-1] == longer(setup.panel, 100, 100).sessions[-1]


def test_a_panel_that_begins_after_the_pattern_is_drawn_as_far_as_it_goes():
    sample = textbook("impulse", 4)
    cut = slice(15, None)
    values = [
        np.ascontiguousarray(getattr(sample.panel, name)[:, cut]) for name in ("open", "high", "low", "close", "volume")
    ]
    panel = PricePanel(sample.panel.symbols, sample.panel.sessions[cut], *values)
    chart = wave_chart_of(sample.table, sample.pattern_id, panel)
    assert chart.channel == ()
    assert_inside(wave_chart(chart))


def test_what_is_not_there_is_refused_with_its_name():
    sample = textbook("impulse")
    with pytest.raises(InvalidInputError, match="pattern_id"):
        wave_chart_of(sample.table, "0" * 16, sample.panel)
    other = dataclasses.replace(sample.panel, symbols=("OTHER",))
    with pytest.raises(InvalidInputError, match="a panel with TEST"):
        wave_chart_of(sample.table, sample.pattern_id, other)
    early = dataclasses.replace(sample.panel, sessions=days(len(sample.panel.sessions)) - np.timedelta64(5000, "D"))
    with pytest.raises(InvalidInputError, match="wave_chart_of, panel"):
        wave_chart_of(sample.table, sample.pattern_id, early)
