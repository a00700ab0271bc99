"""What the underscore names of torch must do, here and in the torch that comes next."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kernels.forecast.network import build_module, network_shapes
from resources.aoti_package import CHECK_INPUTS, AotiPackage, read_metadata
from resources.compiled_package import PACKAGE
from resources.network_blocks import BLOCK_ROWS
from resources.package_errors import RefusedPackageError
from tests.compiled_network import CONFIG, FEATURES, compiled_folder, random_inputs, random_weights

ROOT = Path(__file__).resolve().parents[2]

# Builds a small module with compilers that don't exist or fail, and prints the errors.
WITHOUT_COMPILER = """
import sys
from pathlib import Path
import torch
from torch._inductor import config
from resources.aoti_package import build
from resources.package_errors import CompilerError
for compiler in sys.argv[2:]:
    try:
        with config.patch({"cpp.cxx": (None, compiler)}):
            build(torch.nn.Linear(2, 3), torch.zeros(4, 2), Path(sys.argv[1]) / "network.pt2")
    except CompilerError as error:
        print(error)
"""

# Loads and runs a package where there is no compiler, and prints what of torch's compiler was imported.
WITHOUT_COMPILING = """
import os, sys
from pathlib import Path
import torch
from resources.aoti_package import AotiPackage
AotiPackage(Path(sys.argv[1])).run(torch.zeros(int(sys.argv[2]), int(sys.argv[3])))
print([name for name in ("torch._dynamo", "torch._inductor.compile_fx", "torch._inductor.codecache", "triton")
       if name in sys.modules], "AOTI_RUNTIME_CHECK_INPUTS" in os.environ)
"""


@pytest.fixture(scope="module")
def path() -> Path:
    [path] = compiled_folder().glob(f"*/{PACKAGE}")
    return path


@pytest.fixture
def package(path: Path) -> AotiPackage:
    return AotiPackage(path)


def python(code: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    where = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=ROOT, env=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def tensors(seed: int) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in random_weights(seed).items()}


def test_a_package_says_what_it_was_built_for(path, package):
    metadata = read_metadata(path)
    assert metadata["AOTI_DEVICE_KEY"] == "cpu"
    assert metadata["AOTI_CPU_ISA"]
    assert package.weight_names == set(network_shapes(CONFIG, FEATURES))


def test_all_weights_are_replaced_and_copied(package):
    inputs = torch.from_numpy(random_inputs(BLOCK_ROWS))
    for seed in (1, 2, 1):
        weights = tensors(seed)
        package.load_weights(weights)
        for values in weights.values():
            values.fill_(torch.nan)
        with torch.inference_mode():
            expected = build_module(CONFIG, random_weights(seed))(inputs)
        found = package.run(inputs)
        assert (found.shape, found.dtype) == (expected.shape, torch.float32)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_two_packages_of_one_file_have_their_own_weights(path, package):
    other, inputs = AotiPackage(path), torch.from_numpy(random_inputs(BLOCK_ROWS))
    package.load_weights(tensors(1))
    before = package.run(inputs)
    other.load_weights(tensors(2))
    other.run(inputs)
    assert torch.equal(package.run(inputs), before)


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_weights_of_other_names_are_refused_and_change_nothing(package, change):
    inputs = torch.from_numpy(random_inputs(BLOCK_ROWS))
    package.load_weights(tensors(1))
    before, weights = package.run(inputs), tensors(2)
    if change == "missing":
        del weights["w1"]
    else:
        weights["w4"] = weights["w1"]
    with pytest.raises(RefusedPackageError, match=r"w3'\] where it has|w4'\] where it has"):
        package.load_weights(weights)
    assert torch.equal(package.run(inputs), before)


@pytest.mark.parametrize("users", [None, "0", "1"])
@pytest.mark.parametrize(
    ("inputs", "fault"),
    [
        (torch.zeros(BLOCK_ROWS - 1, FEATURES), "unmatched dim value at 0, expected: 2048, but got: 2047"),
        (torch.zeros(BLOCK_ROWS, FEATURES + 1), "unmatched dim value at 1"),
        (torch.zeros(BLOCK_ROWS, FEATURES, dtype=torch.float64), "unmatched dtype"),
        (torch.zeros(FEATURES, BLOCK_ROWS).T, "unmatched stride"),
    ],
    ids=["rows", "columns", "dtype", "layout"],
)
def test_other_inputs_are_refused_whatever_the_environment_says(package, monkeypatch, capfd, users, inputs, fault):
    if users is None:
        monkeypatch.delenv(CHECK_INPUTS, raising=False)
    else:
        monkeypatch.setenv(CHECK_INPUTS, users)
    package.run(torch.zeros(BLOCK_ROWS, FEATURES))
    assert os.environ.get(CHECK_INPUTS) == users
    with pytest.raises(RefusedPackageError, match=fault):
        package.run(inputs)
    # torch prints the fault, too.
    assert fault in capfd.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"no package", "half"], ids=["none", "empty", "text", "half"])
def test_what_is_no_package_is_refused(tmp_path, path, capfd, content):
    damaged = tmp_path / PACKAGE
    if content == "half":
        damaged.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif content is not None:
        damaged.write_bytes(content)
    for call in (AotiPackage, read_metadata):
        with pytest.raises(RefusedPackageError, match="-j compile_forecaster"):
            call(damaged)
    capfd.readouterr()


def test_a_missing_or_failing_compiler_is_named_with_what_mends_it(tmp_path):
    failing = tmp_path / "failing"
    failing.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "g++ 13.3.0" && exit 0\necho "out of memory" >&2\nexit 1\n'
    )
    failing.chmod(0o755)
    used = tmp_path / "temporary"
    used.mkdir()
    printed = python(WITHOUT_COMPILER, str(tmp_path), "no-such-compiler", str(failing), TMPDIR=str(used))
    missing, failed = printed.strip().split("\n")
    assert "no-such-compiler" in missing
    assert "C++ compile error" in failed
    for message in (missing, failed):
        assert "To mend: install g++ (Debian, Ubuntu: apt-get install g++)" in message
    assert not (tmp_path / PACKAGE).exists()
    assert list(used.rglob("*.cpp")) == []


def test_a_package_needs_no_compiler_and_imports_none(path, tmp_path):
    printed = python(WITHOUT_COMPILING, str(path), str(BLOCK_ROWS), str(FEATURES), PATH=str(tmp_path))
    assert printed == "[] False\n"


def test_outputs_of_the_golden_weights_are_finite(package):
    assert np.isfinite(package.run(torch.zeros(BLOCK_ROWS, FEATURES)).numpy()).all()
