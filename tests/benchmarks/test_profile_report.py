"""`make profile`: the table says what the flame graph shows, and both are written."""

import re
import subprocess
import sys
import sysconfig
from datetime import date
from pathlib import Path

import pytest

from benchmarks.profile_report import frames_of, shares_within
from tests.market_lake import fill_lake

ROOT = Path(__file__).resolve().parents[2]
SPY = Path(sysconfig.get_path("scripts")) / "py-spy"


def frame(name: str, samples: int, depth: int, place: int) -> str:
    """A frame as py-spy draws it."""
    return (
        f"<g><title>{name} ({samples:,} samples, 1.23%)</title>"
        f'<rect x="1.0%" y="{52 + 16 * depth}" width="2%" height="15" fill="rgb(1,2,3)" '
        f'fg:x="{place}" fg:w="{samples}"/>'
        f'<text x="1%" y="{62 + 16 * depth}.50">{name}</text></g>'
    )


# all 1500 = start 300 + day 1200; day = 200 itself + inner 700 (itself 400, again 300) + other 300
GRAPH = "".join(
    [
        frame("inner (b.py:5)", 700, 2, 300),
        frame("all", 1500, 0, 0),
        frame("&lt;module&gt; (start.py:1)", 300, 1, 0),
        frame("inner (b.py:5)", 300, 3, 300),
        frame("day (a.py:9)", 1200, 1, 300),
        frame("other (c.py:7)", 300, 2, 1000),
    ]
)


def test_stacks_and_their_own_samples_are_read_from_the_graph():
    assert sorted(frames_of(GRAPH)) == [
        (("all",), 0),
        (("all", "<module> (start.py:1)"), 300),
        (("all", "day (a.py:9)"), 200),
        (("all", "day (a.py:9)", "inner (b.py:5)"), 400),
        (("all", "day (a.py:9)", "inner (b.py:5)", "inner (b.py:5)"), 300),
        (("all", "day (a.py:9)", "other (c.py:7)"), 300),
    ]


def test_a_part_has_the_samples_below_it_and_counts_a_function_that_calls_itself_once():
    shares = shares_within(frames_of(GRAPH), "day")
    assert shares.samples == 1200
    assert dict(shares.own) == {"day (a.py:9)": 200, "inner (b.py:5)": 700, "other (c.py:7)": 300}
    assert dict(shares.total) == {"day (a.py:9)": 1200, "inner (b.py:5)": 700, "other (c.py:7)": 300}
    assert shares_within(frames_of(GRAPH), "").samples == 1500
    assert shares_within(frames_of(GRAPH), "da").samples == 0


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.profile_report", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def _may_sample() -> None:
    if not SPY.exists():
        pytest.skip("py-spy isn't installed; it comes with the extra `dev`")
    done = subprocess.run(
        [SPY, "record", "--duration", "1", "--output", "/dev/null", "--", sys.executable, "-c", "sum(range(10**7))"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "denied" in done.stderr.lower() or "not permitted" in done.stderr.lower():
        pytest.skip(f"this machine lets no process read another one: {done.stderr.strip()}")


@pytest.mark.usefixtures("_may_sample")
@pytest.mark.parametrize("source", ["simulated", "lake"])
def test_the_command_writes_a_flame_graph_and_a_table(tmp_path, source):
    options = ["--symbols", "8"]
    if source == "lake":
        fill_lake(tmp_path / "lake", 4, date(2017, 6, 1), date(2018, 2, 7))
        options = ["--lake", str(tmp_path / "lake"), "--model", "trained"]
    done = run("--out", str(tmp_path / "out"), *options, "--origins", "20", "--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    graph, table = ((tmp_path / "out" / name).read_text() for name in ("forecast.svg", "forecast.md"))
    assert graph.rstrip().endswith("</svg>")
    assert "rolling_origins (benchmarks/profile_forecast.py" in graph
    assert "model ewma-fhs" in table
    by_own, by_total = (
        [line.strip("| ").split(" | ") for line in part.splitlines() if line.endswith("` |")]
        for part in table.split("## Functions")[1:]
    )
    assert 2 <= len(by_own) <= 15
    assert 5 <= len(by_total) <= 15
    assert any("ewma_fhs (kernels/volatility/ewma/cpu.py" in row[2] for row in by_total)
    parts = [line.strip("| ").split(" | ") for line in table.splitlines() if re.match(r"\| (one|rolling)_", line)]
    day = sum(int(part[2]) for part in parts)
    own = [int(row[1]) for row in by_own]
    assert own == sorted(own, reverse=True)
    # The functions that aren't among the first fifteen take the rest.
    assert 0.8 * day <= sum(own) <= day
    assert float(by_own[0][0].strip("%")) == pytest.approx(100 * own[0] / day, abs=0.1)


@pytest.mark.usefixtures("_may_sample")
def test_a_program_that_fails_says_why(tmp_path):
    done = run("--out", str(tmp_path), "--model", "prophet")
    assert done.returncode != 0
    assert "one of ewma-fhs, chronos" in done.stderr
