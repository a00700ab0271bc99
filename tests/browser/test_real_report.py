"""The report of real prices in a real browser: a few symbols through the whole chain."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from resources.calendar import ALL_SESSIONS, session_number
from resources.wiring import ScanSettingsResource, WaveScorerResource
from tests.chromium import CHROMIUM, chromium
from tests.daily_chain import run
from tests.forecast_runs import materialize
from tests.page_checks import check_page, every, parsed, words_of

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SYMBOLS = ("AAPL", "AMD", "BA", "DUK", "GE", "JPM", "KO", "PLD", "T", "XOM")
LAST, BARS = date(2018, 2, 7), 130
CHAIN = ["windows", "patterns", "forecasts", "simulations", "picks", "daily_report"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.shared,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real prices: {DATA} isn't there"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The page of 2018-02-07, after that of the session before."""
    here = tmp_path_factory.mktemp("real")
    first, before = (ALL_SESSIONS[session_number(LAST) - back].item() for back in (BARS - 1, 1))
    bars = pd.read_parquet(DATA / "sp500_daily.parquet")
    chosen = bars["symbol"].isin(SYMBOLS) & (pd.to_datetime(bars["date"]) >= pd.Timestamp(first))
    (here / "prices").mkdir()
    bars[chosen].to_parquet(here / "prices/prices.parquet", index=False)
    companies = pd.read_csv(DATA / "constituents.csv")
    companies[companies.iloc[:, 0].isin(SYMBOLS)].to_csv(here / "prices/constituents.csv", index=False)
    lake = here / "lake"
    run("price_history", lake, here / "prices/prices.parquet", str(first), str(LAST))
    scan = {"scan_settings": ScanSettingsResource(lengths=[63], recall_sample=0)}
    scorer = {"wave_scorer": WaveScorerResource(backend="cpu")}
    materialize("null_distributions", lake, "2018-01-01", config={"surrogates": 4, "bins": 200}, **scan, **scorer)
    materialize(CHAIN, lake, str(before), str(LAST), **scan, **scorer)
    return lake / "daily_report" / f"{LAST}.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def test_the_page_is_valid_and_tells_of_the_session_and_the_one_before(report) -> None:
    root = parsed(report.read_text())
    check_page(root)
    words = words_of(every(root, "main")[0])
    assert "Wednesday, 7 February 2018" in words
    assert "10 members hold" in words
    assert "of 10 closes lie in their 90 % interval" in words
    assert "10 of 10 members have a bar" in words
    for name in ("Apple Inc.", "Exxon Mobil Corp."):
        assert name in words


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_it_opens_without_complaint_with_all_its_charts_and_no_wider_than_the_screen(
    page, report, width, scheme
) -> None:
    page.media(color_scheme=scheme)
    page.open(report.as_uri(), width=width, mobile=width < 700)
    assert page.problems == []
    assert page.requests == [report.as_uri()]
    drawn = page.value(
        "Object.fromEntries(['wave', 'fan', 'breakdown'].map((kind) => "
        "[kind, document.querySelectorAll(`svg.${kind}-chart`).length]))"
    )
    assert drawn["wave"] >= 2 * drawn["breakdown"] >= 40
    assert drawn["fan"] == len(SYMBOLS)
    assert page.value("document.documentElement.scrollWidth") == width
    dark = page.value("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")


def test_its_tables_are_searched_filtered_and_sorted(page, report) -> None:
    page.media(color_scheme="light")
    page.open(report.as_uri())
    rows = (
        "(id, at) => [...document.querySelectorAll(`#${id} tbody tr`)].filter(row => !row.hidden)"
        ".map(row => row.cells[at].textContent)"
    )
    fill = (
        "(id, at, value) => { const box = document.getElementById(`${id}-${at}`); box.value = value;"
        "box.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    page.value(f"window.rows = {rows}; window.fill = {fill}; 0")
    for table, classes, directions in (("setups", 1, 3), ("confirmed", 1, 2)):
        found = page.value(f"[...new Set(rows('{table}-table', 0))]")
        assert set(found) <= set(SYMBOLS)
        page.value(f"fill('{table}-table', 0, 'aapl')")
        assert set(page.value(f"rows('{table}-table', 0)")) == {"AAPL"}
        page.value(f"fill('{table}-table', 0, '')")
        for control, column in ((1, classes), (2, directions), (3, {"setups": 11, "confirmed": 10}[table])):
            chosen = page.value(f"document.getElementById('{table}-table-{control}').options[1].textContent")
            page.value(f"fill('{table}-table', {control}, {chosen!r})")
            assert set(page.value(f"rows('{table}-table', {column})")) == {chosen}
            page.value(f"fill('{table}-table', {control}, '')")
        score = {"setups": 4, "confirmed": 3}[table]
        every_score = sorted(map(float, page.value(f"rows('{table}-table', {score})")))
        page.value(f"fill('{table}-table', 4, '{every_score[-1]}')")
        assert min(map(float, page.value(f"rows('{table}-table', {score})"))) == every_score[-1]
        page.value(f"fill('{table}-table', 4, '')")
        page.value(f"document.querySelectorAll('#{table}-table thead button')[{score}].click()")
        sorted_scores = [float(each) for each in page.value(f"rows('{table}-table', {score})")]
        assert sorted_scores == sorted(sorted_scores, reverse=True)
    assert page.problems == []
