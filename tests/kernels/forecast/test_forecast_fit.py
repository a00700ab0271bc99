"""The project's own model: what it is fitted on, what it forecasts, and the canaries that would sing if it leaked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.forecast import crps_of_quantiles, fit, skill
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fit import EMBARGO, fit_model, training_rows
from kernels.forecast.fitted import INPUTS, LOOKBACK, candidate_forecasts, model_scales, network_inputs
from kernels.forecast.held_out import judge_held_out
from kernels.forecast.outcomes import outcomes_of
from kernels.forecast.promotion import promote
from kernels.volatility.forecasts import CONSTANT_PRICES, NO_BAR, OK, TOO_LITTLE_HISTORY
from tests.forecast_market import copied, cut, market_bars, run_network

HELD_OUT = 330
CONFIG = NetworkConfig(epochs=6, batch_rows=512)


@pytest.fixture(scope="module")
def bars():
    return market_bars()


@pytest.fixture(scope="module")
def fitted(bars):
    return fit_model(bars, HELD_OUT, CONFIG)


def origins(bars, first, last, rows=None):
    rows = range(len(bars.close)) if rows is None else rows
    row, end = np.meshgrid(rows, range(first, last), indexing="ij")
    return (np.ascontiguousarray(each.ravel(), dtype=np.int32) for each in (row, end))


def held_out_skill(fitted, bars, candidate="network", over="har"):
    """Skill at one session in the held-out year, of the model that could have been used in it."""
    row, end = origins(bars, HELD_OUT, bars.close.shape[1])
    made = candidate_forecasts(fitted.earlier, bars, row, end, run_network)
    outcomes = outcomes_of(bars.close, row, end, CONFIG.horizons)
    losses = [
        crps_of_quantiles(np.ascontiguousarray(made[name].quantiles[:, :1]), CONFIG.levels, outcomes[:, :1].copy())[
            :, 0
        ]
        for name in (candidate, over)
    ]
    return skill(*losses)


def test_a_model_has_scales_of_all_bars_and_a_network_that_stopped_in_the_held_out_year(fitted, bars):
    assert fitted.reason == ""
    assert fitted.training_rows > 5_000
    assert fitted.held_out_rows > 5_000
    assert set(fitted.model.weights) == set(fitted.earlier.weights)
    assert not np.array_equal(fitted.model.har.coefficients, fitted.earlier.har.coefficients)
    row, end = origins(bars, 560, 590)
    made = candidate_forecasts(fitted.model, bars, row, end, run_network)
    assert list(made) == ["ensemble", "network", "har"]
    for forecasts in made.values():
        assert (forecasts.status == OK).all()
        assert (np.diff(forecasts.quantiles, axis=2) >= 0.0).all()
        assert (forecasts.volatility > 0.0).all()
    mean = (made["network"].quantiles + made["har"].quantiles) / 2
    np.testing.assert_allclose(made["ensemble"].quantiles, mean, rtol=1e-14)


def test_the_network_stays_near_har_on_a_market_of_garch(fitted, bars):
    assert -1.0 < held_out_skill(fitted, bars) < 5.0


def test_a_feature_from_the_next_day_is_seen_by_the_harness(bars, monkeypatch):
    honest = fit.network_inputs

    def leaking(*arguments):
        inputs = honest(*arguments).copy()
        place = INPUTS.index("return_1")
        inputs[:, :-1, place] = inputs[:, 1:, place]
        return inputs

    monkeypatch.setattr(fit, "network_inputs", leaking)
    leaked = fit_model(bars, HELD_OUT, CONFIG)
    monkeypatch.setattr("kernels.forecast.fitted.network_inputs", leaking)
    row, end = origins(bars, HELD_OUT, 560)
    whole = fit.model_scales(bars, leaked.earlier.har)
    told = leaking(bars, whole)[row, end].astype(np.float32)
    known = np.isfinite(told).all(axis=1)
    relative = run_network(CONFIG, leaked.earlier.weights, told[known])
    quantiles = whole[row, end][known][:, :1, np.newaxis] * relative[:, :1].astype(np.float64)
    outcomes = outcomes_of(bars.close, row, end, CONFIG.horizons)[known][:, :1]
    plain = candidate_forecasts(replace(leaked.earlier, weights=None), bars, row, end, run_network)["har"]
    losses = [
        crps_of_quantiles(np.ascontiguousarray(each), CONFIG.levels, np.ascontiguousarray(outcomes))[:, 0]
        for each in (quantiles, plain.quantiles[known][:, :1])
    ]
    # Nothing honest comes near this.
    assert skill(*losses) > 5.0


def test_shuffled_outcomes_teach_nothing(bars, monkeypatch):
    honest = fit.training_rows

    def shuffled(*arguments):
        rows = honest(*arguments)
        return replace(rows, targets=np.random.default_rng(5).permutation(rows.targets))

    monkeypatch.setattr(fit, "training_rows", shuffled)
    assert abs(held_out_skill(fit_model(bars, HELD_OUT, CONFIG), bars)) < 0.8


def test_later_bars_change_no_forecast(fitted, bars):
    row, end = origins(bars, 500, 540)
    before = candidate_forecasts(fitted.model, bars, row, end, run_network)
    edited, rng = copied(bars), np.random.default_rng(3)
    for name in ("open", "high", "low", "close", "volume"):
        getattr(edited, name)[:, 540:] *= rng.uniform(0.5, 2.0)
    edited.close[3:9, 545:] = np.nan
    edited.counted[:, 540:] = False
    after = candidate_forecasts(fitted.model, edited, row, end, run_network)
    ended = candidate_forecasts(fitted.model, cut(bars, 0, 540), row, end, run_network)
    for name, forecasts in before.items():
        assert after[name].quantiles.tobytes() == forecasts.quantiles.tobytes()
        assert ended[name].quantiles.tobytes() == forecasts.quantiles.tobytes()
        assert ended[name].volatility.tobytes() == forecasts.volatility.tobytes()


def test_the_bar_at_the_origin_matters(fitted, bars):
    row, end = origins(bars, 539, 540)
    before = candidate_forecasts(fitted.model, bars, row, end, run_network)
    edited = copied(bars)
    edited.close[:, 539] *= 0.97
    edited.low[:, 539] = np.minimum(edited.low[:, 539], edited.close[:, 539])
    after = candidate_forecasts(fitted.model, edited, row, end, run_network)
    for name, forecasts in before.items():
        assert (after[name].quantiles != forecasts.quantiles).all(axis=(1, 2)).all()


def test_an_origin_is_the_same_alone_in_any_order_and_with_a_shorter_history(fitted, bars):
    row, end = origins(bars, 560, 580)
    whole = candidate_forecasts(fitted.model, bars, row, end, run_network)
    order = np.random.default_rng(0).permutation(len(row))
    turned = candidate_forecasts(fitted.model, bars, row[order], end[order], run_network)
    begins = 560 - LOOKBACK + 1
    late = candidate_forecasts(fitted.model, cut(bars, begins, 600), row, end - begins, run_network)
    alone = candidate_forecasts(fitted.model, bars, row[37:38].copy(), end[37:38].copy(), run_network)
    for name, forecasts in whole.items():
        assert turned[name].quantiles.tobytes() == forecasts.quantiles[order].tobytes()
        assert late[name].quantiles.tobytes() == forecasts.quantiles.tobytes()
        assert alone[name].quantiles.tobytes() == forecasts.quantiles[37:38].tobytes()
        assert alone[name].volatility.tobytes() == forecasts.volatility[37:38].tobytes()


def test_no_outcome_of_the_training_rows_ends_after_the_span(bars):
    scales = model_scales(bars, fit_model(bars, HELD_OUT, replace(CONFIG, epochs=1)).earlier.har)
    inputs = network_inputs(bars, scales)
    rows = training_rows(bars, scales, inputs, CONFIG, 0, 300)
    edited = copied(bars)
    edited.close[:, 301:] *= np.linspace(0.5, 2.0, bars.close.shape[1] - 301)
    again = training_rows(edited, scales, inputs, CONFIG, 0, 300)
    assert rows.targets.tobytes() == again.targets.tobytes()
    assert rows.inputs.tobytes() == again.inputs.tobytes()
    # The last session of a span has no outcome at all, the one before it only the shortest.
    assert len(rows.inputs) == np.isfinite(inputs[:, :300]).all(axis=2).sum()
    last = training_rows(bars, scales, inputs, CONFIG, 299, 300).targets
    assert np.isfinite(last).sum(axis=0).tolist() == [len(bars.close), 0, 0, 0, 0]


def test_the_held_out_year_decides_only_when_to_stop(bars, fitted):
    edited = copied(bars)
    for name in ("open", "high", "low", "close"):
        getattr(edited, name)[:, HELD_OUT + 1 :] *= 1.5
    again = fit_model(edited, HELD_OUT, CONFIG)
    assert again.earlier.pooled.quantiles.tobytes() == fitted.earlier.pooled.quantiles.tobytes()
    assert again.training.train_loss[0] == fitted.training.train_loss[0]
    assert again.training.held_out_loss != fitted.training.held_out_loss
    assert EMBARGO == 5


def test_a_fit_that_is_killed_goes_on_with_the_same_bytes(bars, fitted):
    states = []

    def killed(state):
        states.append(state)
        if len(states) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_model(bars, HELD_OUT, CONFIG, checkpoint=killed)
    resumed = fit_model(bars, HELD_OUT, CONFIG, resume=states[-1])
    for name, values in fitted.model.weights.items():
        assert resumed.model.weights[name].tobytes() == values.tobytes(), name


@pytest.mark.parametrize(("rows", "sessions", "held_out"), [(8, 600, 330), (24, 300, 20), (24, 300, 0)])
def test_too_little_history_gives_a_model_without_a_network(rows, sessions, held_out):
    made = fit_model(market_bars(rows, sessions), held_out, CONFIG)
    assert made.model.weights is None
    assert "no network" in made.reason or "too little history" in made.reason
    bars = market_bars(rows, sessions)
    row, end = origins(bars, 290, 295)
    candidates = candidate_forecasts(made.model, bars, row, end, run_network)
    assert list(candidates) == ["har"]
    assert (candidates["har"].status == OK).all()


def test_history_too_short_for_the_scales_themselves_is_refused():
    with pytest.raises(InvalidInputError, match="fit"):
        fit_model(cut(market_bars(), 0, 40), 20, CONFIG)


def test_where_the_network_knows_too_little_har_forecasts_alone(fitted, bars):
    halted = copied(bars)
    for name in ("open", "high", "low", "close", "volume"):
        getattr(halted, name)[2, 575] = np.nan
    row, end = origins(halted, 580, 581)
    made = candidate_forecasts(fitted.model, halted, row, end, run_network)
    assert made["network"].status.tolist() == [TOO_LITTLE_HISTORY if each == 2 else OK for each in range(24)]
    assert (made["ensemble"].status == OK).all()
    assert made["ensemble"].quantiles[2].tobytes() == made["har"].quantiles[2].tobytes()


@pytest.mark.parametrize("length", [0, 1, 30, 499, 600])
def test_histories_of_any_length(fitted, bars, length):
    """Bars before the last `length` are missing: of one symbol, which says so; the others are forecast."""
    short = copied(bars)
    for name in ("open", "high", "low", "close", "volume"):
        getattr(short, name)[5, : 600 - length] = np.nan
    row, end = origins(short, 599, 600)
    made = candidate_forecasts(fitted.model, short, row, end, run_network)["ensemble"]
    expected = {0: NO_BAR, 1: TOO_LITTLE_HISTORY, 30: TOO_LITTLE_HISTORY}.get(length, OK)
    assert made.status.tolist() == [expected if each == 5 else OK for each in range(24)]
    assert np.isfinite(made.quantiles[5]).all() == (expected == OK)


def test_strange_prices_are_forecast_or_say_why_not(fitted, bars):
    strange = copied(bars)
    for name in ("open", "high", "low", "close"):
        getattr(strange, name)[0] = 20.0
        getattr(strange, name)[1, 500:] *= 0.5
        getattr(strange, name)[2, 590:] = np.nan
        getattr(strange, name)[3] = np.nan
    strange.volume[2, 590:] = np.nan
    strange.volume[3] = np.nan
    row, end = origins(strange, 599, 600)
    for name, made in candidate_forecasts(fitted.model, strange, row, end, run_network).items():
        assert made.status[:4].tolist() == [CONSTANT_PRICES, OK, NO_BAR, NO_BAR], name
        assert (made.status[4:] == OK).all()
        assert np.isfinite(made.quantiles[[1, *range(4, 24)]]).all()
        assert np.isnan(made.quantiles[[0, 2, 3]]).all()


def test_what_beats_its_hurdle_serves_and_what_does_not_says_so(fitted, bars):
    row, end = origins(bars, HELD_OUT, 600)
    made = candidate_forecasts(fitted.earlier, bars, row, end, run_network)
    outcomes = outcomes_of(bars.close, row, end, CONFIG.horizons)
    asked = (outcomes, end, CONFIG.horizons, CONFIG.levels)
    worse = replace(made["har"], quantiles=made["har"].quantiles * 1.5)
    beaten = promote({"ensemble": made["ensemble"], "har": made["har"]}, worse, *asked)
    assert beaten.serves == "ensemble"
    assert min(beaten.skill["ensemble"]) > 1.0
    assert max(beaten.t["ensemble"]) < -2.0
    second = promote({"ensemble": worse, "har": made["har"]}, replace(worse, quantiles=worse.quantiles * 1.2), *asked)
    assert second.serves == "ensemble"
    better = promote({"ensemble": worse, "har": worse}, made["har"], *asked)
    assert better.serves is None
    assert "no candidate beat GJR-FHS" in better.reason
    same = promote({"ensemble": made["har"], "har": made["har"]}, made["har"], *asked)
    assert same.serves is None
    assert same.skill["har"] == (0.0,) * 5


def test_the_held_out_year_is_judged_by_a_model_that_had_not_seen_it(fitted, bars):
    promotion = judge_held_out(fitted.earlier, bars, HELD_OUT, run_network)
    assert set(promotion.skill) == {"ensemble", "network", "har"}
    assert all(abs(value) < 20.0 for values in promotion.skill.values() for value in values)
