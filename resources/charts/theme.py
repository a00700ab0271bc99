"""Colours that follow the page: each is a CSS custom property with the light theme's colour as its fallback."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from kernels.errors import InvalidInputError

Theme = Literal["light", "dark"]

COLOURS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "paper": ("#ffffff", "#14181f"),
        "ink": ("#1b2027", "#e6e9ee"),
        "muted": ("#5c6775", "#9aa6b5"),
        "grid": ("#e4e8ed", "#272e38"),
        "zone": ("#f2f5f9", "#1c222b"),
        "bar": ("#99a3b0", "#69747f"),
        "wave": ("#0072b2", "#56b4e9"),
        "wave-1": ("#b85300", "#e69f00"),
        "wave-2": ("#a34a86", "#e39cc4"),
        "wave-3": ("#00795a", "#2fbd93"),
        "target": ("#00795a", "#2fbd93"),
        "invalidation": ("#c8102e", "#ff6b5e"),
        "series-1": ("#0072b2", "#56b4e9"),
        "series-2": ("#b85300", "#e69f00"),
        "series-3": ("#00795a", "#2fbd93"),
        "series-4": ("#a34a86", "#e39cc4"),
        "series-5": ("#6b6b00", "#f0e442"),
        "series-6": ("#5c6775", "#9aa6b5"),
    }
)
"""Name of the custom property without its dashes: light colour, dark colour. The hues are those of Okabe and Ito, which
people with any colour vision tell apart, darkened for white paper until words in them can be read."""

SERIES = tuple(name for name in COLOURS if name.startswith("series-"))
"""The colours of lines and points, in the order in which they are given out."""

FONT = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,sans-serif"

_USED = re.compile(r'="var\(--([a-z0-9-]+),#[0-9a-f]{6}\)"')
_START = '<svg class="chart'


def paint(name: str) -> str:
    """The value of a `fill` or `stroke`: the custom property, with the light colour where the page doesn't set it."""
    return f"var(--{name},{COLOURS[name][0]})"


def page_style() -> str:
    """The CSS of a page that holds charts: both themes, shrinking with the page, and sub-waves shown on demand.

    The theme is that of the system, unless the page's root has the attribute `data-theme`, light or dark; paper is
    light. A sub-wave shows while the mouse is over its leg, while it has the class `shown`, or, for a depth at a time,
    while an element around the chart has the class `show-1`, `show-2` or `show-3`.
    """
    light, dark = ("".join(f"--{name}:{colours[theme]};" for name, colours in COLOURS.items()) for theme in range(2))
    deeper = ",".join(f".show-{depth} .chart .depth-{each}" for depth in (1, 2, 3) for each in range(1, depth + 1))
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f":root[data-theme=light]{{color-scheme:light;{light}}}:root[data-theme=dark]{{color-scheme:dark;{dark}}}"
        f"@media print{{:root,:root[data-theme]{{color-scheme:light;{light}}}}}"
        ".chart{max-width:100%;height:auto}"
        f".chart .child{{display:none}}.chart .leg:hover>.child,.chart .child.shown,{deeper}{{display:inline}}"
        ".chart .leg{cursor:pointer}"
    )


def standalone(svg: str, theme: Theme = "light") -> str:
    """A chart as a file of its own: with its name space, a background, and the colours of one theme filled in.

    Args:
        svg: a chart of this package; one that stands alone already comes back as it is.
        theme: light or dark.

    Raises:
        InvalidInputError: not a chart of this package, or no such theme.
    """
    if theme not in ("light", "dark"):
        raise InvalidInputError(
            "standalone, theme", expected="light or dark", got=repr(theme), mend="choose one of the two"
        )
    if svg.startswith("<svg xmlns="):
        return svg
    if not svg.startswith(_START):
        raise InvalidInputError(
            "standalone, svg",
            expected="a chart of resources.charts",
            got=f"text that begins with {svg[:40]!r}",
            mend="pass what a chart function returned",
        )
    column = ("light", "dark").index(theme)
    filled = _USED.sub(lambda found: f'="{COLOURS[found[1]][column]}"', svg)
    head, rest = filled.split(">", 1)
    paper = f'<rect width="100%" height="100%" fill="{COLOURS["paper"][column]}"/>'
    end_of_description = rest.index("</desc>") + len("</desc>")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"{head.removeprefix("<svg")}>'
        f"{rest[:end_of_description]}{paper}{rest[end_of_description:]}"
    )
