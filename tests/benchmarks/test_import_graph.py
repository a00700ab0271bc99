"""The drawing in docs/architecture.md is that of the code's imports."""

from pathlib import Path

import pytest

from benchmarks import import_graph

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_drawing_is_that_of_the_imports():
    drawn = import_graph.draw(import_graph.read_graph(ROOT))
    assert (ROOT / import_graph.PICTURE).read_text() == drawn, "run python -m benchmarks.import_graph"


@pytest.fixture
def planted(tmp_path) -> Path:
    """Five rooms with one asset, which builds on one kernel by itself and on another through a resource."""
    for room in ("kernels/waves", "kernels/nulls", "resources", "assets", "jobs"):
        (tmp_path / room).mkdir(parents=True)
    for op in ("waves", "nulls"):
        (tmp_path / "kernels" / op / "__init__.py").write_text("from kernels.waves import search\n" * (op == "nulls"))
    (tmp_path / "resources/significance.py").write_text("def f():\n    from kernels import nulls\n")
    (tmp_path / "resources/wiring.py").write_text("import kernels.waves\n")
    (tmp_path / "assets/patterns.py").write_text("from kernels.waves import scan\nfrom resources import significance\n")
    (tmp_path / "assets/catalogue.py").write_text("from assets.patterns import patterns\nASSETS = [patterns]\n")
    (tmp_path / "definitions.py").write_text("from assets.catalogue import ASSETS\n")
    return tmp_path


def test_the_graph_is_that_of_the_files(planted):
    graph = import_graph.read_graph(planted)
    assert graph.assets == {"patterns": {"waves"}}
    assert graph.through == {"patterns": {"nulls"}}
    assert graph.kernels == {"waves": set(), "nulls": {"waves"}}
    assert graph.rooms["assets"] == {"kernels", "resources"}
    assert "0 imports of a later room" in import_graph.draw(graph)


def test_an_import_backwards_is_drawn_in_red(planted):
    red = '"#c8102e"'
    before = import_graph.draw(import_graph.read_graph(planted)).count(red)
    (planted / "kernels/waves/rules.py").write_text("import jobs.daily\n")
    drawn = import_graph.draw(import_graph.read_graph(planted))
    assert drawn.count(red) > before
    assert "1 imports of a later room" in drawn
