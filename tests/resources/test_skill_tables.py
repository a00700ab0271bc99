"""Scores and skill as tables: every cell where its array says, back again without loss, and readable."""

from dataclasses import fields, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from kernels.errors import InvalidInputError
from kernels.forecast import ForecastScores, join_scores, score_forecasts, summarise
from kernels.volatility import DEFAULT_LEVELS
from resources.forecast_contracts import FORECAST_SCORES, FORECAST_SKILL
from resources.skill_tables import score_table, scores_from_tables, skill_markdown, skill_table
from tests.kernels.forecast.canary import normal_forecasts

HORIZONS = (1, 5)
MODELS = {"ewma-fhs": 1.3, "gjr-fhs": 1.1, "nothing": np.nan, "new": 1.0}


def scores_of(first: str = "2016-01-04", models: dict[str, float] = MODELS, seed: int = 1) -> ForecastScores:
    """Twelve symbols over 70 days; on the fourth no outcome is known, and 1 of 9 forecasts is missing."""
    rng = np.random.default_rng(seed)
    row, day = (each.ravel() for each in np.mgrid[0:12, 0:70])
    deviation = rng.uniform(0.01, 0.03, (len(row), 2))
    outcomes = deviation * rng.normal(size=deviation.shape)
    outcomes[day == 3] = np.nan
    holes = np.where(rng.random(deviation.shape) < 1 / 9, np.nan, 1.0)
    shift = rng.normal(0, 0.003, (len(row), 1, 1))
    forecasts = {name: normal_forecasts(deviation * holes * factor) for name, factor in models.items()}
    moved = {name: replace(each, quantiles=each.quantiles + shift) for name, each in forecasts.items()}
    return score_forecasts(moved, outcomes, row, np.datetime64(first) + day, HORIZONS, DEFAULT_LEVELS)


def test_daily_scores_become_a_row_for_each_session_horizon_and_model_that_is_judged() -> None:
    scores = scores_of()
    table = score_table(scores)
    FORECAST_SCORES.enforce(table, "2016")
    assert table.num_rows == 69 * 2 * 3
    rows = table.to_pylist()
    assert [(row["horizon"], row["model"]) for row in rows[:6]] == [
        (horizon, model) for horizon in HORIZONS for model in ("ewma-fhs", "gjr-fhs", "new")
    ]
    assert {row["session"] for row in rows} == set(scores.days.tolist()) - {date(2016, 1, 7)}
    row = next(row for row in rows if (row["session"], row["horizon"], row["model"]) == (date(2016, 1, 9), 5, "new"))
    at = (5, 1, 3)
    for name in ("origins", "crps", "qlike", "rank_ic"):
        assert row[name] == getattr(scores, name)[at]
    assert [row[f"inside_{percent}"] for percent in (50, 80, 90, 98)] == scores.inside[at].tolist()
    assert row["pit"] == scores.pit[at].tolist()
    assert sum(row["pit"]) == row["origins"]


def test_a_rank_correlation_that_is_unknown_is_null() -> None:
    scores = scores_of()
    scores.rank_ic[:] = np.nan
    assert score_table(scores)["rank_ic"].null_count == 69 * 2 * 3


def test_skill_becomes_a_row_for_each_period_horizon_and_model_that_is_judged() -> None:
    one, other = summarise(scores_of()), summarise(scores_of("2017-01-03", seed=2))
    table = skill_table({"2016": one, "2017": other})
    FORECAST_SKILL.enforce(table, "2017")
    assert table.num_rows == 2 * 2 * 3
    row = next(r for r in table.to_pylist() if (r["period"], r["horizon"], r["model"]) == ("2017", 5, "new"))
    at = (1, 3)
    for name in ("days", "origins", "known", "crps", "tested", "qlike", "rank_ic", "rank_ic_t"):
        assert row[name] == getattr(other, name)[at]
    for place, baseline in enumerate(("ewma_fhs", "gjr_fhs")):
        assert row[f"skill_{baseline}"] == other.skill[at][place]
        assert row[f"t_{baseline}"] == other.dm_t[at][place]
        assert row[f"p_{baseline}"] == other.dm_p[at][place]
    for place, percent in enumerate((50, 80, 90, 98)):
        for name in ("coverage", "coverage_t", "kupiec_rejected", "christoffersen_rejected"):
            assert row[f"{name}_{percent}"] == getattr(other, name)[at][place]
    assert row["pit"] == other.pit[at].tolist()
    baseline_row = next(r for r in table.to_pylist() if r["model"] == "gjr-fhs")
    assert (baseline_row["skill_gjr_fhs"], baseline_row["t_gjr_fhs"], baseline_row["p_gjr_fhs"]) == (0.0, None, None)


def test_without_the_baseline_its_columns_are_null() -> None:
    table = skill_table({"2016": summarise(scores_of(models={"ewma-fhs": 1.3, "new": 1.0}))})
    FORECAST_SKILL.enforce(table, "2016")
    for name in ("skill_gjr_fhs", "t_gjr_fhs", "p_gjr_fhs"):
        assert table[name].null_count == table.num_rows
    assert table["skill_ewma_fhs"].null_count == 0


def test_the_scores_of_an_earlier_year_come_back_as_they_were_but_for_what_was_not_judged() -> None:
    early, late = scores_of(), scores_of("2017-01-03", seed=2)
    skill = skill_table({"2017": summarise(late), "2016": summarise(early)})
    back = scores_from_tables(score_table(early), skill, "2016", HORIZONS)
    kept, days = [0, 1, 3], np.arange(70) != 3
    assert back.models == ("ewma-fhs", "gjr-fhs", "new")
    for field in fields(ForecastScores):
        got, expected = getattr(back, field.name), getattr(early, field.name)
        if field.name in ("known", "tested", "kupiec", "christoffersen"):
            expected = expected[:, kept]
        elif field.name == "days":
            expected = expected[days]
        elif isinstance(expected, np.ndarray):
            expected = expected[days][:, :, kept]
        elif field.name == "models":
            expected = got
        np.testing.assert_array_equal(got, expected, err_msg=field.name)
        if isinstance(got, np.ndarray):
            assert got.dtype == expected.dtype
    assert early.kupiec.sum() > 0
    together, at_once = summarise(join_scores([back, late])), summarise(join_scores([early, late]))
    assert together.models == ("ewma-fhs", "gjr-fhs", "new", "nothing")
    np.testing.assert_array_equal(together.skill[:, :3], at_once.skill[:, kept])
    np.testing.assert_array_equal(together.kupiec_rejected[:, :3], at_once.kupiec_rejected[:, kept])


def test_counts_come_back_whole_from_shares_that_have_no_exact_float() -> None:
    scores = scores_of()
    # 1 / 49 * 49 is below 1.
    many = replace(scores, tested=np.full_like(scores.tested, 49), kupiec=np.full_like(scores.kupiec, 1))
    back = scores_from_tables(score_table(many), skill_table({"2016": summarise(many)}), "2016", HORIZONS)
    assert (back.kupiec == 1).all()


def test_a_horizon_at_which_nothing_was_judged_comes_back_empty() -> None:
    scores = scores_of()
    scores.origins[:, 1] = 0
    back = scores_from_tables(score_table(scores), skill_table({"2016": summarise(scores)}), "2016", HORIZONS)
    assert back.horizons == HORIZONS
    assert back.origins[:, 0].any()
    assert not back.origins[:, 1].any()
    assert join_scores([back]).horizons == HORIZONS


def test_no_test_at_all_comes_back_as_none() -> None:
    short = scores_of()
    none = replace(short, tested=short.tested * 0, kupiec=short.kupiec * 0, christoffersen=short.christoffersen * 0)
    skill = skill_table({"2016": summarise(none)})
    assert skill["kupiec_rejected_90"].null_count == skill.num_rows
    back = scores_from_tables(score_table(none), skill, "2016", HORIZONS)
    assert not back.tested.any()
    assert not back.kupiec.any()


def test_the_text_has_a_table_for_each_period_with_what_a_reader_wants() -> None:
    one = summarise(scores_of())
    text = skill_markdown(skill_table({"2016": one, "2016-2017": one}))
    first, second = text.split("\n\n**2016-2017**")
    lines = first.splitlines()
    assert lines[0].startswith("**2016**: CRPS skill over gjr-fhs in %")
    assert lines[2:4] == ["| model | 1 | 5 |", "|---|---|---|"]
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| ewma-fhs", "| gjr-fhs", "| new"]
    skill, t, inside = one.skill[0, 3, 1], one.dm_t[0, 3, 1], one.coverage[0, 3, 2]
    assert lines[6].split(" | ")[1] == f"{skill:+.2f} ({t:.1f}) {inside:.3f}".replace(" 0.", " .")
    assert lines[5].split(" | ")[1].startswith("+0.00 (-) ")
    assert second.count("\n| new | ") == 1


def test_the_text_takes_ewma_where_there_is_no_gjr_and_a_dash_for_what_is_missing() -> None:
    scores = scores_of(models={"ewma-fhs": 1.3, "new": 1.0})
    table = skill_table({"2016": summarise(scores)})
    gone = [row for row in table.to_pylist() if (row["model"], row["horizon"]) != ("new", 1)]
    text = skill_markdown(pa.Table.from_pylist(gone, schema=table.schema))
    assert "CRPS skill over ewma-fhs in %" in text
    assert "\n| new | - | +" in text


def test_what_the_tables_cannot_hold_is_refused() -> None:
    scores = scores_of()
    numbers = replace(scores, days=scores.days.astype(np.int64))
    with pytest.raises(InvalidInputError, match="score_table, days"):
        score_table(numbers)
    with pytest.raises(InvalidInputError, match="levels"):
        score_table(replace(scores, levels=(0.1, 0.5)))
    with pytest.raises(InvalidInputError, match="intervals"):
        skill_table({"2016": summarise(replace(scores, intervals=(0.5, 0.8, 0.9, 0.95)))})
    with pytest.raises(InvalidInputError, match="at least one period"):
        skill_table({})
    with pytest.raises(InvalidInputError, match="'2015' among the periods"):
        scores_from_tables(score_table(scores), skill_table({"2016": summarise(scores)}), "2015", HORIZONS)
