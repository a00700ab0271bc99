"""docs/gpu.md: its command is run, its tables are those of the report."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from assets.gpu_profile import FOLDER
from kernels.device import gpu_support
from resources.gpu_profile.report import JSON, PAGE, TABLES
from tests.guides import guide, rows_of
from tests.test_readme import fenced

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_of_the_guide_writes_what_the_guide_says(tmp_path):
    [command] = [line for line in fenced(guide("gpu"), "bash") if "profile_gpu" in line]
    config = {"ops": {"gpu_profile": {"config": {"sizes": "tiny", "folder": str(tmp_path / "made")}}}}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    program, *rest = shlex.split(command)
    done = subprocess.run(
        [Path(sys.executable).parent / program, *rest, "-c", tmp_path / "tiny.yaml"],
        cwd=ROOT,
        env=os.environ | {"DAGSTER_HOME": str(tmp_path), "WAVEMILL_LAKE": str(tmp_path / "lake")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    if not gpu_support().ok:
        assert "gpu_profile: No GPU was measured: these are the CPU paths" in done.stderr
    [device] = (tmp_path / "made").iterdir()
    assert {PAGE, JSON} <= {file.name for file in device.iterdir()}
    assert f"`{PAGE}`" in guide("gpu")
    assert f"`{JSON}`" in guide("gpu")
    assert f"`{FOLDER.relative_to(ROOT)}/<device>`" in guide("gpu")


def test_the_guide_explains_every_table():
    assert set(rows_of("gpu")) == set(TABLES)


def test_the_options_of_the_guide_exist():
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"gpu_check (--[a-z]+)", guide("gpu")))
    assert named == {"--rehearse"}
    assert all(option in told for option in named)


def test_the_guide_says_that_nothing_was_measured_for_as_long_as_that_is_so():
    measured = list((ROOT / "benchmarks" / "results").glob("cuda-device-*.json"))
    said = "No number on this page was measured on a real GPU yet" in guide("gpu")
    assert said == (not measured)
    assert (guide("gpu").count("| not measured |") > 0) == (not measured)
