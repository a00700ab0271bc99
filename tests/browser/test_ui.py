"""The Dagster UI in a real browser: the asset graph, the metadata of a partition, and the result of a check.

A small lake is filled by the real command line, the real web server serves it, and headless Chromium renders the pages.
"""

import html
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.chromium import CHROMIUM, chromium
from tests.dagster_ui import click, execute_job, instance, open_picture, served, wait_until
from tests.small_market import small_bars, write_prices

ASSETS = ("universe", "prices", "quarantine", "windows", "patterns", "forecasts", "simulations", "picks")
# 90 sessions: more than the shortest window.
FIRST, LAST = date(2017, 9, 29), date(2018, 2, 7)
# Virtual milliseconds that a page gets to load its data; a slow machine gets more at the next try.
BUDGETS = (10_000, 20_000, 40_000)

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


def rendered_text(address: str, profile: Path, budget: int) -> str:
    """The text of a page as Chromium shows it after its scripts ran."""
    switches = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        # Small windows show the graph's nodes without their details.
        "--window-size=4800,2400",
        f"--user-data-dir={profile}",
        f"--virtual-time-budget={budget}",
    ]
    done = subprocess.run(
        [str(CHROMIUM), *switches, "--dump-dom", address], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", done.stdout.partition("<body")[2], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def assert_page_shows(address: str, profile: Path, *wanted: str) -> None:
    """Each of `wanted`, a regular expression, matches the text of the page."""
    for budget in BUDGETS:
        text = rendered_text(address, profile, budget)
        missing = [words for words in wanted if not re.search(words, text)]
        if not missing:
            return
    pytest.fail(f"{address} doesn't show {missing}; it shows: {text[:5000]}")


def test_the_graph_shows_every_asset_with_its_partitions(ui, tmp_path):
    groups = "%2C".join(f"global%40global%3A{group}" for group in ("market", "waves", "forecasts"))
    nodes = [rf"\b{asset} Latest event .*? [\d,]+ partitions" for asset in ASSETS]
    assert_page_shows(f"{ui}/asset-groups?expanded={groups}", tmp_path, *nodes)


def test_a_partition_of_patterns_shows_its_metadata(ui, tmp_path):
    assert_page_shows(
        f"{ui}/assets/patterns?view=partitions&partition={LAST}",
        tmp_path,
        rf"{LAST} Materialized",
        r"dagster/partition_row_count \d+ ",
        rf"dagster/uri \S+/patterns/{LAST}\.parquet",
        r"backend cpu backend_reason \w+",
        rf"preview Show schema session symbol pattern_id .* {LAST} [A-Z]+ [0-9a-f]{{16}} impulse",
    )


def test_a_check_shows_the_bad_bar_that_it_found(ui, tmp_path):
    assert_page_shows(
        f"{ui}/assets/quarantine?view=checks&checkDetail=positive_prices",
        tmp_path,
        rf"Latest execution [A-Z]+ {LAST}: open, high, low or close is missing from the bar",
        r"Evaluation result Failed",
        rf"Partition {LAST}",
        r"Metadata bars 1 ",
    )


def test_a_check_that_passed_says_so(ui, tmp_path):
    assert_page_shows(
        f"{ui}/assets/patterns?view=checks",
        tmp_path,
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
def test_the_pictures_of_a_session_are_shown_without_an_error(ui, tmp_path, asset, entry, count):
    with chromium(tmp_path) as page:
        open_picture(page, ui, asset, str(LAST), entry)
        shown = page.value("[...document.images].map(image => [image.naturalWidth, image.width, image.alt])")
        assert len(shown) == count
        for pixels, width, words in shown:
            assert (pixels, width) == (900, 900)
            assert len(words) > 10
        assert page.problems == []


def test_the_numbers_of_the_sessions_are_plotted(ui, tmp_path):
    with chromium(tmp_path) as page:
        page.open(f"{ui}/assets/patterns?view=overview")
        click(page, "Plots")
        # Only the newest partitions of all are plotted by partition, and these sessions lie years back.
        click(page, "Events")
        wait_until(page, "document.querySelectorAll('canvas').length > 5")
        text = page.value("document.body.innerText")
        for name in ("confirmed_patterns", "setups", "discoveries", "filter_recall", "seconds_per_session"):
            assert re.search(rf"^{name}$", text, re.MULTILINE)
        assert page.problems == []
