"""How good the forecasts of a year were: the models of the year before and every baseline, on the same origins."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field

from assets.forecast_model import forecast_model
from assets.pictures import picture
from assets.prices import prices
from assets.quarantine import quarantine
from assets.session_run import preview, table_of
from assets.universe import universe
from assets.years import earlier_years, is_current, through_year, year_asset
from kernels.errors import InvalidInputError
from kernels.forecast import ForecastScores, join_scores, outcomes_of, score_forecasts, summarise
from kernels.forecast.baselines import baseline_forecasts
from kernels.forecast.fitted import RunNetwork, candidate_forecasts
from kernels.panel import Int32Array1D
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, Forecasts
from resources.contracts import FORECAST_SKILL
from resources.forecast_contracts import baseline_column, interval_column
from resources.forecast_history import YearHistory, history_fingerprint, load_year_history
from resources.forecast_models import ForecastModel, open_forecast_model, require_forecasts
from resources.model_store import ModelStore, StoredModel
from resources.parquet_lake import ParquetLake, fingerprint
from resources.skill_plots import skill_plots
from resources.skill_tables import (
    SHOWN_INTERVAL,
    score_table,
    scores_from_tables,
    shown_baseline,
    skill_markdown,
    skill_table,
)
from resources.wiring import ForecasterResource, LakeResource

CODE_VERSION = "1"
BASELINE = "ewma-fhs"
SCORES, SKILL = TABLES = "forecast_scores", FORECAST_SKILL.name
FOLLOWED_HORIZONS = (DEFAULT_HORIZONS[0], DEFAULT_HORIZONS[-1])
"""Whose skill is followed over the years, in numbers: the shortest and the longest."""


class ForecastSkillConfig(dg.Config):
    """What is judged beside the project's own models."""

    models: list[str] = Field(default=[], description="Further models, as the resource served_model names them.")
    path: str | None = Field(default=None, description="chronos: the local folder of its checkpoint.")


@dataclass(frozen=True)
class _Judged:
    """The scores of one year, and which models couldn't be judged, with the reason."""

    scores: ForecastScores
    left_out: dict[str, str]


@year_asset(
    FORECAST_SKILL,
    CODE_VERSION,
    kinds=("parquet", "pytorch"),
    deps=[
        # A model is judged in the year that it serves.
        dg.AssetDep(forecast_model, partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)),
        through_year(universe),
        through_year(prices),
        through_year(quarantine),
    ],
)
def forecast_skill(
    context: dg.AssetExecutionContext,
    config: ForecastSkillConfig,
    lake: LakeResource,
    forecaster: ForecasterResource,
) -> dg.MaterializeResult:
    """How good the forecasts were: a row is a model at a horizon, with its CRPS, its coverage and its calibration.

    There is a row for the year and one for all years so far. Judged are the candidates of the model trained through the
    year before, what of it served, and six baselines fitted on the same sessions. Skill is the share of CRPS below a
    baseline's; its t is that of Diebold and Mariano on daily means, because 500 symbols on a day are not 500 samples.
    The daily scores are the table `forecast_scores`.
    """
    store = lake.open()
    models = ModelStore(store.files)
    further = {name: open_forecast_model(name, path=config.path) for name in config.models}
    named = {name: model.name for name, model in further.items()}
    for key in context.partition_keys:
        began, year = time.monotonic(), int(key)
        stored = models.read(year - 1)
        made_from = _made_from(store, year, stored, named)
        kept = is_current(store, TABLES, key, made_from, CODE_VERSION)
        extra: dict[str, Any] = {"kept": kept, "model": _name(stored, year)}
        if not kept:
            history = load_year_history(store, year)
            judged = _judge(history, stored, forecaster.open().run, further) if history.first else None
            nothing = _why_nothing(judged, year)
            if judged is None or nothing:
                context.log.warning(f"forecast_skill {year}: nothing is judged: {nothing}")
                context.add_asset_metadata({"judged": False, "reason": nothing}, partition_key=key)
                continue
            _write(store, key, judged.scores, made_from)
            extra |= {
                "seconds": round(time.monotonic() - began, 3),
                "left_out": table_of(("model", "reason"), sorted(judged.left_out.items())),
            }
        _report(context, store, key, extra)
    return dg.MaterializeResult()


def _why_nothing(judged: _Judged | None, year: int) -> str:
    """Why no origin of a year is judged; empty if one is."""
    if judged is None:
        return f"the history begins in {year}: there are no sessions before it to fit a baseline on"
    if not judged.scores.origins.any():
        told = "".join(f"; {name}: {reason}" for name, reason in judged.left_out.items())
        return f"no origin of {year} has an outcome and a forecast of every model that forecast any{told}"
    return ""


def _name(stored: StoredModel | None, year: int) -> str:
    return f"there is no model of {year - 1}: the baselines alone" if stored is None else stored.model_id


def _made_from(lake: ParquetLake, year: int, stored: StoredModel | None, further: Mapping[str, str]) -> str:
    return fingerprint(
        {
            "code": CODE_VERSION,
            "model": stored.model_id if stored else None,
            "models": dict(further),
            "history": history_fingerprint(lake, year),
            "earlier": lake.fingerprints(SCORES, earlier_years(lake, TABLES, year)),
        }
    )


def _judge(
    history: YearHistory, stored: StoredModel | None, run: RunNetwork, further: Mapping[str, ForecastModel]
) -> _Judged:
    bars, first = history.bars, history.first
    count, total = bars.close.shape
    row, end = (np.ascontiguousarray(each.ravel(), dtype=np.int32) for each in np.mgrid[0:count, first:total])
    others = {name: _forecast(name, model, history, row, end) for name, model in further.items()}
    own = {} if stored is None else candidate_forecasts(stored.model, bars, row, end, run)
    made, left_out = baseline_forecasts(bars, 0, first - 1, row, end)
    served = own.get(stored.serves or "", made[BASELINE]) if stored else made[BASELINE]
    every = {"served": served, **{f"model: {name}": each for name, each in own.items()}, **made, **others}
    outcomes = outcomes_of(bars.close, row, end, DEFAULT_HORIZONS)
    scores = score_forecasts(every, outcomes, row, history.panel.sessions[end], DEFAULT_HORIZONS, DEFAULT_LEVELS)
    for name in dict.fromkeys(name for name, _ in scores.left_out):
        horizons = ", ".join(str(horizon) for model, horizon in scores.left_out if model == name)
        left_out[name] = f"it forecast no origin with an outcome at h = {horizons}"
    return _Judged(scores, left_out)


def _forecast(name: str, model: ForecastModel, history: YearHistory, row: Int32Array1D, end: Int32Array1D) -> Forecasts:
    first: date = history.panel.sessions[history.first].item()
    if model.trained_through is not None and model.trained_through >= first:
        raise InvalidInputError(
            f"model {name}",
            expected=f"a model trained on sessions before {first}",
            got=f"trained through {model.trained_through}",
            mend="judge a later year, or a model of earlier data",
        )
    forecasts = model.forecast(history.bars, row, end)
    require_forecasts(name, forecasts, len(row))
    return forecasts


def _write(lake: ParquetLake, key: str, scores: ForecastScores, made_from: str) -> None:
    years = earlier_years(lake, TABLES, int(key))
    periods = {key: summarise(scores)}
    if years:
        earlier = [
            scores_from_tables(lake.read(SCORES, year), lake.read(SKILL, year), year, DEFAULT_HORIZONS)
            for year in years
        ]
        periods[f"{years[0]}-{key}"] = summarise(join_scores([*earlier, scores]))
    for table, rows in ((SCORES, score_table(scores)), (SKILL, skill_table(periods))):
        lake.write(table, key, rows, made_from=made_from, code_version=CODE_VERSION)
        lake.settle(table)


def _report(context: dg.AssetExecutionContext, lake: ParquetLake, key: str, extra: dict[str, Any]) -> None:
    skill = lake.read(SKILL, key)
    daily = pa.concat_tables([lake.read(SCORES, year) for year in [*earlier_years(lake, TABLES, int(key)), key]])
    plots = picture("calibration and skill over time", skill_plots(daily))
    context.add_asset_metadata(
        {
            "dagster/partition_row_count": len(skill),
            "dagster/uri": lake.uri(SKILL, key),
            **_served_skill(skill, key),
            "skill": dg.MetadataValue.md(skill_markdown(skill)),
            "plots": dg.MetadataValue.md(plots),
            "preview": preview(skill),
            **extra,
        },
        partition_key=key,
    )


def _served_skill(skill: pa.Table, year: str) -> dict[str, float]:
    """What served in the year, by horizon: CRPS skill in percent, and the share inside the 90 % interval."""
    baseline = shown_baseline(set(skill["model"].to_pylist()))
    columns = {
        f"skill_over_{baseline.replace('-', '_')}": baseline_column("skill", baseline),
        "inside_90": interval_column("coverage", SHOWN_INTERVAL),
    }
    return {
        f"{name}_{row['horizon']}": row[column]
        for row in skill.to_pylist()
        if (row["period"], row["model"]) == (year, "served") and row["horizon"] in FOLLOWED_HORIZONS
        for name, column in columns.items()
        if row[column] is not None
    }
