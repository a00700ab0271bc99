"""Importing the whole project prints nothing, warns of nothing, touches no GPU and loads nothing slow or optional."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("kernels", "resources", "assets", "jobs", "definitions")

# Writes what it imported and what should not be there into a file: stdout and stderr must stay empty.
LOOK = """
import importlib, pkgutil, sys
from pathlib import Path
names = []
for layer in sys.argv[2:]:
    module = importlib.import_module(layer)
    names += [layer, *(each.name for each in pkgutil.walk_packages(getattr(module, "__path__", []), layer + "."))]
for name in names:
    importlib.import_module(name)
unwanted = {"torch", "cupy", "exchange_calendars", "yfinance", "matplotlib", "chronos", "transformers", "safetensors"}
found = sorted(name for name in sys.modules if name.split(".")[0] in unwanted or name.startswith("numba.cuda"))
maps = Path("/proc/self/maps")
if maps.exists():
    found += sorted({line.split()[-1] for line in maps.read_text().splitlines() if "libcuda" in line})
Path(sys.argv[1]).write_text(" ".join(names) + chr(10) + " ".join(found))
"""


class Looked(NamedTuple):
    """What importing did: its exit status and output, the modules imported, and what should not be there."""

    status: int
    output: bytes
    modules: list[str]
    found: list[str]


def _look(folder: Path, report: Path, *layers: str) -> Looked:
    command = [sys.executable, "-c", LOOK, str(report), *layers]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    modules, found = report.read_text().split("\n") if report.exists() else ("", "")
    return Looked(done.returncode, done.stdout + done.stderr, modules.split(), found.split())


def test_importing_everything_is_quiet_and_touches_no_gpu(tmp_path: Path) -> None:
    looked = _look(ROOT, tmp_path / "report", *LAYERS)
    assert looked.output == b""
    assert looked.status == 0
    assert looked.found == []
    files = [path for layer in LAYERS[:-1] for path in (ROOT / layer).rglob("*.py")]
    assert len(looked.modules) == len(files) + 1
    assert {"kernels.device", "resources.price_sources.yahoo", "assets.prices", "jobs.daily"} <= set(looked.modules)


def test_the_kernels_alone_bring_neither_dagster_nor_pandas() -> None:
    code = "import pkgutil, sys, kernels\n" + (
        "for each in pkgutil.walk_packages(kernels.__path__, 'kernels.'):\n    __import__(each.name)\n"
        "print(sorted({'dagster', 'pandas', 'pyarrow', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("code", "output", "found"),
    [
        ("print('hello')", b"hello", []),
        ("import warnings\nwarnings.warn('beware', FutureWarning)", b"beware", []),
        ("import torch", b"", ["torch"]),
        ("import numba.cuda", b"", ["numba.cuda"]),
    ],
    ids=["prints", "warns", "torch", "cuda"],
)
def test_a_loud_or_greedy_module_is_caught(tmp_path: Path, code: str, output: bytes, found: list[str]) -> None:
    for name in ("torch", "numba", "numba/cuda"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "planted.py").write_text(code)
    looked = _look(tmp_path, tmp_path / "report", "planted")
    assert output in looked.output
    assert (looked.status, looked.modules, looked.found) == (0, ["planted"], found)
    assert bool(looked.output) == bool(output)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system doesn't list what a process has mapped")
def test_a_mapped_cuda_driver_is_caught(tmp_path: Path) -> None:
    driver = tmp_path / "libcuda.so.1"
    driver.write_bytes(bytes(4096))
    (tmp_path / "planted.py").write_text(
        f"import mmap\nwith open({str(driver)!r}, 'r+b') as file:\n    mapped = mmap.mmap(file.fileno(), 0)"
    )
    assert _look(tmp_path, tmp_path / "report", "planted").found == [str(driver)]
