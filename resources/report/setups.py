"""The table of setups to watch."""

from typing import Any

import numpy as np
import pyarrow as pa

from resources.report.events import SETUP, nearest_targets
from resources.report.filters import Choice, Least, Most, Search, filters
from resources.report.listed import listed
from resources.report.markup import UNKNOWN, Cell, Column, Section, join, missing, paragraph, table
from resources.report.report_input import ReportInput
from resources.report.words import class_words, day_command, leg_to_come, many, number, p_number, price, ratio, side_of

MOST = 2800
"""At most so many are listed, besides the best one of every symbol."""

ID, TITLE = "setups", "Setups to watch"

COLUMNS = (
    Column("Symbol"),
    Column("Pattern", wide=True),
    Column("Wave", hint="the wave to come"),
    Column("Way", hint="where it goes"),
    Column("Score", number=True, falling=True),
    Column("p-value", number=True, hint="share of series without waves that score as well"),
    Column("q-value", number=True, hint="share of chance among all finds at least as good"),
    Column("Close", number=True),
    Column("Target", number=True, hint="the nearest one that the close has not reached"),
    Column("Refuted at", number=True, hint="the price that breaks a hard rule"),
    Column("Gain/risk", number=True, falling=True, hint="way to the target over way to the refuting price"),
    Column("Sector", wide=True),
)

_READ = (
    "symbol", "class", "direction", "legs", "score", "p_value", "q_value", "targets", "invalidation", "risk_reward",
)  # fmt: skip


def setups(given: ReportInput) -> Section:
    """The section."""
    if given.patterns is None:
        why = "There are no patterns for this session, so there are no setups."
        return Section(ID, TITLE, missing(why, day_command(given.session)), why)
    every = given.best[SETUP]
    if not every.num_rows:
        why = "No setup stands in this session."
        return Section(ID, TITLE, missing(why), why)
    chosen = listed(every, MOST)
    setups = chosen.rows.select(list(_READ))
    rows, sectors = setups.to_pylist(), given.sectors
    close, target = _prices(given, setups)
    body = join(
        [
            paragraph(chosen.told("setups that stand")),
            filters(
                "setups-table",
                many(len(rows), "setup"),
                (
                    Search("Symbol", 0),
                    Choice("Pattern", 1, sorted({class_words(row["class"]) for row in rows})),
                    Choice("Way", 3, ["up", "down"]),
                    Choice("Sector", 11, sorted({sectors.get(row["symbol"], "") for row in rows} - {""})),
                    Least("Least score", 4, "0.01"),
                    Most("Most p-value", 5, "0.001"),
                ),
            ),
            table(
                f"Setups of {given.session}",
                COLUMNS,
                (_row(row, sectors, *both) for row, *both in zip(rows, close, target, strict=True)),
                id_="setups-table",
                sortable=True,
            ),
        ]
    )
    return Section(ID, TITLE, body)


def _row(row: dict[str, Any], sectors: dict[str, str], close: float, target: float) -> list[str | Cell]:
    return [
        row["symbol"],
        class_words(row["class"]),
        leg_to_come(row["class"], row["legs"]),
        "up" if side_of(row["direction"], row["legs"]) > 0 else "down",
        number(row["score"], 3),
        p_number(row["p_value"]),
        number(row["q_value"]),
        _price_or_dash(close),
        _price_or_dash(target),
        price(row["invalidation"]),
        ratio(row["risk_reward"]),
        sectors.get(row["symbol"]) or UNKNOWN,
    ]


def _prices(given: ReportInput, setups: pa.Table) -> tuple[list[float], list[float]]:
    """The close of each setup, and its nearest target that the close hasn't reached; NaN where there is none."""
    place = {symbol: at for at, symbol in enumerate(given.panel.symbols)}
    closes = np.append(given.panel.close[:, -1], np.nan)
    close = closes[[place.get(symbol, -1) for symbol in setups["symbol"].to_pylist()]]
    side = [
        side_of(direction, legs)
        for direction, legs in zip(setups["direction"].to_pylist(), setups["legs"].to_pylist(), strict=True)
    ]
    targets = setups["targets"].combine_chunks()
    nearest = nearest_targets(targets, np.array(side, dtype=np.int64), close, np.ones(len(close)))
    return close.tolist(), nearest.tolist()


def _price_or_dash(value: float) -> str:
    return price(None if np.isnan(value) else value)
