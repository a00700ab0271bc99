"""Baselines and verdicts: a session counts once, intervals are honest, and the order of rows changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.action_values import BUCKETS, Outcomes, buckets_of, fit_baselines, judge
from kernels.action_values.evaluate import RESAMPLES, block_resamples
from kernels.errors import InvalidInputError
from kernels.forecast.pinball import crps_of_quantiles
from kernels.volatility import DEFAULT_LEVELS

LEVELS = DEFAULT_LEVELS
NORMAL = np.array([-2.326, -1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96, 2.326])


def rows(seed: int, count: int = 4000):
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.01, 0.05, count)
    outcome = 0.002 + scale * rng.standard_normal(count)
    bucket = rng.integers(0, 4, count).astype(np.int8)
    session = np.sort(rng.integers(0, 50, count)).astype(np.int32)
    return Outcomes(np.full(count, 0.002), scale, outcome, bucket), session


def everything(session):
    return {"all": np.ones(len(session), dtype=bool)}


def test_the_baselines_are_quantiles_of_the_training_rows():
    made, _ = rows(1, 20_000)
    found = fit_baselines(made, LEVELS)
    np.testing.assert_allclose(found.pooled, NORMAL, atol=0.08)
    np.testing.assert_allclose(found.unconditional, np.quantile(made.outcome, LEVELS))
    own = made.bucket == 2
    np.testing.assert_allclose(
        found.by_bucket[2], np.quantile((made.outcome[own] - 0.002) / made.scale[own], LEVELS), rtol=1e-9
    )
    forecasts = found.forecasts(made)
    assert list(forecasts) == ["unconditional", "anchor", "anchor by exposure"]
    np.testing.assert_allclose(forecasts["anchor"][7], 0.002 + made.scale[7] * found.pooled)
    np.testing.assert_allclose(
        forecasts["anchor by exposure"][7], 0.002 + made.scale[7] * found.by_bucket[made.bucket[7]]
    )


def test_rows_without_an_outcome_are_left_out_and_a_small_bucket_has_the_pooled_quantiles():
    made, _ = rows(2)
    made.bucket[made.bucket == 3] = 2
    made.bucket[:20] = 3
    made.outcome[-10:] = np.nan
    found = fit_baselines(made, LEVELS)
    np.testing.assert_array_equal(found.by_bucket[3], found.pooled)
    known = Outcomes(*(each[:-10] for each in made))
    np.testing.assert_array_equal(fit_baselines(known, LEVELS).pooled, found.pooled)
    with pytest.raises(InvalidInputError, match="at least 100"):
        fit_baselines(Outcomes(*(each[:50] for each in made)), LEVELS)


def test_the_exposure_is_that_after_the_action():
    states = np.zeros((6, 15), dtype=np.float32)
    states[:, 0], states[:, 2] = 1e4, 5e3
    actions = np.zeros((6, 7), dtype=np.float32)
    actions[:, 3:] = np.nan
    actions[0, 0] = 1.0
    actions[1:, 1:3] = [[0, 0], [5e3, 0], [0, 5e3], [5e3, 4e3], [5e3, 1e2]]
    named = [BUCKETS[bucket] for bucket in buckets_of(states, actions)]
    assert named == ["long", "flat", "long", "short", "both", "long"]


def test_a_perfect_scale_beats_the_unconditional_quantiles_and_covers_what_it_says():
    made, session = rows(3, 20_000)
    quantiles = 0.002 + made.scale[:, None] * NORMAL
    forecasts = fit_baselines(made, LEVELS).forecasts(made)
    [verdict] = judge(quantiles, forecasts, made.outcome, session, everything(session), LEVELS, 5)
    by_name = {each.baseline: each for each in verdict.skills}
    assert by_name["unconditional"].low > 0.02
    assert by_name["unconditional"].low < by_name["unconditional"].skill < by_name["unconditional"].high
    assert abs(by_name["anchor"].skill) < 0.002
    np.testing.assert_allclose(verdict.coverage, (0.5, 0.8, 0.9), atol=0.015)
    assert (verdict.rows, verdict.sessions, verdict.spans) == (20_000, 50, 10.0)


def test_sessions_weigh_the_same_whatever_their_rows():
    session = np.array([0] * 99 + [1], dtype=np.int32)
    outcome = np.zeros(100)
    good, bad = 0.01 * NORMAL, 0.1 * NORMAL
    quantiles = np.where((session == 0)[:, None], good, bad)
    other = np.broadcast_to(bad, quantiles.shape)
    [verdict] = judge(quantiles, {"bad": other}, outcome, session, everything(session), LEVELS, 1)
    assert verdict.skills[0].skill == pytest.approx(0.5 * (1.0 - 0.1))
    loss = crps_of_quantiles(np.stack([good, bad])[:, None], LEVELS, np.zeros((2, 1)))[:, 0]
    assert verdict.crps == pytest.approx(loss.mean())


def test_the_order_of_the_rows_changes_no_bit():
    made, session = rows(4)
    quantiles = made.scale[:, None] * NORMAL
    order = np.random.default_rng(0).permutation(len(session))
    groups = {"low": made.bucket < 2, **everything(session)}
    baselines = fit_baselines(made, LEVELS)
    straight = judge(quantiles, baselines.forecasts(made), made.outcome, session, groups, LEVELS, 3)
    mixed = Outcomes(*(each[order] for each in made))
    shuffled = judge(
        quantiles[order],
        baselines.forecasts(mixed),
        mixed.outcome,
        session[order],
        {name: mask[order] for name, mask in groups.items()},
        LEVELS,
        3,
    )
    assert shuffled == straight


def test_rows_of_one_session_are_not_taken_for_independent():
    rng = np.random.default_rng(5)
    session = np.repeat(np.arange(40), 200).astype(np.int32)
    common = np.repeat(rng.standard_normal(40), 200)
    outcome = 0.02 * common
    quantiles = np.broadcast_to(0.02 * NORMAL, (8000, 11))
    other = np.broadcast_to(0.03 * NORMAL, (8000, 11))
    [clustered] = judge(quantiles, {"wide": other}, outcome, session, everything(session), LEVELS, 1)
    own = np.arange(8000, dtype=np.int32)
    [naive] = judge(quantiles, {"wide": other}, outcome, own, everything(own), LEVELS, 1)
    width = [each.skills[0].high - each.skills[0].low for each in (clustered, naive)]
    assert width[0] > 5.0 * width[1]


def test_a_group_without_rows_is_left_out_and_one_session_has_no_interval():
    made, session = rows(6, 300)
    session[:] = 4
    groups = {**everything(session), "none": np.zeros(300, dtype=bool)}
    [verdict] = judge(
        made.scale[:, None] * NORMAL,
        {"wide": 2.0 * made.scale[:, None] * NORMAL},
        made.outcome,
        session,
        groups,
        LEVELS,
        5,
    )
    assert verdict.group == "all"
    assert np.isnan([verdict.skills[0].low, verdict.skills[0].high]).all()
    plain = verdict.as_json()
    assert plain["skill"]["wide"]["low"] is None
    assert plain["coverage"].keys() == {"0.5", "0.8", "0.9"}


def test_resamples_are_blocks_of_the_length_asked_for():
    drawn = block_resamples(200, 20, 3)
    assert drawn.shape == (RESAMPLES, 200)
    assert (drawn >= 0).all()
    assert (drawn < 200).all()
    follows = (drawn[:, 1:] - drawn[:, :-1]) % 200 == 1
    assert follows.mean() == pytest.approx(1.0 - 1.0 / 20.0, abs=0.01)
    assert np.bincount(drawn.ravel(), minlength=200) == pytest.approx(RESAMPLES, rel=0.3)
    np.testing.assert_array_equal(block_resamples(200, 20, 3), drawn)
    assert (block_resamples(200, 20, 4) != drawn).any()


def test_an_interval_whose_bounds_are_no_levels_has_no_coverage():
    made, session = rows(8, 300)
    chosen = [2, 4, 5, 6, 8]
    levels = tuple(LEVELS[place] for place in chosen)
    quantiles = made.scale[:, None] * NORMAL[chosen]
    [verdict] = judge(quantiles, {}, made.outcome, session, everything(session), levels, 5)
    assert np.isnan(verdict.coverage[1])
    assert verdict.as_json()["coverage"]["0.8"] is None
    np.testing.assert_allclose([verdict.coverage[0], verdict.coverage[2]], (0.5, 0.9), atol=0.12)


def test_wrong_masks_and_horizons_are_refused():
    made, session = rows(7, 300)
    quantiles = made.scale[:, None] * NORMAL
    for forward, mask in ((0, 300), (5, 299)):
        with pytest.raises(InvalidInputError, match="masks of 300"):
            judge(quantiles, {}, made.outcome, session, {"all": np.ones(mask, dtype=bool)}, LEVELS, forward)
