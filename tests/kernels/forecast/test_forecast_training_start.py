"""Before training: the loss it makes small, the first weights, and the order of the rows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from kernels.forecast import pinball_loss
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import TRAINED, require_weights
from kernels.forecast.starting_weights import row_orders, starting_weights
from kernels.forecast.training_loss import target_weights, weighted_pinball

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
CONFIG = NetworkConfig(hidden=6, seeds=(0, 1), horizons=(1, 5), levels=LEVELS)
POOLED = np.tile(np.array([-1.645, -0.674, 0.0, 0.674, 1.645]), (2, 1))


def test_the_loss_is_the_mean_over_horizons_of_the_mean_over_known_targets() -> None:
    rng = np.random.default_rng(3)
    quantiles = np.sort(rng.normal(size=(50, 2, 5)), axis=2).astype(np.float32)
    targets = rng.normal(size=(50, 2)).astype(np.float32)
    targets[:30, 1] = np.nan
    losses = pinball_loss(quantiles.astype(np.float64), LEVELS, targets.astype(np.float64)).mean(axis=2)
    tensors = (quantiles.transpose(1, 2, 0), np.nan_to_num(targets).T, target_weights(targets).T)
    got = weighted_pinball(*map(torch.tensor, tensors), torch.tensor(LEVELS))
    assert float(got) / 50 == pytest.approx(np.nanmean(losses, axis=0).mean(), rel=1e-6)


def test_every_horizon_weighs_the_same_and_one_without_targets_nothing() -> None:
    targets = np.ones((40, 3), dtype=np.float32)
    targets[10:, 0], targets[:, 1] = np.nan, np.nan
    weights = target_weights(targets)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=0), [20.0, 0.0, 20.0], rtol=1e-6)
    assert np.count_nonzero(weights[10:, 0]) == 0


def test_inputs_are_standardised_by_the_training_rows() -> None:
    inputs = (1e4 + np.random.default_rng(4).normal(size=(5000, 4)) * [1e-3, 1.0, 50.0, 0.0]).astype(np.float32)
    weights = starting_weights(CONFIG, inputs, POOLED)
    exact = inputs.astype(np.float64)
    np.testing.assert_allclose(weights["input_mean"], exact.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(weights["input_deviation"][:3], exact.std(axis=0)[:3], rtol=1e-6)
    assert weights["input_deviation"][3] == np.float32(1e-6)
    require_weights(CONFIG, 4, weights)


def test_the_first_weights_are_uniform_and_their_own_for_each_seed() -> None:
    config = replace(CONFIG, hidden=200, seeds=(7, 3))
    inputs = np.random.default_rng(5).normal(size=(50, 16)).astype(np.float32)
    weights = starting_weights(config, inputs, POOLED)
    for name, bound in (("w1", 0.25), ("b1", 0.25), ("w2", 200**-0.5), ("b2", 200**-0.5)):
        assert 0.95 * bound < np.abs(weights[name]).max() <= bound
        assert weights[name].std() == pytest.approx(bound / math.sqrt(3.0), rel=0.05)
        assert np.isin(weights[name][0], weights[name][1]).mean() < 0.01
    assert not np.isin(weights["b1"], weights["w1"]).any()
    first = weights["w1"][0].ravel()
    assert abs(np.corrcoef(first, weights["w2"][0].ravel()[: first.size])[0, 1]) < 0.1
    alone = starting_weights(replace(config, seeds=(3,)), inputs, POOLED)
    for name in TRAINED:
        assert alone[name][0].tobytes() == weights[name][1].tobytes()


def test_the_first_weights_are_the_same_with_every_version_of_numpy() -> None:
    inputs = np.random.default_rng(6).normal(size=(50, 4)).astype(np.float32)
    first = starting_weights(CONFIG, inputs, POOLED)["w1"][:, 0, 0]
    words = [int(np.random.Philox(key=np.array([seed, 0], dtype=np.uint64)).random_raw()) for seed in (0, 1)]
    assert words == [213000021201967259, 5599841837815857887]
    np.testing.assert_allclose(first, [(word / 2**63 - 1.0) / 2.0 for word in words], rtol=1e-6)


def test_orders_are_permutations_of_their_own_for_each_seed_and_epoch() -> None:
    orders = {
        (seed, epoch): row_orders(replace(CONFIG, seeds=(seed,)), epoch, 500)[0] for seed in (0, 1) for epoch in (1, 2)
    }
    assert len({order.tobytes() for order in orders.values()}) == 4
    for order in orders.values():
        assert np.array_equal(np.sort(order), np.arange(500))
        assert abs(np.corrcoef(order, np.arange(500))[0, 1]) < 0.2
    both = row_orders(CONFIG, 2, 500)
    assert np.array_equal(both, np.stack([orders[0, 2], orders[1, 2]]))
