"""The table of confirmed patterns."""

from typing import Any

from resources.report.events import CONFIRMED
from resources.report.filters import Choice, Least, Most, Search, filters
from resources.report.listed import listed
from resources.report.markup import UNKNOWN, Column, Section, join, missing, paragraph, table
from resources.report.report_input import ReportInput
from resources.report.words import class_words, day_command, direction_words, many, number, p_number, price

MOST = 1000
"""At most so many are listed, besides the best one of every symbol."""

ID, TITLE = "confirmed", "Confirmed patterns"

COLUMNS = (
    Column("Symbol"),
    Column("Pattern", wide=True),
    Column("Direction", hint="where it starts out"),
    Column("Score", number=True, falling=True),
    Column("p-value", number=True, hint="share of series without waves that score as well"),
    Column("q-value", number=True, hint="share of chance among all finds at least as good"),
    Column("Began", hint="session of the first pivot"),
    Column("Ended", hint="session of the last pivot"),
    Column("From", number=True, hint="price of the first pivot"),
    Column("To", number=True, hint="price of the last pivot"),
    Column("Sector", wide=True),
)

_READ = ("symbol", "class", "direction", "score", "p_value", "q_value", "pivots")


def confirmed(given: ReportInput) -> Section:
    """The section."""
    if given.patterns is None:
        why = "There are no patterns for this session."
        return Section(ID, TITLE, missing(why, day_command(given.session)), why)
    every = given.best[CONFIRMED]
    if not every.num_rows:
        why = "No confirmed pattern ends in this session\u2019s windows."
        return Section(ID, TITLE, missing(why), why)
    chosen = listed(every, MOST)
    rows, sectors = chosen.rows.select(list(_READ)).to_pylist(), given.sectors
    body = join(
        [
            paragraph(chosen.told("confirmed patterns")),
            filters(
                "confirmed-table",
                many(len(rows), "pattern"),
                (
                    Search("Symbol", 0),
                    Choice("Pattern", 1, sorted({class_words(row["class"]) for row in rows})),
                    Choice("Direction", 2, [direction_words(1), direction_words(-1)]),
                    Choice("Sector", 10, sorted({sectors.get(row["symbol"], "") for row in rows} - {""})),
                    Least("Least score", 3, "0.01"),
                    Most("Most p-value", 4, "0.001"),
                ),
            ),
            table(
                f"Confirmed patterns of {given.session}",
                COLUMNS,
                (_row(row, sectors) for row in rows),
                id_="confirmed-table",
                sortable=True,
            ),
        ]
    )
    return Section(ID, TITLE, body)


def _row(row: dict[str, Any], sectors: dict[str, str]) -> list[str]:
    first, last = row["pivots"][0], row["pivots"][-1]
    return [
        row["symbol"],
        class_words(row["class"]),
        direction_words(row["direction"]),
        number(row["score"], 3),
        p_number(row["p_value"]),
        number(row["q_value"]),
        first["session"].isoformat(),
        last["session"].isoformat(),
        price(first["price"]),
        price(last["price"]),
        sectors.get(row["symbol"]) or UNKNOWN,
    ]
