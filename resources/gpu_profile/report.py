"""The profile as a page to read, and as one JSON file: the same numbers in both."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from resources.gpu_profile.traces import SHOWN

JSON, PAGE = "profile.json", "profile.html"
UNKNOWN = "\u2013"

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}caption{text-align:left;font-weight:600}"
    "th,td{padding:.15rem .7rem;text-align:left;border-bottom:1px solid #8884}"
    "td.number{text-align:right;font-variant-numeric:tabular-nums}"
    "pre{background:#8882;padding:.6rem;overflow-x:auto}.scroll{overflow-x:auto}"
)

TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "limits": ("What the device can do", ("name", "value", "unit", "size", "repeats")),
    "transfers": (
        "Transfers: 10**9 bytes made available in a second",
        ("method", "bytes", "moved", "gigabytes_per_second", "seconds", "state", "reason"),
    ),
    "throughput": (
        "Throughput by batch size",
        ("case", "backend", "threads", "batch", "per_second", "unit", "seconds", "state", "reason"),
    ),
    "ratios": (
        "The GPU beside the CPU of the same machine",
        ("case", "gpu_per_second", "cpu_per_second", "times_all_threads", "times_two_threads"),
    ),
    "beside_limits": (
        "Beside the device's limits: 1 = no faster version can exist",
        ("case", "batch", "seconds", "least_seconds", "bound", "share"),
    ),
    "phases": (
        "Memory by phase, in bytes",
        ("phase", "seconds", "before", "peak", "allocated", "reserved", "error"),
    ),
}
"""Table of the page: its caption and its columns, keys of the rows."""


def write_report(profile: Mapping[str, Any], folder: Path, charts: Sequence[str] = (), style: str = "") -> list[Path]:
    """Write the JSON and the page; a reader sees the old or the new file, never half.

    Args:
        profile: as `profile` made it.
        folder: where they go; it is made.
        charts: SVGs for the page.
        style: CSS that the charts need.

    Returns:
        The two files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(profile, indent=2, allow_nan=False) + "\n"
    written = [folder / JSON, folder / PAGE]
    for path, content in zip(written, (text, page_of(profile, charts, style)), strict=True):
        write_whole(path, content)
    return written


def write_whole(path: Path, content: str) -> None:
    """Write a file under another name and rename it."""
    own = path.with_name(f".{path.name}.{os.getpid()}")
    own.write_text(content, encoding="utf-8")
    own.replace(path)


def page_of(profile: Mapping[str, Any], charts: Sequence[str] = (), style: str = "") -> str:
    """The page: what was measured in its first line, then what to set, then the numbers.

    Every name and reason is escaped; `charts` and `style` are taken as they are.
    """
    title = f"Profile of {profile['device']}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p><strong>{escape(profile['headline'])}</strong></p>",
        f"<p>{_facts(profile['facts'])}</p>",
        "<h2>What to set</h2>",
        *(_recommendation(each) for each in profile.get("recommendations", ())),
        *(f"<figure>{chart}</figure>" for chart in charts),
    ]
    for name, (caption, columns) in TABLES.items():
        rows = profile.get(name)
        if name == "phases" and rows:
            caption = f"{caption}: {profile['memory']}"
        if rows:
            parts.append(_table(caption, columns, rows))
    if "utilisation" in profile:
        parts.append("<h2>How busy the GPU was</h2>")
        parts.append(f"<p>{_facts(profile['utilisation'])}</p>")
    files = profile.get("files", {})
    if files:
        # Named relative to the page, so that the folder can be taken elsewhere.
        listed = "".join(
            f'<li><a href="{escape(name)}">{escape(name)}</a>: {escape(SHOWN.get(name, ""))}</li>'
            for name in (Path(path).name for path in files.values())
        )
        parts.append(f"<h2>Files</h2><ul>{listed}</ul>")
    return "\n".join([*parts, "</body></html>", ""])


def words(value: Any) -> str:
    """A value of a table as a reader takes it."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value == 0.0:
            return "0"
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return str(value)


def _recommendation(each: Mapping[str, Any]) -> str:
    told = f"<h3>{escape(each['setting'])}: {escape(each['value'])}</h3><p>{escape(each['reason'])}</p>"
    return told + (f"<pre>{escape(each['lines'])}</pre>" if each["lines"] else "")


def _facts(values: Mapping[str, Any]) -> str:
    return escape("; ".join(f"{name.replace('_', ' ')}: {words(value)}" for name, value in values.items()))


def _table(caption: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    names = list(columns)
    head = "".join(f'<th scope="col">{escape(name.replace("_", " "))}</th>' for name in names)
    body = "".join(f"<tr>{''.join(_cell(row[name]) for name in names)}</tr>\n" for row in rows)
    inner = f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
    return f'<div class="scroll"><table>{inner}</table></div>'


def _cell(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f'<td class="number">{words(value)}</td>' if number else f"<td>{escape(words(value))}</td>"
