"""What changed since the session before: setups that came, reached a target or fell, and patterns newly confirmed."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from resources.report.events import Changes, Reached
from resources.report.markup import Cell, Column, Html, Section, join, missing, none, paragraph, table, tag
from resources.report.report_input import ReportInput
from resources.report.words import (
    class_words,
    day_command,
    direction_words,
    many,
    next_wave,
    number,
    p_number,
    price,
    ratio,
)

LISTED = 15
"""Of each kind of change, the ones least like chance."""

ID, TITLE = "changes", "What changed"

_NUMBERS = (Column("Score", number=True), Column("p-value", number=True))


def changes(given: ReportInput) -> Section:
    """The section."""
    if given.patterns is None:
        why = "There are no patterns for this session."
        return Section(ID, TITLE, missing(why, day_command(given.session)), why)
    if given.previous is None:
        why = "This is the first session of the calendar: there is none before it to compare with."
        return Section(ID, TITLE, missing(why), why)
    found = given.changes
    if found is None:
        why = f"There are no patterns for the session before, {given.previous}, to compare with."
        return Section(ID, TITLE, missing(why, day_command(given.previous)), why)
    body = join(
        [
            paragraph(_told(found, given)),
            tag(
                "div",
                _group("new", "New setups", *_new(found.new)),
                _group("completed", "Setups that reached their nearest target", *_levels(found.completed, "Target")),
                _group("refuted", "Setups that were refuted", *_levels(found.invalidated, "Refuted at")),
                _group("confirmed", "Newly confirmed patterns", *_confirmed(found.confirmed)),
                class_="groups",
            ),
        ]
    )
    return Section(ID, TITLE, body)


def _told(found: Changes, given: ReportInput) -> str:
    if found.before == found.standing:
        return f"All {many(found.before, 'setup')} of {given.previous} still stand."
    return (
        f"Of {many(found.before, 'setup')} of {given.previous}, {found.standing:,} still stand. "
        f"{found.invalidated.rows.num_rows:,} were refuted, and {found.otherwise:,} ended otherwise: the price passed "
        "their last turning point, they grew too long, or a better count took their place. "
        f"The {LISTED} least like chance of each kind are listed."
    )


Group = tuple[int, Sequence[Column], Iterable[Sequence[str | Cell]]]


def _group(id_: str, title: str, count: int, columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]]) -> Html:
    """One kind of change: how many there are, and the first of them."""
    heading = tag("h3", f"{title} ", tag("span", f"{count:,}", class_="count"))
    shown = table(title, columns, rows, id_=f"changes-{id_}") if count else none("None.")
    return tag("section", heading, shown, aria_label=title)


def _first(rows: pa.Table) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = rows.slice(0, LISTED).to_pylist()
    return listed


def _new(setups: pa.Table) -> Group:
    columns = (
        Column("Symbol"),
        Column("Pattern", wide=True),
        Column("Wave"),
        *_NUMBERS,
        Column("Gain/risk", number=True),
    )
    cells = (
        [
            row["symbol"],
            class_words(row["class"]),
            next_wave(row["class"], row["direction"], row["legs"]),
            *_numbers(row),
            ratio(row["risk_reward"]),
        ]
        for row in _first(setups)
    )
    return setups.num_rows, columns, cells


def _levels(reached: Reached, name: str) -> Group:
    columns = (
        Column("Symbol"),
        Column("Pattern", wide=True),
        Column("Wave"),
        *_NUMBERS,
        Column(name, number=True),
        Column("Reached", number=True),
    )
    cells = (
        [
            row["symbol"],
            class_words(row["class"]),
            next_wave(row["class"], row["direction"], row["legs"]),
            *_numbers(row),
            price(level),
            price(extreme),
        ]
        for row, level, extreme in zip(
            _first(reached.rows), reached.level.tolist(), reached.extreme.tolist(), strict=False
        )
    )
    return reached.rows.num_rows, columns, cells


def _confirmed(patterns: pa.Table) -> Group:
    columns = (Column("Symbol"), Column("Pattern", wide=True), Column("Direction"), *_NUMBERS, Column("Began"))
    cells = (
        [
            row["symbol"],
            class_words(row["class"]),
            direction_words(row["direction"]),
            *_numbers(row),
            row["pivots"][0]["session"].isoformat(),
        ]
        for row in _first(patterns)
    )
    return patterns.num_rows, columns, cells


def _numbers(row: dict[str, Any]) -> list[str]:
    return [number(row["score"], 3), p_number(row["p_value"])]
