from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.market import model, naive, rules
from kernels.philox import key_words

KEY = key_words(11)
DRAWS = 40_000


def test_path_draws_have_the_stated_moments():
    draws = [rules.path_draw(*KEY, 16, session, model.OWN_JUMP_PROBABILITY) for session in range(DRAWS)]
    normal, mixing = (np.array([draw[column] for draw in draws]) for column in (0, 1))
    jumped = np.array([draw[2] for draw in draws])
    innovation = normal * np.sqrt(mixing)
    assert abs(normal.mean()) < 0.02
    assert abs(normal.var() - 1.0) < 0.03
    assert abs(mixing.mean() - 1.0) < 0.03
    assert abs(innovation.var() - 1.0) < 0.04
    # The fourth moment of a Student t with 6 degrees of freedom is 6; its sample value converges slowly and from below.
    assert 4.5 < (innovation**4).mean() < 8.0
    assert abs(jumped.mean() - model.OWN_JUMP_PROBABILITY) < 0.002
    sizes = np.array([draw[3] for draw in draws])
    assert not sizes[~jumped].any()
    assert abs(sizes[jumped].std() - 1.0) < 0.12


def test_innovations_follow_student_t_quantiles():
    innovation = np.array(
        [normal * math.sqrt(mixing) for normal, mixing, *_ in (rules.path_draw(*KEY, 0, t, 0.0) for t in range(DRAWS))]
    )
    # Upper quantiles of Student t with 6 degrees of freedom from the standard tables, scaled to unit variance.
    for probability, quantile in ((0.75, 0.7176), (0.90, 1.4398), (0.975, 2.4469), (0.995, 3.7074)):
        share = (innovation <= quantile * math.sqrt(4.0 / 6.0)).mean()
        assert abs(share - probability) < 4.0 * math.sqrt(probability * (1.0 - probability) / DRAWS)


@pytest.mark.parametrize("gjr", [model.MARKET_GJR, model.SECTOR_GJR, model.OWN_GJR])
def test_gjr_is_stationary_with_a_finite_fourth_moment(gjr):
    kurtosis = 3.0 * (model.DEGREES_OF_FREEDOM - 2) / (model.DEGREES_OF_FREEDOM - 4)
    mean_weight = gjr.alpha + gjr.gamma / 2
    square_weight = gjr.alpha**2 + gjr.alpha * gjr.gamma + gjr.gamma**2 / 2
    assert mean_weight + gjr.beta < 1.0
    assert gjr.beta**2 + 2 * gjr.beta * mean_weight + kurtosis * square_weight < 1.0


def test_gjr_keeps_its_long_run_variance_and_reacts_to_losses_only_through_gamma():
    alpha, gamma, beta = 0.04, 0.10, 0.80
    gain = rules.gjr_next(1.0, 2.0, 1.0, alpha, gamma, beta)
    loss = rules.gjr_next(1.0, -2.0, 1.0, alpha, gamma, beta)
    assert gain == pytest.approx((1.0 - 0.04 - 0.05 - 0.80) + 0.04 * 4.0 + 0.80, rel=1e-14)
    assert loss - gain == pytest.approx(0.10 * 4.0, rel=1e-14)
    assert (
        rules.gjr_next(1.0, 1.0, 1.0, alpha, gamma, beta) + rules.gjr_next(1.0, -1.0, 1.0, alpha, gamma, beta)
    ) / 2 == (pytest.approx(1.0, rel=1e-14))


@pytest.mark.parametrize(
    ("close", "ratio"), [(4.99, model.REVERSE_SPLIT_RATIO), (5.0, 1.0), (120.0, 1.0), (120.01, 3.0)]
)
def test_split_follows_a_close_above_the_level_or_below_five_dollars(close, ratio):
    assert rules.split_ratio_after(close, 120.0, 3.0) == ratio


@pytest.mark.parametrize(("session", "dividend"), [(0, 0.0), (62, 0.0), (63, 0.51), (64, 0.0), (126, 0.51)])
def test_dividends_go_ex_once_in_63_sessions_but_not_at_the_start(session, dividend):
    assert rules.dividend_at(session, 0, 0.02, 102.0) == dividend


def test_no_yield_means_no_dividend():
    assert rules.dividend_at(63, 0, 0.0, 100.0) == 0.0


@settings(max_examples=200, deadline=None)
@given(
    end=st.floats(-0.7, 0.7),
    deviation=st.floats(1e-4, 0.2),
    high_uniform=st.floats(1e-10, 1.0 - 1e-10),
    low_uniform=st.floats(1e-10, 1.0 - 1e-10),
)
def test_extremes_enclose_open_and_close(end, deviation, high_uniform, low_uniform):
    high, low = rules.intraday_extremes(end, deviation**2, high_uniform, low_uniform)
    assert high >= max(0.0, end) - 1e-15
    assert low <= min(0.0, end) + 1e-15


def test_extremes_match_those_of_simulated_brownian_days():
    generator = np.random.default_rng(3)
    steps, days, deviation = 2_000, 4_000, 0.02
    variance = (1.0 - model.OVERNIGHT_SHARE) * deviation**2
    walks = np.cumsum(generator.normal(0.0, math.sqrt(variance / steps), (days, steps)), axis=1)
    drawn = np.array([rules.intraday_extremes(end, deviation**2, *generator.random(2)) for end in walks[:, -1]])
    assert drawn[:, 0].mean() == pytest.approx(np.maximum(walks.max(axis=1), 0.0).mean(), rel=0.05)
    assert drawn[:, 1].mean() == pytest.approx(np.minimum(walks.min(axis=1), 0.0).mean(), rel=0.05)


def test_gap_and_rest_add_up_to_a_diffusion_of_the_days_variance():
    generator = np.random.default_rng(4)
    deviation = 0.015
    diffusion = deviation * generator.standard_normal(DRAWS)
    gaps = np.array(
        [
            rules.overnight_gap(d, 0.0, deviation**2, n)
            for d, n in zip(diffusion, generator.standard_normal(DRAWS), strict=True)
        ]
    )
    assert gaps.var() == pytest.approx(model.OVERNIGHT_SHARE * deviation**2, rel=0.04)
    assert (diffusion - gaps).var() == pytest.approx((1 - model.OVERNIGHT_SHARE) * deviation**2, rel=0.04)
    assert abs(np.corrcoef(gaps, diffusion - gaps)[0, 1]) < 0.02


def test_jump_happens_overnight():
    assert rules.overnight_gap(0.0, -0.08, 0.0, 1.0) == -0.08


def test_volume_rises_with_the_days_return():
    quiet = rules.share_volume(1e8, 50.0, 2e-4, 0.0, 2e-4, 0.0)
    busy = rules.share_volume(1e8, 50.0, 2e-4, -0.05, 2e-4, 0.0)
    assert busy > 1.5 * quiet


@pytest.mark.parametrize("session", [0, 1, 5_000, 2**31])
def test_naive_draws_equal_fast_draws(session):
    normal, mixing, jumped, jump_normal = rules.path_draw(*KEY, 19, session, 0.5)
    expected_normal, expected_mixing, expected_jump = naive.student_draw(11, 19, session, 0.5)
    assert normal == pytest.approx(expected_normal, rel=1e-12)
    assert mixing == pytest.approx(expected_mixing, rel=1e-12)
    assert jumped == (expected_jump is not None)
    assert jump_normal == pytest.approx(expected_jump or 0.0, rel=1e-12)
