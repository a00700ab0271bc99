"""Scores of several models' forecasts, session by session, all judged on the same origins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.coverage import DEFAULT_INTERVALS, SAME_LEVEL, inside_interval
from kernels.forecast.coverage_tests import christoffersen_test, kupiec_test
from kernels.forecast.daily import are_days, daily_means
from kernels.forecast.pinball import crps_of_quantiles
from kernels.forecast.qlike import qlike
from kernels.forecast.rank_correlation import rank_information_coefficient
from kernels.forecast.validate import require_known_or_nan
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.volatility.forecasts import Forecasts, require_horizons, require_levels

SIGNIFICANCE = 0.05
"""A coverage test rejects where its p-value is below this."""

MIN_TESTED = 10
"""The fewest observations of a symbol that the coverage tests are taken on."""

Int64Array = npt.NDArray[np.int64]
Float64Array3D = npt.NDArray[np.float64]
Float64Array4D = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ForecastScores:
    """Scores of M models over D days, H horizons, Q levels and I central intervals.

    Arrays by day are NaN, and counts 0, where a model isn't judged: it knows nothing, or no origin of the day is known
    to all.

    Attributes:
        models: names.
        horizons: in sessions.
        levels: of the quantiles.
        intervals: probabilities of the central intervals.
        days: int64 or datetime64 [D], rising: the sessions of the origins.
        origins: int64 [D, H, M], how many origins are judged.
        crps: float64 [D, H, M], mean over these origins, in log return.
        inside: float64 [D, H, M, I], share of the outcomes inside each interval, 0 to 1.
        qlike: float64 [D, H, M], mean over these origins.
        rank_ic: float64 [D, H, M], rank information coefficient of the median, -1 to 1; NaN also where all medians or
            all outcomes are equal, or there are fewer than 3.
        pit: int64 [D, H, M, Q + 1], how many outcomes lie up to the first quantile, between two, above the last: a
            histogram of the probability integral transform whose bins end at the levels.
        known: int64 [H, M], origins with an outcome that each model knows by itself, over all days.
        tested: int64 [H, M], symbols with at least `MIN_TESTED` observations, every h-th session one.
        kupiec: int64 [H, M, I], of these, rejected at 5 % by the test of Kupiec.
        christoffersen: int64 [H, M, I], of these, rejected at 5 % by the test of Christoffersen.
    """

    models: tuple[str, ...]
    horizons: tuple[int, ...]
    levels: tuple[float, ...]
    intervals: tuple[float, ...]
    days: npt.NDArray[np.int64] | npt.NDArray[np.datetime64]
    origins: Int64Array
    crps: Float64Array3D
    inside: Float64Array4D
    qlike: Float64Array3D
    rank_ic: Float64Array3D
    pit: Int64Array
    known: Int64Array
    tested: Int64Array
    kupiec: Int64Array
    christoffersen: Int64Array

    @property
    def left_out(self) -> tuple[tuple[str, int], ...]:
        """The models that know nothing at a horizon, with the horizon; the others are judged without them."""
        return tuple(
            (self.models[model], self.horizons[horizon]) for horizon, model in np.argwhere(self.known == 0).tolist()
        )


def empty_scores(
    models: tuple[str, ...],
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
    days: npt.NDArray[np.int64] | npt.NDArray[np.datetime64],
    intervals: tuple[float, ...] = DEFAULT_INTERVALS,
) -> ForecastScores:
    """Scores to be filled in: NaN and 0 all over."""
    daily, symbols, cells = (len(days), len(horizons), len(models)), (len(horizons), len(models)), len(intervals)
    return ForecastScores(
        models=models,
        horizons=horizons,
        levels=levels,
        intervals=intervals,
        days=days,
        origins=np.zeros(daily, dtype=np.int64),
        crps=np.full(daily, np.nan),
        inside=np.full((*daily, cells), np.nan),
        qlike=np.full(daily, np.nan),
        rank_ic=np.full(daily, np.nan),
        pit=np.zeros((*daily, len(levels) + 1), dtype=np.int64),
        known=np.zeros(symbols, dtype=np.int64),
        tested=np.zeros(symbols, dtype=np.int64),
        kupiec=np.zeros((*symbols, cells), dtype=np.int64),
        christoffersen=np.zeros((*symbols, cells), dtype=np.int64),
    )


def score_forecasts(
    forecasts_by_model: Mapping[str, Forecasts],
    outcomes: Float64Array2D,
    row: npt.NDArray[np.integer],
    day: npt.NDArray[np.integer] | npt.NDArray[np.datetime64],
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
) -> ForecastScores:
    """Score the forecasts of several models on the origins that all of them know.

    At each horizon a model that knows no origin is left out; the others are judged on the origins whose outcome,
    quantiles and volatility are known in all of them.

    Args:
        forecasts_by_model: name and forecasts of the same E origins, H horizons and Q levels.
        outcomes: float64 [E, H], log returns, as `outcomes_of` gives them; NaN where unknown.
        row: integers [E], the symbol of each origin: those of one number form one series for the coverage tests.
        day: integers or datetime64 [E], the session of each origin. The sessions of all origins should be consecutive:
            the coverage tests take every h-th of them, so that outcomes over h sessions don't overlap.
        horizons: in sessions, strictly rising.
        levels: strictly rising; the median and the bounds of `DEFAULT_INTERVALS` must be among them.

    Returns:
        See `ForecastScores`, with days of `day`, each once. The order of the origins changes no bit.

    Raises:
        InvalidInputError: no model, a wrong shape, dtype, level or order, an infinite value, or two origins of the same
            row and day.
    """
    _require_input(forecasts_by_model, outcomes, row, day, horizons, levels)
    days, day_place = np.unique(day, return_inverse=True)
    _, row_place = np.unique(row, return_inverse=True)
    scores = empty_scores(tuple(forecasts_by_model), horizons, levels, days)
    for index in range(len(horizons)):
        with_outcome = ~np.isnan(outcomes[:, index])
        known = [_knows(each, index) & with_outcome for each in forecasts_by_model.values()]
        scores.known[index] = [int(each.sum()) for each in known]
        common = np.logical_and.reduce([with_outcome, *(each for each in known if each.any())])
        judged = _Judged(common, outcomes[common, index], row_place[common], day_place[common])
        for model, each in enumerate(forecasts_by_model.values()):
            if scores.known[index, model] and common.any():
                _write_model(scores, index, model, each, judged)
    return scores


@dataclass(frozen=True)
class _Judged:
    """The n origins that are judged at one horizon: which [E] of all, and their outcomes, rows and days [n]."""

    which: npt.NDArray[np.bool_]
    outcomes: Float64Array1D
    row: npt.NDArray[np.intp]
    day: npt.NDArray[np.intp]


def _knows(forecasts: Forecasts, index: int) -> npt.NDArray[np.bool_]:
    sums = forecasts.quantiles[:, index].sum(axis=1) + forecasts.volatility[:, index]
    known: npt.NDArray[np.bool_] = ~np.isnan(sums)
    return known


def _write_model(scores: ForecastScores, index: int, model: int, forecasts: Forecasts, judged: _Judged) -> None:
    """Write all scores of one model at one horizon, from at least one origin."""
    levels, days = scores.levels, len(scores.days)
    quantiles, outcomes = forecasts.quantiles[judged.which, index], judged.outcomes[:, np.newaxis]
    volatility = forecasts.volatility[judged.which, index, np.newaxis]
    origins = np.bincount(judged.day, minlength=days)
    scores.origins[:, index, model] = origins
    for losses, means in (
        (crps_of_quantiles(quantiles[:, np.newaxis], levels, outcomes), scores.crps),
        (qlike(volatility, outcomes), scores.qlike),
    ):
        with_origins, mean = daily_means(losses[:, 0], judged.day)
        means[with_origins, index, model] = mean
    scores.rank_ic[:, index, model] = _rank_ic(quantiles[:, _median_place(levels)], judged, days)
    cells = np.sum(quantiles < outcomes, axis=1) + judged.day * (len(levels) + 1)
    scores.pit[:, index, model] = np.bincount(cells, minlength=days * (len(levels) + 1)).reshape(days, -1)
    inside = np.column_stack(
        [inside_interval(quantiles[:, np.newaxis], levels, outcomes, each)[:, 0] == 1.0 for each in scores.intervals]
    )
    for place in range(len(scores.intervals)):
        hits = np.bincount(judged.day, weights=inside[:, place], minlength=days)
        np.divide(hits, origins, out=scores.inside[:, index, model, place], where=origins > 0)
    symbols = _independent_hits(inside, judged, scores.horizons[index])
    scores.tested[index, model] = len(symbols)
    for of_symbol in symbols:
        for place, interval in enumerate(scores.intervals):
            series = of_symbol[:, place]
            scores.kupiec[index, model, place] += kupiec_test(series, interval).p_value < SIGNIFICANCE
            scores.christoffersen[index, model, place] += christoffersen_test(series, interval).p_value < SIGNIFICANCE


def _rank_ic(score: Float64Array1D, judged: _Judged, days: int) -> Float64Array1D:
    """The rank information coefficient of each day."""
    scored, came = (np.full((days, int(judged.row.max()) + 1), np.nan) for _ in range(2))
    scored[judged.day, judged.row], came[judged.day, judged.row] = score, judged.outcomes
    return rank_information_coefficient(scored, came)


def _independent_hits(inside: npt.NDArray[np.bool_], judged: _Judged, horizon: int) -> list[npt.NDArray[np.bool_]]:
    """The hits of each symbol that is tested, [T, I], on every `horizon`-th day in the order of time."""
    chosen = np.flatnonzero(judged.day % horizon == 0)
    order = chosen[np.lexsort((judged.day[chosen], judged.row[chosen]))]
    starts = np.flatnonzero(np.diff(judged.row[order])) + 1
    return [hits for hits in np.split(inside[order], starts) if len(hits) >= MIN_TESTED]


def _median_place(levels: Sequence[float]) -> int:
    place = int(np.argmin(np.abs(np.asarray(levels, dtype=np.float64) - 0.5)))
    if abs(levels[place] - 0.5) > SAME_LEVEL:
        raise InvalidInputError(
            "score_forecasts, levels",
            expected="the median among them: it is the score that the rank correlation takes",
            got=repr(tuple(levels)),
            mend="forecast the level 0.5 too",
        )
    return place


def _require_input(
    forecasts_by_model: Mapping[str, Forecasts],
    outcomes: Float64Array2D,
    row: npt.NDArray[np.integer],
    day: npt.NDArray[np.integer] | npt.NDArray[np.datetime64],
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
) -> None:
    require_horizons(horizons)
    require_levels(levels)
    _median_place(levels)
    require_known_or_nan("score_forecasts, outcomes", outcomes, dimensions=2)
    shape = (len(outcomes), len(horizons))
    wanted: dict[str, tuple[npt.NDArray[np.float64], tuple[int, ...]]] = {"outcomes": (outcomes, shape)}
    for name, each in forecasts_by_model.items():
        require_known_or_nan(f"score_forecasts, quantiles of {name}", each.quantiles, dimensions=3)
        require_known_or_nan(f"score_forecasts, volatility of {name}", each.volatility, dimensions=2)
        wanted[f"quantiles of {name}"] = (each.quantiles, (*shape, len(levels)))
        wanted[f"volatility of {name}"] = (each.volatility, shape)
    if not forecasts_by_model:
        raise InvalidInputError(
            "score_forecasts, forecasts_by_model",
            expected="at least one model",
            got="none",
            mend="pass the forecasts of each model by its name",
        )
    for name, (values, needed) in wanted.items():
        if values.shape != needed:
            raise InvalidInputError(
                f"score_forecasts, {name}",
                expected=f"shape {needed}: origins, horizons and, for quantiles, levels",
                got=f"shape {values.shape}",
                mend="forecast the same origins, horizons and levels with every model",
            )
    integers = row.dtype.kind in "iu" and row.shape == (len(outcomes),)
    if not integers or not are_days(day, row.shape):
        raise InvalidInputError(
            "score_forecasts, row and day",
            expected=f"integers, and integers or datetime64 without NaT, both of shape ({len(outcomes)},)",
            got=f"{row.dtype} of shape {row.shape}, and {day.dtype} of shape {day.shape}",
            mend="pass the symbol and the session of each origin",
        )
    order = np.lexsort((day, row))
    again = (row[order[1:]] == row[order[:-1]]) & (day[order[1:]] == day[order[:-1]])
    if again.any():
        place = order[int(np.argmax(again))]
        raise InvalidInputError(
            "score_forecasts, row and day",
            expected="one origin for each row and day",
            got=f"row {row[place]} on day {day[place]} again",
            mend="leave the repeated origins out",
        )
