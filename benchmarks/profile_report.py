"""Where a forecast day spends its time: a flame graph and a table, from samples that py-spy takes of it.

Run from the project root: `python -m benchmarks.profile_report [--out FOLDER]`; other options are handed on to
`benchmarks.profile_forecast`. Writes `forecast.svg`, to be opened in a browser, `forecast.md`, and the program's own
`forecast.json`, into `data/profile` unless told otherwise.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "data" / "profile"
PROGRAM = "benchmarks.profile_forecast"
PARTS = ("warm_up", "one_session", "rolling_origins")
RATE, ROWS = 200, 15

# A frame as py-spy draws it: its name, how many samples it was seen in, its depth, and its place among the samples.
FRAME = re.compile(
    r'<title>([^<]*) \([\d,]+ samples?, [\d.]+%\)</title><rect [^>]*y="(\d+)"[^>]*fg:x="(\d+)" fg:w="(\d+)"'
)


@dataclass(frozen=True)
class Shares:
    """Samples of a part: all of them, and by function those in which it ran itself or was on the stack."""

    samples: int
    own: Counter[str]
    total: Counter[str]


def main() -> None:
    """Sample, and write the flame graph and the table."""
    parser = argparse.ArgumentParser(description="Sample a forecast day.")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the flame graph and the table")
    asked, options = parser.parse_known_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    graph, measured, table = (asked.out / f"forecast.{kind}" for kind in ("svg", "json", "md"))
    for old in (graph, measured, table):
        old.unlink(missing_ok=True)
    done = sample([sys.executable, "-m", PROGRAM, "--json", str(measured), *options], graph)
    # py-spy ends well even when the program didn't.
    if done.returncode or not measured.exists() or not graph.exists():
        raise SystemExit(f"no sample of {PROGRAM} could be taken:\n{done.stdout}{done.stderr}")
    stacks = frames_of(graph.read_text(encoding="utf-8"))
    table.write_text(markdown(json.loads(measured.read_text(encoding="utf-8")), stacks), encoding="utf-8")
    print(table.read_text(encoding="utf-8"))
    print(f"Flame graph: {graph}\nTable: {table}")


def sample(command: list[str], graph: Path) -> subprocess.CompletedProcess[str]:
    """Run a program under py-spy, which starts it and so may look into it."""
    spy = Path(sysconfig.get_path("scripts")) / "py-spy"
    if not spy.exists():
        raise SystemExit('py-spy is missing: pip install -c constraints.txt -e ".[dev]"')
    recorded = [spy, "record", "--function", "--rate", str(RATE), "--output", graph, "--", *command]
    return subprocess.run(recorded, cwd=ROOT, capture_output=True, text=True, check=False)


def frames_of(svg: str) -> list[tuple[tuple[str, ...], int]]:
    """Every stack of a flame graph, outermost function first, and the samples in which its last function itself ran."""
    frames = sorted((int(x), int(y), int(width), unescape(name)) for name, y, x, width in FRAME.findall(svg))
    stacks: list[tuple[tuple[str, ...], int]] = []
    open_frames: list[tuple[int, int, int]] = []
    for x, y, width, name in frames:
        while open_frames and (open_frames[-1][0] <= x or open_frames[-1][1] >= y):
            open_frames.pop()
        outer = stacks[open_frames[-1][2]] if open_frames else ((), 0)
        if open_frames:
            stacks[open_frames[-1][2]] = (outer[0], outer[1] - width)
        open_frames.append((x + width, y, len(stacks)))
        stacks.append(((*outer[0], name), width))
    return stacks


def shares_within(stacks: Iterable[tuple[tuple[str, ...], int]], part: str) -> Shares:
    """What ran within the function `part` of the program; "" for everything."""
    own, total, samples = Counter[str](), Counter[str](), 0
    for stack, width in stacks:
        places = [place for place, name in enumerate(stack) if not part or name.startswith(f"{part} (")]
        if not places:
            continue
        samples += width
        own[stack[-1]] += width
        # A function that calls itself is on the stack once.
        total.update(dict.fromkeys(stack[places[0] :], width))
    return Shares(samples, own, total)


def markdown(measured: dict[str, Any], stacks: list[tuple[tuple[str, ...], int]]) -> str:
    """The table: the parts of the program, and the functions that take most of the day itself."""
    every = shares_within(stacks, "")
    parts = {part: shares_within(stacks, part) for part in PARTS}
    day = [parts["one_session"], parts["rolling_origins"]]
    facts = (f"{name} {measured[name]}" for name in ("model", "symbols", "origins_of_a_symbol", "last_session", "days"))
    lines = ["# Where a forecast day spends its time", "", f"{', '.join(facts)}; {RATE} samples a second.", ""]
    lines += ["| part | seconds | samples |", "|---|---|---|"]
    rest = every.samples - sum(part.samples for part in parts.values())
    lines += [f"| start: imports and bars | | {rest} |"]
    lines += [f"| {name} | {measured['seconds'][name]} | {part.samples} |" for name, part in parts.items()]
    samples = max(sum(part.samples for part in day), 1)
    for title, counters in (
        ("Functions by the time in themselves", [part.own for part in day]),
        ("Functions by the time in them and in what they call", [part.total for part in day]),
    ):
        lines += ["", f"## {title}", "", "| share of the day | samples | function |", "|---|---|---|"]
        for name, count in sum(counters, Counter[str]()).most_common(ROWS):
            lines.append(f"| {count / samples:.1%} | {count} | `{name}` |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
