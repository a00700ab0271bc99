"""The table of setups to watch."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.report.events import nearest_targets
from resources.report.filters import Choice, Least, Most, Search, filters
from resources.report.markup import UNKNOWN, Cell, Column, Section, join, missing, paragraph, table
from resources.report.ranking import best_first
from resources.report.report_input import ReportInput
from resources.report.words import class_words, day_command, leg_to_come, many, number, p_number, price, ratio, side_of

SURE = 0.05
"""All setups with a p-value up to this are listed,"""

FEWEST, MOST = 200, 3500
"""but at least so many, and at most so many: more are no table any more."""

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
    every = best_first(given.patterns, "setup")
    if not every.num_rows:
        why = "No setup stands in this session."
        return Section(ID, TITLE, missing(why), why)
    sure = pc.sum(pc.less_equal(every["p_value"], SURE)).as_py() or 0
    listed = every.slice(0, min(max(sure, FEWEST), MOST)).select(list(_READ))
    rows, sectors = listed.to_pylist(), given.sectors
    close, target = _prices(given, listed)
    body = join(
        [
            paragraph(_chosen(every.num_rows, sure, len(rows))),
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


def _chosen(every: int, sure: int, listed: int) -> str:
    if listed == every:
        return "All setups that stand."
    best = f"Of {every:,} setups that stand, "
    if not sure:
        return f"{best}the {listed:,} with the best scores."
    if listed > sure:
        return f"{best}{sure:,} have a p-value up to {SURE:g}; listed are the {listed:,} best."
    if listed < sure:
        return f"{best}{sure:,} have a p-value up to {SURE:g}; listed are the best {listed:,} of these."
    return f"{best}these {sure:,} have a p-value up to {SURE:g}. Chance alone would give many of them: see above."


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
