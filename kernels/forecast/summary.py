"""Skill and calibration over a period, from the daily scores of one or several years."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.diebold_mariano import diebold_mariano
from kernels.forecast.newey_west import mean_test
from kernels.forecast.scores import Float64Array3D, ForecastScores, Int64Array, empty_scores
from kernels.forecast.skill import skill
from kernels.panel import Float64Array1D, Float64Array2D

BASELINES = ("ewma-fhs", "gjr-fhs")
"""The models that skill is measured over."""

_DAILY = ("origins", "crps", "inside", "qlike", "rank_ic", "pit")
_COUNTS = ("known", "tested", "kupiec", "christoffersen")


@dataclass(frozen=True)
class ForecastSkill:
    """What M models are worth over a period, at H horizons. Values are NaN, and counts 0, where nothing is judged.

    Attributes:
        models: names.
        horizons: in sessions.
        levels: of the quantiles, Q of them.
        intervals: probabilities of I central intervals.
        days: int64 [H, M], with at least one origin.
        origins: int64 [H, M], judged.
        known: int64 [H, M], origins with an outcome that the model knows by itself.
        crps: float64 [H, M], mean over the origins, in log return.
        skill: float64 [H, M, 2], CRPS skill in percent over each of `BASELINES`, on the days of both; 0 for the
            baseline itself, NaN where there is no such baseline.
        dm_t: float64 [H, M, 2], t of Diebold & Mariano on the daily mean CRPS; below 0 says better than the baseline.
            NaN for the baseline itself and with too few days, see `MeanTest`.
        dm_p: float64 [H, M, 2], its two-sided p-value, 0 to 1.
        coverage: float64 [H, M, I], share of the outcomes inside the interval, 0 to 1.
        coverage_t: float64 [H, M, I], t of the daily share less the interval's probability: below 0 says too narrow.
        tested: int64 [H, M], symbols, once for each year, that took the coverage tests.
        kupiec_rejected: float64 [H, M, I], share of these that Kupiec's test rejects at 5 %, 0 to 1.
        christoffersen_rejected: float64 [H, M, I], as `kupiec_rejected`, of Christoffersen's test.
        pit: int64 [H, M, Q + 1], as in `ForecastScores`, over all days.
        qlike: float64 [H, M], mean over the origins.
        rank_ic: float64 [H, M], mean over the days that have one, -1 to 1.
        rank_ic_t: float64 [H, M], its t by Newey & West.
    """

    models: tuple[str, ...]
    horizons: tuple[int, ...]
    levels: tuple[float, ...]
    intervals: tuple[float, ...]
    days: Int64Array
    origins: Int64Array
    known: Int64Array
    crps: Float64Array2D
    skill: Float64Array3D
    dm_t: Float64Array3D
    dm_p: Float64Array3D
    coverage: Float64Array3D
    coverage_t: Float64Array3D
    tested: Int64Array
    kupiec_rejected: Float64Array3D
    christoffersen_rejected: Float64Array3D
    pit: Int64Array
    qlike: Float64Array2D
    rank_ic: Float64Array2D
    rank_ic_t: Float64Array2D


def join_scores(parts: Sequence[ForecastScores]) -> ForecastScores:
    """The scores of several years as one: days one after the other, counts over all symbols added up.

    Args:
        parts: scores of the same horizons, levels and intervals; each begins after the one before ends. A model that a
            part doesn't have isn't judged there.

    Returns:
        See `ForecastScores`, with every model of any part, in the order of their first appearance.

    Raises:
        InvalidInputError: no part, parts of other horizons, levels or intervals, or days that don't rise.
    """
    kinds = {(part.horizons, part.levels, part.intervals) for part in parts}
    if len(kinds) != 1:
        raise InvalidInputError(
            "join_scores",
            expected="at least one part, all of the same horizons, levels and intervals",
            got=f"{len(kinds)} different kinds",
            mend="score the forecasts of all years with the same horizons and levels",
        )
    horizons, levels, intervals = kinds.pop()
    days = np.concatenate([part.days for part in parts])
    if not (days[1:] > days[:-1]).all():
        raise InvalidInputError(
            "join_scores, days",
            expected="parts in the order of time, each day once",
            got="a day that doesn't come after the one before it",
            mend="sort the parts by their years, and pass each year once",
        )
    models = tuple(dict.fromkeys(name for part in parts for name in part.models))
    joined = empty_scores(models, horizons, levels, days, intervals)
    first = 0
    for part in parts:
        places = [models.index(name) for name in part.models]
        within = slice(first, first + len(part.days))
        for name in _DAILY:
            getattr(joined, name)[within, :, places] = getattr(part, name)
        for name in _COUNTS:
            getattr(joined, name)[:, places] += getattr(part, name)
        first += len(part.days)
    return joined


def summarise(scores: ForecastScores) -> ForecastSkill:
    """Skill, calibration and rank correlation of each model over all the days of `scores`.

    Args:
        scores: from `score_forecasts`, or from `join_scores` for several years.

    Returns:
        See `ForecastSkill`. Means over origins weigh a day by its origins; tests take every day as one observation.
    """
    shape, intervals = (len(scores.horizons), len(scores.models)), len(scores.intervals)
    crps, qlike, rank_ic, rank_ic_t = (np.full(shape, np.nan) for _ in range(4))
    gain, dm_t, dm_p = (np.full((*shape, len(BASELINES)), np.nan) for _ in range(3))
    inside, inside_t = (np.full((*shape, intervals), np.nan) for _ in range(2))
    for at in np.ndindex(shape):
        index, model = at
        horizon, origins = scores.horizons[index], scores.origins[:, index, model]
        crps[at] = _mean_over_origins(scores.crps[:, index, model], origins)
        qlike[at] = _mean_over_origins(scores.qlike[:, index, model], origins)
        test = mean_test(scores.rank_ic[:, index, model], horizon)
        rank_ic[at], rank_ic_t[at] = test.mean, test.t
        for place, interval in enumerate(scores.intervals):
            share = scores.inside[:, index, model, place]
            inside[(*at, place)] = _mean_over_origins(share, origins)
            inside_t[(*at, place)] = mean_test(share - interval, horizon).t
        for place, name in enumerate(BASELINES):
            if name in scores.models:
                baseline = scores.models.index(name)
                loss, other = scores.crps[:, index, model], scores.crps[:, index, baseline]
                gain[(*at, place)] = skill(loss * origins, other * scores.origins[:, index, baseline])
                compared = diebold_mariano(loss, other, horizon)
                dm_t[(*at, place)], dm_p[(*at, place)] = compared.t, compared.p_value
    return ForecastSkill(
        models=scores.models,
        horizons=scores.horizons,
        levels=scores.levels,
        intervals=scores.intervals,
        days=np.sum(scores.origins > 0, axis=0),
        origins=scores.origins.sum(axis=0),
        known=scores.known,
        crps=crps,
        skill=gain,
        dm_t=dm_t,
        dm_p=dm_p,
        coverage=inside,
        coverage_t=inside_t,
        tested=scores.tested,
        kupiec_rejected=_shares(scores.kupiec, scores.tested),
        christoffersen_rejected=_shares(scores.christoffersen, scores.tested),
        pit=scores.pit.sum(axis=0),
        qlike=qlike,
        rank_ic=rank_ic,
        rank_ic_t=rank_ic_t,
    )


def _mean_over_origins(daily: Float64Array1D, origins: npt.NDArray[np.int64]) -> float:
    known = origins > 0
    count = int(origins[known].sum())
    return math.fsum(daily[known] * origins[known]) / count if count else math.nan


def _shares(rejected: Int64Array, tested: Int64Array) -> Float64Array3D:
    shares = np.full(rejected.shape, np.nan)
    of = np.broadcast_to(tested[..., np.newaxis], rejected.shape)
    np.divide(rejected, of, out=shares, where=of > 0)
    return shares
