"""What is profiled, and the limits of it: on the CPU, and the kernel's arithmetic in CUDA's simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernels.device import gpu_support
from resources.gpu_profile.limits import BYTES, OPERATIONS, SECONDS, device_limits, limit_of
from resources.gpu_profile.multiply_add import CHAINS, FACTOR, TERM
from resources.gpu_profile.target import Target, cpu_name, find_target

ROOT = Path(__file__).parents[3]


def test_the_limits_of_a_cpu_are_bandwidth_arithmetic_and_a_launch():
    limits = device_limits(Target("a CPU", "for a test"), 4096, 8)
    assert {(limit.name, limit.unit) for limit in limits} == {
        ("copy", BYTES),
        ("triad float64", BYTES),
        ("matmul float32", OPERATIONS),
        ("matmul float64", OPERATIONS),
        ("launch and wait", SECONDS),
    }
    assert all(limit.value > 0.0 and limit.repeats > 0 for limit in limits)
    assert limit_of(limits, "copy") == limits[0].value
    assert limit_of(limits, "matmul bfloat16") is None


def test_the_simulator_is_named_and_its_kernel_multiplies_and_adds():
    variables = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "tests.resources.gpu_profile.multiply_in_the_simulator"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["headline"].startswith("A rehearsal in CUDA's simulator")
    assert (found["backends"], found["on_gpu"]) == (["cpu", "gpu"], False)
    assert found["limits"][-1] == "multiply-add float64"
    assert len(found["before"]) == found["threads"]
    for before, after in zip(found["before"], found["after"], strict=True):
        chains = [before + place for place in range(CHAINS)]
        for _ in range(found["steps"]):
            chains = [chain * FACTOR + TERM for chain in chains]
        assert after == pytest.approx(sum(chains), rel=1e-14)


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_without_a_gpu_the_headline_says_so_and_why():
    target = find_target()
    assert (target.torch_device, target.backends, target.on_gpu) == ("cpu", ("cpu",), False)
    assert target.name == cpu_name()
    assert target.headline.startswith(f"No GPU was measured: these are the CPU paths on {target.name}")
    assert gpu_support().reason in target.headline
    assert "torch" in target.headline


@pytest.mark.parametrize(
    ("target", "on_gpu", "words"),
    [
        (Target("X1", "r", "cuda", ("cpu", "gpu")), True, "Measured on X1"),
        (Target("X1", "r", "cuda", ("cpu",)), True, "Measured on X1"),
        (Target("X1", "r", "cpu", ("cpu", "gpu")), True, "Measured on X1"),
        (Target("X1", "r", "cpu", ("cpu", "gpu"), simulated=True), False, "A rehearsal"),
        (Target("X1", "r"), False, "No GPU was measured"),
    ],
)
def test_the_headline_says_what_was_measured(target, on_gpu, words):
    assert target.on_gpu == on_gpu
    assert target.headline.startswith(words)
