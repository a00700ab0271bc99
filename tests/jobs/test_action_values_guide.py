"""The guide to the action values, run as it is written, on a small lake with the dataset of the other guide."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from kernels.samples import SPLITS
from resources.contracts import POLICY_SIMULATION
from resources.parquet_lake import ParquetLake
from tests.guides import blocks, guide, run_python
from tests.policy_lake import FIRST, LAST, fill_lake
from tests.test_readme import fenced

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NAME, DATASET = "action-values", "first-try"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the guide's reader stands: a folder with a filled lake and the two files."""
    here = tmp_path_factory.mktemp("guide")
    fill_lake(here / "data" / "lake-simulated", 8, FIRST, LAST)
    for name, page in (("my_samples.yaml", "synthetic-data"), ("my_model.yaml", NAME)):
        [config] = blocks(page, "yaml")
        (here / name).write_text(config)
    (here / "home").mkdir()
    return here


def execute(command: str, here: Path) -> str:
    """What a command of a guide prints; its files are those of the folder."""
    environment = os.environ | {
        "DAGSTER_HOME": str(here / "home"),
        "WAVEMILL_LAKE": str(here / "data" / "lake-simulated"),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    words = [str(here / word) if word.endswith(".yaml") else word for word in shlex.split(command)]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def output(folder) -> str:
    """What the guide's command prints, after the dataset is drawn."""
    [draw, *_] = [line for line in fenced(guide("synthetic-data"), "bash") if line.startswith("dagster ")]
    execute(draw, folder)
    [command] = fenced(guide(NAME), "bash")
    return execute(command, folder)


def test_the_command_trains_and_trades(folder, output):
    assert "RUN_SUCCESS" in output
    assert re.search(r"(no better|better|worse) than buy-and-hold", output)
    rows = ParquetLake(str(folder / "data" / "lake-simulated")).read(POLICY_SIMULATION.name, DATASET)
    assert {"greedy", "buy-and-hold", "flat", "random 04"} <= set(rows["policy"].to_pylist())


@pytest.mark.usefixtures("output")
def test_every_line_of_python_runs(folder):
    told = run_python("\n".join(blocks(NAME, "python")), folder)
    assert "return_ahead_low" in told
    assert "buy-and-hold" in told


def test_what_the_guide_names_is_there():
    columns = set(POLICY_SIMULATION.schema.names)
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", guide(NAME)))
    others = {"further_trials", "action_model", "policy_simulation", *SPLITS}
    assert named <= columns | others
    assert {"return_ahead_low", "return_ahead_high", "deflated_sharpe"} <= named
