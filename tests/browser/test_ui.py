"""The Dagster UI in a real browser: the asset graph, the metadata of a partition, and the result of a check.

A small lake is filled by the real command line, the real web server serves it, and headless Chromium renders the pages.
"""

import contextlib
import html
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.small_market import small_bars, write_prices

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ASSETS = ("universe", "prices", "quarantine", "windows", "patterns", "forecasts", "simulations", "picks")
# 90 sessions: more than the shortest window.
FIRST, LAST = date(2017, 9, 29), date(2018, 2, 7)
# Virtual milliseconds that a page gets to load its data; a slow machine gets more at the next try.
BUDGETS = (10_000, 20_000, 40_000)

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


def dagster_environment(home: Path, prices: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("WAVEMILL_", "DAGSTER_"))}
    return own | {
        "DAGSTER_HOME": str(home),
        "WAVEMILL_PRICE_SOURCE": "files",
        "WAVEMILL_PRICES_PATH": str(prices),
        "WAVEMILL_LAKE": str(home / "lake"),
    }


def execute_job(job: str, tags: dict[str, str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "definitions", "-j", job]
    done = subprocess.run(
        [*command, "--tags", json.dumps(tags)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def wait_until_served(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    pytest.fail(f"the web server didn't start:\n{log.read_text()}")


def stop(process: subprocess.Popen) -> None:
    """End the server and the code server under it; they share a process group of their own."""
    # The group is gone if the server couldn't start.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def ui(tmp_path_factory) -> Iterator[str]:
    """The address of a web server over a lake of 8 symbols and 90 sessions; one open is missing on the last."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(ROOT / "dagster.yaml", home)
    bars = small_bars(8, FIRST, LAST)
    first_row = bars.index[bars["date"] == pd.Timestamp(LAST)][0]
    bars.loc[first_row, "open"] = np.nan
    environment = dagster_environment(home, write_prices(bars, home / "prices"))
    execute_job(
        "price_history",
        {"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(LAST)},
        environment,
    )
    execute_job("daily_sp500", {"dagster/partition": str(LAST)}, environment)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "server.log"
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as server,
    ):
        try:
            wait_until_served(f"http://127.0.0.1:{port}", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(server)


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
