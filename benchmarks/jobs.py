"""Time the jobs on the real file, beside an empty Dagster project with the same assets, partitions and checks.

Run from the project root: `python -m benchmarks.jobs [--json PATH]`. Needs ../shared/data/sp500_daily.parquet. Each job
is a fresh process and a fresh Dagster instance; ours is shown as seconds beyond the empty project's, in the same run.
Compiled kernels come from the cache on disk, which a first small run fills.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import machine, report

ROOT = Path(__file__).resolve().parents[1]
PRICES = ROOT.parent / "shared" / "data" / "sp500_daily.parquet"
WHOLE, LAST_63, NEWEST = ("2013-02-08", "2018-02-07"), ("2017-11-07", "2018-02-07"), ("2018-02-07", None)
WARM_UP = ("2017-10-02", "2018-02-07")
LIMITS = {"price_history, 1,259 sessions": 45.0, "daily_sp500, 1 session": 5.0}
"""Seconds beyond the empty project's that we want to stay below."""

CHAIN = ("windows", "patterns", "forecasts", "simulations", "picks", "daily_report")


def main() -> int:
    """Run, print, and write the JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    arguments = parser.parse_args()
    if not PRICES.exists():
        print(f"{PRICES.relative_to(ROOT.parent)} isn't there: this benchmark needs the real prices", file=sys.stderr)
        return 1
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        for job, sessions in (("price_history", WARM_UP), ("daily_sp500", NEWEST)):
            run("definitions", job, sessions, Path(folder) / "warm-up", Path(folder))
        for name, job, sessions in (
            ("price_history, 1,259 sessions", "price_history", WHOLE),
            ("daily_sp500, 63 sessions", "daily_sp500", LAST_63),
            ("daily_sp500, 1 session", "daily_sp500", NEWEST),
        ):
            if name == "daily_sp500, 1 session":
                for table in CHAIN:
                    [file] = (lake / table).glob(f"{NEWEST[0]}.*")
                    file.unlink()
            empty = run("benchmarks.empty_project", job, sessions, lake, Path(folder))
            ours = run("definitions", job, sessions, lake, Path(folder))
            beyond = ours["seconds"] - empty["seconds"]
            rows.append(
                {
                    "job": name,
                    "seconds": round(ours["seconds"], 1),
                    "empty_seconds": round(empty["seconds"], 1),
                    "beyond_seconds": round(beyond, 1),
                    "limit_seconds": LIMITS.get(name),
                    "peak_gib": round(ours["peak_bytes"] / 2**30, 2),
                    "steps": ours["steps"],
                }
            )
            print(json.dumps(rows[-1]), flush=True)
        size = sum(path.stat().st_size for path in lake.rglob("*.parquet"))
    report({"machine": machine(), "lake_mib": round(size / 2**20), "jobs": rows}, arguments.json)
    return 0


def run(module: str, job: str, sessions: tuple[str, str | None], lake: Path, folder: Path) -> dict:
    """Run one job in a fresh process and Dagster instance: seconds, peak memory, seconds by step."""
    home = Path(tempfile.mkdtemp(dir=folder))
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    first, last = sessions
    tags = (
        {"dagster/partition": first}
        if last is None
        else {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    )
    command = ["dagster", "job", "execute", "-m", module, "-j", job, "--tags", json.dumps(tags)]
    environment = os.environ | {
        "DAGSTER_HOME": str(home),
        "WAVEMILL_LAKE": str(lake),
        "WAVEMILL_PRICE_SOURCE": "files",
        "WAVEMILL_PRICES_PATH": str(PRICES),
    }
    log = home / "log.txt"
    started = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        print(log.read_text()[-4000:], file=sys.stderr)
        raise SystemExit(f"{module} {job} failed")
    steps = {}
    for line in log.read_text().splitlines():
        if "Finished execution of step" in line:
            step, took = line.split('step "')[1].rstrip(".").split('" in ')
            steps[step] = took
    return {"seconds": seconds, "peak_bytes": usage.ru_maxrss * 1024, "steps": steps}


if __name__ == "__main__":
    sys.exit(main())
