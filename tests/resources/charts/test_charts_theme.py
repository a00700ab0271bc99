"""Colours follow the page; a file of its own has them filled in."""

from __future__ import annotations

import re

import pytest

from kernels.errors import InvalidInputError
from resources.charts import WaveChart, page_style, standalone, wave_chart
from resources.charts.theme import COLOURS, SERIES, paint
from tests.resources.charts.drawn import assert_inside, read
from tests.resources.charts.samples import nested

HOSTILE = 'var(--ink,#1b2027) "var(--ink,#1b2027)" </desc>'


def test_a_chart_for_a_page_has_no_colour_but_custom_properties():
    svg = wave_chart(nested())
    assert "xmlns" not in svg
    assert set(re.findall(r"#[0-9a-f]{6}", re.sub(r"var\(--[a-z0-9-]+,#[0-9a-f]{6}\)", "", svg))) == set()
    used = {name for name, _ in re.findall(r"var\(--([a-z0-9-]+),(#[0-9a-f]{6})\)", svg)}
    assert {"ink", "paper", "muted", "grid", "zone", "bar", "wave", "wave-1", "wave-2", "target"} <= used
    assert used <= set(COLOURS)


@pytest.mark.parametrize(("theme", "column"), [("light", 0), ("dark", 1)])
def test_a_file_of_its_own_has_the_colours_of_its_theme_on_its_paper(theme, column):
    svg = standalone(wave_chart(nested()), theme)
    assert "var(" not in svg
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) <= {colours[column] for colours in COLOURS.values()}
    root = read(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    paper = next(element for element in root if element.tag.endswith("rect"))
    assert (paper.get("fill"), paper.get("width")) == (COLOURS["paper"][column], "100%")
    assert [element.tag.split("}")[1] for element in root][:3] == ["title", "desc", "rect"]
    assert_inside(svg)


def test_what_stands_alone_comes_back_as_it_is():
    svg = standalone(wave_chart(nested()), "dark")
    assert standalone(svg) == svg


def test_words_that_look_like_colours_or_markup_stay_words():
    sample = nested(60, 1)
    chart = WaveChart(HOSTILE, sample.bars, sample.wave, HOSTILE, (HOSTILE,))
    root = read(standalone(wave_chart(chart, width=2000), "dark"))
    assert HOSTILE in [element.text for element in root.iter() if element.text]


@pytest.mark.parametrize("svg", ["", "<svg>", "<html>", "chart"])
def test_only_charts_stand_alone(svg):
    with pytest.raises(InvalidInputError, match="standalone, svg"):
        standalone(svg)


def test_there_are_two_themes():
    with pytest.raises(InvalidInputError, match="standalone, theme"):
        standalone(wave_chart(nested()), "sepia")


def test_the_page_style_sets_every_colour_twice_and_hides_children():
    style = page_style()
    for name, (light, dark) in COLOURS.items():
        assert style.count(f"--{name}:{light};") >= 1
        assert style.index(f"--{name}:{dark};", style.index("@media")) > 0
        assert paint(name) == f"var(--{name},{light})"
    assert ".chart .child{display:none}" in style
    assert style.count("{") == style.count("}")


def test_the_page_chooses_a_theme_by_an_attribute_and_paper_is_light():
    style = page_style()
    for theme, column in (("light", 0), ("dark", 1)):
        [chosen] = re.findall(rf":root\[data-theme={theme}\]\{{(.*?)\}}", style)
        assert chosen.startswith(f"color-scheme:{theme};")
        assert chosen.count("--") == len(COLOURS)
        assert all(f"--{name}:{colours[column]};" in chosen for name, colours in COLOURS.items())
    # Rules that weigh as much as each other: the last one holds.
    assert style.index("prefers-color-scheme") < style.index("data-theme") < style.index("@media print")
    assert f"--paper:{COLOURS['paper'][0]};" in style[style.index("@media print") :]


def _luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255.0 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("column", [0, 1])
def test_words_in_every_colour_can_be_read_on_the_paper(column):
    paper = _luminance(COLOURS["paper"][column])
    for name in ("ink", "muted", "wave", "wave-1", "wave-2", "target", "invalidation", *SERIES):
        high, low = sorted([_luminance(COLOURS[name][column]), paper], reverse=True)
        # The contrast that the Web Content Accessibility Guidelines ask for.
        assert (high + 0.05) / (low + 0.05) >= 4.5, name
