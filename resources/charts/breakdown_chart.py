"""`breakdown_chart`: what a score is made of, and how far the hard rules are from breaking."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from resources.charts.checks import LOWEST, require, require_size
from resources.charts.frame import EDGE, draw_header, header_height
from resources.charts.sheet import SMALL, Sheet
from resources.charts.theme import paint
from resources.charts.words import clean, coordinate, share_words, shortened, text_width

UNKNOWN = 0.5
"""What isn't known counts one half."""

NARROW = 560
"""Pixels of width below which the rules stand below the components."""

_COMPONENT, _RULE = "component", "hard rule"
_ROW = 22.0
_BAR = 10.0
_GAP = 28.0
_LEFT_SHARE = 0.58
_BETWEEN = 0.6
_HATCH = 4.0


@dataclass(frozen=True)
class Component:
    """One component of a score.

    Attributes:
        name: what it is.
        value: [0, 1]; NaN if unknown.
        weight: its share of the score, (0, 1].
        known: share of the weight that the value counts with, [0, 1]; the rest counts one half.
    """

    name: str
    value: float
    weight: float
    known: float = 1.0

    @property
    def solid(self) -> float:
        """What the value adds to the score."""
        return 0.0 if math.isnan(self.value) else self.weight * self.known * self.value

    @property
    def half(self) -> float:
        """What is added for the unknown."""
        return self.weight * UNKNOWN * (1.0 if math.isnan(self.value) else 1.0 - self.known)


@dataclass(frozen=True)
class RuleMargin:
    """A hard rule.

    Attributes:
        name: what it says in words.
        margin: 0 (broken) to 1 for how far it is from breaking; NaN where waves are missing.
        text: the rule in symbols, or "".
    """

    name: str
    margin: float
    text: str = ""


@dataclass(frozen=True)
class BreakdownChart:
    """What a score is made of.

    Attributes:
        title: above the chart.
        score: [0, 1].
        components: in the order in which they are drawn.
        rules: the hard rules, likewise.
        facts: what else the header says.

    Raises:
        InvalidInputError: a number outside its range.
    """

    title: str
    score: float
    components: tuple[Component, ...]
    rules: tuple[RuleMargin, ...] = ()
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_share("BreakdownChart.score", self.score)
        for part in self.components:
            _require_share(f"BreakdownChart.components, {part.name}, weight and known", part.weight, part.known)
            _require_share(f"BreakdownChart.components, {part.name}, value", part.value, unknown=True)
        for rule in self.rules:
            _require_share(f"BreakdownChart.rules, {rule.name}", rule.margin, unknown=True)


def _require_share(where: str, *values: float, unknown: bool = False) -> None:
    require(
        all(0.0 <= value <= 1.0 or (unknown and math.isnan(value)) for value in values),
        where,
        expected="a number in [0, 1]" + (", or NaN" if unknown else ""),
        got=values,
        mend="pass the columns of `patterns` as they are",
    )


def breakdown_chart(chart: BreakdownChart, *, width: int = 760) -> str:
    """Draw a score's components as bars as long as what they add to it, and the margins of the hard rules beside them.

    The pale length of a bar is the weight of its component; the hatched part is the half that counts for the unknown.

    Args:
        chart: what to draw.
        width: of the picture in pixels. The height follows from the rows.

    Returns:
        An SVG for a page.

    Raises:
        InvalidInputError: a width that no chart fits in.
    """
    beside = width >= NARROW and bool(chart.rules)
    left, right = len(chart.components) + 2, len(chart.rules) + 1 if chart.rules else 0
    rows = max(left, right) if beside else left + right + _BETWEEN
    height = max(math.ceil(header_height(chart.facts, width) + rows * _ROW + EDGE), LOWEST)
    require_size("breakdown_chart", width, height)
    sheet = Sheet("breakdown-chart", width, height)
    top = draw_header(sheet, chart.title, "", chart.facts)
    panel = (width - 2.0 * EDGE - _GAP) * _LEFT_SHARE if beside else width - 2.0 * EDGE
    _draw_components(sheet, chart, top, panel)
    if chart.rules:
        x, y = (EDGE + panel + _GAP, top) if beside else (EDGE, top + (left + _BETWEEN) * _ROW)
        _draw_rules(sheet, chart.rules, x, y, width - EDGE - x)
    return sheet.svg(chart.title, _description(chart))


def _names_width(names: Sequence[str], room: float) -> float:
    """How many pixels a column of names takes, at most `room`."""
    return min(max(text_width(clean(name), SMALL) for name in names) + 8.0, room)


def _heading(sheet: Sheet, x: float, y: float, words: str) -> None:
    sheet.text(x, y + 0.36 * SMALL, words, class_="heading", font_size=SMALL, fill=paint("muted"))


def _draw_components(sheet: Sheet, chart: BreakdownChart, top: float, room: float) -> None:
    """One row for each component: name and weight, bar, value, and what it adds; the score below."""
    names = _names_width([_COMPONENT, *(part.name for part in chart.components)], 0.3 * room)
    weight_at, bar_at = EDGE + names + 34.0, EDGE + names + 44.0
    numbers_at = EDGE + room
    scale = (numbers_at - 84.0 - bar_at) / max((part.weight for part in chart.components), default=1.0)
    y = top + 0.5 * _ROW
    _heading(sheet, EDGE, y, _COMPONENT)
    for at, words in ((weight_at, "weight"), (numbers_at - 44.0, "value"), (numbers_at, "adds")):
        sheet.text(at, y + 0.36 * SMALL, words, text_anchor="end", font_size=SMALL, fill=paint("muted"))
    for part in chart.components:
        y += _ROW
        base = y + 0.36 * SMALL
        with sheet.group(class_="component", font_size=SMALL):
            sheet.text(EDGE, base, shortened(part.name, names - 8.0, SMALL))
            sheet.text(weight_at, base, f"{part.weight:.0%}".replace("%", " %"), text_anchor="end", fill=paint("muted"))
            bar = {"y": y - 0.5 * _BAR, "height": _BAR}
            sheet.add("rect", x=bar_at, width=part.weight * scale, fill=paint("grid"), **bar)
            sheet.add("rect", class_="solid", x=bar_at, width=part.solid * scale, fill=paint("wave"), **bar)
            hatch = _hatched(bar_at + part.solid * scale, y - 0.5 * _BAR, part.half * scale, _BAR)
            sheet.path(hatch, class_="unknown", stroke=paint("muted"), fill="none")
            value = "unknown" if math.isnan(part.value) else share_words(part.value)
            sheet.text(numbers_at - 44.0, base, value, text_anchor="end", fill=paint("muted"))
            sheet.text(numbers_at, base, f"{part.solid + part.half:.3f}", text_anchor="end")
    y += _ROW
    sheet.line(EDGE, y - 0.5 * _ROW, numbers_at, y - 0.5 * _ROW, stroke=paint("bar"))
    with sheet.group(class_="score", font_weight="bold"):
        sheet.text(EDGE, y + 5.0, "score")
        sheet.text(numbers_at, y + 5.0, f"{chart.score:.3f}", text_anchor="end")


def _draw_rules(sheet: Sheet, rules: Sequence[RuleMargin], x: float, top: float, room: float) -> None:
    """One row for each rule: its text, a bar from 0 (broken) to 1, and the number."""
    names = _names_width([_RULE, *(rule.name for rule in rules)], 0.55 * room)
    bar_at, numbers_at = x + names, x + room
    length = numbers_at - 52.0 - bar_at
    y = top + 0.5 * _ROW
    _heading(sheet, x, y, _RULE)
    sheet.text(numbers_at, y + 0.36 * SMALL, "margin", text_anchor="end", font_size=SMALL, fill=paint("muted"))
    for rule in rules:
        y += _ROW
        known = not math.isnan(rule.margin)
        with sheet.group(class_="rule", font_size=SMALL):
            if rule.text:
                sheet.tooltip(rule.text)
            sheet.text(x, y + 0.36 * SMALL, shortened(rule.name, names - 8.0, SMALL))
            bar = {"y": y - 0.5 * _BAR, "height": _BAR}
            sheet.add("rect", x=bar_at, width=length, fill=paint("grid"), **bar)
            if known:
                sheet.add("rect", class_="solid", x=bar_at, width=rule.margin * length, fill=paint("target"), **bar)
            words = ("broken" if rule.margin == 0.0 else share_words(rule.margin)) if known else "to come"
            colour = paint("invalidation" if rule.margin == 0.0 else "ink" if known else "muted")
            sheet.text(numbers_at, y + 0.36 * SMALL, words, text_anchor="end", fill=colour)


def _hatched(x: float, y: float, width: float, height: float) -> str:
    """The path of slanted lines that fill a rectangle, and of its outline."""
    if width < 0.5:
        return ""
    lines = [f"M{coordinate(x)} {coordinate(y)}h{coordinate(width)}v{coordinate(height)}h-{coordinate(width)}z"]
    offset = _HATCH
    while offset < width + height:
        begin, end = max(offset - height, 0.0), min(offset, width)
        upper, lower = coordinate(y + offset - end), coordinate(y + offset - begin)
        lines.append(f"M{coordinate(x + begin)} {lower}L{coordinate(x + end)} {upper}")
        offset += _HATCH
    return "".join(lines)


def _description(chart: BreakdownChart) -> str:
    parts = [f"score {chart.score:.3f}"]
    for part in chart.components:
        value = "unknown" if math.isnan(part.value) else share_words(part.value)
        parts.append(f"{part.name} {value}, weight {part.weight:.0%}")
    parts += [f"rule {rule.name}: {share_words(rule.margin)}" for rule in chart.rules if not math.isnan(rule.margin)]
    return "; ".join(parts)
