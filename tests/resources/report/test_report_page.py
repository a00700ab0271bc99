"""The page as a whole: valid, accessible, the same for the same input, honest about what isn't there."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace

import pyarrow.compute as pc
import pytest

from resources.report import described, report_page
from resources.report.listed import FEWEST
from resources.report.page import SECTIONS, style
from tests.page_checks import check_page, every, parsed, words_of
from tests.report_rows import (
    HOSTILE,
    NAMES,
    SECTORS,
    SESSION,
    SYMBOLS,
    confirmed_row,
    given,
    pattern_rows,
    patterns_table,
    without_p_values,
)

IDS = [
    "how-sure",
    "top-patterns",
    "setups",
    "confirmed",
    "forecasts",
    "picks",
    "changes",
    "skill",
    "quarantine",
    "sources",
]
MOST_BYTES = 3_000_000
MOST_SCRIPT_BYTES = 10_000


@pytest.fixture(scope="module")
def page() -> str:
    return report_page(given())


@pytest.fixture(scope="module")
def root(page):
    return parsed(page)


def section(root, id_):
    [found] = [each for each in every(root, "section") if each.get("id") == id_]
    return found


def cells_of(root, table_id):
    [table] = [each for each in every(root, "table") if each.get("id") == table_id]
    return [[words_of(cell) for cell in row] for row in every(every(table, "tbody")[0], "tr")]


def test_the_page_is_valid_and_accessible(root) -> None:
    check_page(root)
    assert root.get("lang") == "en"


def test_the_sections_stand_in_order_and_the_navigation_leads_to_each(root) -> None:
    assert [each.get("id") for each in every(every(root, "main")[0], "section") if each.get("id")] == IDS
    assert [each.get("href") for each in every(every(root, "nav")[0], "a")] == [f"#{id_}" for id_ in IDS]
    assert len(SECTIONS) == len(IDS)


def test_equal_input_gives_equal_bytes(page) -> None:
    assert report_page(given()) == page


def test_the_order_of_the_patterns_in_the_table_changes_nothing(page) -> None:
    table = patterns_table(reversed(pattern_rows()))
    assert report_page(given(patterns=table)) == page


def test_the_page_holds_no_time_and_reaches_for_nothing(page) -> None:
    plain = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert re.findall(r"\d\d:\d\d", plain) == []
    assert re.findall(r"""(?:src|srcset|action|formaction|poster|data|xlink:href)\s*=\s*["'](?!#)""", plain) == []
    assert re.findall(r'href="(?!#)', plain) == []
    assert "url(" not in page
    assert "@import" not in style()
    assert "http://" not in page
    assert "https://" not in page


def test_the_policy_allows_its_own_scripts_and_no_network(page, root) -> None:
    [policy] = [each.get("content") for each in every(root, "meta") if each.get("http-equiv")]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts]
    assert rules["script-src"].split() == hashes
    assert set(rules) == {"default-src", "style-src", "script-src", "img-src", "base-uri", "form-action"}


def test_the_scripts_are_small_and_the_page_is_not_large(page) -> None:
    assert sum(len(each) for each in re.findall(r"<script>.*?</script>", page, flags=re.DOTALL)) < MOST_SCRIPT_BYTES
    assert len(page.encode()) < MOST_BYTES


def test_names_that_try_to_break_out_are_shown_as_words(page, root) -> None:
    assert len(every(root, "script")) == 2
    assert every(root, "img") == []
    assert "<script>alert" not in page
    picks = cells_of(root, "picks-table")
    shown = {row[0]: row[2] for row in picks}
    assert set(shown) == set(SYMBOLS)
    assert shown["DDD"] == NAMES["DDD"]
    assert shown["BBB"] == NAMES["BBB"]
    assert shown["CCC<b>"].startswith("<script>alert('x')</script> \"A&B\" \U0001f4a9 M\u00fcller-")
    assert shown["CCC<b>"].count("M\u00fcller-") == HOSTILE.count("M\u00fcller-")
    assert {row[-1] for name in ("setups", "confirmed") for row in cells_of(root, f"{name}-table")} == set(
        SECTORS.values()
    )
    assert cells_of(root, "quarantine-table")[0][-1] == 'open is <missing> & "gone"'
    assert all(each not in page for each in ("\u202e", "\u2028", "\x00", "\x1b"))


def test_every_top_pattern_has_its_charts_its_odds_and_its_breakdown(root) -> None:
    cards = [each for each in every(root, "article") if each.get("class") == "card"]
    assert len(cards) == 4 + 4
    svg = "{http://www.w3.org/2000/svg}svg"
    for card in cards:
        kinds = [each.get("class") for each in card.iter(svg)]
        assert kinds == ["chart wave-chart", "chart wave-chart", "chart breakdown-chart"]
        assert every(card, "h4")
    told = [words_of(every(card, "p")[0]) for card in cards]
    assert told[0] == "1 in 1,000 series without waves scores as well; expect 7 of 10 such finds to be chance."
    assert "Wave to come: 3 up; refuted at 100.00" in told[4]
    # The confirmed ones have a wave inside, and the choice to show it.
    assert [len(every(card, "fieldset")) for card in cards] == [1, 1, 1, 1, 0, 0, 0, 0]


def test_of_counts_on_the_same_turning_points_the_first_is_shown() -> None:
    rows = [confirmed_row("AAA", "worse", p_value=0.2), confirmed_row("AAA", "best", p_value=0.05)]
    root = parsed(report_page(given(patterns=patterns_table(rows))))
    cards = [each for each in every(root, "article") if each.get("class") == "card"]
    assert len(cards) == 1
    assert "1 in 20 " in words_of(cards[0])


def test_the_setups_are_listed_from_the_least_like_chance_on(root) -> None:
    rows = cells_of(root, "setups-table")
    assert len(rows) == 80
    values = [float(row[5]) for row in rows]
    assert values == sorted(values)
    assert rows[0] == [
        *("AAA", "impulse", "3", "up", "0.900", "0.00050", "0.90"),
        *("112.00", "130.00", "100.00", "0.00", "Energy"),
    ]
    assert [row[10] for row in rows if row[0] == "DDD"][:2] == ["\u2013", "4.90"]


@pytest.mark.parametrize(
    ("setups", "listed", "said"),
    [
        (150, 150, "All setups that stand."),
        (250, FEWEST, "Of 250 setups that stand, 100 have a p-value up to 0.05; listed are the 200 best."),
    ],
)
def test_setups_with_small_p_values_are_listed_but_at_least_so_many(setups, listed, said) -> None:
    root = parsed(report_page(given(patterns=patterns_table(pattern_rows(setups)))))
    assert len(cells_of(root, "setups-table")) == listed
    assert said in words_of(section(root, "setups"))


def test_all_setups_with_small_p_values_are_listed() -> None:
    rows = [row | {"p_value": min(row["p_value"], 0.04)} for row in pattern_rows(260)]
    rows += [row | {"pattern_id": f"x{row['pattern_id']}", "p_value": 0.5} for row in pattern_rows(20)]
    root = parsed(report_page(given(patterns=patterns_table(rows))))
    assert len(cells_of(root, "setups-table")) == 260
    assert "these 260 have a p-value up to 0.05" in words_of(section(root, "setups"))


def test_discoveries_are_counted_and_said_in_words() -> None:
    rows = [row | {"q_value": 0.05 if row["pattern_id"] in ("s000", "s001", "c0-2") else 0.9} for row in pattern_rows()]
    page = report_page(given(patterns=patterns_table(rows)))
    assert described(page)["discoveries"] == 2
    words = words_of(section(parsed(page), "how-sure"))
    assert "2 differ from chance at a false-discovery rate of 10 %" in words
    assert "No pattern and no setup differs" not in words


def test_the_tests_are_counted_beside_what_chance_gives(root) -> None:
    words = words_of(section(root, "how-sure"))
    # 4 symbols, windows of 63 sessions: two buckets of spans, two directions, 12 classes and 10 kinds of setups.
    assert "There were 352 tests: 192 of confirmed patterns and 160 of setups" in words
    rows = {row[0]: row[1:] for row in cells_of(root, "tests")}
    assert rows["p \u2264 0.05"] == ["8", "9.6", "4", "8.0"]


def test_a_page_says_of_itself_what_it_was_made_from(page) -> None:
    assert described(page[:4096]) == {
        "made_from": "0" * 64,
        "confirmed_patterns": 4,
        "setups": 80,
        "discoveries": 0,
        "missing": [],
    }


@pytest.mark.parametrize(
    "head", ["", "<html>", '<meta name="wavemill" content="nonsense">', '<meta name="wavemill" content="[1]">']
)
def test_another_file_says_nothing_of_itself(head) -> None:
    assert described(head) == {}


MISSING = {
    "patterns": ({"how-sure", "top-patterns", "setups", "confirmed", "changes"}, "daily_sp500", SESSION),
    "previous_patterns": ({"changes"}, "daily_sp500", "2018-02-06"),
    "nulls": ({"how-sure"}, "calibrate_null", "2018-01-01"),
    "windows": ({"how-sure"}, "calibrate_null", "2018-01-01"),
    "forecasts": ({"forecasts"}, "daily_sp500", SESSION),
    "simulations": ({"picks"}, "daily_sp500", SESSION),
    "picks": ({"forecasts", "picks"}, "daily_sp500", SESSION),
    "skill": ({"skill"}, "train_forecast_model", "2017"),
    "rates": ({"skill"}, "judge_patterns", "2016"),
}


@pytest.mark.parametrize("table", MISSING)
def test_where_a_table_is_missing_its_section_says_so_and_names_the_command(table) -> None:
    sections, job, partition = MISSING[table]
    page = report_page(given(**{table: None}))
    root = parsed(page)
    check_page(root)
    assert set(described(page)["missing"]) == sections
    commands = {words_of(each) for each in every(root, "code") if words_of(each).startswith("dagster")}
    assert commands == {
        f'dagster job execute -m definitions -j {job} --tags \'{{"dagster/partition": "{partition}"}}\''
    }
    for id_ in sections:
        assert any(each.get("class") == "missing" for each in every(section(root, id_), "p"))


def test_with_nothing_but_bars_the_page_is_still_valid() -> None:
    page = report_page(given(**dict.fromkeys(MISSING, None)))
    root = parsed(page)
    check_page(root)
    assert set(described(page)["missing"]) == set(IDS) - {"quarantine", "sources"}
    assert "No waves were searched for" in words_of(every(root, "main")[0])


def test_before_calibration_the_p_values_are_unknown_and_the_scores_order() -> None:
    whole = given()
    page = report_page(
        replace(
            whole,
            patterns=without_p_values(whole.patterns),
            previous_patterns=without_p_values(whole.previous_patterns),
        )
    )
    root = parsed(page)
    check_page(root)
    assert described(page)["missing"] == ["how-sure"]
    assert "p-values are unknown" in words_of(section(root, "how-sure"))
    assert "calibrate_null" in words_of(section(root, "how-sure"))
    rows = cells_of(root, "setups-table")
    assert {row[5] for row in rows} == {"\u2013"}
    scores = [float(row[4]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert "nothing tells them from chance" in words_of(every(root, "main")[0])


def test_a_session_in_which_nothing_was_found_says_so() -> None:
    whole = given()
    nothing = {
        name: getattr(whole, name).slice(0, 0) for name in ("patterns", "previous_patterns", "quarantine", "picks")
    }
    page = report_page(replace(whole, **nothing))
    root = parsed(page)
    check_page(root)
    assert set(described(page)["missing"]) == {"how-sure", "top-patterns", "setups", "confirmed", "forecasts", "picks"}
    assert "No bar was found faulty" in words_of(section(root, "quarantine"))
    assert words_of(section(root, "changes")).count("None.") == 4


def test_the_first_session_of_the_calendar_has_none_before_it() -> None:
    words = words_of(section(parsed(report_page(given(previous=None, previous_patterns=None))), "changes"))
    assert "first session of the calendar" in words


def test_a_symbol_without_a_forecast_or_a_bar_is_left_out_where_it_has_nothing_to_show() -> None:
    whole = given()
    others = whole.forecasts.filter(pc.not_equal(whole.forecasts["symbol"], "AAA"))
    nan = whole.panel.close.copy()
    nan[1, -1] = float("nan")
    root = parsed(report_page(replace(whole, forecasts=others, panel=replace(whole.panel, close=nan))))
    check_page(root)
    assert len([each for each in every(root, "article") if each.get("class") == "fan"]) == 3
    closes = {row[0]: row[7] for row in cells_of(root, "setups-table")}
    assert closes["BBB"] == "\u2013"
    assert closes["AAA"] == "112.00"


def test_the_description_is_safe_in_an_attribute() -> None:
    page = report_page(given(made_from='"><script>'))
    assert described(page)["made_from"] == '"><script>'
    content = page.partition('<meta name="wavemill" content="')[2].partition('"')[0]
    assert json.loads(html.unescape(content))["made_from"] == '"><script>'
