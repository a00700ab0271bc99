"""Words of charts: safe for XML, short enough, and numbers that people can read."""

from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from resources.charts.words import (
    clean,
    coordinate,
    count_of,
    escaped,
    lines_of,
    number_words,
    percent_words,
    price_words,
    share_words,
    shortened,
    text_width,
)

ANYTHING = st.text(st.characters(codec=None), max_size=400)


@given(ANYTHING)
def test_any_words_are_xml_text_and_attribute_and_come_back_clean(words):
    root = ElementTree.fromstring(f'<a b="{escaped(words)}">{escaped(words)}</a>')  # noqa: S314
    assert (root.text or "") == clean(words)
    assert root.get("b") == clean(words)
    escaped(words).encode()


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("<script>", "<script>"),
        ("a\nb\t c", "a b c"),
        ("  AT&T  ", "AT&T"),
        ("a\x00b\x1b", "a b"),
        ("\ud800x", "x"),
        ("a\u202eb", "a b"),
        ("\u00a0Nestl\u00e9\u3000SA", "Nestl\u00e9 SA"),
    ],
)
def test_what_a_reader_cannot_see_becomes_a_space(words, kept):
    assert clean(words) == kept


def test_escaping_leaves_no_markup():
    assert escaped("<script>\"'&") == "&lt;script&gt;&quot;&#x27;&amp;"


@given(ANYTHING, st.floats(0.0, 400.0), st.booleans())
def test_shortened_words_fit_and_are_a_beginning(words, width, bold):
    short = shortened(words, width, 12.0, bold=bold)
    assert text_width(short, 12.0, bold=bold) <= width + 1e-9
    assert clean(words).startswith(short.removesuffix("\u2026"))
    assert short == clean(words) or short.endswith("\u2026") or short == ""


def test_words_that_fit_stay_whole():
    assert shortened("International Business Machines", 400.0, 12.0) == "International Business Machines"
    assert shortened("x" * 300, 100.0, 12.0).endswith("\u2026")
    assert len(shortened("i" * 5000, 1e6, 12.0)) <= 1001


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60), st.booleans())
def test_widths_are_at_least_those_of_dejavu_sans(words, bold):
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/{file}", 100)
    # Letter by letter: between a few, such as "-J", the font puts some hundredths more, between most others less.
    drawn = sum(map(font.getlength, words))
    # The table is in hundredths of the size, and one factor stands for all bold letters.
    assert text_width(words, 100.0, bold=bold) >= (0.9 if bold else 1.0) * drawn - 0.6 * len(words)


def test_facts_fill_one_line_before_the_next_and_the_last_is_shortened():
    assert lines_of(["a", "", "b"], 200.0, 12.0) == ["a \u00b7 b"]
    assert lines_of(["score 0.72", "p 0.012"], 80.0, 12.0) == ["score 0.72", "p 0.012"]
    lines = lines_of(["one long fact"] * 5, 120.0, 12.0)
    assert len(lines) == 2
    assert lines[1].endswith("\u2026")
    assert lines_of([], 100.0, 12.0) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [(12.0, "12"), (12.34, "12.3"), (-0.04, "0"), (-0.26, "-0.3"), (0.0, "0"), (1e6, "1000000")],
)
def test_coordinates_are_tenths(value, words):
    assert coordinate(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (124.43, "124.43"),
        (1234.5, "1,234.50"),
        (0.1234, "0.1234"),
        (-3.5, "\u22123.50"),
        (0.0, "0.00"),
        (2.5e6, "2.5M"),
        (3e9, "3B"),
        (-4.25e12, "\u22124.25T"),
        (0.00001234, "1.2e\u221205"),
    ],
)
def test_prices_in_words(value, words):
    assert price_words(value) == words


def test_other_numbers_in_words():
    assert number_words(1500.0, 0) == "1,500"
    assert [percent_words(value) for value in (0.052, -0.088, 0.0, 1.5)] == [
        "+5.2 %",
        "\u22128.8 %",
        "0.0 %",
        "+150.0 %",
    ]
    assert [share_words(value) for value in (0.72, 0.1, 0.012, 0.00034, 0.0, 1.0)] == [
        "0.72",
        "0.10",
        "0.012",
        "0.00034",
        "0.00",
        "1.00",
    ]
    assert [count_of(number, "session") for number in (1, 0, 1500)] == ["1 session", "0 sessions", "1,500 sessions"]
