"""The patterns least like chance, each with its chart, what its score is made of, and the odds in words."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from resources.charts import WaveChart, breakdown_chart, breakdown_chart_of, wave_chart, wave_chart_of
from resources.charts.wave_input import Wave
from resources.charts.wave_rows import COLUMNS
from resources.report.markup import Html, Section, join, missing, paragraph, svg, tag
from resources.report.ranking import distinct
from resources.report.report_input import ReportInput
from resources.report.words import (
    chance_words,
    class_words,
    day_command,
    direction_words,
    false_words,
    next_wave,
    number,
    price,
)

CONFIRMED, SETUPS = 12, 16
"""How many are shown."""

WIDE, NARROW = (590, 360), (360, 300)
"""Width and height of a chart on a screen and on a telephone, in pixels."""

ID, TITLE = "top-patterns", "Top patterns"

_DEPTHS = ("none", "one degree", "two", "three")


def top_patterns(given: ReportInput) -> Section:
    """The section."""
    if given.patterns is None:
        why = "There are no patterns for this session."
        return Section(ID, TITLE, missing(why, day_command(given.session)), why)
    parts = [
        paragraph(
            "The patterns least like chance, by p-value, then by score. Of several counts on the very same turning "
            "points the first is shown. Point at a wave to see the waves inside it, click to keep them, and click "
            "those to go further down."
        )
    ]
    shown = 0
    for title, status, count in (("Confirmed", "confirmed", CONFIRMED), ("Setups", "setup", SETUPS)):
        rows = distinct(given.best[status], count)
        shown += len(rows)
        parts.append(tag("h3", title))
        if not rows:
            parts.append(missing(f"No {'setup stands' if status == 'setup' else 'pattern was confirmed'}."))
        parts.append(tag("div", join(_card(given, row) for row in rows), class_="cards"))
    return Section(ID, TITLE, join(parts), "" if shown else "There are no patterns and no setups in this session.")


def _card(given: ReportInput, row: dict[str, Any]) -> Html:
    symbol = row["symbol"]
    name = given.names.get(symbol, "")
    chart = wave_of(given, row)
    title = f"{symbol}, {name}: {class_words(row['class'])}, {direction_words(row['direction'])}, {row['status']}"
    deep = _depth(chart.wave)
    return tag(
        "article",
        tag("h4", title, class_="unseen"),
        in_both_sizes(chart, WIDE, NARROW),
        paragraph(odds(row), _outlook(row), class_="odds"),
        _depth_choice(row["pattern_id"], deep) if deep else Html(),
        tag(
            "details",
            tag("summary", f"What the score of {number(row['score'])} is made of"),
            svg(breakdown_chart(breakdown_chart_of(row), width=NARROW[0])),
        ),
        class_="card",
    )


def wave_of(given: ReportInput, row: dict[str, Any]) -> WaveChart:
    """The chart of a row of the patterns, with the waves inside it."""
    rows = _rows_of(given.patterns, row["symbol"])
    return wave_chart_of(rows, row["pattern_id"], given.panel, name=given.names.get(row["symbol"], ""))


def _rows_of(patterns: pa.Table | None, symbol: str) -> list[dict[str, Any]]:
    if patterns is None:
        return []
    chosen = patterns.select(list(COLUMNS)).filter(pc.equal(patterns["symbol"], symbol))
    rows: list[dict[str, Any]] = chosen.to_pylist()
    return rows


def in_both_sizes(chart: WaveChart, wide: tuple[int, int], narrow: tuple[int, int]) -> Html:
    """The chart for a screen and for a telephone, of so many pixels; the style sheet shows one of them."""
    drawn = (
        tag("div", svg(wave_chart(chart, width=width, height=height)), class_=name)
        for name, (width, height) in (("for-wide", wide), ("for-narrow", narrow))
    )
    return join(drawn)


def odds(row: dict[str, Any]) -> str:
    """How likely chance alone gives a pattern as good, in words."""
    if row["p_value"] is None:
        return "Its p-value is unknown: nobody can tell it from chance."
    chance = chance_words(row["p_value"], row["surrogates"])
    return f"{chance[0].upper()}{chance[1:]}; {false_words(row['q_value'])}."


def _outlook(row: dict[str, Any]) -> str:
    if row["status"] != "setup":
        return ""
    coming = f"Wave to come: {next_wave(row['class'], row['direction'], row['legs'])}"
    limit = "" if row["invalidation"] is None else f"; refuted at {price(row['invalidation'])}"
    gain = "" if row["risk_reward"] is None else f"; gain over risk {number(row['risk_reward'])}"
    return f"{coming}{limit}{gain}."


def _depth(wave: Wave) -> int:
    """How many degrees of waves are drawn inside a wave."""
    return max((1 + _depth(child) for child in wave.children), default=0)


def _depth_choice(pattern_id: str, deep: int) -> Html:
    """Buttons that show the waves inside, a degree at a time; they work without a script."""
    choices = join(
        tag(
            "label",
            tag("input", type="radio", name=f"depth-{pattern_id}", value=depth, checked=depth == 0),
            words,
        )
        for depth, words in enumerate(_DEPTHS[: deep + 1])
    )
    return tag("fieldset", tag("legend", "Waves inside:"), choices, class_="depth")
