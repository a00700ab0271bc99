"""Make the screenshots of the docs again: pages over a few symbols of the simulated market, as small PNGs.

Run from the project root: `python -m benchmarks.screenshots [NAME ...] [--to FOLDER]`; without names all are made. It
needs Chromium, and runs the real jobs and the real web server on a lake of its own, in a few minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image

from kernels.market import instruments
from tests.chromium import CHROMIUM, Page, chromium
from tests.dagster_ui import execute_job, instance, open_picture, served
from tests.small_market import SEED, small_bars, write_prices

FOLDER = Path("docs") / "images"
SYMBOLS = 40
# The longest window, and the sessions that are traded before the newest one.
FIRST, BEFORE, LAST, QUARTER = date(2024, 4, 1), date(2026, 9, 29), date(2026, 9, 30), "2026-07-01"
COLOURS, MOST_BYTES = 256, 150_000
SCREEN, TELEPHONE = (1280, 800), (390, 844)
"""Width and height of the windows, and so of the pictures, in pixels."""


@dataclass(frozen=True)
class Market:
    """What is photographed.

    Attributes:
        address: of the web server.
        lake: folder of the tables, and of the reports.
    """

    address: str
    lake: Path


def ui_patterns(page: Page, market: Market, path: Path) -> None:
    """The patterns least like chance, in the metadata of a session."""
    open_picture(page, market.address, "patterns", str(LAST), "least_like_chance")
    page.picture(path)


def report(page: Page, market: Market, path: Path, *, scheme: str = "light", telephone: bool = False) -> None:
    """What a person sees first of the report of a session."""
    width, height = TELEPHONE if telephone else SCREEN
    page.media(color_scheme=scheme)
    page.open((market.lake / "daily_report" / f"{LAST}.html").as_uri(), width, height, mobile=telephone)
    page.picture(path)
    page.media()


SHOTS: dict[str, Callable[[Page, Market, Path], None]] = {
    "ui-patterns": ui_patterns,
    "report-light": report,
    "report-dark": partial(report, scheme="dark"),
    "report-phone": partial(report, telephone=True),
}
"""Name of the file without its suffix -> what opens the page and writes the picture."""


def main() -> int:
    """Make the lake, take the pictures, and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHOTS)}")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder of the pictures")
    arguments = parser.parse_args()
    names = arguments.names or list(SHOTS)
    unknown = sorted(set(names) - set(SHOTS))
    if unknown or CHROMIUM is None:
        print(f"no such picture: {', '.join(unknown)}" if unknown else "no Chromium is installed", file=sys.stderr)
        return 1
    arguments.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "dagster"
        home.mkdir()
        environment = instance(home, market_file(home / "prices"))
        for job, *partitions in (
            ("price_history", str(FIRST), str(LAST)),
            ("calibrate_null", QUARTER),
            ("daily_sp500", str(BEFORE), str(LAST)),
        ):
            print(f"{job} ...", flush=True)
            execute_job(job, environment, *partitions)
        with served(home, environment) as address, chromium(Path(folder) / "browser") as page:
            market = Market(address, home / "lake")
            for name in names:
                path = arguments.to / f"{name}.png"
                SHOTS[name](page, market, path)
                print(f"{path}: {shrunk(path):,} bytes")
    return 0


def market_file(folder: Path) -> Path:
    """Write the bars and the companies of the market; returns the file of the bars."""
    prices = write_prices(small_bars(SYMBOLS, FIRST, LAST), folder)
    drawn = instruments(SEED, SYMBOLS)
    companies = pd.DataFrame({"symbol": drawn.symbols, "name": drawn.names, "sector": drawn.sectors})
    companies.to_csv(folder / "constituents.csv", index=False)
    return prices


def shrunk(path: Path) -> int:
    """Write a picture again with few colours; returns its bytes.

    Raises:
        ValueError: it is still too large to be in the repository.
    """
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{path} has {size:,} bytes; at most {MOST_BYTES:,} may be in the repository: show less")
    return size


if __name__ == "__main__":
    sys.exit(main())
