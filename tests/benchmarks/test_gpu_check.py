"""`make gpu-check` as a whole: rehearsed in CUDA's simulator without Dagster, and parts that go wrong in every way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu_check import SECONDS, check, main, profile_of_parts, run_part, what_differs
from benchmarks.gpu_parts import PARTS, Part, run_tests
from resources.gpu_profile.report import PAGE
from resources.gpu_profile.traces import TRACE

ROOT = Path(__file__).parents[2]
MODULE = "tests.benchmarks.parts_under_test"

# Put on the path of a rehearsal: what a machine for checking needn't have is as if it weren't installed.
BLOCK = """
from functools import partial
from importlib.machinery import PathFinder

BLOCKED = {"dagster", "pandas", "pyarrow", "matplotlib", "resvg_py", "fsspec", "cupy", "duckdb", "safetensors"}


def find_spec(find, name, path=None, target=None):
    return None if name.split(".")[0] in BLOCKED else find(name, path, target)


# No plain function: pytest makes a method of what it finds here.
PathFinder.find_spec = partial(find_spec, PathFinder.find_spec)
"""


def part(name, seconds=30.0):
    return Part(name, seconds, lambda *_: {})


def test_a_rehearsal_runs_every_part_without_dagster_pandas_or_pyarrow(tmp_path):
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK)
    out = tmp_path / "out"
    out.mkdir()
    results, folder = tmp_path / "results", tmp_path / "folder"
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--rehearse", "--seconds", "900"]
    done = subprocess.run(
        [*command, "--results", str(results), "--folder", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "block"), "OUT": str(out), "CUDA_VISIBLE_DEVICES": "0,1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = results.iterdir()
    assert file.name == "rehearsal.json"
    found = json.loads(file.read_text())
    assert {name: own["state"] for name, own in found["parts"].items()} == {each.name: "passed" for each in PARTS}
    assert found["rehearsal"] is True
    assert found["failed"] == []
    told = {name: own["result"] for name, own in found["parts"].items()}
    assert {name: told[name]["counts"] for name in ("memory_tests", "gpu_tests", "other_tests")} == dict.fromkeys(
        ("memory_tests", "gpu_tests", "other_tests"), told["gpu_tests"]["counts"]
    )
    assert told["gpu_tests"]["counts"]["passed"] > 5
    assert set(told["waves"]) == {"sessions_1", "sessions_3"}
    # The simulator pretends to have two devices.
    assert told["devices"]["devices"] == ["0", "1"]
    assert told["devices"]["differs"] == []
    profile = found["profile"]
    assert profile["headline"].startswith("A rehearsal in CUDA's simulator")
    # Everything was computed by kernels of both kinds.
    assert {row["case"] for row in profile["ratios"]} == {
        "wave scan",
        "best scores",
        "surrogates",
        "null histograms",
        "trading",
    }
    assert len(profile["recommendations"]) == 7
    assert found["page"].startswith(f"{PAGE}, without charts: ")
    assert {path.name for path in out.iterdir()} == {file.name, PAGE, TRACE}
    assert (out / file.name).read_text() == file.read_text()


def test_every_test_of_the_kernels_can_be_collected_there(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "-W", "default"]
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [*command, "tests/kernels"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Where the JSON of a device named "x" is, known to the parts."""
    monkeypatch.setenv("SEEN", str(tmp_path / "results" / "x.json"))
    return tmp_path / "results" / "x.json"


def test_what_fails_is_recorded_the_rest_goes_on_and_nothing_is_lost(tmp_path, seen, capsys):
    parts = [part("raises"), part("hangs", 3.0), part("differs"), part("dies"), part("sees"), part("passes")]
    assert check("X", parts, seen.parent, tmp_path / "folder", module=MODULE) == 1
    found = json.loads(seen.read_text())
    states = {name: own["state"] for name, own in found["parts"].items()}
    assert states == {
        "raises": "failed",
        "hangs": "over time",
        "differs": "differs",
        "dies": "failed",
        "sees": "passed",
        "passes": "passed",
    }
    assert found["failed"] == ["raises", "hangs", "differs", "dies"]
    own = found["parts"]
    assert own["raises"]["result"] == {"so_far": 3}
    assert "MemoryError: the device is full" in own["raises"]["error"]
    assert own["hangs"]["result"] == {"so_far": 7}
    assert "on the way" in own["hangs"]["error"]
    assert own["differs"]["error"] == "what differs: two: score, two: rank"
    assert own["dies"]["error"].startswith("exit status -6")
    # The fifth part read the file as it was after the fourth.
    assert own["sees"]["result"]["seen"] == ["raises", "hangs", "differs", "dies"]
    assert found["page"].startswith("not written")
    assert "FAILED: raises, hangs, differs, dies" in capsys.readouterr().out


def test_whatever_a_part_has_started_is_stopped_with_it(tmp_path, seen):
    seen.parent.mkdir()
    run_part(part("hangs", 3.0), 100.0, tmp_path, module=MODULE)
    child = int((seen.parent / "child").read_text())
    for _ in range(100):
        status = Path(f"/proc/{child}/stat")
        # A child whose parent is gone may wait to be collected; it runs no more.
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"process {child} still runs")


def test_a_part_isnt_begun_when_no_time_is_left(tmp_path):
    done = run_part(part("passes"), 1.0, tmp_path, module=MODULE)
    assert (done["state"], done["error"]) == ("not run", "no time was left")
    assert list(tmp_path.iterdir()) == []


def test_a_part_has_no_more_time_than_all_have_left_and_the_last_all_of_it(tmp_path):
    assert run_part(part("passes", 50.0), 20.0, tmp_path, module=MODULE)["limit_seconds"] == 20.0
    assert run_part(part("passes", 5.0), 20.0, tmp_path, module=MODULE)["limit_seconds"] == 5.0
    assert run_part(part("passes", 0.0), 20.0, tmp_path, module=MODULE)["limit_seconds"] == 20.0


def test_all_parts_pass_and_the_status_is_0(tmp_path, seen):
    assert check("X", [part("passes")], seen.parent, tmp_path / "folder", module=MODULE) == 0
    assert json.loads(seen.read_text())["failed"] == []


def test_every_part_has_its_time_in_under_eight_minutes():
    assert sum(each.seconds for each in PARTS) <= SECONDS < 470.0
    assert [each.name for each in PARTS if not each.seconds] == ["other_tests"]
    assert PARTS[-1].name == "other_tests"


def test_the_tests_of_all_gpu_kernels_are_among_the_parts(monkeypatch):
    asked = []
    monkeypatch.setattr("benchmarks.gpu_parts.run_tests", lambda files, **_: asked.extend(files) or {})
    for each in PARTS:
        if each.name.endswith("_tests"):
            each.run(False, lambda _: None)
    for kernel in ROOT.glob("kernels/*/gpu.py"):
        assert any(file.startswith(f"tests/kernels/{kernel.parent.name}/test_") for file in asked), kernel
    memory = {str(file.relative_to(ROOT)) for file in ROOT.glob("tests/kernels/memory/test_*.py")}
    assert len(memory) > 5
    assert {*memory, "tests/kernels"} <= set(asked)


def test_a_test_that_fails_is_named_and_tests_that_show_nothing_are_no_success(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_good():\n    pass\n\n\ndef test_bad():\n    assert 1 == 2\n")
    found = run_tests([str(tmp_path / "test_it.py")])
    assert found["status"] == 1
    assert found["counts"] == {"passed": 1, "failed": 1}
    assert [name.rpartition("::")[2] for name in found["differs"]] == ["test_bad"]
    nothing = run_tests([str(tmp_path / "test_that_is_not_there.py")])
    assert nothing["differs"][0].startswith("pytest, status 4: ")
    (tmp_path / "test_it.py").write_text("import pytest\n\n\ndef test_one():\n    pytest.skip('no GPU')\n")
    skipped = run_tests([str(tmp_path / "test_it.py")])
    assert (skipped["status"], skipped["counts"]) == (0, {"skipped": 1})
    assert skipped["differs"][0].startswith("pytest, status 0: 1 skipped")


def test_what_differs_is_found_at_any_depth():
    assert list(what_differs({"a": {"differs": ["x"]}, "differs": [], "b": [{"differs": ["not looked at"]}]})) == [
        "a: x"
    ]
    assert list(what_differs(None)) == []


def test_a_profile_is_made_of_whatever_parts_came_to():
    assert profile_of_parts({"parts": {}}) == {}
    assert profile_of_parts({"parts": {"device": {"result": None}}}) == {}
    target = {"name": "X1", "reason": "r", "torch_device": "cuda", "backends": ["cpu", "gpu"], "facts": {"a": 1}}
    alone = profile_of_parts({"parts": {"device": {"result": {"target": target}}}})
    assert alone["headline"] == "Measured on X1, and on the CPU beside it."
    assert (alone["limits"], alone["throughput"], alone["ratios"]) == ([], [], [])


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--parts", "waves,wave"])
    assert "no part wave; there are device, " in capsys.readouterr().err
