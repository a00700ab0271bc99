"""How good forecasts and patterns were so far: skill, calibration, and what followed patterns."""

from typing import Any

import numpy as np

from kernels.volatility import DEFAULT_LEVELS
from resources.charts import Points, ReliabilityChart, reliability_chart
from resources.forecast_contracts import baseline_column, interval_column
from resources.report.markup import UNKNOWN, Column, Html, Section, join, missing, paragraph, svg, table, tag
from resources.report.outcomes import outcomes
from resources.report.report_input import Judged, ReportInput
from resources.report.words import number, share, year_command
from resources.skill_tables import SHOWN_INTERVAL, shown_baseline

ID, TITLE = "skill", "Skill and calibration so far"

SERVED = "served"
"""In `forecast_skill`, the forecasts that the table `forecasts` had."""

CALIBRATION = (400, 320)
"""Width and height of the chart in pixels."""

_SHOWN_HORIZONS = 3


def skill(given: ReportInput) -> Section:
    """The section: of the forecasts, then of the patterns."""
    gaps = []
    if given.skill is None or not given.skill.table.num_rows:
        year = given.session.year - 1
        why = f"No year before {given.session.year} has been judged, so nobody knows how good these forecasts are."
        parts = [tag("h3", "Forecasts"), missing(why, year_command("train_forecast_model", year))]
        gaps.append(why)
    else:
        parts = [tag("h3", "Forecasts"), _forecasts(given.skill)]
    parts.append(tag("h3", "What followed patterns"))
    if given.rates is None or not given.rates.table.num_rows:
        why = (
            "No year whose outcomes were all known by this session has been judged, so nobody knows what followed such "
            "patterns."
        )
        parts.append(missing(why, year_command("judge_patterns", given.session.year - 2)))
        gaps.append(why)
    else:
        parts.append(outcomes(given.rates))
    return Section(ID, TITLE, join(parts), " ".join(gaps))


def longest_period(judged: Judged) -> tuple[str, list[dict[str, Any]]]:
    """The longest period of `forecast_skill`, such as 2014-2017, and its rows."""
    period = max(dict.fromkeys(judged.table["period"].to_pylist()), key=len)
    return period, [row for row in judged.table.to_pylist() if row["period"] == period]


def _forecasts(judged: Judged) -> Html:
    """The longest period of the table: each model by horizon, and the calibration of what served."""
    period, rows = longest_period(judged)
    baseline = shown_baseline({row["model"] for row in rows})
    horizons = sorted({row["horizon"] for row in rows})
    cells = {(row["model"], row["horizon"]): row for row in rows}
    # What served, then its candidates, then the baselines.
    models = [
        SERVED,
        *sorted({row["model"] for row in rows} - {SERVED, baseline}, key=lambda name: (":" not in name, name)),
    ]
    columns = [Column("Model"), *(Column(_ahead(horizon), number=True) for horizon in horizons)]
    origins = max(row["origins"] for row in rows)
    return tag(
        "div",
        tag(
            "div",
            paragraph(
                f"{period}: {origins:,} forecasts, each made before its outcome, by models that had not seen the year. "
                f"Skill is the share of the error (CRPS) saved against {baseline}, in percent; in brackets its t on "
                "days, below \u22122 where it is better by more than chance. A few percent is much."
            ),
            table(
                f"CRPS skill over {baseline}, {period}",
                columns,
                ([name, *(_skill(cells.get((name, each)), baseline) for each in horizons)] for name in models),
                id_="forecast-skill",
            ),
            table(
                f"Share of outcomes inside the {share(SHOWN_INTERVAL)} interval, {period}",
                columns,
                ([name, *(_coverage(cells.get((name, each))) for each in horizons)] for name in (SERVED, baseline)),
                id_="forecast-coverage",
            ),
        ),
        _calibration([cells[SERVED, each] for each in horizons if (SERVED, each) in cells], period),
        class_="beside",
    )


def _ahead(horizon: int) -> str:
    return f"{horizon} session{'' if horizon == 1 else 's'}"


def _skill(row: dict[str, Any] | None, baseline: str) -> str:
    gain = None if row is None else row[baseline_column("skill", baseline)]
    if row is None or gain is None:
        return UNKNOWN
    sign = "+" if gain > 0.0 else ""
    return f"{sign}{number(gain)} ({number(row[baseline_column('t', baseline)], 1)})"


def _coverage(row: dict[str, Any] | None) -> str:
    return UNKNOWN if row is None else f"{100.0 * row[interval_column('coverage', SHOWN_INTERVAL)]:.1f} %"


def _calibration(rows: list[dict[str, Any]], period: str) -> Html:
    """How many outcomes lay below each quantile, less how many should have."""
    if not rows:
        return Html()
    places = sorted({round(place) for place in np.linspace(0, len(rows) - 1, _SHOWN_HORIZONS).tolist()})
    levels = np.array(DEFAULT_LEVELS)
    points = []
    for row in (rows[place] for place in places):
        counts = np.array(row["pit"], dtype=np.float64)
        below = np.cumsum(counts)[:-1] / max(counts.sum(), 1.0)
        points.append(Points(_ahead(row["horizon"]), levels, 100.0 * (below - levels)))
    chart = ReliabilityChart(
        title="Calibration of the forecasts",
        x_name="quantile",
        y_name="outcomes below it, less what was promised, in percentage points",
        points=tuple(points),
        reference=0.0,
        facts=(f"of what served, {period}",),
    )
    words = "On the line, as many outcomes as promised lie below a quantile; above it, more."
    drawn = svg(reliability_chart(chart, width=CALIBRATION[0], height=CALIBRATION[1]))
    return tag("figure", drawn, tag("figcaption", paragraph(words, class_="note")))
