"""Scores of several models by day: recomputed one origin at a time, and the canaries of a leak."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.forecast import (
    DEFAULT_INTERVALS,
    ForecastScores,
    christoffersen_test,
    kupiec_test,
    naive,
    outcomes_of,
    score_forecasts,
)
from kernels.forecast.scores import MIN_TESTED
from kernels.volatility import DEFAULT_LEVELS, Forecasts
from tests.kernels.forecast.canary import normal_forecasts

HORIZONS = (1, 3)
SYMBOLS, DAYS = 6, 45
MODELS = ("a", "b", "nothing")


def case(seed: int = 1) -> dict[str, object]:
    """Three models over six symbols and 45 days; "nothing" knows nothing, the others have holes of their own."""
    rng = np.random.default_rng(seed)
    row, day = (each.ravel() for each in np.mgrid[0:SYMBOLS, 0:DAYS])
    deviation = rng.uniform(0.01, 0.03, (len(row), 2))
    outcomes = deviation * rng.normal(size=deviation.shape)
    outcomes[rng.random(outcomes.shape) < 0.05] = np.nan
    shift = rng.normal(0, 0.005, (len(row), 2, 1))
    models = {}
    for name, factor in (("a", 1.0), ("b", 0.7), ("nothing", np.nan)):
        made = normal_forecasts(deviation * factor * np.where(rng.random(deviation.shape) < 0.1, np.nan, 1.0))
        models[name] = replace(made, quantiles=made.quantiles + shift)
    return {
        "forecasts_by_model": models,
        "outcomes": outcomes,
        "row": row * 10 + 3,
        "day": np.datetime64("2018-01-01") + day,
        "horizons": HORIZONS,
        "levels": DEFAULT_LEVELS,
    }


def recomputed(made: dict[str, object], horizon: int, model: str) -> dict[str, list[object]]:
    """The scores of a model at a horizon, day by day, and its test counts; plain Python, from the definitions."""
    h = HORIZONS.index(horizon)
    able = [made["forecasts_by_model"][name] for name in ("a", "b")]
    judged = [
        origin
        for origin in range(len(made["row"]))
        if not math.isnan(made["outcomes"][origin, h])
        and not any(math.isnan(each.volatility[origin, h]) for each in able)
    ]
    forecasts = made["forecasts_by_model"][model]
    days = sorted(set(made["day"].tolist()))
    scores: dict[str, list[object]] = {name: [] for name in ("origins", "crps", "inside", "qlike", "rank_ic", "pit")}
    series: dict[int, list[list[bool]]] = {}
    for place, one_day in enumerate(days):
        losses, likes, insides, pit = [], [], [], [0] * (len(DEFAULT_LEVELS) + 1)
        medians, came = [], []
        for origin in judged:
            if made["day"][origin].item() != one_day:
                continue
            y, q = float(made["outcomes"][origin, h]), forecasts.quantiles[origin, h].tolist()
            losses.append(naive.crps_of_quantiles(np.array([[q]]), DEFAULT_LEVELS, np.array([[y]]))[0, 0])
            variance = forecasts.volatility[origin, h] ** 2
            likes.append(math.log(variance) + y**2 / variance)
            bounds = [(round((1 - p) / 2, 9), round((1 + p) / 2, 9)) for p in DEFAULT_INTERVALS]
            inside = [q[DEFAULT_LEVELS.index(low)] <= y <= q[DEFAULT_LEVELS.index(high)] for low, high in bounds]
            insides.append(inside)
            pit[sum(each < y for each in q)] += 1
            medians.append(q[5])
            came.append(y)
            if place % horizon == 0:
                series.setdefault(int(made["row"][origin]), []).append(inside)
        scores["origins"].append(len(losses))
        scores["crps"].append(np.mean(losses) if losses else math.nan)
        scores["qlike"].append(np.mean(likes) if likes else math.nan)
        scores["inside"].append(np.mean(insides, axis=0).tolist() if losses else [math.nan] * len(DEFAULT_INTERVALS))
        scores["rank_ic"].append(naive.rank_information_coefficient(np.array([medians]), np.array([came]))[0])
        scores["pit"].append(pit)
    tested = [np.array(hits) for hits in series.values() if len(hits) >= MIN_TESTED]
    scores["tested"] = [len(tested)]
    for name, test in (("kupiec", kupiec_test), ("christoffersen", christoffersen_test)):
        scores[name] = [
            sum(test(hits[:, i].copy(), p).p_value < 0.05 for hits in tested) for i, p in enumerate(DEFAULT_INTERVALS)
        ]
    return scores


def assert_same(got: ForecastScores, expected: ForecastScores) -> None:
    """Bitwise, NaN included."""
    for field in fields(ForecastScores):
        one, other = getattr(got, field.name), getattr(expected, field.name)
        if isinstance(one, np.ndarray):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert one.tobytes() == other.tobytes()
        else:
            assert one == other


@pytest.mark.parametrize("model", ["a", "b"])
@pytest.mark.parametrize("horizon", HORIZONS)
def test_scores_are_those_recomputed_one_origin_at_a_time(horizon: int, model: str) -> None:
    made = case()
    scores, expected = score_forecasts(**made), recomputed(made, horizon, model)
    at = (HORIZONS.index(horizon), MODELS.index(model))
    assert scores.origins[:, *at].tolist() == expected["origins"]
    assert scores.pit[:, *at].tolist() == expected["pit"]
    for name in ("crps", "qlike", "inside", "rank_ic"):
        np.testing.assert_allclose(getattr(scores, name)[:, *at], expected[name], rtol=1e-12, atol=1e-14)
    assert scores.tested[at] == expected["tested"][0] > 0
    assert scores.kupiec[at].tolist() == expected["kupiec"]
    assert scores.christoffersen[at].tolist() == expected["christoffersen"]
    assert sum(expected["kupiec"]) + sum(expected["christoffersen"]) > 0 or model == "a"


def test_a_model_that_knows_nothing_is_left_out_and_named_and_holds_nobody_back() -> None:
    made = case()
    scores = score_forecasts(**made)
    assert scores.left_out == (("nothing", 1), ("nothing", 3))
    assert not scores.origins[:, :, 2].any()
    assert np.isnan(scores.crps[:, :, 2]).all()
    without = {name: made["forecasts_by_model"][name] for name in ("a", "b")}
    fewer = score_forecasts(**(made | {"forecasts_by_model": without}))
    assert fewer.left_out == ()
    np.testing.assert_array_equal(scores.crps[:, :, :2], fewer.crps)
    np.testing.assert_array_equal(scores.origins[:, :, 0], scores.origins[:, :, 1])


def test_known_counts_what_each_model_knows_by_itself() -> None:
    made = case()
    scores = score_forecasts(**made)
    for place, name in enumerate(MODELS):
        known = ~np.isnan(made["forecasts_by_model"][name].volatility) & ~np.isnan(made["outcomes"])
        assert scores.known[:, place].tolist() == known.sum(axis=0).tolist()
        assert (scores.origins[:, :, place].sum(axis=0) < known.sum(axis=0)).all() == (name != "nothing")


def test_a_model_may_know_one_horizon_only() -> None:
    made = case()
    only = made["forecasts_by_model"]["b"]
    only.quantiles[:, 0], only.volatility[:, 0] = np.nan, np.nan
    scores = score_forecasts(**made)
    assert scores.left_out == (("b", 1), ("nothing", 1), ("nothing", 3))
    assert scores.origins[:, 0, 0].sum() == scores.known[0, 0]
    assert scores.origins[:, 1, 0].sum() == scores.origins[:, 1, 1].sum() < scores.known[1, 0]


def test_the_order_of_the_origins_changes_no_bit() -> None:
    made = case()
    order = np.random.default_rng(3).permutation(len(made["row"]))
    shuffled = {name: made[name][order] for name in ("outcomes", "row", "day")}
    models = {
        name: Forecasts(*[getattr(each, field.name)[order] for field in fields(Forecasts)])
        for name, each in made["forecasts_by_model"].items()
    }
    assert_same(score_forecasts(**(made | shuffled | {"forecasts_by_model": models})), score_forecasts(**made))


def test_days_may_be_numbers() -> None:
    made = case()
    numbers = made["day"].astype(np.int64)
    scores = score_forecasts(**(made | {"day": numbers}))
    assert scores.days.tolist() == sorted(set(numbers.tolist()))
    np.testing.assert_array_equal(scores.crps, score_forecasts(**made).crps)


def test_outcomes_that_nobody_forecast_or_that_are_all_unknown_give_empty_scores() -> None:
    made = case()
    scores = score_forecasts(**(made | {"outcomes": np.full_like(made["outcomes"], np.nan)}))
    assert not scores.origins.any()
    assert np.isnan(scores.crps).all()
    assert len(scores.left_out) == 6
    nothing = {"outcomes": np.zeros((0, 2)), "row": made["row"][:0], "day": made["day"][:0]}
    models = {"a": normal_forecasts(np.zeros((0, 2)))}
    empty = score_forecasts(**(made | nothing | {"forecasts_by_model": models}))
    assert empty.crps.shape == (0, 2, 1)


def test_a_symbol_with_few_independent_outcomes_is_not_tested() -> None:
    made = case()
    early = made["day"] < np.datetime64("2018-01-01") + 3 * (MIN_TESTED - 1)
    chosen = {name: made[name][early] for name in ("row", "day", "outcomes")}
    models = {"a": normal_forecasts(np.full((int(early.sum()), 2), 0.02))}
    scores = score_forecasts(**(made | chosen | {"forecasts_by_model": models}))
    assert scores.tested[:, 0].tolist() == [SYMBOLS, 0]


def test_true_forecasts_of_many_symbols_are_rejected_about_one_time_in_twenty() -> None:
    rng = np.random.default_rng(5)
    row, day = (each.ravel() for each in np.mgrid[0:400, 0:250])
    deviation = rng.uniform(0.01, 0.03, (len(row), 1))
    scores = score_forecasts(
        {"true": normal_forecasts(deviation)}, deviation * rng.normal(size=deviation.shape), row, day, (1,),
        DEFAULT_LEVELS,
    )  # fmt: skip
    assert scores.tested.tolist() == [[400]]
    for rejected in (scores.kupiec, scores.christoffersen):
        assert (rejected[0, 0] / 400 < 0.11).all()
        assert (rejected[0, 0, :3] / 400 > 0.02).all()
    shares = scores.pit[:, 0, 0].sum(axis=0) / len(row)
    np.testing.assert_allclose(shares, np.diff([0.0, *DEFAULT_LEVELS, 1.0]), atol=0.005)


def test_an_outcome_on_a_quantile_counts_below_it() -> None:
    quantiles = np.linspace(-1.0, 1.0, 11)[np.newaxis, np.newaxis]
    one = Forecasts(quantiles, np.ones((1, 1)), np.full((1, 1), 100, np.int32), np.zeros(1, np.int8))
    where = {"row": np.array([0]), "day": np.array([7]), "horizons": (1,), "levels": DEFAULT_LEVELS}
    for outcome, cell in ((-5.0, 0), (-1.0, 0), (0.0, 5), (0.1, 6), (5.0, 11)):
        scores = score_forecasts({"one": one}, np.array([[outcome]]), **where)
        assert np.flatnonzero(scores.pit[0, 0, 0]).tolist() == [cell]


def made_of(value: float, kind: type = np.float64) -> Forecasts:
    one = normal_forecasts(np.ones((SYMBOLS * DAYS, 2)))
    return replace(one, quantiles=np.full(one.quantiles.shape, value, dtype=kind))


BAD = {
    "no model": ({"forecasts_by_model": {}}, "forecasts_by_model"),
    "shape of a model": ({"forecasts_by_model": {"a": normal_forecasts(np.ones((4, 2)))}}, "quantiles of a"),
    "infinite": ({"forecasts_by_model": {"a": made_of(np.inf)}}, "quantiles of a"),
    "single": ({"forecasts_by_model": {"a": made_of(1.0, np.float32)}}, "quantiles of a.*float64"),
    "infinite outcomes": ({"outcomes": np.full((SYMBOLS * DAYS, 2), np.inf)}, "outcomes"),
    "outcomes": ({"outcomes": np.zeros(SYMBOLS * DAYS)}, "outcomes"),
    "horizons": ({"horizons": (3, 1)}, "horizons"),
    "levels": ({"levels": DEFAULT_LEVELS[::-1]}, "levels"),
    "no median": ({"levels": (*DEFAULT_LEVELS[:5], 0.51, *DEFAULT_LEVELS[6:])}, "levels.*median"),
    "row": ({"row": np.zeros(SYMBOLS * DAYS)}, "row and day"),
    "day": ({"day": np.array(["NaT"] * (SYMBOLS * DAYS), dtype="datetime64[D]")}, "row and day"),
    "length": ({"day": np.arange(3)}, "row and day"),
    "again": ({"day": np.zeros(SYMBOLS * DAYS, dtype=np.int64)}, "row and day.*one origin"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name: str) -> None:
    change, named = BAD[name]
    with pytest.raises(InvalidInputError, match=named):
        score_forecasts(**(case() | change))


def test_intervals_need_their_bounds_among_the_levels() -> None:
    made = case()
    few = (1, 5, 9)
    models = {
        name: replace(each, quantiles=each.quantiles[:, :, few]) for name, each in made["forecasts_by_model"].items()
    }
    levels = tuple(DEFAULT_LEVELS[place] for place in few)
    with pytest.raises(InvalidInputError, match=r"coverage, interval 0\.5"):
        score_forecasts(**(made | {"forecasts_by_model": models, "levels": levels}))


def test_outcomes_are_log_returns_and_unknown_where_a_bar_is_missing_or_to_come() -> None:
    close = np.array([[1.0, 2.0, 8.0, np.nan], [3.0, 3.0, np.nan, 6.0]])
    row, end = np.array([0, 0, 1, 1, 1], dtype=np.int32), np.array([0, 1, 0, 1, 2], dtype=np.int32)
    got = outcomes_of(close, row, end, (1, 2))
    two = math.log(2.0)
    expected = [[two, 3 * two], [2 * two, np.nan], [0.0, np.nan], [np.nan, two], [np.nan, np.nan]]
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert outcomes_of(close, row[:0], end[:0], (1, 2)).shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"close": np.full((2, 4), -1.0)}, "close"),
        ({"end": np.array([4], dtype=np.int32)}, "origins"),
        ({"row": np.array([0])}, "origins"),
        ({"horizons": (0,)}, "horizons"),
    ],
)
def test_outcomes_of_bad_input_are_refused(change: dict[str, object], named: str) -> None:
    asked = {"close": np.ones((2, 4)), "row": np.zeros(1, np.int32), "end": np.zeros(1, np.int32), "horizons": (1,)}
    with pytest.raises(InvalidInputError, match=named):
        outcomes_of(**(asked | change))
