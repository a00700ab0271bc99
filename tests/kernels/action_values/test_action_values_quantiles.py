"""What the network says: equal to the oracle, the anchor at first, whatever the batch, and nothing from the future."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.action_values import ActionValueConfig, ActionValues, Terms, starting_weights
from kernels.action_values.config import WINDOW_KINDS
from kernels.action_values.inputs import PAIR_FEATURES, pair_inputs, patch_sizes, window_feature_count, window_inputs
from kernels.action_values.naive import action_quantiles, pair_features, window_features
from kernels.errors import InvalidInputError
from kernels.samples import COLUMNS, gather_windows
from kernels.trading import Costs
from tests.action_rows import FORWARD, LOOKBACK, TERMS, accounts, orders, questions, random_panel

SMALL = ActionValueConfig(encoder=5, hidden=8, seeds=(0, 3))
POOLED = np.array([-2.5, -2.0, -1.6, -1.1, -0.5, 0.05, 0.6, 1.2, 1.7, 2.1, 2.6])


def network(config: ActionValueConfig = SMALL, terms: Terms = TERMS, noise: float = 0.4) -> ActionValues:
    """A network whose weights are all random, as after a training."""
    weights = starting_weights(config, terms.lookback, POOLED)
    rng = np.random.default_rng(5)
    for name in ("w3", "b3", "w2", "b1"):
        weights[name] += (noise * rng.standard_normal(weights[name].shape)).astype(np.float32)
    return ActionValues(config, terms, weights)


def oracle(values: ActionValues, windows, states, actions) -> np.ndarray:
    terms = values.lookback, values.forward, asdict(values.terms.costs)
    config = values.config
    return action_quantiles(values.weights, config.median, terms, config.window, windows, states, actions)


@pytest.mark.parametrize("window", WINDOW_KINDS)
def test_the_network_is_equal_to_the_oracle(window):
    values = network(dataclasses.replace(SMALL, window=window))
    asked = questions(1, 24)
    made, wanted = values.quantiles(*asked), oracle(values, *asked)
    assert made.dtype == np.float64
    assert made.shape == (24, 3, 11)
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", WINDOW_KINDS)
def test_the_features_are_equal_to_the_oracle(window):
    windows, states, actions = questions(2, 40, 2)
    told = window_inputs(torch.from_numpy(windows), TERMS, window)
    pairs = pair_inputs(torch.from_numpy(states), torch.from_numpy(actions[:, 1]), told.volatility, told.gap, TERMS)
    assert told.features.shape == (40, window_feature_count(LOOKBACK, window))
    assert pairs.features.shape == (40, len(PAIR_FEATURES))
    for row in range(40):
        features, volatility, gap = window_features(windows[row].astype(np.float64), LOOKBACK, window)
        np.testing.assert_allclose(told.features[row], features, rtol=1e-9, atol=1e-9)
        terms = LOOKBACK, FORWARD, asdict(TERMS.costs)
        wanted = pair_features(states[row].tolist(), actions[row, 1].tolist(), volatility, gap, terms)
        np.testing.assert_allclose(pairs.features[row], wanted[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose([pairs.location[row], pairs.scale[row]], wanted[1:], rtol=1e-9)


def test_the_columns_are_those_of_the_samples():
    names = {group: [name for name, each in COLUMNS.items() if each.group == group] for group in ("state", "action")}
    assert [names["state"].index(f"state_{name}") for name in ("equity", "long_value", "short_value")] == [0, 2, 3]
    levels = [f"{leg}_{level}" for leg in ("long", "short") for level in ("stop", "target")]
    assert [names["state"].index(f"state_{name}") for name in levels] == [11, 12, 13, 14]
    assert names["action"] == [
        "action_hold",
        "action_long_value",
        "action_short_value",
        *(f"action_{n}" for n in levels),
    ]
    rest = ["long_entry", "short_entry", "long_age", "short_age", "long_profit", "short_profit"]
    assert [names["state"].index(f"state_{name}") for name in rest] == [5, 6, 7, 8, 9, 10]
    assert next(name for name, each in COLUMNS.items() if each.group == "label") == "label_total_return"


def test_before_training_the_network_says_what_the_anchor_says():
    values = ActionValues(SMALL, TERMS, starting_weights(SMALL, LOOKBACK, POOLED))
    windows, states, actions = questions(3, 30, 2)
    told = window_inputs(torch.from_numpy(windows), TERMS, SMALL.window)
    made = values.quantiles(windows, states, actions)
    for choice in range(2):
        pair = pair_inputs(
            torch.from_numpy(states), torch.from_numpy(actions[:, choice]), told.volatility, told.gap, TERMS
        )
        anchor = pair.location.numpy()[:, None] + pair.scale.numpy()[:, None] * POOLED
        np.testing.assert_allclose(made[:, choice], anchor, rtol=1e-5, atol=1e-6)


@given(noise=st.floats(0.0, 50.0), seed=st.integers(0, 50))
def test_quantiles_never_cross_and_are_finite(noise, seed):
    made = network(noise=noise).quantiles(*questions(seed, 5, 2))
    assert np.isfinite(made).all()
    assert (np.diff(made, axis=2) >= 0.0).all()


def test_a_row_has_the_same_bytes_alone_in_any_batch_and_in_any_order():
    values = network()
    windows, states, actions = questions(4, 700, 4)
    together = values.quantiles(windows, states, actions)
    assert together.shape[0] * together.shape[1] > 2048
    for row in (0, 1, 255, 256, 511, 699):
        alone = values.quantiles(windows[row : row + 1], states[row : row + 1], actions[row : row + 1, :1])
        np.testing.assert_array_equal(alone[0, 0], together[row, 0])
    order = np.random.default_rng(1).permutation(700)
    np.testing.assert_array_equal(values.quantiles(windows[order], states[order], actions[order]), together[order])
    swapped = values.quantiles(windows, states, np.ascontiguousarray(actions[:, ::-1]))
    np.testing.assert_array_equal(swapped[:, ::-1], together)


def test_no_rows_and_no_actions_give_empty_answers():
    values = network()
    windows, states, actions = questions(4, 3)
    assert values.quantiles(windows[:0], states[:0], actions[:0]).shape == (0, 3, 11)
    assert values.quantiles(windows, states, actions[:, :0]).shape == (3, 0, 11)


def test_bars_after_the_decision_change_no_byte():
    panel = random_panel(6, 8, 60)
    instrument, session = np.arange(8, dtype=np.int32), np.full(8, 30, dtype=np.int32)
    states = accounts(6, 8)
    actions = orders(6, states, 3)
    values = network(dataclasses.replace(SMALL, window="full"))
    before = values.quantiles(gather_windows(panel, instrument, session, LOOKBACK), states, actions)
    changed = panel.copy()
    changed[:, 31:] *= 1.5
    after = values.quantiles(gather_windows(changed, instrument, session, LOOKBACK), states, actions)
    np.testing.assert_array_equal(after, before)
    changed[:, 30] *= 1.02
    assert (values.quantiles(gather_windows(changed, instrument, session, LOOKBACK), states, actions) != before).any()


def test_neither_the_unit_of_prices_nor_that_of_money_matters():
    values = network(dataclasses.replace(SMALL, window="full"))
    windows, states, actions = questions(7, 20)
    expected = values.quantiles(windows, states, actions)
    scaled = windows.copy()
    scaled[..., :4] *= 8.0
    rich, dear = states.copy(), actions.copy()
    rich[:, [0, 1, 2, 3, 9, 10]] *= 4.0
    dear[:, :, 1:3] *= 4.0
    np.testing.assert_allclose(values.quantiles(scaled, rich, dear), expected, rtol=1e-6, atol=1e-9)


def test_a_hold_looks_at_the_state_and_not_at_the_other_columns_of_the_action():
    values = network()
    windows, states, actions = questions(8, 20, 1)
    emptied = actions.copy()
    emptied[:, :, 1:] = np.nan
    np.testing.assert_array_equal(
        values.quantiles(windows, states, emptied), values.quantiles(windows, states, actions)
    )


def test_a_leg_without_levels_and_a_state_without_legs_are_answered():
    values = network()
    windows, states, actions = questions(9, 8, 1)
    states[:, [5, 6, 11, 12, 13, 14]] = np.nan
    states[:, 2:5] = 0.0
    actions[:] = np.nan
    actions[:, 0, :3] = (0.0, 1e4, 0.0)
    made = values.quantiles(windows, states, actions)
    assert np.isfinite(made).all()
    np.testing.assert_allclose(made, oracle(values, windows, states, actions), rtol=1e-5, atol=1e-6)


def test_a_hole_in_a_window_or_no_equity_is_nan_there_and_nowhere_else():
    values = network()
    windows, states, actions = questions(10, 6)
    expected = values.quantiles(windows, states, actions)
    windows[1, 3, 3] = np.nan
    states[4, 0] = 0.0
    made = values.quantiles(windows, states, actions)
    assert np.isnan(made[[1, 4]]).all()
    np.testing.assert_array_equal(made[[0, 2, 3, 5]], expected[[0, 2, 3, 5]])


def test_the_anchor_knows_stops_hedges_costs_and_volatility():
    costs = Costs(fee_bp=10.0, half_spread_bp=0.0, slippage_bp=0.0, borrow_bp_per_year=0.0, overnight_bp=0.0)
    terms = Terms(LOOKBACK, 100, costs)
    states = torch.zeros(6, 15)
    states[:, 0] = 1e4
    actions = torch.full((6, 7), torch.nan)
    actions[:, 0] = 0.0
    actions[:, 1:3] = torch.tensor([[5e3, 0.0], [5e3, 0.0], [0.0, 5e3], [5e3, 5e3], [0.0, 0.0], [1e4, 0.0]])
    # The second has a stop and a target so near that nothing but they decide.
    actions[1, 3:5] = torch.tensor([0.98, 1.02])
    volatility, gap = torch.full((6,), 0.02, dtype=torch.float64), torch.full((6,), 0.01, dtype=torch.float64)
    told = pair_inputs(states, actions, volatility, gap, terms)
    scale, cost = told.scale.tolist(), (-told.location - 0.5 * told.scale.square()).tolist()
    # Half the equity moves by half of 2 % x sqrt(100); what no level bounds, to a percent.
    assert scale[0] == pytest.approx(0.5 * 0.2, rel=0.01)
    assert scale[1] == pytest.approx(0.5 * 0.02, rel=0.02)
    assert scale[2] == pytest.approx(scale[0], rel=1e-6)
    # Long and short as much, without levels: nothing is left but the floor.
    assert scale[3] == pytest.approx(1e-3, rel=0.01)
    assert scale[4] == pytest.approx(1e-3, rel=1e-6)
    assert scale[5] == pytest.approx(2.0 * scale[0], rel=0.01)
    assert cost == pytest.approx([5e-4, 1e-3, 5e-4, 1e-3, 0.0, 1e-3], rel=0.02, abs=1e-6)


def test_patches_grow_backwards_and_hold_every_return_once():
    assert patch_sizes(64) == (1, 2, 4, 8, 16, 32)
    assert patch_sizes(32) == (1, 2, 4, 8, 16)
    assert patch_sizes(3) == (1, 1)
    assert all(sum(patch_sizes(lookback)) == lookback - 1 for lookback in range(3, 200))


@pytest.mark.parametrize(
    ("place", "change", "name"),
    [
        (0, lambda x: x.astype(np.float64), "windows"),
        (0, lambda x: x[:, 1:], "windows"),
        (1, lambda x: x[:, :14], "states"),
        (1, lambda x: x[:2], "states"),
        (2, lambda x: x[:, 0], "actions"),
        (2, lambda x: x[:, :, :6], "actions"),
    ],
)
def test_wrong_shapes_are_refused_by_name(place, change, name):
    asked = list(questions(1, 4))
    asked[place] = change(asked[place])
    with pytest.raises(InvalidInputError, match=f"quantiles, {name}"):
        network().quantiles(*asked)


def test_weights_of_another_network_are_refused():
    weights = network().weights
    with pytest.raises(InvalidInputError, match="w1_window"):
        ActionValues(dataclasses.replace(SMALL, hidden=9), TERMS, weights)
    with pytest.raises(InvalidInputError, match=r"encoder: .*float32"):
        ActionValues(SMALL, Terms(64, FORWARD), weights)
    with pytest.raises(InvalidInputError, match="missing"):
        ActionValues(SMALL, TERMS, {"w2": weights["w2"]})
    with pytest.raises(InvalidInputError, match="finite"):
        ActionValues(SMALL, TERMS, weights | {"w2": np.full_like(weights["w2"], np.nan)})
    with pytest.raises(InvalidInputError, match="from 0"):
        ActionValues(SMALL, TERMS, weights | {"gaps": -weights["gaps"]})


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"hidden": 0}, "hidden"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"seeds": ()}, "seeds"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"precision": "float16"}, "precision"),
        ({"window": "all"}, "window"),
        ({"accumulation": True}, "accumulation"),
        ({"levels": (0.1, 0.9)}, "levels"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(values, name):
    with pytest.raises(InvalidInputError, match=name):
        ActionValueConfig(**values)


def test_settings_come_back_from_json_and_unknown_ones_are_refused():
    assert ActionValueConfig.from_json(SMALL.as_json()) == SMALL
    assert Terms.from_json(TERMS.as_json()) == TERMS
    with pytest.raises(InvalidInputError, match="hiden"):
        ActionValueConfig.from_json({"hiden": 3})
    with pytest.raises(InvalidInputError, match=re.escape("Terms.lookback")):
        Terms(2, 10)


@pytest.mark.parametrize("pooled", [POOLED[:5], POOLED[::-1].copy(), POOLED.astype(np.float32), POOLED * np.nan])
def test_pooled_quantiles_that_are_none_are_refused(pooled):
    with pytest.raises(InvalidInputError, match="pooled"):
        starting_weights(SMALL, LOOKBACK, pooled)
