"""The picks of the session: the first ones as forecast fans, and a table with the reasons."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from resources.charts import fan_chart, fan_chart_of
from resources.report.filters import Choice, Search, filters
from resources.report.markup import UNKNOWN, Column, Html, Section, join, missing, paragraph, svg, table, tag
from resources.report.report_input import ReportInput
from resources.report.words import day_command, many, number

FANS, LISTED = 12, 100
"""How many picks have a fan, and how many are in the table."""

FAN = (390, 270)
"""Width and height of a fan in pixels."""

COLUMNS = (
    Column("Symbol"),
    Column("Rank", number=True),
    Column("Company", wide=True),
    Column("Side"),
    Column("Score", number=True, falling=True, hint="mean of the three ranks; it orders symbols, no more"),
    Column("Setup", number=True, falling=True, hint="rank among all symbols, 0 to 1"),
    Column("Forecast", number=True, falling=True, hint="rank among all symbols, 0 to 1"),
    Column("Simulation", number=True, falling=True, hint="rank among all symbols, 0 to 1"),
    Column("Reasons", wide=True),
)

_SIDES = {1: "long", -1: "short", 0: "neither"}


def fans(given: ReportInput) -> Section:
    """The section of the forecasts of the first picks."""
    id_, title = "forecasts", "Forecasts of the first picks"
    if given.forecasts is None:
        why = "There are no forecasts for this session."
        return Section(id_, title, missing(why, day_command(given.session)), why)
    if given.picks is None:
        why = "There are no picks for this session, so none of its forecasts comes first."
        return Section(id_, title, missing(why, day_command(given.session)), why)
    names, charts = given.names, []
    for row in _ranked(given.picks, FANS):
        symbol = row["symbol"]
        ahead = given.forecasts.filter(pc.equal(given.forecasts["symbol"], symbol))
        if ahead.num_rows and symbol in given.panel.symbols:
            chart = fan_chart(
                fan_chart_of(ahead, symbol, given.panel, name=names.get(symbol, "")), width=FAN[0], height=FAN[1]
            )
            head = tag("h3", f"{symbol}, {_SIDES[row['direction']]}: forecast", class_="unseen")
            charts.append(tag("article", head, svg(chart), class_="fan"))
    if not charts:
        why = "None of the picks has a forecast."
        return Section(id_, title, missing(why), why)
    words = paragraph(
        "How far each price may move, not where it goes: half of all outcomes are expected in the dark band, nine of "
        "ten in both. What of this has come true so far is told below."
    )
    return Section(id_, title, join([words, tag("div", join(charts), class_="fans")]))


def picks(given: ReportInput) -> Section:
    """The section of the table."""
    id_, title = "picks", "Picks"
    if given.picks is None:
        why = "There are no picks for this session."
        return Section(id_, title, missing(why, day_command(given.session)), why)
    rows = _ranked(given.picks, LISTED)
    if not rows:
        why = "No symbol has a setup or a forecast with a direction, so none is picked."
        return Section(id_, title, missing(why), why)
    names = given.names
    ranked = given.picks.num_rows - given.picks["rank"].null_count
    horizon = rows[0]["horizon"]
    why = "" if given.simulations is not None else "There are no simulations for this session."
    body = [
        paragraph(
            f"The {len(rows)} first of {ranked:,} ranked symbols, by what their best setup, their forecast over "
            f"{horizon} sessions and their simulated trading say. The order is no probability and no advice."
        ),
        missing(why, day_command(given.session)) if why else Html(),
        filters(
            "picks-table",
            many(len(rows), "pick"),
            (Search("Symbol or company", 0, 3), Choice("Side", 3, ["long", "short"])),
        ),
        table(
            f"Picks of {given.session}", COLUMNS, (_row(row, names) for row in rows), id_="picks-table", sortable=True
        ),
    ]
    return Section(id_, title, join(body), why)


def _ranked(table: pa.Table, count: int) -> list[dict[str, Any]]:
    ranked = table.filter(pc.is_valid(table["rank"])).sort_by("rank")
    rows: list[dict[str, Any]] = ranked.slice(0, count).to_pylist()
    return rows


def _row(row: dict[str, Any], names: dict[str, str]) -> list[str]:
    # The reasons are three sentences, each on a line of its own.
    return [
        row["symbol"],
        str(row["rank"]),
        tag("span", names.get(row["symbol"], UNKNOWN), class_="clamp"),
        _SIDES[row["direction"]],
        number(row["score"], 3),
        number(row["pattern_rank"]),
        number(row["forecast_rank"]),
        number(row["simulation_rank"]),
        join(tag("span", reason, class_="reason") for reason in row["reasons"].split("; ")),
    ]
