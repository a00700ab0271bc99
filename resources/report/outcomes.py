"""What followed patterns: how often the target came first, beside random entries and series without waves."""

from typing import Any

import numpy as np

from resources.charts import Points, ReliabilityChart, reliability_chart
from resources.outcome_plots import reliability
from resources.outcome_rates import TENTHS
from resources.report.markup import UNKNOWN, Column, Html, join, paragraph, svg, table, tag
from resources.report.report_input import Judged
from resources.report.words import number

COLUMNS = (
    Column("Status"),
    Column("Measure", wide=True),
    Column("Sessions", number=True),
    Column("Entries", number=True),
    Column("Patterns", number=True),
    Column("Less random entries", number=True),
    Column("Surrogates", number=True),
)

CHART = (400, 320)
"""Width and height of the chart in pixels."""

_MEASURES = {"target": "target first, %", "relative": "relative return, %"}


def outcomes(judged: Judged) -> Html:
    """The rates of all judged years through the newest one."""
    rows = [row for row in judged.table.to_pylist() if row["through"] == "all"]
    body = table(
        f"What followed patterns, through {judged.year}",
        COLUMNS,
        (_row(row) for row in rows if row["by"] == "all"),
        id_="pattern-outcomes",
    )
    words = paragraph(
        "Each pattern is entered at the next open. Beside it stand random entries of the same session and side with "
        "levels as far away, and the same rules on series without waves (surrogates). In brackets 95 % intervals; "
        "where the difference to random entries includes 0, nothing is shown to be gained."
    )
    return join([words, body, _by_p_value(rows)])


def _row(row: dict[str, Any]) -> list[str]:
    shown = [_interval(row, name) for name in ("patterns", "difference", "surrogates")]
    return [row["status"], _MEASURES[row["measure"]], str(row["horizon"]), f"{row['entries']:,}", *shown]


def _interval(row: dict[str, Any], name: str) -> str:
    mean, low, high = (row[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    if mean is None:
        return UNKNOWN
    interval = "" if low is None else f" ({number(100.0 * low)} to {number(100.0 * high)})"
    return f"{number(100.0 * mean)}{interval}"


def _by_p_value(rows: list[dict[str, Any]]) -> Html:
    """Whether patterns with smaller p-values reach their targets more often."""
    horizon = min((row["horizon"] for row in rows), default=0)
    wanted = ("setup", horizon, "target", "p_value")
    cells = {row["group"]: row for row in rows if (row["status"], row["horizon"], row["measure"], row["by"]) == wanted}
    if not cells:
        return Html()
    x = np.arange(len(TENTHS)) / len(TENTHS) + 0.05
    listed = [cells.get(tenth, {}) for tenth in TENTHS]
    points, bounded = [], False
    for name, words in (("patterns", "setups"), ("random", "random entries"), ("surrogates", "surrogates")):
        mean, low, high = (np.ascontiguousarray(each) for each in reliability(listed, name))
        points.append(Points(words, x, mean, low, high))
        bounded |= bool(np.isfinite(low).any())
    chart = ReliabilityChart(
        title="Does a small p-value help?",
        x_name="p-value of the setup",
        y_name=f"target first within {horizon} sessions, %",
        points=tuple(points),
        reference=np.nan,
        facts=("with 95 % intervals",) if bounded else (),
    )
    words = "If it did, the setups\u2019 dots would rise to the left, above the others."
    drawn = svg(reliability_chart(chart, width=CHART[0], height=CHART[1]))
    return tag("figure", drawn, tag("figcaption", paragraph(words, class_="note")), class_="row")
