"""`make gpu-check`: does this machine's GPU do what the CPU does? Needs no Dagster.

Says which device Numba can use, runs the tests of the kernels on this machine, and writes one JSON
under benchmarks/results. Which kernels have a GPU version is listed in the result; the others run on the CPU.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import RESULTS, machine, report
from kernels.device import gpu_support

KERNELS = ("market", "quality", "volatility", "waves", "windows")
ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Check and report; the exit status is 0 only where there is a device and every test passes."""
    support = gpu_support()
    if not support.ok:
        print(f"no GPU to check: {support.reason}", file=sys.stderr)
        return 1
    with_gpu = [name for name in KERNELS if importlib.util.find_spec(f"kernels.{name}.gpu")]
    print(f"{support.reason}; kernels with a GPU version: {', '.join(with_gpu) or 'none yet'}", flush=True)
    tests = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/kernels"], cwd=ROOT, check=False)
    device = re.sub(r"[^a-z0-9]+", "-", support.reason.lower()).strip("-")
    result = {"device": support.reason, "machine": machine(), "kernels_with_gpu": with_gpu, "tests": tests.returncode}
    report(result, RESULTS / f"{device}.json")
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())
