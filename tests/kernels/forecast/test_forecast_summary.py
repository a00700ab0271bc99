"""Skill over a period: joined years, canaries, and what the daily scores say when they are taken together."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.forecast import (
    BASELINES,
    DEFAULT_INTERVALS,
    ForecastScores,
    crps_of_quantiles,
    daily_means,
    diebold_mariano,
    join_scores,
    mean_test,
    score_forecasts,
    skill,
    summarise,
)
from kernels.volatility import DEFAULT_LEVELS, Forecasts
from tests.kernels.forecast.canary import leaking, normal_forecasts

HORIZONS = (1, 8)


def market(seed: int, symbols: int = 20, days: int = 120, first: str = "2016-01-04"):
    """Row, day, the true deviations and the outcomes of each origin."""
    rng = np.random.default_rng(seed)
    row, day = (each.ravel() for each in np.mgrid[0:symbols, 0:days])
    deviation = rng.uniform(0.01, 0.03, (len(row), 2))
    return row, np.datetime64(first) + day, deviation, deviation * rng.normal(size=deviation.shape)


def scores_of(seed: int, models: dict[str, float], **options: object) -> ForecastScores:
    """Scores of normal forecasts whose deviation is the true one times a factor."""
    row, day, deviation, outcomes = market(seed, **options)
    forecasts = {name: normal_forecasts(deviation * factor) for name, factor in models.items()}
    return score_forecasts(forecasts, outcomes, row, day, HORIZONS, DEFAULT_LEVELS)


def assert_same(got: object, expected: object) -> None:
    for field in fields(expected):
        np.testing.assert_array_equal(getattr(got, field.name), getattr(expected, field.name))


THREE = {"ewma-fhs": 1.4, "gjr-fhs": 1.2, "new": 1.0}


def test_skill_and_its_test_are_those_of_the_origins_and_of_the_daily_means() -> None:
    row, day, deviation, outcomes = market(1)
    outcomes[::7, 1] = np.nan
    forecasts = {name: normal_forecasts(deviation * factor) for name, factor in THREE.items()}
    got = summarise(score_forecasts(forecasts, outcomes, row, day, HORIZONS, DEFAULT_LEVELS))
    for index, horizon in enumerate(HORIZONS):
        at = slice(index, index + 1)
        losses = {
            name: crps_of_quantiles(each.quantiles[:, at], DEFAULT_LEVELS, outcomes[:, at])[:, 0]
            for name, each in forecasts.items()
        }
        daily = {name: daily_means(each, day)[1] for name, each in losses.items()}
        for model, name in enumerate(THREE):
            assert got.crps[index, model] == pytest.approx(np.nanmean(losses[name]), rel=1e-12)
            for place, baseline in enumerate(BASELINES):
                expected = skill(losses[name], losses[baseline])
                assert got.skill[index, model, place] == pytest.approx(expected, rel=1e-9, abs=1e-12)
                test = diebold_mariano(daily[name], daily[baseline], horizon)
                assert got.dm_t[index, model, place] == pytest.approx(test.t, rel=1e-9, nan_ok=True)
                assert got.dm_p[index, model, place] == pytest.approx(test.p_value, rel=1e-9, nan_ok=True)
    assert got.origins[:, 0].tolist() == [2400, int(np.sum(~np.isnan(outcomes[:, 1])))]
    assert got.days.tolist() == [[120] * 3] * 2


def test_means_coverage_and_rank_correlation_are_those_of_the_daily_scores() -> None:
    scores = scores_of(2, THREE)
    got = summarise(scores)
    np.testing.assert_allclose(got.qlike, np.mean(scores.qlike, axis=0), rtol=1e-12)
    np.testing.assert_allclose(got.coverage, np.mean(scores.inside, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(got.pit, scores.pit.sum(axis=0))
    for index, horizon in enumerate(HORIZONS):
        for model in range(3):
            assert np.isnan(got.rank_ic[index, model])
            for place, interval in enumerate(DEFAULT_INTERVALS):
                t = mean_test(scores.inside[:, index, model, place] - interval, horizon).t
                assert got.coverage_t[index, model, place] == pytest.approx(t, rel=1e-9)
    # 1.4 times too wide covers too much, and its t says so; the true one is near.
    assert (got.coverage_t[:, 0] > 3).all()
    assert (np.abs(got.coverage_t[:, 2]) < 4).all()
    np.testing.assert_allclose(got.kupiec_rejected, scores.kupiec / 20, rtol=1e-14)
    np.testing.assert_allclose(got.christoffersen_rejected, scores.christoffersen / 20, rtol=1e-14)


def test_a_forecast_that_knows_the_outcome_shows_absurd_skill() -> None:
    row, day, deviation, outcomes = market(3)
    honest = normal_forecasts(deviation)
    models = {"gjr-fhs": honest, "leak": leaking(honest, outcomes, 0.5), "a tenth": leaking(honest, outcomes, 0.1)}
    got = summarise(score_forecasts(models, outcomes, row, day, HORIZONS, DEFAULT_LEVELS))
    over_gjr = BASELINES.index("gjr-fhs")
    assert (got.skill[:, 1, over_gjr] > 20.0).all()
    assert (got.skill[:, 2, over_gjr] > 5.0).all()
    assert (got.dm_t[:, 1:, over_gjr] < -20.0).all()
    assert (got.rank_ic[:, 1:] > 0.999).all()


def test_a_forecast_identical_to_the_baseline_has_skill_exactly_0() -> None:
    row, day, deviation, outcomes = market(4)
    honest = normal_forecasts(deviation)
    same = Forecasts(*[getattr(honest, field.name).copy() for field in fields(Forecasts)])
    models = {"ewma-fhs": honest, "gjr-fhs": honest, "same": same}
    got = summarise(score_forecasts(models, outcomes, row, day, HORIZONS, DEFAULT_LEVELS))
    assert (got.skill == 0.0).all()
    assert np.isnan(got.dm_t).all()


def test_outcomes_of_other_origins_leave_no_skill() -> None:
    row, day, deviation, outcomes = market(5, symbols=40, days=250)
    shuffled = outcomes[np.random.default_rng(0).permutation(len(outcomes))]
    flat = np.full_like(deviation, math.sqrt(np.mean(deviation**2)))
    models = {"gjr-fhs": normal_forecasts(flat), "true": normal_forecasts(deviation)}
    for came, better in ((outcomes, True), (shuffled, False)):
        got = summarise(score_forecasts(models, came, row, day, HORIZONS, DEFAULT_LEVELS))
        assert (got.skill[:, 1, 1] > 1.0).all() == better


def test_without_a_baseline_its_skill_is_unknown() -> None:
    got = summarise(scores_of(6, {"ewma-fhs": 1.2, "new": 1.0}))
    assert np.isnan(got.skill[:, :, 1]).all()
    assert np.isfinite(got.skill[:, :, 0]).all()


def test_years_scored_apart_and_joined_are_the_years_scored_at_once_but_for_the_tests_by_symbol() -> None:
    row, day, deviation, outcomes = market(7, days=120)
    models = {name: normal_forecasts(deviation * factor) for name, factor in THREE.items()}
    at_once = score_forecasts(models, outcomes, row, day, HORIZONS, DEFAULT_LEVELS)
    parts = []
    for chosen in (day < np.datetime64("2016-03-04"), day >= np.datetime64("2016-03-04")):
        part = {name: normal_forecasts(deviation[chosen] * factor) for name, factor in THREE.items()}
        parts.append(score_forecasts(part, outcomes[chosen], row[chosen], day[chosen], HORIZONS, DEFAULT_LEVELS))
    joined = join_scores(parts)
    for field in fields(ForecastScores):
        if field.name not in ("tested", "kupiec", "christoffersen"):
            np.testing.assert_array_equal(getattr(joined, field.name), getattr(at_once, field.name))
    assert joined.tested.tolist() == (parts[0].tested + parts[1].tested).tolist()
    assert joined.kupiec.tolist() == (parts[0].kupiec + parts[1].kupiec).tolist()
    assert_same(join_scores(parts[:1]), parts[0])


def test_a_model_that_joins_later_is_judged_on_its_own_days_beside_the_baseline() -> None:
    early = scores_of(8, {"ewma-fhs": 1.4, "gjr-fhs": 1.2}, days=60)
    late = scores_of(9, {"gjr-fhs": 1.3, "new": 1.0}, days=60, first="2017-01-03")
    joined = join_scores([early, late])
    assert joined.models == ("ewma-fhs", "gjr-fhs", "new")
    got, alone = summarise(joined), summarise(late)
    assert got.days[0].tolist() == [60, 120, 60]
    assert got.tested[0].tolist() == [20, 40, 20]
    new, gjr = 2, 1
    np.testing.assert_array_equal(got.skill[:, new, gjr], alone.skill[:, 1, gjr])
    np.testing.assert_array_equal(got.dm_t[:, new, gjr], alone.dm_t[:, 1, gjr])
    # The two have no day in common.
    assert np.isnan(got.skill[:, new, 0]).all()
    assert np.isnan(got.dm_t[:, new, 0]).all()


def test_a_model_left_out_has_neither_scores_nor_skill() -> None:
    row, day, deviation, outcomes = market(10)
    models = {"gjr-fhs": normal_forecasts(deviation), "nothing": normal_forecasts(np.full_like(deviation, np.nan))}
    got = summarise(score_forecasts(models, outcomes, row, day, HORIZONS, DEFAULT_LEVELS))
    assert got.origins[:, 1].tolist() == got.days[:, 1].tolist() == got.tested[:, 1].tolist() == [0, 0]
    for values in (got.crps, got.qlike, got.skill, got.coverage, got.coverage_t, got.kupiec_rejected):
        assert np.isnan(values[:, 1]).all()


@pytest.mark.parametrize("parts", ["none", "other horizons", "out of order", "twice"])
def test_parts_that_do_not_fit_are_refused(parts: str) -> None:
    early, late = scores_of(1, THREE, days=30), scores_of(2, THREE, days=30, first="2017-01-03")
    asked = {
        "none": [],
        "other horizons": [early, replace(late, horizons=(1, 2))],
        "out of order": [late, early],
        "twice": [early, early],
    }
    with pytest.raises(InvalidInputError, match="join_scores"):
        join_scores(asked[parts])
