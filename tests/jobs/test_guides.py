"""The commands, the run configs and the Python of the guides in docs/, run as they are written, on a small lake."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daily_chain import with_history

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
GUIDE, TRADING = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("synthetic-data", "simulate-trading"))
CONFIG = "my_samples.yaml"


def blocks(language: str, guide: str = GUIDE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", guide, flags=re.DOTALL | re.MULTILINE)


def run_python(code: str, folder: Path) -> str:
    """What a Python process in a folder prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_history) -> Path:
    """Where the guide's reader stands: a folder with data/lake-simulated below it, filled, and the run config."""
    here = tmp_path_factory.mktemp("guide")
    lake = here / "data" / "lake-simulated"
    with_history(lake, small_history[1])
    [config] = blocks("yaml")
    (here / CONFIG).write_text(config)
    return here


@pytest.fixture(scope="module")
def shards(folder) -> list[str]:
    """The shards that the guide's commands make, each command run in a real shell's words."""
    (folder / "home").mkdir()
    environment = os.environ | {
        "DAGSTER_HOME": str(folder / "home"),
        "WAVEMILL_LAKE": str(folder / "data" / "lake-simulated"),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    commands = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("dagster ")]
    assert len(commands) == 2
    for command in commands:
        words = [str(folder / CONFIG) if word == CONFIG else word for word in shlex.split(command)]
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "RUN_SUCCESS" in done.stderr + done.stdout
    assert "1 of 3 shards are up to date and kept" in done.stderr + done.stdout
    assert "rows/s" in done.stderr + done.stdout
    found = folder / "data" / "lake-simulated" / "synthetic_samples" / "first-try"
    return sorted(str(path.relative_to(found)) for path in found.rglob("*") if path.is_file())


def test_the_files_lie_where_the_guide_says(shards):
    [tree] = [text for text in GUIDE.split("```\n") if text.startswith("data/")]
    shown = [line.split()[0] for line in tree.splitlines()[1:]]
    assert set(shown) <= set(shards)
    assert len(shards) == 2 + 2 * 3


@pytest.mark.usefixtures("shards")
def test_every_line_of_python_runs(folder):
    code = "\n".join(blocks("python"))
    assert code.count("import ") >= 4
    checks = "\nassert len(pandas_samples) == 60_000\nassert label.shape[1] == len(samples.label_columns)\n"
    code = code.replace("import polars as pl", "pandas_samples = samples\nimport polars as pl")
    assert "avg(label_total_return)" in run_python(code + checks, folder)


def test_the_guide_to_the_simulator_runs(folder):
    checks = """
assert len(result.trades.path) > 0
assert np.isfinite(portfolio.equity).all()
assert 0.0 <= chance <= 1.0
"""
    output = run_python("\n".join(blocks("python", TRADING)) + checks, folder)
    assert "probability that it isn't luck" in output
