"""Scores and skill of forecasts as tables of the lake, back again, and as text for people."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.errors import InvalidInputError
from kernels.forecast import BASELINES, DEFAULT_INTERVALS, ForecastScores, ForecastSkill, empty_scores
from kernels.volatility import DEFAULT_LEVELS
from resources.forecast_contracts import FORECAST_SCORES, FORECAST_SKILL, baseline_column, interval_column

SHOWN_INTERVAL = 0.9
"""The interval whose coverage the text shows."""


def score_table(scores: ForecastScores) -> pa.Table:
    """The daily scores, a row for each session, horizon and model that is judged, in this order.

    Args:
        scores: with sessions as days, and the default levels and intervals: the table has their columns.

    Raises:
        InvalidInputError: other levels or intervals, or days that are numbers.
    """
    _require_columns_for(scores)
    if scores.days.dtype.kind != "M":
        raise InvalidInputError(
            "score_table, days",
            expected="sessions, datetime64[D]",
            got=str(scores.days.dtype),
            mend="pass the session of each origin, not its column, to score_forecasts",
        )
    judged = np.nonzero(scores.origins)
    day, horizon, model = judged
    inside = scores.inside[judged]
    return FORECAST_SCORES.table(
        {
            "session": scores.days.astype("datetime64[D]")[day],
            "horizon": np.array(scores.horizons, dtype=np.int16)[horizon],
            "model": np.array(scores.models, dtype=object)[model],
            "origins": scores.origins[judged],
            "crps": scores.crps[judged],
            **_by_interval("inside", inside),
            "qlike": scores.qlike[judged],
            "rank_ic": scores.rank_ic[judged],
            "pit": list(scores.pit[judged]),
        }
    )


def skill_table(periods: Mapping[str, ForecastSkill]) -> pa.Table:
    """What the models are worth, a row for each period, horizon and model that is judged, in this order.

    Args:
        periods: such as "2016", or "2015-2017", and what `summarise` gave for it.

    Raises:
        InvalidInputError: no period, or other levels or intervals than the default ones.
    """
    if not periods:
        raise InvalidInputError(
            "skill_table, periods",
            expected="at least one period",
            got="none",
            mend="summarise the scores of a year first",
        )
    return pa.concat_tables([_skill_rows(period, each) for period, each in periods.items()])


def scores_from_tables(scores: pa.Table, skill: pa.Table, period: str, horizons: tuple[int, ...]) -> ForecastScores:
    """The scores that `score_table` and `skill_table` were made from, such as those of an earlier year.

    Args:
        scores: the table `forecast_scores` of the period.
        skill: a table `forecast_skill` with the period: what is counted for each symbol is there only.
        period: one year: the counts of several years aren't those of one.
        horizons: those that were scored, in sessions; at some of them nothing may have been judged.

    Returns:
        Enough for `join_scores`: without the days, and the models, that weren't judged at all.

    Raises:
        InvalidInputError: the period isn't in the table.
    """
    skill = skill.filter(pc.equal(skill["period"], period))
    if not skill.num_rows:
        raise InvalidInputError(
            "scores_from_tables, period",
            expected=f"{period!r} among the periods of the table forecast_skill",
            got="no row of it",
            mend=f"materialise forecast_skill for {period}",
        )
    models = tuple(dict.fromkeys(skill["model"].to_pylist()))
    days, day = np.unique(scores["session"].to_numpy(), return_inverse=True)
    result = empty_scores(models, horizons, DEFAULT_LEVELS, days)
    daily = (day, *_horizon_and_model(scores, horizons, models))
    for name in ("origins", "crps", "qlike", "rank_ic"):
        getattr(result, name)[daily] = scores[name].to_numpy()
    result.pit[daily] = _counts(scores["pit"])
    cells = _horizon_and_model(skill, horizons, models)
    result.known[cells], result.tested[cells] = skill["known"].to_numpy(), skill["tested"].to_numpy()
    for place, interval in enumerate(DEFAULT_INTERVALS):
        result.inside[(*daily, place)] = scores[interval_column("inside", interval)].to_numpy()
        for name in ("kupiec", "christoffersen"):
            share = skill[interval_column(f"{name}_rejected", interval)].fill_null(0.0).to_numpy()
            # A share of so many symbols is a whole number of them.
            getattr(result, name)[(*cells, place)] = np.rint(share * skill["tested"].to_numpy())
    return result


def skill_markdown(table: pa.Table) -> str:
    """A small table of each period: a row for each model, a column for each horizon.

    Args:
        table: `forecast_skill`.

    Returns:
        Markdown. A cell holds the CRPS skill in percent, in brackets its t, and the share inside the 90 % interval; a
        dash where a value is unknown.
    """
    parts = []
    for period in dict.fromkeys(table["period"].to_pylist()):
        rows = table.filter(pc.equal(table["period"], period)).to_pylist()
        baseline = shown_baseline({row["model"] for row in rows})
        horizons = sorted({row["horizon"] for row in rows})
        cells = {(row["model"], row["horizon"]): _cell(row, baseline) for row in rows}
        lines = [
            f"**{period}**: CRPS skill over {baseline} in % (t of the difference, below 0 = better), share inside the "
            f"{SHOWN_INTERVAL:.0%} interval; by horizon in sessions",
            "",
            f"| model | {' | '.join(map(str, horizons))} |",
            f"|---|{'---|' * len(horizons)}",
        ]
        for model in dict.fromkeys(row["model"] for row in rows):
            shown = " | ".join(cells.get((model, horizon), "-") for horizon in horizons)
            lines.append(f"| {model} | {shown} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def shown_baseline(models: set[str]) -> str:
    """The baseline that skill is shown over: the best of `BASELINES` that is among the models."""
    return next((name for name in reversed(BASELINES) if name in models), BASELINES[-1])


def _cell(row: Mapping[str, object], baseline: str) -> str:
    gain, t = (row[baseline_column(name, baseline)] for name in ("skill", "t"))
    inside = row[interval_column("coverage", SHOWN_INTERVAL)]
    return f"{_number(gain, '+.2f')} ({_number(t, '.1f')}) {_number(inside, '.3f').removeprefix('0')}"


def _number(value: object, form: str) -> str:
    return "-" if value is None else format(value, form)


def _skill_rows(period: str, skill: ForecastSkill) -> pa.Table:
    _require_columns_for(skill)
    judged = np.nonzero(skill.origins)
    horizon, model = judged
    columns: dict[str, object] = {
        "period": np.full(len(model), period, dtype=object),
        "horizon": np.array(skill.horizons, dtype=np.int16)[horizon],
        "model": np.array(skill.models, dtype=object)[model],
        "pit": list(skill.pit[judged]),
    }
    for name in ("days", "origins", "known", "crps", "tested", "qlike", "rank_ic", "rank_ic_t"):
        columns[name] = getattr(skill, name)[judged]
    for place, baseline in enumerate(BASELINES):
        for name, values in (("skill", skill.skill), ("t", skill.dm_t), ("p", skill.dm_p)):
            columns[baseline_column(name, baseline)] = values[judged][:, place]
    for name in ("coverage", "coverage_t", "kupiec_rejected", "christoffersen_rejected"):
        columns |= _by_interval(name, getattr(skill, name)[judged])
    return FORECAST_SKILL.table(columns)


def _by_interval(name: str, values: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    return {interval_column(name, interval): values[:, place] for place, interval in enumerate(DEFAULT_INTERVALS)}


def _horizon_and_model(
    table: pa.Table, horizons: tuple[int, ...], models: tuple[str, ...]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The place of each row's horizon and model."""
    places = {name: place for place, name in enumerate(models)}
    model = np.array([places[name] for name in table["model"].to_pylist()], dtype=np.intp)
    return np.searchsorted(horizons, table["horizon"].to_numpy()), model


def _counts(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    counts: npt.NDArray[np.int64] = pc.list_flatten(column).to_numpy().reshape(len(column), len(DEFAULT_LEVELS) + 1)
    return counts


def _require_columns_for(made: ForecastScores | ForecastSkill) -> None:
    if (made.levels, made.intervals) != (DEFAULT_LEVELS, DEFAULT_INTERVALS):
        raise InvalidInputError(
            "tables of forecast scores",
            expected=f"levels {DEFAULT_LEVELS} and intervals {DEFAULT_INTERVALS}",
            got=f"levels {made.levels} and intervals {made.intervals}",
            mend="score forecasts of the default levels, or change the contract in resources/forecast_contracts.py",
        )
