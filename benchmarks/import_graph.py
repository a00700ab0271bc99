"""Draw docs/images/architecture.svg from the imports of the code: `python -m benchmarks.import_graph`.

Above, the rooms and which imports which. Below, a table: which asset and which kernel builds on which kernel.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.both_themes import in_both_themes
from resources.charts.sheet import Sheet
from resources.charts.theme import paint
from resources.charts.words import text_width

ROOT = Path(__file__).resolve().parents[1]
PICTURE = Path("docs") / "images" / "architecture.svg"

ROOMS = {
    "kernels": ("pure compute:", "arrays in, arrays out"),
    "resources": ("own files, devices", "and settings"),
    "assets": ("read, compute,", "write a table, report"),
    "jobs": ("what runs together,", "and when"),
    "definitions": ("what Dagster", "loads"),
}
"""The rooms in the order of their arrows, and what each is for."""

LEFT_OUT = re.compile(r"wiring|tables|table_contract|(\w+_)?contracts|charts|report")
"""Files and folders of `resources` that describe or show what others compute: importing one says nothing."""

WIDTH, EDGE = 940.0, 24.0
ROOM_TOP, ROOM_HEIGHT, ROOM_GAP = 56.0, 66.0, 34.0
TABLE_TOP, ROW, NAMES = 312.0, 19.0, 160.0
CORNER = 60.0
"""Pixels right of the last column, into which its turned name reaches."""
DOT = 5.0


Module = tuple[str, ...]
"""A module's name in parts."""


@dataclass(frozen=True)
class Graph:
    """Who imports whom.

    Attributes:
        rooms: each room, and the other rooms that its files import.
        assets: each asset in the order of the chain, and the kernels that its file imports.
        through: each asset, and the kernels that the files of `resources` import which it builds on.
        kernels: each kernel after those it builds on, and these.
    """

    rooms: Mapping[str, frozenset[str]]
    assets: Mapping[str, frozenset[str]]
    through: Mapping[str, frozenset[str]]
    kernels: Mapping[str, frozenset[str]]


def read_graph(root: Path) -> Graph:
    """Read the imports of every file of the rooms, those inside functions too."""
    files = {path.relative_to(root): _imports(path) for room in ROOMS for path in _files(root, room)}
    ops = {path.parent.name for path in root.glob("kernels/*/__init__.py")}
    rooms = {
        room: {module[0] for path, found in files.items() if _room(path) == room for module in found} for room in ROOMS
    }
    assets = _listed(root / "assets" / "catalogue.py")
    own = {name: _kernels(files[Path("assets", f"{name}.py")]) & ops for name in assets}
    behind = {name: _resources_behind(files, Path("assets", f"{name}.py")) for name in assets}
    through = {name: frozenset().union(*(_kernels(files[path]) for path in behind[name])) & ops for name in assets}
    inside = {
        name: frozenset().union(*(_kernels(found) for path, found in files.items() if path.parts[1:2] == (name,)))
        for name in sorted(ops)
    }
    return Graph(
        {room: frozenset(found & ROOMS.keys() - {room}) for room, found in rooms.items()},
        own,
        {name: through[name] - own[name] for name in assets},
        _sorted({name: inside[name] & ops - {name} for name in inside}),
    )


def _kernels(imported: Iterable[Module]) -> frozenset[str]:
    return frozenset(module[1] for module in imported if module[0] == "kernels" and len(module) > 1)


def _resources_behind(files: Mapping[Path, set[Module]], asset: Path) -> set[Path]:
    """The files of `resources` that a file imports, and those that these import."""
    waiting, seen = [asset], set()
    while waiting:
        for module in files[waiting.pop()]:
            if module[0] != "resources" or any(map(LEFT_OUT.fullmatch, module)):
                continue
            # What is neither a file nor a folder is a name in a file that is listed beside it.
            for path in (Path(*module).with_suffix(".py"), Path(*module, "__init__.py")):
                if path in files and path not in seen:
                    seen.add(path)
                    waiting.append(path)
    return seen


def _files(root: Path, room: str) -> list[Path]:
    return sorted((root / room).rglob("*.py")) if (root / room).is_dir() else [root / f"{room}.py"]


def _room(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def _imports(path: Path) -> set[Module]:
    """The modules that a file imports, in parts; of `from a import b` both a and a.b, as b may be one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {tuple(module.split(".")) for module in found if module.split(".")[0] in ROOMS}


def _listed(catalogue: Path) -> list[str]:
    """The names in the list ASSETS, whose order is that of the chain."""
    for node in ast.parse(catalogue.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ASSETS":
            return [ast.unparse(each) for each in node.value.elts]  # type: ignore[attr-defined]
    raise ValueError(f"{catalogue.name} has no list ASSETS")


def _sorted(kernels: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Kernels by how many layers lie below them, then by name."""

    @cache
    def layer(name: str) -> int:
        return 1 + max(map(layer, kernels[name]), default=0)

    return {name: kernels[name] for name in sorted(kernels, key=lambda each: (layer(each), each))}


def draw(graph: Graph) -> str:
    """The drawing as an SVG file."""
    rows = 2 + len(graph.assets) + len(graph.kernels)
    sheet = Sheet("import-graph", WIDTH, TABLE_TOP + ROW * rows + EDGE)
    sheet.text(EDGE, 30.0, "Who imports whom", font_size=17.0, font_weight="bold")
    _draw_rooms(sheet, graph.rooms)
    _draw_table(sheet, graph)
    backward = sum(map(len, _backward(graph.rooms).values()))
    words = f"Rooms {', '.join(ROOMS)}; {backward} imports of a later room. {len(graph.kernels)} kernels."
    return in_both_themes(sheet.svg("The rooms of Wavemill, and the kernels behind each asset", words))


def _backward(rooms: Mapping[str, frozenset[str]]) -> dict[str, set[str]]:
    order = list(ROOMS)
    return {room: {each for each in found if order.index(each) > order.index(room)} for room, found in rooms.items()}


def _draw_rooms(sheet: Sheet, rooms: Mapping[str, frozenset[str]]) -> None:
    """Boxes from left to right; an arrow points at what is imported, below the boxes where it passes over one."""
    width = (WIDTH - 2.0 * EDGE - ROOM_GAP * (len(ROOMS) - 1)) / len(ROOMS)
    left = {room: EDGE + place * (width + ROOM_GAP) for place, room in enumerate(ROOMS)}
    backward = _backward(rooms)
    order = list(ROOMS)
    for room, words in ROOMS.items():
        x = left[room]
        sheet.add(
            "rect", x=x, y=ROOM_TOP, width=width, height=ROOM_HEIGHT, rx=6.0, fill=paint("zone"), stroke=paint("bar")
        )
        sheet.text(x + 12.0, ROOM_TOP + 22.0, room, font_size=15.0, font_weight="bold")
        for line, each in enumerate(words):
            sheet.text(x + 12.0, ROOM_TOP + 40.0 + 15.0 * line, each, fill=paint("muted"))
    for room in ROOMS:
        for target in sorted(rooms[room], key=order.index):
            colour = paint("invalidation" if target in backward[room] else "wave")
            steps = order.index(room) - order.index(target)
            if steps == 1:
                y = ROOM_TOP + 0.5 * ROOM_HEIGHT
                sheet.line(left[room] - 4.0, y, left[target] + width + 10.0, y, stroke=colour, stroke_width=2.0)
                _head(sheet, left[target] + width + 4.0, y, (1.0, 0.0), colour)
                continue
            # The longer the way, the deeper the line; each leaves and arrives beside the others.
            bottom = ROOM_TOP + ROOM_HEIGHT
            depth = bottom + 12.0 + 11.0 * abs(steps) + 4.0 * order.index(target)
            begin = left[room] + 0.5 * width - 16.0 * steps
            end = left[target] + 0.5 * width + 16.0 * steps
            sheet.path(
                f"M{begin:.1f} {bottom + 4:.1f}V{depth:.1f}H{end:.1f}V{bottom + 10:.1f}",
                fill="none",
                stroke=colour,
                stroke_width=1.5,
            )
            _head(sheet, end, bottom + 4.0, (0.0, 1.0), colour)


def _head(sheet: Sheet, x: float, y: float, back: tuple[float, float], colour: str) -> None:
    """The head of an arrow whose tip is at (x, y); `back` points along the line."""
    across = (-back[1] * 4.0, back[0] * 4.0)
    base = (x + 9.0 * back[0], y + 9.0 * back[1])
    corners = ((x, y), (base[0] + across[0], base[1] + across[1]), (base[0] - across[0], base[1] - across[1]))
    sheet.path("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in corners) + "z", fill=colour)


def _draw_table(sheet: Sheet, graph: Graph) -> None:
    """A row for each asset and kernel, a column for each kernel."""
    step = (WIDTH - 2.0 * EDGE - NAMES - CORNER) / len(graph.kernels)
    at = {name: EDGE + NAMES + step * (place + 0.5) for place, name in enumerate(graph.kernels)}
    bottom = TABLE_TOP + ROW * (2 + len(graph.assets) + len(graph.kernels))
    _legend(sheet)
    for name, x in at.items():
        turned = f"rotate(-50 {x:.1f} {TABLE_TOP - 6:.1f})"
        sheet.text(x, TABLE_TOP - 6.0, name, transform=turned)
        sheet.line(x, TABLE_TOP, x, bottom, stroke=paint("grid"))
    y = TABLE_TOP
    for heading, own, through in (
        ("assets", graph.assets, graph.through),
        ("kernels", graph.kernels, {}),
    ):
        sheet.text(EDGE, y + 0.7 * ROW, heading, font_weight="bold")
        y += ROW
        for name in own:
            middle = y + 0.5 * ROW
            sheet.text(EDGE + 12.0, middle + 4.0, name)
            sheet.line(EDGE + 12.0, y + ROW, WIDTH - EDGE - CORNER, y + ROW, stroke=paint("grid"))
            _dots(sheet, (at[each] for each in graph.kernels if each in own[name]), middle, filled=True)
            _dots(sheet, (at[each] for each in graph.kernels if each in through.get(name, ())), middle, filled=False)
            y += ROW


def _dots(sheet: Sheet, places: Iterable[float], y: float, *, filled: bool) -> None:
    for x in places:
        sheet.add(
            "circle",
            cx=x,
            cy=y,
            r=DOT if filled else DOT - 1.0,
            fill=paint("wave") if filled else paint("paper"),
            stroke=paint("wave"),
            stroke_width=1.5,
        )


def _legend(sheet: Sheet) -> None:
    y, x = 216.0, EDGE
    for filled, words in (
        (True, "its file imports this kernel"),
        (False, "a file of resources that it builds on does"),
    ):
        _dots(sheet, [x + DOT], y, filled=filled)
        sheet.text(x + 18.0, y + 4.0, words, fill=paint("muted"))
        x += 48.0 + text_width(words, 12.0)


def main() -> int:
    """Write the drawing, and say so."""
    target = ROOT / PICTURE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(draw(read_graph(ROOT)))
    print(PICTURE.as_posix())
    return 0


if __name__ == "__main__":
    sys.exit(main())
