"""The commands and the Python of docs/forecasts.md, run as they are written, on a small lake of two years."""

import os
import re
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from resources.parquet_lake import ParquetLake
from tests.compiled_network import compiled_folder
from tests.market_lake import fill_lake
from tests.small_market import small_bars, write_prices

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
GUIDE = (ROOT / "docs" / "forecasts.md").read_text()
SYMBOLS, FIRST, LAST = 24, date(2015, 12, 14), date(2018, 2, 7)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the guide's reader stands: a folder with a filled data/lake-simulated below it."""
    here = tmp_path_factory.mktemp("forecasts")
    fill_lake(here / "data" / "lake-simulated", SYMBOLS, FIRST, LAST)
    return here


@pytest.fixture(scope="module")
def outputs(folder) -> dict[str, str]:
    """What the guide's commands print, in their order, by job and tags."""
    (folder / "home").mkdir()
    environment = os.environ | {
        "DAGSTER_HOME": str(folder / "home"),
        "WAVEMILL_LAKE": str(folder / "data" / "lake-simulated"),
        # The same bars again: the daily chain asks for those of its session.
        "WAVEMILL_PRICE_SOURCE": "files",
        "WAVEMILL_PRICES_PATH": str(write_prices(small_bars(SYMBOLS, LAST, LAST), folder / "prices")),
        "WAVEMILL_COMPILED": str(compiled_folder()),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    # The prices are there already; test_cli.py runs that command.
    commands = [line for line in lines if line.startswith("dagster ") and "-j price_history" not in line]
    made = {}
    for command in commands:
        words = shlex.split(command)
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        output = done.stderr + done.stdout
        assert done.returncode == 0, output[-3000:]
        assert "RUN_SUCCESS" in output
        made[" ".join(words[words.index("-j") + 1 :])] = output
    return made


def test_the_model_of_the_guide_is_trained_and_serves(folder, outputs):
    first, several, daily, compiled = outputs.values()
    assert "forecast_model 2017: epoch 1 of 12" in first
    assert "forecast_model 2016: the baseline serves 2017: too little history" in several
    assert "forecast_model 2017: epoch 1 of 12" not in several
    assert "is up to date and kept" in compiled
    lake = ParquetLake(str(folder / "data" / "lake-simulated"))
    rows = lake.read("forecasts", str(LAST))
    assert {name.rsplit("-", 1)[0] for name in rows["model"].to_pylist()} == {"ensemble-2017"}
    assert "forecaster: " not in daily
    assert lake.read("picks", str(LAST)).num_rows == SYMBOLS


@pytest.mark.usefixtures("outputs")
def test_every_line_of_python_runs(folder):
    command = [sys.executable, "-W", "error", "-c", "\n".join(blocks("python"))]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "volatility-scaled-hold" in done.stdout
    assert "in 5 sessions (volatility" in done.stdout
