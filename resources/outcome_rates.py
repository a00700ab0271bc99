"""How often patterns reach their targets, and what they return: the table `pattern_outcome_rates`, and as text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.outcomes import HORIZONS, TARGET, Shares, shares
from kernels.panel import Float64Array1D
from kernels.waves import CLASS_NAMES
from resources.contracts import PATTERN_OUTCOME_RATES
from resources.outcome_tables import CONFIRMED_STAGES, DECIDED, OutcomeRows, class_of

STATUSES = ("confirmed", "setup")
MEASURES = ("target", "relative")
THROUGH = ("year", "all")
TENTHS = tuple(str(tenth) for tenth in range(1, 11))

LAGS_OF_OVERLAP = 3
"""Lags of the intervals, for each session that two horizons may share: see kernels/outcomes."""

_EDGES = np.arange(1, 10) / 10.0
_BOUNDS = {"": "mean", "_low": "low", "_high": "high"}

Indexes = npt.NDArray[np.int32]


def rates_table(year: int, own: OutcomeRows, every: OutcomeRows) -> pa.Table:
    """Count the entries of a year, and of all years through it that were judged without a gap.

    Counted entries that were made and whose horizon is over count: 1 where the target was touched first, 0 where the
    invalidation was, or neither; and their relative returns. A difference counts where an entry has random ones beside
    it. The tenths of the scores are those of the counted entries on prices, of the status, in the same years.

    Args:
        year: the partition.
        own: the rows of the year.
        every: those of all the years, the year's included.

    Returns:
        A row for each period, status, group, horizon and measure with an entry that counts, in this order.
    """
    this_year = _period(year, THROUGH[0], own)
    if every is own:
        place = this_year.schema.get_field_index("through")
        through = pa.array([THROUGH[1]] * this_year.num_rows, pa.string())
        all_years = this_year.set_column(place, this_year.schema.field(place), through)
    else:
        all_years = _period(year, THROUGH[1], every)
    return pa.concat_tables([this_year, all_years])


def _period(year: int, through: str, rows: OutcomeRows) -> pa.Table:
    records: list[dict[str, object]] = []
    for status in STATUSES:
        counted = rows.counted & ((rows.stage < CONFIRMED_STAGES) == (status == STATUSES[0]))
        if counted.any():
            common = {"year": year, "through": through, "status": status}
            records += [common | record for record in _records(rows, counted)]
    names = PATTERN_OUTCOME_RATES.schema.names
    return PATTERN_OUTCOME_RATES.table({name: [record[name] for record in records] for name in names})


def _records(rows: OutcomeRows, counted: npt.NDArray[np.bool_]) -> Iterator[dict[str, object]]:
    """The rates of one status: by grouping, group, horizon and measure."""
    for by, (names, group) in _groupings(rows, counted).items():
        chosen = counted & (group >= 0)
        found = {
            (horizon, measure): _measured(rows, chosen, group, len(names), place, measure)
            for place, horizon in enumerate(HORIZONS)
            for measure in MEASURES
        }
        for index, name in enumerate(names):
            for (horizon, measure), means in found.items():
                if not means.patterns.count[index] and not means.surrogates.count[index]:
                    continue
                yield {
                    "by": by,
                    "group": name,
                    "horizon": horizon,
                    "measure": measure,
                    "entries": means.patterns.count[index],
                    "sessions": means.patterns.sessions[index],
                    **{
                        f"{column}{bound}": getattr(getattr(means, column), end)[index]
                        for column in ("patterns", "difference", "surrogates")
                        for bound, end in _BOUNDS.items()
                    },
                    "surrogate_entries": means.surrogates.count[index],
                }


@dataclass(frozen=True)
class _Measured:
    """The means of one measure at one horizon, over the entries of each group."""

    patterns: Shares
    difference: Shares
    surrogates: Shares


def _groupings(rows: OutcomeRows, counted: npt.NDArray[np.bool_]) -> dict[str, tuple[tuple[str, ...], Indexes]]:
    """How the counted rows are grouped: the groups' names, and the group of each row, -1 = none."""
    degrees = tuple(str(degree) for degree in range(int(rows.degree[counted].max()) + 1))
    market = rows.score[counted & rows.market]
    edges = np.quantile(market, _EDGES) if len(market) else np.full(len(_EDGES), np.nan)
    score = np.searchsorted(edges, rows.score) if len(market) else np.full(len(rows.score), -1)
    p_value = np.where(np.isnan(rows.p_value), -1, np.searchsorted(_EDGES, rows.p_value))
    groups: dict[str, tuple[tuple[str, ...], npt.NDArray[Any]]] = {
        "all": (("all",), np.zeros(len(rows.score))),
        "class": (CLASS_NAMES, class_of(rows.stage)),
        "degree": (degrees, rows.degree),
        "score": (TENTHS, score),
        "p_value": (TENTHS, p_value),
    }
    return {by: (names, group.astype(np.int32)) for by, (names, group) in groups.items()}


def _measured(
    rows: OutcomeRows, chosen: npt.NDArray[np.bool_], group: Indexes, groups: int, place: int, measure: str
) -> _Measured:
    """The means of one measure at the horizon in this place."""
    decided = np.isin(rows.result[:, place], DECIDED)
    if measure == "target":
        value, matched = (rows.result[:, place] == TARGET).astype(np.float64), rows.matched_target[:, place]
    else:
        value, matched = rows.relative[:, place], rows.matched_relative[:, place]
    first, last = int(rows.session.min()), int(rows.session.max())

    def means(of: npt.NDArray[np.bool_], values: Float64Array1D) -> Shares:
        counted = chosen & decided & of
        return shares(
            rows.session[counted] - np.int32(first),
            group[counted],
            groups,
            values[counted],
            session_count=last - first + 1,
            lags=LAGS_OF_OVERLAP * (HORIZONS[place] - 1),
        )

    return _Measured(
        patterns=means(rows.market, value),
        difference=means(rows.market, value - matched),
        surrogates=means(~rows.market, value),
    )


def rates_markdown(table: pa.Table) -> str:
    """A small table of each period: a row for each status, measure and horizon.

    Args:
        table: `pattern_outcome_rates`.

    Returns:
        Markdown, in percent; in brackets the 95 % interval, and a dash where a value is unknown. The period "all" is
        left out where it is the year alone.
    """
    rows = [row for row in table.to_pylist() if row["by"] == "all"]
    parts = []
    told: list[list[str]] = []
    for through in THROUGH:
        lines = [_line(row) for row in rows if row["through"] == through]
        if not lines or lines in told:
            continue
        told.append(lines)
        parts.append(
            "\n".join(
                [
                    f"**{'this year' if through == 'year' else 'all years through this one'}**: %, 95 % interval",
                    "",
                    "| status | measure | sessions | entries | patterns | less random entries | surrogates |",
                    "|---|---|---|---|---|---|---|",
                    *lines,
                ]
            )
        )
    return "\n\n".join(parts) or "No entry counts yet."


def _line(row: Mapping[str, Any]) -> str:
    shown = [_percent(row, name) for name in ("patterns", "difference", "surrogates")]
    words = {"target": "target first", "relative": "relative return"}
    counts = f"{row['horizon']} | {row['entries']:,}"
    return f"| {row['status']} | {words[row['measure']]} | {counts} | {' | '.join(shown)} |"


def _percent(row: Mapping[str, Any], name: str) -> str:
    mean, low, high = (row[f"{name}{bound}"] for bound in _BOUNDS)
    if mean is None:
        return "-"
    form = "+.2f" if name == "difference" or row["measure"] == "relative" else ".2f"
    interval = "" if low is None else f" ({100.0 * low:{form}} to {100.0 * high:{form}})"
    return f"{100.0 * mean:{form}}{interval}"
