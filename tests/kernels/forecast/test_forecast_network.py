"""The quantile network: its oracle, quantiles that can't cross, the pooled forecast at the start, and its export."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.forecast import naive_network
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import TRAINED, build_module, network_shapes, require_weights
from kernels.forecast.starting_weights import starting_weights
from kernels.network_weights import Weights

FEATURES = 17
CONFIGS = (
    NetworkConfig(),
    NetworkConfig(hidden=3, seeds=(4,), horizons=(2,), levels=(0.1, 0.5, 0.6, 0.7, 0.9)),
    NetworkConfig(hidden=5, seeds=(0, 1), horizons=(1, 3), levels=(0.2, 0.3, 0.5, 0.9)),
)


def random_weights(config: NetworkConfig, features: int, seed: int, size: float = 0.5) -> Weights:
    rng = np.random.default_rng(seed)
    weights = {
        name: (size * rng.normal(size=shape)).astype(np.float32)
        for name, shape in network_shapes(config, features).items()
    }
    weights["gaps"] = np.abs(weights["gaps"])
    weights["input_deviation"] = rng.uniform(0.5, 2.0, features).astype(np.float32)
    return weights


def quantiles(config: NetworkConfig, weights: Weights, inputs: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return build_module(config, weights)(torch.from_numpy(inputs)).numpy()


def features_of(bars: int, seed: int, size: float = 1.0, features: int = FEATURES) -> np.ndarray:
    return (size * np.random.default_rng(seed).normal(size=(bars, features))).astype(np.float32)


@pytest.mark.parametrize("config", CONFIGS, ids=["default", "one seed", "uneven levels"])
def test_it_equals_the_oracle(config: NetworkConfig) -> None:
    weights, inputs = random_weights(config, FEATURES, 1), features_of(40, 2, 3.0)
    expected = naive_network.network_quantiles(weights, config.median, inputs.astype(np.float64))
    assert np.abs(inputs / weights["input_deviation"]).max() > 6.0
    got = quantiles(config, weights, inputs)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    # Relative to the widest quantile of the bar and horizon: one between two large ones can be near 0.
    difference = np.abs(got - expected) / np.abs(expected).max(axis=2, keepdims=True)
    assert difference.max() < 1e-5


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(-3, 9), reach=st.floats(-3, 30), config=st.sampled_from(CONFIGS))
def test_quantiles_are_finite_and_never_cross(seed: int, size: float, reach: float, config: NetworkConfig) -> None:
    weights = random_weights(config, FEATURES, seed, 10.0**size)
    got = quantiles(config, weights, features_of(20, seed + 1, 10.0**reach))
    assert np.isfinite(got).all()
    assert (np.diff(got, axis=2) >= 0.0).all()


def test_without_a_last_layer_it_gives_the_pooled_quantiles() -> None:
    config = NetworkConfig()
    pooled = np.sort(np.random.default_rng(3).normal(size=(5, 11)), axis=1)
    weights = starting_weights(config, features_of(50, 4, 2.0), pooled)
    got = quantiles(config, weights, features_of(30, 5, 9.0))
    np.testing.assert_allclose(got, np.broadcast_to(pooled, got.shape), atol=1e-6)


def test_the_middle_is_the_median_and_the_scale_multiplies_all() -> None:
    config = NetworkConfig(seeds=(0,))
    weights = random_weights(config, FEATURES, 6)
    weights["w3"][:] = 0.0
    weights["b3"][:] = 0.0
    still = quantiles(config, weights, features_of(20, 7))
    np.testing.assert_allclose(still[..., config.median], np.broadcast_to(weights["middle"][0], (20, 5)), rtol=1e-6)
    weights["b3"][0, 0, 1] = np.log(3.0)
    moved = quantiles(config, weights, features_of(20, 7))
    np.testing.assert_allclose(moved[:, 1], 3.0 * still[:, 1], rtol=1e-6)
    assert moved[:, [0, 2, 3, 4]].tobytes() == still[:, [0, 2, 3, 4]].tobytes()


def test_each_gap_has_its_own_column_and_reaches_30_percent_in_logarithms() -> None:
    config = NetworkConfig(seeds=(0,))
    weights = random_weights(config, FEATURES, 8)
    weights["w3"][:] = 0.0
    weights["b3"][:] = 0.0
    still = np.diff(quantiles(config, weights, features_of(20, 9)), axis=2)
    weights["b3"][0, 0, 5 + 10 * 2 + 7] = 1e6
    moved = np.diff(quantiles(config, weights, features_of(20, 9)), axis=2)
    expected = np.ones((5, 10))
    expected[2, 7] = np.exp(0.3)
    np.testing.assert_allclose(moved, still * expected, rtol=1e-4, atol=1e-6)


def test_the_scale_is_corrected_by_a_factor_of_e_to_the_4_at_most() -> None:
    config = NetworkConfig(seeds=(0,))
    weights = random_weights(config, FEATURES, 10)
    weights["w3"][:] = 0.0
    weights["b3"][:] = 0.0
    still = quantiles(config, weights, features_of(20, 11))
    weights["b3"][0, 0, :5] = (1e9, -1e9, 4.0, -4.0, 5.0)
    moved = quantiles(config, weights, features_of(20, 11))
    factor = np.exp(np.array([4.0, -4.0, 4.0, -4.0, 4.0]))
    np.testing.assert_allclose(moved, still * factor[:, np.newaxis], rtol=1e-5, atol=1e-8)


def test_a_row_with_a_nan_is_nan_and_changes_no_other() -> None:
    config = NetworkConfig()
    weights, inputs = random_weights(config, FEATURES, 12), features_of(64, 13)
    whole = quantiles(config, weights, inputs)
    inputs[5, 3] = np.nan
    holed = quantiles(config, weights, inputs)
    assert np.isnan(holed[5]).all()
    assert np.delete(holed, 5, axis=0).tobytes() == np.delete(whole, 5, axis=0).tobytes()


def test_in_batches_of_one_size_neither_place_nor_neighbours_change_a_bit() -> None:
    config = NetworkConfig()
    weights, inputs = random_weights(config, FEATURES, 14), features_of(512, 15)
    whole = quantiles(config, weights, inputs)
    order = np.random.default_rng(16).permutation(512)
    assert quantiles(config, weights, inputs[order]).tobytes() == whole[order].tobytes()
    others = features_of(512, 17, 5.0)
    others[100:110] = inputs[300:310]
    assert quantiles(config, weights, others)[100:110].tobytes() == whole[300:310].tobytes()


def test_its_parameters_and_buffers_are_the_named_arrays_copied() -> None:
    config = NetworkConfig()
    weights = random_weights(config, FEATURES, 18)
    module = build_module(config, weights)
    state = {name: values.numpy() for name, values in module.state_dict().items()}
    assert {name: values.tobytes() for name, values in state.items()} == {
        name: values.tobytes() for name, values in weights.items()
    }
    assert {name for name, _ in module.named_parameters()} == set(TRAINED)
    kept = {name: values.copy() for name, values in weights.items()}
    for values in weights.values():
        values[:] = 0.0
    assert all(np.array_equal(values.numpy(), kept[name]) for name, values in module.state_dict().items())


def test_every_trained_weight_has_a_gradient() -> None:
    config = NetworkConfig()
    module = build_module(config, random_weights(config, FEATURES, 19))
    module(torch.from_numpy(features_of(50, 20))).square().sum().backward()
    for name in TRAINED:
        gradient = module.get_parameter(name).grad
        assert gradient is not None
        assert np.count_nonzero(gradient.numpy()) > 0.5 * gradient.numel(), name


@pytest.mark.parametrize("dynamic", [False, True], ids=["one batch size", "any batch size"])
def test_the_exported_program_gives_the_same_bytes(dynamic: bool) -> None:
    config = NetworkConfig()
    module = build_module(config, random_weights(config, FEATURES, 21))
    inputs = torch.from_numpy(features_of(64, 22))
    shapes = {"inputs": {0: torch.export.Dim("bars", min=1, max=65536)}} if dynamic else None
    with torch.no_grad():
        program = torch.export.export(module, (inputs,), dynamic_shapes=shapes)
        exported = program.module()
        for bars in (64, 1, 500) if dynamic else (64,):
            batch = torch.from_numpy(features_of(bars, 23))
            assert exported(batch).numpy().tobytes() == module(batch).numpy().tobytes()
    assert set(program.state_dict) == set(network_shapes(config, FEATURES))
    assert not program.constants


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda weights: weights.pop("gaps"), "missing: ['gaps']"),
        (lambda weights: weights.update(w4=weights["w3"]), "unknown: ['w4']"),
        (lambda weights: weights.update(w1=weights["w1"][:, 1:].copy()), "w1"),
        (lambda weights: weights.update(b2=weights["b2"].astype(np.float64)), "b2"),
        (lambda weights: weights.update(w2=weights["w2"].transpose(0, 2, 1)), "w2"),
        (
            lambda weights: weights["w3"].__setitem__((1, 2, 3), np.nan),
            "w3: expected finite numbers; got nan at (1, 2, 3)",
        ),
        (lambda weights: weights["middle"].__setitem__((0, 0), np.inf), "middle"),
        (lambda weights: weights["input_deviation"].__setitem__(4, 0.0), "above 0; got 0.0 at (4,)"),
        (lambda weights: weights["gaps"].__setitem__((0, 9), -0.1), "gaps"),
    ],
)
def test_wrong_weights_are_refused_by_name(spoil: Callable[[Weights], object], named: str) -> None:
    config = NetworkConfig()
    weights = random_weights(config, FEATURES, 24)
    require_weights(config, FEATURES, weights)
    spoil(weights)
    for check in (lambda: require_weights(config, FEATURES, weights), lambda: build_module(config, weights)):
        with pytest.raises(InvalidInputError) as caught:
            check()
        assert named in str(caught.value)


def test_weights_of_other_features_are_refused() -> None:
    config = NetworkConfig()
    with pytest.raises(InvalidInputError, match="input_mean"):
        require_weights(config, FEATURES, random_weights(config, FEATURES + 1, 25))


def test_weights_without_input_mean_are_refused_by_the_module_too() -> None:
    config = NetworkConfig()
    weights = random_weights(config, FEATURES, 26)
    del weights["input_mean"]
    with pytest.raises(InvalidInputError, match="missing: \\['input_mean'\\]"):
        build_module(config, weights)
