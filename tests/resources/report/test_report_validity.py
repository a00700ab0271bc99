"""The checks of a page fail where a page is broken: else that they pass would say nothing."""

import pytest

from resources.report import report_page
from tests.page_checks import check_page, parsed
from tests.report_rows import given, pattern_rows, patterns_table

BREAKS = {
    "an end tag is missing": ("</section>", ""),
    "an end tag too many": ("</main>", "</div></main>"),
    "an attribute twice": ('id="theme"', 'id="theme" id="theme"'),
    "a bare <": ("No advice.", "No < 3 advice."),
    "no doctype": ("<!DOCTYPE html>", ""),
    "a block in a heading": ("<h1>", "<h1><div></div>"),
    "a block in a span": ("</h1>", "</h1><span><ul></ul></span>"),
    "a list of paragraphs": ("<li>", "<p></p><li>"),
    "a button in a link": ('class="skip">', 'class="skip"><button></button>'),
    "one id twice": ('id="top-patterns-title"', 'id="how-sure-title"'),
    "a link to nowhere": ('href="#setups"', 'href="#nowhere"'),
    "a label of nothing": ('for="setups-table-0"', 'for="nothing"'),
    "a control without a label": ('<label for="setups-table-0">Symbol</label>', ""),
    "a second first heading": ("<h2", "<h1>Again</h1><h2"),
    "a heading too deep": ("<h2", "<h4>Deep</h4><h2"),
    "a table without a caption": ("<caption", "<b"),
    "a row too short": ('<th scope="row">AAA</th>', ""),
    "a heading of nothing": ('<th scope="col">', "<th>"),
    "no landmark": ("footer>", "div>"),
}


@pytest.fixture(scope="module")
def page() -> str:
    """A small one, for it is read again and again."""
    rows = [row for row in pattern_rows(1) if row["status"] == "setup"]
    none = dict.fromkeys(("forecasts", "picks", "skill", "rates", "nulls"), None)
    page = report_page(given(patterns=patterns_table(rows), **none))
    check_page(parsed(page))
    return page


def broken(page: str) -> bool:
    try:
        check_page(parsed(page))
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_page_is_found(page, what) -> None:
    whole, instead = BREAKS[what]
    assert whole in page
    assert broken(page.replace(whole, instead) if whole == "footer>" else page.replace(whole, instead, 1))
