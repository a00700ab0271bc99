"""What is put into the page stays words, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.report.filters import Choice, Least, Most, Search, filters
from resources.report.markup import Cell, Column, Html, facts, join, missing, none, paragraph, table, tag, text
from tests.page_checks import every, parsed, words_of
from tests.report_rows import HOSTILE


def page_with(body: Html) -> str:
    return f'<!DOCTYPE html><html lang="en"><head><title>t</title></head><body>{body}</body></html>'


@given(st.text(max_size=300))
def test_any_words_come_back_as_words(words) -> None:
    root = parsed(page_with(tag("p", words, title=words)))
    shown = " ".join("".join(each if each.isprintable() else " " for each in words).split())
    [found] = every(root, "p")
    assert words_of(found) == shown
    assert " ".join(found.get("title", "").split()) == shown
    assert len(list(found)) == 0


def test_words_are_escaped_once_and_html_is_not() -> None:
    assert text("a < b & c") == "a &lt; b &amp; c"
    assert text(text("a < b")) == "a &lt; b"
    assert tag("p", tag("b", "<i>")) == "<p><b>&lt;i&gt;</b></p>"
    assert join(["<", Html("<br>")], ", ") == "&lt;, <br>"


def test_attributes_that_are_none_or_false_are_left_out() -> None:
    made = tag("input", name="a", value=0, checked=True, disabled=False, class_=None, data_test="x")
    assert made == '<input name="a" value="0" checked data-test="x">'


def test_a_paragraph_has_spaces_between_its_sentences_and_none_for_those_left_out() -> None:
    assert paragraph("One.", "", "Two.") == "<p>One. Two.</p>"


def test_a_table_names_its_rows_and_columns_and_keeps_the_values_it_is_sorted_by() -> None:
    columns = (Column("Symbol"), Column("Score", number=True, falling=True, hint="high is good"))
    rows = [["<b>", Cell("> 100", 316.5)], [HOSTILE, "0.5"]]
    root = parsed(page_with(table("What & why", columns, rows, id_="t", sortable=True)))
    [made] = every(root, "table")
    assert [(each.get("scope"), words_of(each)) for each in every(made, "th")] == [
        ("col", "Symbol"),
        ("col", "Score"),
        ("row", "<b>"),
        ("row", words_of(every(parsed(page_with(tag("p", HOSTILE))), "p")[0])),
    ]
    assert [each.get("data-v") for each in every(made, "td")] == ["316.5", None]
    assert [each.get("data-falling") is not None for each in every(made, "th")][:2] == [False, True]
    [region] = [each for each in every(root, "div") if each.get("role") == "region"]
    assert words_of(every(made, "caption")[0]) == "What & why"
    assert region.get("aria-labelledby") == every(made, "caption")[0].get("id")
    assert region.get("tabindex") == "0"


def test_a_row_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        table("c", (Column("A"), Column("B")), [["only one"]], id_="t")


def test_a_remark_about_what_is_missing_names_the_command() -> None:
    root = parsed(page_with(missing("There is <nothing>.", 'run -t \'{"a": "b"}\'')))
    assert words_of(every(root, "p")[0]) == 'There is <nothing>. This makes it:run -t \'{"a": "b"}\''
    assert words_of(every(root, "code")[0]) == 'run -t \'{"a": "b"}\''
    assert every(parsed(page_with(missing("There is nothing."))), "code") == []
    assert every(parsed(page_with(none("None."))), "code") == []


def test_facts_are_a_list_of_descriptions() -> None:
    root = parsed(page_with(facts([("Model", "<x>"), ("Rows", tag("b", "3"))])))
    assert [words_of(each) for each in every(root, "dt")] == ["Model", "Rows"]
    assert [words_of(each) for each in every(root, "dd")] == ["<x>", "3"]


def test_every_control_has_a_label_and_the_form_is_hidden_until_a_script_shows_it() -> None:
    controls = (
        Search("Symbol", 0, 2),
        Choice("Sector", 3, ["<a>", "b"]),
        Least("Score", 4, "0.1"),
        Most("p", 5, "0.1"),
    )
    root = parsed(page_with(filters("t", "3 rows", controls)))
    [form] = every(root, "form")
    assert form.get("hidden") is not None
    assert form.get("data-table") == "t"
    boxes = every(form, "input") + every(form, "select")
    assert {box.get("id") for box in boxes} == {label.get("for") for label in every(form, "label")}
    assert sorted(box.get("data-test") for box in boxes) == ["has", "is", "least", "most"]
    assert [words_of(each) for each in every(form, "option")] == ["all", "<a>", "b"]
