"""Words in a chart: made safe for XML, measured, shortened, broken into lines; numbers made into words."""

import math
import re
from collections.abc import Sequence
from html import escape

ELLIPSIS = "\u2026"
TIMES = "\u00d7"
MINUS = "\u2212"
DOT = " \u00b7 "

_ASCII_WIDTHS = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
    60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63,
    63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
"""Advance widths of DejaVu Sans from the space to the tilde, in hundredths of the size: wider than nearly every font
that a browser takes for its interface, so what fits in it fits."""

_WIDTHS = {chr(32 + place): width / 100.0 for place, width in enumerate(_ASCII_WIDTHS)}
_WIDTHS |= {
    "\u00b7": 0.32,
    TIMES: 0.84,
    MINUS: 0.84,
    ELLIPSIS: 1.0,
    "\u2190": 0.84,
    "\u2191": 0.84,
    "\u2192": 0.84,
    "\u2193": 0.84,
    "\u2264": 0.84,
}
_WIDEST = 1.3
_BOLD = 1.16

_SPACES = re.compile(r"\s+")


def clean(words: str) -> str:
    """The words on one line, without what XML can't hold or a reader can't see.

    Control, format and lone surrogate characters become spaces.
    """
    if not words.isprintable():
        words = "".join(each if each.isprintable() else " " for each in words)
    return _SPACES.sub(" ", words).strip() if "  " in words or not words.isascii() else words.strip()


def escaped(words: str) -> str:
    """The words as XML text or attribute value."""
    return escape(clean(words), quote=True)


def text_width(words: str, size: float, *, bold: bool = False) -> float:
    """At most how wide words are, in pixels."""
    width = sum(_WIDTHS.get(each, _WIDEST) for each in words) * size
    return width * _BOLD if bold else width


def shortened(words: str, width: float, size: float, *, bold: bool = False) -> str:
    """The words, or as many of them as fit into `width` pixels with an ellipsis; "" where not even that fits."""
    words = clean(words)
    if text_width(words[:1000], size, bold=bold) <= width and len(words) <= 1000:
        return words
    room = width - text_width(ELLIPSIS, size, bold=bold)
    kept = 0
    for each in words[:1000]:
        room -= text_width(each, size, bold=bold)
        if room < 0:
            break
        kept += 1
    return words[:kept].rstrip() + ELLIPSIS if kept else ""


def lines_of(facts: Sequence[str], width: float, size: float, most: int = 2) -> list[str]:
    """Facts joined by dots on at most `most` lines of `width` pixels; the last line is shortened."""
    lines: list[str] = []
    for fact in filter(None, map(clean, facts)):
        longer = lines[-1] + DOT + fact if lines else fact
        if lines and (text_width(longer, size) <= width or len(lines) == most):
            lines[-1] = longer
        else:
            lines.append(fact)
    return [shortened(line, width, size) for line in lines]


def coordinate(value: float) -> str:
    """A number of pixels, to a tenth."""
    tenths = round(value * 10.0)
    return f"{tenths // 10}" if tenths % 10 == 0 else f"{tenths / 10:.1f}"


def number_words(value: float, decimals: int) -> str:
    """A number with thousands separated, or in millions, billions and trillions."""
    size = abs(value)
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if size >= limit:
            return f"{value / limit:,.2f}".rstrip("0").rstrip(".").replace("-", MINUS) + unit
    words = f"{value:,.{decimals}f}"
    if decimals <= 4 and 0.0 < size < 0.5 * 10.0**-decimals:
        words = f"{value:.1e}"
    return words.replace("-", MINUS)


def price_words(value: float) -> str:
    """A price in dollars, without the sign of the dollar: cents, or more digits below a dollar."""
    return number_words(value, 2 if abs(value) >= 1.0 or value == 0.0 else 4)


def percent_words(share: float, decimals: int = 1) -> str:
    """A share as percent with its sign: 0.052 -> "+5.2 %"."""
    percent = 100.0 * share
    if abs(percent) < 0.5 * 10.0**-decimals:
        return f"{0:.{decimals}f} %"
    return ("+" if percent > 0 else "") + number_words(percent, decimals) + " %"


def share_words(value: float) -> str:
    """A score or p-value in [0, 1]: two decimals, or as many as the first digit needs."""
    if not 0.0 < value < 0.095:
        return f"{value:.2f}"
    return f"{value:.{min(1 - math.floor(math.log10(value)), 6)}f}"


def count_of(number: int, noun: str) -> str:
    """A number of things: 1 session, 2 sessions."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
