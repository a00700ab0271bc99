"""`make gpu-check`: does this machine's GPU do what the CPU does, and how fast? Needs no Dagster.

Runs the tests of the kernels on the device, compares every kernel with the CPU's and only then times it, and measures
the device itself. In parts, each with its time and in a process of its own: one that fails, differs or runs over is
recorded and the rest goes on. The JSON in benchmarks/results, named after the device, is written after every part, and
copied to `$OUT` where that is set; the profile's page lies beside the trace in data/gpu_check.
`--rehearse` runs all of it at tiny sizes in CUDA's simulator, to check the check.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.gpu_parts import PARTS, ROOT, Part, write_json
from benchmarks.machine import RESULTS, machine
from kernels.device import gpu_support

SECONDS = 465.0
"""For all parts together, so that everything ends in under eight minutes."""

LEAST_SECONDS = 2.0
"""A part isn't begun with less."""

PACKAGES = (
    "numpy",
    "numba",
    "numba-cuda",
    "cupy-cuda13x",
    "torch",
    "pandas",
    "pyarrow",
    "scipy",
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "nvidia-ml-py",
)
"""Whose versions are recorded. Without pyarrow the page has no charts; without the last, no word of the driver's."""

TAIL, MOST_LOGS = 3000, 4
SIMULATOR = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and report; the exit status is 0 only where there is a device and every part passed."""
    parser = argparse.ArgumentParser(description="Check and measure this machine's GPU.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON")
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "gpu_check", help="folder of page, trace, logs")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time for all parts together")
    parser.add_argument("--parts", default=",".join(part.name for part in PARTS), help="names, with commas")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes in CUDA's simulator")
    asked = parser.parse_args(arguments)
    chosen = asked.parts.split(",")
    unknown = sorted(set(chosen) - {part.name for part in PARTS})
    if unknown:
        parser.error(f"--parts: no part {unknown[0]}; there are {', '.join(part.name for part in PARTS)}")
    support = gpu_support()
    if not asked.rehearse and (not support.ok or support.simulated):
        print(f"no GPU to check: {support.reason}", file=sys.stderr)
        return 1
    name = "rehearsal" if asked.rehearse else support.reason
    parts = [part for part in PARTS if part.name in chosen]
    return check(name, parts, asked.results, asked.folder, asked.seconds, rehearsal=asked.rehearse)


def check(
    name: str,
    parts: Sequence[Part],
    results: Path,
    folder: Path,
    seconds: float = SECONDS,
    *,
    rehearsal: bool = False,
    module: str = "benchmarks.gpu_parts",
) -> int:
    """Run parts one after the other and write the JSON after each.

    Args:
        name: of the device; the JSON is named after it.
        parts: what runs.
        results: folder of the JSON; it is made.
        folder: of logs, page and trace; it is made.
        seconds: for all parts together.
        rehearsal: whether they run at tiny sizes.
        module: what runs a part, as `benchmarks.gpu_parts` does.

    Returns:
        1 if any part didn't pass, else 0.
    """
    result: dict[str, Any] = {
        "device": name,
        "rehearsal": rehearsal,
        "machine": machine(),
        "packages": {each: _version(each) for each in PACKAGES},
        "kernels_with_gpu": [path.parent.name for path in sorted((ROOT / "kernels").glob("*/gpu.py"))],
        "failed": [],
        "parts": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    results.mkdir(parents=True, exist_ok=True)
    file = results / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
    began = time.monotonic()
    for part in parts:
        left = seconds - (time.monotonic() - began)
        done = run_part(part, left, folder, rehearsal=rehearsal, module=module)
        result["parts"][part.name] = done
        result["seconds"] = round(time.monotonic() - began, 1)
        result["failed"] = [each for each, own in result["parts"].items() if own["state"] != "passed"]
        _write(result, file)
        print(f"{part.name}: {done['state']} in {done['seconds']} s {done.get('error', '')[-300:]}", flush=True)
    result["profile"] = profile_of_parts(result)
    result["page"] = _page(result["profile"], folder)
    _write(result, file)
    _copy(folder, result["failed"][:MOST_LOGS])
    print(summary(result, file), flush=True)
    return 1 if result["failed"] else 0


def run_part(
    part: Part, left: float, folder: Path, *, rehearsal: bool = False, module: str = "benchmarks.gpu_parts"
) -> dict[str, Any]:
    """Run a part in a process of its own, and stop that and all it started when its time is over.

    Args:
        part: what runs.
        left: seconds that are left for all parts.
        folder: where its log and its own JSON go.
        rehearsal: whether it runs at tiny sizes.
        module: what runs it.

    Returns:
        `state` ("passed", "differs", "failed", "over time" or "not run"), `seconds`, `limit_seconds`, `result` as far
        as it came, and `error`: what differs, or the end of what it printed.
    """
    limit = min(part.seconds or left, left)
    if limit < LEAST_SECONDS:
        return {"state": "not run", "seconds": 0.0, "limit_seconds": round(limit, 1), "error": "no time was left"}
    file, log = folder / f"{part.name}.json", folder / f"{part.name}.log"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", module, part.name, str(file.absolute())]
    variables = os.environ | {"GPU_CHECK_FOLDER": str(folder.absolute()), "PYTHONUNBUFFERED": "1"}
    if rehearsal:
        command.append("--rehearse")
        variables |= SIMULATOR if part.simulated else {}
    began = time.monotonic()
    over = False
    with log.open("w", encoding="utf-8") as output:
        started = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            started.wait(limit)
        except subprocess.TimeoutExpired:
            over = True
        finally:
            # Also where this process is interrupted: nothing may keep the device busy.
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    done = {"seconds": round(time.monotonic() - began, 1), "limit_seconds": round(limit, 1), "result": told}
    printed = log.read_text(encoding="utf-8", errors="replace")[-TAIL:]
    if over:
        return {"state": "over time", **done, "error": printed or "it had printed nothing"}
    if started.returncode:
        return {"state": "failed", **done, "error": f"exit status {started.returncode}: {printed}"}
    differing = list(what_differs(told))
    if differing:
        return {"state": "differs", **done, "error": f"what differs: {', '.join(differing)}"}
    return {"state": "passed", **done}


def what_differs(result: Any, where: str = "") -> Iterator[str]:
    """Whatever a result names under a key `differs`, at any depth, with the keys that lead there."""
    for key, value in result.items() if isinstance(result, dict) else ():
        if key == "differs":
            yield from (f"{where}{each}" for each in value)
        else:
            yield from what_differs(value, f"{where}{key}: ")


def profile_of_parts(result: dict[str, Any]) -> dict[str, Any]:
    """The profile, out of what the parts have measured; what is missing is empty."""
    from kernels.memory import Phase
    from resources.gpu_profile.limits import Limit
    from resources.gpu_profile.profile import profile_of
    from resources.gpu_profile.recommend import Measurements, recommend
    from resources.gpu_profile.target import LOAD, Target
    from resources.gpu_profile.throughput import Throughput, as_rows

    def found(part: str) -> dict[str, Any]:
        return (result["parts"].get(part) or {}).get("result") or {}

    measured, worked = found("device"), found("throughput")
    if "target" not in measured:
        return {}
    target = Target(**measured["target"] | {"backends": tuple(measured["target"]["backends"])})
    limits = [Limit(**row) for row in measured.get("limits", ())]
    rows = [Throughput(**row) for row in worked.get("throughput", ())]
    load = target.facts.get(LOAD, 0.0)
    phases = [Phase(**row) for row in worked.get("phases", ())]
    seen = Measurements(rows, limits, phases, worked.get("memory", ""), target.name if target.on_gpu else "", load)
    return profile_of(target, limits, rows) | {
        "transfers": measured.get("transfers", []),
        "phases": as_rows(phases),
        "memory": worked.get("memory", ""),
        "utilisation": worked.get("utilisation", {}),
        "files": worked.get("files", {}),
        "recommendations": as_rows(recommend(seen)),
    }


def _page(profile: dict[str, Any], folder: Path) -> str:
    """The page of the profile, with charts where what they need is installed."""
    from resources.gpu_profile.report import PAGE, write_report

    if not profile:
        return "not written: the part `device` told nothing"
    charts, style, reason = [], "", ""
    try:
        from resources.charts import page_style
        from resources.gpu_profile.charts import profile_charts

        charts, style = profile_charts(profile), page_style()
    except ImportError as error:
        reason = f", without charts: {error}"
    write_report(profile, folder, charts, style)
    return f"{PAGE}{reason}"


def summary(result: dict[str, Any], file: Path) -> str:
    """The end of what is printed: the state of every part, the ratios, and where the JSON is."""
    lines = [f"{name:14} {own['state']:10} {own['seconds']:7.1f} s" for name, own in result["parts"].items()]
    profile = result["profile"]
    lines += [f"{row['name']:24} {row['value']:.4g} {row['unit']}" for row in profile.get("limits", ())]
    shares = {row["case"]: row["share"] for row in profile.get("beside_limits", ())}
    for row in profile.get("ratios", ()):
        two = row["times_two_threads"]
        lines.append(
            f"{row['case']:24} {row['gpu_per_second']:.4g}/s, {row['times_all_threads']:.2f} x all threads, "
            f"{'-' if two is None else format(two, '.2f')} x two threads, "
            f"{shares.get(row['case'], 0.0):.1%} of the limit"
        )
    failed = f"FAILED: {', '.join(result['failed'])}" if result["failed"] else "all parts passed"
    return "\n".join([*lines, f"{failed}; {result['seconds']} s; {file}"])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _write(result: dict[str, Any], file: Path) -> None:
    write_json(file, result)
    out = os.environ.get("OUT")
    if out:
        shutil.copy(file, out)


def _copy(folder: Path, failed: Sequence[str]) -> None:
    """Copy page, trace, history of the memory and the logs of what failed to `$OUT`."""
    from resources.gpu_profile.report import PAGE
    from resources.gpu_profile.traces import SNAPSHOT, TRACE

    out = os.environ.get("OUT")
    for name in (PAGE, TRACE, SNAPSHOT, *(f"{part}.log" for part in failed)) if out else ():
        if (folder / name).exists():
            shutil.copy(folder / name, str(out))


if __name__ == "__main__":
    sys.exit(main())
