"""The commands of docs/significance.md and docs/what-followed.md, run as they are written, on a lake of two years."""

import os
import re
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from resources.calendar import sessions
from resources.parquet_lake import ParquetLake
from tests.forecast_runs import materialize
from tests.market_lake import fill_lake
from tests.small_market import small_bars, write_prices

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SYMBOLS, FIRST, LAST = 12, date(2015, 12, 14), date(2018, 2, 7)
DECEMBER = [str(day) for day in sessions(date(2017, 12, 18), date(2017, 12, 29))]
CONFIG = "my_null.yaml"


def blocks(guide: str, language: str) -> list[str]:
    text = (ROOT / "docs" / guide).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a filled lake, the patterns of two weeks of 2017, and the guide's run config."""
    here = tmp_path_factory.mktemp("significance")
    fill_lake(here / "lake", SYMBOLS, FIRST, LAST)
    materialize(["windows", "patterns"], here / "lake", DECEMBER[0], DECEMBER[-1])
    [config] = blocks("significance.md", "yaml")
    (here / CONFIG).write_text(config)
    return here


@pytest.fixture(scope="module")
def outputs(folder) -> list[str]:
    """What the commands of both guides print, in their order."""
    (folder / "home").mkdir()
    environment = os.environ | {
        "DAGSTER_HOME": str(folder / "home"),
        "WAVEMILL_LAKE": str(folder / "lake"),
        # The same bars again: the daily chain asks for those of its session.
        "WAVEMILL_PRICE_SOURCE": "files",
        "WAVEMILL_PRICES_PATH": str(write_prices(small_bars(SYMBOLS, LAST, LAST), folder / "prices")),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    commands = [
        line
        for guide in ("significance.md", "what-followed.md")
        for block in blocks(guide, "bash")
        for line in block.splitlines()
    ]
    made = []
    for command in commands:
        words = [str(folder / CONFIG) if word == CONFIG else word for word in shlex.split(command)]
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        output = done.stderr + done.stdout
        assert done.returncode == 0, output[-3000:]
        assert "RUN_SUCCESS" in output
        made.append(output)
    return made


def test_the_quarters_of_the_guide_are_calibrated_and_the_day_has_p_values(folder, outputs):
    assert len(outputs) == 5
    lake = ParquetLake(str(folder / "lake"))
    assert lake.partitions("null_distributions") == ["2017-10-01", "2018-01-01"]
    assert set(lake.read("null_distributions", "2017-10-01")["surrogates"].to_pylist()) <= {40 * n for n in range(13)}
    # The last command asks for more, after the day was run.
    assert max(lake.read("null_distributions", "2018-01-01")["surrogates"].to_pylist()) == 200 * SYMBOLS
    table = lake.read("patterns", str(LAST), ["p_value", "q_value", "surrogates"])
    assert table["p_value"].null_count == table["q_value"].null_count == 0
    assert set(table["surrogates"].to_pylist()) == {40 * SYMBOLS}


def test_the_year_of_the_guide_is_judged(folder, outputs):
    assert "pattern_outcomes 2017: surrogates: " in outputs[-1]
    lake = ParquetLake(str(folder / "lake"))
    assert lake.partitions("pattern_outcomes") == lake.partitions("pattern_outcome_rates") == ["2017"]
    rates = lake.read("pattern_outcome_rates", "2017").to_pylist()
    assert {row["status"] for row in rates} == {"confirmed", "setup"}
