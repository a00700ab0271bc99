"""Who may import whom, read from the source: `kernels <- resources <- assets <- jobs <- definitions`."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

import kernels

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("kernels", "resources", "assets", "jobs", "definitions")
SLOW_OR_OPTIONAL = frozenset({"torch", "cupy", "matplotlib", "exchange_calendars", "yfinance"})
NOT_IN_KERNELS = frozenset({"dagster", "pandas"})
# Dagster reads the annotations of assets, ops and their resources as they are; as text it refuses them.
REAL_ANNOTATIONS = ("assets", "jobs")


@dataclass(frozen=True)
class Import:
    """One import: of what, where, and whether importing the file runs it."""

    module: str
    line: int
    at_import: bool
    names: tuple[str, ...] = ()


class _Imports(ast.NodeVisitor):
    """Collects the imports of a module; those inside functions or `if TYPE_CHECKING` don't run when it is imported."""

    def __init__(self, package: str) -> None:
        self.found: list[Import] = []
        self._package = package.split(".")
        self._at_import = True

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [Import(alias.name, node.lineno, self._at_import) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = self._package[: len(self._package) - node.level + 1] if node.level else []
        module = ".".join([*base, *([node.module] if node.module else [])])
        names = tuple(alias.name for alias in node.names)
        self.found.append(Import(module, node.lineno, self._at_import, names))

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)
            return
        self._visit_later(node.body)
        for each in node.orelse:
            self.visit(each)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_later(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_later(node.body)

    def _visit_later(self, body: list[ast.stmt]) -> None:
        before, self._at_import = self._at_import, False
        for each in body:
            self.visit(each)
        self._at_import = before


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for layer in LAYERS[:-1]:
        for path in sorted((root / layer).rglob("*.py")):
            yield layer, path
    yield LAYERS[-1], root / f"{LAYERS[-1]}.py"


def _imports(root: Path, path: Path) -> list[Import]:
    visitor = _Imports(".".join(path.relative_to(root).parent.parts))
    visitor.visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return visitor.found


def violations(root: Path) -> list[str]:
    """Every import below `root` that breaks a rule, as `path:line imports module: rule`."""
    found = []
    for layer, path in _files(root):
        for each in _imports(root, path):
            top = each.module.split(".")[0]
            broken = []
            if top in LAYERS and LAYERS.index(top) > LAYERS.index(layer):
                broken.append(f"{layer} come before {top}")
            if layer == "kernels" and top in NOT_IN_KERNELS:
                broken.append("kernels know arrays only")
            if each.at_import and top in SLOW_OR_OPTIONAL:
                broken.append("belongs inside the function that needs it")
            if each.module == "__future__" and "annotations" in each.names and layer in REAL_ANNOTATIONS:
                broken.append("Dagster needs real annotations")
            place = f"{path.relative_to(root).as_posix()}:{each.line}"
            found += [f"{place} imports {each.module}: {rule}" for rule in broken]
    return found


def test_no_import_goes_backwards_or_where_it_does_not_belong() -> None:
    assert violations(ROOT) == []


def test_every_layer_is_looked_at_and_imports_something_of_the_layer_below() -> None:
    used: dict[str, set[str]] = {layer: set() for layer in LAYERS}
    for layer, path in _files(ROOT):
        used[layer] |= {each.module.split(".")[0] for each in _imports(ROOT, path)} & set(LAYERS)
    for below, layer in pairwise(LAYERS):
        assert below in used[layer]


def test_the_kernels_under_test_are_those_of_this_project() -> None:
    assert kernels.__file__ is not None
    assert Path(kernels.__file__).resolve() == ROOT / "kernels" / "__init__.py"


PLANTED = [
    ("kernels/waves/cpu.py", "import resources.parquet_lake", "kernels come before resources"),
    ("kernels/panel.py", "def f():\n    from assets.prices import prices", "kernels come before assets"),
    ("kernels/panel.py", "import pandas as pd", "kernels know arrays only"),
    ("kernels/panel.py", "from dagster import asset", "kernels know arrays only"),
    ("kernels/memory/pool.py", "try:\n    import cupy\nexcept ImportError:\n    cupy = None", "belongs inside"),
    ("kernels/forecast/model.py", "import torch.nn as nn", "belongs inside the function"),
    ("kernels/forecast/model.py", "class Net:\n    import torch", "belongs inside the function"),
    ("resources/lake.py", "from jobs.daily import daily_sp500", "resources come before jobs"),
    ("resources/lake.py", "if TYPE_CHECKING:\n    from assets.prices import prices", "resources come before assets"),
    ("resources/lake.py", "import yfinance", "belongs inside the function"),
    ("resources/lake.py", "from exchange_calendars import get_calendar", "belongs inside the function"),
    ("assets/prices.py", "import definitions", "assets come before definitions"),
    ("assets/prices.py", "from jobs import daily", "assets come before jobs"),
    ("assets/prices.py", "from __future__ import annotations", "Dagster needs real annotations"),
    ("assets/report.py", "import matplotlib.pyplot", "belongs inside the function"),
    ("jobs/daily.py", "from definitions import defs", "jobs come before definitions"),
    ("jobs/daily.py", "from __future__ import annotations", "Dagster needs real annotations"),
]


@pytest.mark.parametrize(("path", "code", "rule"), PLANTED)
def test_a_planted_violation_is_caught(tmp_path: Path, path: str, code: str, rule: str) -> None:
    _plant(tmp_path, path, code)
    (found,) = violations(tmp_path)
    assert found.startswith(f"{path}:")
    assert rule in found


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("kernels/waves/cpu.py", "from kernels.panel import PricePanel\nfrom . import rules\nfrom ..panel import X"),
        ("kernels/panel.py", "from __future__ import annotations\nimport numpy as np\nfrom numba import njit"),
        ("kernels/forecast/model.py", "def build():\n    import torch\n    return torch"),
        ("kernels/forecast/model.py", "if TYPE_CHECKING:\n    import torch"),
        ("resources/prices.py", "import pandas\nimport dagster\nfrom kernels.panel import PricePanel"),
        ("resources/prices.py", "class Yahoo:\n    def fetch(self):\n        import yfinance"),
        ("assets/prices.py", "import kernels.waves\nfrom resources import parquet_lake\nfrom assets import partitions"),
        ("definitions.py", "import jobs, assets, resources, kernels"),
    ],
)
def test_what_is_allowed_is_not_caught(tmp_path: Path, path: str, code: str) -> None:
    _plant(tmp_path, path, code)
    assert violations(tmp_path) == []


def _plant(root: Path, path: str, code: str) -> None:
    for layer in LAYERS[:-1]:
        (root / layer).mkdir()
    (root / f"{LAYERS[-1]}.py").write_text("")
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(code)
