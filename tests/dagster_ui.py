"""A Dagster instance of its own: jobs by the real command line, and the real web server over what they made."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.chromium import Page

SECONDS = 60.0
ROOT = Path(__file__).resolve().parent.parent


def instance(home: Path, prices: Path) -> dict[str, str]:
    """The environment of an instance in the folder `home`, with a lake of its own and bars out of a price file."""
    shutil.copy(ROOT / "dagster.yaml", home)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("WAVEMILL_", "DAGSTER_"))}
    return own | {
        "DAGSTER_HOME": str(home),
        "WAVEMILL_PRICE_SOURCE": "files",
        "WAVEMILL_PRICES_PATH": str(prices),
        "WAVEMILL_LAKE": str(home / "lake"),
    }


def execute_job(job: str, environment: Mapping[str, str], first: str, last: str | None = None) -> None:
    """Run a job over a partition or a range of partitions; what it logs is shown if it fails."""
    tags = (
        {"dagster/partition": first}
        if last is None
        else {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    )
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "definitions", "-j", job]
    done = subprocess.run(
        [*command, "--tags", json.dumps(tags)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@contextmanager
def served(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a web server, which ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", home / "server.log"
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as server,
    ):
        try:
            _wait_until_served(address, server, log)
            yield address
        finally:
            _stop(server)


def _wait_until_served(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    raise AssertionError(f"the web server didn't start:\n{log.read_text()}")


def _stop(process: subprocess.Popen) -> None:
    """End the server and the code server under it; they share a process group of their own."""
    # The group is gone if the server couldn't start.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression holds in the page; the UI draws when its data have come."""
    end = time.monotonic() + SECONDS
    while not page.value(f"Boolean({expression})"):
        assert time.monotonic() < end, f"after {SECONDS:.0f} seconds there is still no {expression}"
        time.sleep(0.1)


def click(page: Page, kind: str, words: str, *, row: str = "") -> None:
    """Click the first element of a kind, "a" or "button", with these words, once it is there.

    `row`: what the table row begins with that it is in; "" for anywhere.
    """
    rows = f"[...document.querySelectorAll('tr')].filter(each => each.innerText.startsWith({json.dumps(row)}))"
    found = (
        f"{rows if row else '[document]'}.flatMap(each => [...each.querySelectorAll('{kind}')])"
        f".find(each => each.innerText.trim() === {json.dumps(words)})"
    )
    wait_until(page, found)
    page.value(f"{found}.click()")


def open_picture(page: Page, address: str, asset: str, partition: str, entry: str) -> None:
    """Open a partition of an asset, and there the pictures in an entry of its metadata."""
    page.open(f"{address}/assets/{asset}?view=partitions&partition={partition}", 1280, 800)
    click(page, "a", "[Show Markdown]", row=entry)
    wait_until(page, "document.images.length && [...document.images].every(each => each.naturalWidth)")
