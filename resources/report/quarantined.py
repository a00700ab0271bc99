"""The bars that were found faulty in the session."""

from resources.report.markup import Column, Section, join, none, paragraph, table
from resources.report.report_input import ReportInput
from resources.report.words import many

MOST = 500
"""So many are listed."""

COLUMNS = (
    Column("Symbol"),
    Column("Session"),
    Column("Fault", wide=True),
    Column("Left out"),
    Column("Reason", wide=True),
)

ID, TITLE = "quarantine", "Quarantined bars"


def quarantined(given: ReportInput) -> Section:
    """The section."""
    found = given.quarantine
    if not found.num_rows:
        return Section(ID, TITLE, none("No bar was found faulty in this session."))
    ordered = found.sort_by([("excluded", "descending"), ("symbol", "ascending"), ("session", "ascending")])
    rows = ordered.slice(0, MOST).to_pylist()
    more = f" The first {MOST} are listed." if found.num_rows > MOST else ""
    body = join(
        [
            paragraph(
                f"{many(found.num_rows, 'fault')} became known at the close. Bars that are left out count nowhere from "
                f"this session on; the others are only flagged.{more}"
            ),
            table(
                f"Faults that became known on {given.session}",
                COLUMNS,
                (
                    [
                        row["symbol"],
                        row["session"].isoformat(),
                        row["kind"].replace("_", " "),
                        "yes" if row["excluded"] else "no",
                        row["reason"],
                    ]
                    for row in rows
                ),
                id_="quarantine-table",
            ),
        ]
    )
    return Section(ID, TITLE, body)
