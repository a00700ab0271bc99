"""The Dagster UI in a real browser: the asset graph, the metadata of a partition, and the result of a check.

A small lake is filled by the real command line, the real web server serves it, and headless Chromium renders the pages.
"""

import re
import time
from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.chromium import CHROMIUM, Page, chromium
from tests.dagster_ui import SECONDS, click, execute_job, instance, open_picture, served, wait_until
from tests.small_market import small_bars, write_prices

ASSETS = (
    "universe",
    "prices",
    "quarantine",
    "windows",
    "patterns",
    "forecasts",
    "simulations",
    "picks",
    "daily_report",
)
# 90 sessions: more than the shortest window.
FIRST, LAST = date(2017, 9, 29), date(2018, 2, 7)

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


@pytest.fixture(scope="module")
def ui(tmp_path_factory) -> Iterator[str]:
    """The address of a web server over a lake of 8 symbols and 90 sessions; one open is missing on the last."""
    home = tmp_path_factory.mktemp("dagster")
    bars = small_bars(8, FIRST, LAST)
    first_row = bars.index[bars["date"] == pd.Timestamp(LAST)][0]
    bars.loc[first_row, "open"] = np.nan
    environment = instance(home, write_prices(bars, home / "prices"))
    execute_job("price_history", environment, str(FIRST), str(LAST))
    execute_job("daily_sp500", environment, str(LAST))
    with served(home, environment) as address:
        yield address


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def assert_page_shows(page: Page, address: str, *wanted: str, width: int = 1400, height: int = 1000) -> None:
    """Each of `wanted`, a regular expression, comes to match the text of the page."""
    page.open(address, width, height)
    end = time.monotonic() + SECONDS
    while True:
        text = " ".join(page.value("document.body.innerText").split())
        missing = [words for words in wanted if not re.search(words, text)]
        if not missing:
            break
        assert time.monotonic() < end, f"{address} doesn't show {missing}; it shows: {text[:5000]}"
        time.sleep(0.2)
    assert page.problems == []


def test_the_graph_shows_every_asset_with_its_partitions(ui, page):
    groups = "%2C".join(f"global%40global%3A{group}" for group in ("market", "waves", "forecasts", "report"))
    nodes = [rf"\b{asset} Latest event .*? [\d,]+ partitions" for asset in ASSETS]
    # Small windows show the graph's nodes without their details.
    assert_page_shows(page, f"{ui}/asset-groups?expanded={groups}", *nodes, width=6400, height=3200)


def test_a_partition_of_patterns_shows_its_metadata(ui, page):
    assert_page_shows(
        page,
        f"{ui}/assets/patterns?view=partitions&partition={LAST}",
        rf"{LAST} Materialized",
        r"dagster/partition_row_count \d+ ",
        rf"dagster/uri \S+/patterns/{LAST}\.parquet",
        r"backend cpu backend_reason \w+",
        rf"preview Show schema session symbol pattern_id .* {LAST} [A-Z]+ [0-9a-f]{{16}} impulse",
    )


def test_a_check_shows_the_bad_bar_that_it_found(ui, page):
    assert_page_shows(
        page,
        f"{ui}/assets/quarantine?view=checks&checkDetail=positive_prices",
        rf"Latest execution [A-Z]+ {LAST}: open, high, low or close is missing from the bar",
        r"Evaluation result Failed",
        rf"Partition {LAST}",
        r"Metadata bars 1 ",
    )


def test_a_check_that_passed_says_so(ui, page):
    assert_page_shows(
        page,
        f"{ui}/assets/patterns?view=checks&checkDetail=score_range",
        r"This is a blocking asset check",
        r"all \d+ scores lie in \[0, 1\] Evaluation result Passed",
    )


@pytest.mark.parametrize(
    ("asset", "entry", "count"),
    [
        ("patterns", "least_like_chance", 4),
        ("forecasts", "largest_expected_moves", 2),
        ("simulations", "best_deflated_sharpe", 1),
    ],
)
def test_the_pictures_of_a_session_are_shown_without_an_error(ui, page, asset, entry, count):
    open_picture(page, ui, asset, str(LAST), entry)
    shown = page.value("[...document.images].map(image => [image.naturalWidth, image.width, image.alt])")
    assert len(shown) == count
    for pixels, width, words in shown:
        assert (pixels, width) == (900, 900)
        assert len(words) > 10
    assert page.problems == []


def test_the_numbers_of_the_sessions_are_plotted(ui, page):
    page.open(f"{ui}/assets/patterns?view=overview")
    click(page, "button", "Plots")
    # Only the newest partitions of all are plotted by partition, and these sessions lie years back.
    click(page, "button", "Events")
    wait_until(page, "document.querySelectorAll('canvas').length > 5")
    text = page.value("document.body.innerText")
    for name in ("confirmed_patterns", "setups", "discoveries", "filter_recall", "seconds_per_session"):
        assert re.search(rf"^{name}$", text, re.MULTILINE)
    assert page.problems == []
