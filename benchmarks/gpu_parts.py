"""The parts of `make gpu-check`. Each runs in a process of its own: a fault on a GPU spoils the process that meets it.

`python -m benchmarks.gpu_parts NAME FILE [--rehearse]` runs one and writes what it finds into FILE, again whenever more
is known, so that a part that is stopped has told what it had.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
Result = dict[str, Any]
Save = Callable[[Result], None]

ON_A_GPU = "tests/kernels/memory/test_memory_on_a_gpu.py"
QUICK_TEST = "tests/kernels/test_panel.py"
"""What a rehearsal runs for tests."""

TEST_WORKERS = 8


class Part(NamedTuple):
    """A part.

    Attributes:
        name: of it.
        seconds: it may take; 0 = what is left when all others are done.
        run: does it, in a process of its own: takes whether it is a rehearsal, and what is to be told on the way.
        simulated: whether a rehearsal runs it in CUDA's simulator; tests choose that by themselves.
    """

    name: str
    seconds: float
    run: Callable[[bool, Save], Result]
    simulated: bool = True


def memory_tests(rehearsal: bool, save: Save) -> Result:
    """Tests of the memory that fill the device; nothing else runs beside them."""
    del save
    return run_tests([QUICK_TEST if rehearsal else ON_A_GPU])


def gpu_tests(rehearsal: bool, save: Save) -> Result:
    """Tests of every kernel that has a GPU version, on the device and in the simulator, and of the memory."""
    del save
    return run_tests([QUICK_TEST] if rehearsal else gpu_test_files(), parallel=not rehearsal)


def gpu_test_files() -> list[str]:
    """Files of tests that use a device; those of this check itself are none: they ask for the simulator alone."""
    folder = ROOT / "tests" / "kernels"
    files = {
        str(file.relative_to(ROOT)) for each in ("*/test_*gpu*.py", "memory/test_*.py") for file in folder.glob(each)
    }
    return sorted(file for file in files if file != ON_A_GPU and "gpu_check" not in file)


def other_tests(rehearsal: bool, save: Save) -> Result:
    """All other tests of the kernels."""
    del save
    done = [f"--ignore={file}" for file in (ON_A_GPU, *gpu_test_files())]
    return run_tests(
        [QUICK_TEST] if rehearsal else ["tests/kernels", *done, "--ignore-glob=*gpu_check*"], parallel=True
    )


def run_tests(arguments: list[str], *, parallel: bool = False) -> Result:
    """Run pytest; in several processes where it can.

    Returns:
        The exit status, the counts of the summary, and the names of what failed.
    """
    # What a newer library warns of is no fault of a kernel.
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-W", "default"]
    if parallel and _there("xdist"):
        options += ["-n", str(min(TEST_WORKERS, os.cpu_count() or 1)), "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    told = []
    # Line by line, so that the log has what was said until a part is stopped.
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            told.append(line)
    printed, status = "".join(told), running.returncode
    summary = printed.strip().splitlines()[-1:]
    counts = {
        name: int(number) for number, name in re.findall(r"(\d+) (passed|failed|skipped|errors?)", " ".join(summary))
    }
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", printed, flags=re.MULTILINE)
    if not failed and (status or not counts.get("passed")):
        # Tests that are all skipped have shown nothing.
        failed = [f"pytest, status {status}: {' '.join(summary)}"]
    return {"status": status, "counts": counts, "differs": failed}


def _there(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def device(rehearsal: bool, save: Save) -> Result:
    """What the device is and can do, and every way to move bytes."""
    from resources.gpu_profile.clock import Budget
    from resources.gpu_profile.limits import device_limits
    from resources.gpu_profile.profile import LARGE, TINY
    from resources.gpu_profile.target import find_target
    from resources.gpu_profile.throughput import as_rows
    from resources.gpu_profile.transfers import measure_transfers

    target, sizes = find_target(), TINY if rehearsal else LARGE
    found: Result = {"target": asdict(target), "driver": driver()}
    save(found)
    found["limits"] = as_rows(device_limits(target, sizes.array, sizes.matrix))
    save(found)
    moved = measure_transfers(target, sizes.transfers, Budget(sizes.transfer_seconds))
    found["transfers"] = as_rows(moved)
    found["differs"] = sorted({row.method for row in moved if row.state in ("differs", "failed")})
    return found


def driver() -> str:
    """What nvidia-smi says of the card as it is found: clocks, temperature, load. Nothing is changed."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "nvidia-smi isn't there"
    asked = "name,driver_version,clocks.sm,clocks.mem,temperature.gpu,utilization.gpu,memory.used,memory.total"
    done = subprocess.run(
        [program, f"--query-gpu={asked}", "--format=csv"], capture_output=True, text=True, check=False
    )
    return (done.stdout or done.stderr).strip()


def waves(rehearsal: bool, save: Save) -> Result:
    """The wave scan."""
    from benchmarks.gpu_waves import WaveSizes, check_scans

    return check_scans(WaveSizes(2, 40, (1, 3), 1) if rehearsal else WaveSizes(), save)


def nulls(rehearsal: bool, save: Save) -> Result:
    """Null histograms."""
    from benchmarks.gpu_nulls import NullSizes, check_nulls

    return check_nulls(NullSizes(2, 30, 2, 2, 20, 3, 2, 1, 1e6) if rehearsal else NullSizes(), save)


def devices(rehearsal: bool, save: Save) -> Result:
    """Several GPUs, where there are several."""
    from benchmarks.gpu_devices import DeviceSizes, check_devices

    del save
    return check_devices(DeviceSizes(3, 20, 1, 1) if rehearsal else DeviceSizes())


def trading(rehearsal: bool, save: Save) -> Result:
    """The simulator."""
    from benchmarks.gpu_trading import TradingSizes, check_trading

    return check_trading(TradingSizes(2, 30, 12, 5, 1) if rehearsal else TradingSizes(), save)


def forecast(rehearsal: bool, save: Save) -> Result:
    """The network of the forecasts."""
    from benchmarks.gpu_forecast import ForecastSizes, check_forecast, compare

    if rehearsal:
        # Without a package: building one takes a compiler and half a minute.
        return compare(None, "cpu", *ForecastSizes(500, 1000))
    return check_forecast(save=save)


def throughput(rehearsal: bool, save: Save) -> Result:
    """Every kernel by batch size, on the device and on the CPU; then memory by phase, and a trace."""
    from resources.gpu_profile.cases import cases_of
    from resources.gpu_profile.clock import Budget
    from resources.gpu_profile.profile import LARGE, TINY
    from resources.gpu_profile.target import find_target
    from resources.gpu_profile.throughput import TWO, as_rows, measure_throughput
    from resources.gpu_profile.timeline import run_timeline

    target, sizes = find_target(), TINY if rehearsal else LARGE
    cases = cases_of(target, sizes.cases)
    threads = tuple(sorted({TWO, max(os.cpu_count() or 1, TWO)}))
    budget = Budget(sizes.throughput_seconds)
    rows = measure_throughput(target, cases, threads, budget, lambda so_far: save({"throughput": as_rows(so_far)}))
    found: Result = {
        "throughput": as_rows(rows),
        "differs": sorted({row.case for row in rows if row.state == "failed"}),
    }
    save(found)
    timeline = run_timeline(target, cases, Path(os.environ["GPU_CHECK_FOLDER"]))
    return found | {
        "phases": as_rows(timeline.phases),
        "memory": timeline.memory,
        "utilisation": dict(timeline.utilisation._asdict()),
        "files": timeline.files,
    }


PARTS = (
    Part("device", 45.0, device),
    Part("memory_tests", 45.0, memory_tests, simulated=False),
    Part("gpu_tests", 95.0, gpu_tests, simulated=False),
    Part("waves", 45.0, waves),
    Part("nulls", 40.0, nulls),
    Part("trading", 25.0, trading),
    Part("forecast", 50.0, forecast),
    Part("devices", 30.0, devices),
    Part("throughput", 80.0, throughput),
    Part("other_tests", 0.0, other_tests, simulated=False),
)
"""What matters most comes first; kernels are compiled by the tests, so what is timed finds them compiled."""


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description="Run a part of gpu-check.")
    parser.add_argument("name", choices=[part.name for part in PARTS])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    asked = parser.parse_args()
    [part] = [part for part in PARTS if part.name == asked.name]
    save = partial(write_json, asked.file)
    save(part.run(asked.rehearse, save))


def write_json(path: Path, values: Result) -> None:
    """Write a file under another name and rename it: whoever reads it sees all or nothing."""
    own = path.with_name(f".{path.name}.{os.getpid()}")
    own.write_text(json.dumps(values, indent=2, default=str) + "\n", encoding="utf-8")
    own.replace(path)


if __name__ == "__main__":
    main()
