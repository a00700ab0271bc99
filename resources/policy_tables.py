"""From policies that were compared to the tables of the lake, a chart, and words that say what came out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.panel import Float64Array1D
from kernels.policies import ALL_OFFSETS, Comparison, Played, lines_of, pooled_equity
from resources.charts import EquityChart, Series, equity_chart
from resources.policy_block import PolicyBlock
from resources.policy_contracts import POLICY_EQUITY, POLICY_SIMULATION

GROUP_WORDS = {"train": "symbols that the model was trained on", "held_out": "symbols that it has never seen"}

SURVIVORSHIP = (
    "The symbols are those of the lake. If they are the members of an index on a later day, the companies that failed "
    "before it are missing, which flatters whatever is long; buy-and-hold over the same symbols is flattered as well."
)


def comparison_table(rows: Sequence[Comparison], block: PolicyBlock, model: str) -> pa.Table:
    """The table `policy_simulation`, a row for each policy, group and start offset."""
    sessions = block.sessions
    return POLICY_SIMULATION.table(
        {
            **{field.name: [getattr(row, field.name) for row in rows] for field in fields(Comparison)},
            "model": [model] * len(rows),
            "first_session": np.full(len(rows), sessions[0]),
            "last_session": np.full(len(rows), sessions[-1]),
            "sessions": [len(sessions) - 1] * len(rows),
        }
    )


def equity_table(played: Sequence[Played], block: PolicyBlock) -> pa.Table:
    """The table `policy_equity`: the accounts of each group together, a line for each row of `policy_simulation`."""
    columns: dict[str, list[npt.NDArray[np.generic]]] = {name: [] for name in POLICY_EQUITY.schema.names}
    sessions = block.sessions
    for group, chosen in block.groups.items():
        if not chosen.any():
            continue
        for each in played:
            for offset, walks in lines_of(each):
                row = {
                    "policy": np.full(len(sessions), each.name),
                    "kind": np.full(len(sessions), each.kind),
                    "group": np.full(len(sessions), group),
                    "offset": np.full(len(sessions), offset),
                    "session": sessions,
                    "equity": pooled_equity(walks, chosen),
                }
                for name, values in row.items():
                    columns[name].append(values)
    return POLICY_EQUITY.table({name: np.concatenate(parts) for name, parts in columns.items()})


def policy_chart(equity: pa.Table, group: str) -> str:
    """The equity of the policies over one group as an SVG: greedy and benchmarks, and the random ones as a band.

    Args:
        equity: the table `policy_equity`.
        group: one of its groups.
    """
    sessions, lines = _lines(equity, group)
    chance = np.array([values for (_, kind), values in lines.items() if kind == "random"])
    series = [Series(name, values) for (name, kind), values in lines.items() if kind != "random"]
    if len(chance):
        middle = np.median(chance, axis=0)
        low, high = (np.ascontiguousarray(bound) for bound in (chance.min(axis=0), chance.max(axis=0)))
        series.append(Series("random (median; all between)", middle, low, high))
    chart = EquityChart(
        f"Policies: {GROUP_WORDS[group]}",
        sessions,
        tuple(series),
        (f"{sessions[0]} to {sessions[-1]}", "after all costs", "sessions that the model hasn't seen"),
    )
    return equity_chart(chart)


def _lines(equity: pa.Table, group: str) -> tuple[npt.NDArray[np.datetime64], dict[tuple[str, str], Float64Array1D]]:
    """The sessions, and the equity of each policy and kind over all start offsets."""
    names, kinds, groups = (np.array(equity[name].to_pylist()) for name in ("policy", "kind", "group"))
    values = equity["equity"].to_numpy()
    days = equity["session"].to_numpy().astype("datetime64[D]")
    here = (groups == group) & (equity["offset"].to_numpy() == ALL_OFFSETS)
    found = {
        (str(name), str(kinds[here & (names == name)][0])): np.ascontiguousarray(values[here & (names == name)])
        for name in dict.fromkeys(names[here].tolist())
    }
    return np.unique(days[here]), found


def verdict(row: Comparison) -> str:
    """Whether a policy was better than buy-and-hold, in words: the interval of the difference decides."""
    if math.isnan(row.return_ahead_low):
        return "too few sessions to tell"
    if row.return_ahead_low > 0.0:
        return "better than buy-and-hold by more than chance"
    if row.return_ahead_high < 0.0:
        return "worse than buy-and-hold by more than chance"
    return "no better than buy-and-hold: the difference may be chance"


def words_of(rows: Sequence[Comparison], block: PolicyBlock, choices: Mapping[str, Mapping[str, float]]) -> str:
    """What came out, as Markdown for people: a paragraph for each greedy policy and group, and what to know.

    Args:
        rows: of `kernels.policies.compare`.
        block: that was walked over.
        choices: of each greedy policy, the share of each kind of candidate.
    """
    sessions = block.sessions
    told = [
        f"{len(sessions) - 1} sessions, {sessions[0]} to {sessions[-1]}; the model has seen nothing after "
        f"{block.trained_through}."
    ]
    by_place = {(row.group, row.policy, row.offset): row for row in rows}
    for row in rows:
        if row.kind == "greedy" and row.offset == ALL_OFFSETS:
            [base] = [each for each in rows if each.kind == "buy_and_hold" and each.group == row.group]
            offsets = [each for key, each in by_place.items() if key[:2] == (row.group, row.policy)]
            told.append(_paragraph(row, base, [each for each in offsets if each.offset != ALL_OFFSETS]))
    for name, shares in choices.items():
        listed = ", ".join(f"{kind} {_percent(share)}" for kind, share in shares.items())
        told.append(f"Choices of {name}: {listed}.")
    if block.unlisted:
        told.append(f"Left out, since they had no bar in the window of the first session: {block.unlisted} symbols.")
    if any(row.kind == "random" for row in rows):
        told.append(
            "Random policies are long as often as short: where prices rise, whatever is mostly long beats them."
        )
    return "\n\n".join([*told, SURVIVORSHIP])


def _paragraph(row: Comparison, base: Comparison, offsets: Sequence[Comparison]) -> str:
    said = (
        f"**{row.policy}**, {row.accounts} {GROUP_WORDS[row.group]}: **{verdict(row)}**. Total return "
        f"{_signed(row.total_return)} ({_interval(row.total_return_low, row.total_return_high)}), buy-and-hold "
        f"{_signed(base.total_return)}; difference {_signed(row.return_ahead)} "
        f"({_interval(row.return_ahead_low, row.return_ahead_high)}). Sharpe ratio {_number(row.sharpe_252)}, "
        f"buy-and-hold {_number(base.sharpe_252)}."
    )
    if offsets:
        returns = [each.total_return for each in offsets]
        said += f" By start offset the return lies from {_signed(min(returns))} to {_signed(max(returns))}."
    if not math.isnan(row.above_random):
        said += f" It is above {_percent(row.above_random)} of the random policies."
    if row.exposure == 0.0:
        return said + " It never held anything: the model saw no action that was worth its costs."
    if math.isnan(row.deflated_sharpe):
        return said
    trials = f"{row.trials} trial" + ("s" if row.trials != 1 else "")
    return said + f" Probability that its true Sharpe ratio is above 0, given {trials}: {row.deflated_sharpe:.2f}."


def _signed(value: float) -> str:
    return f"{100.0 * value:+.1f} %"


def _percent(value: float) -> str:
    return f"{100.0 * value:.0f} %"


def _number(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.2f}"


def _interval(low: float, high: float) -> str:
    return "interval unknown" if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"
