"""The wave chart: everything is there, where it belongs, and the waves inside legs are hidden."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.waves import CLASS_NAMES
from resources.charts import Bars, Level, Pivot, Wave, WaveChart, wave_chart
from resources.charts.wave_input import leg_names
from tests.resources.charts.drawn import (
    assert_apart,
    assert_inside,
    having,
    path_points,
    read,
    size,
    texts,
    words_in,
)
from tests.resources.charts.samples import bars_of, days, nested, walk


def flat_bars(price: float, count: int = 40) -> Bars:
    every = np.full(count, price)
    return Bars(days(count), every, every.copy(), every.copy(), every.copy())


def zigzag_of(bars: Bars, *places: tuple[int, float]) -> Wave:
    pivots = tuple(
        Pivot(bars.sessions[at], price, ("low", "high")[number % 2]) for number, (at, price) in enumerate(places)
    )
    return Wave("zigzag", 1, "confirmed" if len(pivots) == 4 else "setup", pivots)


def heights(svg: str, kind: str) -> list[float]:
    return [float(element.find("text").get("y")) for element in having(read(svg), kind)]


def test_the_outermost_wave_goes_through_its_pivots():
    close = np.concatenate([np.linspace(100.0, 110.0, 11), np.linspace(109.0, 104.0, 6), np.linspace(105.0, 120.0, 16)])
    bars = Bars(days(33), close, close.copy(), close.copy(), close.copy())
    wave = zigzag_of(bars, (0, 100.0), (10, 110.0), (16, 104.0), (32, 120.0))
    root = read(wave_chart(WaveChart("TEST", bars, wave)))
    [legs] = having(root, "legs")
    points = path_points(legs.get("d"))
    points = [point for place, point in enumerate(points) if place != 1]
    [closes] = having(root, "up")
    x = np.array([x for x, _ in points])
    y = np.array([y for _, y in points])
    step = (x[3] - x[0]) / 32.0
    assert x == pytest.approx(x[0] + step * np.array([0, 10, 16, 32]), abs=0.11)
    unit = (y[0] - y[3]) / np.log(1.2)
    assert y == pytest.approx(y[0] - unit * np.log(np.array([100.0, 110.0, 104.0, 120.0]) / 100.0), abs=0.11)
    assert closes.get("d")


def test_pivots_are_named_outside_the_bars():
    root = read(wave_chart(nested(200, 0)))
    [names] = having(root, "names")
    assert words_in(names) == ["0", "1", "2", "3", "4"]
    [legs] = having(root, "legs")
    points = [point for place, point in enumerate(path_points(legs.get("d"))) if place != 1]
    for number, (text, (x, y)) in enumerate(zip(names, points, strict=True)):
        assert float(text.get("x")) == pytest.approx(x, abs=0.11)
        assert (float(text.get("y")) > y) == (number % 2 == 0)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("impulse", "12345"),
        ("contracting_diagonal", "12345"),
        ("expanding_diagonal", "12345"),
        ("contracting_triangle", "ABCDE"),
        ("running_triangle", "ABCDE"),
        ("expanding_triangle", "ABCDE"),
        ("zigzag", "ABC"),
        ("regular_flat", "ABC"),
        ("expanded_flat", "ABC"),
        ("running_flat", "ABC"),
        ("double_zigzag", "WXY"),
        ("double_three", "WXY"),
    ],
)
def test_legs_have_the_names_of_their_class(name, names):
    assert leg_names(name) == tuple(names)
    assert name in CLASS_NAMES


def test_waves_inside_legs_are_nested_groups_and_hidden():
    chart = nested(504, 2)
    root = read(wave_chart(chart))
    [outer] = having(root, "depth-0")
    assert (outer.get("data-id"), outer.get("data-depth"), outer.get("display")) == ("root", "0", None)
    assert [leg.get("data-leg") for leg in outer if "leg" in (leg.get("class") or "").split()] == ["1", "2", "3", "4"]
    inner = having(outer, "depth-1")
    assert [each.get("data-id") for each in inner] == [child.pattern_id for child in chart.wave.children]
    assert len(having(root, "depth-2")) == sum(len(child.children) for child in chart.wave.children)
    for each in having(root, "child"):
        assert each.get("display") == "none"
        assert each.get("data-depth") in ("1", "2")
    for each, child in zip(inner, chart.wave.children, strict=True):
        deeper = [group.get("data-id") for group in having(each, "depth-2")]
        assert deeper == [grandchild.pattern_id for grandchild in child.children]
    assert having(outer, "leg")[0].find("title").text == "1: impulse"
    names = words_in(having(inner[0], "names")[-1])
    assert set(names) <= {"(i)", "(ii)", "(iii)", "(iv)", "(v)"}
    assert "(iii)" in names


def test_only_three_depths_are_drawn():
    root = read(wave_chart(nested(1500, 4)))
    assert having(root, "depth-3")
    assert not having(root, "depth-4")
    assert not [names for wave in having(root, "depth-3") for names in having(wave, "names")]


def test_no_words_lie_on_one_another_even_with_every_wave_shown():
    for chart in (nested(504, 3), nested(120, 2), nested(60, 1)):
        for width in (380, 760, 1200):
            assert_apart(wave_chart(chart, width=width))


def test_levels_are_dashed_lines_at_their_prices_with_words():
    chart = dataclasses.replace(nested(200, 0), channel=())
    root = read(wave_chart(chart))
    assert sorted(words for group in having(root, "target") for words in words_in(group)) == sorted(
        ["84.00", "84.40", "86.00", "\u2191300.00", *(target.words for target in chart.targets)]
    )
    [refuted] = having(root, "invalidation")
    assert words_in(refuted) == [f"{chart.invalidation:.2f}", "invalidation"]
    lines = {words_in(group)[0]: having(group, "line") for group in [*having(root, "target"), refuted]}
    assert lines["\u2191300.00"] == []
    [(_, first), (_, second)] = path_points(lines["84.00"][0].get("d"))
    assert first == second
    assert lines["84.00"][0].get("stroke-dasharray")
    assert lines["62.00"][0].get("stroke-dasharray") is None
    y = {price: path_points(line[0].get("d"))[0][1] for price, line in lines.items() if line}
    unit = (y["62.00"] - y["86.00"]) / np.log(86.0 / 62.0)
    assert y["84.00"] == pytest.approx(y["86.00"] + unit * np.log(86.0 / 84.0), abs=0.11)


def test_close_levels_are_written_apart_and_joined_to_their_lines():
    base = nested(200, 0)
    prices = [84.0, 84.01, 84.02, 84.03, 84.04]
    chart = dataclasses.replace(base, targets=tuple(Level(price, "near") for price in prices))
    svg = wave_chart(chart)
    assert np.diff(sorted(heights(svg, "target"))).min() >= 14.9
    assert_apart(svg)


def test_many_levels_still_fit():
    base = nested(200, 0)
    chart = dataclasses.replace(base, targets=tuple(Level(60.0 + place, "level") for place in range(18)))
    assert_inside(wave_chart(chart))


def test_a_setup_has_a_zone_to_come_and_its_last_close_and_a_confirmed_one_has_not():
    chart = nested(200, 0)
    root = read(wave_chart(chart))
    [zone] = having(root, "zone")
    width, _ = size(root)
    assert float(zone.get("x")) + float(zone.get("width")) < width
    assert words_in(having(root, "close")[0]) == [f"{chart.bars.close[-1]:.2f}"]
    assert having(root, "under-way")
    pivots = (*chart.wave.pivots, Pivot(chart.bars.sessions[-1], 80.0, "high"))
    confirmed = dataclasses.replace(chart.wave, status="confirmed", pivots=pivots)
    root = read(wave_chart(dataclasses.replace(chart, wave=confirmed)))
    assert not having(root, "zone")
    assert not having(root, "close")
    assert not having(root, "under-way")


def test_the_header_says_what_it_is():
    root = read(wave_chart(nested(200, 0)))
    assert [words.words for words in texts(root)][:3] == [
        "TEST",
        "Test Company",
        "Impulse, upward \u00b7 setup: wave 5 to come \u00b7 score 0.72",
    ]
    assert root.find("title").text == "TEST: Impulse, upward, setup: wave 5 to come"
    assert root.get("role") == "img"
    assert "pivots: 0 on 2014-01-16 at 50.00, 1 on" in root.find("desc").text
    assert "invalidation 62.00" in root.find("desc").text


@pytest.mark.parametrize(
    ("count", "kinds"), [(60, {"wicks", "up", "down"}), (350, {"ranges"}), (504, {"range", "closes"})]
)
def test_bars_are_candles_lines_or_a_band_by_the_room_they_have(count, kinds):
    bars = bars_of(walk(count))
    wave = zigzag_of(bars, (5, 50.0), (10, 60.0), (12, 55.0), (20, 65.0))
    [group] = having(read(wave_chart(WaveChart("TEST", bars, wave), width=760)), "bars")
    assert {path.get("class") for path in group} == kinds


def test_each_candle_is_drawn_once_and_missing_bars_not_at_all():
    close = walk(40)
    close[[3, 17]] = np.nan
    bars = bars_of(close)
    wave = zigzag_of(bars, (5, 50.0), (10, 60.0), (12, 55.0), (20, 65.0))
    root = read(wave_chart(WaveChart("TEST", bars, wave)))
    rising = int(np.nansum(bars.close >= bars.open))
    counts = {path.get("class"): path.get("d").count("M") for path in having(root, "bars")[0]}
    assert counts == {"wicks": 38, "up": rising, "down": 38 - rising}


def test_a_gap_breaks_the_band():
    close = walk(504)
    close[200:220] = np.nan
    wave = zigzag_of(bars_of(close), (5, 50.0), (10, 60.0), (12, 55.0), (20, 65.0))
    root = read(wave_chart(WaveChart("TEST", bars_of(close), wave)))
    assert having(root, "range")[0].get("d").count("z") == 2
    assert having(root, "closes")[0].get("d").count("M") == 2


def test_a_pivot_outside_the_bars_is_left_out_and_the_header_says_so():
    chart = nested(504, 2)
    later = slice(60, None)
    bars = Bars(*(getattr(chart.bars, name)[later] for name in ("sessions", "open", "high", "low", "close")))
    svg = wave_chart(dataclasses.replace(chart, bars=bars))
    assert_inside(svg)
    root = read(svg)
    assert words_in(having(having(root, "depth-0")[0], "names")[-1]) == ["1", "2", "3", "4"]
    assert "begins 2014-02-03, before the first bar" in " ".join(words.words for words in texts(root))


@pytest.mark.parametrize("price", [100.0, 0.0, -5.0, 1e12, 1e-9])
def test_flat_prices_of_any_size_are_drawn(price):
    bars = flat_bars(price)
    wave = zigzag_of(bars, (5, price), (10, price), (12, price))
    chart = WaveChart("TEST", bars, wave, targets=(Level(price, "same"),), invalidation=price)
    assert_inside(wave_chart(chart))
    assert_apart(wave_chart(chart))


def test_one_bar_no_bar_and_negative_prices_are_drawn():
    one = bars_of(walk(1))
    wave = Wave("impulse", -1, "setup", (Pivot(days(1)[0], 50.0, "high"), Pivot(days(2)[1], 40.0, "low")))
    assert_inside(wave_chart(WaveChart("TEST", one, wave)))
    none = flat_bars(np.nan)
    assert_inside(wave_chart(WaveChart("TEST", none, wave, targets=(Level(10.0, "x"),), invalidation=-3.0)))
    assert_inside(wave_chart(WaveChart("TEST", none, dataclasses.replace(wave, status="confirmed"))))
    below = bars_of(walk(50))
    below = Bars(below.sessions, below.open - 60.0, below.high - 60.0, below.low - 60.0, below.close - 60.0)
    wave = zigzag_of(below, (5, -10.0), (10, 5.0), (12, -3.0))
    assert_inside(wave_chart(WaveChart("TEST", below, wave, targets=(Level(8.0, "x"),), invalidation=-11.0)))


def test_a_hostile_name_is_escaped_and_shortened():
    name = "<script>alert('1')</script> & \"Sons\" " + "\u4e2d" * 300
    chart = dataclasses.replace(nested(120, 1), symbol="<b>&\"'", name=name)
    svg = wave_chart(chart)
    assert "<script" not in svg
    assert_inside(svg)
    root = read(svg)
    assert texts(root)[0].words == "<b>&\"'"
    assert texts(root)[1].words.startswith("<script>alert")
    assert texts(root)[1].words.endswith("\u2026")
    assert len(svg) < 30_000


def test_a_chart_of_504_bars_stays_below_40_kilobytes():
    assert len(wave_chart(nested(504, 2))) < 40_000
    bars = bars_of(walk(5000))
    wave = zigzag_of(bars, (5, 50.0), (1000, 60.0), (2000, 55.0), (4000, 65.0))
    assert len(wave_chart(WaveChart("TEST", bars, wave))) < 40_000


BARS = bars_of(walk(30))
PIVOTS = zigzag_of(BARS, (5, 50.0), (10, 60.0), (12, 55.0)).pivots


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wave_class": "spiral"}, "Wave.wave_class"),
        ({"status": "hoped"}, "Wave.status"),
        ({"direction": 0}, "Wave.status and Wave.direction"),
        ({"pivots": PIVOTS[:1]}, "Wave.pivots"),
        ({"pivots": (*PIVOTS, *PIVOTS)}, "Wave.pivots"),
        ({"pivots": PIVOTS[::-1]}, "Wave.pivots"),
        ({"pivots": (PIVOTS[0], PIVOTS[0])}, "Wave.pivots"),
        ({"pivots": (PIVOTS[0], PIVOTS[1]._replace(kind="middle"))}, "Wave.pivots"),
        ({"pivots": (PIVOTS[0], PIVOTS[1]._replace(price=1e13))}, "Wave.pivots, price"),
        ({"pivots": (PIVOTS[0], PIVOTS[1]._replace(session=np.datetime64("NaT", "D")))}, "Wave.pivots"),
        ({"children": (Wave("impulse", 1, "part", PIVOTS, leg=3),)}, "Wave.children"),
        ({"children": (Wave("impulse", 1, "part", PIVOTS),)}, "Wave.children"),
    ],
)
def test_a_wave_that_makes_no_sense_is_refused(changes, words):
    with pytest.raises(InvalidInputError, match=words):
        Wave(**{"wave_class": "zigzag", "direction": 1, "status": "setup", "pivots": PIVOTS} | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sessions": days(29)}, "Bars.open"),
        ({"sessions": days(30)[::-1]}, "Bars.sessions"),
        ({"sessions": list(days(30))}, "Bars.sessions"),
        ({"sessions": days(0)}, "Bars.sessions"),
        ({"high": np.ones((30, 1))}, "Bars.high"),
        ({"low": np.ones(30, np.float32)}, "Bars.low"),
        ({"close": [1.0] * 30}, "Bars.close"),
        ({"close": np.full(30, np.inf)}, "Bars.close"),
    ],
)
def test_bars_of_a_wrong_shape_are_refused(changes, words):
    with pytest.raises(InvalidInputError, match=words):
        dataclasses.replace(BARS, **changes)


@pytest.mark.parametrize(("width", "height"), [(100, 420), (760, 60), (5000, 420), (760, 5000)])
def test_a_size_that_no_chart_fits_in_is_refused(width, height):
    with pytest.raises(InvalidInputError, match="wave_chart"):
        wave_chart(nested(60, 0), width=width, height=height)


def test_levels_that_are_no_numbers_of_a_sensible_size_are_refused():
    chart = nested(60, 0)
    with pytest.raises(InvalidInputError, match=r"WaveChart\.targets"):
        dataclasses.replace(chart, targets=(Level(np.inf, "x"),))
    with pytest.raises(InvalidInputError, match=r"WaveChart\.invalidation"):
        dataclasses.replace(chart, invalidation=-np.inf)
    with pytest.raises(InvalidInputError, match=r"WaveChart\.channel"):
        dataclasses.replace(chart, channel=(chart.channel[0]._replace(slope=np.inf),))
    assert "target" not in wave_chart(dataclasses.replace(chart, targets=(Level(np.nan, "x"),))).split("</desc>")[1]
