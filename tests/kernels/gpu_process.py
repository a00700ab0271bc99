"""GPU versions under test, each in a process of its own: CUDA's simulator takes CUDA's place in the whole process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernels.device import gpu_support

ROOT = Path(__file__).parents[2]
IN_THE_SIMULATOR = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
NO_GPU = pytest.mark.skipif(not gpu_support().ok, reason=gpu_support().reason)
# The simulator's threads poll each other: the shorter the wait for the interpreter, the less of it is in vain.
AS_MAIN = "import runpy, sys; sys.setswitchinterval(0.0005); runpy.run_module({!r}, run_name='__main__')"
DEVICES = ["simulator", pytest.param("device", marks=NO_GPU)]


def run_on(device: str, module: str, file: Path, *arguments: str) -> bytes:
    """Run a module on one of `DEVICES`; it writes its results into the file that it is given. Returns them."""
    variables = os.environ | (IN_THE_SIMULATOR if device == "simulator" else {})
    command = [sys.executable, "-c", AS_MAIN.format(module), str(file), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    if device == "simulator":
        assert (done.stdout, done.stderr) == ("", "")
    return file.read_bytes()
